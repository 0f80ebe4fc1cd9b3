"""The rows that a promise hangs on: what is measured, and what it is held against, both in the same run."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import fmean, median_high
from typing import TYPE_CHECKING

import asyncpg
import msgspec

import gateway
import machine
import mpesas
from fill import fill, owe
from load import Measured
from outage import Outage, Seen
from paced import Pace, Paced, percentile_ms
from report import Promise

if TYPE_CHECKING:
    from run import Bench, Database

DRAIN_LEAST = 0.8  # of the rate at which the same merchant is served on an ordinary day
HEALTHY_P99_MOST = 1.5  # times what it is while nobody is down
HEALTHY_SHARE = 0.1  # of the steady rate: what the well merchant is paid all the while
DOWN_S = 8.0

BARE_LEAST = 0.6  # of the rate of the least code that can do it
DJANGO_LEAST, DJANGO_CALLBACKS_LEAST = 8.0, 5.0  # times the rates of the Django app, which is on PostgreSQL
CALLBACK_P99_MOST_MS = 25.0

CPU_OF_TWO_MOST = 1.1  # times that of one process
LOCKED_MOST = 0.02  # of the time
SAMPLE_REST_S = 0.005

ADDED_MOST_MS = 10.0  # and the disk's own time to sync
SHOPPER_MS = 30  # until the prompt is answered; as `load.CALLBACK_DELAY_S`

TEN_MILLION = 10_000_000
WHOLE = 200_000  # of them, the newest, with exchanges and notifications: what retention has left
FULL_RATE_LEAST, FULL_P99_MOST = 0.9, 1.3  # of an empty store's


def backlog(bench: "Bench", database: "Database") -> None:
    """A merchant is back, and ``plan.backlog`` notifications have waited for it; another was well all the time."""
    steady: list[Measured] = []
    with bench.store(database) as url:
        installation = gateway.install(bench.fresh("backlog"), url)
        absent = installation.add_app("absent")

        def ordinary(running: gateway.Running) -> None:
            asked = msgspec.structs.replace(bench.full(running, database), headers=absent.headers.decode())
            steady.append(bench.drive(asked))
            bench.note("steady_deliveries", database, steady[-1])

        def calm(pace: Outage) -> list[Seen]:
            return [bench.drive_for(pace, "outage.py", Seen) for _ in range(bench.plan.turns)]

        with installation.serve() as running:
            ordinary(running)
            load = msgspec.structs.asdict(bench.full(running, database)) | {"seconds": bench.plan.pace_s}
            pace = Outage(**load, per_s=steady[0].rate_per_s * HEALTHY_SHARE)
            before = calm(pace)
        owe(installation.folder, url, "absent", bench.plan.backlog)
        with installation.serve() as running:
            pace = msgspec.structs.replace(pace, gateway_pid=running.pid)
            down = msgspec.structs.replace(pace, owed=bench.plan.backlog, down_s=DOWN_S)
            seen = bench.drive_for(down, "outage.py", Seen)
            after = calm(pace)
            ordinary(running)
    bench.report.note("backlog_drain", database, msgspec.to_builtins(seen))
    calm_ms = [one.p99_ms for one in before + after]
    print(f"    well merchant's p99 in ms: {_listed(calm_ms)} with nobody down, {seen.down_p99_ms:.1f} while one was,")
    print(f"    {seen.p99_ms:.1f} in the middle window of the drain, {seen.worst_p99_ms:.1f} in the worst", flush=True)
    ratio = seen.rate_per_s / fmean(one.rate_per_s for one in steady)
    judge(bench, "backlog_drain", database, "drain rate over steady rate", ratio, DRAIN_LEAST, is_least=True)
    ratio = seen.p99_ms / median_high(calm_ms)
    judge(bench, "backlog_drain", database, "healthy p99, drain over none", ratio, HEALTHY_P99_MOST)
    lost = bench.plan.backlog - seen.count
    judge(bench, "backlog_drain", database, "lost, twice or out of order", lost + seen.twice + seen.out_of_order, 0)


def judge(
    bench: "Bench", name: str, database: str, what: str, value: float, bound: float, *, is_least: bool = False
) -> None:
    bench.report.judge(Promise(name, database, what, value, bound, is_least))


def judge_turns(
    bench: "Bench",
    name: str,
    database: str,
    what: str,
    turns: list[float],
    bound: float,
    unit: str = "",
    *,
    is_least: bool = False,
) -> None:
    """What was compared within each turn, by the middle one of them: the machine is not the same from turn to turn."""
    print(f"    by turns: {_listed(turns)}{unit}", flush=True)
    bench.report.judge(Promise(name, database, what, median_high(turns), bound, is_least, unit))


def _listed(values: list[float]) -> str:
    return ", ".join(f"{value:.3g}" for value in values)


# Speed


def speed(bench: "Bench") -> None:
    """Against the bare path in the same turn and the Django app in the same round, as far as they were measured."""

    def against(name: str, database: str, other: tuple[str, str], what: str, least: float) -> None:
        if turns := bench.report.turns((name, database), other):
            judge_turns(bench, name, database, what, turns, least, is_least=True)

    for database in ("sqlite", "postgresql"):
        django = "rate over the Django app's"
        against("full_loop", database, ("bare_path", database), "rate over the bare path's", BARE_LEAST)
        against("full_loop", database, ("mainfinity_full_loop", "postgresql"), django, DJANGO_LEAST)
        theirs = ("mainfinity_callback_ingest", "postgresql")
        against("callback_ingest", database, theirs, django, DJANGO_CALLBACKS_LEAST)
        if half := bench.report.rounds.get(("callback_half_load", database)):
            p99_ms = median_high([figures["p99_ms"] for figures in half])
            judge(bench, "callback_half_load", database, "p99 in ms", p99_ms, CALLBACK_P99_MOST_MS)


# Two processes


@dataclass(slots=True)
class Sampled:
    """Looks at what PostgreSQL's sessions wait for: how often any of them waited for another's lock."""

    looks: int = 0
    locked: int = 0
    waited_for: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def share(self) -> float:
        """Of all looks, those that found a session waiting for a lock."""
        return self.locked / self.looks if self.looks else 0.0


LOOK = """
SELECT wait_event FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@contextmanager
def sampling(url: str) -> Iterator[Sampled]:
    """Look every few milliseconds for as long as the block lasts."""
    sampled = Sampled()

    async def look() -> None:
        connection = await asyncpg.connect(url)
        try:
            while not sampled.stop.is_set():
                waiting = [row[0] for row in await connection.fetch(LOOK)]
                sampled.looks += 1
                sampled.locked += bool(waiting)
                sampled.waited_for.update(waiting)
                await asyncio.sleep(SAMPLE_REST_S)
        finally:
            await connection.close()

    thread = threading.Thread(target=asyncio.run, args=(look(),))
    thread.start()
    try:
        yield sampled
    finally:
        sampled.stop.set()
        thread.join()


