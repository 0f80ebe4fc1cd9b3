"""What the journal asks of a database, and nothing more: named statements, group commit, rows back.

A batch is one transaction of many callers' operations. An operation is a *guard* (one statement that must change one
row) and the *writes* that go with it; where the guard changes nothing the writes are left out and the caller is told
that it lost. So one caller's duplicate never fails another's, on either database.
"""

import asyncio
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

import msgspec

from wakala.deadlines import Deadlines
from wakala.errors import DatabaseAwayError

Row = tuple[Any, ...]

BATCH_LIMIT_OPERATIONS = 256  # enough to fill a commit, small enough to stay within a few milliseconds
COMMIT_PAUSE_S = 0.001  # from the beginning of one to that of the next: longer saves the server work, and delays
ENOUGH_OPERATIONS = 12  # waiting: then there is nothing to be gained by letting them wait for more
QUEUE_LIMIT_OPERATIONS = 20_000  # beyond this the disk is not keeping up and callers are told so at once
ANSWER_LIMIT_S = 8.0  # a commit takes milliseconds; M-Pesa waits about this long for an answer (daraja.md 7.3)
CLOSE_LIMIT_S = 10.0  # what is queued at the end is a commit or two; a database that is away is not waited for
DISTRUST_S = 60.0  # after a commit that failed: a full disk takes a small one and refuses the next
PROBE_LIMIT_S = 1.0  # the same while the database has just failed to answer in time: callers are told soon


class Write(msgspec.Struct, frozen=True):
    """One statement, by the name of its file, with one row of parameters."""

    statement: str
    row: Row


class Operation(msgspec.Struct, frozen=True):
    """One thing that happens: all of it, or none. ``key`` is what the guard returns when it wins.

    ``is_calm``: nobody waits for it, so that it may wait some milliseconds for a commit that others need.
    """

    key: str
    guard: Write | None
    writes: tuple[Write, ...] = ()
    is_calm: bool = False


class Patience:
    """How long a database is waited for: long while it is well, short once it has let somebody wait in vain.

    One that answers questions may hang in commits all the same: its log is on a disk that hangs, or a standby is gone.
    """

    def __init__(self) -> None:
        self.limit_s = self.question_limit_s = ANSWER_LIMIT_S
        self._deadlines = Deadlines()
        self._failed_s: float | None = None
        self._hangs = False  # a commit was waited for in vain, and none was carried out since

    def failed(self) -> None:
        """It did not take a commit, for reasons of its own."""
        self._failed_s = asyncio.get_running_loop().time()

    def hung(self) -> None:
        """It let a commit wait in vain."""
        self.failed()
        self._hangs = True
        self.limit_s = self.question_limit_s = PROBE_LIMIT_S

    def has_failed_lately(self) -> bool:
        """True for a while after a commit failed: then whether it takes one is seen by asking it to."""
        return self._failed_s is not None and asyncio.get_running_loop().time() < self._failed_s + DISTRUST_S

    def committed(self) -> None:
        """It is well."""
        self._hangs = False
        self.answered()

    def answered(self) -> None:
        """A question: it is well, unless a commit was waited for in vain."""
        self.question_limit_s = ANSWER_LIMIT_S
        if not self._hangs:
            self.limit_s = ANSWER_LIMIT_S

    def watch(self, commit: "asyncio.Future[Any]") -> None:
        """Ends the wait for a commit that takes too long."""
        self._deadlines.watch(commit, self.limit_s, self._exhausted_commit)

    def _exhausted_commit(self) -> DatabaseAwayError:
        waited_s = self.limit_s
        self.hung()
        return _unanswered("a commit", waited_s)

    def exhausted(self) -> DatabaseAwayError:
        """It did not answer a question in time; the fault to raise."""
        waited_s = self.question_limit_s
        self.limit_s = self.question_limit_s = PROBE_LIMIT_S
        return _unanswered("a question", waited_s)


def _unanswered(what: str, waited_s: float) -> DatabaseAwayError:
    return DatabaseAwayError(what=f"The database did not answer {what} within {waited_s:g} s.")


class Pace:
    """Commits begin no more often than they must: a small one costs the processor nearly as much as a large one.

    Who comes when nothing was written lately waits for nobody.
    """

    def __init__(self) -> None:
        self._began_s = 0.0

    async def wait(self, waiting: Sequence[object]) -> None:
        """Until the next batch may begin. At once where enough wait; else whoever comes meanwhile rides along."""
        loop = asyncio.get_running_loop()
        if len(waiting) < ENOUGH_OPERATIONS:
            await asyncio.sleep(max(0.0, self._began_s + COMMIT_PAUSE_S - loop.time()))
        self._began_s = loop.time()


class Database(Protocol):
    """SQLite or PostgreSQL behind the same verbs. Faults arrive as `DatabaseFaultError`."""

    dialect: str

    async def open(self) -> None:
        """Connect and start the writer."""

    async def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Finish what is queued, for so long at most, then let go."""

    async def commit(self, operation: Operation) -> bool:
        """Carry out ``operation`` durably, riding in a shared commit; False where its guard lost."""

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """Rows of a reading statement."""

    async def take(self, statement: str, row: Row) -> Sequence[Row]:
        """Rows that a statement changed and returns, as durable as a commit."""

    async def script(self, sql: str) -> None:
        """Run a migration's statements in one transaction."""

    def writing_for_s(self) -> float:
        """For how long a commit has been under way that has no end of its own; 0 where there is none."""

    def has_failed_lately(self) -> bool:
        """True where a commit failed a moment ago, and not for what was in it."""


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


def tell(batch: Sequence[tuple[object, "asyncio.Future[Any]"]], outcomes: Sequence[Any]) -> None:
    """Give each caller of a batch its outcome; who has left is passed over."""
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)
