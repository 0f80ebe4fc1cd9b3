"""A copy of the database: one file, for its owner alone, of one moment; and what is made of it sends nothing again."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from journal.making import LATER_US, app, exchange, payment, shortcode
from wakala.errors import ConfigurationError, DatabaseBusyError, DatabaseFaultError
from wakala.journal import archive
from wakala.journal.journal import Journal
from wakala.journal.migrations import applied, known, migrate
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.decisions import Change
from wakala.rules.payment import Payment, State, Step

PAGE_BYTES = 4_096
MOST_COMMITS = 3_000
LARGE_PAGES = 4_000  # so many steps that somebody commits between two of them


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteDatabase]:
    (tmp_path / "data").mkdir()
    made = SqliteDatabase(tmp_path / "data" / "journal.db")
    await made.open()
    await migrate(made)
    yield made
    await made.close()


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


async def unsent(journal: Journal) -> Payment:
    made = payment(state=State.RECEIVED, next_check_us=LATER_US + 9)
    assert await journal.open_payment([Change(made, Step.CONFIRM, "received", {})], None)
    return made


# ── SQLite ──


async def test_a_copy_that_is_made_in_steps_is_of_one_moment_and_ends_whatever_is_written_meanwhile(
    store: SqliteDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "STEP_PAGES", 1)
    wrote, ended = threading.Event(), threading.Event()
    other = apsw.Connection(str(store._path))
    other.execute("CREATE TABLE large AS SELECT zeroblob(?) AS content", (LARGE_PAGES * PAGE_BYTES,))
    other.execute("CREATE TABLE written (number)")

    def write() -> None:
        for number in range(MOST_COMMITS):
            other.execute("INSERT INTO written VALUES (?)", (number,))
            wrote.set()
            if ended.is_set():
                break

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert wrote.wait(30)
        archive.copy_sqlite(store._path, tmp_path / "backup")
    finally:
        ended.set()
        writer.join()
        other.close()
    copied = apsw.Connection(str(tmp_path / "backup"))
    numbers = [number for (number,) in copied.execute("SELECT number FROM written ORDER BY number")]
    copied.close()
    assert numbers == list(range(len(numbers)))
    assert len(numbers) < MOST_COMMITS  # it did not begin anew until nobody wrote any more


async def test_a_copy_of_a_running_gateways_database_is_one_file_with_all_that_was_committed(
    store: SqliteDatabase, tmp_path: Path
) -> None:
    journal, target = Journal(store), tmp_path / "copy" / "backup"
    target.parent.mkdir()
    target.write_bytes(b"an older one")
    target.with_name("backup-wal").write_bytes(b"and what belonged to it")
    made = [exchange() for _ in range(20)]
    await asyncio.gather(*(journal.record_exchange(one) for one in made))
    archive.copy_sqlite(store._path, target)
    assert names(target.parent) == ["backup"]
    assert mode(target) == 0o600
    with apsw.Connection(str(target)) as copy:
        assert {row[0] for row in copy.execute("SELECT id FROM exchanges")} == {one.id for one in made}
        assert copy.pragma("journal_mode") == "delete"
    assert names(target.parent) == ["backup"], "who looks into it needs no other file beside it"


async def test_what_a_copy_holds_is_read_from_it(store: SqliteDatabase, tmp_path: Path) -> None:
    journal, target = Journal(store), tmp_path / "backup"
    await journal.add_organisation("org_1", "Duka", 1)
    shop, till = app(), shortcode()
    await journal.add_app(shop)
    await journal.add_shortcode(till)
    archive.copy_sqlite(store._path, target)
    assert archive.contents(target) == archive.Contents(
        "sqlite",
        known("sqlite")[-1].number,
        (
            ("shortcodes.consumer_key", till.id, till.data_key, till.consumer_key),
            ("apps.webhook_secret", shop.id, shop.data_key, shop.webhook_secret),
        ),
    )


async def test_a_copy_that_is_damaged_or_none_is_refused(store: SqliteDatabase, tmp_path: Path) -> None:
    journal, target = Journal(store), tmp_path / "backup"
    for _ in range(50):
        await journal.record_exchange(exchange(request_body=bytes(PAGE_BYTES)))
    archive.copy_sqlite(store._path, target)
    whole = target.read_bytes()
    middle = len(whole) // 2 // PAGE_BYTES * PAGE_BYTES
    target.write_bytes(whole[:middle] + b"\xff" * PAGE_BYTES + whole[middle + PAGE_BYTES :])
    with pytest.raises(ConfigurationError, match="damaged"):
        archive.contents(target)
    for content in (b"", b"something else", b"PGDMPjunk", whole[:PAGE_BYTES]):
        target.write_bytes(content)
        with pytest.raises((ConfigurationError, DatabaseFaultError)):
            archive.contents(target)


async def test_a_log_is_folded_into_its_file_unless_somebody_has_it_open(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    writer = apsw.Connection(str(path))
    writer.pragma("journal_mode", "wal")
    writer.execute("CREATE TABLE kept (id); INSERT INTO kept VALUES (1)")
    with pytest.raises(DatabaseBusyError, match="end it first"):
        archive.fold_log(path)
    log = path.with_name("journal.db-wal").read_bytes()
    writer.close()
    path.with_name("journal.db-wal").write_bytes(log)  # a process that died leaves its log
    archive.fold_log(path)
    assert names(tmp_path) == ["journal.db"]
    path.write_bytes(b"no database at all, and longer than a header of one is" * 10)
    with pytest.raises(DatabaseFaultError, match="cannot read"):
        archive.fold_log(path)


def test_a_file_bears_its_name_once_it_is_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partial, target, steps = tmp_path / "backup.partial", tmp_path / "backup", list[tuple[str, bool]]()
    partial.write_bytes(b"new")
    partial.chmod(0o644)
    target.write_bytes(b"old")
    inode = partial.stat().st_ino

    def sync(descriptor: int) -> None:
        what = "file" if os.fstat(descriptor).st_ino == inode else "folder"
        steps.append((what, target.read_bytes() == b"new"))

    monkeypatch.setattr(os, "fsync", sync)
    archive.publish(partial, target)
    assert steps == [("file", False), ("folder", True)]
    assert (target.read_bytes(), mode(target), names(tmp_path)) == (b"new", 0o600, ["backup"])


# ── PostgreSQL ──


async def test_what_had_not_been_sent_is_asked_about_after_a_restore(tmp_path: Path, postgres_url: str) -> None:
    file, newest = tmp_path / "backup", known("postgres")[-1].number
    file.write_bytes(b"an older one")
    file.chmod(0o644)
    server = PostgresDatabase(postgres_url)
    await server.open()
    await migrate(server)
    made = await unsent(Journal(server))
    archive.dump_postgres(postgres_url, file)
    later = await unsent(Journal(server))
    await server.close()
    assert mode(file) == 0o600
    archive.load_postgres(postgres_url, file, newest, LATER_US)
    server = PostgresDatabase(postgres_url)
    await server.open()
    found = await Journal(server).payment(made.id)
    assert found is not None
    assert (found.state, found.sent_us, found.next_check_us) == (State.SENDING, LATER_US, LATER_US)
    assert [one.name for one in await Journal(server).events(made.id)] == ["received", "restored"]
    assert await Journal(server).payment(later.id) is None
    assert await applied(server) == newest
    await server.close()
    assert names(tmp_path) == ["backup"]


async def test_a_restore_that_fails_leaves_all_as_it_was(tmp_path: Path, postgres_url: str) -> None:
    file, newest = tmp_path / "backup", known("postgres")[-1].number
    server = PostgresDatabase(postgres_url)
    await server.open()
    await migrate(server)
    archive.dump_postgres(postgres_url, file)
    made = await unsent(Journal(server))
    with pytest.raises(DatabaseFaultError, match="psql failed"):
        archive.load_postgres(postgres_url, file, newest - 1, LATER_US)  # a step that it has taken already
    assert await Journal(server).payment(made.id) == made
    await server.close()
    assert names(tmp_path) == ["backup"]
