"""A store with a history: finished payments with all that belongs to them, written by SQL and not by the gateway.

Each has what a paid order leaves behind: five events, four exchanges, one delivered notification. In a very large
history only the newest have it all, the others what retention leaves, in outline. `owe` writes what waits for a
merchant who is down.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import apsw
import asyncpg

STEP = 50_000  # payments a transaction: large enough to be quick, small enough for the log
FILLERS = 3  # connections that fill a PostgreSQL side by side
SECOND_US = 1_000_000
HOUR_US = 3_600 * SECOND_US
TRIED = 32  # of what waits, those that were tried before the breaker opened: a lane's hands

# {i} counts payments, {k} the rows within one; both databases understand the rest. Columns that are not named here
# keep their defaults, so that a new one asks for nothing.
_PAYMENT = """
INSERT INTO payments (id, organisation_id, app_id, shortcode_id, environment, kind, request_id, fingerprint, state,
  version, amount_cents, msisdn, reference, description, reference_data, callback_url, created_us, updated_us, sent_us,
  settled_us, merchant_request_id, checkout_request_id, receipt, paid_us, payer_name, answer, answer_code, answer_desc,
  result_code, result_desc, evidence, reason, flags, notifications, checks, next_check_us)
SELECT {pid}, organisation_id, {app}, id, environment, 'push', '{name}-' || {i},
  '0123456789abcdef0123456789abcdef', 'succeeded', 5, 15000, '254712345678', 'INV-' || {i}, '', '[]', NULL,
  {at}, {at}, {at}, {at}, 'm-' || {i}, 'ws_CO_{name}' || {i}, '{name}' || {i}, {at}, NULL,
  'accepted', '0', 'Success. Request accepted for processing', '0', 'The service request is processed successfully.',
  'stk_callback', NULL, '', {owed}, 0, NULL
FROM shortcodes, {series}
"""
_EVENTS = """
INSERT INTO events (payment_id, sequence, organisation_id, app_id, shortcode_id, environment, at_us, name, from_state,
  to_state, exchange_id, detail)
SELECT {pid}, {k}, organisation_id, {app}, id, environment, {at}, 'accepted',
  'sending', 'pending', NULL, '{{"MerchantRequestID":"m","CheckoutRequestID":"ws_CO"}}'
FROM shortcodes, {series}, {five}
"""
_OUTLINE = _EVENTS.replace("{five}", "{two}")  # of old payments: asked, and how it ended
_EXCHANGES = """
INSERT INTO exchanges (id, payment_id, notification_id, organisation_id, app_id, shortcode_id, environment, name,
  direction, verdict, peer, method, url, request_headers, request_body, status, answer_headers, answer_body, error,
  started_us, duration_us)
SELECT {xid}, {pid}, NULL, organisation_id, {app}, id, environment, 'stk_push', 'out',
  'ok', NULL, 'POST', 'http://127.0.0.1/mpesa/stkpush/v1/processrequest', '[["content-type","application/json"]]',
  {body}, 200, '[["content-type","application/json"]]', {body}, NULL, {at}, 900
FROM shortcodes, {series}, {four}
"""
_NOTIFICATIONS = """
INSERT INTO notifications (id, payment_id, sequence, organisation_id, app_id, shortcode_id, environment, type, body,
  lane, url, state, attempts, due_us, lease_us, created_us, last_status, last_error, settled_us)
SELECT {nid}, {pid}, 1, organisation_id, {app}, id, environment,
  'payment.succeeded', {body}, {app}, NULL, 'delivered', 1, {at}, 0, {at}, 200, NULL, {at}
FROM shortcodes, {series}
"""
# One a payment, and a second for every ninth: a contradiction to be told after the outcome.
_OWED = """
INSERT INTO notifications (id, payment_id, sequence, organisation_id, app_id, shortcode_id, environment, type, body,
  lane, url, state, attempts, due_us, lease_us, created_us, last_status, last_error, settled_us)
