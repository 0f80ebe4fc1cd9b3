"""SQLite's log goes back into the file while commits go on, stays small, and loses nothing."""

import asyncio
from pathlib import Path

import apsw
import pytest

from journal.making import exchange, payment
from wakala.journal import sqlite
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.sqlite import SqliteDatabase

PAGES = 60
PAGE_BYTES = 4_096
WRITERS, EACH = 8, 150


async def test_the_log_begins_anew_although_the_commits_never_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", PAGES)
    monkeypatch.setattr(sqlite, "FINISH_PAGES", PAGES // 10)
    path = tmp_path / "journal.db"
    store = SqliteDatabase(path)
    await store.open()
    await migrate(store)
    journal, log = Journal(store), path.with_name(path.name + "-wal")
    made, largest_bytes = payment(), 0

    async def write() -> None:
        nonlocal largest_bytes
        for _ in range(EACH):
            await journal.record_exchange(exchange(made, request_body=b"x" * PAGE_BYTES))
            largest_bytes = max(largest_bytes, log.stat().st_size)

    await asyncio.gather(*(write() for _ in range(WRITERS)))
    written_bytes = WRITERS * EACH * PAGE_BYTES
    assert PAGES * PAGE_BYTES < largest_bytes < written_bytes / 2
    await store.close()
    with apsw.Connection(str(path)) as connection:
        assert connection.execute("SELECT count(*) FROM exchanges").get == WRITERS * EACH
        assert connection.execute("PRAGMA integrity_check").get == "ok"


class OnFullDisk(apsw.Connection):
    """The log cannot be written back by this one."""

    def wal_checkpoint(self, *_: object, **__: object) -> tuple[int, int]:
        raise apsw.FullError("database or disk is full")


async def test_a_log_that_cannot_be_written_back_harms_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(sqlite, "FINISH_PAGES", 0)
    store = SqliteDatabase(tmp_path / "journal.db")
    await store.open()
    await migrate(store)

    monkeypatch.setattr(store, "_helper", OnFullDisk(str(tmp_path / "journal.db")))
    journal, made = Journal(store), payment()
    for _ in range(20):
        await journal.record_exchange(exchange(made, request_body=b"x" * 10 * PAGE_BYTES))
    assert len(await journal.exchanges(made.id)) == 20
    await store.close()
    assert "could not be written back" in caplog.text
