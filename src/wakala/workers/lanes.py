"""What the courier keeps of one endpoint in memory, and the turnstile where a backlog lets everything else pass."""

import asyncio
import collections

from wakala.rules.delivery import Notification
from wakala.rules.endpoints import Bucket

TURN_LIMIT = 4  # attempts from backlogs that begin in one turn of the event loop: a millisecond or two of its time


class Lane:
    """``fresh`` was staged by this process, ``backlog`` was claimed from the journal; they take turns."""

    __slots__ = ("_was_fresh", "backlog", "bucket", "fresh", "has_more", "is_filling", "running")

    def __init__(self) -> None:
        self.fresh: collections.deque[Notification] = collections.deque()
        self.backlog: collections.deque[Notification] = collections.deque()
        self.running = 0
        self.bucket: Bucket | None = None
        self.has_more = False  # the last page from the journal was a full one
        self.is_filling = False
        self._was_fresh = False

    @property
    def has_work(self) -> bool:
        """True where something is in memory."""
        return bool(self.fresh or self.backlog)

    @property
    def is_idle(self) -> bool:
        """True where nothing would be lost by forgetting it; a bucket must remember its last token."""
        return not (self.has_work or self.running or self.is_filling or self.bucket)

    def pop(self, now_us: int) -> Notification | None:
        """The next one whose lease still holds; without it somebody else may have it by now."""
        while self.has_work:
            self._was_fresh = bool(self.fresh) and not (self._was_fresh and self.backlog)
            notification = (self.fresh if self._was_fresh else self.backlog).popleft()
            if notification.lease_us > now_us:
                return notification
        return None

    def clear(self) -> list[Notification]:
        """Forget all of it."""
        left = [*self.fresh, *self.backlog]
        self.fresh.clear()
        self.backlog.clear()
        return left


class Turnstile:
    """Lets a few through in each turn of the event loop; the others wait in line while everything else has its turn."""

    def __init__(self, limit: int = TURN_LIMIT) -> None:
        self._limit = limit
        self._left = limit
        self._line: collections.deque[asyncio.Future[None]] = collections.deque()
        self._is_turning = False

    async def passed(self) -> None:
        """Come through, now or in a later turn."""
        loop = asyncio.get_running_loop()
        if not self._is_turning:
            self._is_turning = True
            loop.call_soon(self._turn, loop)
        if self._left > 0:
            self._left -= 1
            return
        place: asyncio.Future[None] = loop.create_future()
        self._line.append(place)
        await place

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._left = self._limit
        while self._line and self._left > 0:
            place = self._line.popleft()
            if not place.done():
                self._left -= 1
                place.set_result(None)
        self._is_turning = bool(self._line) or self._left < self._limit
        if self._is_turning:
            loop.call_soon(self._turn, loop)
