"""The one loop that every worker shares: step, and rest only where the step found nothing to do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from wakala.errors import DatabaseAwayError, WakalaError
from wakala.workers.outage import Outage

log = logging.getLogger("wakala.workers")

REST_MIN_S = 0.01  # where the settings say 0: a loop that never rests has the processor to itself
FAULT_PAUSE_S = 1.0  # after a fault, so that a database that is away is not hammered


class Loop:
    """Runs a step for ever. A step returns True while there may be more; an error in one turn does not end the loop."""

    def __init__(self, name: str, step: Callable[[], Awaitable[bool]], rest_s: float) -> None:
        self.name = name
        self._step = step
        self._rest_s = max(rest_s, REST_MIN_S)
        self._stopping = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, outage: Outage | None = None) -> None:
        """Begin in the background. ``outage`` speaks for all workers that have it in common."""
        self._task = asyncio.create_task(self._run(outage or Outage()), name=self.name)

    async def stop(self) -> None:
        """Finish the turn and end. Who waits no longer cancels, and the turn is cut short."""
        self._stopping.set()
        if self._task is not None:
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, outage: Outage) -> None:
        while not self._stopping.is_set():
            rest_s = self._rest_s
            try:
                is_more = await self._step()
                outage.passed(self.name)
                if is_more:
                    continue
            except WakalaError as error:
                if self._stopping.is_set():  # it was cut short; what was open is on the disk
                    return
                if isinstance(error, DatabaseAwayError):
                    outage.met(self.name, error)
                else:
                    log.warning("%s: %s", self.name, error.sentence)
                rest_s = max(rest_s, FAULT_PAUSE_S)
            except Exception:
                log.exception("%s: a turn failed; the next one follows", self.name)
                rest_s = max(rest_s, FAULT_PAUSE_S)
            with suppress(TimeoutError):
                async with asyncio.timeout(rest_s):  # without the task that `wait_for` would make for each rest
                    await self._stopping.wait()
