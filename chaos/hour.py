"""``make outage OWED=100000``: a merchant is down for an hour of virtual time, and is back.

Two worlds, one after the other: in one everybody is across the internet, in the other next door, so that the gateway's
own core is what is short. Ends with 1 where a promise was broken. The same seed gives the same figures to the digit.
"""

import argparse
import sys
import time
from contextlib import ExitStack

import planted
from virtual.outage import Hour, Outage, outage, p99

HOPS_MS = (20.0, 1.0)
OWED_LEAST = 5_000
FAULTS = planted.FAULTS | planted.FAULTS_OF_THE_HOUR


def main() -> int:
    """Parse, run, say."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--owed", type=int, default=100_000, help="payments of that hour (default 100000, at least 5000)"
    )
    parser.add_argument("--steady", type=int, default=3_000, help="payments that measure the steady rate")
    parser.add_argument("--seed", type=int, default=1, help="run another hour (default 1)")
    help_ways = "how far apart everybody is, one way, in ms (default %(default)s)"
    parser.add_argument("--hop-ms", type=float, nargs="+", default=HOPS_MS, metavar="MS", help=help_ways)
    parser.add_argument("--planted", choices=sorted(FAULTS), help="break the gateway on purpose")
    given = parser.parse_args()
    if given.owed < OWED_LEAST:
        parser.error(f"--owed is at least {OWED_LEAST:,}: fewer are gone before the drain has come up to its rate")
    with ExitStack() as stack:
        if given.planted:
            stack.enter_context(FAULTS[given.planted]())
        return max(one(Hour(given.seed, given.owed, given.steady, ms / 1e3)) for ms in given.hop_ms)


def one(hour: Hour) -> int:
    """One world, told while it passes."""
    print(f"Everybody {hour.hop_s * 1e3:g} ms apart, {hour.owed:,} payments in the hour, seed {hour.seed}", flush=True)
    started_s = time.monotonic()
    seen = outage(hour, lambda words: print(f"  {time.monotonic() - started_s:5.0f} s  {words}", flush=True))
    say(seen)
    return 0 if all(promise.holds for promise in seen.promises) else 1


def say(seen: Outage) -> None:
    """The figures, then the promises."""
    waits = seen.waits
    print(f"  steady {seen.steady_per_s:,.0f}/s; {seen.waiting:,} waited, {seen.arrived:,} arrived, ", end="")
    print(f"{seen.drain_per_s:,.0f}/s, the core {seen.drain_core:.0%} busy")
    for when, waits_s in (("before", waits.calm), ("in the hour", waits.down), ("in the drain", waits.drain)):
        print(f"  well merchant {when}: {len(waits_s):,} payments, p99 {p99(waits_s) * 1e3:.1f} ms")
    for promise in seen.promises:
        print(f"  {promise}")
    for violation in seen.run.violations[:20]:
        print(f"  BROKEN {violation}")
    print(f"  digest {seen.run.digest}")


if __name__ == "__main__":
    sys.exit(main())
