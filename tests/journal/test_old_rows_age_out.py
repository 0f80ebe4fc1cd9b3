"""Retention on both databases: raw bytes and delivered notifications go by age; what may still be needed never does."""

import asyncio
import os
import time
from dataclasses import dataclass

import asyncpg
import pytest
from msgspec.structs import replace

from journal.making import SCHEDULE, exchange, notification, opening, paid, payment
from services.waiting import until
from wakala.config import NUMBER_MAX
from wakala.identity import Source
from wakala.journal import partitions as partitions_module
from wakala.journal.database import Database, sql
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.partitions import AHEAD_WEEKS, PROMISE, SOON_MS, WEEK_MS, Partitions, bound
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.rows import exchange_row
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.decisions import decide
from wakala.rules.delivery import DeliveryState
from wakala.rules.exchange import PATH_GUESSED, PATH_UNKNOWN
from wakala.rules.payment import Payment
from wakala.workers.pruner import STRIDE_US, SWEEP_INTERVAL_S, Ages, Gone, Pruner

DAY_US = 86_400_000_000
THEN_US = int(time.time() * 1_000_000)
YOUNG_US = THEN_US + 30 * DAY_US
NOW_US = THEN_US + 100 * DAY_US
SEVENTY_YEARS_US = 70 * 365 * DAY_US
AGES = Ages(exchanges_days=90, notifications_days=90, undelivered_days=0)

LOCK_WAITERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"

only_on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)


def at(now_us: int) -> Source:
    return Source(lambda: now_us, os.urandom)


def pruner(journal: Journal, database: Database, ages: Ages = AGES, now_us: int = NOW_US) -> Pruner:
    partitions = Partitions(database) if isinstance(database, PostgresDatabase) else None
    return Pruner(journal, at(now_us), ages, partitions)


async def swept(one: Pruner) -> None:
    """By a gateway that has lived through all that its clock says."""
    await one._journal.keep_retention_time(one._source.now_us())
    await sweep(one)


async def sweep(one: Pruner) -> None:
    await one.step()
    while one._sweep is not None:
        await one.step()


async def with_history(journal: Journal, made_us: int, *, is_open: bool = False) -> Payment:
    """A payment of that moment: its exchange, and unless it is open its outcome with a notification of each state."""
    made = payment(id=at(made_us).new_id("pay"), created_us=made_us, next_check_us=made_us + 1)
    changes = opening(made)
    first = replace(exchange(made), id=at(made_us).new_id("xch"), started_us=made_us)
    assert await journal.open_payment(changes, first)
    last = changes[-1].payment
    if is_open:
        return last
    for sequence, state in enumerate(DeliveryState, start=1):
        change = decide(last, paid(f"R{made.id[-12:]}"), made_us, SCHEDULE)
        owed = notification(made, id=at(made_us).new_id("ntf"), sequence=sequence, state=state, created_us=made_us)
        assert await journal.record_change(last, change, notification=owed)
        last = change.payment
    return last


async def states(journal: Journal, one: Payment) -> set[str]:
    return {each.state.value for each in await journal.notifications_of(one.id)}


async def test_what_is_old_goes_and_payments_and_events_stay(journal: Journal, database: Database) -> None:
    old, young = await with_history(journal, THEN_US), await with_history(journal, YOUNG_US)
    await swept(pruner(journal, database))
    assert await journal.exchanges(old.id) == []
    assert len(await journal.exchanges(young.id)) == 1
    for one in (old, young):
        assert await journal.payment(one.id) == one
        assert len(await journal.events(one.id)) == 2 + len(DeliveryState)


async def test_what_was_not_delivered_never_goes_by_itself(journal: Journal, database: Database) -> None:
    old, young = await with_history(journal, THEN_US), await with_history(journal, YOUNG_US)
    await swept(pruner(journal, database))
    assert await states(journal, old) == {"waiting", "kept", "given_up"}
    assert await states(journal, young) == {state.value for state in DeliveryState}

    later = Ages(exchanges_days=90, notifications_days=90, undelivered_days=95)
    await swept(pruner(journal, database, later, NOW_US + 2 * SWEEP_INTERVAL_S * 1_000_000))
    assert await states(journal, old) == {"waiting"}
    assert await states(journal, young) == {state.value for state in DeliveryState}


