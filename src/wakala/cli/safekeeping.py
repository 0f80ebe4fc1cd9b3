"""`wakala backup` and `wakala restore`: the whole database in one file, and back."""

import os
import secrets
import shutil
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from wakala.cli.context import CONTEXT, MIB_BYTES, Json, print_json, run, say
from wakala.config import Settings, master_key
from wakala.errors import ConfigurationError, DatabaseFaultError

if TYPE_CHECKING:
    from wakala.journal.database import Database
    from wakala.journal.digest import Proof

SIGNALLED = 128  # as a shell tells of a signal by an exit code
OTHERS_SHOWN = 3  # of the tables that are not ours: enough to see whose they are


def backup(
    file: Annotated[Path, typer.Argument(help="Where the backup goes: one file, readable by you alone.")],
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
    json_output: Json = False,
) -> None:
    """Copy the whole database into one file while the gateway runs.

    THE KEY FILE (wakala.key) IS NOT IN IT. Without the key no stored secret can be read: keep a copy of it in another
    place than the backups, for whoever has both has everything.
    """
    settings = CONTEXT.settings()
    if file.is_symlink():
        file = Path(os.path.realpath(file))  # it stays, and what it leads to is written
    _require_free(settings, file, force=force)
    partial = file.with_name(f"{file.name}.{secrets.token_hex(4)}.partial")  # nobody's, nor another backup's under way
    with _ended_in_order():
        schema, sha256 = _copied(settings, partial, file, force=force)
    size_bytes = file.stat().st_size
    if json_output:
        made = {"File": str(file), "Bytes": size_bytes, "Schema": schema, "SHA256": sha256}
        print_json(made | {"KeyFile": str(settings.key_path)})
    else:
        say(f"Wrote {file}: {size_bytes / MIB_BYTES:.1f} MiB, schema {schema}.")
        say(f"SHA-256 {sha256}, as sha256sum shows it: a note of it elsewhere tells this file from any other.")
        say(f"The key file is NOT in it: keep a copy of {settings.key_path} in another place. No secret opens without.")


def _require_free(settings: Settings, file: Path, *, force: bool) -> None:
    """A name that is nobody's, or that of a backup to write over: never that of a key, or of the database's log."""
    from wakala.journal import archive  # noqa: PLC0415 - keeps --help quick

    if settings.sqlite_path is not None and file.resolve() in archive.files_of(settings.sqlite_path):
        raise ConfigurationError(f"{file} is the database itself: choose another name.")
    if not file.parent.is_dir():
        raise ConfigurationError(f"There is no folder {file.parent}: make it first, readable by you alone.")
    if file.is_dir():
        raise ConfigurationError(f"{file} is a folder: name a file in it.")
    if file.exists() and not file.is_file():
        raise ConfigurationError(f"{file} is a pipe or a device: name a file.")
    if file.exists() and not force:
        raise _taken(file)
    if file.exists() and not archive.may_give_way(file):
        raise ConfigurationError(f"{file} is no backup, so not even --force writes over it: choose another name.")


