"""The story of a notification: staged with the change that owes it, attempted until it is taken, signed each time."""

import datetime as dt
import email.utils

from msgspec.structs import replace

from wakala.deliveries.standing import Standing
from wakala.directory import Directory
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.outgoing import NoReply, Outgoing, Reply
from wakala.rules.accounts import App, BodyFormat, Shortcode
from wakala.rules.delivery import Attempted, DeliveryState, Notification, Verdict, judge
from wakala.rules.endpoints import Endpoint, lane_of, owner_of, target_of
from wakala.rules.exchange import Exchange
from wakala.rules.payment import Change, Face, Payment, Scope
from wakala.rules.signing import webhook_signatures
from wakala.wire.daraja_inbound import ValidationVerdict, read_validation_verdict
from wakala.wire.notification import headers_of, render

ANSWER_KEPT_BYTES = 4_096  # enough to see a framework's error page for what it is


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
        validation_limit_s: float = 5,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._outgoing = outgoing
        self._source = source
        self._standing = standing
        self._schedule_s = schedule_s
        self._answer_limit_s = answer_limit_s
        self._lease_us = int(lease_s * 1_000_000)
        self._validation_limit_s = validation_limit_s

    def stage(self, change: Change, now_us: int) -> Notification:
        """What ``change`` owes the merchant, leased to nobody yet."""
        payment = change.payment
        app = self._directory.app(payment.scope.app_id)
        shortcode = self._directory.shortcode(payment.scope.shortcode_id)
        endpoint = self._endpoint(payment.scope)
        has_target = app is not None and bool(payment.callback_url or endpoint.url or app.callback_url)
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
            state=DeliveryState.WAITING if has_target else DeliveryState.KEPT,
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

    async def attempt(self, notification: Notification) -> Verdict:
        """One try: post, record what came of it, and say when to try again."""
        app = self._directory.app(notification.scope.app_id)
        endpoint = self._endpoint(notification.scope)
        app_url = app.callback_url if app else None
        url = target_of(endpoint, notification.url, app_url, notification.created_us)
        now_us = self._source.now_us()
        exchange = Exchange(
            id=self._source.new_id("xch"),
            name="delivery",
            direction="out",
            method="POST",
            url=url or "",
            request_headers=self._headers(notification, endpoint, now_us) if url and app else (),
            request_body=notification.body,
            started_us=now_us,
            payment_id=notification.payment_id,
            notification_id=notification.id,
            scope=notification.scope,
        )
        reply = await self._post(exchange, endpoint.answer_limit_s or self._answer_limit_s)
        exchange, attempted = _outcome(exchange, reply, now_us)
        ended_us = self._source.now_us()
        schedule_s = endpoint.schedule_s or self._schedule_s
        verdict = judge(attempted, notification.attempts + 1, ended_us, self._source.chance(), schedule_s)
        if not await self._journal.record_attempt(notification, verdict, exchange, now_us=ended_us):
            await self._journal.record_exchange(exchange)  # counted, held or acknowledged meanwhile: the bytes are kept
        await self._standing.note(
            notification.lane, endpoint, attempted, reply.duration_us, is_endpoints_own=not notification.url
        )
        return verdict

    async def ask_validation(self, shortcode: Shortcode, body: bytes, scope: Scope) -> ValidationVerdict | None:
        """Ask the merchant whether a payment may go through, in M-Pesa's own words; None where nobody said in time."""
        now_us = self._source.now_us()
        exchange = Exchange(
            id=self._source.new_id("xch"),
            name="c2b_validation_relay",
            direction="out",
            method="POST",
            url=shortcode.validation_url,
            request_headers=(("Content-Type", "application/json"), ("User-Agent", "Wakala/1")),
            request_body=body,
            started_us=now_us,
            scope=scope,
        )
        reply = await self._outgoing.send(
            "POST", exchange.url, exchange.request_headers, body, total_s=self._validation_limit_s
        )
        exchange, _ = _outcome(exchange, reply, now_us)
        await self._journal.record_exchange(exchange)
        return read_validation_verdict(reply.status, reply.body) if isinstance(reply, Reply) else None

    async def _post(self, exchange: Exchange, answer_limit_s: float) -> Reply | NoReply:
        if not exchange.url:
            return NoReply(True, "the app has no callback URL any more", 0)
        return await self._outgoing.send(
            "POST", exchange.url, exchange.request_headers, exchange.request_body, total_s=answer_limit_s
        )

    def _headers(self, notification: Notification, endpoint: Endpoint, now_us: int) -> tuple[tuple[str, str], ...]:
        """Standard Webhooks 1.0.0: the ID is stable over attempts, the timestamp is each attempt's own."""
        timestamp_s = now_us // 1_000_000
        shortcode = self._directory.shortcode(notification.scope.shortcode_id)
        signers = self._directory.signers(endpoint)
        return (
            *headers_of(notification.body, shortcode.number if shortcode else ""),
            ("User-Agent", "Wakala/1"),
            ("webhook-id", notification.id),
            ("webhook-timestamp", str(timestamp_s)),
            ("webhook-signature", webhook_signatures(signers, notification.id, timestamp_s, notification.body)),
        )


def _body_format(payment: Payment, app: App | None) -> BodyFormat:
    """As it was asked: who came by Daraja's paths is told in Daraja's words."""
    if payment.face is Face.DARAJA:
        return BodyFormat.DARAJA
    return app.body_format if app else BodyFormat.WAKALA


def _outcome(exchange: Exchange, reply: Reply | NoReply, now_us: int) -> tuple[Exchange, Attempted]:
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
    if given.isascii() and given.isdigit():
        return float(given)
    try:
        moment = email.utils.parsedate_to_datetime(given)
    except (ValueError, TypeError, IndexError, OverflowError):  # all of these, for dates that are none
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    return max(0.0, moment.timestamp() - now_us / 1_000_000)
