"""One journal on each database: every test of the contract runs on both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase


@pytest.fixture(params=["sqlite", "postgres"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    store: Database
    if request.param == "sqlite":
        store = SqliteDatabase(tmp_path / "journal.db")
    else:
        store = PostgresDatabase(request.getfixturevalue("postgres_url"))
    await store.open()
    await migrate(store)
    yield store
    await store.close()


@pytest.fixture
def journal(database: Database) -> Journal:
    return Journal(database)