def _taken(file: Path) -> ConfigurationError:
    return ConfigurationError(f"{file} exists already: choose another name, or say --force.")


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """SIGTERM, by `timeout` or a service manager, ends it as Ctrl-C does: what is half written is removed."""

    def end(number: int, _frame: FrameType | None) -> None:
        sys.exit(SIGNALLED + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _copied(settings: Settings, partial: Path, target: Path, *, force: bool = False) -> tuple[int, str]:
    """Write the file; its schema's number and its SHA-256. What fails leaves nothing behind."""
    from wakala.cli.progress import shown  # noqa: PLC0415 - keeps --help quick
    from wakala.journal import archive, digest  # noqa: PLC0415

    try:
        path = settings.sqlite_path
        if path is not None and not path.exists():
            raise ConfigurationError(f"There is no database at {path}: nothing to back up.")
        with shown(f"Copying the database to {target}", partial, path):
            if path is None:
                archive.dump_postgres(settings.database.url, partial)
            else:
                archive.copy_sqlite(path, partial)
        with shown(f"Reading {target} for its digest"):
            schema = archive.contents(partial).schema
            sha256 = digest.append(partial)
        archive.publish(partial, target, over=force)
    except FileExistsError as error:
        raise _taken(target) from error
    except OSError as error:
        error.filename = target  # the half-written one has a name that nobody gave, and a failed write names none
        raise
    finally:
        archive.remove_sqlite(partial)
    return schema, sha256


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `wakala backup` wrote.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a database that is in use.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Only look whether it could be restored here.")] = False,
    json_output: Json = False,
) -> None:
    """Put a backup in the place of the database. No gateway may run on it meanwhile.

    The key file (wakala.key) must be the one of the installation that was backed up. Nothing is sent again: what was
    open at the time of the backup is asked about. What was accepted AFTER the backup is not known here any more: find
    it by M-Pesa's statement before you let anybody repeat it.
    """
    settings = CONTEXT.settings()
    if not file.exists():
        raise ConfigurationError(f"There is no file {file}.")
    if not file.is_file():
        raise ConfigurationError(f"{file} is no file: give one that `wakala backup` wrote.")
    schema, proof = _checked(settings, file)
    if not proof.is_checked:
        say(
            f"{file} has no digest: an older version wrote it, or its last line is gone. Whether it is what was "
            "written is not known beyond what the database itself checks."
        )
    if not check:
        with _ended_in_order():
            run(_restored(settings, file, schema, force=force))
    if json_output:
        found = {"File": str(file), "Schema": schema, "SHA256": proof.sha256, "Checked": proof.is_checked}
        print_json(found | {"Restored": not check})
    elif check:
        say(f"{file} can be restored here: schema {schema}, SHA-256 {proof.sha256}. Nothing was changed.")
    else:
        say(f"Restored {file}. Start the gateway: it asks M-Pesa about everything that was open.")


def _checked(settings: Settings, file: Path) -> tuple[int, "Proof"]:
    """A whole file of the right kind, not newer than this program, whose secrets our key opens.

    Its schema's number, and what proves it.
    """
    from wakala.cli.progress import shown  # noqa: PLC0415 - keeps --help quick
    from wakala.journal import archive  # noqa: PLC0415
    from wakala.journal.migrations import known  # noqa: PLC0415
    from wakala.rules.vault import unseal  # noqa: PLC0415

    with shown(f"Reading {file}, whether it is whole"):
        proof = archive.proven(file)
        found = archive.contents(file)
    ours = "postgres" if settings.sqlite_path is None else "sqlite"
    if found.dialect != ours:
        raise ConfigurationError(
            f"{file} is a backup of {found.dialect}, this installation uses {ours}: restore it where database.url "
            "names the same kind. What one of them holds does not move to the other."
        )
    newest = known(ours)[-1].number
    if found.schema > newest:
        raise ConfigurationError(
            f"{file} has schema {found.schema}, newer than this program's {newest}: update Wakala."
        )
    for field, owner, data_key, sealed in found.seals:
        try:
            unseal(master_key(settings), data_key, owner, field, sealed)
        except ConfigurationError as error:
            raise ConfigurationError(
                f"{error.spoken} Put the key file of the installation that was backed up at {settings.key_path}, "
                "mode 0600, then restore again."
            ) from error
    return found.schema, proof


async def _restored(settings: Settings, file: Path, schema: int, *, force: bool) -> None:
    if settings.sqlite_path is None:
        await _restored_postgres(settings, file, schema, force=force)
    else:
        await _restored_sqlite(settings.sqlite_path, file, force=force)


async def _restored_sqlite(path: Path, file: Path, *, force: bool) -> None:
    """Beside the old one first; the old one stays as ``.replaced`` until the next time.

    At each moment one of the two is in its place, whole: who is killed here leaves nothing for a start to begin anew.
    What fails leaves nothing behind, above all on a disk that was too small for both.
    """
    from wakala.cli.progress import shown  # noqa: PLC0415 - keeps --help quick
    from wakala.journal import archive  # noqa: PLC0415
    from wakala.journal.sqlite import SqliteDatabase, gateway_lock  # noqa: PLC0415

    partial = path.with_name(path.name + ".partial")
    with gateway_lock(path):
        if not force:
            await _refuse_used(SqliteDatabase(path), str(path))
        try:
            with shown(f"Copying {file} beside the database", partial, file):
                archive.unpack_sqlite(file, partial)
            await _settled(SqliteDatabase(partial))
            archive.fold_log(partial)
            _give_to_owner(path, partial)
            _set_aside(path)
            try:
                archive.publish(partial, path)
            except OSError:
                if partial.exists():  # so it is not in its place
                    _take_back_log(path)
                raise
        finally:
            archive.remove_sqlite(partial)


