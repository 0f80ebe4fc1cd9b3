"""The story of a notification: staged with the change that owes it, attempted until it is taken, signed each time."""

import asyncio
import datetime as dt
import email.utils
import logging
from contextlib import suppress
from dataclasses import dataclass

from msgspec.structs import replace

from wakala.deliveries.standing import Standing
from wakala.directory import Directory
from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.outgoing import NoReply, Outgoing, Reply
from wakala.rules.accounts import App, BodyFormat
from wakala.rules.decisions import Change
from wakala.rules.delivery import COLLECTED, TWIN, Attempted, DeliveryState, Notification, Verdict, judge
from wakala.rules.endpoints import Endpoint, lane_of, owner_of, target_of
from wakala.rules.exchange import Exchange, Headers
from wakala.rules.payment import Evidence, Face, Payment, Scope
from wakala.rules.signing import Signer, webhook_signatures
from wakala.wire.notification import headers_of, render

log = logging.getLogger("wakala.deliveries")

_TOLD_WHERE_REGISTERED = frozenset({COLLECTED, TWIN})
ANSWER_KEPT_BYTES = 4_096  # enough to see a framework's error page for what it is
STALE_US = 5_000_000  # no merchant who is well lets it wait so long for a hand: the question is asked of few
UNWRITTEN_LIMIT = 4_096  # about 20 MB; what is beyond is attempted again when its lease ends


@dataclass(frozen=True, slots=True)
class _Ended:
    """An attempt, and what came of it."""

    notification: Notification
    verdict: Verdict
    exchange: Exchange
    at_us: int


class Deliveries:
    """Stages and attempts. Which attempt runs when is the courier's business."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        outgoing: Outgoing,
        source: Source,
        standing: Standing,
        schedule_s: tuple[float, ...],
        *,
        answer_limit_s: float,
        lease_s: float,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._outgoing = outgoing
        self._source = source
        self._standing = standing
        self._schedule_s = schedule_s
        self._answer_limit_s = answer_limit_s
        self._lease_us = int(lease_s * 1_000_000)
        self._unwritten: list[_Ended] = []

    def stage(self, change: Change, now_us: int) -> Notification:
        """What ``change`` owes the merchant, leased to nobody yet.

        Without an app nobody is told. It waits also where no URL is known: one may have been named elsewhere a moment
        ago, and `attempt` looks again.
        """
        payment = change.payment
        app = self._directory.app(payment.scope.app_id)
        shortcode = self._directory.shortcode(payment.scope.shortcode_id)
        endpoint = self._endpoint(payment.scope)
        return Notification(
            id=self._source.new_id("ntf"),
            payment_id=payment.id,
            sequence=payment.notifications,
            scope=payment.scope,
            type=change.notify or "",
            body=render(
                payment,
                change.notify or "",
                _body_format(payment, app),
                shortcode.number if shortcode else "",
                now_us,
            ),
            lane=lane_of(endpoint, payment.callback_url),
            url=payment.callback_url,
            state=DeliveryState.WAITING if payment.scope.app_id else DeliveryState.KEPT,
            attempts=0,
            due_us=now_us,
            lease_us=0,
            created_us=now_us,
        )

    def lease_end_us(self, now_us: int) -> int:
        """Until when a courier that takes a notification now may count it as its own."""
        return now_us + self._lease_us

    def _endpoint(self, scope: Scope) -> Endpoint:
        """From memory. An app that is gone has no row; its notifications end as those without a target do."""
        found = self._directory.endpoint(scope.app_id, scope.shortcode_id)
        return found or Endpoint("", scope.organisation_id, scope.app_id, "")

    def lane_terms(self, lane: str) -> Endpoint | None:
        """The endpoint whose terms hold in a lane; None where its app is gone."""
        return self._directory.endpoint(*owner_of(lane))

    async def attempt(self, notification: Notification) -> Verdict | None:
        """One try: post, record what came of it, and say when to try again. None where it was not to be tried here."""
        now_us = self._source.now_us()
        if not await self._is_owed(notification, now_us):
            return None
        own_url = await url_of_its_own(self._journal, self._directory, notification)
        # After all that is waited for: the directory may learn of another URL meanwhile.
        app, endpoint = self._directory.app(notification.scope.app_id), self._endpoint(notification.scope)
        app_url = app.callback_url if app else None
        target = target_of(endpoint, own_url, app_url, notification.created_us, now_us)
        if target.url is None or app is None:  # nobody named a URL, or it was taken away, or it is to be held
            await self._directory.refresh()  # by what was known here, and others know more: kept is kept for good
            # What counts is what changed since, whoever read it: another's reading leaves ours nothing that is new.
            if (self._directory.app(notification.scope.app_id), self._endpoint(notification.scope)) != (app, endpoint):
                return await self.attempt(notification)
            await self._journal.endpoints.hold([notification.id], notification.created_us + 1, now_us)
            return None
        if target.lane != notification.lane:  # its endpoint changed while it waited
            if not await self._journal.endpoints.move_lane(notification, target.lane):
                await self._journal.hand_back_notification(notification)  # somebody else has moved it
            return None
        return await self._try(notification, endpoint, target.url, is_own=target.is_own, now_us=now_us)

    async def _is_owed(self, notification: Notification, now_us: int) -> bool:
        """False where it was acknowledged while it waited for a hand. Where nobody can be asked, it is."""
        claimed_us = notification.lease_us - self._lease_us
        if now_us - claimed_us < STALE_US:
            return True
        with suppress(DatabaseFaultError):
            known = await self._journal.notification(notification.id)
            return known is not None and known.lease_us == notification.lease_us
        return True

    async def _try(
        self, notification: Notification, endpoint: Endpoint, url: str, *, is_own: bool, now_us: int
    ) -> Verdict:
        exchange = Exchange(
            id=self._source.new_id("xch"),
            name="delivery",
            direction="out",
            method="POST",
            url=url,
            request_headers=self._headers(notification, endpoint, now_us),
            request_body=notification.body,
            started_us=now_us,
            payment_id=notification.payment_id,
            notification_id=notification.id,
            scope=notification.scope,
        )
        limit_s = min(endpoint.answer_limit_s or self._answer_limit_s, self._lease_us / 1_000_000)  # then it is others'
        reply = await self._outgoing.send("POST", url, exchange.request_headers, notification.body, total_s=limit_s)
        exchange, attempted = outcome(exchange, reply, now_us)
        ended_us = self._source.now_us()
        verdict = judge(
            attempted,
            notification.attempts + 1,
            ended_us,
            self._source.chance(),
            endpoint.schedule_s or self._schedule_s,
            staged_us=notification.created_us,
            gone_ends=not is_own,
        )
        if not await self._write(_Ended(notification, verdict, exchange, ended_us)):
            log.warning("how an attempt at %s ended is written once the database is back", notification.id)
        await self._standing.note(notification.lane, endpoint, attempted, reply.duration_us, is_endpoints_own=is_own)
        return verdict

    async def _write(self, ended: _Ended) -> bool:
        """At once, or (False) once the database is back: else a merchant who has taken it would be sent it again."""
        exchange = ended.exchange
        try:
            if await self._journal.record_attempt(ended.notification, ended.verdict, exchange, now_us=ended.at_us):
                return True
            # Counted, held or acknowledged meanwhile: the bytes are kept, unless it was us who counted it, and unsaid.
            if await self._journal.exchange(exchange.id) is None:
                await self._journal.record_exchange(exchange)
        except DatabaseAwayError:
            if len(self._unwritten) < UNWRITTEN_LIMIT:
                self._unwritten.append(ended)
            return False
        return True

    async def write_late(self) -> None:
        """How attempts ended while the database was away. A process that ends before it is back makes them again."""
        late, self._unwritten = self._unwritten, []
        await asyncio.gather(*(self._write(ended) for ended in late))

    def _headers(self, notification: Notification, endpoint: Endpoint, now_us: int) -> Headers:
        """Standard Webhooks 1.0.0: the ID is stable over attempts, the timestamp is each attempt's own."""
        shortcode = self._directory.shortcode(notification.scope.shortcode_id)
        signers, number = self._directory.signers(endpoint), shortcode.number if shortcode else ""
        return signed_headers(signers, notification.id, notification.body, now_us, number)


