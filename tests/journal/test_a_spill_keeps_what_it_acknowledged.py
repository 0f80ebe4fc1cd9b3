"""The spill file: what was said to be kept is handled, whatever the file, the disk or the process went through."""

import asyncio
import errno
import os
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from recovery.troubles import can_mount, read_only, small_disk
from services.waiting import until
from wakala.errors import DatabaseAwayError
from wakala.journal import spill as spill_module
from wakala.journal.spill import MEMORY_LIMIT_BYTES, Spill

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
LIMIT_BYTES = 65_536
_nonces: Iterator[int] = count(1)


def spill(folder: Path, key: bytes = KEY, limit_bytes: int = LIMIT_BYTES) -> Spill:
    return Spill(folder, limit_bytes, key, lambda length: next(_nonces).to_bytes(length))


@asynccontextmanager
async def opened(folder: Path, key: bytes = KEY, limit_bytes: int = LIMIT_BYTES) -> AsyncIterator[Spill]:
    one = spill(folder, key, limit_bytes)
    one.open()
    try:
        yield one
    finally:
        await one.close()


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


class Door:
    """Takes records, or says that the database is away, or that a record is refused."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []
        self.is_away = False
        self.refused: set[bytes] = set()

    async def take(self, record: bytes) -> None:
        if self.is_away:
            raise DatabaseAwayError
        if record in self.refused:
            raise ValueError("no such row")
        self.taken.append(record)


async def test_what_is_kept_is_handled_once_and_leaves_no_file(tmp_path: Path) -> None:
    door = Door()
    async with opened(tmp_path) as one:
        kept = await asyncio.gather(*(one.keep(b"%d" % n) for n in range(100)))
        assert all(kept)
        assert await one.replay(door.take) == 100
        assert await one.replay(door.take) == 0
        assert one.is_empty
    assert sorted(door.taken) == sorted(b"%d" % n for n in range(100))
    assert files(tmp_path) == []


async def test_its_place_is_taken_before_it_is_needed_and_only_the_owner_may_look(tmp_path: Path) -> None:
    async with opened(tmp_path) as one:
        [file] = files(tmp_path)
        assert file.stat().st_blocks * 512 >= LIMIT_BYTES
        assert file.stat().st_mode & 0o077 == 0
        assert await one.keep(b"254712345678 paid")
        assert b"254712345678" not in file.read_bytes()


async def test_what_the_database_does_not_take_yet_stays(tmp_path: Path) -> None:
    door = Door()
    async with opened(tmp_path) as one:
        assert await one.keep(b"1")
        door.is_away = True
        with pytest.raises(DatabaseAwayError):
            await one.replay(door.take)
        assert not one.is_empty
        door.is_away = False
        assert await one.replay(door.take) == 1
    assert door.taken == [b"1"]


async def test_a_record_that_comes_during_the_replay_is_handled_too(tmp_path: Path) -> None:
    async with opened(tmp_path) as one:
        taken: list[bytes] = []

        async def take(record: bytes) -> None:
            taken.append(record)
            if record == b"first":
                assert await one.keep(b"second")

        assert await one.keep(b"first")
        assert await one.replay(take) == 2
        assert taken == [b"first", b"second"]
        assert one.is_empty


async def test_a_process_that_died_leaves_its_records_to_whoever_comes_next(tmp_path: Path) -> None:
    door = Door()
    dead = spill(tmp_path)
    dead.open()
    assert await dead.keep(b"1")
    assert dead._own is not None
    dead._own.close(remove=False)  # what the system does to the files of a process that ends
    async with opened(tmp_path) as living:
        assert await living.replay(door.take) == 1
    assert door.taken == [b"1"]


async def test_a_living_process_takes_over_the_records_of_one_that_died_beside_it(tmp_path: Path) -> None:
    door = Door()
    async with opened(tmp_path) as living:
        other = spill(tmp_path)
        other.open()
        assert await other.keep(b"1")
        assert await living.replay(door.take) == 0  # its owner lives
        assert other._own is not None
        other._own.close(remove=False)
        assert await living.replay(door.take) == 1
        assert len(files(tmp_path)) == 1
    assert door.taken == [b"1"]


async def test_what_another_process_took_over_meanwhile_keeps_nothing_else_from_being_handled(tmp_path: Path) -> None:
    taken: list[bytes] = []
    async with opened(tmp_path) as living:
        dead = [spill(tmp_path) for _ in range(3)]
        for number, process in enumerate(dead):
            process.open()
            assert await process.keep(b"%d" % number)
        for process in dead:
            assert process._own is not None
            process._own.close(remove=False)

        async def take(record: bytes) -> None:
            taken.append(record)
            (tmp_path / "spill-2").unlink(missing_ok=True)  # it has handled the second one's, and removed the file

        assert await living.replay(take) == 2
    assert taken == [b"0", b"2"]
    assert files(tmp_path) == []


async def test_a_line_that_a_crash_cut_short_costs_only_itself(tmp_path: Path) -> None:
    door = Door()
    dead = spill(tmp_path)
    dead.open()
    assert await dead.keep(b"1")
    assert dead._own is not None
    dead._own.append(b"bm90IGEgd2hvbGUgcmVjb3Jk")  # the next line had only begun
    dead._own.close(remove=False)
    async with opened(tmp_path) as living:
        assert await living.keep(b"2")
        await living.replay(door.take)
        assert living.is_empty
    assert door.taken == [b"1", b"2"]
    assert [path.name for path in files(tmp_path)] == ["spill-refused"]


async def test_what_was_being_wiped_when_the_process_died_is_not_taken_for_damage(tmp_path: Path) -> None:
    door = Door()
    dead = spill(tmp_path)
    dead.open()
    for record in (b"1", b"2", b"3"):
        assert await dead.keep(record)
    assert dead._own is not None
    os.pwrite(dead._own._descriptor, bytes(30), 0)  # as far as it had come: half of a line
    dead._own.close(remove=False)
    async with opened(tmp_path) as living:
        assert await living.replay(door.take) == 2
    assert door.taken == [b"2", b"3"]
    assert files(tmp_path) == []


async def test_a_record_that_is_refused_for_good_keeps_no_other_from_being_handled(tmp_path: Path) -> None:
    door = Door()
    door.refused.add(b"bad")
    async with opened(tmp_path) as one:
        assert await one.keep(b"bad")
        assert await one.keep(b"good")
        await one.replay(door.take)
        assert one.is_empty
    assert door.taken == [b"good"]
    [aside] = files(tmp_path)
    assert aside.name == "spill-refused"
    assert aside.stat().st_mode & 0o077 == 0


async def test_what_was_set_aside_is_handled_once_it_is_put_back(tmp_path: Path) -> None:
    door = Door()
    door.refused = {b"2"}
    async with opened(tmp_path) as one:
        assert await one.keep(b"2")
        await one.replay(door.take)
        assert door.taken == []
        door.refused = set()
        (tmp_path / "spill-refused").rename(tmp_path / "spill-63")  # as `wakala doctor` says
        assert await one.replay(door.take) == 1
    assert door.taken == [b"2"]
    assert files(tmp_path) == []


async def test_a_record_sealed_with_another_key_is_set_aside_and_not_thrown_away(tmp_path: Path) -> None:
    door = Door()
    async with opened(tmp_path, OTHER_KEY) as other:
        assert await other.keep(b"1")
    async with opened(tmp_path) as one:
        await one.replay(door.take)
    assert door.taken == []
    assert (tmp_path / "spill-refused").read_bytes().strip()


async def test_a_full_file_says_so(tmp_path: Path) -> None:
    door = Door()
    async with opened(tmp_path, limit_bytes=4_096) as one:
        kept = [await one.keep(bytes(1_000)) for _ in range(8)]
        assert kept == [True, True, False, False, False, False, False, False]
        assert await one.replay(door.take) == 2
        assert await one.keep(bytes(1_000))
        await one.replay(door.take)


@contextmanager
def no_file_longer_than(limit_bytes: int) -> Iterator[None]:
    """The disk has no more room than that for one file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_where_its_place_is_refused_what_a_dead_process_left_is_handled_all_the_same(tmp_path: Path) -> None:
    door = Door()
    dead = spill(tmp_path)
    dead.open()
    assert await dead.keep(b"1")
    assert dead._own is not None
    dead._own.close(remove=False)
    with no_file_longer_than(LIMIT_BYTES):
        async with opened(tmp_path, limit_bytes=2 * LIMIT_BYTES) as living:
            assert await living.replay(door.take) == 1
    assert door.taken == [b"1"]
    assert files(tmp_path) == []


