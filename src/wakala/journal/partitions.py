"""PostgreSQL's exchanges, a partition a week: those of the coming weeks are made, those of the past are dropped.

Neither holds up anybody for longer than `LOCK_LIMIT_MS`: a lock that is not had in that time is tried for at the next
turn. A new partition is attached, which no insert waits for; a drop needs the whole table for an instant. What is in
quarantine and must not go with its week moves to the default partition.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from wakala.journal.postgres import PostgresDatabase
from wakala.rules.exchange import AGEING

WEEK_MS = 604_800_000
AHEAD_WEEKS = 4  # a gateway that is off for a month finds its place made all the same
LOCK_LIMIT_MS = 100
_RANGE = re.compile(r"FROM \((?:MINVALUE|'xch_([0-9a-f]{12})')\) TO \('xch_([0-9a-f]{12})'\)")
_CATALOGUE = """
SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE i.inhparent = 'exchanges'::regclass
"""


@dataclass(frozen=True, slots=True)
class Partition:
    """Exchanges from a moment up to another, in milliseconds since 1970."""

    name: str
    begins_ms: int
    ends_ms: int


def bound(at_ms: int) -> str:
    """Sorts before every exchange that began at that moment or later."""
    return f"xch_{max(0, at_ms):012x}"


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
        """Those that are missing from this week up to some weeks from now; rows of theirs in the default one move in.

        Weeks before are left out: whatever the clock says, it is a handful, and what comes from a week without a
        partition goes to the default one.
        """
        known = await self.listed()
        made = []
        for begins_ms in range(now_ms // WEEK_MS * WEEK_MS, now_ms + AHEAD_WEEKS * WEEK_MS, WEEK_MS):
            if any(one.begins_ms <= begins_ms < one.ends_ms for one in known):
                continue
            name = f"exchanges_{datetime.fromtimestamp(begins_ms / 1000, UTC):%Y%m%d}"
            first, last = bound(begins_ms), bound(begins_ms + WEEK_MS)
            await self._database.script(
                f"SET LOCAL lock_timeout = {LOCK_LIMIT_MS};"  # noqa: S608 - numbers and names of our own making
                f"CREATE TABLE {name} (LIKE exchanges INCLUDING DEFAULTS);"
                f"WITH moved AS (DELETE FROM exchanges_default WHERE id >= '{first}' AND id < '{last}' RETURNING *) "
                f"INSERT INTO {name} SELECT * FROM moved;"
                f"ALTER TABLE exchanges ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{last}')"
            )
            made.append(name)
        return made

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
