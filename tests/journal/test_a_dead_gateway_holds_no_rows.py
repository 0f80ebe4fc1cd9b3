"""A gateway that vanished in the middle of a transaction, unheard, holds up the others for seconds only."""

import asyncpg
import pytest

from journal.making import ACCEPTED, after, opening, payment
from wakala.journal import postgres
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import PostgresDatabase


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
