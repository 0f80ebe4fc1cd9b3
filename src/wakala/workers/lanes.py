"""What the courier keeps of one endpoint in memory, and the turnstile where a backlog lets everything else pass."""

import asyncio
import collections
from collections.abc import Callable
from typing import Any, Protocol

from wakala.rules.delivery import Notification
from wakala.rules.endpoints import Bucket

TICK_S = 0.002  # an attempt takes some 0.3 ms of the processor, so a tick's worth is never long in anybody's way
LOOK_S = 0.05  # how often the processor is asked: long enough to mean something, short enough to follow
BUSY_SHARE = 0.6  # of one core, all work together
LATE_S = 0.005  # from tick to tick: then others on this machine, or a long turn of our own, keep everybody waiting
MORE, LESS = 1.1, 0.85  # up slowly, down quickly: a second from one to many


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
    def is_behind(self) -> bool:
        """True where several wait that were claimed from the journal: whoever takes one stands in line for it."""
        return len(self.backlog) > 1 or self.has_more

    @property
    def is_idle(self) -> bool:
        """True where nothing would be lost by forgetting it, but for what its bucket remembers until it is full."""
        return not (self.has_work or self.running or self.is_filling)

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


class Alarms(Protocol):
    """What the turnstile needs of an event loop."""

    def time(self) -> float:
        """Seconds."""

    def create_future(self) -> asyncio.Future[None]:
        """Something to wait for."""

    def call_soon(self, work: Callable[..., None], /, *arguments: Any) -> Any:
        """In the next turn."""

    def call_later(self, delay_s: float, work: Callable[..., None], /, *arguments: Any) -> Any:
        """After a while."""


class Turnstile:
    """Where attempts from backlogs stand in line: so many begin in a tick as leave the processor time for the rest.

    A backlog has no hurry, but a merchant who is well must not notice that another one's backlog is being sent. So it
    gets what is left up to a share of the processor, evenly; never less than one attempt a tick, and never more than
    the limit. The share alone is none: the more is sent, the less of the processor each attempt costs.
    """

    def __init__(self, cpu_s: Callable[[], float], limit_per_s: float) -> None:
        """``cpu_s`` says how many seconds of the processor were used; the limit is at least one a second."""
        self._cpu_s = cpu_s
        self._most = max(1.0, limit_per_s) * TICK_S
        self._least = min(1.0, self._most)
        self._line: collections.deque[asyncio.Future[None]] = collections.deque()
        self._allowance = self._least
        self._credit = 0.0
        self._ticked_s = self._looked_s = self._used_s = 0.0
        self._ticks = 0
        self._is_ticking = False

    async def passed(self) -> None:
        """Come through, in the order of arrival."""
        await self.enter(asyncio.get_running_loop())

    def enter(self, loop: Alarms) -> asyncio.Future[None]:
        """A place in the line; done when its turn has come."""
        place = loop.create_future()
        self._line.append(place)
        if not self._is_ticking:
            self._is_ticking = True
            self._ticked_s = self._looked_s = loop.time()
            self._used_s, self._ticks = self._cpu_s(), 0
            loop.call_soon(self._tick, loop)
        return place

    def _tick(self, loop: Alarms) -> None:
        if not self._line:
            self._is_ticking, self._credit = False, 0.0
            return
        now_s = loop.time()
        self._look(now_s)
        self._credit += self._allowance * _ticks_in(now_s - self._ticked_s)
        self._ticked_s = now_s
        while self._line and self._credit >= 1:
            place = self._line.popleft()
            if not place.done():
                self._credit -= 1
                place.set_result(None)
        if not self._line:
            self._credit = 0.0  # what was not used is not saved up
        loop.call_later(TICK_S, self._tick, loop)

    def _look(self, now_s: float) -> None:
        """Now and then: more where the processor has time to spare, less where it has not or keeps us waiting."""
        elapsed_s = now_s - self._looked_s
        self._ticks += 1
        if elapsed_s < LOOK_S:
            return
        used_s = self._cpu_s()
        has_time = (used_s - self._used_s) / elapsed_s < BUSY_SHARE and elapsed_s / self._ticks < LATE_S
        self._looked_s, self._used_s, self._ticks = now_s, used_s, 0
        change = MORE if has_time else LESS
        self._allowance = min(self._most, max(self._least, self._allowance * change))


def _ticks_in(elapsed_s: float) -> float:
    """An alarm comes a little late each time, and then counts for as much more; one that is very late, for itself."""
    return max(1.0, elapsed_s / TICK_S) if elapsed_s < LATE_S else 1.0
