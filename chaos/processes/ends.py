"""What gateways' processes and their logs say against them: ends that nobody ordered, stops that failed, tracebacks.

A gateway that dies by itself is started again, so nothing is lost and nobody would notice. It is a breach all the same,
unless a fault of ours explains it: one that is told to stop while its database is away cannot hand back what it has in
hand. A gateway that starts without its database waits for it.
"""

import re
import signal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from processes.actors import End

STOP_LIMIT_S = 10.0  # twice what gateways of a run are given (`pace`): the machine is busy, and we look now and then
AFTERMATH_S = 3.0  # after an outage of its database a gateway may still meet connections that broke in it
RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")
TRACEBACK = "Traceback (most recent call last):"
NAMED = "wakala.errors."


@dataclass(frozen=True, slots=True)
class Outage:
    """Somebody (a process, a line) was struck; monotonic seconds."""

    name: str
    began_s: float
    ended_s: float


def bad_ends(ends: Iterable[End], outages: Iterable[Outage]) -> Iterator[str]:
    """A sentence for each end of a gateway that no fault of ours explains."""
    struck = list(outages)
    for end in ends:
        took_s = end.ended_s - end.told_s
        was_away = _was_without_database(end, struck)
        if end.order is None:
            where = "in the middle of its work" if end.has_served else "before it served"
            yield f"{end.name} ended by itself, {where}, with code {end.code}."
        if end.order is signal.SIGTERM and (end.code != 0 or took_s > STOP_LIMIT_S) and not was_away:
            yield f"{end.name} was told to stop and ended with code {end.code} after {took_s:.1f} s."


def _was_without_database(end: End, struck: list[Outage]) -> bool:
    """True where its database, or the way to it, was struck since it was told to stop. A file is never away."""
    names = {"database", f"{end.name} to database", f"cable of {end.name} to database"}
    return any(
        one.name in names and one.began_s <= end.ended_s and one.ended_s + AFTERMATH_S >= end.told_s for one in struck
    )


def tracebacks(name: str, log: Path) -> Iterator[str]:
    """A sentence for each error in a log that the gateway has no name for."""
    for record in _records(log):
        places = [place for place, line in enumerate(record) if TRACEBACK in line]
        if not places:
            continue
        after = (line for line in record[places[-1] + 1 :] if line and not line[0].isspace())
        error = next(after, "an error that its log does not name")  # the last of a chain is the one that came out
        if not error.startswith(NAMED):
            yield f"{name}: {RECORD.sub('', record[0])} ({error.rstrip('.')})."


def _records(log: Path) -> Iterator[list[str]]:
    """The lines of each thing that was logged."""
    record: list[str] = []
    for line in log.read_text(errors="replace").splitlines():
        if RECORD.match(line) and record:
            yield record
            record = []
        record.append(line)
    if record:
        yield record
