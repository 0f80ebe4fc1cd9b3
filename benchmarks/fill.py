"""A store with a history: finished payments with all that belongs to them, written by SQL and not by the gateway.

Each has what a paid order leaves behind: five events, four exchanges, one delivered notification.
"""

import asyncio
import time
from pathlib import Path

import apsw
import asyncpg

STEP = 50_000  # payments a transaction: large enough to be quick, small enough for the log

_NOW_US = int(time.time() * 1_000_000) - 40 * 86_400 * 1_000_000  # forty days ago: older than everything measured

# {i} counts payments, {k} the rows within one; both databases understand the rest. Columns that are not named here
# keep their defaults, so that a new one asks for nothing.
_PAYMENT = """
INSERT INTO payments (id, organisation_id, app_id, shortcode_id, environment, kind, request_id, fingerprint, state,
  version, amount_cents, msisdn, reference, description, reference_data, callback_url, created_us, updated_us, sent_us,
  settled_us, merchant_request_id, checkout_request_id, receipt, paid_us, payer_name, answer, answer_code, answer_desc,
  result_code, result_desc, evidence, reason, flags, notifications, checks, next_check_us)
SELECT {pid}, organisation_id, collector_app_id, id, environment, 'push', 'OLD-' || {i},
  '0123456789abcdef0123456789abcdef', 'succeeded', 5, 15000, '254712345678', 'INV-' || {i}, '', '[]', NULL,
  {now} + {i}, {now} + {i}, {now} + {i}, {now} + {i}, 'm-' || {i}, 'ws_CO_' || {i}, 'OLD' || {i}, {now} + {i}, NULL,
  'accepted', '0', 'Success. Request accepted for processing', '0', 'The service request is processed successfully.',
  'stk_callback', NULL, '', 1, 0, NULL
FROM shortcodes, {series}
"""
_EVENTS = """
INSERT INTO events (payment_id, sequence, organisation_id, app_id, shortcode_id, environment, at_us, name, from_state,
  to_state, exchange_id, detail)
SELECT {pid}, {k}, organisation_id, collector_app_id, id, environment, {now} + {i}, 'accepted',
  'sending', 'pending', NULL, '{{"MerchantRequestID":"m","CheckoutRequestID":"ws_CO"}}'
FROM shortcodes, {series}, {five}
"""
_EXCHANGES = """
INSERT INTO exchanges (id, payment_id, notification_id, organisation_id, app_id, shortcode_id, environment, name,
  direction, verdict, peer, method, url, request_headers, request_body, status, answer_headers, answer_body, error,
  started_us, duration_us)
SELECT {xid}, {pid}, NULL, organisation_id, collector_app_id, id, environment, 'stk_push', 'out',
  'ok', NULL, 'POST', 'http://127.0.0.1/mpesa/stkpush/v1/processrequest', '[["content-type","application/json"]]',
  {body}, 200, '[["content-type","application/json"]]', {body}, NULL, {now} + {i}, 900
FROM shortcodes, {series}, {four}
"""
_NOTIFICATIONS = """
INSERT INTO notifications (id, payment_id, sequence, organisation_id, app_id, shortcode_id, environment, type, body,
  lane, url, state, attempts, due_us, lease_us, created_us, last_status, last_error, settled_us)
SELECT {nid}, {pid}, 1, organisation_id, collector_app_id, id, environment,
  'payment.succeeded', {body}, collector_app_id, NULL, 'delivered', 1, {now} + {i}, 0, {now} + {i}, 200, NULL,
  {now} + {i}
FROM shortcodes, {series}
"""
_ALL = (_PAYMENT, _EVENTS, _EXCHANGES, _NOTIFICATIONS)
_BODY = 2 * '{"BusinessShortCode":"174379","TransactionType":"CustomerPayBillOnline","PartyA":"254712345678"}'


def _sqlite(statement: str, start: int, end: int) -> str:
    def key(prefix: str, k: str = "0") -> str:
        return f"printf('{prefix}_%012x%04x%012x', ({_NOW_US} + i) / 1000, {k}, i)"

    counted = f"WITH RECURSIVE s(i) AS (SELECT {start} UNION ALL SELECT i + 1 FROM s WHERE i + 1 < {end})"
    series = f"({counted} SELECT i FROM s)"
    return statement.format(
        i="i",
        k="k",
        now=_NOW_US,
        series=series,
        five="(SELECT column1 AS k FROM (VALUES (1), (2), (3), (4), (5)))",
        four="(SELECT column1 AS k FROM (VALUES (1), (2), (3), (4)))",
        pid=key("pay"),
        xid=key("xch", "k"),
        nid=key("ntf"),
        body=f"CAST('{_BODY}' AS BLOB)",
    )


def _postgres(statement: str, start: int, end: int) -> str:
    def key(prefix: str, k: str = "0") -> str:
        time_part = f"lpad(to_hex(({_NOW_US} + i) / 1000), 12, '0')"
        return f"'{prefix}_' || {time_part} || lpad(to_hex({k}), 4, '0') || lpad(to_hex(i), 12, '0')"

    return statement.format(
        i="i",
        k="k",
        now=_NOW_US,
        series=f"generate_series({start}::bigint, {end - 1}::bigint) AS i",
        five="generate_series(1, 5) AS k",
        four="generate_series(1, 4) AS k",
        pid=key("pay"),
        xid=key("xch", "k"),
        nid=key("ntf"),
        body=f"convert_to('{_BODY}', 'UTF8')",
    )


def fill(folder: Path, database_url: str | None, count: int) -> None:
    """Write ``count`` finished payments into the store of the installation in ``folder``; its gateway is stopped."""
    if database_url is None:
        fill_sqlite(folder / "wakala.db", count)
    else:
        asyncio.run(fill_postgres(database_url, count))


def fill_sqlite(path: Path, count: int) -> None:
    """Write them into a SQLite file that has the schema, a shortcode and its collector."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA synchronous = OFF; PRAGMA cache_size = -262144")
    for start in range(0, count, STEP):
        with connection:
            for statement in _ALL:
                connection.execute(_sqlite(statement, start, min(start + STEP, count)))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


async def fill_postgres(url: str, count: int) -> None:
    """Write them into a PostgreSQL database that has the schema, a shortcode and its collector."""
    connection = await asyncpg.connect(url)
    await connection.execute("SET synchronous_commit = off")
    for start in range(0, count, STEP):
        async with connection.transaction():
            for statement in _ALL:
                await connection.execute(_postgres(statement, start, min(start + STEP, count)))
    await connection.execute("ANALYZE")
    await connection.execute("CHECKPOINT")
    await connection.close()
