"""Sees the wall clock leap back, and pulls in what was put off to a time that is now far away.

Pauses and time-outs run on the monotonic clock and do not notice. Leases and schedules are moments of the wall clock,
for other processes and later starts must understand them. A leap forward makes them due too soon: a payment is asked
about, never sent again, and an attempt may be made twice. A leap back makes them late: by the leap at most, and never
by more than the limits below, for beyond those no honest clock puts anything off.
"""

import asyncio
import logging
from dataclasses import dataclass

from wakala.identity import Source, first_id
from wakala.journal.journal import Journal

log = logging.getLogger("wakala.timekeeper")

LEAP_US = 5_000_000  # what time synchronisation may step on a healthy machine is less
AGAIN_S = 60.0  # while the clock relives a time that was, what is newly put off is looked at so often
# ... but the first time in the very next step: what was under way at the leap puts off by the clock it had begun with.


@dataclass(frozen=True, slots=True)
class Horizon:
    """How far an honest clock puts things off, in microseconds."""

    check_us: int
    lease_us: int
    due_us: int


class Timekeeper:
    """One step compares the clock with the latest time it ever showed."""

    def __init__(self, journal: Journal, source: Source, horizon: Horizon) -> None:
        self._journal = journal.retention
        self._source = source
        self._horizon = horizon
        self._latest_us = 0
        self._is_owed = True  # the look at the start, or after a leap, until the journal has it
        self._is_reliving = False
        self._next_s = 0.0

    async def step(self) -> bool:
        """At the start, for the clock may have been wrong before it, and again while it is earlier than it was."""
        self._source.remember()
        now_us, now_s = self._source.now_us(), asyncio.get_running_loop().time()
        has_leapt = now_us < self._latest_us - LEAP_US
        self._latest_us = max(self._latest_us, now_us)
        was_reliving, self._is_reliving = self._is_reliving, has_leapt
        if has_leapt and now_s >= self._next_s:
            self._is_owed = True
            self._next_s = now_s + (AGAIN_S if was_reliving else 0.0)
            log.warning("the clock is %s s earlier than it was", (self._latest_us - now_us) // 1_000_000)
        if not self._is_owed:
            return False
        horizon = self._horizon
        present_id = first_id("ntf", self._source.id_us())
        await self._journal.pull_in(now_us, horizon.check_us, horizon.lease_us, horizon.due_us, present_id)
        self._is_owed = False
        return False
