"""The part of the journal that forgets: pages of what is old, and who has which duty."""

from collections.abc import Sequence

from wakala.journal.database import Database, Operation, Write

FIRST_ID = ""  # sorts before every ID


class RetentionJournal:
    """One method per thing that the pruner does; each is one small transaction that rides with the others'."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def claim_duty(self, name: str, now_us: int, lease_us: int) -> bool:
        """Have the duty until ``now_us + lease_us``. False: another process has it, or did it just now.

        Whoever looked at the clock a moment before its owner finds a lease that ends later than its own would, and is
        kept out all the same: only one that is two leases away is a wrong clock's.
        """
        until_us = now_us + lease_us
        guard = Write("duty_claim", (name, until_us, now_us, until_us + lease_us))
        return await self._database.commit(Operation(name, guard))

    async def release_duty(self, name: str, lease_end_us: int) -> None:
        """The duty is done before its lease ends."""
        await self._database.commit(Operation(name, Write("duty_release", (name, lease_end_us))))

    async def pull_in(
        self, now_us: int, check_limit_us: int, lease_limit_us: int, due_limit_us: int, present_id: str
    ) -> None:
        """Make due what is put off beyond every honest limit from now; no reader stays ahead of ``present_id``."""
        due_us = now_us + due_limit_us
        writes = (
            Write("payments_pull_in", (now_us, now_us + check_limit_us)),
            Write("confirmations_pull_in", (now_us, now_us + check_limit_us)),
            Write("notifications_pull_in", (due_us, now_us, now_us + lease_limit_us, due_us)),
            Write("consumers_pull_in", (present_id, now_us, present_id)),
        )
        await self._database.commit(Operation("clock", None, writes))

    async def retention_time_us(self) -> int | None:
        """The time that forgetting goes by; before the first sweep that of the newest row. None in an empty store."""
        found = await self._database.fetch("retention_time")
        return None if found[0][0] is None else int(found[0][0])

    async def keep_retention_time(self, time_us: int) -> None:
        """So that the next sweep, of whatever process, goes on from here."""
        await self._database.commit(Operation("prune", None, (Write("retention_time_keep", (time_us,)),)))

    async def oldest_open_us(self) -> int | None:
        """When the oldest payment that has not ended was made; None where all have ended."""
        found = await self._database.fetch("payments_oldest_open")
        return None if found[0][0] is None else int(found[0][0])

    async def exchanges(self, after_id: str, until_id: str, limit: int) -> list[tuple[str, str]]:
        """IDs and verdicts, oldest first."""
        return [(row[0], row[1]) for row in await self._database.fetch("exchanges_page", (after_id, until_id, limit))]

    async def notifications(self, after_id: str, until_id: str, limit: int) -> list[tuple[str, str, int]]:
        """IDs, states, and when they were settled (0: never), oldest first."""
        row = (after_id, until_id, limit)
        return [(found[0], found[1], found[2] or 0) for found in await self._database.fetch("notifications_page", row)]

    async def forget_exchanges(self, ids: Sequence[str]) -> None:
        """For good."""
        await self._forget("exchange_prune", ids)

    async def forget_notifications(self, ids: Sequence[str]) -> None:
        """For good; one that waits again by now stays."""
        await self._forget("notification_prune", ids)

    async def _forget(self, statement: str, ids: Sequence[str]) -> None:
        if ids:
            writes = tuple(Write(statement, (one,)) for one in ids)
            await self._database.commit(Operation("prune", None, writes))
