"""The breaking machine with real processes: ``make chaos MINUTES=5 SEED=7``.

The plan of faults follows from the seed; what comes of it in real time does not repeat exactly.
"""

import argparse
import json
import os
import secrets
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "tests"))  # what starts and ends programs and PostgreSQL there

import uvloop  # noqa: E402
from rich.console import Console  # noqa: E402

from processes import islands  # noqa: E402
from processes.breaking import Run, break_it  # noqa: E402
from processes.pace import Pace  # noqa: E402
from processes.report import Result, print_result  # noqa: E402
from processes.store import own_database  # noqa: E402

BUILD = ROOT / "build"
DATABASES = ("sqlite", "postgresql")


def main() -> None:
    """Print what was held, broken and checked; exit 1 where a promise was broken."""
    arguments = _arguments()
    if arguments.network == "auto":
        arguments.network = "islands" if islands.may_be_made() else "loopback"
    if arguments.network == "islands" and not islands.is_on_the_mainland():
        chosen = [*sys.argv[1:], "--network", "islands", "--seed", str(arguments.seed)]
        again = islands.on_the_mainland([__file__, *chosen])
        os.execvp(again[0], again)
    console = Console(width=110)
    results = []
    for database in DATABASES:
        if arguments.database in {None, database}:
            result = _run(database, arguments, console)
            print_result(result, console)
            (BUILD / f"chaos-{database}.json").write_text(json.dumps(result.document(), indent=2) + "\n")
            results.append(result)
            if not result.is_whole:
                _say_how_to_repeat(result, console)
    if not all(result.is_whole for result in results):
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=5.0, help="of load and faults (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="repeats a plan of faults; drawn and printed when left out")
    parser.add_argument("--database", choices=DATABASES, help="only this one (default: both)")
    parser.add_argument("--rate", type=float, default=Pace().per_s, help="payments a second (default: %(default)s)")
    parser.add_argument(
        "--network",
        choices=("auto", "loopback", "islands"),
        default="auto",
        help="islands: each gateway in a network namespace, for cuts by the kernel; auto: where this machine allows it",
    )
    given = parser.parse_args()
    given.seed = secrets.randbelow(10**6) if given.seed is None else given.seed
    return given


def _run(database: str, arguments: argparse.Namespace, console: Console) -> Result:
    folder = BUILD / "chaos" / f"{database}-{arguments.seed}"
    share = arguments.rate / Pace().per_s
    pace = Pace(*(rate * share for rate in (Pace().pushes_per_s, Pace().payouts_per_s, Pace().collections_per_s)))
    has_islands = arguments.network == "islands"
    run = Run(database, arguments.seed, arguments.minutes * 60, folder, pace, has_islands=has_islands)
    where = "gateways on networks of their own" if has_islands else "all on loopback"
    console.print(f"{database}: seed {arguments.seed}, {arguments.minutes:g} minutes, {pace.per_s:g} payments a second")
    console.print(f"{database}: {where}")
    with own_database(database) as (server, url):
        return uvloop.run(break_it(run, server, url, console))


def _say_how_to_repeat(result: Result, console: Console) -> None:
    console.print(f"Logs, journal and evidence are in {result.folder}. The same plan again:")
    console.print(f"  make chaos MINUTES={result.minutes:g} SEED={result.seed} DATABASE={result.database}")


if __name__ == "__main__":
    main()
