"""Money that moves between two shortcodes of one organisation is told of twice under one receipt (daraja.md 2.5)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway import PAYBILL, SANDBOX, House, basic, running_gateway
from wakala.rules.accounts import Product, Shortcode

OTHER = "600984"
RECEIPT = "TST1ABC234"
HOUR_US = 3_600_000_000


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_gateway(tmp_path, finisher={"poll_s": 3_600.0}) as house:
        [shortcode] = await house.gateway.journal.shortcodes()
        await house.grant(shortcode, Product.B2C)
        await house.add_shortcode(number=OTHER)
        await house.box.fault("b2b_result", "lost")
        yield house


async def transfer(house: House) -> dict[str, Any]:
    asked = {
        "RequestID": "MOVE-1",
        "SenderShortcode": PAYBILL,
        "Amount": 150,
        "ReceiverShortcode": OTHER,
        "AccountReference": "FLOAT",
    }
    answer = await house.client.post(f"{SANDBOX}/b2b/businesspaybill", json=asked, headers=basic(house.app))
    told: dict[str, Any] = answer.json()
    assert told["State"] == "pending", told
    return told


async def call(house: House, kind: str, subject: str, body: dict[str, Any]) -> None:
    path = house.gateway.payments.callback_url(kind, subject).removeprefix(house.gateway.settings.public_url)
    assert (await house.client.post(path, content=json.dumps(body))).status_code == 200


async def arrived(house: House) -> None:
    receiver: Shortcode = next(one for one in await house.gateway.journal.shortcodes() if one.number == OTHER)
    body = {
        "TransactionType": "Organization To Organization Transfer",
        "TransID": RECEIPT,
        "TransAmount": "150.00",
        "BusinessShortCode": OTHER,
        "BillRefNumber": "FLOAT",
        "MSISDN": PAYBILL,
    }
    await call(house, "c2b_confirmation", receiver.id, body)


async def done(house: House, told: dict[str, Any]) -> None:
    result = {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "The service request is processed successfully.",
        "OriginatorConversationID": told["OriginatorConversationID"],
        "ConversationID": told["ConversationID"],
        "TransactionID": RECEIPT,
        "ResultParameters": {"ResultParameter": [{"Key": "Amount", "Value": "150.00"}]},
    }
    await call(house, "result", told["PaymentID"], {"Result": result})


async def told_of(house: House) -> list[str]:
    found = await house.gateway.journal.list_notifications(house.app.app.organisation_id, "sandbox")
    return sorted(one.type for one in found)


async def test_a_transfer_is_done_though_its_receiver_was_told_first(house: House) -> None:
    told = await transfer(house)
    await arrived(house)
    await done(house, told)
    view = await house.request("MOVE-1")
    assert (view["State"], view["Flags"]) == ("succeeded", [])
    assert await told_of(house) == ["collection.succeeded", "payment.succeeded"]


async def test_a_transfer_takes_no_confirmation_that_waits_at_its_receiver(house: House) -> None:
    """A customer was just asked for the same amount there, so whose it is was not certain when it came."""
    told = await transfer(house)
    assert (await house.push("PUSH-1", ReceiverShortcode=OTHER)).json()["State"] == "pending"
    await arrived(house)
    await done(house, told)
    journal = house.gateway.journal
    [waiting] = await journal.confirmations_due(house.gateway.source.now_us() + HOUR_US, 10)
    await house.gateway.confirmations.collect(waiting)
    assert await told_of(house) == ["collection.succeeded", "payment.succeeded"]


async def test_a_receiver_is_told_though_the_transfer_was_done_first(house: House) -> None:
    told = await transfer(house)
    await done(house, told)
    await arrived(house)
    assert await told_of(house) == ["collection.succeeded", "payment.succeeded"]
