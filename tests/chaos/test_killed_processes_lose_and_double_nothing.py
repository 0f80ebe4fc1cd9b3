"""A short run of the breaking machine with real processes, on each database; ``make chaos`` is the long one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from processes.breaking import Run, break_it
from processes.pace import Pace
from processes.plan import KILL, MPESA, STOP, Cast, Fault, draw
from processes.report import print_result
from services.postgres import PostgresServer, postgres_server

SEED = 20261128
LIGHT = Pace(pushes_per_s=4.0, payouts_per_s=1.0, collections_per_s=1.0, expire_s=60.0)
SECONDS = 18.0  # of a plan with ten kills and more; the load lasts until all of them have struck


@contextmanager
def own_server(database: str) -> Iterator[tuple[PostgresServer | None, str]]:
    """A server that may be killed, so not the one that other tests share."""
    if database == "sqlite":
        yield None, "sqlite:///wakala.db"
        return
    with postgres_server() as server:
        server.execute("CREATE DATABASE wakala")
        yield server, server.url("wakala")


@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
async def test_processes_that_die_under_load_lose_double_and_forget_nothing(database: str, tmp_path: Path) -> None:
    run = Run(database, SEED, SECONDS, tmp_path / "run", LIGHT, draw=with_a_stop_and_a_crash)
    with own_server(database) as (server, url):
        result = await break_it(run, server, url, Console(width=110))
    print_result(result, Console(width=110))
    assert not result.violations
    assert result.kills.total() >= 8
    assert result.kills["stop in order gateway"] >= 1
    assert result.kills["kill simulator"] >= 1
    assert result.others.total() >= 8
    assert result.paid
    assert result.told >= result.paid
    assert result.evidence.mpesa.calls
    assert not run.folder.exists()


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


FOUND = {
    "acknowledge-before-commit": (with_lost_answers, {"lost callback", "lost request"}),
    "skip-a-commit": (with_lost_answers, {"lost callback"}),
    "resend-on-unknown": (with_nothing_heard, {"doubled prompt"}),
    "forget-the-list": (with_nothing_confirmed, {"lost money"}),
    "stop-out-of-order": (with_a_stop, {"broke"}),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FOUND)
async def test_a_fault_planted_in_the_gateway_is_found(fault: str, tmp_path: Path) -> None:
    planted = Path(__file__).parents[2] / "chaos" / "processes" / "planted_gateway.py"
    program = (str(planted), "CONFIG", fault)
    plan, breaches = FOUND[fault]
    run = Run("sqlite", SEED, SECONDS, tmp_path / "run", LIGHT, program, plan, calm_spare_s=5.0)
    result = await break_it(run, None, "sqlite:///wakala.db", Console(width=110))
    print_result(result, Console(width=110))
    assert {violation.invariant.value for violation in result.violations} & breaches
    assert (run.folder / "evidence.json").exists()
    assert (run.folder / "journal-payments.jsonl").exists()
