"""A short run of the breaking machine with real processes, on each database; ``make chaos`` is the long one."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from chaos import short_run
from chaos.mainland import needs_islands, run_there
from chaos.short_run import LIGHT, SECONDS, SEED
from processes import islands
from processes.breaking import Run, break_it
from processes.plan import PULLS
from processes.report import print_result
from processes.store import own_database


@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite"] if islands.may_be_made() else ["sqlite", "postgresql"])
async def test_processes_that_die_under_load_lose_double_and_forget_nothing(database: str, tmp_path: Path) -> None:
    run = Run(database, SEED, SECONDS, tmp_path / "run", LIGHT, draw=short_run.with_a_stop_and_a_crash)
    with own_database(database) as (server, url):
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


@pytest.mark.timeout(600)
@needs_islands
def test_processes_whose_networks_are_cut_lose_double_and_forget_nothing(tmp_path: Path) -> None:
    """Each gateway has cables to those it talks to, and the kernel loses what is sent through a broken one."""
    folder = tmp_path / "run"
    result = json.loads(run_there("short_run.py", "postgresql", str(folder), limit_s=500))
    assert not result["violations"]
    assert result["kills"] >= 8
    assert result["load"]["told"] >= result["load"]["paid"] > 0
    assert all(result["other_faults_by_kind"][f"cable: {mode}"] for mode in PULLS)
    assert not folder.exists()


# What such a gateway leaves open is waited for to the end, so that comes sooner.
SHORT = replace(LIGHT, expire_s=30.0)
FOUND = {
    "acknowledge-before-commit": (short_run.with_lost_answers, {"lost callback", "lost request"}),
    "skip-a-commit": (short_run.with_lost_answers, {"lost callback"}),
    "resend-on-unknown": (short_run.with_nothing_heard, {"doubled prompt"}),
    "forget-the-list": (short_run.with_nothing_confirmed, {"lost money"}),
    "stop-out-of-order": (short_run.with_a_stop, {"broke"}),
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("fault", FOUND)
async def test_a_fault_planted_in_the_gateway_is_found(fault: str, tmp_path: Path) -> None:
    planted = Path(__file__).parents[2] / "chaos" / "processes" / "planted_gateway.py"
    program = (str(planted), "CONFIG", fault)
    plan, breaches = FOUND[fault]
    run = Run("sqlite", SEED, SECONDS, tmp_path / "run", SHORT, program, plan, calm_spare_s=5.0)
    result = await break_it(run, None, "sqlite:///wakala.db", Console(width=110))
    print_result(result, Console(width=110))
    assert {violation.invariant.value for violation in result.violations} & breaches
    assert (run.folder / "evidence.json").exists()
    assert (run.folder / "journal-payments.jsonl").exists()
