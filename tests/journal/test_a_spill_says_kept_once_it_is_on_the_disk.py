"""What the spill file says is kept is on the disk, in a file that others find, until the database has it."""

import asyncio
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from wakala.errors import DatabaseAwayError
from wakala.journal import spill as spill_module
from wakala.journal.spill import MEMORY_LIMIT_BYTES, Spill

LIMIT_BYTES = 65_536
_nonces: Iterator[int] = count(1)


def spill(folder: Path) -> Spill:
    return Spill(folder, LIMIT_BYTES, b"k" * 32, lambda length: next(_nonces).to_bytes(length))


def opened(folder: Path) -> Spill:
    one = spill(folder)
    one.open()
    return one


def files(folder: Path) -> list[Path]:
    return list(folder.iterdir())


def killed(one: Spill) -> None:
    """Its process is gone, and its locks with it."""
    assert one._own is not None
    one._own.close(remove=False)


class Door:
    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.fault: Exception | None = None

    async def take(self, record: bytes) -> None:
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        self.taken.append(record)


def refusing(*_: object) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


# ── the disk ──


async def test_what_the_disk_does_not_confirm_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, door = opened(tmp_path), Door()
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", refusing)
        assert not await one.keep(b"1")
    assert await one.keep(b"2")
    assert await one.replay(door.take) == 1
    assert door.taken == [b"2"]
    await one.close()


