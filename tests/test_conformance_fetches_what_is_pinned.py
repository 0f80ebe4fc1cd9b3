"""What others wrote is fetched by version and hash, from wherever this machine's clients fetch."""

import json
import re
from pathlib import Path

import packages
from suites import SUITES, _count

CONFORMANCE = Path(__file__).resolve().parents[1] / "conformance"


def test_every_python_package_is_pinned_with_a_hash() -> None:
    lock = (CONFORMANCE / "requirements.lock").read_text()
    pinned = re.findall(r"^([a-z0-9._-]+)==\S+ \\\n    --hash=sha256:", lock, re.MULTILINE)
    assert {"daraja-sdk-py", "daraja-v3", "mpesa-sdk", "noriapay", "pesa-cli"} <= set(pinned)
    assert len(pinned) == len(re.findall(r"^[a-z0-9._-]+==", lock, re.MULTILINE))


def test_every_node_package_is_pinned_with_a_hash_and_without_an_address() -> None:
    text = (CONFORMANCE / "node" / "package-lock.json").read_text()
    assert "://" not in text
    lock = json.loads(text)["packages"]
    others = {name: entry for name, entry in lock.items() if name not in {"", "ngrok", "node_modules/ngrok"}}
    assert "node_modules/mpesa-node" in others
    assert all(entry["integrity"].startswith("sha512-") or "sha1-" in entry["integrity"] for entry in others.values())
    assert not [name for name, entry in others.items() if "resolved" in entry]


def test_one_packages_lines_of_a_lock_file_are_found() -> None:
    lock = "a==1 \\\n    --hash=sha256:1\nbb==2 \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\nc==3\n"
    assert packages._lines_of("bb", lock) == "bb==2 \\\n    --hash=sha256:2 \\\n    --hash=sha256:3\n"


def test_the_last_count_of_a_runner_is_the_one_that_counts() -> None:
    assert _count(r"(\d+) passed", "1 passed\n== 21 passed in 3s ==") == 21
    assert _count(r"(\d+) failed", "21 passed") == 0


def test_every_suite_says_how_many_it_has() -> None:
    assert sum(suite.expected for suite in SUITES) == 76
