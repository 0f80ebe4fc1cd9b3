"""The bare path's store on SQLite: WAL, full synchronisation, one writer thread, group commit."""

import asyncio
import collections
import threading
from typing import cast

import apsw

from bare_store import BATCH_ROWS_MAX, Batch, Event, Found, Settled, Step, Waiting

SCHEMA = """
CREATE TABLE payments(id TEXT PRIMARY KEY, app TEXT NOT NULL, request_id TEXT NOT NULL, reference TEXT NOT NULL,
  amount INTEGER NOT NULL, msisdn TEXT NOT NULL, state TEXT NOT NULL, checkout TEXT, receipt TEXT,
  updated INTEGER NOT NULL, UNIQUE(app, request_id)) WITHOUT ROWID;
CREATE INDEX payments_checkout ON payments(checkout);
CREATE TABLE events(id TEXT PRIMARY KEY, payment TEXT NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL,
  body TEXT NOT NULL) WITHOUT ROWID;
CREATE INDEX events_payment ON events(payment);
CREATE TABLE deliveries(id TEXT PRIMARY KEY, payment TEXT NOT NULL, state TEXT NOT NULL, status INTEGER,
  attempts INTEGER NOT NULL) WITHOUT ROWID;
"""
SETTINGS = ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000")
SETTLE = (
    "UPDATE payments SET state=?, receipt=?, updated=? WHERE id=? AND state IN ('opened', 'sent')"
    " RETURNING request_id, amount"
)


class SqliteStore:
    def __init__(self, path: str) -> None:
        self.path = path
        self.queue: collections.deque[Waiting] = collections.deque()
        self.wake = threading.Event()

    async def start(self) -> None:
        self.loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = self.loop.create_future()
        threading.Thread(target=self._write, args=(ready,), daemon=True).start()
        await ready

    def put(self, step: Step, event: Event | None) -> asyncio.Future[Found]:
        done: asyncio.Future[Found] = self.loop.create_future()
        self.queue.append((step, event, done))
        if not self.wake.is_set():
            self.wake.set()
        return done

    def _write(self, ready: asyncio.Future[None]) -> None:
        database = apsw.Connection(self.path)
        for setting in SETTINGS:
            database.execute(f"PRAGMA {setting}").fetchall()
        database.execute(SCHEMA)
        self.loop.call_soon_threadsafe(ready.set_result, None)
        while True:
            self.wake.wait()
            self.wake.clear()
            while self.queue:
                waiting = [self.queue.popleft() for _ in range(min(len(self.queue), BATCH_ROWS_MAX))]
                found = commit(database, Batch(waiting))
                self.loop.call_soon_threadsafe(tell, waiting, found)


def commit(database: apsw.Connection, batch: Batch) -> dict[str, Found]:
    """One transaction; what the settled payments' notifications say, by delivery."""
    database.execute("BEGIN IMMEDIATE")
    if batch.opened:
        database.executemany("INSERT INTO payments VALUES(?,?,?,?,?,?,'opened',NULL,NULL,?)", batch.opened)
    if batch.sent:
        database.executemany(
            "UPDATE payments SET state='sent', checkout=?, updated=? WHERE id=? AND state='opened'", batch.sent
        )
    found: dict[str, Found] = {}
    for step in batch.settled:
        for request_id, amount in database.execute(SETTLE, step[1:]):
            found[step.delivery] = (str(request_id), cast("int", amount))
    if found:
        queued = [(step.delivery, step.payment) for step in batch.settled if step.delivery in found]
        database.executemany("INSERT INTO deliveries VALUES(?,?,'pending',NULL,0)", queued)
    if batch.delivered:
        database.executemany("UPDATE deliveries SET state=?, status=?, attempts=attempts+1 WHERE id=?", batch.delivered)
    if batch.events:
        database.executemany("INSERT INTO events VALUES(?,?,?,?,?)", batch.events)
    database.execute("COMMIT")
    return found


def tell(waiting: list[Waiting], found: dict[str, Found]) -> None:
    for step, _, done in waiting:
        if not done.done():
            done.set_result(found.get(step.delivery) if isinstance(step, Settled) else None)
