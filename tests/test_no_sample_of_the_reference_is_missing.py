"""All of M-Pesa's samples are here, each is read by some test, and what is not read says why."""

import json
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
INDEX: list[dict[str, Any]] = json.loads((TESTS / "samples" / "daraja_index.json").read_text())
WIRE = [TESTS / "wire" / "samples" / folder for folder in ("commands", "daraja")]
SIMULATOR = TESTS / "simulator" / "samples"

# The wire's tests read whole folders, and hold that an index lists each. The simulator's tests read theirs by name.
NOT_MET = {
    "org_statement_preamble.json": "statements are read by reconciliation, which is work of its own",
    "org_statement_sample.csv": "statements are read by reconciliation, which is work of its own",
}


def test_the_reference_has_as_many_as_it_says() -> None:
    assert len(INDEX) == 225  # 223 payloads, and the two files of a statement


@pytest.mark.parametrize("name", [row["file"] for row in INDEX])
def test_a_sample_is_met_by_a_test(name: str) -> None:
    in_wire = any((folder / name).exists() for folder in WIRE)
    in_simulator = (SIMULATOR / name).exists()
    assert (in_wire or in_simulator) != (name in NOT_MET), name
    if in_simulator and not in_wire:
        sources = "".join(file.read_text() for file in (TESTS / "simulator").glob("*.py"))
        assert name.removesuffix(".json") in sources, f"{name} is copied and read by nobody"


def test_one_sample_says_one_thing_wherever_it_lies() -> None:
    for row in INDEX:
        copies = {(folder / row["file"]) for folder in (*WIRE, SIMULATOR) if (folder / row["file"]).exists()}
        assert len({copy.read_bytes() for copy in copies}) <= 1, row["file"]
