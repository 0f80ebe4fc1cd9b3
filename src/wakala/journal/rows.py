"""Records to rows and back. The order of columns is that of the query files."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from wakala.journal.database import Row, Write
from wakala.rules.accounts import App, AppSecret, BodyFormat, Environment, Product, Shortcode, ShortcodeKind, Side
from wakala.rules.decisions import Change
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.exchange import (
    Exchange,
    Headers,
    headers_may_hold_secrets,
    kept,
    redact_headers,
    redact_text,
)
from wakala.rules.payment import Answer, Evidence, Face, Flag, Kind, Payment, Scope, State

NO_END_US = 2**63 - 1  # later than every moment
LAST_ID = "zzz"  # sorts after every ID, byte by byte and as people sort: the start of a newest-first listing
_encode = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True):
    """One thing that happened to a payment, as the trace tells it."""

    sequence: int
    at_us: int
    name: str
    from_state: str | None
    to_state: str
    exchange_id: str | None
    detail: dict[str, str]


class Confirmation(msgspec.Struct, frozen=True):
    """A C2B confirmation, once a receipt. ``payment_id`` is None while it waits to learn whose it is."""

    organisation_id: str
    environment: str
    receipt: str
    app_id: str
    shortcode_id: str
    payment_id: str | None
    notice: str
    received_us: int
    due_us: int | None


class Claim(msgspec.Struct, frozen=True):
    """A waiting confirmation that a payment takes: by its receipt and amount in cents, or by its receipt alone."""

    receipt: str
    amount_cents: int | None = None


class ShortcodeDue(msgspec.Struct, frozen=True):
    """A shortcode of which a payment is due, and since when."""

    id: str
    environment: str
    due_us: int


def scope_row(scope: Scope) -> Row:
    """The four columns that stand on every row."""
    return (scope.organisation_id, scope.app_id, scope.shortcode_id, scope.environment)


def payment_row(p: Payment) -> Row:
    """A payment as ``payment_open`` inserts it."""
    return (
        p.id,
        *scope_row(p.scope),
        p.kind,
        p.request_id,
        p.fingerprint,
        p.state,
        p.version,
        p.amount_cents,
        p.msisdn,
        p.reference,
        p.description,
        p.reference_data,
        p.callback_url,
        p.created_us,
        p.updated_us,
        *_mutable(p),
        p.command,
        p.face,
        p.details,
        p.results,
        p.side,
    )


def _mutable(p: Payment) -> Row:
    return (
        p.sent_us,
        p.settled_us,
        p.merchant_request_id,
        p.checkout_request_id,
        p.receipt,
        p.paid_us,
        p.payer_name,
        p.answer,
        p.answer_code,
        p.answer_desc,
        p.result_code,
        p.result_desc,
        p.evidence,
        p.reason,
        ",".join(p.flags),
        p.notifications,
        p.checks,
        p.next_check_us,
    )


def payment_change_row(after: Payment, before: Payment) -> Row:
    """A payment as ``payment_advance`` compares and sets it."""
    known = (before.id, before.version, before.updated_us)
    return (after.state, after.version, after.updated_us, *_mutable(after), after.results, *known)


def payment_of(row: Sequence[Any]) -> Payment:
    """A payment from any of the payment queries."""
    columns = [*row[:1], Scope(row[1], row[2], row[3], row[4]), *row[5:]]
    columns[2] = Kind(row[5])
    columns[5] = State(row[8])
    columns[22] = Answer(row[25]) if row[25] else None
    columns[27] = Evidence(row[30]) if row[30] else None
    columns[29] = tuple(Flag(flag) for flag in row[32].split(",") if flag)
    columns[34] = Face(row[37])
    columns[37] = Side(row[40])
    return Payment(*columns)


def event_row(payment: Payment, change: Change, before: State | None, exchange_id: str | None) -> Row:
    """The event that tells of a change; its sequence is the payment's new version."""
    return (
        payment.id,
        payment.version,
        *scope_row(payment.scope),
        payment.updated_us,
        change.name,
        before,
        payment.state,
        exchange_id,
        _encode(change.detail).decode() if change.detail else "{}",
    )


def event_of(row: Sequence[Any]) -> Event:
    """An event of ``events_of_payment``."""
    return Event(row[0], row[1], row[2], row[3], row[4], row[5], json.loads(row[6]))


def exchange_row(x: Exchange) -> Row:
    """An exchange as it is kept: secrets out, bodies capped. Nothing else writes exchanges."""
    return (
        x.id,
        x.payment_id,
        x.notification_id,
        *(scope_row(x.scope) if x.scope else (None, None, None, None)),
        x.name,
        x.direction,
        x.verdict,
        x.peer,
        x.method,
        redact_text(x.url),
        headers_text(x.request_headers),
        kept(x.request_body),
        x.status,
        headers_text(x.answer_headers),
        kept(x.answer_body),
        x.error,
        x.started_us,
        x.duration_us,
    )


