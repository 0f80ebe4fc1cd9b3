"""The programs of a chaos run end with it, however it ends."""

import signal
from pathlib import Path

from processes.nursery import Nursery
from services.waiting import until

SERVER = ["-m", "http.server", "0", "--bind", "127.0.0.1"]


async def test_programs_end_with_the_run_even_those_that_stand_still(tmp_path: Path) -> None:
    nursery = Nursery(tmp_path / "nursery.log")
    await nursery.open()
    working, frozen, gone = [await nursery.launch(SERVER, {}, tmp_path / f"{name}.log") for name in "abc"]
    frozen.send(signal.SIGSTOP)
    gone.send(signal.SIGKILL)
    assert await gone.code == -signal.SIGKILL
    assert not working.has_ended()
    assert not frozen.has_ended()
    await nursery.close()  # as the system closes what a killed run held open
    await until(lambda: working.has_ended() and frozen.has_ended(), "the end of the programs")
