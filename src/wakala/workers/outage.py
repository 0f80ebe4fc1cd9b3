"""One voice for all workers about a database that is away: when it begins, now and then for how long, and its end.

Each of them meets it every second, and a night of that would bury whatever else a log has to say.
"""

import asyncio
import logging

from wakala.errors import DatabaseAwayError

log = logging.getLogger("wakala.workers")

SAID_AGAIN_S = 60.0
QUIET_S = 5.0  # a worker with nothing to write notices nothing; so soon after the last fault that is no sign of its end


class Outage:
    """It is over when each worker that met it has had a good turn since, and none has met it for a while."""

    def __init__(self) -> None:
        self._met_by: set[str] = set()
        self._began_s: float | None = None
        self._said_s = self._met_s = 0.0

    def met(self, worker: str, fault: DatabaseAwayError) -> None:
        """A turn failed by it."""
        self._met_s = now_s = asyncio.get_running_loop().time()
        self._met_by.add(worker)
        if self._began_s is None:
            self._began_s = self._said_s = now_s
            log.warning("the database is away, says the %s: %s", worker, fault.sentence)
        elif now_s - self._said_s >= SAID_AGAIN_S:
            self._said_s = now_s
            who = ", ".join(sorted(self._met_by))
            log.warning(
                "the database is away for %.0f s by now, say %s: %s", now_s - self._began_s, who, fault.sentence
            )

    def passed(self, worker: str) -> None:
        """A turn went well."""
        if self._began_s is None:
            return
        self._met_by.discard(worker)
        if not self._met_by and asyncio.get_running_loop().time() - self._met_s >= QUIET_S:
            log.warning("the database is back; it was away for %.0f s", self._met_s - self._began_s)
            self._began_s = None
