"""PostgreSQL: the same group commit, a batch being one statement whatever its size (`together`)."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from operator import attrgetter
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from wakala.errors import ConfigurationError, DatabaseAwayError, DatabaseBusyError, DatabaseFaultError
from wakala.journal.database import (
    ANSWER_LIMIT_S,
    CLOSE_LIMIT_S,
    Operation,
    Pace,
    Patience,
    Row,
    sql,
    tell,
)
from wakala.journal.line import Line
from wakala.journal.lookups import Lookups
from wakala.journal.together import Plan, Types, Waiting, documents, for_many, take
from wakala.journal.together import statement as joined

READERS = 4  # they wait on the network, so a few serve many callers
CONNECT_LIMIT_S = 5.0  # a server on the same network takes milliseconds; one that is away does not keep us
HELD_UP_S = 0.02  # a commit takes a few milliseconds; one that takes so long waits for a lock or for a slow disk
GOODBYE_LIMIT_S = 1.0  # a server that is away is not said goodbye to
RENEWAL_REST_S = 1.0  # a server that takes no writes for hours is not also beset by those who connect
SCRIPT_LIMIT_S = 86_400.0  # a migration may rewrite a table of years
GATEWAY_NAME = "wakala gateway"  # what `pg_stat_activity` shows of a gateway, so that a restore can see it
VISITOR_NAME = "wakala"
# A gateway whose machine or network died in the middle of a transaction holds its rows until the server notices, which
# by itself takes hours. A transaction of ours takes milliseconds, so silence for so long in one is death.
SESSION = {
    "idle_in_transaction_session_timeout": "10s",
    # Whatever role, database or server say: a commit waits for a lock as long as for anything else, and the guards are
    # written for this isolation, in which who comes second sees what the first has done.
    "lock_timeout": "0",
    "default_transaction_isolation": "read committed",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}
# The writer looks up keys and nothing else. A plan made while the tables were small must neither outlive that nor be
# made again for every batch.
WRITER = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
    # Who asked has given up by then, and must not find it done minutes later, behind every reader's cursor.
    "statement_timeout": f"{ANSWER_LIMIT_S:.0f}s",
}
# What was acknowledged is on the server's disk, even where role, database or server say ``off``, now or later. Whether
# a standby has it as well is the operator's choice, and ``local`` is one. A server before PostgreSQL 17 would refuse us
# for a setting of `SESSION` that it does not know.
DURABLE = """
SELECT set_config(name, CASE WHEN name = 'transaction_timeout' THEN '0' WHEN setting = 'off' THEN 'on' ELSE setting END,
    false)
