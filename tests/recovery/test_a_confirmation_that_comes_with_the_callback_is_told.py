"""M-Pesa tells of a push twice in the same moment: who registered a URL for confirmations hears of each of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from recovery.test_a_confirmation_is_given_to_who_bears_its_receipt import confirmed, pending, stk
from services.gateway import PAYBILL, House, running_gateway
from wakala.journal.journal import Confirmation
from web.test_daraja_paths_answer_as_daraja_does import post

RECEIPT = "TST1ABC234"


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with running_gateway(tmp_path, database_url=url, finisher={"poll_s": 3_600.0}) as house:
        urls = {"ConfirmationURL": f"{house.merchant.url}/confirm", "ValidationURL": f"{house.merchant.url}/ask"}
        asked = {"ShortCode": PAYBILL, "ResponseType": "Completed"} | urls
        assert (await post(house, "/sandbox/mpesa/c2b/v2/registerurl", asked)).status_code == 200
        await house.settle_directory()
        yield house


async def test_a_confirmation_that_is_written_while_the_callback_settles_its_push_is_told(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The callback has looked for one that waits and found none; it is there when the callback is written."""
    payment = await pending(house, "ONE")
    journal = house.gateway.journal
    looked, written, settled = asyncio.Event(), asyncio.Event(), asyncio.Event()
    look, write = journal.confirmation, journal.record_confirmation

    async def confirmation(*place: Any) -> Confirmation | None:
        found = await look(*place)
        if not looked.is_set():
            looked.set()
            await written.wait()
        return found

    async def record_confirmation(*entry: Any, **more: Any) -> bool:
        await looked.wait()
        won = await write(*entry, **more)
        written.set()
        await settled.wait()
        return won

    monkeypatch.setattr(journal, "confirmation", confirmation)
    monkeypatch.setattr(journal, "record_confirmation", record_confirmation)
    by_confirmation = asyncio.create_task(confirmed(house, RECEIPT))
    await stk(house, payment, RECEIPT)
    settled.set()
    entry = await by_confirmation
    told = await journal.notifications_of(payment[0])
    assert [one.type for one in told] == ["payment.succeeded", "payment.confirmed"]
    assert entry.payment_id == payment[0]
