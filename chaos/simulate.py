"""``python chaos/simulate.py --seeds 100000 --jobs 2``: many runs; ``--seed 123 --trace``: one run, told line by line.

Ends with 1 where a promise was broken, and names the seeds.
"""

import argparse
import multiprocessing
import sys
import time
from collections import Counter
from contextlib import ExitStack

import planted
from virtual.world import Run, run

STEP_SEEDS = 50  # between two lines of progress of one worker


def main() -> int:
    """Parse, run, say."""
    parser = argparse.ArgumentParser(description="The gateway's real code in a world that a seed decides.")
    parser.add_argument("--seed", type=int, help="run this one")
    parser.add_argument("--trace", action="store_true", help="print everything that happened (with --seed)")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many to run (default 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once")
    parser.add_argument("--planted", choices=sorted(planted.FAULTS), help="break the gateway on purpose")
    given = parser.parse_args()
    if given.seed is not None:
        return one(given.seed, given.planted, is_traced=given.trace)
    return many(range(given.first, given.first + given.seeds), given.jobs, given.planted)


def one(seed: int, fault: str | None, *, is_traced: bool) -> int:
    """One seed, with its whole story where that is asked for."""
    found = _run(seed, fault)
    if is_traced:
        print(found.story)
    plan = found.plan
    print(f"seed {seed}: {plan.nodes} gateway(s), {plan.payments} requests, a storm of {plan.storm_s:g} s")
    print(f"deaths {found.deaths}, lines {len(found.story.lines)}, digest {found.digest}")
    for violation in found.violations:
        print(f"BROKEN {violation}")
    return 1 if found.violations else 0


def many(seeds: range, jobs: int, fault: str | None) -> int:
    """All of them, with progress; only what broke is told."""
    pieces = [(seeds[start : start + STEP_SEEDS], fault) for start in range(0, len(seeds), STEP_SEEDS)]
    started_s = time.monotonic()
    total: Counter[str] = Counter()
    broken: list[tuple[int, list[str]]] = []
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for counts, bad in pool.imap_unordered(_piece, pieces):
            total += counts
            broken += bad
            rate = total["runs"] / (time.monotonic() - started_s)
            left_s = (len(seeds) - total["runs"]) / rate
            print(f"\r{total['runs']:,} runs, {rate:.0f} a second, {left_s:,.0f} s left, ", end="")
            print(f"{len(broken)} broken ", end="", flush=True)
            for seed, violations in bad:
                print(f"\nseed {seed}: " + "; ".join(violations), flush=True)
    print()
    print(", ".join(f"{count:,} {what}" for what, count in sorted(total.items())))
    if broken:
        print(f"Replay one: python chaos/simulate.py --trace --seed {min(broken)[0]}")
    return 1 if broken else 0


def _piece(piece: tuple[range, str | None]) -> tuple["Counter[str]", list[tuple[int, list[str]]]]:
    counts: Counter[str] = Counter()
    broken = []
    for seed in piece[0]:
        found = _run(seed, piece[1])
        counts += Counter(
            runs=1,
            deaths=found.deaths,
            payments=len(found.evidence.journal.payments),
            notifications=len(found.evidence.journal.owed),
            deliveries=len(found.evidence.attempts),
        )
        if found.violations:
            broken.append((seed, [str(violation) for violation in found.violations]))
    return counts, broken


def _run(seed: int, fault: str | None) -> Run:
    with ExitStack() as stack:
        if fault is not None:
            stack.enter_context(planted.FAULTS[fault]())
        return run(seed)


if __name__ == "__main__":
    sys.exit(main())
