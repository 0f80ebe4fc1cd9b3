"""What a change owes the merchant, from the commit that stages it to the courier.

It is leased to this process in that commit, so that nobody else looks for it. Where nobody knows whether it is there,
it is in doubt (`doubts`).
"""

from collections.abc import Sequence

from wakala.deliveries import Deliveries
from wakala.deliveries.bell import Bell
from wakala.rules.decisions import Change
from wakala.rules.delivery import Notification
from wakala.workers.courier import Courier
from wakala.workers.doubts import Doubts


class LeasedOutbox:
    """See the module; `payments.Outbox` says how it is used."""

    def __init__(self, deliveries: Deliveries, courier: Courier, bell: Bell, doubts: Doubts) -> None:
        self._deliveries = deliveries
        self._courier = courier
        self._bell = bell
        self._doubts = doubts

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
        self._doubts.add(owed)
