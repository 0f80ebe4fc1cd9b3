"""SQLite: WAL, full sync, one writer that commits together whatever has queued up while the last commit ran.

The statements of a batch run on the event loop, only its COMMIT (the wait for the disk) runs on a thread. The other way
round each statement would give up the interpreter's lock and wait in line to get it back, which costs several times
the statement.
"""

import asyncio
import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import IO, Any

import apsw

from wakala.errors import DatabaseAwayError, DatabaseBusyError, DatabaseFaultError
from wakala.journal.database import (
    BATCH_LIMIT_OPERATIONS,
    CLOSE_LIMIT_S,
    Operation,
    Patience,
    Row,
    Write,
    sql,
    tell,
)
from wakala.journal.disk import DiskThread
from wakala.journal.line import Line

log = logging.getLogger("wakala.journal")

BUSY_TIMEOUT_MS = 5_000  # how long a short visitor such as `wakala app create` may hold us up
CHECKPOINT_PAGES = 1_000  # about 4 MB of WAL between checkpoints: each is in everybody's way while it lasts
FINISH_PAGES = 200  # what is left for the pause between two commits: a millisecond or two
CHECKPOINT_PASSES = 4  # beside the commits; where they write faster than these catch up, the rest holds them up
CACHE_KIB = 16_384
LARGE_CACHE_KIB = 65_536
# SQLite sorts the pages of a split by way of a page of this number. A file that is smaller has none, so that the next
# COMMIT looks through the whole cache for pages beyond the file's end: 180 us where that is 64 MiB, each time.
LARGE_FILE_PAGES = 262_145

# The disk or the file is in trouble, not the row: nobody's operation would fare better alone.
_AWAY = (
    apsw.FullError,
    apsw.IOError,
    apsw.ReadOnlyError,
    apsw.BusyError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.NoMemError,
)

_Asked = Operation | Write  # a Write alone is a `take`: its outcome is the rows that it returns


