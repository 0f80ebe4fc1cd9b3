"""Migrations: a database from nothing and one from every older version end up alike; who runs on which is checked."""

import asyncio
from pathlib import Path

import pytest

from services.postgres import PostgresServer
from wakala.errors import ConfigurationError
from wakala.journal.database import Database
from wakala.journal.migrations import applied, known, migrate, require_newest
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase

NEWEST = known("sqlite")[-1].number


def test_both_databases_have_the_same_migrations_without_gaps() -> None:
    sqlite, postgres = known("sqlite"), known("postgres")
    assert [(one.number, one.name) for one in sqlite] == [(one.number, one.name) for one in postgres]
    assert [one.number for one in sqlite] == list(range(1, NEWEST + 1))


async def sqlite_schema(path: Path, *steps: int) -> list[tuple[str, ...]]:
    store = SqliteDatabase(path)
    await store.open()
    try:
        for step in steps:
            await migrate(store, up_to=step)
            assert await applied(store) == step
        rows = store._reader.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name").fetchall()
        return [tuple(str(cell) for cell in row) for row in rows]
    finally:
        await store.close()


async def postgres_schema(url: str, *steps: int) -> list[tuple[str, ...]]:
    store = PostgresDatabase(url)
    await store.open()
    try:
        for step in steps:
            await migrate(store, up_to=step)
            assert await applied(store) == step
        async with store._pool.acquire() as connection:
            columns = await connection.fetch(
                "SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns"
                " WHERE table_schema = 'public' ORDER BY 1, ordinal_position"
            )
            indexes = await connection.fetch("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1")
            return [tuple(str(cell) for cell in row) for row in [*columns, *indexes]]
    finally:
        await store.close()


@pytest.mark.parametrize("older", range(1, NEWEST + 1))
async def test_from_nothing_and_from_an_older_version_is_the_same_on_sqlite(tmp_path: Path, older: int) -> None:
    fresh = await sqlite_schema(tmp_path / "fresh.db", NEWEST)
    grown = await sqlite_schema(tmp_path / "grown.db", older, NEWEST)
    assert fresh == grown
    assert len(fresh) > 10


@pytest.mark.parametrize("older", range(1, NEWEST + 1))
async def test_from_nothing_and_from_an_older_version_is_the_same_on_postgres(
    postgres_server: PostgresServer, older: int
) -> None:
    with postgres_server.database() as one, postgres_server.database() as other:
        fresh = await postgres_schema(one, NEWEST)
        grown = await postgres_schema(other, older, NEWEST)
    assert fresh == grown
    assert len(fresh) > 50


async def test_migrating_twice_does_nothing_more(database: Database) -> None:
    assert await migrate(database) == []


async def test_of_programs_that_migrate_at_once_none_fails_and_each_step_is_made_once(
    postgres_server: PostgresServer,
) -> None:
    """As where the containers of several gateways each begin with `wakala migrate`."""
    with postgres_server.database() as url:
        stores = [PostgresDatabase(url) for _ in range(4)]
        for store in stores:
            await store.open()
        try:
            made = await asyncio.gather(*(migrate(store) for store in stores))
            await require_newest(stores[0])
        finally:
            for store in stores:
                await store.close()
    assert sorted(one.number for steps in made for one in steps) == list(range(1, NEWEST + 1))


async def test_a_schema_that_is_too_old_or_too_new_is_refused_with_a_sentence(database: Database) -> None:
    await require_newest(database)
    await database.script(f"INSERT INTO migrations (number, name) VALUES ({NEWEST + 1}, 'future')")
    with pytest.raises(ConfigurationError, match="update Wakala"):
        await require_newest(database)
    await database.script("DELETE FROM migrations")
    with pytest.raises(ConfigurationError, match="wakala migrate"):
        await require_newest(database)
