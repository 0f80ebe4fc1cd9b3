"""Forgets what is old, in small steps: exchanges and notifications by their age. Payments and their events stay.

What an open payment may still need stays, however old. So does every notification that waits: it ages only once, and
from when, it was delivered or acknowledged. What was given up or kept because nobody named a URL stays too, unless the
configuration says after how many days it may go. What M-Pesa sent and did not fit, the quarantine, is never dropped
either; there age takes only what came on a path that nobody was given.

What goes is gone for good, so a clock that leaps must not decide. Forgetting has a time of its own, kept in the store:
a sweep moves it towards the clock's by two hours at most, in either direction, and a sweep happens once an hour. Age
counts from the earlier of the two, looked at anew for each page. So what a wrong clock lets go is too young by no more
than the time for which it was wrong, and a clock that is put right ends it at once; a gateway that was off forgets
later, until it has run for as long again. A store that was never swept by this rule begins with its newest row's time.
"""

import asyncio
import logging
from collections.abc import Awaitable
from dataclasses import dataclass, replace

from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.identity import Source, first_id
from wakala.journal.journal import Journal
from wakala.journal.partitions import Partitions, is_passing
from wakala.journal.retention import FIRST_ID
from wakala.rules.delivery import DeliveryState
from wakala.rules.exchange import AGEING

log = logging.getLogger("wakala.pruner")

STEP_ROWS = 200  # about two milliseconds of one shared commit; the pause between steps is the loop's
SWEEP_INTERVAL_S = 3_600  # how often somebody looks for what has become old
STRIDE_US = 2 * SWEEP_INTERVAL_S * 1_000_000  # an honest clock moves by an hour and a quarter at most between two
DAY_US = 86_400_000_000
NO_EARLIER_US = 1_767_225_600_000_000  # 2026 began: a clock that shows less, or a row of that time, says nothing
DUTY = "prune"
TAKEN = frozenset({DeliveryState.DELIVERED.value, DeliveryState.ACKNOWLEDGED.value})


@dataclass(frozen=True, slots=True)
class Ages:
    """After how many days what may go; 0 is never."""

    exchanges_days: float
    notifications_days: float
    undelivered_days: float


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is older may go. Moments in microseconds; 0 where nothing may."""

    exchanges_us: int
    taken_us: int
    untaken_us: int

    def may_go(self, notification_id: str, state: str, settled_us: int) -> bool:
        """The rule of the module, for one notification."""
        if state == DeliveryState.WAITING.value:
            return False
        bound_us = self.taken_us if state in TAKEN else self.untaken_us
        return settled_us < bound_us and notification_id < first_id("ntf", bound_us)


@dataclass(frozen=True, slots=True)
class Sweep:
    """One look through the old: by which time at the latest, for which open payment's sake, and how far it has come."""

    time_us: int
    oldest_open_us: int | None
    exchange_id: str = FIRST_ID
    notification_id: str = FIRST_ID
    is_over: bool = False


@dataclass(slots=True)
class Gone:
    """What went, or would go."""

    exchanges: int = 0
    notifications: int = 0
    partitions: tuple[str, ...] = ()