async def test_a_notification_ages_from_when_it_was_settled(journal: Journal, database: Database) -> None:
    one = await with_history(journal, THEN_US)
    for each in await journal.notifications_of(one.id):  # what waited was taken late
        await journal.endpoints.acknowledge(each.id, YOUNG_US)
    await swept(pruner(journal, database))
    assert await states(journal, one) == {"acknowledged"}
    await swept(pruner(journal, database, now_us=YOUNG_US + 91 * DAY_US))
    assert await states(journal, one) == set()


async def test_what_an_open_payment_may_need_stays_however_old(journal: Journal, database: Database) -> None:
    still_open = await with_history(journal, THEN_US, is_open=True)
    after_it = await with_history(journal, THEN_US + DAY_US)
    await with_history(journal, YOUNG_US, is_open=True)
    await swept(pruner(journal, database))
    assert len(await journal.exchanges(still_open.id)) == 1
    assert len(await journal.exchanges(after_it.id)) == 1


async def test_what_m_pesa_sent_and_did_not_fit_stays_however_old(journal: Journal, database: Database) -> None:
    of = await with_history(journal, THEN_US)
    misfit = replace(exchange(of), id=at(THEN_US).new_id("xch"), verdict="quarantined: the amount differs")
    unreadable = replace(exchange(), id=at(THEN_US).new_id("xch"), verdict="quarantined: it cannot be read")
    guessed, unknown = (
        replace(exchange(), id=at(THEN_US).new_id("xch"), verdict=f"quarantined: {reason}")
        for reason in (PATH_GUESSED, PATH_UNKNOWN)
    )
    for one in (misfit, unreadable, guessed, unknown):
        await journal.record_exchange(one)
    for days in (0, 30, 60):  # again and again
        await swept(pruner(journal, database, now_us=NOW_US + days * DAY_US))
        assert {one.id for one in await journal.quarantined()} == {misfit.id, unreadable.id}
    assert [one.id for one in await journal.exchanges(of.id)] == [misfit.id]
    assert await journal.exchange(unreadable.id) == unreadable
    assert await journal.exchange(guessed.id) is None


@pytest.mark.parametrize("days", [0, NUMBER_MAX])
async def test_zero_days_is_never_and_so_is_the_most(journal: Journal, database: Database, days: int) -> None:
    old = await with_history(journal, THEN_US)
    await swept(pruner(journal, database, Ages(days, days, days)))
    assert len(await journal.exchanges(old.id)) == 1
    assert await states(journal, old) == {state.value for state in DeliveryState}


async def test_a_dry_run_counts_what_would_go_and_leaves_it(journal: Journal, database: Database) -> None:
    olds = [await with_history(journal, THEN_US) for _ in range(3)]
    await journal.retention.keep_retention_time(NOW_US)
    counted = await pruner(journal, database).run(dry_run=True)
    assert counted.notifications == 6
    assert counted.partitions == (("exchanges_first",) if database.dialect == "postgres" else ())
    assert counted.exchanges == (0 if database.dialect == "postgres" else 3)
    for old in olds:
        assert len(await journal.exchanges(old.id)) == 1
    assert await pruner(journal, database).run(dry_run=False) == counted
    assert await pruner(journal, database).run(dry_run=True) == Gone()


async def test_of_two_processes_one_sweeps(journal: Journal, database: Database) -> None:
    await with_history(journal, THEN_US)
    first, second = pruner(journal, database), pruner(journal, database)
    await first.step()
    await second.step()
    assert first._sweep is not None
    assert second._sweep is None


async def test_a_duty_is_had_by_one_until_its_lease_ends_or_it_is_given_back(journal: Journal) -> None:
    duties = journal.retention
    assert await duties.claim_duty("pull sc_1", NOW_US, 10)
    assert not await duties.claim_duty("pull sc_1", NOW_US + 9, 10)
    assert await duties.claim_duty("pull sc_2", NOW_US, 10)
    assert await duties.claim_duty("pull sc_1", NOW_US + 10, 10)
    await duties.release_duty("pull sc_1", NOW_US + 10)  # an owner of before: it has no say any more
    assert not await duties.claim_duty("pull sc_1", NOW_US + 11, 10)
    await duties.release_duty("pull sc_1", NOW_US + 20)
    assert await duties.claim_duty("pull sc_1", NOW_US + 11, 10)


