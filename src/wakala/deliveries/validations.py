"""C2B validations put to the merchant: may this payment go through? M-Pesa waits, and a customer behind it.

So there is a budget of time, a few at a time may wait, and who did not answer lately is not asked for a while: then the
default that was registered with M-Pesa decides, and the record says so. A record that cannot be written in time goes to
the log: a merchant who said no must not be overruled because our database is away.
"""

import asyncio
import logging
from collections import Counter

from wakala.deliveries.deliveries import outcome, signed_headers
from wakala.deliveries.standing import Standing
from wakala.directory import Directory
from wakala.errors import DatabaseFaultError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.outgoing import Outgoing, Reply
from wakala.rules.accounts import Shortcode
from wakala.rules.delivery import Attempted
from wakala.rules.endpoints import asking_lane
from wakala.rules.exchange import Exchange, Headers
from wakala.rules.payment import Scope
from wakala.wire.daraja_inbound import ValidationVerdict, read_validation_verdict

log = logging.getLogger("wakala.validations")

RECORD_LIMIT_S = 1.0  # for each of the two records; with the merchant's five seconds, less than M-Pesa's eight
ASKED_LIMIT = 32  # of one shortcode at once; who is behind them would not be answered in time either

MERCHANT = "the merchant"
DEFAULT = "the registered default"
RESTING = "the registered default, for the merchant answered none of the last and is asked again soon"
CROWDED = f"the registered default, for {ASKED_LIMIT} others wait for the merchant already"


class Validations:
    """Asks, within ``limit_s`` seconds."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        outgoing: Outgoing,
        source: Source,
        standing: Standing,
        *,
        limit_s: float,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._outgoing = outgoing
        self._source = source
        self._standing = standing
        self._limit_s = limit_s
        self._asked: Counter[str] = Counter()

    async def decide(self, shortcode: Shortcode, body: bytes, scope: Scope) -> tuple[ValidationVerdict, str]:
        """The verdict on M-Pesa's ``body``, and in words whose it is."""
        lane = asking_lane(shortcode.id)
        default = ValidationVerdict(shortcode.response_type == "Completed")
        if not self._standing.record(lane).may_begin(self._asked[lane], self._source.now_us()):
            return default, RESTING
        if self._asked[lane] >= ASKED_LIMIT:
            return default, CROWDED
        self._asked[lane] += 1
        try:
            told = await self._ask(lane, shortcode, body, scope)
        finally:
            self._asked[lane] -= 1
        return (told, MERCHANT) if told is not None else (default, DEFAULT)

    async def _ask(self, lane: str, shortcode: Shortcode, body: bytes, scope: Scope) -> ValidationVerdict | None:
        """In M-Pesa's own words, signed as notifications are; None where nobody said in time."""
        now_us = self._source.now_us()
        exchange_id = self._source.new_id("xch")
        exchange = Exchange(
            id=exchange_id,
            name="c2b_validation_relay",
            direction="out",
            method="POST",
            url=shortcode.validation_url,
            request_headers=self._headers(exchange_id, scope, body, now_us),
            request_body=body,
            started_us=now_us,
            scope=scope,
        )
        reply = await self._outgoing.send("POST", exchange.url, exchange.request_headers, body, total_s=self._limit_s)
        exchange, attempted = outcome(exchange, reply, now_us)
        told = read_validation_verdict(reply.status, reply.body) if isinstance(reply, Reply) else None
        if told is None and attempted.is_delivered:
            attempted = Attempted(None, "the answer names no ResultCode")
        self._standing.note_asked(lane, attempted, reply.duration_us)
        await self.record(exchange)
        return told

    async def record(self, exchange: Exchange) -> None:
        """Write it down if that can be done in time, for M-Pesa waits."""
        try:
            async with asyncio.timeout(RECORD_LIMIT_S):
                await self._journal.record_exchange(exchange)
        except (TimeoutError, DatabaseFaultError) as fault:
            why, decided = fault.__cause__ or type(fault).__name__, exchange.error or ""
            log.error(  # noqa: TRY400 - told in words
                "%s %s is not in the journal: %s (%s)", exchange.name, exchange.id, decided, why
            )

    def _headers(self, webhook_id: str, scope: Scope, body: bytes, now_us: int) -> Headers:
        endpoint = self._directory.endpoint(scope.app_id, scope.shortcode_id)
        signers = self._directory.signers(endpoint) if endpoint else ()
        return signed_headers(signers, webhook_id, body, now_us)