async def test_where_its_place_was_refused_it_has_one_once_the_disk_has_room(tmp_path: Path) -> None:
    door = Door()
    with no_file_longer_than(LIMIT_BYTES // 2):
        one = spill(tmp_path)
        one.open()
        await one.reopen()
        assert not await one.keep(b"1")
        assert files(tmp_path) == []
    await one.reopen()
    assert await one.keep(b"1")
    await one.reopen()
    assert await one.replay(door.take) == 1
    await one.close()


async def test_a_file_of_another_account_takes_the_place_of_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = tmp_path / "spill-0"
    theirs.touch()
    opening = os.open

    def refusing(path: Path, *terms: int) -> int:
        if path == theirs:  # root's, as of a start by sudo
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opening(path, *terms)

    monkeypatch.setattr(os, "open", refusing)
    door = Door()
    async with opened(tmp_path) as one:
        assert await one.keep(b"1")
        assert await one.replay(door.take) == 1
    assert door.taken == [b"1"]
    assert files(tmp_path) == [theirs]


async def test_a_disk_that_hangs_is_waited_for_once_and_memory_takes_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill_module, "WRITE_LIMIT_S", 0.1)
    door = Door()
    async with opened(tmp_path) as one:
        assert one._own is not None
        with one._own._lock:  # the thread that writes comes no further, as in a call to the system that hangs
            assert not await one.keep(b"1")
            assert not await one.keep(b"2")
            assert one._waiting == []  # the second was not even given to it
            assert one.remember(b"1")
            assert one.remember(b"2")
            replaying = asyncio.create_task(one.replay(door.take))
            await until(lambda: door.taken == [b"1", b"2"], "what is in memory")
        assert one._writing is not None
        await one._writing
        assert await one.keep(b"3")
        await replaying
        await one.replay(door.take)
        assert one.is_empty
    assert door.taken == [b"1", b"2", b"1", b"3"]  # the front door makes one of the two


