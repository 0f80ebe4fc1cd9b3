"""How long a future is waited for. One alarm for all of them: an alarm each costs more than most of what is awaited."""

import asyncio
from collections.abc import Callable
from typing import Any

LOOK_S = 0.1  # so much later than due a wait may end; limits are seconds


class Deadlines:
    """Ends waits that have taken too long. Looks only while something waits."""

    def __init__(self) -> None:
        self._watched: list[tuple[float, asyncio.Future[Any], Callable[[], Exception]]] = []
        self._is_looking = False

    def watch(self, future: asyncio.Future[Any], limit_s: float, fault: Callable[[], Exception]) -> None:
        """Raise what ``fault`` makes where ``future`` is awaited, unless it is done within ``limit_s``."""
        loop = future.get_loop()
        self._watched.append((loop.time() + limit_s, future, fault))
        if not self._is_looking:
            self._is_looking = True
            loop.call_later(LOOK_S, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        now_s = loop.time()
        watched, self._watched = self._watched, []
        for one in watched:
            due_s, future, fault = one
            if future.done():
                continue
            if due_s > now_s:
                self._watched.append(one)
            else:
                future.set_exception(fault())
        self._is_looking = bool(self._watched)
        if self._is_looking:
            loop.call_later(LOOK_S, self._look, loop)
