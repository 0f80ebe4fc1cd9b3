"""Brings notifications to merchants. A lane an endpoint: a slow one fills its own lane and nobody else's.

What this process has just staged is handed over in memory (`offer`); everything else is found in the journal, a lane
at a time, by `step`. Both ways end in the same attempt.
"""

import asyncio
import collections
import logging

from wakala.deliveries import Deliveries
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.delivery import DeliveryState, Notification

log = logging.getLogger("wakala.courier")

QUEUE_LIMIT = 256  # notifications of one lane in memory; what does not fit waits in the journal
TOTAL_LIMIT = 512  # attempts at once over all lanes
FIRST_LIMIT = 900  # the same, for the first attempt in a lane; a little below the connections that `outgoing` has


class _Lane:
    __slots__ = ("queue", "running")

    def __init__(self) -> None:
        self.queue: collections.deque[Notification] = collections.deque()
        self.running = 0


class Courier:
    """At most ``lane_limit`` attempts at once to one endpoint."""

    def __init__(self, journal: Journal, deliveries: Deliveries, source: Source, lane_limit: int) -> None:
        self._journal = journal
        self._deliveries = deliveries
        self._source = source
        self._lane_limit = lane_limit
        self._lanes: dict[str, _Lane] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopping = False

    def offer(self, notification: Notification) -> None:
        """Take a notification that was leased to us when it was staged; what does not fit is found later."""
        if notification.state is not DeliveryState.WAITING or notification.lease_us == 0 or self._stopping:
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
            room = self._lane_limit - lane.running - len(lane.queue)
            if room <= 0 or self._stopping:
                continue
            for notification in await self._journal.notifications_due(name, now_us, room):
                if await self._journal.claim_notification(notification, self._deliveries.lease_end_us(now_us)):
                    lane.queue.append(notification)
                    claimed = True
            self._start(name, lane)
        return claimed

    async def stop(self) -> None:
        """Finish the attempts that are running; what is queued stays in the journal."""
        self._stopping = True
        for lane in self._lanes.values():
            lane.queue.clear()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _start(self, name: str, lane: _Lane) -> None:
        while lane.queue and lane.running < self._lane_limit and self._has_hands(lane):
            lane.running += 1
            task = asyncio.get_running_loop().create_task(self._work(name, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _has_hands(self, lane: _Lane) -> bool:
        """The last hands are for lanes where nothing runs yet: many slow endpoints never keep out one that is quick."""
        return len(self._tasks) < (TOTAL_LIMIT if lane.running else FIRST_LIMIT)

    async def _work(self, name: str, lane: _Lane) -> None:
        """One attempt after another until the lane is empty."""
        try:
            while lane.queue and not self._stopping:
                notification = lane.queue.popleft()
                try:
                    await self._deliveries.attempt(notification)
                except Exception:
                    log.exception("an attempt at %s broke; its lease runs out and it is tried again", notification.id)
        finally:
            lane.running -= 1
            if not lane.queue and lane.running == 0:
                self._lanes.pop(name, None)
