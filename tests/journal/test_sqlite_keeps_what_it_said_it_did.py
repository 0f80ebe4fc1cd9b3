"""SQLite: what was acknowledged is on the disk, whoever visits the file meanwhile, and nothing else is done."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import pytest

from journal.making import exchange, opening, payment
from services.waiting import until
from wakala.errors import DatabaseAwayError, DatabaseBusyError, DatabaseFaultError
from wakala.journal import sqlite
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.sqlite import SqliteDatabase, gateway_lock
from wakala.rules.exchange import Exchange

IN_WAL_AND_ON_THE_DISK = ("wal", 2)  # FULL: a commit waits until its log is there


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "journal.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteDatabase]:
    made = SqliteDatabase(path, exclusive=True)
    await made.open()
    await migrate(made)
    yield made
    with suppress(apsw.Error):
        await made.close()


@contextmanager
def visitor(path: Path) -> Iterator[apsw.Connection]:
    """Another program that writes to the file, as a command does for a moment."""
    connection = apsw.Connection(str(path))
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")
        connection.close()


async def test_a_commit_waits_for_the_disk_and_a_reader_writes_nothing(store: SqliteDatabase) -> None:
    for connection in (store._writer, store._helper):
        assert (connection.pragma("journal_mode"), connection.pragma("synchronous")) == IN_WAL_AND_ON_THE_DISK
    with pytest.raises(DatabaseFaultError, match="readonly"):
        await store.fetch("organisation_add", ("org_1", "Duka", 0))


async def test_nobody_else_may_look_into_the_file(store: SqliteDatabase, path: Path) -> None:
    assert [mode(place) & 0o077 for place in (path, path.parent)] == [0, 0]


def mode(path: Path) -> int:
    return path.stat().st_mode


async def test_one_gateway_has_the_file_until_it_ends(store: SqliteDatabase, path: Path) -> None:
    with pytest.raises(DatabaseBusyError, match=r"process \d+"):
        await SqliteDatabase(path, exclusive=True).open()
    with pytest.raises(DatabaseBusyError), gateway_lock(path):
        pass
    visiting = SqliteDatabase(path)  # a command
    await visiting.open()
    await visiting.close()
    await store.close()
    with gateway_lock(path), pytest.raises(DatabaseBusyError):
        await SqliteDatabase(path, exclusive=True).open()
    again = SqliteDatabase(path, exclusive=True)
    await again.open()
    await again.close()


async def test_what_was_asked_before_the_end_is_done_and_nothing_after(store: SqliteDatabase, path: Path) -> None:
    journal, made = Journal(store), [exchange() for _ in range(5)]
    asked = [asyncio.create_task(journal.record_exchange(one)) for one in made]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*asked)
    with pytest.raises(DatabaseAwayError):
        await journal.record_exchange(exchange())
    assert kept(path) == {one.id for one in made}


def kept(path: Path) -> set[str]:
    with apsw.Connection(str(path)) as connection:
        return {str(row[0]) for row in connection.execute("SELECT id FROM exchanges")}


async def test_a_short_visitor_is_waited_for(store: SqliteDatabase, path: Path) -> None:
    journal, made = Journal(store), exchange()
    with visitor(path):
        writing = asyncio.create_task(journal.record_exchange(made))
        await until(lambda: store.writing_for_s() > 0, "a commit that is under way")
        await asyncio.sleep(0)
        assert not writing.done()
        assert await journal.exchange(made.id) is None, "who reads waits for nobody"
    await writing
    assert await journal.exchange(made.id) == made
    assert store.writing_for_s() == 0
    assert not store.has_failed_lately()


async def test_a_visitor_who_stays_is_the_databases_trouble_and_nobodys_row(
    store: SqliteDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_MS", 1)
    journal, made, beginning, waits = (
        Journal(store),
        [exchange() for _ in range(3)],
        store._begin_patiently,
        list[int](),
    )
    monkeypatch.setattr(store, "_begin_patiently", lambda: (waits.append(1), beginning()))
    with visitor(path):
        told = await asyncio.gather(*(journal.record_exchange(one) for one in made), return_exceptions=True)
        assert [type(each) for each in told] == [DatabaseAwayError] * 3
        assert waits == [1], "he is waited for once, not once for each"
    assert store.has_failed_lately()
    assert store.writing_for_s() == 0
    await asyncio.gather(*(journal.record_exchange(one) for one in made))
    assert kept(path) == {one.id for one in made}


async def test_who_gave_up_before_his_turn_has_nothing_done(store: SqliteDatabase, path: Path) -> None:
    journal, first, given_up, last = Journal(store), exchange(), exchange(), exchange()
    with visitor(path):
        writing = asyncio.create_task(journal.record_exchange(first))
        await until(lambda: store.writing_for_s() > 0, "a commit that is under way")
        leaving = asyncio.create_task(journal.record_exchange(given_up))
        await asyncio.sleep(0)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    await writing
    await journal.record_exchange(last)
    assert kept(path) == {first.id, last.id}


async def test_a_disk_that_hangs_is_given_up_and_what_it_was_given_may_be_done_later(
    store: SqliteDatabase, path: Path
) -> None:
    journal, made, hangs = Journal(store), exchange(), threading.Event()
    hanging = store._disk.run(hangs.wait)
    store._patience.limit_s = 0.0
    with pytest.raises(DatabaseAwayError):
        await journal.record_exchange(made)
    assert store.writing_for_s() > 0, "who reads by a cursor waits for it"
    assert store.has_failed_lately()
    hangs.set()
    await hanging
    await until(lambda: store.writing_for_s() == 0, "the end of the commit")
    assert kept(path) == {made.id}


async def test_a_fault_of_a_row_is_no_fault_of_the_databases(store: SqliteDatabase, path: Path) -> None:
    journal, known, fine = Journal(store), exchange(), exchange()
    await journal.record_exchange(known)
    twice: Exchange = known
    told = await asyncio.gather(*(journal.record_exchange(one) for one in (fine, twice)), return_exceptions=True)
    assert [type(each) for each in told] == [type(None), DatabaseFaultError]
    assert not store.has_failed_lately()
    changes = opening(payment())
    broken = asyncio.gather(journal.open_payment(changes, twice), return_exceptions=True)
    assert [type(each) for each in await broken] == [DatabaseFaultError]
    assert await journal.payment(changes[-1].payment.id) is None, "all of it, or none"
    assert kept(path) == {known.id, fine.id}


async def test_more_than_a_batch_holds_is_done_in_the_next(
    store: SqliteDatabase, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "BATCH_LIMIT_OPERATIONS", 3)
    journal, made = Journal(store), [exchange() for _ in range(10)]
    await asyncio.gather(*(journal.record_exchange(one) for one in made))
    assert kept(path) == {one.id for one in made}
