"""Links are followed, what is no file is left alone, and nobody's file is taken for a half-written one of ours."""

import asyncio
import os
import socket
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Command
from journal.test_a_spill_keeps_what_it_acknowledged import no_file_longer_than
from services.programs import WAKALA, command, environment
from services.waiting import until
from wakala.journal import archive


@pytest.fixture
def installed(wakala: Command) -> Command:
    assert wakala("init").code == 0
    assert wakala("app", "create", "--name", "shop").code == 0
    return wakala


def is_backup(file: Path) -> bool:
    return file.is_file() and archive.proven(file).is_checked


@pytest.mark.timeout(30)  # who opens a pipe waits for somebody at its other end
@pytest.mark.parametrize("force", [(), ("--force",)], ids=["", "force"])
@pytest.mark.parametrize("kind", ["pipe", "socket"])
def test_what_is_no_file_is_not_written_over(
    installed: Command, tmp_path: Path, kind: str, force: tuple[str, ...]
) -> None:
    """Root may put a file in the place of /dev/null, and then nobody else has one."""
    place = tmp_path / kind
    if kind == "pipe":
        os.mkfifo(place)
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(place))
    before = place.stat()
    ended = installed("backup", kind, *force)
    assert ended.code == 1
    assert f"{kind} is a pipe or a device: name a file" in ended.err
    assert place.stat() == before


@pytest.mark.parametrize("is_there", [True, False], ids=["an_older_backup", "nothing_yet"])
def test_a_link_is_followed_to_where_it_leads(installed: Command, tmp_path: Path, is_there: bool) -> None:
    (tmp_path / "far").mkdir()
    latest, target = tmp_path / "latest", tmp_path / "far" / "backup"
    latest.symlink_to("far/backup")
    if is_there:
        assert installed("backup", "far/backup").code == 0
        assert installed("backup", "latest").code == 1
    done = installed("backup", "latest", *(["--force"] if is_there else []))
    assert done.code == 0, done.err
    assert latest.is_symlink()
    assert is_backup(target)
    assert sorted(one.name for one in target.parent.iterdir()) == ["backup"]


def test_a_link_that_leads_to_no_folder_is_told_so_and_stays(installed: Command, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("not/mounted/backup")
    ended = installed("backup", "latest")
    assert ended.code == 1
    assert f"There is no folder {tmp_path}/not/mounted: make it first" in ended.err
    assert (tmp_path / "latest").is_symlink()


def test_a_file_that_looks_like_a_half_written_backup_is_left_alone(installed: Command, tmp_path: Path) -> None:
    """It may be one that another command is writing at this moment."""
    beside = [tmp_path / f"backup.partial{ending}" for ending in ("", "-wal", "-shm", "-journal")]
    for file in beside:
        file.write_text("of somebody else")
    assert installed("backup", "backup").code == 0
    assert {file.read_text() for file in beside} == {"of somebody else"}
    assert is_backup(tmp_path / "backup")


def test_a_disk_that_is_full_at_the_last_line_is_told_by_the_name_that_was_given(
    installed: Command, tmp_path: Path
) -> None:
    (tmp_path / "backups").mkdir()
    with no_file_longer_than((tmp_path / "wakala.db").stat().st_size + 10):
        ended = installed("backup", "backups/backup")
    assert ended.code == 1
    assert ended.err == "wakala: backups/backup: File too large\n"
    assert list((tmp_path / "backups").iterdir()) == []


def test_a_name_that_another_backup_took_meanwhile_is_left_to_it(
    installed: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = archive.publish

    def second(*given: Any, **more: Any) -> None:
        (tmp_path / "backup").write_text("of the first")
        honest(*given, **more)

    monkeypatch.setattr(archive, "publish", second)
    refused = installed("backup", "backup")
    assert refused.code == 1
    assert "backup exists already: choose another name, or say --force" in refused.err
    assert (tmp_path / "backup").read_text() == "of the first"
    assert [one.name for one in tmp_path.iterdir() if "partial" in one.name] == []


async def test_a_backup_that_is_ended_in_order_leaves_nothing_half_written(tmp_path: Path) -> None:
    """By `timeout` or a service manager: one as large as the database each night would fill the disk."""
    assert (await command("init", str(tmp_path / "here"))).code == 0
    settings = tmp_path / "here" / "wakala.toml"
    settings.write_text(settings.read_text().replace("sqlite:///wakala.db", "postgresql://127.0.0.1/wakala"))
    endless = tmp_path / "programs" / "pg_dump"
    endless.parent.mkdir()
    endless.write_text("#!/bin/sh\nexec sleep 600\n")
    endless.chmod(0o700)
    (tmp_path / "backups").mkdir()
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, *WAKALA, "-c", str(settings), "backup", str(tmp_path / "backups" / "backup")),
        env=environment({}) | {"PATH": f"{endless.parent}:{os.environ['PATH']}"},
    )
    await until(lambda: any((tmp_path / "backups").iterdir()), "the beginning of a backup")
    program.terminate()
    assert await asyncio.wait_for(program.wait(), 30) == 143
    assert list((tmp_path / "backups").iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "pipe"])
def test_what_is_no_file_is_not_restored(installed: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    ended = installed("restore", name, "--force")
    assert ended.code == 1
    assert f"{name} is no file: give one that `wakala backup` wrote" in ended.err


def test_what_is_written_is_for_its_owner_alone(installed: Command, tmp_path: Path) -> None:
    os.umask(0o000)
    assert installed("backup", "backup").code == 0
    assert installed("restore", "backup", "--force").code == 0
    for name in ("backup", "wakala.db", "wakala.db.replaced", "wakala.db.lock", "wakala.key", "wakala.toml"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600, name
