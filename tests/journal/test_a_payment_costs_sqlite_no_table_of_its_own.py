"""SQLite makes a table for each list after IN and for each RETURNING, every time: some ten pages of memory, written."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wakala.journal.database import Database, sql
from wakala.journal.migrations import migrate
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase, _guard

MADE = "OpenEphemeral"
GUARDS = ("payment_open", "payment_advance", "notification_attempted")
WRITES = ("event_add", "exchange_add", "exchange_answer", "notification_stage")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    store = SqliteDatabase(tmp_path / "journal.db")
    await store.open()
    await migrate(store)
    yield store
    await store.close()


def steps(store: SqliteDatabase, text: str) -> list[str]:
    row = (None,) * text.count("?")
    return [step[1] for step in store._reader.execute(f"EXPLAIN {text}", row).fetchall()]


@pytest.mark.parametrize("text", [*map(_guard, GUARDS), *(sql(name, "sqlite") for name in WRITES)])
async def test_what_is_written_for_every_payment_makes_none(store: SqliteDatabase, text: str) -> None:
    assert MADE not in steps(store, text)


async def test_a_list_would(store: SqliteDatabase) -> None:
    listed = "CREATE INDEX listed ON payments (id) WHERE state NOT IN ('received', 'failed', 'expired')"
    await store.script(listed)
    assert MADE in steps(store, _guard("payment_advance"))


async def test_what_a_confirmation_may_belong_to_is_still_found_by_its_index(database: Database) -> None:
    text = sql("payment_candidates", database.dialect)
    if isinstance(database, PostgresDatabase):
        async with database._pool.acquire() as connection, connection.transaction():
            await connection.execute("SET LOCAL enable_seqscan = off")
            plan = [row[0] for row in await connection.fetch(f"EXPLAIN {text}", "sc", 100, 0, 9, 20)]
    else:
        assert isinstance(database, SqliteDatabase)
        plan = [step[3] for step in database._reader.execute(f"EXPLAIN QUERY PLAN {text}", (None,) * 5).fetchall()]
    assert any("payments_open" in line for line in plan)
