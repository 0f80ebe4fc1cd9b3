"""The clock can be moved, and rings in order what has become due."""

import asyncio

import pytest

from simulator.box import until
from wakala.simulator.clock import Clock


async def test_what_is_due_rings_in_its_order() -> None:
    clock, rung = Clock(lambda: 0.0), list[str]()
    clock.after(20, lambda: rung.append("second"))
    clock.after(10, lambda: rung.append("first"))
    clock.after(30, lambda: rung.append("never"))
    clock.advance(25)
    assert rung == ["first", "second"]


async def test_an_alarm_can_cancel_one_that_is_due_with_it() -> None:
    clock, rung = Clock(lambda: 0.0), list[str]()
    later = clock.after(20, lambda: rung.append("later"))
    clock.after(10, later.cancel)
    clock.advance(25)
    assert rung == []


async def test_an_alarm_rings_by_itself() -> None:
    clock, rung = Clock(), list[str]()
    clock.after(0, lambda: rung.append("now"))
    await until(lambda: rung)


async def test_a_sleeper_wakes_when_the_clock_moves() -> None:
    clock = Clock()
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    clock.advance(3601)
    await sleeper
    assert clock.ahead_seconds == 3601


async def test_a_sleeper_who_is_cancelled_as_the_clock_moves_stays_cancelled() -> None:
    clock = Clock()
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    sleeper.cancel()
    clock.advance(3601)
    with pytest.raises(asyncio.CancelledError):
        await sleeper


def test_nairobi_is_three_hours_ahead() -> None:
    assert Clock(lambda: 0.0).now().isoformat() == "1970-01-01T03:00:00+03:00"