FROM pg_settings WHERE name IN ('synchronous_commit', 'transaction_timeout')
"""
OLDEST_MAJOR = 15  # what the tests run on; an older one would refuse some statement with a syntax error, some day
FSYNC_OFF = (
    "PostgreSQL runs with fsync=off: payments that were acknowledged are gone or damaged when its machine crashes. "
    "Set fsync = on in postgresql.conf and reload the server."
)
READ_ONLY = (
    "PostgreSQL takes no writes here (a standby, or default_transaction_read_only is on), so nothing can be accepted. "
    "Let database.url lead to the server that does."
)
SORTS_OTHERWISE = (
    "PostgreSQL sorts text in this database by a language in which IDs are out of order (Danish, say), so lists and "
    "readers by cursor miss some. Restore a backup into one that was made with LOCALE 'C.UTF-8' TEMPLATE template0."
)
_IN_ORDER = ("ntf_09", "ntf_0a", "ntf_0f", "ntf_aa", "ntf_ab", "ntf_b0", "ntf_f9", "ntf_ff", "zzz")
_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
# The server or its disk is in trouble, not the row: nobody's operation would fare better alone.
_AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidTransactionStateError,
    asyncpg.LockNotAvailableError,
    asyncpg.PostgresSystemError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    OSError,
    TimeoutError,
)

# It met somebody else in that instant, and the same fares well the next time: a row that waited to enter the default
# partition while that of its week was attached, two who waited for each other, or a table that was changed.
_MET = (
    asyncpg.CheckViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.FeatureNotSupportedError,
)

# What speaks of a row or of our own statement, which fare no better later. Everything else is called away: it is the
# server's trouble, though perhaps with one row only, and what was kept stays so until it is over.
_REFUSED = (
    asyncpg.DataError,
    asyncpg.IntegrityConstraintViolationError,
    asyncpg.ProgramLimitExceededError,  # a value that no index holds, or is nested too deeply
    asyncpg.WithCheckOptionViolationError,
    asyncpg.CardinalityViolationError,
    asyncpg.PLPGSQLError,  # a trigger that somebody has put there
    asyncpg.SyntaxOrAccessError,  # no such table, say: a database that is still new
    asyncpg.FeatureNotSupportedError,
)

# The session has outlived what it was made for: it leads to where nothing is written, or its plans are of a table that
# was changed since.
_OUTLIVED = (asyncpg.ReadOnlySQLTransactionError, asyncpg.FeatureNotSupportedError)
# The server has vanished without a word, perhaps, or took no writes when we connected: connections are not trusted.
_SUSPECT = (asyncpg.ReadOnlySQLTransactionError, TimeoutError)

# It did not come to an end in its time, here or by the server's own watch.
_UNANSWERED = (TimeoutError, asyncpg.QueryCanceledError)

PAYMENT_BY_ID = "payment_by_id"

_CarryOut = Callable[[list[Operation]], Awaitable[list[bool]]]


def too_old(version: int) -> str:
    """What to do about a server of that ``server_version_num``; "" where it is new enough."""
    major = version // 10_000
    if major >= OLDEST_MAJOR:
        return ""
    return (
        f"PostgreSQL {major} is too old for Wakala, which needs {OLDEST_MAJOR} or newer. Nothing was changed: upgrade "
        "the server, or let database.url lead to a newer one."
    )


class PostgresDatabase:
    """Any number of processes may open the same database; guards decide who wins."""

    dialect = "postgres"

    def __init__(self, url: str, *, name: str = VISITOR_NAME) -> None:
        self._url = url
        self._name = name
        self._patience = Patience()
        self._pace = Pace()
        self._stopping = False
        self._writing: asyncio.Future[tuple[None, None]] | None = None
        self._under_way: set[str] = set()
        self._began_s: float | None = None  # when the writer began what it is writing
        self._payments = Lookups(self._payments_of)
        self._rest = _Rest()

    async def open(self) -> None:
        """Open the pool and start the writer. Where the server is away it may be tried again."""
        self._work, self._work_left = asyncio.Event(), asyncio.Event()
        self._line: Line[Operation] = Line(asyncio.get_running_loop(), self._wake)
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                connect=_connected,
                min_size=0,  # asyncpg would fill it up from a task of its own, and print what it cannot reach
                max_size=READERS + 2,  # and one for each writer, for what cannot be one statement
                init=_make_durable,
                reset=_no_reset,
                connection_class=_Pooled,
                timeout=CONNECT_LIMIT_S,
                command_timeout=ANSWER_LIMIT_S,
                server_settings=SESSION | {"application_name": self._name},
            )
            async with self._pool.acquire() as connection:  # so that a server that is away is told now
                version = int(await connection.fetchval("SHOW server_version_num"))
        except _KeptOutError as error:
            cause = error.__cause__ or error
            # Before anything was taken in a person has to look, unless it is too busy, say.
            raise _fault(cause, is_away=isinstance(cause, _AWAY)) from error
        except ValueError as error:  # of the URL; the driver's own such errors pass for a server that is away, too
            raise ConfigurationError(_unusable(error)) from None
        except _FAULTS as error:
            raise _fault(error) from error
        if sentence := too_old(version):
            await self._pool.close()
            raise ConfigurationError(sentence)
        self._writing = asyncio.gather(self._write(), self._stand_in())

    async def close(self, limit_s: float = CLOSE_LIMIT_S) -> None:
        """Finish what is queued, for so long at most, then let go."""
        self._stopping = True
        self._line.hurry()
        try:
            async with asyncio.timeout(limit_s):
                if self._writing is not None:
                    await self._writing
                await self._pool.close()
        except TimeoutError:  # the server does not answer, and the writer is ended; whoever still waits is told so
            self._pool.terminate()
            for _, future in self._line.waiting:
                future.cancel()

    async def commit(self, operation: Operation) -> bool:
        """Ride in the next commit; False where the guard changed nothing."""
        if self._stopping or self._writing is None:
            raise DatabaseAwayError
        future = self._line.join(operation, is_calm=operation.is_calm)
        self._patience.watch(future)
        won: bool = await future
        return won

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """Rows as tuples, from a connection of the pool; a payment by its ID in one question with those of others."""
        if statement == PAYMENT_BY_ID:
            return await self._payments.find(row[0])
        return await self._fetch(sql(statement, self.dialect), *row)

    async def _payments_of(self, ids: list[str]) -> Sequence[Row]:
        return await self._fetch(for_many(PAYMENT_BY_ID), ids)

    async def _fetch(self, text: str, *row: Any) -> Sequence[Row]:
        try:
            async with asyncio.timeout(self._patience.question_limit_s) as limit, self._pool.acquire() as connection:
                try:
                    found = [tuple(record) for record in await connection.fetch(text, *row)]
                except asyncio.CancelledError:
                    if limit.expired():
                        await self._renew_pool()
                    raise
        except TimeoutError:
            raise self._patience.exhausted() from None
        except _FAULTS as error:
            if isinstance(error, _SUSPECT):
                await self._renew_pool()
            raise _fault(error) from error
        self._patience.answered()
        return found

    async def _renew_pool(self) -> None:
        """Whoever asks next is given a connection that is new."""
        if self._rest.is_over():
            await self._pool.expire_connections()

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

    async def read(self, text: str) -> Sequence[Row]:
        """A question about PostgreSQL itself; what is asked about payments has a file of its own."""
        try:
            async with self._pool.acquire() as connection:
                return [tuple(record) for record in await connection.fetch(text)]
        except _FAULTS as error:
            raise _fault(error) from error

    def writing_for_s(self) -> float:
        """Nothing: what the server does not answer in time is given up, and not committed later."""
        return 0.0

    def has_failed_lately(self) -> bool:
        """True where a commit failed a moment ago, and not for what was in it."""
        return self._patience.has_failed_lately()

    async def now_us(self) -> int:
        """What the server's clock shows: the one that all gateways on it have in common."""
        shown = await self.read("SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint")
        return int(shown[0][0])

    async def is_synced(self) -> bool:
        """False where the server only says that a commit is on disk (`FSYNC_OFF`)."""
        return await self.read("SHOW fsync") == [("on",)]

    async def takes_writes(self) -> bool:
        """False on a standby, or where somebody has made it so (`READ_ONLY`)."""
        if await self._fetch("SHOW transaction_read_only") == [("off",)]:
            return True
        await self._renew_pool()  # perhaps it was so when we connected, and is no more
        return False

    async def sorts_ids(self) -> bool:
        """False where a language has its own mind about letters and digits (`SORTS_OTHERWISE`)."""
        values = ", ".join(f"('{one}')" for one in _IN_ORDER)
        return await self.read(f"SELECT id FROM (VALUES {values}) AS ids (id) ORDER BY id") == [  # noqa: S608 - ours
            (one,) for one in _IN_ORDER
        ]

    async def troubles(self) -> list[str]:
        """Why the server, though it answers, does not keep or find what it is given; a sentence each."""
        checks = ((FSYNC_OFF, self.is_synced), (READ_ONLY, self.takes_writes), (SORTS_OTHERWISE, self.sorts_ids))
        return [trouble for trouble, check in checks if not await check()]

    async def gateways(self) -> int:
        """How many connections gateways hold to this database."""
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = $1"
        try:
            async with self._pool.acquire() as connection:
                return int(await connection.fetchval(asked, GATEWAY_NAME))
        except _FAULTS as error:
            raise _fault(error) from error

    async def require_alone(self) -> None:
        """Refuse to change what gateways are at work on."""
        if count := await self.gateways():
            raise DatabaseBusyError(f"Gateways hold {count} connections to this database: stop them first.")

    # ── the writer ──

    async def _write(self) -> None:
        """Commit batch after batch. What comes meanwhile makes the next one larger, and so cheaper."""
        waiting, loop = self._line.waiting, asyncio.get_running_loop()
        async with self._writer() as writer:
            while waiting or not self._stopping:
                self._work.clear()
                if self._line.is_due:
                    await self._pace.wait(waiting)
                    self._began_s = loop.time()
                    has_written = await self._carry_out_next(writer)
                    self._began_s = None
                    if has_written:
                        continue
                if waiting or not self._stopping:
                    await self._work.wait()

    async def _stand_in(self) -> None:
        """A second writer, for those who wait while the first is held up: one locked row is not everybody's trouble.

        It is not there for speed: two at a time make more and smaller commits of the same work.
        """
        waiting = self._line.waiting
        async with self._writer() as writer:
            while waiting or not self._stopping:
                self._work_left.clear()
                if await self._is_held_up() and await self._carry_out_next(writer):
                    continue
                if waiting or not self._stopping:
                    await self._work_left.wait()

    async def _is_held_up(self) -> bool:
        """Whether somebody waits and the writer does not come to an end; known after a while."""
        loop = asyncio.get_running_loop()
        while self._line.is_due and self._began_s is not None:
            left_s = self._began_s + HELD_UP_S - loop.time()
            if left_s <= 0:
                return True
            await asyncio.sleep(left_s)
        return False

    def _wake(self) -> None:
        self._work.set()
        if self._began_s is not None or self._stopping:
            self._work_left.set()

    @asynccontextmanager
    async def _writer(self) -> AsyncIterator["_Writer"]:
        writer = _Writer(self._url, SESSION | WRITER | {"application_name": self._name})
        try:
            yield writer
            await writer.close()
        finally:
            writer.abort()

    async def _carry_out_next(self, writer: "_Writer") -> bool:
        """The next batch, if there is one of which nothing is being written already.

        No two commits at a time have a key in common.
        """
        batch, is_one = take(self._line.waiting, self._under_way)
        self._line.taken()
        if not batch:
            return False
        if self._line.is_due:  # what did not fit
            self._work_left.set()
        commit: _CarryOut = writer.commit if is_one else self._transaction
        keys = {operation.key for operation, _ in batch}
        self._under_way |= keys
        try:
            tell(batch, await self._commit_together(batch, commit))
        finally:
            self._under_way -= keys
            self._wake()
        return True

    async def _commit_together(
        self, batch: list[Waiting], carry_out: _CarryOut, *, is_last: bool = False
    ) -> list[bool | Exception]:
        """One transaction for all; where any of them breaks it, each gets its own, so that the bad one fails alone.

        One that failed by whom it met gets another.
        """
        is_one = len(batch) == 1
        try:
            won = await carry_out([operation for operation, _ in batch])
        except Exception as error:  # noqa: BLE001 - the writer must not end: everybody waits for it
            if isinstance(error, _SUSPECT):
                await self._renew_pool()
            if is_away := isinstance(error, _AWAY):
                self._patience.failed()
            if isinstance(error, _UNANSWERED):
                self._patience.hung()
            if is_last or is_away or (is_one and not isinstance(error, _MET)):
                return [_fault(error) for _ in batch]
        else:
            self._patience.committed()
            return list(won)
        return [await self._alone(one, carry_out, is_last=is_one) for one in batch]

    async def _alone(self, one: Waiting, carry_out: _CarryOut, *, is_last: bool) -> bool | Exception:
        """Who has given up meanwhile is passed over: it would be done behind every reader's cursor."""
        _, future = one
        if future.done():
            return False
        return (await self._commit_together([one], carry_out, is_last=is_last))[0]

    async def _transaction(self, operations: list[Operation]) -> list[bool]:
        """What cannot be one statement: guards first, then the writes of those who won, a pipeline a statement.

        In the order of keys, as `documents`, and within the time that one statement has.
        """
        in_order = sorted(operations, key=attrgetter("key"))
        async with asyncio.timeout(ANSWER_LIMIT_S), self._pool.acquire() as connection, connection.transaction():
            won = await _guards(connection, in_order)
            rows: dict[str, list[Row]] = {}
            for operation in in_order:
                if operation.key in won:
                    for write in operation.writes:
                        rows.setdefault(write.statement, []).append(write.row)
            for statement, many in rows.items():
                await connection.executemany(sql(statement, self.dialect), many)
        return [operation.key in won for operation in operations]


