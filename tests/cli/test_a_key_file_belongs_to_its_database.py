"""The key file is what no backup brings back: nothing writes over it, and no other one is taken for it."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import apsw
import pytest

from cli.conftest import Command
from cli.test_an_installation_is_made_step_by_step import PASSKEY, SHORTCODE, listed
from recovery.troubles import FullDisk, can_mount, read_only, small_disk
from services.programs import command
from wakala.config import DatabaseSettings, Settings
from wakala.journal.database import Database
from wakala.journal.migrations import applied, migrate
from wakala.journal.sqlite import SqliteDatabase
from wakala.store import database

Result = TypeVar("Result")
ANOTHER_KEY = "ab" * 32 + "\n"


@pytest.fixture
def installed(wakala: Command) -> Command:
    """An installation with an app, whose secrets are sealed."""
    assert wakala("init").code == 0
    assert wakala("app", "create", "--name", "shop").code == 0
    return wakala


@pytest.mark.parametrize(
    "name", ["wakala.key", "wakala.toml", "wakala.db", "wakala.db-wal", "wakala.db-shm", "other.db", "notes"]
)
def test_not_even_force_writes_a_backup_over_what_is_none(installed: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "notes").write_text("of mine")
    shutil.copy(tmp_path / "wakala.db", tmp_path / "other.db")  # of another installation
    gateway = apsw.Connection(str(tmp_path / "wakala.db"))  # while one runs, SQLite has files beside the database
    gateway.execute("SELECT count(*) FROM apps").fetchall()
    before = (tmp_path / name).read_bytes()
    ended = installed("backup", name, "--force")
    assert ended.code == 1
    assert "choose another name" in ended.err
    assert (tmp_path / name).read_bytes() == before
    assert [one["Name"] for one in listed(installed("app", "list", "--json"))] == ["shop"]
    gateway.close()


def test_force_writes_over_an_older_backup_and_a_file_that_is_empty_yet(installed: Command, tmp_path: Path) -> None:
    (tmp_path / "made-by-mktemp").touch()
    assert installed("backup", "older").code == 0
    assert installed("app", "create", "--name", "branch").code == 0
    for name in ("older", "made-by-mktemp"):
        assert installed("backup", name).code == 1
        assert installed("backup", name, "--force").code == 0
        kept = apsw.Connection(str(tmp_path / name)).execute("SELECT count(*) FROM apps").fetchall()
        assert kept == [(2,)]


async def test_a_gateway_does_not_start_with_a_key_that_opens_nothing(installed: Command, tmp_path: Path) -> None:
    (tmp_path / "wakala.key").write_text(ANOTHER_KEY)
    ended = await command("-c", str(tmp_path / "wakala.toml"), "serve", "--port", "1")
    assert ended.code == 1
    assert "The database was sealed with key" in ended.err
    assert "put the one that belongs to the database in its place" in ended.err
    assert "Wakala listens" not in ended.err


@pytest.mark.parametrize("arguments", [("app", "create", "--name", "branch"), (*SHORTCODE, *PASSKEY)], ids=" ".join)
def test_nothing_is_sealed_with_a_second_key(installed: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    right = (tmp_path / "wakala.key").read_text()
    (tmp_path / "wakala.key").write_text(ANOTHER_KEY)
    ended = installed(*arguments)
    assert ended.code == 1
    assert "The database was sealed with key" in ended.err
    found = {one["check"]: one for one in json.loads(installed("doctor", "--json").out) if one["state"] == "wrong"}
    assert "The database was sealed with key" in found["database"]["finding"]
    (tmp_path / "wakala.key").write_text(right)
    assert installed(*arguments).code == 0


def test_a_database_whose_key_is_missing_gets_no_new_one_from_init(installed: Command, tmp_path: Path) -> None:
    key = (tmp_path / "wakala.key").read_text()
    for name in ("wakala.toml", "wakala.key"):
        (tmp_path / name).unlink()
    refused = installed("init")
    assert refused.code == 1
    assert "put the one that belongs to the database in its place" in refused.err
    assert not {"wakala.toml", "wakala.key"} & {one.name for one in tmp_path.iterdir()}
    (tmp_path / "wakala.key").write_text(key)
    (tmp_path / "wakala.key").chmod(0o600)
    done = installed("init")
    assert done.code == 0
    assert "wakala.key was there and stays" in done.err
    assert (tmp_path / "wakala.key").read_text() == key


SEALED_BY_ANOTHER = """
INSERT INTO organisations (id, name, created_us) VALUES ('org_1', 'Duka', 1);
INSERT INTO apps (id, organisation_id, name, consumer_key, digest, data_key, webhook_secret, body_format, is_active,
    created_us)