def two_gateways(bench: "Bench") -> None:
    """One process; two that share a core and nothing else; two on one database: in turn, each with as many in flight.

    Two that have nothing to do with each other cost more than one too, for each finds the core's caches as the other
    left them. So what it costs to share a database is seen beside those.
    """
    shares: list[float] = []
    over_one: list[float] = []
    over_apart: list[float] = []
    name = "two_gateways"
    database: Database = "postgresql"
    with bench.store(database) as url, bench.store(database) as another_url:
        installation = gateway.install(bench.fresh("two"), url)
        stranger = gateway.install(bench.fresh("apart"), another_url)
        with installation.serve() as one, installation.beside().serve() as other, stranger.serve() as unrelated:
            alone, second, apart = (bench.full(running, database) for running in (one, other, unrelated))
            both = msgspec.structs.replace(
                alone, second_port=other.port, second_pid=other.pid, in_flight=2 * alone.in_flight
            )
            for turn in range(bench.plan.pairs):
                # one process of the same code may be a tenth quicker than another
                chosen = second if turn % 2 else alone
                single = bench.drive(chosen)
                bench.note("one_gateway", database, single)
                unrelated_us = _noted_together(bench, "two_apart", bench.drive_at_once(chosen, apart))
                with sampling(url or "") as sampled:
                    double = bench.drive(both)
                bench.note(name, database, double)
                over_one.append(double.cpu_us / single.cpu_us)
                over_apart.append(double.cpu_us / unrelated_us)
                shares.append(sampled.share)
                print(f"    of {sampled.looks} looks {sampled.locked} found a wait: {dict(sampled.waited_for)}")
    judge_turns(bench, name, database, "CPU a payment, two over one", over_one, CPU_OF_TWO_MOST)
    judge_turns(bench, name, database, "CPU a payment, two over two that are unrelated", over_apart, CPU_OF_TWO_MOST)
    judge_turns(bench, name, database, "share of time with a lock waited for", shares, LOCKED_MOST)


