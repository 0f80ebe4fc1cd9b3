"""Leases of this process on notifications that it does not have in hand, though the database may say that it has.

Where an operation is given up, the database may carry it out all the same, and seconds later, if it hung: then nobody
would bring what is leased before the lease ends. So what is in doubt is given back, again and again, until it was
there or its lease has ended by itself.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.delivery import Notification

DOUBTS_LIMIT = 4_096  # about 4 MB; what is beyond waits for the end of its lease
FIRST_REST_S = 1.0  # between two looks; each is twice the one before


@dataclass(slots=True)
class _Doubt:
    notification: Notification
    due_us: int = 0
    rest_us: int = int(FIRST_REST_S * 1_000_000)


class Doubts:
    """One step gives back what is there by now."""

    def __init__(self, journal: Journal, source: Source) -> None:
        self._journal = journal
        self._source = source
        self._doubts: dict[str, _Doubt] = {}

    def add(self, leased: Sequence[Notification]) -> None:
        """Whether they are leased to us is not known, and they may be yet."""
        for notification in leased:
            if notification.lease_us and len(self._doubts) < DOUBTS_LIMIT:
                self._doubts[notification.id] = _Doubt(notification)

    async def step(self) -> bool:
        """Never asks for another turn at once."""
        now_us = self._source.now_us()
        due = [doubt for doubt in self._doubts.values() if doubt.due_us <= now_us]
        await asyncio.gather(*(self._give_back(doubt, now_us) for doubt in due))
        return False

    async def _give_back(self, doubt: _Doubt, now_us: int) -> None:
        is_given = await self._journal.hand_back_notification(doubt.notification)
        if is_given or doubt.notification.lease_us <= now_us:
            if self._doubts.get(doubt.notification.id) is doubt:  # else it was leased again meanwhile, and is in doubt
                del self._doubts[doubt.notification.id]
            return
        doubt.due_us = now_us + doubt.rest_us
        doubt.rest_us *= 2
