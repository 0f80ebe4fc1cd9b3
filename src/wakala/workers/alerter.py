"""Tells the operator what he has not asked: alerts that are due, one after another, by one process at a time."""

from wakala.deliveries.alerting import Alerting
from wakala.identity import Source
from wakala.journal.journal import Journal

TURN_LIMIT = 20  # so that a receiver who hangs holds a turn for minutes and not for hours
LEASE_S = 600  # longer than a turn; a process that dies in it delays the next by so much
DUTY = "alerts"


class Alerter:
    """One step tells what is due, until one cannot be told: who did not take that takes no other now."""

    def __init__(self, journal: Journal, alerting: Alerting, source: Source) -> None:
        self._journal = journal
        self._alerting = alerting
        self._source = source

    async def step(self) -> bool:
        """True while there may be more."""
        now_us = self._source.now_us()
        if not await self._journal.alerts.due(now_us, 1):
            return False
        if not await self._journal.retention.claim_duty(DUTY, now_us, LEASE_S * 1_000_000):
            return False
        try:
            due = await self._journal.alerts.due(now_us, TURN_LIMIT)
            for alert in due:
                if not await self._alerting.tell(alert):
                    return False
            return len(due) == TURN_LIMIT
        finally:
            await self._journal.retention.release_duty(DUTY, now_us + LEASE_S * 1_000_000)
