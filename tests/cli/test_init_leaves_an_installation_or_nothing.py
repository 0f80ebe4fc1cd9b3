"""`wakala init` ends with an installation that is on the disk, or with nothing that keeps the next try from one."""

import json
import os
import tomllib
from pathlib import Path

import pytest

from cli.conftest import Command
from journal.test_a_spill_keeps_what_it_acknowledged import no_file_longer_than
from wakala.config import load


def files_in(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir()}


def test_a_database_that_cannot_be_made_leaves_no_installation(wakala: Command, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("a file, no folder")
    refused = wakala("init", "here", "--database-url", f"sqlite:///{tmp_path}/there/wakala.db")
    assert refused.code == 1
    assert files_in(tmp_path / "here") == set()
    assert wakala("init", "here").code == 0


@pytest.mark.parametrize("limit_bytes", [10, 100], ids=["for_the_key", "for_the_configuration"])
def test_a_disk_without_room_leaves_no_installation(wakala: Command, tmp_path: Path, limit_bytes: int) -> None:
    with no_file_longer_than(limit_bytes):
        refused = wakala("init", "here")
    assert refused.code == 1
    assert refused.err.startswith("wakala: here/wakala.")
    assert files_in(tmp_path / "here") == set()
    assert wakala("init", "here").code == 0


def test_who_stops_it_half_way_finds_no_installation(wakala: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(_path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as planted:
        planted.setattr("wakala.cli.commands.load", stopped)
        assert wakala("init", "here").code == 130
    assert wakala("init", "here").code == 0


def test_the_key_is_on_the_disk_before_anything_can_be_sealed_with_it(
    wakala: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database is synced with every commit: where the power fails, a key that is not would be gone alone."""
    synced: list[str] = []
    honest = os.fsync

    def sync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(path.name if path.is_file() and path.read_text() else "folder")
        honest(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    assert wakala("init").code == 0
    assert synced == ["wakala.key", "folder", "wakala.toml", "folder"]


@pytest.mark.parametrize("value", ['https://x.example/"y"', "https://x.example/a\\b", "https://x.example/{a}"])
def test_what_is_given_to_init_stands_in_the_configuration_as_it_was_given(
    wakala: Command, tmp_path: Path, value: str
) -> None:
    done = wakala("init", "--public-url", value, "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["Configuration"] == "wakala.toml"
    assert tomllib.loads((tmp_path / "wakala.toml").read_text())["server"]["public_url"] == value
    assert load(tmp_path / "wakala.toml").server.public_url == value
