"""PostgreSQL before 15 is refused with a sentence, by whatever command meets it, before anything is written.

No such server is at hand: what is too old is moved to one above the server that is.
"""

import re

import pytest

from cli.conftest import Command
from services.postgres import PostgresServer
from wakala.journal import postgres
from wakala.journal.postgres import OLDEST_MAJOR, too_old


@pytest.mark.parametrize("version", [90_603, 130_023, 140_000, 149_999])
def test_the_sentence_names_what_is_there_and_what_is_needed(version: int) -> None:
    sentence = too_old(version)
    assert f"PostgreSQL {version // 10_000} is too old" in sentence
    assert f"needs {OLDEST_MAJOR} or newer" in sentence


@pytest.mark.parametrize("version", [150_000, 150_018, 170_002, 200_000])
def test_what_is_new_enough_is_passed_over(version: int) -> None:
    assert too_old(version) == ""


def test_every_command_that_opens_it_says_so_and_writes_nothing(
    wakala: Command, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server.database() as url:
        assert wakala("init").code == 0
        monkeypatch.setenv("WAKALA__DATABASE__URL", url)
        monkeypatch.setattr(postgres, "OLDEST_MAJOR", 99)
        made = wakala("init", "there", "--database-url", url)
        migrated, served, listed = wakala("migrate"), wakala("serve", "--port", "1"), wakala("requests")
        for ended in (made, migrated, served, listed):
            assert ended.code == 1
            assert re.fullmatch(r"wakala: PostgreSQL \d+ is too old for Wakala, which needs 99 .*\n", ended.err)
        looked = wakala("doctor")
        assert looked.code == 1
        assert re.search(r"database +✗ wrong +PostgreSQL \d+ is too old", looked.out)
        monkeypatch.setattr(postgres, "OLDEST_MAJOR", OLDEST_MAJOR)
        assert "0001_first" in wakala("migrate").err
