"""Copies of the whole database in one file, and back. The only place that speaks to SQLite's backup and pg_dump.

Both are taken from one moment while the gateway runs: SQLite copies the pages of one read transaction (in WAL mode no
writer waits for it), pg_dump reads one snapshot. What was committed before they began is in them.
"""

import errno
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import apsw

from wakala.errors import ConfigurationError, DatabaseBusyError, DatabaseFaultError
from wakala.journal import digest
from wakala.journal.database import Write, sql
from wakala.journal.journal import after_restore
from wakala.journal.migrations import known
from wakala.journal.postgres import GATEWAY_NAME

SEALED = (("shortcodes", "consumer_key"), ("apps", "webhook_secret"))
POSTGRES_MAGIC, SQLITE_MAGIC = b"PGDMP", b"SQLite format 3\0"
STEP_PAGES = 4_096  # 16 MiB: between two of them a copy can be given up
HEAD_BYTES = 100
WRITTEN_BY = slice(18, 19)  # in the head of a database of SQLite
BY_LOG = b"\2"
# In the head of a backup stands that a digest is at its end: one that lost just that would pass for an older one.
MARKED = slice(68, 72)  # the application ID
MARK, UNMARKED = b"Waka", bytes(4)
_EMPTY_FIRST = (
    "DO $$ DECLARE one record; BEGIN FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema() "
    "LOOP EXECUTE format('DROP TABLE IF EXISTS %I CASCADE', one.tablename); END LOOP; END $$"
)
# Once the tables are gone, and so locked: a gateway that comes later waits for the end of the transaction.
_NO_GATEWAYS = (
    "DO $$ BEGIN IF EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
    f"AND application_name = '{GATEWAY_NAME}') "
    "THEN RAISE EXCEPTION 'a gateway has connected meanwhile: stop it first'; END IF; END $$"
)


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds: its dialect, the number of its schema, and one sealed secret of each shortcode and app."""

    dialect: str
    schema: int
    seals: tuple[tuple[str, ...], ...]  # as `SEALED` names them: table and column, ID, data key, the secret


def contents(file: Path) -> Contents:
    """Look into a backup before anything is touched. `ConfigurationError` where it is none, or damaged."""
    return _sqlite_contents(file) if _is_sqlites(file) else _postgres_contents(file)


def proven(file: Path) -> digest.Proof:
    """Read all of a backup: is it what was written? `ConfigurationError` where it is not, or none."""
    if _is_sqlites(file):
        return digest.prove(file, is_due=_head(file)[MARKED] == MARK)
    proof = digest.prove(file, is_due=digest.has_traces(file))
    if not proof.is_checked:
        _read_dump(file, "--file=/dev/null")  # whether it is all there, at least
    return proof


def _is_sqlites(file: Path) -> bool:
    head = _head(file)
    if not head.startswith((SQLITE_MAGIC, POSTGRES_MAGIC)):
        raise ConfigurationError(f"{file} is no backup of Wakala's: give a file that `wakala backup` wrote.")
    return head.startswith(SQLITE_MAGIC)


def may_give_way(file: Path) -> bool:
    """Whether a new backup may be written over it: over an older one, or a file that has nothing in it yet.

    A database that a gateway works with has a log beside it, and says so at its start (SQLite's file format, 1.3.3).
    """
    head = _head(file)
    is_sqlites = head.startswith(SQLITE_MAGIC) and head[WRITTEN_BY] != BY_LOG
    return not head or is_sqlites or head.startswith(POSTGRES_MAGIC)


def _head(file: Path) -> bytes:
    with file.open("rb") as start:
        return start.read(HEAD_BYTES)


def publish(partial: Path, target: Path, *, over: bool = True) -> None:
    """Under its name only once it is whole and on the disk; `FileExistsError` where another has it, unless ``over``."""
    partial.chmod(0o600)
    for place in (partial, target.parent):
        descriptor = os.open(place, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if place is partial:
            _rename(partial, target, over=over)


def _rename(partial: Path, target: Path, *, over: bool) -> None:
    if not over:
        try:
            target.hardlink_to(partial)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        else:
            partial.unlink()
            return
    partial.replace(target)


# ── SQLite ──


def copy_sqlite(source: Path, target: Path) -> None:
    """The database as it is at this moment, as one file that needs no other beside it."""
    _copy(source, lambda: apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE), target, MARK)


def unpack_sqlite(file: Path, target: Path) -> None:
    """A backup as a database again."""
    _copy(file, lambda: _opened(file), target, UNMARKED)


def _opened(file: Path) -> apsw.Connection:
    """A backup is whole: a log that lies beside it is another file's, though SQLite would take it for this one's.

    What says that it has a log is a database that was set aside, `wakala.db.replaced`, say: there the log counts.
    """
    if _head(file)[WRITTEN_BY] == BY_LOG:
        return apsw.Connection(str(file), flags=apsw.SQLITE_OPEN_READONLY)
    alone = f"{file.resolve().as_uri()}?immutable=1"
    return apsw.Connection(alone, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)


def _copy(source: Path, opened: Callable[[], apsw.Connection], target: Path, mark: bytes) -> None:
    remove_sqlite(target)
    target.touch(mode=0o600, exist_ok=False)
    try:
        theirs = opened()
        with closing(theirs), closing(apsw.Connection(str(target))) as ours:
            # What is read stays as it is at this moment: else each commit of the gateway would make it begin anew.
            theirs.execute("BEGIN").execute("SELECT count(*) FROM sqlite_schema").fetchall()
            with ours.backup("main", theirs, "main") as copying:
                while not copying.done:
                    copying.step(STEP_PAGES)
            ours.pragma("journal_mode", "delete")
            ours.pragma("application_id", int.from_bytes(mark))
    except apsw.FullError as error:
        raise DatabaseFaultError(
            f"There is no room in {target.parent} for a copy of {source}: make some, or name a place on another disk."
        ) from error
    except apsw.Error as error:
        # What befalls the copying of pages has no words of SQLite's, which then says "not an error".
        why = type(error).__name__ if str(error) == "not an error" else error
        raise DatabaseFaultError(
            f"{source} could not be copied into {target.parent}: {why}. Look whether the disks of both are well, take "
            "writes and have room."
        ) from error


def files_of(path: Path) -> list[Path]:
    """The database's file, and what SQLite keeps beside it."""
    return [path.with_name(path.name + ending) for ending in ("", "-wal", "-shm", "-journal")]


def remove_sqlite(path: Path) -> None:
    """The file, and what SQLite may have left beside it."""
    for file in files_of(path):
        file.unlink(missing_ok=True)


def fold_log(path: Path) -> None:
    """What the write-ahead log holds goes into the file, and the log away: the file is the whole database."""
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.pragma("journal_mode", "delete")
        finally:
            connection.close()
    except apsw.BusyError as error:
        raise DatabaseBusyError(f"Another program has {path} open: end it first.") from error
    except apsw.Error as error:
        raise DatabaseFaultError(f"SQLite cannot read {path}: {error}.") from error


def _sqlite_contents(file: Path) -> Contents:
    try:
        connection = _opened(file)
        found = connection.execute("PRAGMA integrity_check").fetchall()
        schema = connection.execute("SELECT max(number) FROM migrations").fetchall()
        seals = [
            (f"{table}.{column}", *(str(one) for one in row))
            for table, column in SEALED
            for row in connection.execute(f"SELECT id, data_key, {column} FROM {table}")  # noqa: S608 - ours
        ]
        connection.close()
    except apsw.Error as error:
        raise ConfigurationError(f"{file} is damaged, or no backup of Wakala's: {error}.") from error
    if found != [("ok",)]:
        raise ConfigurationError(f"{file} is damaged: {found[0][0]}. Use another backup.")
    return Contents("sqlite", int(str(schema[0][0])), tuple(seals))


# ── PostgreSQL: its own tools, for no library writes what they write ──


def dump_postgres(url: str, target: Path) -> None:
    """pg_dump's custom format: compressed, and `pg_restore` can look into it."""
    target.unlink(missing_ok=True)
    target.touch(mode=0o600, exist_ok=False)
    _run("pg_dump", url, "--format=custom", "--no-owner", "--no-privileges", f"--file={target}")


def load_postgres(url: str, file: Path, schema: int, now_us: int) -> None:
    """Everything in the database gives way to the backup, of that schema, in one transaction: all of it, or nothing.

    The same transaction brings it to this program's schema and sees to it that nothing is sent again.
    """
    script = _new_script(file)
    try:
        schema_name = _schema_name(file)
        options = ("--no-owner", "--no-privileges", f"--schema={schema_name}", f"--file={script}")
        _run("pg_restore", "", *options, str(file.absolute()))
        with script.open("a") as more:
            more.writelines(_settling(schema, now_us))
        options = ("--no-psqlrc", "--quiet", "--single-transaction", "--set=ON_ERROR_STOP=1")
        steps = (_EMPTY_FIRST, _NO_GATEWAYS, _schema_made(schema_name))
        _run("psql", url, *options, *(f"--command={step}" for step in steps), f"--file={script}")
    finally:
        script.unlink(missing_ok=True)


def _new_script(file: Path) -> Path:
    """A name that nobody has: beside the backup, where there is room, unless that disk takes no writes."""
    try:
        descriptor, name = tempfile.mkstemp(".sql", file.name + ".", file.parent)
    except OSError:
        descriptor, name = tempfile.mkstemp(".sql", file.name + ".")
    os.close(descriptor)
    return Path(name)


def _schema_name(file: Path) -> str:
    """Where our tables stand: often the role's own schema."""
    table = re.compile(r"\d+; \d+ \d+ TABLE (\S+) migrations .*")
    for line in _read_dump(file, "--list").splitlines():
        if found := table.fullmatch(line):
            return found[1]
    raise ConfigurationError(f"{file} is damaged, or no backup of Wakala's: it has no table migrations.")


def _schema_made(name: str) -> str:
    """On another server it may be missing; where it is there, many a role may not make one."""
    quoted = '"{}"'.format(name.replace('"', '""'))
    literal = "'{}'".format(quoted.replace("'", "''"))
    return f"DO $$ BEGIN IF to_regnamespace({literal}) IS NULL THEN CREATE SCHEMA {quoted}; END IF; END $$"


def _settling(schema: int, now_us: int) -> Iterator[str]:
    yield "RESET search_path;\n"  # pg_restore has emptied it
    for migration in known("postgres"):
        if migration.number > schema:
            yield migration.sql
    for write in after_restore(now_us):
        yield _with_literals(write)


def _with_literals(write: Write) -> str:
    """A statement as psql takes it; its parameters are numbers."""
    text = sql(write.statement, "postgres")
    for number, value in reversed(list(enumerate(write.row, start=1))):
        text = text.replace(f"${number}", str(int(value)))
    return f"{text};\n"


def _postgres_contents(file: Path) -> Contents:
    schema = max(int(row["number"]) for row in _rows(file, "migrations"))
    seals = [
        (f"{table}.{column}", row["id"], row["data_key"], row[column])
        for table, column in SEALED
        for row in _rows(file, table)
    ]
    return Contents("postgres", schema, tuple(seals))


def _rows(file: Path, table: str) -> list[dict[str, str]]:
    """A small table as pg_restore prints it: a line that begins with COPY, the rows, and a line that ends them.

    A row ends with this line break and no other: a name may have the others in it.
    """
    lines = iter(_read_dump(file, "--data-only", f"--table={table}", "--file=-").split("\n"))
    for line in lines:
        if line.startswith("COPY "):
            names = line.partition("(")[2].partition(")")[0].split(", ")
            return [dict(zip(names, row.split("\t"), strict=True)) for row in iter(lambda: next(lines), "\\.")]
    raise ConfigurationError(f"{file} is damaged, or no backup of Wakala's: it has no table {table}.")


def _read_dump(file: Path, *arguments: str) -> str:
    try:
        return _run("pg_restore", "", *arguments, str(file.absolute()))  # its name may begin like an option
    except DatabaseFaultError as error:
        raise ConfigurationError(
            f"{file} is damaged, or written by a pg_dump that is newer than the pg_restore here. {error.sentence}"
        ) from error


def _run(name: str, url: str, *arguments: str) -> str:
    """One of PostgreSQL's programs; the password goes by the environment, where `ps` does not show it."""
    program = shutil.which(name)
    if program is None:
        raise ConfigurationError(f"{name} is not installed: install PostgreSQL's client (Debian: postgresql-client).")
    bare, password = _without_password(url)
    done = subprocess.run(  # noqa: S603 - a fixed program; file and URL are the operator's own
        [program, *arguments, *([f"--dbname={bare}"] if url else [])],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | ({"PGPASSWORD": password} if password else {}),
    )
    if done.returncode:
        raise DatabaseFaultError(f"{name} failed: {done.stderr.strip()}")
    return done.stdout


def _without_password(url: str) -> tuple[str, str]:
    """The URL as others may see it, and the password, which it may bear before the host or as a parameter."""
    parts = urlsplit(url)
    named, host = parts.netloc.rpartition("@")[::2]
    user = named.partition(":")[0]
    given = [pair.partition("=")[::2] for pair in parts.query.split("&") if pair]
    password = next((value for name, value in given if name == "password"), "")
    query = "&".join(f"{name}={value}" for name, value in given if name != "password")
    bare = parts._replace(netloc=f"{user}@{host}" if user else host, query=query)
    text = urlunsplit(bare)
    shown = text if bare.netloc else text.replace(":", "://", 1)  # of a URL that names its socket as a parameter
    return shown, unquote(password or parts.password or "")
