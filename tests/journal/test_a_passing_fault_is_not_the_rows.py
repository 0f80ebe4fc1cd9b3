"""What PostgreSQL is set to, or is busy with, is no fault of a row: it is waited for, tried again, or called away."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest

from journal.making import ACCEPTED, NOW_US, after, exchange, opening, payment
from services.postgres import PostgresServer
from services.waiting import until
from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.journal import database, postgres
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import READERS, PostgresDatabase

LOCK_WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
LONGER_S = 0.3  # than the limit that the database was given


@pytest.fixture
async def stranger(postgres_url: str) -> AsyncIterator[asyncpg.Connection]:
    """Somebody at work on the tables."""
    connection = await asyncpg.connect(postgres_url)
    yield connection
    await connection.close()


async def opened(url: str) -> PostgresDatabase:
    store = PostgresDatabase(url)
    await store.open()
    await migrate(store)
    return store


@pytest.mark.parametrize("setting", ["lock_timeout = '100ms'", "default_transaction_isolation = 'serializable'"])
async def test_a_commit_waits_for_a_lock_whatever_the_database_says(
    postgres_server: PostgresServer, postgres_url: str, stranger: asyncpg.Connection, setting: str
) -> None:
    postgres_server.execute(f"ALTER DATABASE {postgres_url.rpartition('/')[2]} SET {setting}")
    store = await opened(postgres_url)
    try:
        assert await store.read("SHOW transaction_isolation") == [("read committed",)]
        journal, changes = Journal(store), opening(payment())
        assert await journal.open_payment(changes, None)
        before = changes[-1].payment
        async with stranger.transaction():
            await stranger.execute("UPDATE payments SET version = version + 1 WHERE id = $1", before.id)
            changing = asyncio.create_task(journal.record_change(before, after(before, ACCEPTED)))

            async def is_waited_for() -> bool:
                return bool(await stranger.fetchval(LOCK_WAITERS))

            await until(is_waited_for, "a commit that waits for the row")
            await asyncio.sleep(LONGER_S)
        assert await changing is False  # it lost, which is an outcome and no fault
    finally:
        await store.close()


# A trigger of the test's own, for what PostgreSQL itself says in a bad moment only.
BREAK = """
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'so it is' USING ERRCODE = '{code}'; END $$;
CREATE TRIGGER break BEFORE INSERT ON exchanges FOR EACH ROW EXECUTE FUNCTION break()
"""


@pytest.mark.parametrize("code", ["55P03", "40001", "40P01", "25P03", "25P04", "25006", "42501", "XX000", "53100"])
async def test_a_fault_of_the_server_is_called_away(postgres_url: str, code: str) -> None:
    store = await opened(postgres_url)
    try:
        await store.script(BREAK.format(code=code))
        with pytest.raises(DatabaseAwayError):
            await Journal(store).record_exchange(exchange())
    finally:
        await store.close()


@pytest.mark.parametrize("code", ["22003", "23505", "23514", "42P01", "54000", "P0001"])
async def test_a_fault_of_the_row_or_of_our_own_is_not(postgres_url: str, code: str) -> None:
    store = await opened(postgres_url)
    try:
        await store.script(BREAK.format(code=code))
        with pytest.raises(DatabaseFaultError) as caught:
            await Journal(store).record_exchange(exchange())
        assert not isinstance(caught.value, DatabaseAwayError)
    finally:
        await store.close()


# A sequence counts the tries, for what is rolled back leaves no other trace.
BREAK_ONCE = """
CREATE SEQUENCE tries;
CREATE FUNCTION break() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF nextval('tries') = 1 THEN RAISE EXCEPTION 'once' USING ERRCODE = '{code}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER break BEFORE INSERT ON exchanges FOR EACH ROW EXECUTE FUNCTION break()
"""


@pytest.mark.parametrize("code", ["40001", "40P01", "0A000"])
async def test_what_met_somebody_is_tried_once_more(postgres_url: str, code: str) -> None:
    store = await opened(postgres_url)
    try:
        await store.script(BREAK_ONCE.format(code=code))
        await Journal(store).record_exchange(exchange())
        assert await store.read("SELECT count(*) FROM exchanges") == [(1,)]
    finally:
        await store.close()


async def test_who_has_given_up_is_passed_over_when_a_batch_is_taken_apart(
    postgres_url: str, stranger: asyncpg.Connection
) -> None:
    store = await opened(postgres_url)
    try:
        journal = Journal(store)
        await store.script(BREAK_ONCE.format(code="22003"))
        changes = opening(payment())
        assert await journal.open_payment(changes, None)
        before, other = changes[-1].payment, payment()
        async with stranger.transaction():
            await stranger.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE", before.id)
            bad = asyncio.create_task(journal.record_change(before, after(before, ACCEPTED), exchanges=(exchange(),)))
            impatient = asyncio.create_task(journal.open_payment(opening(other), None))

            async def is_waited_for() -> bool:
                return bool(await stranger.fetchval(LOCK_WAITERS))

            await until(is_waited_for, "a batch that waits for the row")
            impatient.cancel()
        assert await bad  # alone, the second time
        assert await journal.payment(other.id) is None
    finally:
        await store.close()


async def test_what_cannot_be_one_statement_has_one_limit_for_all_of_it(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (database, postgres):
        monkeypatch.setattr(module, "ANSWER_LIMIT_S", 0.5)
    store = await opened(postgres_url)
    try:
        held = [await store._pool.acquire() for _ in range(READERS + 2)]
        with pytest.raises(DatabaseAwayError):
            await Journal(store).retention.claim_duty("pull sc_1", NOW_US, 10)
        await until(lambda: not store._under_way, "a writer that has given up as well")
        for connection in held:
            await store._pool.release(connection)
        assert await store.read("SELECT count(*) FROM duties WHERE name = 'pull sc_1'") == [(0,)]
    finally:
        await store.close()
