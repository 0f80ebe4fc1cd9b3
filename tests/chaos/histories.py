"""Runs of the simulation for tests: a planted fault lives for one run, and pytest's own log catchers stay out of it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

import coverage

import planted
from virtual.outage import Hour, Outage, outage
from virtual.weather import Plan, plan
from virtual.world import Run, World, run_world


def history(seed: int, fault: str | None = None, drawn: Callable[[int], Plan] = plan) -> Run:
    """One run, with or without a fault in the gateway, in the world that is drawn from the seed."""
    with _unmeasured(), planted.FAULTS[fault]() if fault else nullcontext():
        return run_world(World(drawn(seed)))


def the_hour(hour: Hour, fault: str | None = None) -> Outage:
    """An hour without a merchant, with or without a fault in the gateway."""
    faults = planted.FAULTS | planted.FAULTS_OF_THE_HOUR
    with _unmeasured(), faults[fault]() if fault else nullcontext():
        return outage(hour)


def broken(seeds: range) -> dict[int, list[str]]:
    """The seeds whose runs broke a promise, with what was broken."""
    found = {seed: history(seed).violations for seed in seeds}
    return {seed: [str(violation) for violation in violations] for seed, violations in found.items() if violations}


@contextmanager
def _unmeasured() -> Iterator[None]:
    """Counting lines takes four times what the lines take, and thousands of worlds pass the same ones."""
    measuring = coverage.Coverage.current()
    if measuring is None:
        yield
        return
    measuring.stop()
    try:
        yield
    finally:
        measuring.start()