async def test_what_cannot_be_read_is_set_aside_once_however_long_the_database_is_away(tmp_path: Path) -> None:
    door = Door()
    dead = spill(tmp_path)
    dead.open()
    assert await dead.keep(b"1")
    assert dead._own is not None
    dead._own.append(b"bm90IGEgd2hvbGUgcmVjb3Jk")
    dead._own.close(remove=False)
    async with opened(tmp_path) as one:
        door.is_away = True
        for _ in range(3):
            with pytest.raises(DatabaseAwayError):
                await one.replay(door.take)
        door.is_away = False
        assert await one.replay(door.take) == 2
    assert door.taken == [b"1"]
    assert (tmp_path / "spill-refused").read_bytes().split() == [b"bm90IGEgd2hvbGUgcmVjb3Jk"]


@contextmanager
def taking_no_byte(path: Path) -> Iterator[None]:
    """The file as on a disk that has turned read-only: whoever has it open already can only read it."""
    writing = [int(entry.name) for entry in Path("/proc/self/fd").iterdir() if str(path) == _leads_to(entry)]
    assert writing
    reading, kept = os.open(path, os.O_RDONLY), [os.dup(one) for one in writing]  # which hold the locks meanwhile
    try:
        for one in writing:
            os.dup2(reading, one)
        yield
    finally:
        for one, before in zip(writing, kept, strict=True):
            os.dup2(before, one)
            os.close(before)
        os.close(reading)


