"""PostgreSQL: the same group commit, a batch being a handful of pipelined statements whatever its size."""

import asyncio
from collections.abc import Sequence

import asyncpg

from wakala.errors import DatabaseFaultError
from wakala.journal.database import BATCH_LIMIT_OPERATIONS, QUEUE_LIMIT_OPERATIONS, Operation, Row, sql

READERS = 4  # readers wait on the network, so a few serve many callers
WRITERS = 2  # while one commits, the other fills its batch
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)

_Waiting = tuple[Operation, asyncio.Future[bool]]


class PostgresDatabase:
    """Any number of processes may open the same database; guards decide who wins."""

    dialect = "postgres"

    def __init__(self, url: str, *, writers: int = WRITERS) -> None:
        self._url = url
        self._writer_count = writers
        self._queue: list[_Waiting] = []
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the pool and start the writers."""
        self._wake = asyncio.Event()
        size = READERS + self._writer_count + 1
        try:
            self._pool = await asyncpg.create_pool(self._url, min_size=1, max_size=size, reset=_no_reset)
        except _FAULTS as error:
            raise _fault(error) from error
        self._tasks = [asyncio.create_task(self._write_loop()) for _ in range(self._writer_count)]

    async def close(self) -> None:
        """Finish what is queued, then let go."""
        self._stopping = True
        self._wake.set()
        await asyncio.gather(*self._tasks)
        await self._pool.close()

    async def commit(self, operation: Operation) -> bool:
        """Ride in the next commit; False where the guard changed nothing."""
        if len(self._queue) >= QUEUE_LIMIT_OPERATIONS or self._stopping:
            raise DatabaseFaultError
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append((operation, future))
        self._wake.set()
        return await future

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """Rows as tuples, from a connection of the pool."""
        try:
            async with self._pool.acquire() as connection:
                return [tuple(record) for record in await connection.fetch(sql(statement, self.dialect), *row)]
        except _FAULTS as error:
            raise _fault(error) from error

    async def take(self, statement: str, row: Row) -> Sequence[Row]:
        """A transaction of its own: rows that another process holds are passed over, so nobody waits for it."""
        return await self.fetch(statement, row)

    async def script(self, sql: str) -> None:
        """Run a migration in one transaction."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(sql)
        except _FAULTS as error:
            raise _fault(error) from error

    # ── writers ──

    async def _write_loop(self) -> None:
        while True:
            while not self._queue:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
            await asyncio.sleep(0)  # whoever is ready in this turn of the loop rides along: larger, fewer commits
            batch, self._queue = self._queue[:BATCH_LIMIT_OPERATIONS], self._queue[BATCH_LIMIT_OPERATIONS:]
            if not batch:
                continue  # the other writer took it
            outcomes = await self._commit_together([operation for operation, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if future.done():
                    continue
                if isinstance(outcome, Exception):
                    future.set_exception(outcome)
                else:
                    future.set_result(outcome)

    async def _commit_together(self, operations: list[Operation]) -> list[bool | Exception]:
        """One transaction for all; where any of them breaks it, each gets its own, so that the bad one fails alone."""
        try:
            return list(await self._transaction(operations))
        except _FAULTS as error:
            if len(operations) == 1:
                return [_fault(error)]
        outcomes: list[bool | Exception] = []
        for operation in operations:
            try:
                outcomes += await self._transaction([operation])
            except _FAULTS as error:
                outcomes.append(_fault(error))
        return outcomes

    async def _transaction(self, operations: list[Operation]) -> list[bool]:
        """Guards first, a pipeline a statement; then the writes of those who won, a pipeline a statement."""
        async with self._pool.acquire() as connection, connection.transaction():
            won = await self._guards(connection, operations)
            rows: dict[str, list[Row]] = {}
            for operation, wins in zip(operations, won, strict=True):
                if wins:
                    for write in operation.writes:
                        rows.setdefault(write.statement, []).append(write.row)
            for statement, many in rows.items():
                await connection.executemany(sql(statement, self.dialect), many)
        return won

    async def _guards(self, connection: asyncpg.Connection, operations: list[Operation]) -> list[bool]:
        """Which operations won. Two with one key go in turn, so that a returned key has one possible owner."""
        won = [operation.guard is None for operation in operations]
        waiting = [place for place, operation in enumerate(operations) if operation.guard is not None]
        while waiting:
            turn: dict[str, dict[str, int]] = {}
            later: list[int] = []
            for place in waiting:
                guard, key = operations[place].guard, operations[place].key
                assert guard is not None  # noqa: S101 - only those with a guard are waiting
                places = turn.setdefault(guard.statement, {})
                if key in places:
                    later.append(place)
                else:
                    places[key] = place
            for statement, places in turn.items():
                rows = [operations[place].guard.row for place in places.values()]  # type: ignore[union-attr]
                for record in await connection.fetchmany(sql(statement, self.dialect), rows):
                    won[places[record[0]]] = True
            waiting = later
        return won


async def _no_reset(_connection: asyncpg.Connection) -> None:
    """Nothing of ours leaves state on a connection, and the reset query would double the cost of a read."""


def _fault(error: BaseException) -> DatabaseFaultError:
    fault = DatabaseFaultError(f"PostgreSQL refused: {error}. Nothing was done; try again with the same RequestID.")
    fault.__cause__ = error
    return fault
