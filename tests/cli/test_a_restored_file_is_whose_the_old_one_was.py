"""A restore by root leaves the database to the account of the gateway, which could not start on one of root's."""

import os
from pathlib import Path

import pytest

from cli.conftest import Command

NOBODY = 65_534


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file to another account")
@pytest.mark.parametrize("name", ["wakala.db", "wakala.db.replaced"])
def test_what_root_restores_belongs_to_the_account_of_the_gateway(wakala: Command, tmp_path: Path, name: str) -> None:
    assert wakala("init").code == 0
    assert wakala("backup", "backup").code == 0
    os.chown(tmp_path / "wakala.db", NOBODY, NOBODY)
    assert wakala("restore", "backup", "--force").code == 0
    found = (tmp_path / name).stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (NOBODY, NOBODY, 0o600)
