"""The thread that waits for the disk: what it was given is done in order and told, and it keeps no process alive."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import apsw
import pytest

from services.programs import Program
from services.waiting import PATIENCE_S
from wakala.journal.disk import DiskThread

HUNG = """
import asyncio, threading
from wakala.journal.disk import DiskThread

async def main():
    DiskThread("disk").run(threading.Event().wait)

asyncio.run(main())
"""


async def test_what_fails_on_the_disk_is_raised_where_it_is_waited_for() -> None:
    def refuse() -> None:
        raise apsw.FullError("database or disk is full")

    disk, done = DiskThread("disk"), list[int]()
    failing, following = disk.run(refuse), disk.run(done.append, 1)
    with pytest.raises(apsw.FullError, match="disk is full"):
        await failing
    await following
    disk.close()
    assert done == [1], "whoever comes next has a disk that may be well again"


async def test_who_waits_no_longer_is_not_told_and_whoever_is_next_is() -> None:
    troubles: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: troubles.append(context))
    disk, goes_on, done = DiskThread("disk"), threading.Event(), list[int]()
    given_up, following = disk.run(goes_on.wait), disk.run(done.append, 1)
    given_up.cancel()
    goes_on.set()
    await following
    disk.close()
    assert done == [1]
    assert troubles == []


async def test_what_was_given_is_done_before_it_is_closed() -> None:
    disk, goes_on, done = DiskThread("disk"), threading.Event(), list[int]()
    for job in (lambda: goes_on.wait(PATIENCE_S), lambda: done.append(1), lambda: done.append(2)):
        disk.run(job)
    threading.Timer(0.1, goes_on.set).start()
    disk.close()
    assert done == [1, 2]


async def test_a_process_ends_though_its_disk_hangs(tmp_path: Path) -> None:
    program = Program(["-c", HUNG], {}, tmp_path / "program.log")
    try:
        async with asyncio.timeout(PATIENCE_S):
            assert await program.ended() == 0, program.said
    finally:
        await program.kill()