async def test_who_looked_at_the_clock_sooner_and_asks_later_does_not_have_a_duty_too(journal: Journal) -> None:
    """Two gateways look in the same instant, and what is between the look and the commit takes one of them longer."""
    assert await journal.retention.claim_duty("pull sc_1", NOW_US, 10)
    assert not await journal.retention.claim_duty("pull sc_1", NOW_US - 1, 10)


async def test_a_lease_from_a_clock_that_was_wrong_keeps_nobody_out(journal: Journal) -> None:
    assert await journal.retention.claim_duty("prune", NOW_US + DAY_US, 10)
    assert await journal.retention.claim_duty("prune", NOW_US, 10)


# ── a clock that leaps ──


@dataclass
class Clock:
    us: int

    def now_us(self) -> int:
        return self.us


async def sweeps(journal: Journal, database: Database, clock: Clock, hours: int) -> None:
    """An hour goes by before each; each is another process's."""
    for _ in range(hours):
        clock.us += SWEEP_INTERVAL_S * 1_000_000
        one = pruner(journal, database)
        one._source = Source(clock.now_us, os.urandom)
        await sweep(one)


async def test_a_clock_that_leaps_by_decades_forgets_nothing_young(database: Database, journal: Journal) -> None:
    young = await with_history(journal, THEN_US)
    clock = Clock(THEN_US + 87 * DAY_US)  # a day wrong counts for two
    await journal.retention.keep_retention_time(clock.us)

    clock.us += SEVENTY_YEARS_US
    far = await with_history(journal, clock.us)  # what is written meanwhile proves nothing
    await sweeps(journal, database, clock, 24)
    clock.us -= SEVENTY_YEARS_US
    await sweeps(journal, database, clock, 24)
    for one in (young, far):
        assert len(await journal.exchanges(one.id)) == 1
        assert await states(journal, one) == {state.value for state in DeliveryState}

    await swept(pruner(journal, database))  # an honest hundred days later
    assert await journal.exchanges(young.id) == []
    assert await states(journal, young) == {"waiting", "kept", "given_up"}
    assert len(await journal.exchanges(far.id)) == 1


async def test_a_clock_that_is_put_right_ends_a_sweep_that_is_under_way(database: Database, journal: Journal) -> None:
    young, clock = await with_history(journal, THEN_US), Clock(THEN_US + SEVENTY_YEARS_US)
    await journal.retention.keep_retention_time(clock.us)  # a store that began its life with a wrong clock
    one = pruner(journal, database)
    one._source = Source(clock.now_us, os.urandom)
    await one.step()
    clock.us = THEN_US + DAY_US
    await sweep(one)
    assert await states(journal, young) == {state.value for state in DeliveryState}


async def test_a_store_that_nobody_has_swept_goes_by_its_newest_row(database: Database, journal: Journal) -> None:
    old, newest = await with_history(journal, THEN_US), await with_history(journal, THEN_US + 95 * DAY_US)
    await sweep(pruner(journal, database, now_us=NOW_US + SEVENTY_YEARS_US))
    assert "delivered" not in await states(journal, old)
    assert await states(journal, newest) == {state.value for state in DeliveryState}
    assert len(await journal.exchanges(newest.id)) == 1


async def test_what_a_gateway_slept_through_it_catches_up_with(database: Database, journal: Journal) -> None:
    await journal.retention.keep_retention_time(THEN_US)
    clock = Clock(THEN_US + DAY_US)
    await sweeps(journal, database, clock, 1)
    assert await journal.retention.retention_time_us() == THEN_US + STRIDE_US
    await sweeps(journal, database, clock, 24)
    assert await journal.retention.retention_time_us() == clock.us