VALUES ('app_1', 'org_1', 'shop', 'key', {digest}, 'v1.0123abcd.nonce.sealed', '', 'wakala', 1, 1);
"""


@pytest.fixture(params=["sqlite", "postgres"])
def older_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of the first schema, whose secrets another key sealed."""
    url: str = (
        f"sqlite:///{tmp_path}/older.db" if request.param == "sqlite" else request.getfixturevalue("empty_postgres_url")
    )
    asyncio.run(visited(url, sealed_by_another))
    return url


async def sealed_by_another(store: Database) -> None:
    await migrate(store, up_to=1)
    await store.script(SEALED_BY_ANOTHER.format(digest="x''" if store.dialect == "sqlite" else "''"))


async def visited(url: str, deed: Callable[[Database], Awaitable[Result]]) -> Result:
    store = database(Settings(database=DatabaseSettings(url)))
    await store.open()
    try:
        return await deed(store)
    finally:
        await store.close()


def test_init_asks_an_older_database_whose_it_is_before_it_brings_it_to_its_own_schema(
    wakala: Command, tmp_path: Path, older_url: str
) -> None:
    """Else the gateway that works with it would not start any more, for a mistake in a command."""
    refused = wakala("init", "--database-url", older_url)
    assert refused.code == 1
    assert "The database was sealed with key 0123abcd" in refused.err
    assert asyncio.run(visited(older_url, applied)) == 1
    assert not {"wakala.toml", "wakala.key"} & {one.name for one in tmp_path.iterdir()}


def test_a_gateway_does_not_bring_another_ones_database_to_its_own_schema(wakala: Command, tmp_path: Path) -> None:
    assert wakala("init").code == 0
    (tmp_path / "wakala.db").unlink()
    url = f"sqlite:///{tmp_path}/wakala.db"
    asyncio.run(visited(url, sealed_by_another))
    ended = wakala("serve", "--port", "1")
    assert ended.code == 1
    assert "The database was sealed with key 0123abcd" in ended.err
    assert asyncio.run(visited(url, applied)) == 1


def test_init_opens_a_database_once(wakala: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """On PostgreSQL each time is a pool of connections, and between two a gateway may begin."""
    opened = []
    honest = SqliteDatabase.open

    async def counted(self: SqliteDatabase) -> None:
        opened.append(self)
        await honest(self)

    monkeypatch.setattr(SqliteDatabase, "open", counted)
    assert wakala("init").code == 0
    assert len(opened) == 1


@pytest.mark.skipif(not can_mount(), reason="only root may mount a disk")
def test_a_disk_without_room_for_the_backup_is_told_in_words(installed: Command, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk") as disk:
        FullDisk(disk).begin()
        ended = installed("backup", "disk/backup")
        assert ended.code == 1
        assert f"There is no room in disk for a copy of {tmp_path}/wakala.db: make some" in ended.err
        assert [one.name for one in disk.iterdir()] == ["ballast"]


@pytest.mark.skipif(not can_mount(), reason="only root may mount a disk")
def test_a_disk_that_takes_no_writes_is_told_in_words_too(wakala: Command, tmp_path: Path) -> None:
    """SQLite writes beside a database that it only reads, and has no words for where it cannot."""
    (tmp_path / "backups").mkdir()
    with small_disk(tmp_path / "disk") as disk:
        assert wakala("init", "disk/here").code == 0
        with read_only(disk):
            ended = wakala("-c", "disk/here/wakala.toml", "backup", "backups/backup")
        assert ended.code == 1
        assert f"{tmp_path}/disk/here/wakala.db could not be copied into backups: " in ended.err
        assert "Look whether the disks of both are well, take writes and have room" in ended.err
        assert list((tmp_path / "backups").iterdir()) == []
