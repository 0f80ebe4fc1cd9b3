"""A sweep goes through all that is old, however much it is, and is made again after an hour; by which time it goes."""

import asyncio
import os

import asyncpg
import pytest

from journal.making import exchange
from journal.test_old_rows_age_out import (
    AGES,
    DAY_US,
    NOW_US,
    THEN_US,
    Clock,
    at,
    only_on_postgres,
    pruner,
    states,
    sweep,
    swept,
    with_history,
)
from wakala.identity import Source
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.partitions import WEEK_MS, Partitions
from wakala.journal.postgres import PostgresDatabase
from wakala.workers import pruner as module
from wakala.workers.pruner import NO_EARLIER_US, STRIDE_US, SWEEP_INTERVAL_S, Ages

HOUR_US = SWEEP_INTERVAL_S * 1_000_000


@pytest.mark.parametrize("strays", [0, 21])  # more notifications than exchanges, and fewer
async def test_a_sweep_goes_on_until_neither_of_both_has_anything_left_and_counts_each_once(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch, strays: int
) -> None:
    monkeypatch.setattr(module, "STEP_ROWS", 2)
    olds = [await with_history(journal, THEN_US) for _ in range(3)]
    lone = [exchange(id=at(THEN_US).new_id("xch")) for _ in range(strays)]
    for one in lone:
        await journal.record_exchange(one)
    await journal.retention.keep_retention_time(NOW_US)
    counted = await pruner(journal, database).run(dry_run=True)
    assert counted.notifications == 2 * len(olds)
    assert await pruner(journal, database).run(dry_run=False) == counted
    assert [await states(journal, old) for old in olds] == [{"waiting", "kept", "given_up"}] * len(olds)
    assert [await journal.exchange(one.id) for one in lone] == [None] * strays


async def test_what_waits_is_not_counted_among_what_would_go(journal: Journal, database: Database) -> None:
    await with_history(journal, THEN_US)
    await journal.retention.keep_retention_time(NOW_US)
    everything = Ages(exchanges_days=90, notifications_days=90, undelivered_days=90)
    assert (await pruner(journal, database, everything).run(dry_run=True)).notifications == 4


async def test_what_was_never_settled_ages_from_when_it_was_staged(journal: Journal, database: Database) -> None:
    old = await with_history(journal, THEN_US)
    younger_than = Ages(exchanges_days=90, notifications_days=90, undelivered_days=105)
    await swept(pruner(journal, database, younger_than))
    assert await states(journal, old) == {"waiting", "kept", "given_up"}


async def test_one_process_sweeps_once_an_hour(
    journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, clock, began_us = asyncio.get_running_loop(), Clock(NOW_US), NOW_US
    steady = loop.time
    monkeypatch.setattr(loop, "time", lambda: steady() + (clock.us - began_us) / 1_000_000)
    await journal.retention.keep_retention_time(NOW_US)
    one = pruner(journal, database)
    one._source = Source(clock.now_us, os.urandom)
    await sweep(one)
    old = await with_history(journal, THEN_US)
    clock.us += HOUR_US - 1
    await sweep(one)
    await sweep(pruner(journal, database, now_us=clock.us))
    assert len(await journal.exchanges(old.id)) == 1
    clock.us += HOUR_US // 4  # a process asks four times an hour at most
    await sweep(one)
    assert await journal.exchanges(old.id) == []


async def test_what_a_clock_showed_before_this_program_was_made_says_nothing(
    journal: Journal, database: Database
) -> None:
    """A machine without a battery begins in 1970."""
    await with_history(journal, DAY_US)
    await sweep(pruner(journal, database))
    assert await journal.retention.retention_time_us() == NO_EARLIER_US + STRIDE_US


async def test_a_clock_that_is_behind_takes_the_time_back_by_a_stride_and_no_more(
    journal: Journal, database: Database
) -> None:
    await journal.retention.keep_retention_time(NOW_US)
    await sweep(pruner(journal, database, now_us=THEN_US))
    assert await journal.retention.retention_time_us() == NOW_US - STRIDE_US


@only_on_postgres
async def test_a_week_that_somebody_reads_keeps_no_other_from_going(
    database: Database, journal: Journal, postgres_url: str
) -> None:
    assert isinstance(database, PostgresDatabase)
    partitions = Partitions(database)
    await partitions.make_ahead(THEN_US // 1000)
    first, second, *_ = [week.name for week in await partitions.listed()]
    late_us = THEN_US + AGES.exchanges_days * DAY_US + 2 * WEEK_MS * 1000
    await journal.retention.keep_retention_time(int(late_us))
    counted = await pruner(journal, database, now_us=int(late_us)).run(dry_run=True)
    assert {first, second} <= set(counted.partitions)
    reader = await asyncpg.connect(postgres_url)
    async with reader.transaction():
        await reader.execute(f"LOCK TABLE {first} IN ACCESS SHARE MODE")
        gone = await pruner(journal, database, now_us=int(late_us)).run(dry_run=False)
    await reader.close()
    assert gone.partitions == tuple(one for one in counted.partitions if one != first)
    assert second not in {week.name for week in await partitions.listed()}
