"""Whatever a disk or a copy over a network did to a backup is found before the database gives way to it."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cli.conftest import Command
from cli.test_an_installation_is_made_step_by_step import listed
from wakala.errors import ConfigurationError
from wakala.journal import archive, digest

Harm = Callable[[bytes], bytes]
NAME = "an-app-of-that-name"
"""On SQLite it stands in a row as it is, for no table of Wakala's is packed."""


@pytest.fixture(params=["sqlite", "postgres"])
def installed(wakala: Command, request: pytest.FixtureRequest) -> Command:
    """An installation with one app and a backup of it; what came later is a second app."""
    more = () if request.param == "sqlite" else ("--database-url", request.getfixturevalue("empty_postgres_url"))
    assert wakala("init", *more).code == 0
    assert wakala("app", "create", "--name", NAME).code == 0
    assert wakala("backup", "backup").code == 0
    assert wakala("app", "create", "--name", "later").code == 0
    return wakala


def apps(wakala: Command) -> list[str]:
    return sorted(one["Name"] for one in listed(wakala("app", "list", "--json")))


def is_sqlite(content: bytes) -> bool:
    return content.startswith(archive.SQLITE_MAGIC)


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


def in_a_row(content: bytes) -> bytes:
    place = content.find(NAME.encode()) if is_sqlite(content) else content.rindex(b"PGDMP") + len(content) // 2
    return flipped(content, place + 3)


def without_its_last_line(content: bytes) -> bytes:
    return content[: -digest.LINE_BYTES]


HARMS: dict[str, Harm] = {
    "in its head": lambda content: flipped(content, 95),
    "in its mark": lambda content: flipped(content, archive.MARKED.start),
    "in a row": in_a_row,
    "in the last of its content": lambda content: flipped(content, len(content) - digest.LINE_BYTES - 1),
    "at the beginning of its last line": lambda content: flipped(content, len(content) - digest.LINE_BYTES + 2),
    "in the digest": lambda content: flipped(content, len(content) - 60),
    "at the end of its last line": lambda content: flipped(content, len(content) - 2),
    "a byte short": lambda content: content[:-1],
    "short of all but the first byte of its last line": lambda content: content[: -digest.LINE_BYTES + 1],
    "cut in the middle": lambda content: content[: len(content) // 2],
    "a byte longer": lambda content: content + b"\n",
    "filled up to a block of a tape": lambda content: content + bytes(10_240 - len(content) % 10_240),
    "twice in a row": lambda content: content + content,
}


@pytest.mark.parametrize("harm", HARMS, ids=lambda name: name.replace(" ", "_"))
def test_a_backup_that_was_harmed_on_its_way_replaces_nothing(installed: Command, tmp_path: Path, harm: str) -> None:
    file = tmp_path / "backup"
    file.write_bytes(HARMS[harm](file.read_bytes()))
    for arguments in (("--check",), ("--force",)):
        refused = installed("restore", "backup", *arguments)
        assert refused.code == 1, refused.err
        assert "backup is damaged" in refused.err
        assert refused.err.count("\n") == 1
    assert apps(installed) == [NAME, "later"]


def test_a_backup_on_sqlite_that_lost_its_last_line_is_not_taken_for_an_older_ones(
    wakala: Command, tmp_path: Path
) -> None:
    """It begins where a page ends, which is where a copy that is cut short may end too."""
    assert wakala("init").code == 0
    assert wakala("backup", "backup").code == 0
    file = tmp_path / "backup"
    file.write_bytes(without_its_last_line(file.read_bytes()))
    refused = wakala("restore", "backup", "--force")
    assert refused.code == 1
    assert "backup is damaged: its end is missing" in refused.err


def test_a_backup_is_named_by_the_digest_that_sha256sum_shows(installed: Command, tmp_path: Path) -> None:
    shown = hashlib.sha256((tmp_path / "backup").read_bytes()).hexdigest()
    said = installed("backup", "another").err
    assert hashlib.sha256((tmp_path / "another").read_bytes()).hexdigest() in said
    told = json.loads(installed("backup", "again", "--json").out)
    assert told["SHA256"] == hashlib.sha256((tmp_path / "again").read_bytes()).hexdigest()
    looked = installed("restore", "backup", "--check")
    assert looked.code == 0
    assert shown in looked.err
    assert json.loads(installed("restore", "backup", "--check", "--json").out) == {
        "File": "backup",
        "Schema": told["Schema"],
        "SHA256": shown,
        "Checked": True,
        "Restored": False,
    }
    assert apps(installed) == [NAME, "later"]
    done = installed("restore", "backup", "--force", "--json")
    assert json.loads(done.out)["Restored"]
    assert done.err == ""
    assert apps(installed) == [NAME]


def test_a_backup_of_an_older_version_is_restored_and_said_to_be_unproven(installed: Command, tmp_path: Path) -> None:
    file = tmp_path / "backup"
    file.write_bytes(as_before(file.read_bytes()))
    for arguments in (("--check",), ("--check", "--json"), ("--force",)):
        done = installed("restore", "backup", *arguments)
        assert done.code == 0, done.err
        assert "backup has no digest: an older version wrote it, or its last line is gone." in done.err
    assert apps(installed) == [NAME]


def as_before(content: bytes) -> bytes:
    """As `wakala backup` wrote it before there was a digest."""
    body = bytearray(without_its_last_line(content))
    if is_sqlite(content):
        body[archive.MARKED] = bytes(4)
    return bytes(body)


def test_a_restored_database_does_not_claim_to_be_a_backup(wakala: Command, tmp_path: Path) -> None:
    """Who copies it by hand would be told that its end is missing."""
    assert wakala("init").code == 0
    assert wakala("backup", "backup").code == 0
    assert wakala("restore", "backup").code == 0
    assert (tmp_path / "backup").read_bytes()[archive.MARKED] == archive.MARK
    assert (tmp_path / "wakala.db").read_bytes()[archive.MARKED] == bytes(4)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_change_of_a_byte_no_cut_and_no_addition_goes_unnoticed(written: Path, data: st.DataObject) -> None:
    whole = (written / "backup").read_bytes()
    harmed = written / "harmed"
    place = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["change", "cut", "add"]))
    if kind == "change":
        mask = data.draw(st.integers(1, 255))
        harmed.write_bytes(whole[:place] + bytes([whole[place] ^ mask]) + whole[place + 1 :])
    elif kind == "cut":
        harmed.write_bytes(whole[:place])
    else:
        harmed.write_bytes(whole + data.draw(st.binary(min_size=1, max_size=5_000)))
    with pytest.raises(ConfigurationError):
        looked_into(harmed)
    assert looked_into(written / "backup").is_checked


def looked_into(file: Path) -> digest.Proof:
    """As a restore does it: what is left of a backup may be too short for a mark."""
    proof = archive.proven(file)
    archive.contents(file)
    return proof


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a backup of nothing much, as SQLite has it."""
    folder = tmp_path_factory.mktemp("written")
    source = apsw.Connection(str(folder / "source"))
    source.pragma("journal_mode", "wal")
    for table in ("migrations (number)", *(f"{name} (id, data_key, {column})" for name, column in archive.SEALED)):
        source.execute(f"CREATE TABLE {table}")
    source.execute("INSERT INTO migrations VALUES (1); CREATE TABLE kept AS SELECT hex(randomblob(5000)) AS text")
    archive.copy_sqlite(folder / "source", folder / "backup")
    source.close()
    digest.append(folder / "backup")
    return folder
