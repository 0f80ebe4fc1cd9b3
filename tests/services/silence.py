"""A database that does not answer: what it was given is done at once, seconds later, or never, and nobody is told."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from wakala.errors import DatabaseAwayError
from wakala.journal.database import Operation, Row

DONE, LATE, NEVER = "done", "late", "never"
WHENEVER = [DONE, LATE, NEVER]


@dataclass
class Silence:
    """What was not answered for; `end` carries out what was to be done late."""

    when: str
    database: Any
    asked: list[Any] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        """True once something was not answered for."""
        return bool(self.asked)

    async def end(self) -> None:
        """What was given to the database is carried out, if it is to be carried out late."""
        if self.when == LATE:
            await self.carry_out(self.asked[0])

    async def carry_out(self, asked: Any) -> None:
        if isinstance(asked, Operation):
            await type(self.database).commit(self.database, asked)
        else:
            await type(self.database).take(self.database, *asked)


def silence(database: Any, monkeypatch: pytest.MonkeyPatch, statement: str, when: str) -> Silence:
    """The next time that ``statement`` is asked for, its caller is told that the database is away."""
    silent = Silence(when, database)

    async def not_answered(asked: Any) -> None:
        silent.asked.append(asked)
        monkeypatch.delattr(database, "commit")
        monkeypatch.delattr(database, "take")
        if when == DONE:
            await silent.carry_out(asked)
        raise DatabaseAwayError

    async def commit(operation: Operation) -> bool:
        writes = [write for write in (operation.guard, *operation.writes) if write is not None]
        if statement in {write.statement for write in writes}:
            await not_answered(operation)
        return bool(await type(database).commit(database, operation))

    async def take(asked: str, row: Row) -> Any:
        if asked == statement:
            await not_answered((asked, row))
        return await type(database).take(database, asked, row)

    monkeypatch.setattr(database, "commit", commit, raising=False)
    monkeypatch.setattr(database, "take", take, raising=False)
    return silent
