"""Wakes those who wait for an app's next notification, so that it arrives at once and nobody asks in vain."""

import asyncio
from collections import Counter, defaultdict

WAITERS_LIMIT = 500  # in a process; whoever is beyond waits without being woken
LOOK_AGAIN_S = 1.0  # what another process stages rings no bell here; one probe of an index a second finds it


class Bell:
    """One bell an app."""

    def __init__(self) -> None:
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self._rung: Counter[str] = Counter()
        self._count = 0
        self.is_closed = False

    def ring(self, app_id: str) -> None:
        """Something was staged for this app, and is committed."""
        self._rung[app_id] += 1
        for waiter in self._waiting.pop(app_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """The gateway is ending: nobody waits any more."""
        self.is_closed = True
        for app_id in list(self._waiting):
            self.ring(app_id)

    def times_rung(self, app_id: str) -> int:
        """Taken before looking, so that a bell which rings while one looks is not missed."""
        return self._rung[app_id]

    async def wait(self, app_id: str, times_rung: int, seconds: float) -> None:
        """Until it has rung more often, `LOOK_AGAIN_S` or ``seconds`` have passed, or the gateway is ending."""
        if self.is_closed or self._rung[app_id] != times_rung:
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        is_heard = self._count < WAITERS_LIMIT
        if is_heard:
            self._waiting[app_id].add(waiter)
        self._count += 1
        try:
            async with asyncio.timeout(min(seconds, LOOK_AGAIN_S)):
                await waiter
        except TimeoutError:
            pass
        finally:
            self._count -= 1
            self._forget(app_id, waiter)

    def _forget(self, app_id: str, waiter: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(app_id)
        if waiting is not None:
            waiting.discard(waiter)
            if not waiting:
                del self._waiting[app_id]