@lru_cache(maxsize=64)  # who calls twice says much the same
def headers_text(headers: Headers) -> str:
    """Headers as stored: JSON pairs, secret values out."""
    if not headers:
        return "[]"
    text = _encode(headers).decode()
    return _encode(redact_headers(headers)).decode() if headers_may_hold_secrets(text) else text


def exchange_of(row: Sequence[Any]) -> Exchange:
    """An exchange of any exchange query."""
    return Exchange(
        id=row[0],
        payment_id=row[1],
        notification_id=row[2],
        scope=Scope(row[3], row[4] or "", row[5] or "", row[6] or "") if row[3] else None,
        name=row[7],
        direction=row[8],
        verdict=row[9],
        peer=row[10],
        method=row[11],
        url=row[12],
        request_headers=tuple((name, value) for name, value in json.loads(row[13])),
        request_body=bytes(row[14]),
        status=row[15],
        answer_headers=tuple((name, value) for name, value in json.loads(row[16])),
        answer_body=bytes(row[17]),
        error=row[18],
        started_us=row[19],
        duration_us=row[20],
    )


def notification_row(n: Notification) -> Row:
    """A notification as it is staged."""
    return (
        n.id,
        n.payment_id,
        n.sequence,
        *scope_row(n.scope),
        n.type,
        n.body,
        n.lane,
        n.url,
        n.state,
        n.attempts,
        n.due_us,
        n.lease_us,
        n.created_us,
        n.last_status,
        n.last_error,
        n.settled_us,
    )


def notification_of(row: Sequence[Any]) -> Notification:
    """A notification of any notification query."""
    columns = [*row[:3], Scope(row[3], row[4], row[5], row[6]), *row[7:]]
    columns[5] = bytes(row[8])
    columns[8] = DeliveryState(row[11])
    return Notification(*columns)


def shortcode_row(s: Shortcode) -> Row:
    """A shortcode as it is added."""
    return (
        s.id,
        s.organisation_id,
        s.environment,
        s.number,
        s.kind,
        s.till,
        s.side,
        s.response_type,
        s.data_key,
        s.consumer_key,
        s.consumer_secret,
        s.passkey,
        s.collector_app_id,
        s.registered_us,
        s.created_us,
        ",".join(s.products),
        s.initiator,
        s.initiator_password,
        s.certificate,
        s.initiator_failures,
        s.pulled_us,
        s.confirmation_url,
        s.validation_url,
        s.bill_key,
        s.bill_url,
        s.broker,
    )


def shortcode_of(row: Sequence[Any]) -> Shortcode:
    """A shortcode of ``shortcodes_all``."""
    columns = list(row)
    columns[2], columns[4] = Environment(row[2]), ShortcodeKind(row[4])
    columns[15] = tuple(Product(product) for product in row[15].split(",") if product)
    return Shortcode(*columns)


def app_row(a: App) -> Row:
    """An app as it is added."""
    return (
        a.id,
        a.organisation_id,
        a.name,
        a.consumer_key,
        a.digest,
        a.secret_id,
        a.data_key,
        a.webhook_secret,
        a.callback_url,
        a.body_format,
        a.live_shortcode_id,
        int(a.is_active),
        a.created_us,
    )


def app_of(row: Sequence[Any]) -> App:
    """An app of ``apps_all``."""
    columns = list(row)
    columns[4], columns[9], columns[11] = bytes(row[4]), BodyFormat(row[9]), bool(row[11])
    return App(*columns)


def secret_of(row: Sequence[Any]) -> AppSecret:
    """A secret of ``old_secrets_all``."""
    secret_id, organisation_id, app_id, digest, until_us = row
    return AppSecret(secret_id, organisation_id, app_id, bytes(digest), until_us)


def confirmation_row(c: Confirmation) -> Row:
    """A C2B confirmation as it enters."""
    return (
        c.organisation_id,
        c.environment,
        c.receipt,
        c.app_id,
        c.shortcode_id,
        c.payment_id,
        c.notice,
        c.received_us,
        c.due_us,
    )


def writes_of(
    change_row: Row, exchanges: tuple[Exchange, ...], notification: Notification | None, *more: Write
) -> tuple[Write, ...]:
    """What goes with a change of a payment: its event, the bytes that brought it, what the merchant is owed."""
    writes = [Write("event_add", change_row)]
    writes += [Write("exchange_add", exchange_row(exchange)) for exchange in exchanges]
    if notification is not None:
        writes.append(Write("notification_stage", notification_row(notification)))
    return (*writes, *more)
