"""What a clock that was wrong has put off is looked at, though the database takes nothing at that moment."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from journal.making import NOW_US, SCOPE, opening, payment
from wakala.errors import DatabaseFaultError
from wakala.identity import Source
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.workers.timekeeper import Horizon, Timekeeper

HOUR_US = 3_600_000_000
YEAR_US = 365 * 24 * HOUR_US


@dataclass
class Clock:
    us: int = NOW_US

    def now_us(self) -> int:
        return self.us


def timekeeper(journal: Journal, clock: Clock) -> Timekeeper:
    return Timekeeper(journal, Source(clock.now_us, bytes), Horizon(HOUR_US, HOUR_US, HOUR_US))


@asynccontextmanager
async def refusing(database: Database) -> AsyncIterator[None]:
    """One of the tables is not to be had."""
    await database.script("ALTER TABLE consumers RENAME TO consumers_elsewhere")
    yield
    await database.script("ALTER TABLE consumers_elsewhere RENAME TO consumers")


async def put_off(journal: Journal) -> None:
    made = payment(next_check_us=NOW_US + YEAR_US)
    assert await journal.open_payment(opening(made)[:1], None)


async def due(journal: Journal) -> int:
    return len(await journal.payments_due(SCOPE.shortcode_id, NOW_US + HOUR_US, 10))


async def test_the_look_at_the_start_is_owed_until_the_journal_has_it(journal: Journal, database: Database) -> None:
    await put_off(journal)
    keeper = timekeeper(journal, Clock())
    async with refusing(database):
        for _ in range(2):
            with pytest.raises(DatabaseFaultError):
                await keeper.step()
    assert await due(journal) == 0
    await keeper.step()
    assert await due(journal) == 1


async def test_the_look_after_a_leap_is_owed_until_the_journal_has_it(journal: Journal, database: Database) -> None:
    clock = Clock(NOW_US + HOUR_US)
    keeper = timekeeper(journal, clock)
    await keeper.step()
    await put_off(journal)
    clock.us = NOW_US
    async with refusing(database):
        for _ in range(2):
            with pytest.raises(DatabaseFaultError):
                await keeper.step()
    clock.us = NOW_US + HOUR_US  # it has caught up meanwhile
    await keeper.step()
    assert await due(journal) == 1


async def test_a_look_that_was_taken_is_not_owed_any_more(journal: Journal, database: Database) -> None:
    keeper = timekeeper(journal, Clock())
    await keeper.step()
    async with refusing(database):
        await keeper.step()
