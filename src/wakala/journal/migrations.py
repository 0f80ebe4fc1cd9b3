"""Forward-only migrations: numbered SQL files, each in one transaction, each once.

No library carries both apsw and asyncpg (yoyo and alembic want DB-API drivers), so the files are plain SQL and the
runner is the page below.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wakala.errors import ConfigurationError, DatabaseAwayError, DatabaseFaultError
from wakala.journal.database import Database

_NAME = re.compile(r"(\d{4})_(\w+)\.(sqlite|postgres)\.sql")
_TABLE = re.compile(r"(?:CREATE TABLE|RENAME TO) (\w+)")
LEDGER_NAME = "migrations"
_LEDGER = {
    "sqlite": "CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)",
    # Whether it exists is asked before it is made: two who ask at once would both make it, and one of them would fail.
    "postgres": "SELECT pg_advisory_xact_lock(20260314);"
    "CREATE TABLE IF NOT EXISTS migrations (number integer PRIMARY KEY, name text NOT NULL)",
}


@dataclass(frozen=True, slots=True)
class Migration:
    """One step of the schema, for one database. ``sql`` begins with its line in the ledger."""

    number: int
    name: str
    sql: str


@cache
def known(dialect: str) -> tuple[Migration, ...]:
    """All migrations for ``dialect``, in order, without gaps."""
    found = []
    for file in files("wakala.journal").joinpath("migrations").iterdir():
        match = _NAME.fullmatch(file.name)
        if match and match[3] == dialect:
            found.append(_migration(int(match[1]), match[2], dialect, file.read_text()))
    found.sort(key=lambda migration: migration.number)
    return tuple(found)


@cache
def tables(dialect: str) -> frozenset[str]:
    """The names that our tables have, or had."""
    return frozenset({LEDGER_NAME, *(name for one in known(dialect) for name in _TABLE.findall(one.sql))})


async def applied(database: Database) -> int:
    """The number of the newest migration that the database has."""
    try:
        rows = await database.fetch("migrations_newest")
    except DatabaseAwayError:
        raise
    except DatabaseFaultError:  # no ledger yet: a new database
        return 0
    return int(rows[0][0] or 0)


async def migrate(database: Database, up_to: int | None = None) -> list[Migration]:
    """Bring the schema to the newest version (or ``up_to``) and say what was done here.

    Several programs may do so at once: each step is made by one of them, and the others go on after it.
    """
    await database.script(_LEDGER[database.dialect])
    done: list[Migration] = []
    have = await applied(database)
    for migration in known(database.dialect):
        if migration.number <= have or (up_to is not None and migration.number > up_to):
            continue
        try:
            await database.script(migration.sql)
        except DatabaseFaultError:
            have = await applied(database)
            if have < migration.number:
                raise
        else:
            done.append(migration)
    return done


async def is_behind(database: Database) -> bool:
    """True where `migrate` has something to do."""
    return await applied(database) < known(database.dialect)[-1].number


async def require_newest(database: Database) -> None:
    """Refuse to run on a schema that this program does not know."""
    have, newest = await applied(database), known(database.dialect)[-1].number
    if have < newest:
        raise ConfigurationError(f"The database has schema {have}, this program needs {newest}: run `wakala migrate`.")
    if have > newest:
        raise ConfigurationError(f"The database has schema {have}, newer than this program's {newest}: update Wakala.")


def _migration(number: int, name: str, dialect: str, sql: str) -> Migration:
    ledger = f"INSERT INTO migrations (number, name) VALUES ({number}, '{name}');"  # noqa: S608 - a file's own name
    return Migration(number, name, f"{_locked(dialect)}{ledger}\n{sql}\n")


def _locked(dialect: str) -> str:
    """Two programs that migrate one PostgreSQL at once take turns; the second then fails on the ledger, at once."""
    return "LOCK TABLE migrations IN EXCLUSIVE MODE;\n" if dialect == "postgres" else ""
