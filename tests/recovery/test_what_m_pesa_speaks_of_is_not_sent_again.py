"""M-Pesa turned it away as busy, and yet speaks of it: it may be carried out, so it is asked about, not sent again."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deliveries.conftest import Clock
from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, basic, running_gateway
from wakala.identity import Source
from wakala.rules.accounts import Product
from wakala.rules.decisions import decide
from wakala.rules.facts import Sending, Unsent
from wakala.rules.payment import Payment, State


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_gateway(tmp_path, finisher={"poll_s": 3_600.0}) as house:
        [shortcode] = await house.gateway.journal.shortcodes()
        await house.grant(shortcode, Product.B2C)
        yield house


async def held(house: House, path: str, fault: tuple[str, str], body: dict[str, Any]) -> Payment:
    await house.box.fault(*fault)
    answer = await house.client.post(f"{SANDBOX}/{path}", json={"RequestID": "R-1", **body}, headers=basic(house.app))
    assert answer.json()["State"] == "held", answer.text
    return await found(house, answer.json()["PaymentID"])


async def found(house: House, payment_id: str) -> Payment:
    payment = await house.gateway.journal.payment(payment_id)
    assert payment is not None
    return payment


async def called(house: House, kind: str, payment: Payment, body: dict[str, Any]) -> Payment:
    path = house.gateway.payments.callback_url(kind, payment.id).removeprefix(house.gateway.settings.public_url)
    assert (await house.client.post(path, content=json.dumps(body))).status_code == 200
    return await found(house, payment.id)


def sent(house: House) -> int:
    return sum(1 for each in house.box.machine.world.commands.values() if each.asked.amount_cents == 150_00)


async def test_a_payout_that_timed_out_in_the_queue(house: House) -> None:
    asked = {"SenderShortcode": PAYBILL, "Amount": 150, "ReceiverShortcode": "600000", "AccountReference": "SUP-1"}
    payment = await held(house, "b2b/businesspaybill", ("b2b", "busy"), asked)
    payment = await called(house, "timeout", payment, {})
    assert (await house.gateway.payments.finish(payment)).state is not State.SENDING
    assert sent(house) == 0, "it is sent, though it may be carried out already"
    assert (await found(house, payment.id)).state is State.UNKNOWN


async def test_a_push_that_is_called_paid_without_an_amount(house: House) -> None:
    asked = {"Amount": 150, "SenderMSISDN": CUSTOMER, "AccountReference": "INV-1"}
    payment = await held(house, "lnm/customerpaybill", ("stk_push", "spike_arrest"), asked)
    inner = {"MerchantRequestID": "m", "CheckoutRequestID": "ws_CO_1", "ResultCode": 0, "ResultDesc": "Processed."}
    payment = await called(house, "stk", payment, {"Body": {"stkCallback": inner}})
    await house.gateway.payments.finish(payment)
    assert house.prompts() == 0, "the customer is asked, and may have paid already"
    assert (await found(house, payment.id)).state is State.UNKNOWN


async def test_a_payout_that_was_turned_away_late_after_it_timed_out_in_the_queue(tmp_path: Path) -> None:
    """It waited for its token until the limit, and is spoken of while M-Pesa still thinks about the answer to it."""
    clock = Clock()
    source, quiet = Source(clock.now_us, os.urandom), {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=source, finisher=quiet) as house:
        [shortcode] = await house.gateway.journal.shortcodes()
        await house.grant(shortcode, Product.B2C)
        asked = {"SenderShortcode": PAYBILL, "Amount": 150, "ReceiverShortcode": "600000", "AccountReference": "SUP-1"}
        payment = await held(house, "b2b/businesspaybill", ("b2b", "busy"), asked)
        gateway = house.gateway
        leaving = decide(payment, Sending(), gateway.source.now_us(), gateway.settings.schedule)
        assert await gateway.journal.record_change(payment, leaving)
        await called(house, "timeout", payment, {})
        clock.advance(gateway.settings.finisher.hold_limit_s + 1)
        busy = Unsent("500.003.02", "System is busy.", gateway.source.now_us())
        await gateway.payments.settle(leaving.payment, busy)
        assert (await found(house, payment.id)).state is State.UNKNOWN, "given up, and M-Pesa was never asked"