def _give_to_owner(path: Path, partial: Path) -> None:
    """What root restores is for the gateway's account, which could not start on a database of root's."""
    if path.exists():
        old = path.stat()
        with suppress(PermissionError):  # nobody but root may give a file away
            os.chown(partial, old.st_uid, old.st_gid)


def _set_aside(path: Path) -> None:
    """The old database under a second name, and no log of it that would be taken for the new one's."""
    from wakala.journal import archive  # noqa: PLC0415 - keeps --help quick

    replaced = path.with_name(f"{path.name}.replaced")
    log, replaced_log = _logs(path)
    replaced_log.unlink(missing_ok=True)
    if path.exists():
        try:
            archive.fold_log(path)
        except DatabaseFaultError as error:  # perhaps that is why a backup is put in its place
            say(f"{error.spoken} It is set aside as it is.")
        replaced.unlink(missing_ok=True)
        try:
            replaced.hardlink_to(path)
        except OSError:  # a file system without links
            shutil.copy2(path, replaced)
    if log.exists():
        log.replace(replaced_log)
    path.with_name(path.name + "-shm").unlink(missing_ok=True)


def _take_back_log(path: Path) -> None:
    """The old database stays in its place after all, and without its log it would have lost its last commits."""
    log, replaced_log = _logs(path)
    if replaced_log.exists():
        replaced_log.replace(log)


def _logs(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}.replaced-wal")


async def _restored_postgres(settings: Settings, file: Path, schema: int, *, force: bool) -> None:
    from wakala.cli.progress import shown  # noqa: PLC0415 - keeps --help quick
    from wakala.journal import archive  # noqa: PLC0415
    from wakala.journal.postgres import PostgresDatabase  # noqa: PLC0415

    url = settings.database.url
    target = PostgresDatabase(url)
    await target.open()
    try:
        await target.require_alone()
        now_us = await target.now_us()
    finally:
        await target.close()
    await _refuse_used(PostgresDatabase(url), "the database that the settings name", force=force)
    with shown(f"Putting {file} into the database, in one transaction"):
        archive.load_postgres(url, file, schema, now_us)


async def _refuse_used(store: "Database", what: str, *, force: bool = False) -> None:
    """A database that somebody has worked with is not replaced by accident; a new one may be.

    One that is not Wakala's is no installation at all: the settings name the wrong one, and ``force`` changes nothing.
    """
    from wakala.journal.journal import Journal  # noqa: PLC0415 - keeps --help quick
    from wakala.journal.migrations import LEDGER_NAME, applied, tables  # noqa: PLC0415

    await store.open()
    try:
        is_ours = await applied(store) > 0
        ours = tables(store.dialect) if is_ours else {LEDGER_NAME}
        others = [name for name in await Journal(store).tables() if name not in ours]
        is_used = is_ours and await Journal(store).is_used()
    finally:
        await store.close()
    shown = ", ".join(others[:OTHERS_SHOWN]) + (", ..." if len(others) > OTHERS_SHOWN else "")
    if others and not is_ours:
        raise ConfigurationError(
            f"There are tables at {what} that are not Wakala's ({shown}): let database.url name a database of its own."
        )
    if others and not force:
        raise ConfigurationError(
            f"There are tables at {what} that are not Wakala's ({shown}): say --force, and they are gone with the rest."
        )
    if is_used and not force:
        raise ConfigurationError(f"There is a database in use at {what}: say --force to replace it.")


async def _settled(store: "Database") -> None:
    """Of this program's schema, with nothing in it that would be sent again."""
    from wakala.journal.journal import Journal  # noqa: PLC0415 - keeps --help quick
    from wakala.journal.migrations import migrate  # noqa: PLC0415
    from wakala.store import source_at  # noqa: PLC0415

    await store.open()
    try:
        await migrate(store)
        await Journal(store).after_restore((await source_at(store)).now_us())
    finally:
        await store.close()
