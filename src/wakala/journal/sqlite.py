"""SQLite: WAL, full sync, one writing thread that commits whatever has queued up while the last commit ran."""

import asyncio
import collections
import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import apsw
import apsw.bestpractice

from wakala.errors import DatabaseBusyError, DatabaseFaultError
from wakala.journal.database import BATCH_LIMIT_OPERATIONS, QUEUE_LIMIT_OPERATIONS, Operation, Row, Write, sql

BUSY_TIMEOUT_MS = 5_000  # how long a short visitor such as `wakala app create` may hold us up
CHECKPOINT_PAGES = 4_000  # about 16 MB of WAL between checkpoints
CACHE_KIB = 65_536

_Waiting = tuple[Operation, asyncio.Future[bool]]


class SqliteDatabase:
    """One file, one writer. ``exclusive`` takes the lock that only one gateway may hold."""

    dialect = "sqlite"

    def __init__(self, path: Path, *, exclusive: bool = False) -> None:
        self._path = path
        self._exclusive = exclusive
        self._lock: IO[str] | None = None
        self._queue: collections.deque[_Waiting] = collections.deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._reader_turn = threading.Lock()

    async def open(self) -> None:
        """Open the file, with the lock where asked, and start the writer."""
        self._loop = asyncio.get_running_loop()
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._exclusive:
            self._lock = _take_lock(self._path)
        self._path.touch(mode=0o600)
        try:
            self._writer = self._connect()
            self._reader = self._connect()
            self._reader.pragma("query_only", True)
        except apsw.Error as error:
            raise _fault(error) from error
        self._thread = threading.Thread(target=self._write_loop, name="journal-writer", daemon=True)
        self._thread.start()

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._path), statementcachesize=200)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", 2)
        connection.pragma("foreign_keys", True)
        connection.pragma("cache_size", -CACHE_KIB)
        connection.pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        connection.pragma("mmap_size", 0)
        return connection

    async def close(self) -> None:
        """Finish what is queued, then let go of file and lock."""
        if self._thread is None:
            return
        self._stopping = True
        self._wake.set()
        await asyncio.to_thread(self._thread.join)
        self._thread = None
        self._reader.close()
        self._writer.close()
        if self._lock is not None:
            self._lock.close()

    async def commit(self, operation: Operation) -> bool:
        """Ride in the next commit; False where the guard changed nothing."""
        if len(self._queue) >= QUEUE_LIMIT_OPERATIONS or self._stopping:
            raise DatabaseFaultError
        future: asyncio.Future[bool] = self._loop.create_future()
        self._queue.append((operation, future))
        if not self._wake.is_set():
            self._wake.set()
        return await future

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """Point reads take microseconds, so they run where they are asked; WAL readers never meet the writer."""
        try:
            with self._reader_turn:
                return self._reader.execute(sql(statement, self.dialect), row).fetchall()
        except apsw.Error as error:
            raise _fault(error) from error

    async def script(self, sql: str) -> None:
        """Run a migration in one transaction; only before anything is queued."""
        try:
            with self._writer:
                self._writer.execute(sql)
        except apsw.Error as error:
            raise _fault(error) from error

    # ── the writing thread ──

    def _write_loop(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._queue:
                batch: list[_Waiting] = []
                while self._queue and len(batch) < BATCH_LIMIT_OPERATIONS:
                    batch.append(self._queue.popleft())
                outcomes = self._commit_together([operation for operation, _ in batch])
                self._loop.call_soon_threadsafe(_tell, batch, outcomes)
            if self._stopping and not self._queue:
                return

    def _commit_together(self, operations: list[Operation]) -> list[bool | Exception]:
        """One transaction for all; where any of them breaks it, each gets its own, so that the bad one fails alone."""
        try:
            return self._transaction(operations)
        except apsw.Error as error:
            if len(operations) == 1:
                return [_fault(error)]
        outcomes: list[bool | Exception] = []
        for operation in operations:
            try:
                outcomes += self._transaction([operation])
            except apsw.Error as error:
                outcomes.append(_fault(error))
        return outcomes

    def _transaction(self, operations: list[Operation]) -> list[bool | Exception]:
        execute = self._writer.execute
        execute("BEGIN IMMEDIATE")
        try:
            outcomes: list[bool | Exception] = [self._carry_out(operation) for operation in operations]
            execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                execute("ROLLBACK")
            raise
        return outcomes

    def _carry_out(self, operation: Operation) -> bool:
        guard = operation.guard
        if guard is not None and not self._writer.execute(sql(guard.statement, "sqlite"), guard.row).fetchall():
            return False
        for write in operation.writes:
            self._write(write)
        return True

    def _write(self, write: Write) -> None:
        self._writer.execute(sql(write.statement, "sqlite"), write.row)


def _tell(batch: list[_Waiting], outcomes: list[bool | Exception]) -> None:
    for (_, future), outcome in zip(batch, outcomes, strict=True):
        if future.done():
            continue
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


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


def _fault(error: apsw.Error) -> DatabaseFaultError:
    fault = DatabaseFaultError(f"SQLite refused: {error}. Nothing was done; try again with the same RequestID.")
    fault.__cause__ = error
    return fault
