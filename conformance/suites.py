"""Each suite or client of others: how it is run, and how many of its tests or operations passed."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from packages import HERE, Packages
from town import NODE_INITIATOR, NODE_SHORTCODE, SHORTCODE, Town

from wakala.simulator import sandbox

LIMIT_S = 300


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of one suite: how many passed of how many there are, and its own words."""

    passed: int
    failed: int
    said: str

    @property
    def total(self) -> int:
        """All that ran."""
        return self.passed + self.failed


@dataclass(frozen=True, slots=True)
class Suite:
    """``expected`` is how many tests it has; a client's driver has as many as the client has operations."""

    name: str
    expected: int
    run: Callable[[Packages, Town, Mapping[str, str]], Outcome]


def mpesa_node(packages: Packages, town: Town, redirected: Mapping[str, str]) -> Outcome:
    """Safaricom's own package: the integration tests that lie inside it, by its own test runner."""
    home = packages.node_modules / "mpesa-node"
    mocha = packages.node_modules / "mocha" / "bin" / "mocha"
    tests = sorted(str(path.relative_to(home)) for path in (home / "tests" / "integrations").glob("*.js"))
    keys = {"CONSUMER_KEY": town.consumer_key, "CONSUMER_SECRET": town.consumer_secret}
    numbers = {"SHORTCODE": NODE_SHORTCODE, "INITIATOR_NAME": NODE_INITIATOR}
    said = _run(["node", str(mocha), "--exit", "--no-colors", *tests], home, {**redirected, **keys, **numbers})
    return Outcome(_count(r"(\d+) passing", said), _count(r"(\d+) failing", said), said)


def daraja_sdk_py(packages: Packages, town: Town, redirected: Mapping[str, str]) -> Outcome:
    """The integration tests of its sdist, by pytest."""
    keys = {
        "MPESA_CONSUMER_KEY": town.consumer_key,
        "MPESA_CONSUMER_SECRET": town.consumer_secret,
        "MPESA_PASSKEY": sandbox.PASSKEY,
        "MPESA_SHORTCODE": SHORTCODE,
        "MPESA_PHONE": sandbox.CUSTOMER_MSISDN,
        "MPESA_INITIATOR_NAME": sandbox.INITIATORS[0],
        "MPESA_INITIATOR_PASSWORD": sandbox.INITIATOR_PASSWORD,
    }
    tests = ["tests/integration/test_sandbox.py"]
    command = [str(packages.python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    said = _run(command, packages.sdist, {**redirected, **keys})
    failed = _count(r"(\d+) failed", said) + _count(r"(\d+) error", said) + _count(r"(\d+) skipped", said)
    return Outcome(_count(r"(\d+) passed", said), failed, said)


def python_client(driver: str) -> Callable[[Packages, Town, Mapping[str, str]], Outcome]:
    """A client of Python, with a driver of ours that does each of its operations."""

    def run(packages: Packages, town: Town, redirected: Mapping[str, str]) -> Outcome:
        told = {**town.variables(), "RECEIPT": _receipt(town), "PESA_CONFIG": str(packages.sdist / "pesa.json")}
        return _driven([str(packages.python), str(HERE / "drivers" / driver)], {**redirected, **told})

    return run


def mpesa_api(packages: Packages, town: Town, redirected: Mapping[str, str]) -> Outcome:
    """A client of Node, whose own https module asks no proxy."""
    told = {**town.variables(), "RECEIPT": _receipt(town), "NODE_PATH": str(packages.node_modules)}
    return _driven(["node", str(HERE / "drivers" / "drive_mpesa_api.js")], {**redirected, **told})


SUITES = (
    Suite("mpesa-node 0.1.3, its tests", 15, mpesa_node),
    Suite("daraja-sdk-py 2.0.0, its tests", 21, daraja_sdk_py),
    Suite("mpesa-sdk 2.0.0", 10, python_client("drive_mpesa_sdk.py")),
    Suite("daraja-v3 0.2.1", 5, python_client("drive_daraja_v3.py")),
    Suite("noriapay 0.1.1", 10, python_client("drive_noriapay.py")),
    Suite("pesa-cli 1.0.3", 7, python_client("drive_pesa_cli.py")),
    Suite("mpesa-api 3.0.2", 8, mpesa_api),
)


def _receipt(town: Town) -> str:
    """Of a payment that can be asked after and reversed."""
    return str(town.simulator.pay(SHORTCODE, 10, account="INV-0")["receipt"])


def _driven(command: list[str], environment: Mapping[str, str]) -> Outcome:
    said = _run(command, Path.cwd(), environment)
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"operation"')]
    passed = sum(line["ok"] for line in lines)
    return Outcome(passed, len(lines) - passed, said)


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> str:
    theirs = {name: value for name, value in os.environ.items() if not name.startswith(("WAKALA", "MPESA", "PYTHON"))}
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**theirs, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired as late:
        return f"{late.stdout or ''}\nIt did not end within {LIMIT_S} s."
    return done.stdout


def _count(pattern: str, said: str) -> int:
    found = re.findall(pattern, said)
    return int(found[-1]) if found else 0