def _noted_together(bench: "Bench", name: str, parts: list[Measured]) -> float:
    """What several did in the same seconds, as one row; its CPU a payment in microseconds."""
    count = sum(part.count for part in parts)
    cpu_us = sum(part.cpu_us * part.count for part in parts) / count
    rate_per_s = sum(part.rate_per_s for part in parts)
    bench.report.note(name, "postgresql", {"count": count, "rate_per_s": rate_per_s, "cpu_us": cpu_us})
    return cpu_us


# What the gateway adds


def added_latency(bench: "Bench", database: "Database") -> None:
    """The simulator asked directly and through the gateway, at half of what the gateway could take just before.

    What one sync of the disk takes is measured alone, before and after, and once more beside the load: there the disk
    is also busy with what was written half a minute ago, ours and others'.
    """
    key, secret = mpesas.KEY_AND_SECRET.split(":")
    syncs_s = machine.disk_sync_waits_s(1)
    added_ms: dict[str, list[float]] = {"p99_ms": [], "told_p99_ms": []}
    meanwhile_ms: list[float] = []
    with (
        bench.store(database) as url,
        mpesas.simulator(bench.folder, core=machine.LOAD_CORE, answer_after_ms=SHOPPER_MS) as mpesa,
    ):
        access = gateway.Access(mpesa.port, key, secret, mpesas.PASSKEY)
        with gateway.install(bench.fresh("added"), url, access).serve() as running:
            full = msgspec.structs.replace(bench.full(running, database), by_simulator=True)
            straight = {"mode": "callback", "gateway_port": mpesa.port, "headers": mpesa.headers}
            straight |= {"path": mpesas.PUSH_PATH, "own_port": mpesa.peer_port, "gateway_pid": mpesa.pid}
            for _ in range(bench.plan.pairs):
                most = bench.drive(full)
                through = msgspec.structs.asdict(full)
                through |= {"per_s": most.rate_per_s / 2, "seconds": bench.plan.pace_s}
                direct = bench.drive_for(Pace(**(through | straight)), "paced.py", Paced)
                with machine.disk_syncs_meanwhile() as waits_s:
                    ours = bench.drive_for(Pace(**through), "paced.py", Paced)
                meanwhile_ms.append(percentile_ms(waits_s, 99))
                bench.report.note("direct_half_load", database, msgspec.to_builtins(direct))
                bench.report.note("gateway_half_load", database, msgspec.to_builtins(ours))
                for column, turns in added_ms.items():
                    turns.append(getattr(ours, column) - getattr(direct, column))
            syncs_s += machine.disk_sync_waits_s(1)
    sync_ms = percentile_ms(syncs_s, 99)
    print(f"    one sync of the disk: p50 {percentile_ms(syncs_s, 50):.2f} ms, p99 {sync_ms:.2f} ms", flush=True)
    print(f"    the same beside the load, p99 by turns: {_listed(meanwhile_ms)} ms", flush=True)
    for what, column in (("request to answer", "p99_ms"), ("request to news of the outcome", "told_p99_ms")):
        bound_ms = ADDED_MOST_MS + sync_ms
        judge_turns(bench, "gateway_half_load", database, f"added p99, {what}", added_ms[column], bound_ms, " ms")


# Ten million payments


def ten_million(bench: "Bench", database: "Database") -> None:
    """An empty store and one of ten million payments, in turn."""
    rows: dict[str, list[Measured]] = {"ten_million_empty": [], "ten_million_full": []}
    with bench.store(database) as empty_url, bench.store(database) as full_url:
        empty = gateway.install(bench.fresh("empty"), empty_url)
        full = gateway.install(bench.fresh("full"), full_url)
        fill(full.folder, full_url, TEN_MILLION, whole=WHOLE)
        with empty.serve() as at_empty, full.serve() as at_full:
            for _ in range(bench.plan.turns):
                for name, running in (("ten_million_empty", at_empty), ("ten_million_full", at_full)):
                    load = msgspec.structs.replace(bench.full(running, database), seconds=bench.plan.pace_s)
                    rows[name].append(bench.drive(load))
                    bench.note(name, database, rows[name][-1])

    def ratio(column: str) -> float:
        middle = {name: median_high([float(getattr(row, column)) for row in each]) for name, each in rows.items()}
        return middle["ten_million_full"] / middle["ten_million_empty"]

    name = "ten_million_full"
    judge(
        bench, name, database, "rate over that of an empty store", ratio("rate_per_s"), FULL_RATE_LEAST, is_least=True
    )
    judge(bench, name, database, "p99 over that of an empty store", ratio("p99_ms"), FULL_P99_MOST)
