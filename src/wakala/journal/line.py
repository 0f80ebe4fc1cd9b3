"""Who waits for the next commit: those in a hurry, and those for whom a few milliseconds make no difference."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from wakala.errors import DatabaseAwayError
from wakala.journal.database import ENOUGH_OPERATIONS, QUEUE_LIMIT_OPERATIONS

CALM_S = 0.004  # so long may they wait for company: a commit of one costs nearly as much as a commit of ten

Asked = TypeVar("Asked")


class Line(Generic[Asked]):
    """In the order of arrival. A commit is due once somebody is in a hurry, and it takes along whoever stands there."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """``wake`` is called whenever a commit is due, perhaps more than once."""
        self.waiting: deque[tuple[Asked, asyncio.Future[Any]]] = deque()
        self.is_due = False
        self._loop = loop
        self._wake = wake
        self._has_alarm = False

    def join(self, asked: Asked, *, is_calm: bool) -> asyncio.Future[Any]:
        """A place in the line; done with its outcome."""
        if len(self.waiting) >= QUEUE_LIMIT_OPERATIONS:
            raise DatabaseAwayError
        future: asyncio.Future[Any] = self._loop.create_future()
        self.waiting.append((asked, future))
        if not is_calm or self.is_due or len(self.waiting) >= ENOUGH_OPERATIONS:
            self.hurry()
        elif not self._has_alarm:
            self._has_alarm = True
            self._loop.call_later(CALM_S, self._alarm)
        return future

    def hurry(self) -> None:
        """A commit is due for whoever waits."""
        self.is_due = bool(self.waiting)
        self._wake()

    def taken(self) -> None:
        """Somebody has taken as many as one commit holds; those who are left have waited for long enough."""
        self.is_due = bool(self.waiting)

    def _alarm(self) -> None:
        self._has_alarm = False
        if self.waiting:
            self.hurry()