class SqliteDatabase:
    """One file, one writer. ``exclusive`` takes the lock that only one gateway may hold."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, exclusive: bool = False) -> None:
        self._path = path
        self._exclusive = exclusive
        self._lock: IO[str] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._began_s: float | None = None
        self._stopping = False
        self._patience = Patience()
        self._log_pages = 0
        self._written_back_pages = 0
        self._due_pages = CHECKPOINT_PAGES
        self._passes = 0
        self._writing_back: asyncio.Future[None] | None = None

    async def open(self) -> None:
        """Open the file, with the lock where asked, and start the writer."""
        self._line: Line[_Asked] = Line(asyncio.get_running_loop(), self._begin)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._exclusive:
            self._lock = _take_lock(self._path)
        self._path.touch(mode=0o600)
        try:
            self._writer = self._connect()
            self._writer.set_busy_timeout(0)
            self._writer.set_wal_hook(self._note_log)  # in the place of SQLite's own, which checkpoints in a COMMIT
            self._reader = self._connect()
            self._reader.pragma("query_only", True)
            self._write_cursor, self._read_cursor = self._writer.cursor(), self._reader.cursor()
            self._helper = self._connect()  # writes the log back beside the writer
        except apsw.Error as error:
            raise _fault(error) from error
        self._disk, self._bystander = self._new_disk(), self._new_disk()

    def _new_disk(self) -> DiskThread:
        return DiskThread("journal-disk")

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path), statementcachesize=200)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", 2)
        connection.pragma("foreign_keys", True)
        is_large = connection.pragma("page_count") > LARGE_FILE_PAGES
        connection.pragma("cache_size", -(LARGE_CACHE_KIB if is_large else CACHE_KIB))
        connection.pragma("wal_autocheckpoint", 0)
        connection.pragma("mmap_size", 0)
        return connection

    async def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Finish what is queued, for so long at most, then let go of file and lock. A disk that hangs keeps both."""
        self._stopping = True
        self._line.hurry()
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=limit_s)
            if not self._writing.done():
                return
        if self._writing_back is not None:
            await asyncio.wait([self._writing_back], timeout=limit_s)
            if not self._writing_back.done():
                return
        self._bystander.close()
        self._disk.close()
        self._helper.close()
        self._reader.close()
        self._writer.close()
        if self._lock is not None:
            self._lock.close()

    async def commit(self, operation: Operation) -> bool:
        """Ride in the next commit; False where the guard changed nothing."""
        won: bool = await self._ride(operation, is_calm=operation.is_calm)
        return won

    async def take(self, statement: str, row: Row) -> Sequence[Row]:
        """Ride in the next commit too."""
        rows: Sequence[Row] = await self._ride(Write(statement, row), is_calm=True)
        return rows

    def _ride(self, asked: _Asked, *, is_calm: bool) -> asyncio.Future[Any]:
        if self._stopping:
            raise DatabaseAwayError
        future = self._line.join(asked, is_calm=is_calm)
        self._patience.watch(future)
        return future

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """Point reads take microseconds, so they run where they are asked; WAL readers never meet the writer."""
        try:
            return self._read_cursor.execute(sql(statement, self.dialect), row).fetchall()
        except apsw.Error as error:
            raise _fault(error) from error

    async def script(self, sql: str) -> None:
        """Run a migration in one transaction; only before anything is queued."""
        try:
            with self._writer:
                self._writer.execute(sql)
        except apsw.Error as error:
            raise _fault(error) from error

    def writing_for_s(self) -> float:
        """For how long the commit under way has lasted. The disk decides that: it may be minutes, and be done then."""
        return 0.0 if self._began_s is None else asyncio.get_running_loop().time() - self._began_s

    def has_failed_lately(self) -> bool:
        """True where a commit failed a moment ago, and not for what was in it."""
        return self._patience.has_failed_lately()

    # ── the writer ──

    def _begin(self) -> None:
        if self._line.is_due and (self._writing is None or self._writing.done()):
            self._writing = asyncio.get_running_loop().create_task(self._write())

    async def _write(self) -> None:
        """Commit batch after batch until none is due."""
        waiting = self._line.waiting
        while self._line.is_due:
            await asyncio.sleep(0)  # whoever is ready in this turn of the loop rides along: larger, fewer commits
            batch = [waiting.popleft() for _ in range(min(len(waiting), BATCH_LIMIT_OPERATIONS))]
            self._line.taken()
            batch = [one for one in batch if not one[1].done()]  # who gave up was told that nothing is done
            self._began_s = asyncio.get_running_loop().time()
            try:
                tell(batch, await self._commit_together([operation for operation, _ in batch]))
            finally:
                self._began_s = None
            if self._log_pages >= self._due_pages:
                await self._write_back()

    # ── the log goes back into the file beside the commits, which would otherwise all wait for it ──

    def _note_log(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return 0

    async def _write_back(self) -> None:
        """A pass beside the commits, and where those have left little, the end between two of them.

        Only a log that is written back whole begins anew; beside commits that never pause, that moment never comes.
        """
        if self._writing_back is not None and not self._writing_back.done():
            return
        self._passes += 1
        is_little = self._log_pages - self._written_back_pages <= FINISH_PAGES
        if not is_little and self._passes <= CHECKPOINT_PASSES:
            self._writing_back = self._bystander.run(self._checkpoint, self._helper)
            return
        self._due_pages = CHECKPOINT_PAGES
        await self._disk.run(self._checkpoint, self._writer)
        self._log_pages = self._written_back_pages = self._passes = 0

    def _checkpoint(self, connection: apsw.Connection) -> None:
        """After a failure it is due again as many pages on."""
        try:
            self._written_back_pages = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)[1]
        except apsw.Error as error:
            self._due_pages = self._log_pages + CHECKPOINT_PAGES
            log.warning("the log could not be written back: %s", error)

    async def _commit_together(self, operations: list[_Asked]) -> list[Any]:
        """One transaction for all; where any of them breaks it, each gets its own, so that the bad one fails alone."""
        try:
            outcomes = await self._transaction(operations)
        except Exception as error:  # noqa: BLE001 - the writer must not end: everybody waits for it
            if is_away := isinstance(error, _AWAY):
                self._patience.failed()
            if len(operations) == 1 or is_away:
                return [_fault(error) for _ in operations]
        else:
            self._patience.committed()
            return outcomes
        return [(await self._commit_together([operation]))[0] for operation in operations]

    async def _transaction(self, operations: list[_Asked]) -> list[Any]:
        execute = self._write_cursor.execute
        if self._writer.in_transaction:  # the rollback after a fault failed as well
            execute("ROLLBACK")
        try:
            execute("BEGIN IMMEDIATE")
        except apsw.BusyError:  # a short visitor is writing: wait for it where nobody else has to
            await self._disk.run(self._begin_patiently)
        try:
            outcomes = [self._carry_out(operation) for operation in operations]
            await self._disk.run(execute, "COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                execute("ROLLBACK")
            raise
        return outcomes

    def _begin_patiently(self) -> None:
        self._writer.set_busy_timeout(BUSY_TIMEOUT_MS)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        finally:
            self._writer.set_busy_timeout(0)

    def _carry_out(self, operation: _Asked) -> bool | list[Row]:
        execute = self._write_cursor.execute
        if isinstance(operation, Write):
            return execute(sql(operation.statement, "sqlite"), operation.row).fetchall()
        guard = operation.guard
        if guard is not None:
            execute(_guard(guard.statement), guard.row)
            if not self._writer.changes():
                return False
        for write in operation.writes:
            execute(sql(write.statement, "sqlite"), write.row)
        return True


@cache
def _guard(statement: str) -> str:
    """Without what it returns, for which SQLite makes a table each time; the number of changed rows says as much."""
    text = sql(statement, "sqlite")
    return text.rpartition("RETURNING")[0] or text


@contextmanager
def gateway_lock(path: Path) -> Iterator[None]:
    """Hold the lock that only one gateway may hold, for somebody who replaces the file."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _take_lock(path):
        yield


def _take_lock(path: Path) -> IO[str]:
    lock = path.with_suffix(path.suffix + ".lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        holder = lock.read().strip() or "another process"
        lock.close()
        raise DatabaseBusyError(
            f"A gateway ({holder}) already writes to {path}. SQLite has one writing process: "
            "stop that gateway first, or move to PostgreSQL to run several."
        ) from None
    lock.truncate(0)
    lock.write(f"process {os.getpid()}")
    lock.flush()
    return lock


def _fault(error: Exception) -> DatabaseFaultError:
    kind = DatabaseAwayError if isinstance(error, _AWAY) else DatabaseFaultError
    fault = kind(what=f"SQLite refused: {error}.")
    fault.__cause__ = error
    return fault
