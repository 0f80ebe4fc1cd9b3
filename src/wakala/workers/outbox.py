"""What a change owes the merchant, from the commit that stages it to the courier.

It is leased to this process in that commit, so that nobody else looks for it. But where the commit is given up, the
database may carry it out all the same, and seconds later, if it hung: then nobody would bring what it staged before the
lease ends. So what is in doubt is given back, again and again, until it was there or its lease has ended by itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from wakala.deliveries import Deliveries
from wakala.deliveries.bell import Bell
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.decisions import Change
from wakala.rules.delivery import Notification
from wakala.workers.courier import Courier

DOUBTS_LIMIT = 4_096  # about 4 MB; what is beyond waits for the end of its lease
FIRST_REST_S = 1.0  # between two looks; each is twice the one before


@dataclass(slots=True)
class _Doubt:
    notification: Notification
    due_us: int = 0
    rest_us: int = int(FIRST_REST_S * 1_000_000)


class LeasedOutbox:
    """See the module; `payments.Outbox` says how it is used."""

    def __init__(self, journal: Journal, deliveries: Deliveries, courier: Courier, bell: Bell, source: Source) -> None:
        self._journal = journal
        self._deliveries = deliveries
        self._courier = courier
        self._bell = bell
        self._source = source
        self._doubts: dict[str, _Doubt] = {}

    def stage(self, change: Change, now_us: int) -> Notification:
        """The notification that a change owes, leased to us where its lane can take it at once."""
        return self._courier.reserve(self._deliveries.stage(change, now_us), now_us)

    def offer(self, owed: Sequence[Notification]) -> None:
        """They are written: to the courier with them, and whoever waits for news of their app has some."""
        for notification in owed:
            self._courier.offer(notification)
            self._bell.ring(notification.scope.app_id)

    def doubt(self, owed: Sequence[Notification]) -> None:
        """Whether they are written is not known, and they may be yet."""
        for notification in owed:
            if notification.lease_us and len(self._doubts) < DOUBTS_LIMIT:
                self._doubts[notification.id] = _Doubt(notification)

    async def step(self) -> bool:
        """Give back what is in doubt and found to be written. Never asks for another turn at once."""
        now_us = self._source.now_us()
        due = [doubt for doubt in self._doubts.values() if doubt.due_us <= now_us]
        await asyncio.gather(*(self._give_back(doubt, now_us) for doubt in due))
        return False

    async def _give_back(self, doubt: _Doubt, now_us: int) -> None:
        is_given = await self._journal.hand_back_notification(doubt.notification)
        if is_given or doubt.notification.lease_us <= now_us:
            self._doubts.pop(doubt.notification.id, None)
            return
        doubt.due_us = now_us + doubt.rest_us
        doubt.rest_us *= 2
