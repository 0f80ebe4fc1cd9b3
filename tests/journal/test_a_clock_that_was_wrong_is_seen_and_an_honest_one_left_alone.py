"""What the timekeeper does at a start, after a leap, and while the clock is honest."""

import os
from dataclasses import dataclass

import pytest

from journal.making import NOW_US, SCOPE, exchange
from wakala.identity import Source, first_id
from wakala.journal.journal import Journal
from wakala.journal.rows import Confirmation
from wakala.workers.timekeeper import LEAP_US, Horizon, Timekeeper

HOUR_US = 3_600_000_000
SETTLE_US = 25_000_000
HORIZON = Horizon(check_us=3 * HOUR_US, lease_us=HOUR_US, due_us=2 * HOUR_US)


@dataclass
class Clock:
    us: int = NOW_US

    def now_us(self) -> int:
        return self.us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def source(clock: Clock) -> Source:
    return Source(clock.now_us, os.urandom)


async def put_off(journal: Journal, receipt: str, by_us: int) -> None:
    """Money of a customer, which is looked at so long after `NOW_US`."""
    waiting = Confirmation("org_1", "sandbox", receipt, "app_1", "sc_1", None, "{}", NOW_US, NOW_US + by_us)
    assert await journal.record_confirmation(waiting, exchange())


async def due(journal: Journal) -> list[str]:
    return [one.receipt for one in await journal.confirmations_due(NOW_US, 10)]


async def test_each_thing_has_its_own_limit(journal: Journal, source: Source) -> None:
    await put_off(journal, "HONEST", HORIZON.check_us)
    await put_off(journal, "BEYOND", HORIZON.check_us + 1)
    await Timekeeper(journal, source, HORIZON).step()
    assert await due(journal) == ["BEYOND"]


async def test_it_looks_at_a_start_and_not_again_while_the_clock_is_honest(
    journal: Journal, source: Source, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    keeper = Timekeeper(journal, source, HORIZON)
    await keeper.step()
    await put_off(journal, "LATER", HORIZON.check_us + 1)
    for back_us in (0, LEAP_US):
        clock.us = NOW_US - back_us
        await keeper.step()
    assert await due(journal) == []
    assert caplog.messages == []
    clock.us = NOW_US - LEAP_US - 1
    await keeper.step()
    assert await due(journal) == ["LATER"]


async def test_a_reader_is_not_taken_back_while_ids_go_on_from_before_the_leap(
    journal: Journal, source: Source, clock: Clock
) -> None:
    source.new_id("ntf")
    clock.us -= HOUR_US
    read = first_id("ntf", NOW_US - HOUR_US // 2)
    await journal.endpoints.move_cursor(SCOPE, "ledger", read, NOW_US)
    await Timekeeper(journal, source, HORIZON).step()
    [reader] = await journal.endpoints.consumers(SCOPE.app_id, SCOPE.environment)
    assert reader.cursor == read


async def test_what_is_settled_is_known_by_what_each_turn_noted(journal: Journal, clock: Clock) -> None:
    steady = Clock(HOUR_US)
    source = Source(clock.now_us, os.urandom, steady_us=steady.now_us)
    keeper = Timekeeper(journal, source, HORIZON)
    await keeper.step()
    clock.us += HOUR_US
    assert source.settled_us(SETTLE_US) < NOW_US, "the clock leapt ahead, and what was made before may be under way"
    steady.us += SETTLE_US
    assert source.settled_us(SETTLE_US) == NOW_US
