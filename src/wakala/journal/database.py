"""What the journal asks of a database, and nothing more: named statements, group commit, rows back.

A batch is one transaction of many callers' operations. An operation is a *guard* (one statement that must change one
row) and the *writes* that go with it; where the guard changes nothing the writes are left out and the caller is told
that it lost. So one caller's duplicate never fails another's, on either database.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import msgspec

Row = tuple[Any, ...]

BATCH_LIMIT_OPERATIONS = 256  # enough to fill a commit, small enough to stay within a few milliseconds
QUEUE_LIMIT_OPERATIONS = 20_000  # beyond this the disk is not keeping up and callers are told so at once


class Write(msgspec.Struct, frozen=True):
    """One statement, by the name of its file, with one row of parameters."""

    statement: str
    row: Row


class Operation(msgspec.Struct, frozen=True):
    """One thing that happens: all of it, or none. ``key`` is what the guard returns when it wins."""

    key: str
    guard: Write | None
    writes: tuple[Write, ...] = ()


class Database(Protocol):
    """SQLite or PostgreSQL behind the same six verbs. Faults arrive as `DatabaseFaultError`."""

    dialect: str

    async def open(self) -> None:
        """Connect and start the writer."""

    async def close(self) -> None:
        """Finish what is queued, then let go."""

    async def commit(self, operation: Operation) -> bool:
        """Carry out ``operation`` durably, riding in a shared commit; False where its guard lost."""

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """Rows of a reading statement."""

    async def take(self, statement: str, row: Row) -> Sequence[Row]:
        """Rows that a statement changed and returns, as durable as a commit."""

    async def script(self, sql: str) -> None:
        """Run a migration's statements in one transaction."""


@cache
def sql(statement: str, dialect: str) -> str:
    """The text of ``queries/<statement>.sql``, with placeholders as ``dialect`` writes them.

    A line that begins with ``-- postgres:`` or ``-- sqlite:`` is for that one alone.
    """
    text = files("wakala.journal").joinpath("queries", f"{statement}.sql").read_text()
    text = text.replace(f"-- {dialect}:", "")
    text = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
    return numbered(text) if dialect == "postgres" else text


def numbered(text: str) -> str:
    """``?`` to ``$1``, ``$2``, ... No statement of ours has a question mark inside a literal; a test holds that."""
    first, *rest = text.split("?")
    return first + "".join(f"${number}{piece}" for number, piece in enumerate(rest, start=1))
