"""The benchmarks fill a store by SQL, past the gateway: what they write must be what the gateway would have written."""

from pathlib import Path

import pytest

import fill
from journal.making import NOW_US, app, shortcode
from wakala.journal.database import Database
from wakala.journal.journal import Journal
from wakala.journal.postgres import PostgresDatabase
from wakala.rules.payment import State


async def test_a_filled_store_lists_whole_payments(
    database: Database, journal: Journal, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    shop = app()
    paybill = shortcode(collector_app_id=shop.id)
    await journal.add_organisation("org_1", "demo", NOW_US)
    await journal.add_shortcode(paybill)
    await journal.add_app(shop)
    if isinstance(database, PostgresDatabase):
        await fill.fill_postgres(request.getfixturevalue("postgres_url"), 3)
    else:
        fill.fill_sqlite(tmp_path / "journal.db", 3)

    payment = await journal.payment_by_request("org_1", paybill.environment.value, "OLD-2")

    assert payment is not None
    assert payment.state is State.SUCCEEDED
    assert payment.receipt == "OLD2"
    assert payment.scope.app_id == shop.id
    assert len(await journal.events(payment.id)) == 5
    assert len(await journal.exchanges(payment.id)) == 4
    assert [each.state for each in await journal.notifications_of(payment.id)] == ["delivered"]
