"""The part of the journal that is about alerts. They enter with what they are about; here they are read and told."""

from collections.abc import Sequence
from typing import Any

from wakala.journal.database import Database, Operation, Write
from wakala.journal.rows import LAST_ID
from wakala.rules.alerts import Alert
from wakala.rules.payment import Scope

LIST_LIMIT_ROWS = 200


class AlertJournal:
    """What is to be told, and what came of it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def due(self, now_us: int, limit: int) -> list[Alert]:
        """What is to be told by now (by `NO_END_US`: ever), longest due first."""
        return [_alert_of(row) for row in await self._database.fetch("alerts_due", (now_us, limit))]

    async def newest(self, limit: int, before_id: str = LAST_ID) -> list[Alert]:
        """All organisations', newest first: the operator's list."""
        row = (before_id, min(limit, LIST_LIMIT_ROWS))
        return [_alert_of(found) for found in await self._database.fetch("alerts_newest", row)]

    async def record(self, before: Alert, after: Alert) -> bool:
        """What came of one try. False: another process counted one meanwhile."""
        row = (after.attempts, after.due_us, after.told_us, after.last_error, after.id, before.attempts)
        return await self._database.commit(Operation(after.id, Write("alert_attempted", row)))


def alert_write(alert: Alert) -> Write:
    """A new alert, to ride with what it is about."""
    scope = alert.scope
    place = (scope.organisation_id, scope.app_id, scope.shortcode_id, scope.environment)
    row = (alert.id, *place, alert.payment_id, alert.type, alert.detail, alert.at_us, alert.due_us, alert.attempts)
    return Write("alert_add", row)


def _alert_of(row: Sequence[Any]) -> Alert:
    return Alert(row[0], Scope(*row[1:5]), *row[5:])
