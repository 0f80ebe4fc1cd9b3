"""Whose `database.url` leads to somebody else's database restores nothing there: whatever stands in it stays."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from cli.conftest import Command
from services.postgres import PostgresServer

ROWS = "SELECT count(*) FROM orders"
MADE = "CREATE TABLE orders (id integer); INSERT INTO orders VALUES (1), (2)"


@pytest.fixture
def postgres_backup(
    wakala: Command, tmp_path: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> Path:
    assert wakala("init").code == 0
    with postgres_server.database() as url:
        monkeypatch.setenv("WAKALA__DATABASE__URL", url)
        assert wakala("migrate").code == 0
        assert wakala("backup", "backup").code == 0
    return tmp_path / "backup"


@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
def test_tables_of_a_shop_stay_whatever_is_said(
    wakala: Command,
    postgres_backup: Path,
    postgres_server: PostgresServer,
    monkeypatch: pytest.MonkeyPatch,
    force: tuple[str, ...],
) -> None:
    with postgres_server.database() as url:
        name = url.rpartition("/")[2]
        monkeypatch.setenv("WAKALA__DATABASE__URL", url)
        postgres_server.execute(MADE, database=name)
        ended = wakala("restore", str(postgres_backup), *force)
        assert ended.code == 1
        assert "not Wakala's (orders): let database.url name a database of its own." in ended.err
        assert postgres_server.execute(ROWS, database=name).strip() == "2"


def test_tables_of_a_shop_beside_ours_go_only_where_that_is_said(
    wakala: Command, postgres_backup: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server.database() as url:
        name = url.rpartition("/")[2]
        monkeypatch.setenv("WAKALA__DATABASE__URL", url)
        assert wakala("migrate").code == 0
        postgres_server.execute(MADE, database=name)
        refused = wakala("restore", str(postgres_backup))
        assert refused.code == 1
        assert "(orders): say --force, and they are gone with the rest." in refused.err
        assert postgres_server.execute(ROWS, database=name).strip() == "2"
        assert wakala("restore", str(postgres_backup), "--force").code == 0


def test_a_file_of_another_program_is_not_replaced(
    wakala: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wakala("init").code == 0
    assert wakala("backup", "backup").code == 0
    shop = sqlite3.connect(tmp_path / "shop.db")
    shop.executescript(MADE)
    monkeypatch.setenv("WAKALA__DATABASE__URL", "sqlite:///shop.db")
    ended = wakala("restore", "backup")
    assert ended.code == 1
    assert "not Wakala's (orders): let database.url name a database of its own." in ended.err
    assert shop.execute(ROWS).fetchall() == [(2,)]
    shop.close()


def test_a_new_database_takes_a_backup_without_more_ado(
    wakala: Command, postgres_backup: Path, postgres_server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_server.database() as url:
        monkeypatch.setenv("WAKALA__DATABASE__URL", url)
        assert wakala("restore", str(postgres_backup)).code == 0
        assert wakala("restore", str(postgres_backup)).code == 0, "nobody has worked with it yet"


def test_what_sqlite_keeps_for_itself_is_nobody_elses(wakala: Command, tmp_path: Path) -> None:
    assert wakala("init").code == 0
    assert wakala("backup", "backup").code == 0
    with closing(sqlite3.connect(tmp_path / "wakala.db")) as made:
        made.execute("ANALYZE")  # writes a table of its own
    assert wakala("restore", "backup").code == 0