class _Writer:
    """A connection of its own, which commits a batch as one statement. One that broke is made anew."""

    def __init__(self, url: str, settings: dict[str, str]) -> None:
        self._url = url
        self._settings = settings
        self._connection: asyncpg.Connection | None = None
        self._types: dict[str, Types] = {}
        self._prepared: dict[Plan, PreparedStatement] = {}
        self._rest = _Rest()

    async def commit(self, operations: list[Operation]) -> list[bool]:
        """Durable when it returns; False for those whose guard lost."""
        plan, given = documents(operations)
        prepared = self._prepared.get(plan)
        try:
            if prepared is not None and self._connection is not None and not self._connection.is_closed():
                records = await prepared.fetch(*given)
            else:
                async with asyncio.timeout(ANSWER_LIMIT_S):  # with all that comes first, for no cursor waits longer
                    records = await (await self._prepare(plan)).fetch(*given)
        except _OUTLIVED:
            if self._rest.is_over():
                self.abort()  # the next commit connects anew
            raise
        keys = {record[0] for record in records}
        return [operation.guard is None or operation.key in keys for operation in operations]

    async def close(self) -> None:
        """Let go of the connection in order."""
        if self._connection is not None:
            await self._connection.close(timeout=GOODBYE_LIMIT_S)

    def abort(self) -> None:
        """Let go of it at once."""
        if self._connection is not None:
            self._connection.terminate()

    async def _prepare(self, plan: Plan) -> PreparedStatement:
        if self._connection is None or self._connection.is_closed():
            self._prepared.clear()
            connection = await _connected(
                self._url,
                timeout=CONNECT_LIMIT_S,
                command_timeout=ANSWER_LIMIT_S,
                server_settings=self._settings,
            )
            try:
                await _make_durable(connection)
            except BaseException:
                connection.terminate()
                raise
            self._connection = connection
        for name in (*plan.guards, *plan.writes):
            if name not in self._types:
                asked = await self._connection.prepare(sql(name, "postgres"))
                self._types[name] = tuple([parameter.name for parameter in asked.get_parameters()])
        self._prepared[plan] = await self._connection.prepare(joined(plan, self._types))
        return self._prepared[plan]


