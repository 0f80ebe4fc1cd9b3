"""Tells the operator what he has not asked: alerts that are due, one after another, by one process at a time.

That the database is away is written nowhere, so each process tells it of itself, once it has lasted.
"""

import logging
from collections.abc import Awaitable, Callable

from wakala.deliveries.alerting import Alerting
from wakala.errors import DatabaseAwayError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.alerts import Alert, AlertType

log = logging.getLogger("wakala.alerts")

TURN_LIMIT = 5  # told by one process in a row; each may take as long as the receiver is given
SUMMED_LIMIT = 200  # behind those, in one sentence
REST_US = 60_000_000  # after a turn that told something: nobody reads six a second
SPARE_S = 10  # beyond that, for writing it down
AWAY_TOLD_US = 60_000_000  # a server that is started anew is back by then, and nobody need get up for it
MINUTE_US = 60_000_000
DUTY = "alerts"


class Alerter:
    """One step tells what is due, until one cannot be told: who did not take that takes no other now.

    ``require_database`` raises `DatabaseAwayError` while the database takes nothing; ``public_url`` is whose it is.
    """

    def __init__(
        self,
        journal: Journal,
        alerting: Alerting,
        source: Source,
        require_database: Callable[[], Awaitable[None]],
        public_url: str,
    ) -> None:
        self._journal = journal
        self._alerting = alerting
        self._source = source
        self._require_database = require_database
        self._public_url = public_url
        self._away_us: int | None = None  # since when
        self._has_told = False
        self._rests_until_us = 0  # on the steady clock

    async def step(self) -> bool:
        """Never asks for another turn at once."""
        try:
            await self._require_database()
        except DatabaseAwayError:
            await self._tell_that_it_is_away()
            raise
        await self._tell_that_it_is_back()
        now_us, steady_us = self._source.now_us(), self._source.steady_us()
        if 0 < steady_us < self._rests_until_us or not await self._journal.alerts.due(now_us, 1):
            return False
        # Longer than a turn; a process that dies in it keeps the next from telling for so long.
        lease_us = int(((TURN_LIMIT + 1) * self._alerting.limit_s + SPARE_S) * 1_000_000)
        if not await self._journal.retention.claim_duty(DUTY, now_us, lease_us):
            return False
        try:
            if await self._tell(await self._journal.alerts.due(now_us, TURN_LIMIT + SUMMED_LIMIT)):
                self._rests_until_us = steady_us + REST_US
        finally:
            await self._journal.retention.release_duty(DUTY, now_us + lease_us)
        return False

    async def _tell(self, due: list[Alert]) -> bool:
        """The longest due one by one, a crowd behind them in one sentence; until one cannot be told."""
        for alert in due[:TURN_LIMIT]:
            if not await self._alerting.tell(alert):
                return False
        more = due[TURN_LIMIT:]
        return not more or await self._alerting.sum_up(more)

    async def _tell_that_it_is_away(self) -> None:
        now_us = self._source.steady_us()
        if self._away_us is None:
            self._away_us = now_us
        if self._has_told or now_us - self._away_us < AWAY_TOLD_US:
            return
        self._has_told = await self._said(
            AlertType.DATABASE_AWAY,
            f"The gateway at {self._public_url} has been without its database for a minute. M-Pesa's callbacks "
            "are kept, all else is refused until it is back. See its log, and `wakala doctor` there.",
        )

    async def _tell_that_it_is_back(self) -> None:
        if self._away_us is None:
            return
        if self._has_told:
            minutes = (self._source.steady_us() - self._away_us) // MINUTE_US
            self._has_told = not await self._said(
                AlertType.DATABASE_BACK,
                f"The gateway at {self._public_url} has its database again, after {minutes} min. "
                "What was kept is handled now.",
            )
        if not self._has_told:
            self._away_us = None

    async def _said(self, type_: AlertType, sentence: str) -> bool:
        error = await self._alerting.say(type_, sentence)
        if error is not None:
            log.warning("%s could not be told to %s: %s; it is tried again", type_, self._alerting.host, error)
        return error is None
