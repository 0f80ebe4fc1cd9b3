"""Virtual time passes by itself, and a dead process runs not one line more."""

import asyncio
from collections.abc import Iterator

import pytest

from virtual.time import START_US, Process, StandstillError, VirtualLoop


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.bury()


def test_days_pass_in_no_time(loop: VirtualLoop) -> None:
    async def wait() -> None:
        await asyncio.sleep(3 * 86_400)

    loop.run_until_complete(wait())

    assert loop.now_us() - START_US == 3 * 86_400 * 1_000_000


def test_waiting_for_nothing_is_noticed(loop: VirtualLoop) -> None:
    with pytest.raises(StandstillError):
        loop.run_until_complete(loop.create_future())


def test_the_dead_clean_nothing_up(loop: VirtualLoop) -> None:
    done: list[str] = []
    process = Process(loop, "gateway", lambda _, how: done.append(f"died {how}"))

    async def work() -> None:
        try:
            await asyncio.sleep(1)
            done.append("a step")
            await asyncio.sleep(2)
            done.append("another step")
        finally:
            done.append("cleaned up")

    process.spawn(work())
    loop.call_later(2, process.die, "of a signal", context=loop.outside())
    loop.run_until_complete(asyncio.sleep(10))

    assert done == ["a step", "died of a signal"]


def test_an_answer_to_the_dead_wakes_nobody(loop: VirtualLoop) -> None:
    done: list[str] = []
    process = Process(loop, "gateway", lambda _, __: None)
    answer: asyncio.Future[str] = loop.create_future()

    async def ask() -> None:
        done.append(await answer)

    process.spawn(ask())
    loop.call_later(1, process.die, "of a signal", context=loop.outside())
    loop.call_later(2, answer.set_result, "too late", context=loop.outside())
    loop.run_until_complete(asyncio.sleep(10))

    assert done == []


def test_a_process_dies_at_the_step_it_was_told_to(loop: VirtualLoop) -> None:
    steps: list[int] = []
    process = Process(loop, "gateway", lambda _, __: None)
    process.dies_after = 10

    async def work() -> None:
        for number in range(100):
            steps.append(number)
            await asyncio.sleep(0)

    process.spawn(work())
    loop.run_until_complete(asyncio.sleep(10))

    assert steps == list(range(9))


def test_who_stands_still_does_it_all_when_it_wakes_and_nothing_before(loop: VirtualLoop) -> None:
    done: list[tuple[str, float]] = []
    process = Process(loop, "gateway", lambda _, __: None)

    async def work() -> None:
        for name in ("one", "two", "three"):
            await asyncio.sleep(1)
            done.append((name, loop.now_s))

    process.spawn(work())
    loop.call_later(1.5, process.stand_still, context=loop.outside())
    loop.call_later(9.0, process.wake, context=loop.outside())
    loop.run_until_complete(asyncio.sleep(20))

    assert done == [("one", 1.0), ("two", 9.0), ("three", 10.0)]
    assert process.awake_us == START_US + 9_000_000


def test_who_dies_while_it_stands_still_never_wakes(loop: VirtualLoop) -> None:
    done: list[str] = []
    process = Process(loop, "gateway", lambda _, how: done.append(how))

    async def work() -> None:
        await asyncio.sleep(1)
        done.append("worked")

    process.spawn(work())
    process.stand_still()
    loop.call_later(5.0, process.die, "of a signal", context=loop.outside())
    loop.run_until_complete(asyncio.sleep(20))

    assert done == ["of a signal"]
    assert loop.standing == 0