@only_on_postgres
async def test_a_clock_that_leaps_makes_a_handful_of_weeks(database: Database, journal: Journal) -> None:
    assert isinstance(database, PostgresDatabase)
    partitions = Partitions(database)
    await partitions.make_ahead(THEN_US // 1000)
    assert len(await partitions.make_ahead((THEN_US + SEVENTY_YEARS_US) // 1000)) <= AHEAD_WEEKS + 1
    weeks_later_us = THEN_US + (AHEAD_WEEKS + 2) * 7 * DAY_US
    assert await partitions.make_ahead(weeks_later_us // 1000) != []  # put right: the weeks that come are made again
    await with_history(journal, weeks_later_us + SOON_MS * 1000)
    assert await database.read("SELECT count(*) FROM exchanges_default") == [(0,)]


# ── partitions ──


@only_on_postgres
async def test_weeks_are_made_ahead_and_the_old_ones_are_dropped(database: Database, journal: Journal) -> None:
    assert isinstance(database, PostgresDatabase)
    partitions = Partitions(database)
    await partitions.make_ahead(THEN_US // 1000)
    known = await partitions.listed()
    assert known[0].name == "exchanges_first"
    assert known[-1].ends_ms >= THEN_US // 1000 + AHEAD_WEEKS * WEEK_MS
    assert await partitions.make_ahead(THEN_US // 1000) == []

    next_week = await with_history(journal, THEN_US + 8 * DAY_US)
    assert await database.read(f"SELECT count(*) FROM {known[1].name}") == [(1,)]
    await swept(pruner(journal, database))
    assert await partitions.ended_by(NOW_US // 1000 - 90 * DAY_US // 1000) == []
    assert known[0] not in await partitions.listed()
    assert (await partitions.listed())[-1].ends_ms >= NOW_US // 1000 + AHEAD_WEEKS * WEEK_MS
    assert len(await journal.exchanges(next_week.id)) == (1 if known[1].ends_ms > (NOW_US - 90 * DAY_US) // 1000 else 0)


@only_on_postgres
async def test_a_week_between_two_others_is_made(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(database, PostgresDatabase)
    partitions, begun_ms = Partitions(database), YOUNG_US // 1000 // WEEK_MS * WEEK_MS
    for at_ms in (begun_ms + WEEK_MS - SOON_MS, begun_ms - AHEAD_WEEKS * WEEK_MS):
        await partitions.make_ahead(at_ms)
    assert {begun_ms, begun_ms + WEEK_MS} <= {
        at for one in await partitions.listed() for at in (one.begins_ms, one.ends_ms)
    }
    [made] = await partitions.make_ahead(begun_ms)
    [found] = [one for one in await partitions.listed() if one.name == made]
    assert (found.begins_ms, found.ends_ms) == (begun_ms + SOON_MS, begun_ms + WEEK_MS)
    assert caplog.messages == [], "of a week that is as good as over none is tried for"


@only_on_postgres
async def test_a_row_without_a_week_of_its_own_is_kept_and_ages_by_itself(database: Database, journal: Journal) -> None:
    assert isinstance(database, PostgresDatabase)
    far = await with_history(journal, YOUNG_US)  # no gateway has made that week yet
    misfit = replace(exchange(far), id=at(YOUNG_US).new_id("xch"), verdict="quarantined: the amount differs")
    await journal.record_exchange(misfit)
    await Partitions(database).make_ahead(YOUNG_US // 1000)
    assert await database.read("SELECT count(*) FROM exchanges_default") == [(2,)]
    assert len(await journal.exchanges(far.id)) == 2

    await swept(pruner(journal, database, now_us=YOUNG_US + 89 * DAY_US))
    assert len(await journal.exchanges(far.id)) == 2
    later_us = YOUNG_US + 91 * DAY_US
    await journal.retention.keep_retention_time(later_us)
    assert (await pruner(journal, database, now_us=later_us).run(dry_run=True)).exchanges == 1
    await swept(pruner(journal, database, now_us=later_us))
    assert [one.id for one in await journal.exchanges(far.id)] == [misfit.id]


@only_on_postgres
async def test_a_missing_week_is_made_while_somebody_writes(database: Database, journal: Journal) -> None:
    """A store that nobody has looked after for weeks: the week that has begun is made from some hours ahead."""
    assert isinstance(database, PostgresDatabase)
    partitions, begun_ms = Partitions(database), YOUNG_US // 1000 // WEEK_MS * WEEK_MS
    now_us, written, is_over = (begun_ms + 1000) * 1000, list[str](), False

    async def write() -> None:
        while not is_over:
            one = replace(exchange(), id=at(now_us).new_id("xch"))
            await journal.record_exchange(one)
            written.append(one.id)

    writers = [asyncio.create_task(write()) for _ in range(4)]
    weeks: list[str] = []

    async def are_made() -> bool:
        weeks.extend(await partitions.make_ahead(now_us // 1000))
        return len(weeks) == AHEAD_WEEKS + 1

    try:
        await until(lambda: len(written) > 100, "rows in the default partition")
        await until(are_made, "a partition for each week")
    finally:
        is_over = True
        await asyncio.gather(*writers)

    found: list[str] = []
    while page := await journal.exchanges_after(found[-1] if found else "", 500):
        found += [one.id for one in page]
    assert found == sorted(written)
    await with_history(journal, now_us + SOON_MS * 1000)
    assert await database.read(f"SELECT count(*) FROM {min(weeks)}") == [(1,)]
    assert await promises(database) == 0


async def promises(database: Database) -> int:
    assert isinstance(database, PostgresDatabase)
    found = await database.read(f"SELECT count(*) FROM pg_constraint WHERE conname = '{PROMISE}'")
    return int(found[0][0])


@only_on_postgres
async def test_a_week_that_cannot_be_made_keeps_no_other_from_it(database: Database, journal: Journal) -> None:
    """The clock was ahead for a while, so a week to come has a row already."""
    assert isinstance(database, PostgresDatabase)
    old, ahead = await with_history(journal, THEN_US), await with_history(journal, NOW_US + 15 * DAY_US)
    await swept(pruner(journal, database))
    there = {one.begins_ms // WEEK_MS for one in await Partitions(database).listed()}
    this, of_ahead = NOW_US // 1000 // WEEK_MS, (NOW_US + 15 * DAY_US) // 1000 // WEEK_MS
    assert {week for week in there if week > this} == set(range(this + 1, this + AHEAD_WEEKS + 1)) - {of_ahead}
    assert len(await journal.exchanges(ahead.id)) == 1
    assert await journal.exchanges(old.id) == []
    assert await states(journal, old) == {"waiting", "kept", "given_up"}
    assert await promises(database) == 0


@only_on_postgres
async def test_who_keeps_weeks_from_being_made_and_dropped_keeps_nothing_else_from_going(
    database: Database, journal: Journal, request: pytest.FixtureRequest
) -> None:
    assert isinstance(database, PostgresDatabase)
    old, reader = await with_history(journal, THEN_US), await asyncpg.connect(request.getfixturevalue("postgres_url"))
    async with reader.transaction():  # a dump, say
        await reader.execute("LOCK TABLE exchanges IN ACCESS SHARE MODE")
        await swept(pruner(journal, database))
        assert await states(journal, old) == {"waiting", "kept", "given_up"}
    assert len(await journal.exchanges(old.id)) == 1
    await reader.close()

    await swept(pruner(journal, database, now_us=NOW_US + SWEEP_INTERVAL_S * 1_000_000))
    assert await journal.exchanges(old.id) == []
    assert (await Partitions(database).listed())[-1].ends_ms >= NOW_US // 1000 + AHEAD_WEEKS * WEEK_MS


@only_on_postgres
async def test_what_comes_to_a_week_while_it_is_dropped_stays_if_it_is_not_to_go(
    database: Database, journal: Journal, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert isinstance(database, PostgresDatabase)
    monkeypatch.setattr(partitions_module, "LOCK_LIMIT_MS", 60_000)
    of, late = await with_history(journal, THEN_US), await asyncpg.connect(postgres_url)
    misfit = replace(exchange(of), id=at(THEN_US).new_id("xch"), verdict="quarantined: the amount differs")
    [week, *_] = await Partitions(database).listed()
    async with late.transaction():  # by a clock that is weeks behind
        await late.execute(sql("exchange_add", "postgres"), *exchange_row(misfit))
        dropping = asyncio.create_task(Partitions(database).drop(week))

        async def waits() -> bool:
            return await database.read(LOCK_WAITERS) == [(1,)]

        await until(waits, "somebody who drops the week")
    await dropping
    await late.close()
    assert [one.id for one in await journal.exchanges(of.id)] == [misfit.id]


@only_on_postgres
async def test_what_a_process_promised_that_died_while_it_made_a_week_refuses_no_row(
    database: Database, journal: Journal
) -> None:
    assert isinstance(database, PostgresDatabase)
    await promise_a_week(database)
    assert await Partitions(database).make_ahead(YOUNG_US // 1000) != []
    assert await Partitions(database).make_ahead(YOUNG_US // 1000) == [], "its own week is made, too"
    assert len(await journal.exchanges((await with_history(journal, YOUNG_US)).id)) == 1


@only_on_postgres
async def test_a_start_withdraws_the_promise_of_a_process_that_died_long_ago_and_of_nobody_else(
    database: Database, journal: Journal
) -> None:
    assert isinstance(database, PostgresDatabase)
    await promise_a_week(database)
    await Partitions(database).withdraw_overdue(YOUNG_US // 1000 - 1)  # perhaps of a gateway that is at it
    assert await promises(database) == 1
    await Partitions(database).withdraw_overdue(YOUNG_US // 1000)
    assert await promises(database) == 0
    assert len(await journal.exchanges((await with_history(journal, YOUNG_US)).id)) == 1


async def promise_a_week(database: PostgresDatabase) -> None:
    first, last = bound(YOUNG_US // 1000), bound(YOUNG_US // 1000 + WEEK_MS)
    promise = f"CHECK (id < '{first}' OR id >= '{last}') NOT VALID"
    await database.script(f"ALTER TABLE exchanges_default ADD CONSTRAINT {PROMISE} {promise}")


@only_on_postgres
async def test_a_row_that_is_written_while_its_week_is_made_is_kept_in_it(
    database: Database, journal: Journal, request: pytest.FixtureRequest
) -> None:
    """PostgreSQL sends it to the default partition, lets it wait there, and refuses it when the week is attached."""
    first, last = bound(YOUNG_US // 1000), bound(YOUNG_US // 1000 + WEEK_MS)
    gateway, watcher = [await asyncpg.connect(request.getfixturevalue("postgres_url")) for _ in range(2)]
    async with gateway.transaction():
        await gateway.execute(
            "CREATE TABLE exchanges_week (LIKE exchanges INCLUDING DEFAULTS);"
            f"ALTER TABLE exchanges ATTACH PARTITION exchanges_week FOR VALUES FROM ('{first}') TO ('{last}')"
        )
        written = asyncio.create_task(with_history(journal, YOUNG_US))

        async def is_waited_for() -> bool:
            return bool(await watcher.fetchval(LOCK_WAITERS))

        await until(is_waited_for, "a row that waits for the default partition")
    await written
    assert await database.read("SELECT count(*) FROM exchanges_week") == [(1,)]
    await gateway.close()
    await watcher.close()


async def test_exchanges_of_before_the_partitions_are_there_after_the_migration(empty_postgres_url: str) -> None:
    store = PostgresDatabase(empty_postgres_url)
    await store.open()
    try:
        await migrate(store, up_to=6)
        journal = Journal(store)
        old = await with_history(journal, THEN_US)
        ahead = await with_history(journal, YOUNG_US)  # a clock that was wrong: its week comes with the first partition
        await migrate(store)
        for one in (old, ahead):
            [kept] = await journal.exchanges(one.id)
            assert kept.id.startswith("xch_")
        assert await store.read("SELECT count(*) FROM exchanges_first") == [(2,)]
        assert await store.read("SELECT count(*) FROM exchanges_default") == [(0,)]
    finally:
        await store.close()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_freed_pages_are_used_again_so_that_the_file_stays_flat(database: Database, journal: Journal) -> None:
    assert isinstance(database, SqliteDatabase)

    def pages() -> int:
        return int(database._reader.execute("PRAGMA page_count").fetchall()[0][0])

    sizes = []
    for turn in range(4):
        made_us = THEN_US + turn * DAY_US
        for _ in range(100):
            one = exchange(id=at(made_us).new_id("xch"), request_body=bytes(2_000))
            await journal.record_exchange(one)
        sizes.append(pages())
        await journal.retention.keep_retention_time(made_us + 91 * DAY_US)
        await pruner(journal, database, now_us=made_us + 91 * DAY_US).run(dry_run=False)
    assert sizes[-1] <= sizes[0] * 1.1, sizes


async def test_a_start_of_the_one_process_waits_for_no_reader_of_a_list_that_died(journal: Journal) -> None:
    duties = journal.retention
    await duties.keep_retention_time(NOW_US)
    assert await duties.claim_duty("pull sc_1", NOW_US, 10)
    await journal.release_leases(NOW_US)
    assert await duties.claim_duty("pull sc_1", NOW_US, 10)
    assert await duties.retention_time_us() == NOW_US
