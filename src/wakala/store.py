"""The database that the settings name, and the time by which its gateways go: what a gateway opens, and a command too.

Apart from ``runtime``, for a command that looks something up needs none of what serves.
"""

from wakala.config import Settings
from wakala.identity import CommonClock, Source, common_clock, system_source
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.migrations import applied, known
from wakala.journal.postgres import GATEWAY_NAME, VISITOR_NAME, PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules import vault
from wakala.rules.vault import MasterKey


def database(settings: Settings, *, exclusive: bool = False) -> Database:
    """The database that the settings name, not yet open."""
    path = settings.sqlite_path
    if path is not None:
        return SqliteDatabase(path, exclusive=exclusive)
    return PostgresDatabase(settings.database.url, name=GATEWAY_NAME if exclusive else VISITOR_NAME)


async def require_its_key(store: Database, master: MasterKey) -> None:
    """Whose key it is, asked before anything is written: of a schema of any age, but of none newer than ours."""
    if 0 < await applied(store) <= known(store.dialect)[-1].number:
        vault.require_its_key(master, await Journal(store).data_keys())


async def source_at(store: Database) -> Source:
    """For a short visit: the database's clock where gateways on several machines may share it, else this machine's."""
    if not isinstance(store, PostgresDatabase):
        return system_source()
    clock = common_clock()
    await hear(clock, store)
    return system_source(clock)


async def hear(clock: CommonClock, store: PostgresDatabase) -> None:
    """Ask the database what time it is."""
    asked_us = clock.steady_us()
    clock.hear(await store.now_us(), asked_us, clock.steady_us())
