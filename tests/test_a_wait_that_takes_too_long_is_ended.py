"""One alarm for all who wait: each is ended by its own limit, nobody sooner, and who is done is left alone."""

import asyncio
from typing import Any

import pytest

from wakala.deadlines import Deadlines


class LateError(Exception):
    pass


def place() -> asyncio.Future[str]:
    return asyncio.get_running_loop().create_future()


async def test_it_ends_with_its_own_fault_and_the_others_wait_on() -> None:
    deadlines, short, long = Deadlines(), place(), place()
    deadlines.watch(long, 3_600, LateError)
    deadlines.watch(short, 0.01, LateError)
    with pytest.raises(LateError):
        await short
    assert not long.done()
    long.set_result("well")
    assert await long == "well"


async def test_who_is_done_or_gone_is_left_alone() -> None:
    deadlines, done, gone, late = Deadlines(), place(), place(), place()
    for each in (done, gone, late):
        deadlines.watch(each, 0.01, LateError)
    done.set_result("well")
    gone.cancel()
    with pytest.raises(LateError):
        await late
    assert await done == "well"
    assert gone.cancelled()


async def test_after_a_quiet_time_it_looks_again() -> None:
    deadlines = Deadlines()
    for _ in range(2):
        late = place()
        deadlines.watch(late, 0.0, LateError)
        with pytest.raises(LateError):
            await late


async def test_one_alarm_is_set_for_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, set_s = asyncio.get_running_loop(), []
    call_later = loop.call_later

    def counted(delay_s: float, *rest: Any) -> asyncio.TimerHandle:
        set_s.append(delay_s)
        return call_later(delay_s, *rest)

    monkeypatch.setattr(loop, "call_later", counted)
    deadlines, waits = Deadlines(), [place() for _ in range(5)]
    for each in waits:
        deadlines.watch(each, 3_600, LateError)
    assert len(set_s) == 1
    for each in waits:
        each.cancel()
