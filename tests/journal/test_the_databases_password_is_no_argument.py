"""Whoever lists the processes of the machine during a backup does not see the database's password."""

from pathlib import Path

import pytest

from wakala.config import load
from wakala.errors import LooseSecretError
from wakala.journal import archive

TELLS_WHAT_IT_IS_GIVEN = """#!/bin/sh
echo "$@" > "$0.arguments"
echo "$PGPASSWORD" > "$0.password"
"""
# As libpq and asyncpg take it; an at sign in it is written %40.
URLS = {
    "postgresql://wakala:hush%40hush@db.example/wakala": "postgresql://wakala@db.example/wakala",
    "postgresql://db.example/wakala?user=wakala&password=hush%40hush&sslmode=require": (
        "postgresql://db.example/wakala?user=wakala&sslmode=require"
    ),
    "postgresql:///wakala?host=/run/postgresql&user=wakala&password=hush%40hush": (
        "postgresql:///wakala?host=/run/postgresql&user=wakala"
    ),
}


@pytest.mark.parametrize("url", URLS)
def test_the_password_goes_by_the_environment(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "pg_dump"
    program.write_text(TELLS_WHAT_IT_IS_GIVEN)
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")

    archive.dump_postgres(url, tmp_path / "backup")

    arguments = (tmp_path / "pg_dump.arguments").read_text().split()
    assert f"--dbname={URLS[url]}" in arguments
    assert not any("hush" in argument for argument in arguments)
    assert (tmp_path / "pg_dump.password").read_text() == "hush@hush\n"


@pytest.mark.parametrize("url", URLS)
def test_a_file_with_the_password_that_others_may_read_is_refused(url: str, tmp_path: Path) -> None:
    path = tmp_path / "wakala.toml"
    path.write_text(f'[database]\nurl = "{url}"\n')
    path.chmod(0o644)
    with pytest.raises(LooseSecretError, match="password"):
        load(path)
    path.chmod(0o600)
    assert load(path).database.url == url
