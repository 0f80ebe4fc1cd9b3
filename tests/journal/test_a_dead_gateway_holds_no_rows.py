"""A gateway that vanished in the middle of a transaction, unheard, holds up the others for seconds only."""

import asyncio

import asyncpg
import pytest

from journal.making import ACCEPTED, after, opening, payment
from services.gateway import eventually
from wakala.journal import postgres
from wakala.journal.database import Operation, Write
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.rows import payment_row
from wakala.journal.together import Plan


async def test_every_connection_ends_when_it_is_silent_in_a_transaction(postgres_url: str) -> None:
    living = PostgresDatabase(postgres_url)
    await living.open()
    await migrate(living)
    limits = "SELECT name, setting || coalesce(unit, '') FROM pg_settings WHERE name = ANY($1)"
    names = ["idle_in_transaction_session_timeout", "statement_timeout"]
    try:
        async with living._pool.acquire() as connection:
            assert dict(await connection.fetch(limits, names))[names[0]] == "10000ms"
        async with living._writer() as writer:
            await writer._prepare(Plan(("payment_claim",), ()))
            assert writer._connection is not None
            found = dict(await writer._connection.fetch(limits, names))
        assert found == {names[0]: "10000ms", names[1]: "8000ms"}, "who asked has given up by then"
    finally:
        await living.close()


async def test_rows_that_a_vanished_gateway_had_in_hand_are_free_again(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres.SESSION, "idle_in_transaction_session_timeout", "300ms")
    living = PostgresDatabase(postgres_url)
    await living.open()
    await migrate(living)
    journal, changes = Journal(living), opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    connection = await asyncpg.connect(postgres_url, server_settings=postgres.SESSION)
    try:
        await connection.execute("BEGIN")
        await connection.execute("UPDATE payments SET updated_us = updated_us + 1 WHERE id = $1", before.id)
        assert await journal.record_change(before, after(before, ACCEPTED))  # waits for the row, not for ever
    finally:
        connection.terminate()  # the server has ended it already
        await living.close()


async def test_what_a_vanished_gateway_asked_for_is_not_done_long_after(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres.WRITER, "statement_timeout", "3s")
    living = PostgresDatabase(postgres_url)
    await living.open()
    await migrate(living)
    change = opening(payment())[-1]
    asked = Operation(change.payment.id, Write("payment_open", payment_row(change.payment)), ())
    writer = postgres._Writer(postgres_url, postgres.SESSION | postgres.WRITER | {"application_name": "vanishing"})
    other = await asyncpg.connect(postgres_url)
    waits = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'vanishing' AND wait_event_type = 'Lock'"
    try:
        async with other.transaction():
            await other.execute("LOCK TABLE payments IN SHARE MODE")
            committing = asyncio.create_task(writer.commit([asked]))
            await eventually(lambda: _counts(living, waits, 1))
            writer.abort()
            await asyncio.gather(committing, return_exceptions=True)
            await eventually(
                lambda: _counts(living, waits, 0)
            )  # the server has given up as well, the lock held all the while
        assert await Journal(living).payment(change.payment.id) is None
    finally:
        await other.close()
        await living.close()


async def _counts(database: PostgresDatabase, asked: str, count: int) -> bool:
    return await database.read(asked) == [(count,)]
