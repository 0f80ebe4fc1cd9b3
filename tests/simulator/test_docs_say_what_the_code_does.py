"""docs/simulator.md: its tables are drawn from the code, and what it says of the start is so."""

import re
from pathlib import Path

import pytest

from wakala.simulator import sandbox
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.main import main

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "simulator.md").read_text()


def test_every_shortcode_key_and_phone_of_the_start_is_named() -> None:
    world = Simulator(Start()).world
    names = {*world.shortcodes, *world.phones, sandbox.APP_KEY, sandbox.APP_SECRET, sandbox.INITIATOR_PASSWORD}
    assert [name for name in sorted(names) if name not in PAGE] == []


def test_every_option_that_is_named_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    known = {*re.findall(r"--[a-z-]+", capsys.readouterr().out)}
    assert {*re.findall(r"^\| `(--[a-z-]+)", PAGE, re.MULTILINE)} == known - {"--help", "--host"}
