"""PostgreSQL: the same group commit, a batch being a handful of pipelined statements whatever its size."""

import asyncio
from collections.abc import Sequence

import asyncpg

from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.journal.database import (
    ANSWER_LIMIT_S,
    BATCH_LIMIT_OPERATIONS,
    CLOSE_LIMIT_S,
    QUEUE_LIMIT_OPERATIONS,
    Operation,
    Patience,
    Row,
    sql,
)

READERS = 4  # readers wait on the network, so a few serve many callers
WRITERS = 2  # while one commits, the other fills its batch
CONNECT_LIMIT_S = 5.0  # a server on the same network takes milliseconds; one that is away does not keep us
SCRIPT_LIMIT_S = 86_400.0  # a migration may rewrite a table of years
GATEWAY_NAME = "wakala gateway"  # what `pg_stat_activity` shows of a gateway, so that a restore can see it
VISITOR_NAME = "wakala"
# A gateway whose machine or network died in the middle of a transaction holds its rows until the server notices, which
# by itself takes hours. A transaction of ours takes milliseconds, so silence for so long in one is death.
SESSION = {
    "idle_in_transaction_session_timeout": "10s",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
# The server or its disk is in trouble, not the row: nobody's operation would fare better alone.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.PostgresSystemError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

_Waiting = tuple[Operation, asyncio.Future[bool]]


class PostgresDatabase:
    """Any number of processes may open the same database; guards decide who wins."""

    dialect = "postgres"

    def __init__(self, url: str, *, writers: int = WRITERS, name: str = VISITOR_NAME) -> None:
        self._url = url
        self._name = name
        self._patience = Patience()
        self._writer_count = writers
        self._queue: list[_Waiting] = []
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Open the pool and start the writers."""
        self._wake = asyncio.Event()
        size = READERS + self._writer_count + 1
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=0,  # asyncpg would fill it up from a task of its own, and print what it cannot reach
                max_size=size,
                reset=_no_reset,
                timeout=CONNECT_LIMIT_S,
                command_timeout=ANSWER_LIMIT_S,
                server_settings=SESSION | {"application_name": self._name},
            )
            async with self._pool.acquire():
                pass  # so that a server that is away is told now
        except _FAULTS as error:
            raise _fault(error) from error
        self._tasks = [asyncio.create_task(self._write_loop()) for _ in range(self._writer_count)]

    async def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Finish what is queued, for so long at most, then let go."""
        self._stopping = True
        self._wake.set()
        try:
            async with asyncio.timeout(limit_s):
                await asyncio.gather(*self._tasks)
                await self._pool.close()
        except TimeoutError:  # the server does not answer; whoever still waits is told so
            for task in self._tasks:
                task.cancel()
            self._pool.terminate()
            for _, future in self._queue:
                future.cancel()

    async def commit(self, operation: Operation) -> bool:
        """Ride in the next commit; False where the guard changed nothing."""
        if len(self._queue) >= QUEUE_LIMIT_OPERATIONS or self._stopping:
            raise DatabaseAwayError
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._queue.append((operation, future))
        self._wake.set()
        try:
            async with asyncio.timeout(self._patience.limit_s):
                return await future
        except TimeoutError:
            raise self._patience.exhausted("a commit") from None

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """Rows as tuples, from a connection of the pool."""
        try:
            async with asyncio.timeout(self._patience.limit_s), self._pool.acquire() as connection:
                found = [tuple(record) for record in await connection.fetch(sql(statement, self.dialect), *row)]
        except TimeoutError:
            raise self._patience.exhausted("a question") from None
        except _FAULTS as error:
            raise _fault(error) from error
        self._patience.answered()
        return found

    async def take(self, statement: str, row: Row) -> Sequence[Row]:
        """A transaction of its own: rows that another process holds are passed over, so nobody waits for it."""
        return await self.fetch(statement, row)

    async def script(self, sql: str) -> None:
        """Run a migration in one transaction."""
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(sql, timeout=SCRIPT_LIMIT_S)
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
            batch = [waiting for waiting in batch if not waiting[1].done()]  # who gave up was told that nothing is done
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
            won = await self._transaction(operations)
        except Exception as error:  # noqa: BLE001 - a writer must not end: everybody waits for it
            if len(operations) == 1 or isinstance(error, _AWAY):
                return [_fault(error) for _ in operations]
        else:
            self._patience.answered()
            return list(won)
        return [(await self._commit_together([operation]))[0] for operation in operations]

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
    """A lost connection may hide a commit that happened, so nothing is claimed; guards make a second try harmless."""
    what = f"PostgreSQL refused: {str(error) or type(error).__name__}."
    if isinstance(error, _AWAY):
        away = DatabaseAwayError(f"{what} Try again in a moment with the same RequestID: nothing is done twice.")
        away.__cause__ = error
        return away
    fault = DatabaseFaultError(f"{what} Nothing was done; try again with the same RequestID.")
    fault.__cause__ = error
    return fault
