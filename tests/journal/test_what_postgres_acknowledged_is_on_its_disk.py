"""Whatever PostgreSQL was told, a commit that we acknowledge is on its disk; where it may not be, somebody is told."""

from pathlib import Path

import pytest

from journal.making import exchange
from services.gateway import running_gateway
from services.postgres import PostgresServer
from services.postgres import postgres_server as run_postgres
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import FSYNC_OFF, PostgresDatabase

# Each commit leaves word of what the session had that wrote it.
WITNESS = """
CREATE TABLE seen (kind text, setting text);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO seen VALUES (TG_ARGV[0], current_setting('synchronous_commit'));
    RETURN NEW;
END $$;
CREATE TRIGGER see BEFORE INSERT ON exchanges FOR EACH ROW EXECUTE FUNCTION see('writer');
CREATE TRIGGER see BEFORE INSERT ON duties FOR EACH ROW EXECUTE FUNCTION see('pool')
"""


@pytest.mark.parametrize(
    ("told", "has"), [("off", "on"), ("on", "on"), ("local", "local"), ("remote_apply", "remote_apply")]
)
async def test_a_commit_waits_for_the_disk_whatever_the_database_says(
    postgres_server: PostgresServer, postgres_url: str, told: str, has: str
) -> None:
    name = postgres_url.rpartition("/")[2]
    postgres_server.execute(f"ALTER DATABASE {name} SET synchronous_commit = {told}")
    store = PostgresDatabase(postgres_url)
    await store.open()
    try:
        await migrate(store)
        await store.script(WITNESS)
        journal = Journal(store)
        await journal.record_exchange(exchange())
        await journal.retention.keep_retention_time(1)
        assert set(await store.read("SELECT kind, setting FROM seen")) == {("writer", has), ("pool", has)}
    finally:
        await store.close()


async def test_a_gateway_says_at_its_start_that_the_server_syncs_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, postgres_url: str
) -> None:
    careful, careless = tmp_path / "careful", tmp_path / "careless"
    careful.mkdir()
    careless.mkdir()
    async with running_gateway(careful, database_url=postgres_url):
        assert FSYNC_OFF not in caplog.text
    with run_postgres(settings={"fsync": "off"}) as server, server.database() as url:
        async with running_gateway(careless, database_url=url):
            assert [record.levelname for record in caplog.records if record.message == FSYNC_OFF] == ["ERROR"]
