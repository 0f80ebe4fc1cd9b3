"""The bare path's store on PostgreSQL: group commit as one statement, an array a column, one round trip a batch."""

import asyncio

import asyncpg

from bare_sqlite import tell
from bare_store import BATCH_ROWS_MAX, Batch, Delivered, Event, Found, Step, Waiting

WRITERS_COUNT = 2  # while one waits for the disk, the other gathers
# Rows are found by their keys, however many there are: without statistics the server would read a whole table a batch.
PLANS = {"plan_cache_mode": "force_generic_plan"}
PLANS |= {"enable_seqscan": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
SCHEMA = """
CREATE TABLE payments(id text PRIMARY KEY, app text NOT NULL, request_id text NOT NULL, reference text NOT NULL,
  amount bigint NOT NULL, msisdn text NOT NULL, state text NOT NULL, checkout text, receipt text,
  updated bigint NOT NULL, UNIQUE(app, request_id)) WITH (fillfactor = 70);
CREATE INDEX payments_checkout ON payments(checkout);
CREATE TABLE events(id text PRIMARY KEY, payment text NOT NULL, kind text NOT NULL, at bigint NOT NULL,
  body text NOT NULL);
CREATE INDEX events_payment ON events(payment);
CREATE TABLE deliveries(id text PRIMARY KEY, payment text NOT NULL, state text NOT NULL, status integer,
  attempts integer NOT NULL) WITH (fillfactor = 70);
"""
# The parts of one WITH see the same snapshot, so no payment and no delivery may appear twice in a batch: each of their
# steps waits for the one before it, and a callback that overtakes its push's answer is held back by ``_take``.
BATCH = """
WITH opened AS (
  INSERT INTO payments(id, app, request_id, reference, amount, msisdn, updated, state)
  SELECT *, 'opened' FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::text[], $7::bigint[])
), sent AS (
  UPDATE payments p SET state = 'sent', checkout = s.checkout, updated = s.at
  FROM unnest($8::text[], $9::bigint[], $10::text[]) AS s(checkout, at, id) WHERE p.id = s.id AND p.state = 'opened'
), settled AS (
  UPDATE payments p SET state = s.state, receipt = s.receipt, updated = s.at
  FROM unnest($11::text[], $12::text[], $13::text[], $14::bigint[], $15::text[]) AS s(delivery, state, receipt, at, id)
  WHERE p.id = s.id AND p.state IN ('opened', 'sent') RETURNING s.delivery, p.id, p.request_id, p.amount
), queued AS (
  INSERT INTO deliveries SELECT delivery, id, 'pending', NULL, 0 FROM settled
), delivered AS (
  UPDATE deliveries d SET state = s.state, status = s.status, attempts = attempts + 1
  FROM unnest($16::text[], $17::integer[], $18::text[]) AS s(state, status, id) WHERE d.id = s.id
), events_written AS (
  INSERT INTO events SELECT * FROM unnest($19::text[], $20::text[], $21::text[], $22::bigint[], $23::text[])
)
SELECT delivery, request_id, amount FROM settled
"""


class PostgresStore:
    def __init__(self, url: str) -> None:
        self.url = url
        self.queue: list[Waiting] = []
        self.wake = asyncio.Event()
        self.writers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        connections = [await asyncpg.connect(self.url, server_settings=PLANS) for _ in range(WRITERS_COUNT)]
        await connections[0].execute(SCHEMA)
        self.writers = [self.loop.create_task(self._write(connection)) for connection in connections]

    def put(self, step: Step, event: Event | None) -> asyncio.Future[Found]:
        done: asyncio.Future[Found] = self.loop.create_future()
        self.queue.append((step, event, done))
        self.wake.set()
        return done

    async def _write(self, connection: asyncpg.Connection) -> None:
        statement = await connection.prepare(BATCH)
        while True:
            while not self.queue:
                self.wake.clear()
                await self.wake.wait()
            waiting = self._take()
            rows = await statement.fetch(*columns(Batch(waiting)))
            tell(waiting, {row[0]: (row[1], row[2]) for row in rows})

    def _take(self) -> list[Waiting]:
        """What is next, up to the second step of one payment."""
        count, seen = 0, set[str]()
        for step, _, _ in self.queue[:BATCH_ROWS_MAX]:
            payment = None if isinstance(step, Delivered) else step.payment
            if payment in seen:
                break
            if payment is not None:
                seen.add(payment)
            count += 1
        taken, self.queue = self.queue[:count], self.queue[count:]
        return taken


def columns(batch: Batch) -> list[list[object]]:
    """The batch's rows as one list a column, in the statement's order."""
    widths = ((batch.opened, 7), (batch.sent, 3), (batch.settled, 5), (batch.delivered, 3), (batch.events, 5))
    result: list[list[object]] = []
    for rows, width in widths:
        result += [list(column) for column in zip(*rows, strict=True)] or [[] for _ in range(width)]
    return result
