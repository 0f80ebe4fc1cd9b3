"""Every page, or part of one, that a script draws from the code is as it would be drawn now."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BY_RUNNING = {"draw_broker.py"}  # it draws what a gateway says in a run, with new IDs each time
SCRIPTS = sorted({path.name for path in (ROOT / "scripts").glob("draw_*.py")} - BY_RUNNING)


def test_there_are_such_scripts() -> None:
    assert len(SCRIPTS) >= 5


@pytest.mark.parametrize("script", SCRIPTS)
def test_the_page_is_what_the_code_says(script: str) -> None:
    drawn = subprocess.run(
        [sys.executable, f"scripts/{script}", "--check"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        check=False,
        capture_output=True,
        text=True,
    )
    assert drawn.returncode == 0, drawn.stdout + drawn.stderr
