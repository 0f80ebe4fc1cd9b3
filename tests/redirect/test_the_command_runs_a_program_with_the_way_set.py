"""``wakala redirect -- PROGRAM`` as a user types it."""

import json
import subprocess
import sys
from pathlib import Path

from redirect.test_a_fixed_host_is_answered_from_here import PYTHON


def wakala(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "wakala", "redirect", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_the_program_reaches_what_answers_and_its_exit_code_is_ours(tmp_path: Path, echo_url: str) -> None:
    program = PYTHON % "sandbox.safaricom.co.ke" + "\nraise SystemExit(7)"
    done = wakala("--port", "0", "--dir", str(tmp_path), "--to", echo_url, "--", sys.executable, "-c", program)
    assert done.returncode == 7, done.stderr
    status, told = json.loads(done.stdout)
    assert status == 201
    assert told["path"].startswith("/mpesa/stkpush/")


def test_nobody_behind_it_is_a_502_with_a_sentence(tmp_path: Path) -> None:
    program = PYTHON % "api.safaricom.co.ke"
    nobody = "http://127.0.0.1:1"
    done = wakala("--port", "0", "--dir", str(tmp_path), "--to", nobody, "--", sys.executable, "-c", program)
    assert done.returncode != 0
    assert "HTTP Error 502" in done.stderr


def test_a_missing_program_and_a_wrong_target_are_one_sentence(tmp_path: Path) -> None:
    done = wakala("--port", "0", "--dir", str(tmp_path), "--", "no-such-program-here")
    assert (done.returncode, done.stderr) == (1, "wakala: There is no program no-such-program-here.\n")
    done = wakala("--port", "0", "--dir", str(tmp_path), "--live", "https://example.com")
    assert done.stderr == "wakala: --live takes a plain http:// address on this machine, not https://example.com.\n"