def _leads_to(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except FileNotFoundError:  # the one by which the folder was read
        return ""


async def test_what_is_handled_and_cannot_be_wiped_is_not_handled_again(tmp_path: Path) -> None:
    door = Door()
    async with opened(tmp_path) as one:
        assert await one.keep(b"1")
        with taking_no_byte(tmp_path / "spill-0"):
            assert [await one.replay(door.take) for _ in range(3)] == [1, 0, 0]
        assert await one.keep(b"2")
        assert await one.replay(door.take) == 1
        assert one.is_empty
        assert (tmp_path / "spill-0").read_bytes().strip(b"\0") == b""
    assert door.taken == [b"1", b"2"]
    assert files(tmp_path) == []


async def test_what_a_dead_process_left_and_cannot_be_wiped_is_not_handled_again(tmp_path: Path) -> None:
    dead, door, disk = spill(tmp_path), Door(), ExitStack()
    dead.open()
    assert await dead.keep(b"1")
    assert dead._own is not None
    dead._own.close(remove=False)
    (tmp_path / "spill-0").rename(tmp_path / "spill-7")

    async def take(record: bytes) -> None:
        await door.take(record)
        disk.enter_context(taking_no_byte(tmp_path / "spill-7"))

    async with opened(tmp_path) as one, opened(tmp_path) as other:
        with disk:
            assert [await one.replay(take) for _ in range(3)] == [1, 0, 0]
            assert await other.replay(door.take) == 0  # it is in hand
        assert await one.replay(door.take) == 0
        assert not (tmp_path / "spill-7").exists()
    assert door.taken == [b"1"]


@pytest.mark.skipif(not can_mount(), reason="mounting a disk is for root alone")
async def test_what_a_dead_process_left_on_a_disk_that_is_read_only_now_waits_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    door = Door()
    with small_disk(tmp_path / "disk") as folder:
        dead = spill(folder)
        dead.open()
        assert await dead.keep(b"1")
        assert dead._own is not None
        dead._own.close(remove=False)
        with read_only(folder):
            living = spill(folder)
            living.open()
            assert [await living.replay(door.take) for _ in range(2)] == [0, 0]
            assert caplog.text.count("has to wait") == 1
        assert await living.replay(door.take) == 1
        await living.close()
    assert door.taken == [b"1"]


async def test_what_cannot_be_set_aside_yet_holds_up_nothing_and_is_not_lost(tmp_path: Path) -> None:
    tries: list[bytes] = []
    door = Door()
    door.refused = {b"bad", b"worse"}

    async def take(record: bytes) -> None:
        tries.append(record)
        await door.take(record)

    async with opened(tmp_path) as one:
        (tmp_path / "spill-refused").mkdir()  # nobody can write to that
        assert one.remember(b"worse")
        assert await one.keep(b"bad")
        assert await one.keep(b"good")
        assert [await one.replay(take) for _ in range(3)] == [3, 0, 0]
        assert tries == [b"worse", b"bad", b"good"]
        assert not one.is_empty
        assert (tmp_path / "spill-0").read_bytes().strip(b"\0") != b""  # a crash now loses nothing

        (tmp_path / "spill-refused").rmdir()
        assert await one.replay(take) == 0
        assert one.is_empty
        (tmp_path / "spill-refused").rename(tmp_path / "spill-63")
        door.refused = set()
        assert await one.replay(door.take) == 2
    assert door.taken == [b"good", b"worse", b"bad"]


async def test_memory_is_the_last_means_and_has_a_limit(tmp_path: Path) -> None:
    door = Door()
    one = spill(tmp_path / "no such folder")
    one.open()
    assert not await one.keep(b"1")
    assert one.remember(b"1")
    assert not one.remember(bytes(MEMORY_LIMIT_BYTES))
    assert await one.replay(door.take) == 1
    assert one.is_empty