SELECT {nid}, {pid}, {k}, organisation_id, {app}, id, environment,
  CASE {k} WHEN 1 THEN 'payment.succeeded' ELSE 'payment.flagged' END, {told}, {app}, NULL, 'waiting',
  CASE WHEN {i} < {tried} THEN 5 ELSE 0 END, CASE WHEN {i} < {tried} THEN {later} ELSE {at} END, 0, {at},
  CASE WHEN {i} < {tried} THEN 503 END, NULL, NULL
FROM shortcodes, {series}, {two} WHERE {k} = 1 OR {i} % 9 = 0
"""
_HEALTH = """
INSERT INTO endpoint_health (lane, streak, attempts, last_success_us, last_failure_us, failing_since_us, last_status,
  last_error, durations_us)
SELECT {app}, -150, 150, NULL, {now}, {now} - 3600000000, 503, NULL, '[1000]' FROM shortcodes WHERE true
ON CONFLICT (lane) DO UPDATE SET streak = excluded.streak, last_failure_us = excluded.last_failure_us,
  failing_since_us = excluded.failing_since_us
"""
_BODY = 2 * '{"BusinessShortCode":"174379","TransactionType":"CustomerPayBillOnline","PartyA":"254712345678"}'
# Before, between and after type and request ID: what the gateway would tell, and as long.
_TOLD_TYPE = '{"type":"payment.'
_TOLD_ID = '","timestamp":"2026-11-28T06:00:35.120000Z","data":{"RequestID":"'
_TOLD_REST = (
    '","Command":"lnm/customerpaybill","Environment":"sandbox","State":"succeeded","Amount":150,"SenderMSISDN":'
    '"254712345678","AccountReference":"INV-1","ReferenceData":[],"MerchantRequestID":"29115-34620561-1",'
    '"CheckoutRequestID":"ws_CO_23112026102115000000000001","MpesaReceiptNumber":"UKN0000001","ResultCode":"0",'
    '"ResultDesc":"The service request is processed successfully.","Evidence":"stk_callback","Flags":[],'
    '"CreatedAt":"2026-11-28T06:00:30.120000Z","SettledAt":"2026-11-28T06:00:35.120000Z"}}'
)
_TOLD = f"'{_TOLD_TYPE}' || CASE k WHEN 1 THEN 'succeeded' ELSE 'flagged' END || '{_TOLD_ID}'"


@dataclass(frozen=True, slots=True)
class Span:
    """Payments of one app, evenly from ``first_us`` on. ``app`` is SQL for its ID."""

    name: str
    first_us: int
    step_us: int = 1
    app: str = "collector_app_id"
    owed: int = 1


def _history() -> Span:
    """Forty days ago: older than everything measured."""
    return Span("OLD", int(time.time() * SECOND_US) - 40 * 24 * HOUR_US)


def _outage(app_name: str, payments: int) -> Span:
    """The hour that ends now."""
    first_us = int(time.time() * SECOND_US) - HOUR_US
    return Span("OWED", first_us, HOUR_US // payments, f"(SELECT id FROM apps WHERE name = '{app_name}')")


def _common(span: Span) -> dict[str, str | int]:
    at = f"({span.first_us} + i * {span.step_us})"
    now_us = int(time.time() * SECOND_US)
    common: dict[str, str | int] = {"i": "i", "k": "k", "at": at, "now": now_us, "later": now_us + HOUR_US}
    return common | {"app": span.app, "name": span.name, "owed": span.owed, "tried": TRIED}


def _sqlite(statement: str, span: Span, start: int, end: int) -> str:
    common = _common(span)

    def key(prefix: str, k: str = "0") -> str:
        return f"printf('{prefix}_%012x%04x%012x', {common['at']} / 1000, {k}, i)"

    def first(count: int) -> str:
        return f"(SELECT column1 AS k FROM (VALUES {', '.join(f'({k})' for k in range(1, count + 1))}))"

    counted = f"WITH RECURSIVE s(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM s WHERE i + 1 < {end})"
    return statement.format(
        **common,
        series=f"({counted} SELECT i FROM s)",
        five=first(5),
        four=first(4),
        two=first(2),
        pid=key("pay"),
        xid=key("xch", "k"),
        nid=key("ntf", "k" if "{two}" in statement else "0"),
        body=f"CAST('{_BODY}' AS BLOB)",
        told=f"CAST({_TOLD} || '{span.name}-' || i || '{_TOLD_REST}' AS BLOB)",
    )


def _postgres(statement: str, span: Span, start: int, end: int) -> str:
    common = _common(span)

    def key(prefix: str, k: str = "0") -> str:
        time_part = f"lpad(to_hex({common['at']} / 1000), 12, '0')"
        return f"'{prefix}_' || {time_part} || lpad(to_hex({k}), 4, '0') || lpad(to_hex(i), 12, '0')"

    return statement.format(
        **common,
        series=f"generate_series({start}::bigint, {end - 1}::bigint) AS i",
        five="generate_series(1, 5) AS k",
        four="generate_series(1, 4) AS k",
        two="generate_series(1, 2) AS k",
        pid=key("pay"),
        xid=key("xch", "k"),
        nid=key("ntf", "k" if "{two}" in statement else "0"),
        body=f"convert_to('{_BODY}', 'UTF8')",
        told=f"convert_to({_TOLD} || '{span.name}-' || i || '{_TOLD_REST}', 'UTF8')",
    )


def _history_steps(count: int, whole: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    """Chunks of a history, and what of it: of the newest ``whole`` payments everything, of the others what stays."""
    for start in range(0, count, STEP):
        end = min(start + STEP, count)
        is_whole = end > count - whole
        yield start, end, (_PAYMENT, _EVENTS, _EXCHANGES, _NOTIFICATIONS) if is_whole else (_PAYMENT, _OUTLINE)


def _owed_steps(payments: int) -> Iterator[tuple[int, int, tuple[str, ...]]]:
    for start in range(0, payments, STEP):
        yield start, min(start + STEP, payments), (_PAYMENT, _OWED)
    yield 0, 1, (_HEALTH,)


Steps = Iterator[tuple[int, int, tuple[str, ...]]]


def fill(folder: Path, database_url: str | None, count: int, *, whole: int | None = None) -> None:
    """Write ``count`` finished payments into the store of the installation in ``folder``; its gateway is stopped.

    ``whole`` of them, the newest, have all that belongs to them (all where it is None); the others two events.
    """
    steps = _history_steps(count, count if whole is None else whole)
    _fill(folder, database_url, _history(), steps)


def owe(folder: Path, database_url: str | None, app_name: str, count: int) -> None:
    """Let ``count`` notifications wait for an app whose endpoint has been down for the last hour."""
    payments = count * 9 // 10
    _fill(folder, database_url, _outage(app_name, payments), _owed_steps(payments))


def _fill(folder: Path, database_url: str | None, span: Span, steps: Steps) -> None:
    if database_url is None:
        _fill_sqlite(folder / "wakala.db", span, steps)
    else:
        asyncio.run(_fill_postgres(database_url, span, steps))


def fill_sqlite(path: Path, count: int) -> None:
    """Write them into a SQLite file that has the schema, a shortcode and its collector."""
    _fill_sqlite(path, _history(), _history_steps(count, count))


async def fill_postgres(url: str, count: int) -> None:
    """Write them into a PostgreSQL database that has the schema, a shortcode and its collector."""
    await _fill_postgres(url, _history(), _history_steps(count, count))


def _fill_sqlite(path: Path, span: Span, steps: Steps) -> None:
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -524288")
    for start, end, statements in steps:
        with connection:
            for statement in statements:
                connection.execute(_sqlite(statement, span, start, end))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def _fill_postgres(url: str, span: Span, steps: Steps) -> None:
    """By several connections, each with a step of its own."""

    async def write() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute("SET synchronous_commit = off")
        for start, end, statements in steps:
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(_postgres(statement, span, start, end))
        await connection.close()

    await asyncio.gather(*(write() for _ in range(FILLERS)))
    connection = await asyncpg.connect(url)
    await connection.execute("ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()
