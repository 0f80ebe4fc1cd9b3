"""The figures of one run: medians of its rounds, a table to read and a file to compare with."""

import json
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

# What a row holds, the heading of its column, and how many decimals mean something.
COLUMNS = (
    ("rate_per_s", "per s", 0),
    ("cpu_us", "CPU us", 0),
    ("database_cpu_us", "db CPU us", 0),
    ("p50_ms", "p50 ms", 1),
    ("p99_ms", "p99 ms", 1),
    ("rss_mb", "RSS MB", 0),
    ("driver_cores", "driver", 2),
    ("ratio_to_bare", "x bare", 2),
    ("ratio_to_mock", "x mock", 2),
    ("ratio_to_mainfinity", "x Django", 1),
    ("cpu_to_daraja", "CPU x Daraja", 2),
    ("hellos_of_cpu", "hellos", 1),
)
WORDS = {
    "hello": "ASGI hello, nothing done",
    "insert": "durable rows, group commit, nothing else",
    "bare_path": "whole payment, bare path",
    "intake": "Wakala: request stored, answered, sent to M-Pesa",
    "callback_ingest": "Wakala: callback stored and acknowledged",
    "callback_half_load": "Wakala: the same, coming half as often",
    "full_loop": "Wakala: whole payment, POST to notification",
    "soak_start": "Wakala: the first payments of a soak",
    "soak_end": "Wakala: and the last, on the same process",
    "million_first": "Wakala: the first of a million payments",
    "million_last": "Wakala: and the last of them",
    "steady_deliveries": "Wakala: whole payments, before a merchant is down",
    "backlog_drain": "Wakala: its backlog, once the merchant is back",
    "one_gateway": "Wakala: whole payments, one process",
    "two_apart": "Wakala: and two on a database each and the same core",
    "two_gateways": "Wakala: and two on the same database and core",
    "direct_half_load": "simulator asked directly, at half of our load",
    "gateway_half_load": "and through Wakala, as often",
    "ten_million_empty": "Wakala: whole payments on an empty store",
    "ten_million_full": "Wakala: and on one of ten million payments",
    "payout_daraja": "Wakala: whole payout by Daraja",
    "payout_broker": "Wakala: whole payout by the Broker",
    "mainfinity_full_loop": "Django app, 2 workers: request, push, callback",
    "mainfinity_callback_ingest": "Django app, 2 workers: callback stored and processed",
    "stk_daraja_mock": "daraja-mock: STK request, nothing checked or sent",
    "stk_simulator": "simulator: STK request, checked, kept, called back",
    "simulator_soak_start": "simulator: the first 100,000 requests",
    "simulator_soak_end": "simulator: 100,000 more on the same process",
}

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure that the product is held to, beside its bound, both from one run; ``unit`` follows them."""

    name: str
    database: str
    what: str
    value: float
    bound: float
    is_least: bool = False
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was kept in this run."""
        return self.value >= self.bound if self.is_least else self.value <= self.bound

    def __str__(self) -> str:
        sign, verdict = ("at least" if self.is_least else "at most"), ("holds" if self.holds else "IS BROKEN")
        return f"{self.what}: {self.value:,.3g}{self.unit}, {sign} {self.bound:,.3g}{self.unit}: {verdict}"


@dataclass(slots=True)
class Report:
    """Rows by name and database, each with one set of figures a round; and what was promised."""

    machine: Mapping[str, object]
    rounds: dict[Key, list[dict[str, float]]] = field(default_factory=dict)
    promises: list[Promise] = field(default_factory=list)

    def judge(self, promise: Promise) -> None:
        """Hold a figure against its bound."""
        self.promises.append(promise)
        print(f"  {promise.name} {promise.database}: {promise}", flush=True)

    def note(self, name: str, database: str, figures: Mapping[str, float]) -> None:
        self.rounds.setdefault((name, database), []).append(dict(figures))
        driver = f", driver {figures['driver_cores']:.2f}" if "driver_cores" in figures else ""
        print(f"  {name} {database}: {figures['rate_per_s']:,.0f}/s, {figures['cpu_us']:,.0f} us{driver}", flush=True)

    def turns(self, ours: Key, theirs: Key) -> list[float]:
        """One's rate over the other's, turn by turn; nothing where either was not measured."""
        if ours not in self.rounds or theirs not in self.rounds:
            return []
        pairs = zip(self.rounds[ours], self.rounds[theirs], strict=True)
        return [one["rate_per_s"] / other["rate_per_s"] for one, other in pairs]

    def rows(self) -> list[dict[str, str | float]]:
        """Medians, and the ratios that can be compared between machines.

        ``ratio_to_bare`` is our rate over the bare path's in the turn in the middle, for whole payments;
        ``hellos_of_cpu`` is the server's CPU a payment in units of an empty request, the steadier of the two.
        ``ratio_to_mock`` is the simulator's rate of STK requests over daraja-mock's.
        """
        medians = {
            key: {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
            for key, rounds in self.rounds.items()
        }
        hello_us = medians[("hello", "")]["cpu_us"] if ("hello", "") in medians else None
        result: list[dict[str, str | float]] = []
        for (name, database), figures in medians.items():
            row: dict[str, str | float] = {"name": name, "database": database}
            row |= {column: round(figures[column], 3) for column, _, _ in COLUMNS if column in figures}
            if hello_us is not None:
                row["hellos_of_cpu"] = round(figures["cpu_us"] / hello_us, 2)
            if name == "full_loop" and (turns := self.turns((name, database), ("bare_path", database))):
                row["ratio_to_bare"] = round(statistics.median_high(turns), 3)
            mock = medians.get(("stk_daraja_mock", ""))
            if name == "stk_simulator" and mock:
                row["ratio_to_mock"] = round(figures["rate_per_s"] / mock["rate_per_s"], 3)
            by_daraja = medians.get(("payout_daraja", database))
            if name == "payout_broker" and by_daraja:
                row["cpu_to_daraja"] = round(figures["cpu_us"] / by_daraja["cpu_us"], 2)
            theirs = medians.get((f"mainfinity_{name}", database))
            if theirs:
                row["ratio_to_mainfinity"] = round(figures["rate_per_s"] / theirs["rate_per_s"], 2)
            result.append(row)
        return result

    def show(self) -> None:
        table = Table(title="Medians; one process on one core, the load on another", title_justify="left")
        table.add_column("what")
        table.add_column("database")
        for _, heading, _ in COLUMNS:
            table.add_column(heading, justify="right")
        for row in self.rows():
            cells = [
                f"{row[column]:,.{decimals}f}" if isinstance(row.get(column), float | int) else ""
                for column, _, decimals in COLUMNS
            ]
            table.add_row(WORDS[str(row["name"])], str(row["database"]), *cells)
        console = Console(width=150)
        console.print(table)
        for promise in self.promises:
            console.print(f"{promise.name} {promise.database}: {promise}", highlight=False)

    def save(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        promises = [{**asdict(promise), "holds": promise.holds} for promise in self.promises]
        kept = {"machine": self.machine, "rows": self.rows(), "promises": promises}
        path.write_text(json.dumps(kept, indent=2) + "\n")
