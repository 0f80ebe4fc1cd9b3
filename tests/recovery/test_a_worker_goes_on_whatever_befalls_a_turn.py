"""The loop that every worker shares, in virtual time: when it rests, what ends it, and what does not."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from virtual.time import VirtualLoop
from wakala.errors import DatabaseAwayError
from wakala.workers.loop import FAULT_PAUSE_S, Loop

REST_S = 0.25


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.bury()


def turns_of(loop: VirtualLoop, turn: Callable[[int], bool], rest_s: float, *, until_s: float = 10.0) -> list[float]:
    """When each turn began; ``turn`` is told its number."""
    began_s: list[float] = []

    async def step() -> bool:
        began_s.append(loop.time())
        return turn(len(began_s))

    async def life() -> None:
        worker = Loop("worker", step, rest_s)
        worker.start()
        await asyncio.sleep(until_s)
        await worker.stop()

    loop.run_until_complete(life())
    return began_s


def test_it_rests_where_there_is_nothing_to_do_and_nowhere_else(loop: VirtualLoop) -> None:
    began_s = turns_of(loop, lambda number: number < 5, REST_S, until_s=1.1)
    assert began_s == [0, 0, 0, 0, 0, 0.25, 0.5, 0.75, 1.0]


@pytest.mark.parametrize("fault", [DatabaseAwayError(), ZeroDivisionError("a fault of ours")])
def test_a_turn_that_failed_is_followed_by_the_next_after_a_pause(loop: VirtualLoop, fault: Exception) -> None:
    def turn(number: int) -> bool:
        if number in {1, 2}:
            raise fault
        return False

    began_s = turns_of(loop, turn, REST_S, until_s=FAULT_PAUSE_S * 2 + 0.6)
    assert began_s == [0, FAULT_PAUSE_S, 2 * FAULT_PAUSE_S, 2.25, 2.5]


def test_a_rest_that_is_longer_than_the_pause_after_a_fault_stays_as_long(loop: VirtualLoop) -> None:
    def turn(_: int) -> bool:
        raise DatabaseAwayError

    assert turns_of(loop, turn, 4.0) == [0, 4, 8]


@pytest.mark.parametrize("cut_short", [False, True])
def test_a_stop_waits_for_the_turn_and_who_waits_no_longer_cuts_it_short(
    loop: VirtualLoop, caplog: pytest.LogCaptureFixture, cut_short: bool
) -> None:
    ended: list[float] = []

    async def step() -> bool:
        try:
            await asyncio.sleep(5.0)
        except asyncio.CancelledError:
            raise DatabaseAwayError from None  # as who was asking the database says it
        finally:
            ended.append(loop.time())
        return True

    async def life() -> None:
        worker = Loop("worker", step, REST_S)
        worker.start()
        await asyncio.sleep(1.0)
        stopping = asyncio.ensure_future(worker.stop())
        await asyncio.sleep(1.0)
        if cut_short:
            stopping.cancel()
        await asyncio.wait({stopping})
        await asyncio.sleep(60.0)

    loop.run_until_complete(life())
    assert ended == [2.0 if cut_short else 5.0]
    assert caplog.text == ""
