"""Run what others wrote, unmodified, against the simulator and through the gateway: ``make conformance``."""

import argparse
import asyncio
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))  # who hands out ports there

from packages import fetch
from rich.console import Console
from rich.table import Table
from suites import SUITES, Outcome, Suite
from town import FACES, Town, town

from wakala.redirect import LIVE_HOST, SANDBOX_HOST, environment
from wakala.redirect.authority import prepare
from wakala.redirect.messages import Answering
from wakala.redirect.proxy import Proxy


@contextmanager
def redirected(target: Town, folder: Path) -> Iterator[dict[str, str]]:
    """The variables that lead a program with a fixed host here; the proxy runs in a thread of its own."""
    now = datetime.now(UTC)
    authority = prepare(folder, now)
    answering = Answering({SANDBOX_HOST: target.sandbox_url, LIVE_HOST: target.sandbox_url})
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        proxy = Proxy(answering, authority.server_context(folder, now))
        url = asyncio.run_coroutine_threadsafe(proxy.start(0), loop).result()
        try:
            yield environment.variables(url, authority, environment.write_preload(folder, url))
        finally:
            asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result()
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def main() -> None:
    """Print a table, and the words of what failed; exit 1 if anything did."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--face", choices=FACES, help="only against this one")
    parser.add_argument("--only", default="", metavar="NAME", help="only suites whose name has this in it")
    parser.add_argument("--verbose", action="store_true", help="print what each one said")
    arguments = parser.parse_args()
    packages = fetch()
    chosen = [suite for suite in SUITES if arguments.only in suite.name]
    outcomes: dict[tuple[str, str], Outcome] = {}
    faces = [face for face in FACES if arguments.face in {None, face}]
    for face in faces:
        for suite in chosen:
            with (
                tempfile.TemporaryDirectory() as folder,
                town(face, Path(folder)) as target,
                redirected(target, Path(folder)) as variables,
            ):
                outcome = suite.run(packages, target, variables)
            outcomes[suite.name, face] = outcome
            print(f"{face}: {suite.name}: {outcome.passed} of {suite.expected}", flush=True)
            if arguments.verbose or not _is_whole(suite, outcome):
                print(outcome.said)
    Console().print(_table(chosen, faces, outcomes))
    if not all(_is_whole(suite, outcomes[suite.name, face]) for suite in chosen for face in faces):
        sys.exit(1)


def _is_whole(suite: Suite, outcome: Outcome) -> bool:
    return outcome.failed == 0 and outcome.passed == suite.expected


def _table(chosen: list[Suite], faces: list[str], outcomes: dict[tuple[str, str], Outcome]) -> Table:
    table = Table(title="Passed of all, unmodified")
    table.add_column("Suite or client")
    for face in faces:
        table.add_column("the simulator" if face == "simulator" else "gateway, simulator", justify="right")
    for suite in chosen:
        cells = [outcomes[suite.name, face] for face in faces]
        table.add_row(suite.name, *(f"{cell.passed} of {suite.expected}" for cell in cells))
    return table


if __name__ == "__main__":
    main()
