"""Measure what this machine can do at best, then Wakala against it: ``make bench``.

The ceiling comes first and in the same run, for machines differ and this one may be busy: an empty ASGI answer, durable
inserts, and the bare path, a whole payment done by the least code that can do it. Then Wakala's own rows. Read ratios
and CPU time, not rates. Servers run on one core, the load on another; all traffic is loopback and bounded in time.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # the PostgreSQL starter that the tests use

import msgspec  # noqa: E402

import counted  # noqa: E402
import gateway  # noqa: E402
import growth  # noqa: E402
import machine  # noqa: E402
import mpesas  # noqa: E402
import peers  # noqa: E402
import promises  # noqa: E402
import targets  # noqa: E402
from load import Load, Measured  # noqa: E402
from report import WORDS, Report  # noqa: E402
from services.ports import free_port  # noqa: E402
from services.postgres import PostgresServer, postgres_server  # noqa: E402

HERE = Path(__file__).resolve().parent
LOAD_TIMEOUT_S = 300
IN_FLIGHT_FULL = 128  # enough to fill one core although each payment waits 30 ms for its callback
UVICORN = ["-m", "uvicorn", "bare_app:app", "--app-dir", str(HERE), "--loop", "uvloop", "--http", "httptools"]
UVICORN += ["--no-access-log", "--no-proxy-headers", "--log-level", "error"]

CEILING = frozenset({"hello", "insert", "bare_path"})
Result = TypeVar("Result")
Database = Literal["sqlite", "postgresql"]
DATABASES: tuple[Database, ...] = ("sqlite", "postgresql")


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to look."""

    rounds: int
    turns: int  # in each round, of two rows that are compared: one, the other, one, the other
    pairs: int  # such turns where a promise hangs on what was compared within one: the middle one counts
    seconds: float
    callbacks: int
    soak_payments: int
    million: bool
    simulator_soak_pushes: int
    pace_s: float  # a look at delays: longer than one at rates, for a p99 needs some thousand payments
    backlog: int


