"""SQLite takes whatever bears a database's name and -wal for its log; a backup has none."""

from pathlib import Path

import apsw
import pytest

from cli.conftest import Command


@pytest.fixture
def installed(wakala: Command) -> Command:
    assert wakala("init").code == 0
    assert wakala("app", "create", "--name", "shop").code == 0
    return wakala


def test_a_log_that_lies_beside_a_backup_is_no_part_of_it(installed: Command, tmp_path: Path) -> None:
    """As it is left where somebody has copied a database there by hand: SQLite would take it for the backup's own."""
    gateway = apsw.Connection(str(tmp_path / "wakala.db"))
    gateway.pragma("wal_autocheckpoint", 0)
    gateway.execute("UPDATE apps SET name = 'of the log'")
    (tmp_path / "backup-wal").write_bytes((tmp_path / "wakala.db-wal").read_bytes())
    gateway.execute("UPDATE apps SET name = 'of the backup'")
    assert installed("backup", "backup").code == 0
    gateway.close()
    assert installed("restore", "backup", "--force").code == 0
    found = apsw.Connection(str(tmp_path / "wakala.db")).execute("SELECT name FROM apps").fetchall()
    assert found == [("of the backup",)]
    assert not (tmp_path / "backup-shm").exists()


def test_a_database_that_was_set_aside_with_its_log_is_restored_with_it(installed: Command, tmp_path: Path) -> None:
    """`wakala.db.replaced` is how a restore is taken back."""
    gateway = apsw.Connection(str(tmp_path / "wakala.db"))
    gateway.pragma("wal_autocheckpoint", 0)
    gateway.execute("UPDATE apps SET name = 'of the log'")
    for ending in ("", "-wal"):
        (tmp_path / f"wakala.db.replaced{ending}").write_bytes((tmp_path / f"wakala.db{ending}").read_bytes())
    gateway.execute("UPDATE apps SET name = 'later'")
    gateway.close()
    assert installed("restore", "wakala.db.replaced", "--force").code == 0
    found = apsw.Connection(str(tmp_path / "wakala.db")).execute("SELECT name FROM apps").fetchall()
    assert found == [("of the log",)]