async def test_of_what_the_disk_took_a_part_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, door, writing = opened(tmp_path), Door(), os.pwrite
    with monkeypatch.context() as disk:
        disk.setattr(os, "pwrite", lambda descriptor, line, place: writing(descriptor, line[: len(line) // 2], place))
        assert not await one.keep(b"a record that is longer than the next")
    assert await one.keep(b"1")
    killed(one)
    after = opened(tmp_path)
    await after.replay(door.take)
    assert door.taken == [b"1"]
    await after.close()


async def test_what_is_not_wiped_for_good_is_wiped_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, door = opened(tmp_path), Door()
    assert await one.keep(b"1")
    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", refusing)
        assert await one.replay(door.take) == 1
        assert one._own is not None
        assert one._own.end_bytes > 0
    assert await one.replay(door.take) == 0
    assert one._own.end_bytes == 0
    assert (tmp_path / "spill-0").read_bytes().strip(b"\0") == b""
    assert door.taken == [b"1"]
    await one.close()


async def test_what_is_refused_is_wiped_once_it_is_set_aside_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, door, syncing = opened(tmp_path), Door(), os.fdatasync
    door.fault = ValueError("no such row")
    assert await one.keep(b"bad")
    own = (tmp_path / "spill-0").stat()

    def sync(descriptor: int) -> None:
        if not os.path.samestat(os.fstat(descriptor), own):
            refusing()
        syncing(descriptor)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fdatasync", sync)
        await one.replay(door.take)
        assert not one.is_empty
        assert (tmp_path / "spill-0").read_bytes().strip(b"\0") != b""
    await one.replay(door.take)
    assert one.is_empty
    await one.close()


# ── the file ──


@pytest.mark.parametrize("change", [Path.unlink, lambda path: (path.unlink(), path.touch())])
async def test_a_file_that_another_process_removed_meanwhile_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    theirs, locking = tmp_path / "spill-0", fcntl.flock
    theirs.touch()

    def lock(descriptor: int, how: int) -> None:
        """Between our opening of it and our lock its owner ends, and perhaps another process begins."""
        if theirs.exists() and os.path.samestat(os.fstat(descriptor), theirs.stat()):
            change(theirs)
        locking(descriptor, how)

    with monkeypatch.context() as race:
        race.setattr(fcntl, "flock", lock)
        one = opened(tmp_path)
    assert await one.keep(b"1")
    killed(one)
    after, door = opened(tmp_path), Door()
    await after.replay(door.take)
    assert door.taken == [b"1"]
    await after.close()


async def test_what_a_dead_process_left_stays_while_the_database_is_away(tmp_path: Path) -> None:
    living, dead, door = opened(tmp_path), opened(tmp_path), Door()
    assert await dead.keep(b"1")
    killed(dead)
    door.fault = DatabaseAwayError()
    for _ in range(2):
        with pytest.raises(DatabaseAwayError):
            await living.replay(door.take)
    door.fault = None
    assert await living.replay(door.take) == 1
    assert door.taken == [b"1"]
    await living.close()
    assert files(tmp_path) == []


async def test_who_finds_every_file_in_use_says_so_and_has_one_once_it_is_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spill_module, "FILES_LIMIT", 1)
    first, second = opened(tmp_path), spill(tmp_path)
    assert caplog.messages == []
    second.open()
    assert "no place for callbacks" in caplog.text
    assert not await second.keep(b"1")
    await first.close()
    await second.reopen()
    assert await second.keep(b"2")
    await second.close()


async def test_what_is_being_written_at_the_end_is_kept(tmp_path: Path) -> None:
    one, door = opened(tmp_path), Door()
    keeping = asyncio.create_task(one.keep(b"1"))
    await asyncio.sleep(0)
    await one.close()
    assert await keeping
    after = opened(tmp_path)
    assert await after.replay(door.take) == 1
    await after.close()


async def test_at_the_end_a_file_stays_of_which_something_could_not_be_set_aside(tmp_path: Path) -> None:
    one, door = opened(tmp_path), Door()
    door.fault = ValueError("no such row")
    assert await one.keep(b"bad")
    aside = tmp_path / "spill-refused"
    aside.mkdir()  # nobody can write to that
    await one.replay(door.take)
    await one.close()
    aside.rmdir()
    after = opened(tmp_path)
    assert await after.replay(door.take) == 1
    await after.close()
    assert files(tmp_path) == [aside]


async def test_a_file_that_somebody_removed_by_hand_is_no_fault_at_the_end(tmp_path: Path) -> None:
    one = opened(tmp_path)
    (tmp_path / "spill-0").unlink()
    await one.close()


async def test_who_asks_twice_at_once_has_it_handled_once(tmp_path: Path) -> None:
    one, door = opened(tmp_path), Door()
    assert await one.keep(b"1")
    assert one.remember(b"2")
    assert sum(await asyncio.gather(one.replay(door.take), one.replay(door.take))) == 2
    assert sorted(door.taken) == [b"1", b"2"]
    await one.close()


@pytest.mark.parametrize("left", [b"\xff\x00!", b"=", b"cut short"])
async def test_whatever_a_crash_left_in_a_file_keeps_nothing_else_from_being_handled(
    tmp_path: Path, left: bytes
) -> None:
    dead, door = opened(tmp_path), Door()
    assert dead._own is not None
    dead._own.append(left)
    assert await dead.keep(b"1")
    killed(dead)
    after = opened(tmp_path)
    await after.replay(door.take)
    assert door.taken == [b"1"]
    assert after.is_empty
    await after.close()


async def test_what_is_set_aside_begins_a_line_of_its_own_though_the_one_before_was_cut_short(tmp_path: Path) -> None:
    one, door, aside = opened(tmp_path), Door(), tmp_path / "spill-refused"
    aside.write_bytes(b"cut sh")
    door.fault = ValueError("no such row")
    assert await one.keep(b"bad")
    await one.replay(door.take)
    await one.close()
    aside.rename(tmp_path / "spill-0")
    door.fault = None
    after = opened(tmp_path)
    assert await after.replay(door.take) == 2
    assert door.taken == [b"bad"]
    await after.close()


# ── memory ──


async def test_what_is_in_memory_stays_there_while_the_database_is_away(tmp_path: Path) -> None:
    one, door = spill(tmp_path), Door()
    assert one.remember(b"1")
    assert not one.is_empty
    door.fault = DatabaseAwayError()
    with pytest.raises(DatabaseAwayError):
        await one.replay(door.take)
    door.fault = None
    assert await one.replay(door.take) == 1
    assert one.is_empty


async def test_memory_is_counted_to_its_last_byte_and_is_free_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MEMORY_LIMIT_BYTES > 1_000_000
    monkeypatch.setattr(spill_module, "MEMORY_LIMIT_BYTES", 10)
    one, door = spill(tmp_path), Door()
    for _ in range(2):
        assert [one.remember(bytes(length)) for length in (6, 5, 4, 1)] == [True, False, True, False]
        assert await one.replay(door.take) == 2


async def test_what_is_refused_of_memory_is_set_aside_though_there_is_no_file(tmp_path: Path) -> None:
    one, door = spill(tmp_path), Door()
    door.fault = ValueError("no such row")
    assert one.remember(b"bad")
    assert await one.replay(door.take) == 1
    (tmp_path / "spill-refused").rename(tmp_path / "spill-0")
    door.fault = None
    after = opened(tmp_path)
    assert await after.replay(door.take) == 1
    assert door.taken == [b"bad"]
    await after.close()
