"""The cables of a chaos run's networks: what is sent through a broken one is gone, and in which direction."""

import json

from chaos.mainland import needs_islands, run_there
from processes.islands import Way
from processes.plan import DEAF, MUTE, PULLS, SILENT, UNPLUGGED

EXPECTED = {  # what the island hears, what the mainland hears
    UNPLUGGED: (["unreachable", "whole"], ["whole"]),
    SILENT: (["whole"], ["whole"]),
    DEAF: (["whole"], ["broken", "whole"]),
    MUTE: (["broken", "whole"], ["whole"]),
}


@needs_islands
def test_every_cable_loses_what_its_break_says_and_is_whole_afterwards() -> None:
    seen = json.loads(run_there("crossing.py", limit_s=100))
    assert list(seen) == [f"cable of gateway-0 to {way}" for way in Way]
    for cable, by_mode in seen.items():
        heard = {mode: (by_mode[mode]["island"], by_mode[mode]["mainland"]) for mode in PULLS}
        assert heard == EXPECTED, cable


@needs_islands
def test_a_run_on_the_other_database_finds_its_networks_as_the_first_did() -> None:
    assert run_there("settling.py", limit_s=100).splitlines() == ["run 0", "run 1"]
