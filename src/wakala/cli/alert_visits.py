"""Visits for alerts: what there was to tell, and whether telling works."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from wakala.cli.visits import connected, opened
from wakala.config import Settings, master_key
from wakala.deliveries.alerting import Alerting, signing_key
from wakala.journal.journal import Journal
from wakala.outgoing import Outgoing
from wakala.rules.signing import public_text
from wakala.wire.view import time_text


@asynccontextmanager
async def alerting(settings: Settings) -> AsyncIterator[tuple[Journal, Alerting]]:
    """The journal, and what tells of alerts."""
    async with opened(settings) as (journal, source), connected(settings, journal, source) as (directory, _, _):
        outgoing, master, terms = Outgoing(guarded=False), master_key(settings), settings.alerts
        url, limit_s = terms.url, terms.answer_limit_s
        await outgoing.open()
        try:
            yield journal, Alerting(journal, directory, outgoing, source, master, url=url, limit_s=limit_s)
        finally:
            await outgoing.close()


async def read_alerts(settings: Settings, limit: int) -> list[dict[str, Any]]:
    """The newest, each with its sentence."""
    async with alerting(settings) as (journal, teller):
        return [
            {
                "AlertID": alert.id,
                "At": time_text(alert.at_us),
                "Type": alert.type,
                "Text": await teller.sentence(alert),
                "PaymentID": alert.payment_id,
                "Attempts": alert.attempts,
                "ToldAt": time_text(alert.told_us) if alert.told_us is not None else None,
                "LastError": alert.last_error,
            }
            for alert in await journal.alerts.newest(limit)
        ]


async def send_test(settings: Settings) -> tuple[str, str | None]:
    """Whose host was asked, and what was wrong with the answer, if anything."""
    async with alerting(settings) as (_, teller):
        return teller.host, await teller.test()


def public_key(settings: Settings) -> str:
    """``whpk_...`` of the key that signs alerts."""
    return public_text(signing_key(master_key(settings)))
