"""PostgreSQL's exchanges, a partition a week: those of the coming weeks are made, those of the past are dropped.

Neither holds up anybody for longer than `LOCK_LIMIT_MS`: a lock that is not had in that time is tried for at the next
turn. No row moves into a new partition, for each begins in the future: a week that is missing although it has begun is
made from some hours ahead. What was written before, and whatever else is of no week, stays in the default partition and
ages there row by row. PostgreSQL attaches a partition after a look through the whole default one, which may be large;
that look comes first, under a promise (`PROMISE`) and while everybody reads and writes, so the attaching is short.

A drop needs the whole table for an instant. What is in quarantine and must not go with its week moves to the default
partition.
"""

import logging
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncpg import LockNotAvailableError

from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.journal.postgres import PostgresDatabase
from wakala.rules.exchange import AGEING

log = logging.getLogger("wakala.partitions")

WEEK_MS = 604_800_000
AHEAD_WEEKS = 4  # a gateway that is off for a month finds its place made all the same
LOCK_LIMIT_MS = 100
LOOK_LIMIT_MS = 600_000  # enough for many gigabytes; that for five weeks takes less than the hour to the next turn
SOON_MS = 10_800_000  # by then two more turns have been: a promise that a dead process left is gone before it matters
PROMISE = "exchanges_default_promise"  # that the week which is being made has no row in the default partition
_RANGE = re.compile(r"FROM \((?:MINVALUE|'xch_([0-9a-f]{12})')\) TO \('xch_([0-9a-f]{12})'\)")
_CATALOGUE = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'exchanges'::regclass
"""
_DEFAULT = "ALTER TABLE exchanges_default"
_PROMISES = f"""
SELECT pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = 'exchanges_default'::regclass AND conname = '{PROMISE}'
"""  # noqa: S608 - ours
_PROMISED = re.compile(r"id < 'xch_([0-9a-f]{12})'")


@dataclass(frozen=True, slots=True)
class Partition:
    """Exchanges from a moment up to another, in milliseconds since 1970."""

    name: str
    begins_ms: int
    ends_ms: int


def bound(at_ms: int) -> str:
    """Sorts before every exchange that began at that moment or later."""
    return f"xch_{max(0, at_ms):012x}"


def is_passing(fault: DatabaseFaultError) -> bool:
    """True where another partition may fare better: somebody has a lock, or a row is in the way."""
    return not isinstance(fault, DatabaseAwayError) or isinstance(fault.__cause__, LockNotAvailableError)


class Partitions:
    """The weeks of ``exchanges``."""

    def __init__(self, database: PostgresDatabase) -> None:
        self._database = database

    async def listed(self) -> list[Partition]:
        """Oldest first, without the default one."""
        found = []
        for name, expression in await self._database.read(_CATALOGUE):
            match = _RANGE.search(expression)
            if match:
                found.append(Partition(name, int(match[1] or "0", 16), int(match[2], 16)))
        return sorted(found, key=lambda partition: partition.ends_ms)

    async def make_ahead(self, now_ms: int) -> list[str]:
        """Those that are missing from this week up to some weeks from now. One that fails is passed over until later.

        Weeks before are left out: whatever the clock says, it is a handful.
        """
        await self._withdraw()  # what a process that died had promised
        known = await self.listed()
        made = []
        for begins_ms in range(now_ms // WEEK_MS * WEEK_MS, now_ms + AHEAD_WEEKS * WEEK_MS, WEEK_MS):
            ends_ms = begins_ms + WEEK_MS
            if any(one.begins_ms < ends_ms and begins_ms < one.ends_ms for one in known):
                continue
            name = f"exchanges_{datetime.fromtimestamp(begins_ms / 1000, UTC):%Y%m%d}"
            partition = Partition(name, max(begins_ms, now_ms + SOON_MS), ends_ms)
            if partition.begins_ms >= ends_ms:
                continue
            try:
                await self._make(partition)
            except DatabaseFaultError as fault:
                if not is_passing(fault):
                    raise
                log.warning("the partition %s is not made yet: %s", name, fault.sentence)
            else:
                made.append(name)
        return made

    async def _make(self, partition: Partition) -> None:
        first, last = bound(partition.begins_ms), bound(partition.ends_ms)
        range_ = f"FROM ('{first}') TO ('{last}')"
        try:
            await self._alter(f"{_DEFAULT} ADD CONSTRAINT {PROMISE} CHECK (id < '{first}' OR id >= '{last}') NOT VALID")
            await self._database.script(
                f"SET LOCAL statement_timeout = {LOOK_LIMIT_MS}; {_DEFAULT} VALIDATE CONSTRAINT {PROMISE}"
            )
            await self._alter(
                f"{_DEFAULT} VALIDATE CONSTRAINT {PROMISE};"  # at once; where it was withdrawn, nothing is attached
                f"CREATE TABLE {partition.name} (LIKE exchanges INCLUDING DEFAULTS);"
                f"ALTER TABLE exchanges ATTACH PARTITION {partition.name} FOR VALUES {range_};"
                f"{_DEFAULT} DROP CONSTRAINT {PROMISE}"
            )
        except DatabaseFaultError:
            with suppress(DatabaseFaultError):
                await self._withdraw()
            raise

    async def withdraw_overdue(self, now_ms: int) -> None:
        """At a start: a process that died long ago may have left a promise whose time has come, and rows are refused.

        One whose time is to come may be another gateway's that is at it.
        """
        found = [_PROMISED.search(told) for (told,) in await self._database.read(_PROMISES)]
        if any(promised is None or int(promised[1], 16) <= now_ms for promised in found):
            await self._withdraw()

    async def _withdraw(self) -> None:
        """A promise that nobody keeps any more would refuse rows once its time has come."""
        if await self._database.read(_PROMISES):
            await self._alter(f"{_DEFAULT} DROP CONSTRAINT {PROMISE}")

    async def _alter(self, change: str) -> None:
        """Something short. For autovacuum, which would keep us out for long, it waits first, and holds up nobody."""
        await self._database.script(
            f"SET LOCAL statement_timeout = {LOOK_LIMIT_MS};"
            "LOCK TABLE exchanges_default IN SHARE UPDATE EXCLUSIVE MODE;"
            f"SET LOCAL lock_timeout = {LOCK_LIMIT_MS};{change}"
        )

    async def ended_by(self, until_ms: int) -> list[Partition]:
        """Partitions that hold nothing younger."""
        return [partition for partition in await self.listed() if partition.ends_ms <= until_ms]

    async def drop(self, partition: Partition) -> None:
        """With all that is in it, for good; what age may not take enters again, into the default partition."""
        ageing = ", ".join(f"'{verdict}'" for verdict in AGEING)
        await self._database.script(
            f"SET LOCAL lock_timeout = {LOCK_LIMIT_MS};"  # noqa: S608 - numbers, names and verdicts of our own making
            f"LOCK TABLE {partition.name} IN SHARE MODE;"
            # The first condition is that of the index.
            f"CREATE TABLE exchanges_staying AS SELECT * FROM {partition.name} "
            f"WHERE verdict <> 'ok' AND verdict NOT IN ({ageing});"
            f"DROP TABLE {partition.name};"
            "INSERT INTO exchanges SELECT * FROM exchanges_staying;"
            "DROP TABLE exchanges_staying"
        )