class Pruner:
    """One step takes one small page of each. ``partitions`` are PostgreSQL's; what is in none of them goes by rows."""

    def __init__(self, journal: Journal, source: Source, ages: Ages, partitions: Partitions | None) -> None:
        self._journal = journal.retention
        self._source = source
        self._ages = ages
        self._partitions = partitions
        self._sweep: Sweep | None = None
        self._look_again_s = 0.0

    async def step(self) -> bool:
        """Never asks for another turn at once: the pause between pages is what keeps the hot path free."""
        if self._sweep is None:
            await self._begin()
            return False
        gone = Gone()
        self._sweep = await self._page(self._sweep, gone, dry_run=False)
        if self._sweep.is_over:
            self._sweep = None
        return False

    async def _begin(self) -> None:
        """One process an hour sweeps; weeks are made and dropped at the beginning."""
        now_s = asyncio.get_running_loop().time()
        if now_s < self._look_again_s:
            return
        self._look_again_s = now_s + SWEEP_INTERVAL_S / 4  # the lease decides; this only spares the asking
        clock_us = self._source.now_us()
        if not await self._journal.claim_duty(DUTY, clock_us, SWEEP_INTERVAL_S * 1_000_000):
            return
        sweep = await self._new_sweep()
        await self._journal.keep_retention_time(sweep.time_us)
        if abs(clock_us - sweep.time_us) > DAY_US:
            days = (clock_us - sweep.time_us) // DAY_US
            log.warning("the clock is %s days from the time of this store: what goes has to be old by both", days)
        self._sweep = sweep  # whatever becomes of the weeks
        if self._partitions is not None:
            await self._partitions.make_ahead(clock_us // 1000)
            await self._drop(sweep, Gone(), dry_run=False)

    async def run(self, *, dry_run: bool) -> Gone:
        """A whole sweep at once, for a person at the command line; ``dry_run`` only counts."""
        gone, sweep = Gone(), await self._new_sweep()
        if self._partitions is not None:
            await self._drop(sweep, gone, dry_run=dry_run)
        while not sweep.is_over:
            sweep = await self._page(sweep, gone, dry_run=dry_run)
        return gone

    async def _new_sweep(self) -> Sweep:
        """By the store's time, a stride nearer to the clock's."""
        clock_us, kept_us = self._source.now_us(), await self._journal.retention_time_us()
        time_us = max(NO_EARLIER_US, clock_us if kept_us is None else kept_us)
        time_us = max(time_us - STRIDE_US, min(clock_us, time_us + STRIDE_US))
        return Sweep(time_us, await self._journal.oldest_open_us())

    def _bounds(self, sweep: Sweep) -> Bounds:
        """As of now, for the clock may be put right while a sweep is under way."""
        now_us = min(sweep.time_us, self._source.now_us())

        def moment(days: float) -> int:
            return now_us - int(days * DAY_US) if days else 0

        exchanges_us = moment(self._ages.exchanges_days)
        if sweep.oldest_open_us is not None:
            exchanges_us = min(exchanges_us, sweep.oldest_open_us)
        return Bounds(exchanges_us, moment(self._ages.notifications_days), moment(self._ages.undelivered_days))

    async def _drop(self, sweep: Sweep, gone: Gone, *, dry_run: bool) -> None:
        assert self._partitions is not None  # noqa: S101 - both callers have asked
        for partition in await self._partitions.ended_by(self._bounds(sweep).exchanges_us // 1000):
            if not dry_run:
                try:
                    await self._partitions.drop(partition)
                except DatabaseFaultError as fault:
                    if not is_passing(fault):
                        raise
                    log.warning("the partition %s is not dropped yet: %s", partition.name, fault.sentence)
                    continue
                log.info("exchanges of the partition %s are forgotten", partition.name)
            gone.partitions = (*gone.partitions, partition.name)

    async def _page(self, sweep: Sweep, gone: Gone, *, dry_run: bool) -> Sweep:
        bounds = self._bounds(sweep)
        exchanges = await self._old_exchanges(sweep, bounds)
        leaving = [one for one, verdict in exchanges if verdict in AGEING]
        until_id = first_id("ntf", max(bounds.taken_us, bounds.untaken_us))
        notifications = await self._journal.notifications(sweep.notification_id, until_id, STEP_ROWS)
        going = [found[0] for found in notifications if bounds.may_go(*found)]
        gone.exchanges += len(leaving)
        gone.notifications += len(going)
        if not dry_run:
            await _forgotten(self._journal.forget_exchanges(leaving))
            await _forgotten(self._journal.forget_notifications(going))
        return replace(
            sweep,
            exchange_id=exchanges[-1][0] if exchanges else sweep.exchange_id,
            notification_id=notifications[-1][0] if notifications else sweep.notification_id,
            is_over=not exchanges and not notifications,
        )

    async def _old_exchanges(self, sweep: Sweep, bounds: Bounds) -> list[tuple[str, str]]:
        until_id = first_id("xch", bounds.exchanges_us)
        return await self._journal.exchanges(sweep.exchange_id, until_id, STEP_ROWS)


async def _forgotten(page: Awaitable[None]) -> None:
    """A page of which the database refuses a row is left to the next sweep, and holds up none behind it."""
    try:
        await page
    except DatabaseAwayError:
        raise
    except DatabaseFaultError as fault:
        log.warning("a page is not forgotten yet: %s", fault.sentence)
