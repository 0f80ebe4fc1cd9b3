"""A short run of the breaking machine, in a test's own process or, on islands, as a program with a network to itself.

The program prints what came out as JSON; its arguments are the database and the folder.
"""

import json
import sys
from pathlib import Path

import uvloop
from rich.console import Console

from processes.breaking import Run, break_it
from processes.pace import Pace
from processes.plan import CABLE, KILL, MPESA, PULLS, STOP, Cast, Fault, draw
from processes.report import print_result
from processes.store import own_database

SEED = 20261128
LIGHT = Pace(pushes_per_s=4.0, payouts_per_s=1.0, collections_per_s=1.0, expire_s=60.0)
SECONDS = 18.0  # of a plan with ten kills and more; the load lasts until all of them have struck


def with_lost_answers(seed: int, seconds: float, cast: Cast) -> list[Fault]:
    """The usual plan, and every second pushes that M-Pesa carries out and does not answer."""
    unanswered = [Fault(at_s, MPESA, "stk_push", 1.0, "error_after_prompt") for at_s in map(float, range(int(seconds)))]
    return sorted([*draw(seed, seconds, cast), *unanswered])


def with_nothing_heard(seed: int, seconds: float, cast: Cast) -> list[Fault]:
    """And no callback comes: nobody knows what became of such a push when it is looked at."""
    untold = [Fault(number / 2, MPESA, "stk_callback", 1.0, "lost") for number in range(int(2 * seconds))]
    return sorted([*with_lost_answers(seed, seconds, cast), *untold])


def with_nothing_confirmed(seed: int, seconds: float, cast: Cast) -> list[Fault]:
    """The usual plan, and next to no C2B confirmation comes: who pays by hand is found in M-Pesa's list only."""
    untold = [Fault(number / 2, MPESA, "c2b_confirmation", 1.0, "lost") for number in range(int(2 * seconds))]
    return sorted([*draw(seed, seconds, cast), *untold])


def with_a_stop(seed: int, seconds: float, cast: Cast) -> list[Fault]:
    """The usual plan, and one gateway is told to stop while it works."""
    return sorted([*draw(seed, seconds, cast), Fault(seconds / 2, STOP, cast.gateways[0], 1.0)])


def with_a_stop_and_a_crash(seed: int, seconds: float, cast: Cast) -> list[Fault]:
    """And M-Pesa's server dies."""
    return sorted([*with_a_stop(seed, seconds, cast), Fault(seconds / 3, KILL, cast.simulator, 1.0)])


def with_every_pull(seed: int, seconds: float, cast: Cast) -> list[Fault]:
    """And each way to break a cable strikes one of them."""
    pulls = [
        Fault(1.0 + 3 * place, CABLE, cast.cables[place % len(cast.cables)], 2.0, mode)
        for place, mode in enumerate(PULLS)
    ]
    return sorted([*with_a_stop_and_a_crash(seed, seconds, cast), *pulls])


def main() -> None:
    """On islands."""
    database, folder = sys.argv[1:]
    run = Run(database, SEED, SECONDS, Path(folder), LIGHT, draw=with_every_pull, has_islands=True)
    with own_database(database) as (server, url):
        result = uvloop.run(break_it(run, server, url, Console(width=110, stderr=True)))
    print_result(result, Console(width=110, stderr=True))
    print(json.dumps(result.document()))


if __name__ == "__main__":
    main()
