"""Brings notifications to merchants. A lane an endpoint: a slow one fills its own lane and nobody else's.

Before each attempt the lane is asked: is its endpoint active, is its breaker closed, are there hands and tokens left?

What this process has just staged is handed over in memory (`offer`); everything else is found in the journal, a lane
at a time, by `step`. Both ways end in the same attempt.
"""

import asyncio
import collections
import logging

from msgspec.structs import replace

from wakala.deliveries import Deliveries, Standing
from wakala.errors import DatabaseFaultError, WakalaError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.endpoints import Bucket, Endpoint

log = logging.getLogger("wakala.courier")

QUEUE_LIMIT = 256  # notifications of one lane in memory; what does not fit waits in the journal
TOTAL_LIMIT = 512  # attempts at once over all lanes
CUT_LIMIT_S = 1.0  # an attempt that is cancelled ends in a few turns of the loop
FIRST_LIMIT = 900  # the same, for the first attempt in a lane; a little below the connections that `outgoing` has


class _Lane:
    __slots__ = ("bucket", "queue", "running")

    def __init__(self) -> None:
        self.queue: collections.deque[Notification] = collections.deque()
        self.running = 0
        self.bucket: Bucket | None = None


class Courier:
    """At most ``lane_limit`` attempts at once to one endpoint."""

    def __init__(
        self, journal: Journal, deliveries: Deliveries, standing: Standing, source: Source, lane_limit: int
    ) -> None:
        self._journal = journal
        self._deliveries = deliveries
        self._standing = standing
        self._source = source
        self._lane_limit = lane_limit
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._in_hand: dict[str, Notification] = {}
        self._stopping = False

    def offer(self, notification: Notification) -> None:
        """Take a notification that was leased to us when it was staged; what does not fit is found later."""
        if notification.state is not DeliveryState.WAITING or notification.lease_us == 0:
            return
        lane = self._lanes.setdefault(notification.lane, _Lane())
        if len(lane.queue) < QUEUE_LIMIT:
            lane.queue.append(notification)
            self._start(notification.lane, lane)

    async def step(self) -> bool:
        """Claim what is due in each lane that has room; True while something was claimed."""
        now_us = self._source.now_us()
        claimed = False
        for name in await self._journal.lanes_due(now_us):
            lane = self._lanes.setdefault(name, _Lane())
            self._start(name, lane)  # what was offered while all hands were full
            room = self._room(name, lane, now_us)
            if room <= 0 or self._stopping:
                continue
            due = await self._journal.notifications_due(name, now_us, room)
            until_us = self._deliveries.lease_end_us(now_us)
            taken = await asyncio.gather(*(self._journal.claim_notification(one, until_us) for one in due))
            for notification, is_ours in zip(due, taken, strict=True):
                if is_ours:
                    lane.queue.append(replace(notification, lease_us=until_us))
                    claimed = True
            self._start(name, lane)
        return claimed

    async def stop(self) -> None:
        """Begin nothing more, give back what was not begun, finish the attempts that are running."""
        self._stopping = True
        await self.hand_back()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def hand_back(self) -> None:
        """End the leases of what is queued, and of attempts that were cut short: another process has them at once."""
        held = [notification for lane in self._lanes.values() for notification in lane.queue]
        if not self._tasks:
            held += self._in_hand.values()
            self._in_hand.clear()
        for lane in self._lanes.values():
            lane.queue.clear()
        given = (self._journal.claim_notification(notification, 0) for notification in held)
        for fault in await asyncio.gather(*given, return_exceptions=True):
            if isinstance(fault, WakalaError):
                log.warning("a notification stays leased until its lease ends: %s", fault.sentence)

    async def cut_short(self) -> None:
        """End the attempts that are running. Whether the merchant took them is not known: they are made again."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CUT_LIMIT_S)

    def _room(self, name: str, lane: _Lane, now_us: int) -> int:
        """How many to claim: enough that the lane never idles until its next turn, one where its breaker is open."""
        endpoint = self._deliveries.lane_terms(name)
        if endpoint is not None and not endpoint.is_active:
            return 0
        record = self._standing.record(name)
        if record.streak < 0 and not record.may_begin(lane.running, now_us):
            return 0
        limit = self._limit(endpoint)
        wanted = 1 if record.health.is_resting else 2 * limit
        return wanted - lane.running - len(lane.queue)

    def _limit(self, endpoint: Endpoint | None) -> int:
        return (endpoint.concurrency_limit if endpoint else 0) or self._lane_limit

    def _start(self, name: str, lane: _Lane) -> None:
        while lane.queue and not self._stopping and self._may_begin(name, lane):
            lane.running += 1
            task = asyncio.get_running_loop().create_task(self._work(name, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _may_begin(self, name: str, lane: _Lane) -> bool:
        endpoint = self._deliveries.lane_terms(name)
        return lane.running < self._limit(endpoint) and self._has_hands(lane) and self._may_go_on(name, lane, endpoint)

    def _may_go_on(self, name: str, lane: _Lane, endpoint: Endpoint | None) -> bool:
        """Whether one more attempt may begin now; takes a token where there is a rate limit."""
        if endpoint is not None and not endpoint.is_active:
            return False
        record = self._standing.record(name)
        if record.streak < 0 and not record.may_begin(lane.running, self._source.now_us()):
            return False
        if endpoint is None or not endpoint.rate_limit_per_s:
            return True
        now_us = self._source.now_us()
        bucket = (lane.bucket or Bucket(endpoint.rate_limit_per_s, now_us)).refilled(endpoint.rate_limit_per_s, now_us)
        lane.bucket = bucket.taken() or bucket
        return lane.bucket is not bucket

    def _has_hands(self, lane: _Lane) -> bool:
        """The last hands are for lanes where nothing runs yet: many slow endpoints never keep out one that is quick."""
        return len(self._tasks) < (TOTAL_LIMIT if lane.running else FIRST_LIMIT)

    async def _work(self, name: str, lane: _Lane) -> None:
        """One attempt after another until the lane is empty or has to rest."""
        try:
            while lane.queue and not self._stopping:
                notification = lane.queue.popleft()
                if notification.lease_us > self._source.now_us():  # else somebody else may have it by now
                    await self._attempt(notification)
                if not self._may_go_on_after_one(name, lane):
                    break
        finally:
            lane.running -= 1
            if not lane.queue and lane.running == 0 and lane.bucket is None:
                self._lanes.pop(name, None)

    def _may_go_on_after_one(self, name: str, lane: _Lane) -> bool:
        """As `_may_go_on`, this attempt's own place not counted: a probe that failed must not follow itself."""
        if not lane.queue:
            return False
        endpoint = self._deliveries.lane_terms(name)
        lane.running -= 1
        try:
            return lane.running < self._limit(endpoint) and self._may_go_on(name, lane, endpoint)
        finally:
            lane.running += 1

    async def _attempt(self, notification: Notification) -> None:
        self._in_hand[notification.id] = notification
        try:
            await self._deliveries.attempt(notification)
        except DatabaseFaultError as fault:
            log.warning("how an attempt at %s ended could not be written: %s", notification.id, fault.sentence)
        except Exception:
            log.exception("an attempt at %s broke; its lease runs out and it is tried again", notification.id)
        self._in_hand.pop(notification.id, None)  # one that was cut short stays in hand, to be given back
