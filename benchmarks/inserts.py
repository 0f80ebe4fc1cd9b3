"""Durable inserts by group commit: 64 callers, each waiting until its row of some 600 bytes is on the disk.

What each database gives at best to one process, with two further indexes on the table.
"""

import asyncio
import collections
import json
import random
import sys
import threading
import time
from collections.abc import Callable

import apsw
import asyncpg
import uvloop

BODY = json.dumps({"callback": "x" * 430})
COLUMNS = (
    "id text PRIMARY KEY, at bigint NOT NULL, kind text NOT NULL, app text NOT NULL, payment text NOT NULL,"
    " body text NOT NULL"
)
CALLERS_COUNT = 64
GROUP_ROWS_MAX = 256

Row = tuple[str, int, str, str, str, str]
Put = Callable[[Row], "asyncio.Future[None]"]


def new_row() -> Row:
    now_us = time.time_ns() // 1000
    key = f"{now_us:014x}{random.getrandbits(64):016x}"
    return key, now_us, "payment.paid", f"app_{random.randrange(50):08d}", "pay_" + key, BODY


def tell(waiting: "list[tuple[Row, asyncio.Future[None]]]") -> None:
    for _, done in waiting:
        done.set_result(None)


async def sqlite(path: str) -> Put:
    loop = asyncio.get_running_loop()
    queue: collections.deque[tuple[Row, asyncio.Future[None]]] = collections.deque()
    wake = threading.Event()

    def write() -> None:
        database = apsw.Connection(path)
        for setting in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-65536", "wal_autocheckpoint=4000"):
            database.execute(f"PRAGMA {setting}").fetchall()
        database.execute(f"CREATE TABLE events({COLUMNS}); CREATE INDEX by_app ON events(app, at);")
        database.execute("CREATE INDEX by_payment ON events(payment)")
        while True:
            wake.wait()
            wake.clear()
            while queue:
                waiting = [queue.popleft() for _ in range(min(len(queue), GROUP_ROWS_MAX))]
                database.execute("BEGIN IMMEDIATE")
                database.executemany("INSERT INTO events VALUES(?,?,?,?,?,?)", [row for row, _ in waiting])
                database.execute("COMMIT")
                loop.call_soon_threadsafe(tell, waiting)

    def put(row: Row) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = loop.create_future()
        queue.append((row, done))
        if not wake.is_set():
            wake.set()
        return done

    threading.Thread(target=write, daemon=True).start()
    return put


class PostgresWriter:
    def __init__(self, connection: asyncpg.Connection) -> None:
        self.loop = asyncio.get_running_loop()
        self.queue: list[tuple[Row, asyncio.Future[None]]] = []
        self.wake = asyncio.Event()
        self.task = self.loop.create_task(self.write(connection))

    def put(self, row: Row) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = self.loop.create_future()
        self.queue.append((row, done))
        self.wake.set()
        return done

    async def write(self, connection: asyncpg.Connection) -> None:
        statement = await connection.prepare(
            "INSERT INTO events SELECT * FROM"
            " unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[])"
        )
        while True:
            while not self.queue:
                self.wake.clear()
                await self.wake.wait()
            waiting, self.queue = self.queue[:GROUP_ROWS_MAX], self.queue[GROUP_ROWS_MAX:]
            await statement.fetch(*map(list, zip(*(row for row, _ in waiting), strict=True)))
            tell(waiting)


async def postgres(url: str) -> Put:
    connection = await asyncpg.connect(url)
    await connection.execute(f"CREATE TABLE events({COLUMNS}); CREATE INDEX by_app ON events(app, at)")
    await connection.execute("CREATE INDEX by_payment ON events(payment)")
    return PostgresWriter(connection).put


async def main(where: str, seconds: float) -> None:
    put = await (postgres(where) if where.startswith("postgresql:") else sqlite(where))
    await asyncio.gather(*[put(new_row()) for _ in range(CALLERS_COUNT)])
    waits_s: list[float] = []
    start_s, before_s = time.perf_counter(), time.process_time()

    async def caller() -> None:
        while (begin_s := time.perf_counter()) - start_s < seconds:
            await put(new_row())
            waits_s.append(time.perf_counter() - begin_s)

    await asyncio.gather(*[caller() for _ in range(CALLERS_COUNT)])
    elapsed_s, used_s, count = time.perf_counter() - start_s, time.process_time() - before_s, len(waits_s)
    waits_s.sort()
    measured = {
        "count": count,
        "rate_per_s": count / elapsed_s,
        "cpu_us": used_s / count * 1e6,
        "p50_ms": waits_s[count // 2] * 1e3,
        "p99_ms": waits_s[count * 99 // 100] * 1e3,
    }
    sys.stdout.write(json.dumps(measured) + "\n")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], float(sys.argv[2])))
