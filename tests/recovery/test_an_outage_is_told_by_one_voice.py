"""While the database is away the log says so when it begins, each minute and when it is over, however many meet it."""

import asyncio
import logging
from collections.abc import Iterator

import pytest

from virtual.time import VirtualLoop
from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.workers.loop import Loop
from wakala.workers.outage import QUIET_S, Outage

BEGIN_S = 10.0


@pytest.fixture
def loop() -> Iterator[VirtualLoop]:
    made = VirtualLoop()
    yield made
    made.bury()


@pytest.fixture
def said(loop: VirtualLoop, caplog: pytest.LogCaptureFixture) -> list[tuple[float, str]]:
    """Each line, and when."""
    lines: list[tuple[float, str]] = []
    caplog.handler.addFilter(lambda record: lines.append((round(loop.time()), record.getMessage())) is None)
    caplog.set_level(logging.INFO)
    return lines


def live(loop: VirtualLoop, end_s: float, *, until_s: float, fault: Exception | None = None) -> None:
    """Two workers meet a database that is away from `BEGIN_S` on; one asks it now and then, one never."""

    async def step() -> bool:
        if BEGIN_S <= loop.time() < end_s:
            raise fault or DatabaseAwayError
        return False

    asked: list[float] = []

    async def seldom() -> bool:
        asked.append(loop.time())
        return await step() if len(asked) % 3 else False

    async def idle() -> bool:
        return False

    async def life() -> None:
        outage = Outage()
        workers = [
            Loop("courier", step, 0.5),
            Loop("finisher", step, 1.0),
            Loop("doubts", seldom, 1.0),
            Loop("spill", idle, 0.5),
        ]
        for worker in workers:
            worker.start(outage)
        await asyncio.sleep(until_s)
        await asyncio.gather(*(worker.stop() for worker in workers))

    loop.run_until_complete(life())


def test_it_is_told_once_then_once_a_minute_and_once_when_it_is_over(
    loop: VirtualLoop, said: list[tuple[float, str]]
) -> None:
    live(loop, BEGIN_S + 150, until_s=300)
    begun, first, second, over = said
    assert begun[0] == BEGIN_S
    assert begun[1].startswith("the database is away, says the ")
    assert DatabaseAwayError().sentence in begun[1]
    assert [first[0], second[0]] == [BEGIN_S + 60, BEGIN_S + 120]
    assert first[1].startswith("the database is away for 60 s by now, say courier, ")
    assert second[1].startswith("the database is away for 120 s by now, say courier, ")
    assert BEGIN_S + 150 <= over[0] <= BEGIN_S + 150 + 2 * QUIET_S
    assert over[1] in {"the database is back; it was away for 149 s", "the database is back; it was away for 150 s"}


def test_one_that_comes_and_goes_within_seconds_is_one(loop: VirtualLoop, said: list[tuple[float, str]]) -> None:
    """A disk that is full takes what is small, and a worker with nothing to write meets nothing."""

    async def life() -> None:
        outage = Outage()
        for _ in range(10):
            outage.met("finisher", DatabaseAwayError())
            outage.passed("finisher")
            outage.passed("spill")
            await asyncio.sleep(1.0)
        await asyncio.sleep(QUIET_S)
        outage.passed("spill")

    loop.run_until_complete(life())
    assert [line.partition(",")[0].partition(";")[0] for _, line in said] == [
        "the database is away",
        "the database is back",
    ]


def test_who_met_it_has_to_have_a_good_turn_before_it_is_over(loop: VirtualLoop, said: list[tuple[float, str]]) -> None:
    async def life() -> None:
        outage = Outage()
        outage.met("puller", DatabaseAwayError())
        outage.met("courier", DatabaseAwayError())
        await asyncio.sleep(2 * QUIET_S)
        outage.passed("courier")
        assert len(said) == 1
        outage.passed("puller")

    loop.run_until_complete(life())
    assert len(said) == 2


def test_a_second_one_is_told_as_the_first(loop: VirtualLoop, said: list[tuple[float, str]]) -> None:
    async def life() -> None:
        outage = Outage()
        for _ in range(2):
            outage.met("courier", DatabaseAwayError())
            await asyncio.sleep(2 * QUIET_S)
            outage.passed("courier")

    loop.run_until_complete(life())
    assert len(said) == 4


def test_another_fault_of_a_worker_is_told_by_itself(loop: VirtualLoop, said: list[tuple[float, str]]) -> None:
    fault = DatabaseFaultError()
    live(loop, BEGIN_S + 2.5, until_s=20, fault=fault)
    assert said
    assert all(line.endswith(fault.sentence) and "away" not in line for _, line in said)
