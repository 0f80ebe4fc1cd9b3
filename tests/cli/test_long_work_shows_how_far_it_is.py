"""A database of years takes minutes to copy: who waits for it sees that something happens, and how far it is."""

import re
from pathlib import Path

import pytest

from cli.conftest import Command
from cli.terminal import typed

WORK = ("Copying", "Reading", "Putting")


@pytest.fixture(params=["sqlite", "postgres"])
def kind(wakala: Command, request: pytest.FixtureRequest) -> str:
    """An installation with an app, on one of the databases."""
    kind = str(request.param)
    more = () if kind == "sqlite" else ("--database-url", request.getfixturevalue("empty_postgres_url"))
    assert wakala("init", *more).code == 0
    assert wakala("app", "create", "--name", "shop").code == 0
    return kind


def test_a_terminal_shows_what_is_done_and_how_large_the_copy_is(kind: str, tmp_path: Path) -> None:
    screen, code = typed(tmp_path, ("backup", "first.backup"), {})
    assert code == 0, screen
    assert "Copying the database to first.backup" in screen
    assert "Reading first.backup for its digest" in screen
    size = r"\d+\.\d of \d+\.\d MiB" if kind == "sqlite" else r"\d+\.\d MiB"
    assert re.search(size, screen), screen
    assert "Wrote first.backup: " in screen.splitlines()[-3]
    screen, code = typed(tmp_path, ("restore", "first.backup", "--force"), {})
    assert code == 0, screen
    assert "Reading first.backup, whether it is whole" in screen
    assert ("Copying first.backup beside the database" in screen) is (kind == "sqlite")
    assert ("Putting first.backup into the database" in screen) is (kind == "postgres")
    assert "Restored first.backup." in screen.splitlines()[-1]


@pytest.mark.usefixtures("kind")
def test_a_log_or_a_program_is_told_the_end_alone(wakala: Command) -> None:
    wrote = wakala("backup", "first.backup")
    put_back = wakala("restore", "first.backup", "--force")
    assert (wrote.code, put_back.code) == (0, 0)
    for ended in (wrote, put_back):
        assert not [word for word in WORK if word in ended.err], ended.err
        assert "\x1b" not in ended.err
