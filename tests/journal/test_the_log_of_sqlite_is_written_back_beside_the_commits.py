"""SQLite's log goes back into the file while commits go on, stays small, and loses nothing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
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
    async with opened(tmp_path, monkeypatch, OnFullDisk) as store:
        journal, made = Journal(store), payment()
        for _ in range(20):
            await journal.record_exchange(exchange(made, request_body=b"x" * 10 * PAGE_BYTES))
        assert len(await journal.exchanges(made.id)) == 20
        pages = (tmp_path / "journal.db-wal").stat().st_size // PAGE_BYTES
    said = [one for one in caplog.messages if "could not be written back" in one]
    assert 1 <= len(said) <= pages // PAGES, "it is tried again as many pages on"


@asynccontextmanager
async def opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, helper: Callable[[str], apsw.Connection] = apsw.Connection
) -> AsyncIterator[SqliteDatabase]:
    """A store whose log is soon due, and who writes it back beside the commits."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", PAGES)
    monkeypatch.setattr(sqlite, "FINISH_PAGES", PAGES // 10)
    store = SqliteDatabase(folder / "journal.db")
    await store.open()
    await migrate(store)
    monkeypatch.setattr(store, "_helper", helper(str(folder / "journal.db")))
    yield store
    await store.close()


async def test_each_time_it_is_done_beside_the_commits_first_and_no_oftener_than_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch) as store:
        passes, checkpoint = list[str](), store._checkpoint

        def watched(connection: apsw.Connection) -> None:
            passes.append("beside" if connection is store._helper else "between")
            checkpoint(connection)

        monkeypatch.setattr(store, "_checkpoint", watched)
        journal, made = Journal(store), payment()
        for _ in range(120):
            await journal.record_exchange(exchange(made, request_body=b"x" * 10 * PAGE_BYTES))
    ends = passes.count("between")
    assert 2 <= ends <= 120 * 20 // PAGES, "a commit takes less than twenty pages"
    assert "between, between" not in ", ".join(passes)
    assert passes[0] == "beside"


class Idle(apsw.Connection):
    """Writes nothing back, as where somebody reads all the time."""

    def wal_checkpoint(self, *_: object, **__: object) -> tuple[int, int]:
        return PAGES, 0


async def test_where_the_passes_do_not_catch_up_the_rest_is_done_between_two_commits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(tmp_path, monkeypatch, Idle) as store:
        journal, made = Journal(store), payment()
        for _ in range(60):
            await journal.record_exchange(exchange(made, request_body=b"x" * 10 * PAGE_BYTES))
        assert (tmp_path / "journal.db-wal").stat().st_size < 60 * 10 * PAGE_BYTES / 2


async def test_no_commit_waits_for_a_pass_and_a_close_for_none_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_go_on = list[int](), threading.Event()

    class Hanging(apsw.Connection):
        def wal_checkpoint(self, *_: object, **__: object) -> tuple[int, int]:
            begun.append(1)
            may_go_on.wait()
            return PAGES, 0

    try:
        async with opened(tmp_path, monkeypatch, Hanging) as store:
            journal, made = Journal(store), payment()
            async with asyncio.timeout(60):
                for _ in range(60):
                    await journal.record_exchange(exchange(made, request_body=b"x" * 10 * PAGE_BYTES))
                await store.close(0.01)
            assert begun == [1], "one pass at a time"
            may_go_on.set()
    finally:
        may_go_on.set()
