"""What a run has to say: a line while it runs, a table and a JSON document at its end."""

import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from case import Invariant, Violation
from checker import RULES
from evidence import Evidence
from processes.actors import End

LOST = frozenset({Invariant.LOST_REQUEST, Invariant.LOST_MONEY, Invariant.LOST_CALLBACK, Invariant.UNTOLD})
DOUBLED = frozenset(
    {
        Invariant.SPENT_TWICE,
        Invariant.DOUBLED_MONEY,
        Invariant.DOUBLED_PROMPT,
        Invariant.RECEIPT_TWICE,
        Invariant.TOLD_TWICE,
    }
)
STUCK = frozenset({Invariant.STUCK})
SHOWN_VIOLATIONS = 20


@dataclass
class Result:
    """One run on one database."""

    database: str
    seed: int
    minutes: float
    seconds: float = 0.0
    calm_s: float = 0.0
    planned: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)
    load: Counter[str] = field(default_factory=Counter)
    waits_s: list[float] = field(default_factory=list)
    starts_s: dict[str, list[float]] = field(default_factory=dict)
    ends: dict[str, list[End]] = field(default_factory=dict)
    paid: int = 0
    told: int = 0
    evidence: Evidence = field(default_factory=Evidence)
    violations: list[Violation] = field(default_factory=list)
    folder: str = ""

    def count(self, invariants: frozenset[Invariant]) -> int:
        """How many breaches of these."""
        return sum(violation.invariant in invariants for violation in self.violations)

    @property
    def lost(self) -> int:
        """Requests, money, callbacks and outcomes that are gone."""
        return self.count(LOST)

    @property
    def doubled(self) -> int:
        """What happened, or was told, twice."""
        return self.count(DOUBLED)

    @property
    def stuck(self) -> int:
        """What never came to an end."""
        return self.count(STUCK)

    @property
    def otherwise_wrong(self) -> int:
        """Any other breach."""
        return len(self.violations) - self.lost - self.doubled - self.stuck

    @property
    def is_whole(self) -> bool:
        """True where every promise was kept."""
        return not self.violations

    @property
    def ended_by_themselves(self) -> dict[str, int]:
        """How many lives of each process nobody ended."""
        return {name: sum(end.order is None for end in ends) for name, ends in self.ends.items()}

    def document(self) -> dict[str, Any]:
        """For programs."""
        return {
            "database": self.database,
            "seed": self.seed,
            "minutes": self.minutes,
            "load_seconds": round(self.seconds, 1),
            "calm_seconds": round(self.calm_s, 1),
            "load": dict(self.load) | {"paid": self.paid, "told": self.told},
            "per_second": {name: round(rate, 2) for name, rate in self.rates().items()},
            "answer_seconds": {f"p{percent}": round(self.wait_s(percent), 3) for percent in (50, 95, 99)},
            "start_seconds": {name: round(middle(times), 2) for name, times in self.starts_s.items()},
            "ended_by_themselves": self.ended_by_themselves,
            "planned_faults": self.planned,
            "kills": self.kills.total(),
            "kills_by_kind": dict(sorted(self.kills.items())),
            "other_faults": self.others.total(),
            "other_faults_by_kind": dict(sorted(self.others.items())),
            "invariants": self.invariants(),
            "lost": self.lost,
            "doubled": self.doubled,
            "stuck": self.stuck,
            "otherwise_wrong": self.otherwise_wrong,
            "violations": [str(violation) for violation in self.violations],
        }

    def rates(self) -> dict[str, float]:
        """Payments in a second of load."""
        seconds = max(self.seconds, 0.001)
        asked = self.load["asked"] + self.load["paid by hand"]
        return {
            "asked": asked / seconds,
            "accepted": self.load["accepted"] / seconds,
            "paid": self.paid / seconds,
        }

    def wait_s(self, percent: int) -> float:
        """How long shops waited for a clear answer, their repeats included."""
        waits_s = sorted(self.waits_s)
        return waits_s[min(len(waits_s) - 1, len(waits_s) * percent // 100)] if waits_s else 0.0

    def invariants(self) -> dict[str, int]:
        """How many things each rule of the judge looked at; a rule that saw none was not checked."""
        evidence = self.evidence
        counts = {
            "payments": len(evidence.journal.payments),
            "requests": len(evidence.asked),
            "money": len(evidence.mpesa.money),
            "prompts": len(evidence.mpesa.prompts),
            "callbacks": len(evidence.mpesa.calls),
            "owed": len(evidence.journal.owed),
            "told": len(evidence.told),
            "attempts": len(evidence.attempts),
            "deeds": len(evidence.done),
            "readers": len(evidence.readers),
            "validations": len(evidence.mpesa.validations),
            "gone": len(evidence.journal.gone),
            "lives": sum(len(ends) for name, ends in self.ends.items() if name.startswith("gateway")),
        }
        looked_at = {rule.__name__: counts[_LOOKED_AT.get(rule.__name__, "payments")] for rule in RULES}
        return {name.replace("_", " "): count for name, count in looked_at.items() if count}


_LOOKED_AT = {
    "no_request_is_lost": "requests",
    "a_request_id_is_spent_once": "requests",
    "the_first_answer_stands": "requests",
    "every_client_is_answered": "requests",
    "no_money_is_lost": "money",
    "no_money_is_doubled": "money",
    "one_prompt_for_a_request": "prompts",
    "no_acknowledged_callback_is_lost": "callbacks",
    "an_outcome_is_told_once": "owed",
    "what_arrives_is_what_is_owed": "told",
    "notifications_keep_their_order": "told",
    "one_attempt_at_a_time": "attempts",
    "who_is_paused_is_sent_nothing": "deeds",
    "what_is_sent_goes_where_its_owner_says": "deeds",
    "what_its_owner_has_is_not_sent_again": "deeds",
    "who_comes_by_cursor_misses_nothing": "readers",
    "a_validation_is_recorded_as_it_was_told": "validations",
    "only_what_is_old_and_over_is_forgotten": "gone",
    "nothing_breaks": "lives",
}


def middle(times_s: list[float]) -> float:
    """The median; 0 of nothing."""
    return sorted(times_s)[len(times_s) // 2] if times_s else 0.0


def print_result(result: Result, console: Console) -> None:
    """The table at the end."""
    console.print(_table(result))
    for violation in result.violations[:SHOWN_VIOLATIONS]:
        console.print(f"  {violation}", markup=False)
    if len(result.violations) > SHOWN_VIOLATIONS:
        console.print(f"  ... and {len(result.violations) - SHOWN_VIOLATIONS} more")


def _table(result: Result) -> Table:
    title = f"{result.database}, seed {result.seed}, {result.seconds / 60:.1f} minutes of load"
    table = Table(title=title, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    rates = result.rates()
    table.add_row("Load held: asked, accepted, paid a second", " / ".join(f"{rate:.1f}" for rate in rates.values()))
    for name, count in sorted(result.load.items()):
        table.add_row(f"  {name}", f"{count:,}")
    table.add_row("  paid at M-Pesa", f"{result.paid:,}")
    table.add_row("  notifications taken by merchants", f"{result.told:,}")
    waits = " / ".join(f"{result.wait_s(percent):.2f}" for percent in (50, 95, 99))
    table.add_row("  until a clear answer, p50 / p95 / p99 (s)", waits)
    for name, times_s in sorted(result.starts_s.items()):
        table.add_row(f"  {name} serves again after, median (s)", f"{middle(times_s):.2f}")
    for name, count in sorted(result.ended_by_themselves.items()):
        if count:
            table.add_row(f"  {name} ended by itself", f"{count:,}")
    table.add_section()
    table.add_row("Kills under load", f"{result.kills.total():,}")
    for name, count in sorted(result.kills.items()):
        table.add_row(f"  {name}", f"{count:,}")
    table.add_row("Other faults", f"{result.others.total():,}")
    for name, count in sorted(_grouped(result.others).items()):
        table.add_row(f"  {name}", f"{count:,}")
    table.add_section()
    for name, count in result.invariants().items():
        table.add_row(f"checked: {name}", f"{count:,}")
    table.add_section()
    table.add_row("Lost", f"{result.lost}")
    table.add_row("Doubled", f"{result.doubled}")
    table.add_row(f"Stuck after {result.calm_s:.0f} s of calm", f"{result.stuck}")
    table.add_row("Otherwise wrong", f"{result.otherwise_wrong}")
    return table


def _grouped(others: Counter[str]) -> Counter[str]:
    """M-Pesa's many faults by kind alone; the JSON has each."""
    grouped: Counter[str] = Counter()
    for name, count in others.items():
        grouped[" ".join(name.split()[:2]) if name.startswith("M-Pesa") else name] += count
    return grouped


class Ticker:
    """The line that is printed while it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._began_s = time.monotonic()

    def say(self, **told: object) -> None:
        """One line: the minute, then each name with its value."""
        minute = (time.monotonic() - self._began_s) / 60
        self._console.print(
            f"minute {minute:5.2f}  " + "  ".join(f"{name} {value}" for name, value in told.items()),
            markup=False,
            highlight=False,
        )