async def _guards(connection: asyncpg.Connection, operations: list[Operation]) -> set[str]:
    """The keys of those that won. No two of a batch have one key, so a returned key has one possible owner."""
    won = {operation.key for operation in operations if operation.guard is None}
    rows: dict[str, list[Row]] = {}
    for operation in operations:
        if operation.guard is not None:
            rows.setdefault(operation.guard.statement, []).append(operation.guard.row)
    for statement in sorted(rows):
        won |= {record[0] for record in await connection.fetchmany(sql(statement, "postgres"), rows[statement])}
    return won


class _Pooled(asyncpg.Connection):  # type: ignore[misc]
    """The pool says goodbye to what it replaces, in tasks that nobody awaits, and waits there for an answer."""

    async def close(self, *, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as asyncpg has it
        """For a second at most, whatever comes of it."""
        with suppress(*_FAULTS):
            await super().close(timeout=GOODBYE_LIMIT_S if timeout is None else timeout)


class _Rest:
    """Between one renewal and the next."""

    def __init__(self) -> None:
        self._ends_s = 0.0

    def is_over(self) -> bool:
        """True once; then the next rest begins."""
        now_s = time.monotonic()
        if now_s < self._ends_s:
            return False
        self._ends_s = now_s + RENEWAL_REST_S
        return True


class _KeptOutError(ConnectionError):
    """The server is there and lets us not in: a role, its password, a database that takes nobody."""


async def _connected(*place: Any, **terms: Any) -> asyncpg.Connection:
    """Who is kept out is kept out with everybody's operation: for those the database is away."""
    try:
        return await asyncpg.connect(*place, **terms)
    except asyncpg.PostgresError as error:
        raise _KeptOutError(str(error)) from error


async def _make_durable(connection: asyncpg.Connection) -> None:
    await connection.execute(DURABLE)


async def _no_reset(_connection: asyncpg.Connection) -> None:
    """Nothing of ours leaves state on a connection, and the reset query would double the cost of a read."""


def _unusable(error: ValueError) -> str:
    """What to do about a URL that the driver cannot use. Words that are not its own may show a part of the password."""
    why = f" ({error})" if isinstance(error, asyncpg.ClientConfigurationError) else ""
    return (
        f"database.url cannot be used{why}. Write it as postgresql://user:password@host:5432/name; in a password / is "
        "%2F, # is %23, ? is %3F, @ is %40 and % is %25."
    )


def _is_away(error: BaseException) -> bool:
    """Whether the same may be asked for later, as it is."""
    if isinstance(error, asyncpg.InsufficientPrivilegeError):  # somebody took it from the role, and may give it back
        return True
    return isinstance(error, _FAULTS) and not isinstance(error, _REFUSED)


def _fault(error: BaseException, *, is_away: bool | None = None) -> DatabaseFaultError:
    """A lost connection may hide a commit that happened, so nothing is claimed; guards make a second try harmless.

    What PostgreSQL tells of it in detail is the row that it refused, which is nothing for answers and logs.
    """
    if isinstance(error, asyncpg.PostgresError):
        error.detail = None
    is_away = _is_away(error) if is_away is None else is_away
    kind = DatabaseAwayError if is_away else DatabaseFaultError
    fault = kind(what=f"PostgreSQL refused: {str(error) or type(error).__name__}.")
    fault.__cause__ = error
    return fault
