"""The simulator as a program of its own."""

import re
import subprocess
import sys
import urllib.request

import pytest

from wakala.simulator.main import main


def test_it_says_when_it_is_ready_and_ends_on_a_signal() -> None:
    command = [sys.executable, "-m", "wakala.simulator", "--port", "0", "--seed", "3", "--autopilot", "pay"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            line = program.stdout.readline()
            ready = re.fullmatch(r"M-Pesa simulator ready on (http://127\.0\.0\.1:\d+) \(seed 3\)\n", line)
            assert ready, line
            with urllib.request.urlopen(f"{ready[1]}/simulator/healthz", timeout=10) as answer:
                assert answer.status == 200
        finally:
            program.terminate()
        assert program.wait(10) in (0, -15)


def test_an_unknown_autopilot_is_refused_at_the_start(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--autopilot", "dance"])
    assert "is no outcome" in capsys.readouterr().err
