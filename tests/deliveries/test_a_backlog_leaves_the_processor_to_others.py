"""The turnstile: attempts from backlogs pass in the order in which they came, as many a tick as there is time for."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from wakala.workers.lanes import BUSY_SHARE, LATE_S, LOOK_S, TICK_S, Turnstile

A_WHILE = 2_000  # ticks
TICK_LIMIT = 16


class Moments:
    """An event loop's clock and alarms, without the waiting."""

    def __init__(self, tick_s: float = TICK_S) -> None:
        self.now_s = 0.0
        self.tick_s = tick_s
        self.alarms: list[tuple[Callable[..., None], tuple[Any, ...]]] = []

    def time(self) -> float:
        return self.now_s

    def create_future(self) -> asyncio.Future[None]:
        return asyncio.get_running_loop().create_future()

    def call_soon(self, work: Callable[..., None], *arguments: Any) -> None:
        self.alarms.append((work, arguments))

    def call_later(self, _delay_s: float, work: Callable[..., None], *arguments: Any) -> None:
        self.call_soon(work, *arguments)

    def tick(self) -> None:
        self.now_s += self.tick_s
        for work, arguments in [self.alarms.pop() for _ in range(len(self.alarms))]:
            work(*arguments)


def passed_each_tick(
    used: Callable[[float], float],
    *,
    tick_s: float = TICK_S,
    ticks: int = A_WHILE,
    limit_per_s: float = TICK_LIMIT / TICK_S,
) -> list[int]:
    """How many pass in each tick while many stand in line; ``used`` is the processor's time at a moment."""
    moments = Moments(tick_s)
    turnstile = Turnstile(lambda: used(moments.now_s), limit_per_s)
    line = [turnstile.enter(moments) for _ in range(int(TICK_LIMIT) * ticks)]
    counts, place = [], 0
    for _ in range(ticks):
        moments.tick()
        before = place
        while place < len(line) and line[place].done():
            place += 1
        counts.append(place - before)
        assert not line[place].done(), "in the order of arrival"
    return counts


async def test_while_the_processor_is_busy_one_passes_a_tick_and_never_fewer() -> None:
    assert set(passed_each_tick(lambda now_s: now_s)) == {1}


async def test_while_others_on_the_machine_keep_it_waiting_one_passes_a_tick() -> None:
    assert set(passed_each_tick(lambda _: 0.0, tick_s=2 * LATE_S)) == {1}


async def test_while_it_has_time_to_spare_more_and_more_pass_up_to_a_limit() -> None:
    counts = passed_each_tick(lambda _: 0.0)
    assert counts[0] == 1
    assert counts[-1] == TICK_LIMIT
    assert max(counts) == TICK_LIMIT


@pytest.mark.parametrize("limit_per_s", [100, 1_234, 5_000])
async def test_no_more_pass_than_the_limit_however_little_they_cost(limit_per_s: float) -> None:
    counts = passed_each_tick(lambda _: 0.0, limit_per_s=limit_per_s)
    second = round(1 / TICK_S)
    assert sum(counts[-second:]) == pytest.approx(limit_per_s, abs=2)
    assert max(counts) <= limit_per_s * TICK_S + 1


async def test_the_limit_is_reached_although_each_alarm_comes_a_little_late() -> None:
    late_s = TICK_S * 1.2
    counts = passed_each_tick(lambda _: 0.0, tick_s=late_s, limit_per_s=1_234)
    second = round(1 / late_s)
    assert sum(counts[-second:]) == pytest.approx(1_234, abs=5)


async def test_when_it_becomes_busy_they_are_soon_fewer() -> None:
    counts = passed_each_tick(lambda now_s: max(0.0, now_s - 2.0))
    soon = int((2.0 + 20 * LOOK_S) / TICK_S)
    assert counts[int(1.9 / TICK_S)] == TICK_LIMIT
    assert max(counts[soon:]) == 1


@pytest.mark.parametrize("share", [0.3, 0.5])
async def test_it_settles_at_its_share_of_all_work_together(share: float) -> None:
    """Each attempt costs a part of the processor on top of what else goes on."""
    moments = Moments()
    passed = 0
    turnstile = Turnstile(lambda: moments.now_s * share + passed * 0.000_3, TICK_LIMIT / TICK_S)
    line = [turnstile.enter(moments) for _ in range(int(TICK_LIMIT) * A_WHILE)]
    for _ in range(A_WHILE):
        moments.tick()
        passed = next(place for place in range(passed, len(line)) if not line[place].done())
    busy = share + passed * 0.000_3 / moments.now_s
    assert BUSY_SHARE - 0.05 <= busy <= BUSY_SHARE + 0.18