THOROUGH = Plan(
    rounds=3,
    turns=3,
    pairs=9,
    seconds=2,
    callbacks=4000,
    soak_payments=100_000,
    million=True,
    simulator_soak_pushes=100_000,
    pace_s=6,
    backlog=100_000,
)
QUICK = Plan(
    rounds=1,
    turns=3,
    pairs=3,
    seconds=1,
    callbacks=1000,
    soak_payments=0,
    million=False,
    simulator_soak_pushes=0,
    pace_s=2,
    backlog=5_000,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """One run: its plan, its PostgreSQL, its folder on the disk and what came out."""

    plan: Plan
    postgres: PostgresServer
    folder: Path
    report: Report
    only: frozenset[str] = frozenset()  # names of rows; without any, all
    with_ten_million: bool = False

    def wanted(self, *rows: str) -> bool:
        """Whether to measure what yields these rows."""
        return not self.only or not self.only.isdisjoint(rows)

    def drive(self, load: Load, driver: str = "load.py") -> Measured:
        return self.drive_for(load, driver, Measured)

    def drive_at_once(self, *loads: Load) -> list[Measured]:
        """Several drivers, in the same seconds."""
        with ThreadPoolExecutor(len(loads)) as pool:
            return list(pool.map(self.drive, loads))

    def drive_for(self, load: Load, driver: str, result: type[Result]) -> Result:
        """What a driver of another kind measures."""
        command = [*machine.pinned(machine.LOAD_CORE), sys.executable, str(HERE / driver)]
        return msgspec.json.decode(_output([*command, msgspec.json.encode(load).decode()]), type=result)

    def note(self, name: str, database: str, measured: Measured) -> None:
        figures = msgspec.to_builtins(measured)
        if database != "postgresql":
            del figures["database_cpu_us"]
        self.report.note(name, database, figures)

    @contextmanager
    def store(self, database: Database) -> Iterator[str | None]:
        """The URL of an empty PostgreSQL database; nothing for SQLite."""
        if database == "sqlite":
            yield None
            return
        with self.postgres.database() as url:
            yield url

    def database_pid(self, database: Database) -> int:
        return self.postgres.pid if database == "postgresql" else 0

    def fresh(self, name: str) -> Path:
        return self.folder / f"{name}-{time.monotonic_ns()}"

    # The ceiling

    def hello(self) -> None:
        port, log = free_port(), self.folder / "hello.log"
        with machine.server([sys.executable, *UVICORN, "--port", str(port)], port, log) as process:
            load = Load(mode="hello", gateway_port=port, gateway_pid=process.pid, seconds=self.plan.seconds)
            self.note("hello", "", self.drive(load))

    def insert(self, database: Database) -> None:
        with self.store(database) as url:
            where = url or str(self.fresh("insert"))
            output = _output([sys.executable, str(HERE / "inserts.py"), where, str(self.plan.seconds)])
        self.report.note("insert", database, json.loads(output))

    @contextmanager
    def bare_path(self, database: Database) -> Iterator[gateway.Running]:
        """The least code that can do a whole payment, as a server."""
        port, peer_port = free_port(), free_port()
        with self.store(database) as url:
            environment = {"BARE_STORE": url or str(self.fresh("bare")), "BARE_PORT": str(port)}
            environment["BARE_PEER_PORT"] = str(peer_port)
            command = [sys.executable, *UVICORN, "--port", str(port)]
            with machine.server(command, port, self.folder / "bare.log", environment) as process:
                yield gateway.Running(process.pid, port, peer_port, targets.bare())

    # Whole payments, by the bare path and by Wakala

    def whole_payments(self, database: Database) -> None:
        """In turn, with both servers up: what else the machine does meets both. Then what only Wakala has."""
        loads: dict[str, Load] = {}
        with ExitStack() as servers:
            if self.wanted("bare_path"):
                loads["bare_path"] = self.full(servers.enter_context(self.bare_path(database)), database)
            if self.wanted("full_loop", "intake", "callback_ingest", "callback_half_load"):
                url = servers.enter_context(self.store(database))
                running = servers.enter_context(gateway.install(self.fresh("wakala"), url).serve())
                loads["full_loop"] = self.full(running, database)
            for _ in range(self.plan.turns):
                for name, load in loads.items():
                    self.note(name, database, self.drive(load))
            if "full_loop" in loads:
                self.parts(database, loads["full_loop"])

    def parts(self, database: Database, full: Load) -> None:
        """The first half of a payment, and the second."""
        self.note("intake", database, self.drive(msgspec.structs.replace(full, mode="intake", in_flight=32)))
        ingest = msgspec.structs.replace(full, mode="callback", in_flight=32, payments=self.plan.callbacks)
        saturated = self.drive(ingest)
        self.note("callback_ingest", database, saturated)
        half = msgspec.structs.replace(ingest, callbacks_per_s=saturated.rate_per_s / 2)
        self.note("callback_half_load", database, self.drive(half))

    def full(self, running: gateway.Running, database: Database, *, payments: int = 0) -> Load:
        """Whole payments for the plan's time, or as many as asked for."""
        return Load(
            mode="full",
            gateway_port=running.port,
            own_port=running.peer_port,
            path=running.target.path.decode(),
            headers=running.target.headers.decode(),
            in_flight=IN_FLIGHT_FULL,
            gateway_pid=running.pid,
            database_pid=self.database_pid(database),
            seconds=LOAD_TIMEOUT_S if payments else self.plan.seconds,
            warmup_s=0 if payments else 0.7,
            payments=payments or 10**9,
        )

    def payouts(self) -> None:
        """Whole payouts by each of M-Pesa's sides: CPU should differ little. Over plain HTTP, on SQLite."""
        with (
            self.paying_out("payout_daraja", by_broker=False) as daraja,
            self.paying_out("payout_broker", by_broker=True) as broker,
        ):
            for _ in range(self.plan.turns):
                for name, load in (("payout_daraja", daraja), ("payout_broker", broker)):
                    self.note(name, "sqlite", self.drive(load, "payouts.py"))

    @contextmanager
    def paying_out(self, name: str, *, by_broker: bool) -> Iterator[Load]:
        """A gateway whose shortcode pays by one of the sides, and what to ask of it."""
        installation = gateway.install(self.fresh(name), None)
        gateway.pays_out(installation, by_broker=by_broker)
        with installation.serve() as running:
            path = targets.payouts(running.target).path.decode()
            yield msgspec.structs.replace(self.full(running, "sqlite"), path=path)

    # A Django app that does the same for one shop

    def mainfinity(self) -> None:
        """Whole payments and callbacks: ours over its rates are the rows' ratios."""
        with self.store("postgresql") as url, peers.mainfinity(self.folder, url or "") as running:
            full = msgspec.structs.replace(
                self.full(running, "postgresql"), ends="callback", in_flight=peers.IN_FLIGHT, warmup_s=1.5
            )
            for _ in range(self.plan.turns):
                self.note("mainfinity_full_loop", "postgresql", self.drive(full))
            ingest = msgspec.structs.replace(full, mode="callback", payments=self.plan.callbacks // 4)
            self.note("mainfinity_callback_ingest", "postgresql", self.drive(ingest))

    # The simulator, beside a test double that others use

    def push(self, name: str, mpesa: mpesas.Pretended, *, pushes: int = 0) -> None:
        """STK requests for the plan's time, or as many as asked for."""
        load = Load(
            mode="full",
            gateway_port=mpesa.port,
            own_port=mpesa.peer_port,
            path=mpesas.PUSH_PATH,
            headers=mpesa.headers,
            gateway_pid=mpesa.pid,
            seconds=LOAD_TIMEOUT_S if pushes else self.plan.seconds,
            warmup_s=0 if pushes else 0.7,
            payments=pushes or 10**9,
        )
        self.note(name, "", self.drive(load, "pushes.py"))

    def simulators(self) -> None:
        """The two in turn, so that whatever else the machine does meets both."""
        with mpesas.daraja_mock(self.folder) as mock, mpesas.simulator(self.folder) as simulator:
            for _ in range(self.plan.turns):
                self.push("stk_daraja_mock", mock)
                self.push("stk_simulator", simulator)

    def simulator_growth(self) -> None:
        """Whether its memory stays flat once it holds all that it keeps."""
        if pushes := self.plan.simulator_soak_pushes:
            with mpesas.simulator(self.folder) as mpesa:
                for name in ("simulator_soak_start", "simulator_soak_end"):
                    self.push(name, mpesa, pushes=pushes)

    def growth(self) -> None:
        """Whether memory and cost stay flat."""
        if self.plan.soak_payments and self.wanted("soak_start", "soak_end"):
            with gateway.install(self.fresh("soak"), None).serve() as running:
                for name, payments in growth.soak(self.plan.soak_payments):
                    self.note(name, "sqlite", self.drive(self.full(running, "sqlite", payments=payments)))
        if self.plan.million and self.wanted("million_first", "million_last"):
            for database in DATABASES:
                with self.store(database) as url:
                    installation = gateway.install(self.fresh("million"), url)
                    for name, payments in growth.million(installation, url):
                        with installation.serve() as running:
                            self.note(name, database, self.drive(self.full(running, database, payments=payments)))

    def run(self) -> None:
        for number in range(1, self.plan.rounds + 1):
            print(f"Round {number} of {self.plan.rounds}", flush=True)
            self.hello()  # always, for it is the unit of CPU
            for database in DATABASES:
                if self.wanted("insert"):
                    self.insert(database)
                self.whole_payments(database)
            if self.wanted("stk_daraja_mock", "stk_simulator"):
                self.simulators()
            if self.wanted("mainfinity_full_loop", "mainfinity_callback_ingest"):
                self.mainfinity()
            if self.wanted("payout_daraja", "payout_broker"):
                self.payouts()
        if self.wanted("simulator_soak_start", "simulator_soak_end"):
            self.simulator_growth()
        self.growth()
        self.promised()

    def promised(self) -> None:
        """Rows with a bound."""
        promises.speed(self)
        if self.wanted("one_gateway", "two_apart", "two_gateways"):
            promises.two_gateways(self)
        for database in DATABASES:
            if self.wanted("direct_half_load", "gateway_half_load"):
                promises.added_latency(self, database)
            if self.wanted("steady_deliveries", "backlog_drain"):
                promises.backlog(self, database)
            if self.with_ten_million or not self.only.isdisjoint(("ten_million_empty", "ten_million_full")):
                promises.ten_million(self, database)


def _output(command: list[str]) -> str:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=LOAD_TIMEOUT_S + 60)
    if done.returncode:
        raise RuntimeError(f"{Path(command[-2]).name} failed: {done.stderr[-3000:]}")
    return done.stdout


def _rows(text: str) -> frozenset[str]:
    rows = frozenset(text.split(","))
    if unknown := rows - WORDS.keys():
        raise argparse.ArgumentTypeError(f"no such row: {', '.join(sorted(unknown))}")
    return rows


def wear_in(postgres: PostgresServer) -> None:
    """As a server that has run for a day: the segments of its log are there, to be written over.

    One that is new makes each of them when it is needed, 16 MB of zeros, and for 15 ms everybody waits.
    """
    segments = f"generate_series(1, {machine.LOG_SEGMENTS_COUNT})"
    postgres.execute(f"SELECT count(pg_logical_emit_message(false, '', '')), count(pg_switch_wal()) FROM {segments}")
    postgres.execute("CHECKPOINT")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one short round, no growth: under two minutes")
    parser.add_argument("--ceiling", action="store_true", help="only what the machine can do, without Wakala")
    parser.add_argument("--only", type=_rows, default=frozenset(), metavar="ROW,ROW", help=f"of {', '.join(WORDS)}")
    parser.add_argument("--ten-million", action="store_true", help="the rows on ten million payments too: see README")
    parser.add_argument(
        "--write-out-early", action="store_true", help="with the kernel's setting that docs/running.md advises; as root"
    )
    parser.add_argument("--count", action="store_true", help="instructions a payment, by Valgrind, and nothing else")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bench.json")
    arguments = parser.parse_args()
    if arguments.write_out_early and not os.access(machine.DIRTY_BYTES, os.W_OK):
        parser.error(f"--write-out-early sets {machine.DIRTY_BYTES} for as long as it runs: be root on Linux.")
    if arguments.count and not counted.is_possible():
        parser.error("--count counts with Valgrind: install your system's package `valgrind`.")
    with (
        machine.writing_out_early() if arguments.write_out_early else nullcontext(),
        postgres_server(machine.DISK, machine.POSTGRES) as postgres,
        tempfile.TemporaryDirectory(prefix="wakala-bench-", dir=machine.DISK) as folder,
    ):
        machine.keep_off_the_servers_core(postgres.pid)
        wear_in(postgres)
        plan, report = QUICK if arguments.quick else THOROUGH, Report(machine.describe())
        bench = Bench(
            plan,
            postgres,
            Path(folder),
            report,
            CEILING if arguments.ceiling else arguments.only,
            arguments.ten_million,
        )
        if arguments.count:
            for database in DATABASES:
                print(f"{database}: {counted.measure(bench, database)}", flush=True)
            return
        bench.run()
    bench.report.show()
    bench.report.save(arguments.output)
    print(f"Written to {arguments.output}")


if __name__ == "__main__":
    main()