async def url_of_its_own(journal: Journal, directory: Directory, notification: Notification) -> str | None:
    """The URL that came with the request, or that Daraja's caller registered for the shortcode: as it is by now."""
    url, shortcode = notification.url, directory.shortcode(notification.scope.shortcode_id)
    if not url or notification.type not in _TOLD_WHERE_REGISTERED or shortcode is None:
        return url
    if url in {shortcode.confirmation_url, shortcode.bill_url}:
        return url
    payment = await journal.payment(notification.payment_id)  # seldom: it has moved
    is_bill = payment is not None and payment.evidence is Evidence.BILL_MANAGER and notification.type == COLLECTED
    return (shortcode.bill_url if is_bill else shortcode.confirmation_url) or url


def _body_format(payment: Payment, app: App | None) -> BodyFormat:
    """As it was asked: who came by Daraja's paths is told in Daraja's words."""
    if payment.face is Face.DARAJA:
        return BodyFormat.DARAJA
    return app.body_format if app else BodyFormat.WAKALA


def signed_headers(
    signers: tuple[Signer, ...], webhook_id: str, body: bytes, now_us: int, shortcode: str = ""
) -> Headers:
    """What goes before a body that a merchant can verify; ``shortcode`` is the number, which Daraja's shape names."""
    plain = (*headers_of(body, shortcode), ("User-Agent", "Wakala/1"))
    if not signers:  # no app is told of this shortcode's payments, so there is no secret either
        return plain
    timestamp_s = now_us // 1_000_000
    return (
        *plain,
        ("webhook-id", webhook_id),
        ("webhook-timestamp", str(timestamp_s)),
        ("webhook-signature", webhook_signatures(signers, webhook_id, timestamp_s, body)),
    )


def outcome(exchange: Exchange, reply: Reply | NoReply, now_us: int) -> tuple[Exchange, Attempted]:
    """The exchange with what came back, and the attempt as the rules see it."""
    if isinstance(reply, NoReply):
        failed = replace(exchange, error=reply.reason, duration_us=reply.duration_us)
        return failed, Attempted(None, reply.reason)
    answered = replace(
        exchange,
        status=reply.status,
        answer_headers=reply.headers,
        answer_body=reply.body[:ANSWER_KEPT_BYTES],
        duration_us=reply.duration_us,
    )
    return answered, Attempted(reply.status, None, _retry_after_s(reply, now_us))


def _retry_after_s(reply: Reply, now_us: int) -> float | None:
    """``Retry-After`` in seconds, whether given as seconds or as a date."""
    given = next((value.strip() for name, value in reply.headers if name.lower() == "retry-after"), "")
    if not given:
        return None
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        moment = email.utils.parsedate_to_datetime(given)
    except (ValueError, TypeError, IndexError, OverflowError):  # all of these, for dates that are none
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, moment.timestamp() - now_us / 1_000_000)
