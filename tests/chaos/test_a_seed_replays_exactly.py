"""One seed, one history: to the last line, in this process and in any other."""

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chaos.histories import history
from virtual.time import VirtualLoop
from virtual.world import World

PROGRAM = Path(__file__).resolve().parents[2] / "chaos" / "simulate.py"


def told(*arguments: str, hash_seed: str = "0") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, PROGRAM, *arguments], capture_output=True, text=True, timeout=100, env=environment, check=False
    )


@pytest.mark.parametrize("seed", range(5))
def test_the_same_seed_gives_the_same_history(seed: int) -> None:
    assert history(seed).story.lines == history(seed).story.lines


def test_another_seed_gives_another_history() -> None:
    assert len({history(seed).digest for seed in range(5)}) == 5


@pytest.mark.parametrize("seed", [0, 7])
def test_another_process_gives_the_same_history(seed: int) -> None:
    here = history(seed).digest

    for hash_seed in ("1", "2"):
        found = told("--seed", str(seed), hash_seed=hash_seed)
        assert found.returncode == 0, found.stderr
        assert f"digest {here}" in found.stdout


def test_a_broken_seed_is_told_and_replays_as_a_story() -> None:
    many = told("--seeds", "3", "--jobs", "1", "--planted", "settle twice")
    assert many.returncode == 1, many.stderr
    seed = re.search(r"--trace --seed (\d+)", many.stdout)
    assert seed is not None, many.stdout

    one = told("--trace", "--seed", seed[1], "--planted", "settle twice")

    assert one.returncode == 1
    assert "BROKEN outcome told twice" in one.stdout
    assert re.search(r"^ +\d+\.\d{3}  gateway-0 listens$", one.stdout, re.MULTILINE)


def test_nothing_of_a_world_is_left_once_it_is_over() -> None:
    """Thousands are lived in one process: kept, each would make all after it slower."""
    for seed in range(3):
        history(seed)
    gc.collect()
    assert [one for one in gc.get_objects() if isinstance(one, World | VirtualLoop)] == []
