"""Programs of these tests that need a network to themselves."""

import os
import subprocess
from pathlib import Path

import pytest

from processes import islands

ROOT = Path(__file__).parents[2]
needs_islands = pytest.mark.skipif(
    not islands.may_be_made(), reason="network namespaces need Linux, root, iproute2 and util-linux"
)


def run_there(program: str, *arguments: str, limit_s: float) -> str:
    """What it printed; its errors are in the test's own output."""
    paths = os.pathsep.join(str(ROOT / folder) for folder in ("src", "tests", "chaos"))
    command = islands.on_the_mainland([str(Path(__file__).with_name(program)), *arguments])
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=limit_s, env=environment)
    print(done.stderr)
    assert done.returncode == 0
    return done.stdout
