"""A C2B confirmation is compared with the pushes of the time at which it was paid, and with none that never left."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deliveries.conftest import Clock
from services.gateway import PAYBILL, House, running_gateway
from wakala.identity import Source
from wakala.rules.facts import Settled
from wakala.rules.payment import Evidence, Payment
from wakala.rules.receipt import us_to_nairobi

RECEIPT = "TST1ABC234"
HOURS = 2 * 3_600


@pytest.fixture
async def house(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    source, quiet = Source(clock.now_us, os.urandom), {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=source, finisher=quiet) as house:
        yield house


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def pushed(house: House, request_id: str) -> Payment:
    payment = await house.gateway.journal.payment((await house.push(request_id)).json()["PaymentID"])
    assert payment is not None
    return payment


async def confirm(house: House, paid_us: int, **changes: Any) -> None:
    [shortcode] = await house.gateway.journal.shortcodes()
    body = {
        "TransactionType": "Pay Bill",
        "TransID": RECEIPT,
        "TransTime": us_to_nairobi(paid_us),
        "TransAmount": "150.00",
        "BusinessShortCode": PAYBILL,
        "BillRefNumber": "INV-1",
        "MSISDN": "2547 ***** 678",
        "FirstName": "ASHA",
    }
    path = house.gateway.payments.callback_url("c2b_confirmation", shortcode.id)
    answer = await house.client.post(
        path.removeprefix(house.gateway.settings.public_url), content=json.dumps(body | changes)
    )
    assert answer.status_code == 200


async def test_one_that_a_query_settled_is_given_its_receipt_hours_later(house: House, clock: Clock) -> None:
    payment = await pushed(house, "ORDER-1")
    await house.gateway.payments.settle(payment, Settled(Evidence.STK_QUERY, True, "0", "Processed."))
    clock.advance(HOURS)
    await confirm(house, payment.created_us)
    view = await house.request("ORDER-1")
    assert (view["State"], view["MpesaReceiptNumber"], view["Flags"]) == ("succeeded", RECEIPT, [])
    assert await house.count("payments") == 1, "the same money would be told twice"
    kept = [one for one in await house.gateway.journal.exchanges(payment.id) if one.name == "c2b_confirmation"]
    assert [one.scope for one in kept] == [payment.scope], "it is in the push's own trace"


async def test_one_that_m_pesas_clock_is_ahead_of_is_found_by_ours(house: House) -> None:
    payment = await pushed(house, "ORDER-1")
    await confirm(house, payment.created_us + 9_000_000)
    assert (await house.request("ORDER-1"))["State"] == "succeeded"
    assert await house.count("payments") == 1


async def test_an_old_push_does_not_take_what_was_paid_long_after_it(house: House, clock: Clock) -> None:
    await pushed(house, "ORDER-1")
    clock.advance(HOURS)
    await confirm(house, clock.now_us())
    assert (await house.request("ORDER-1"))["State"] == "pending"
    assert (await house.request(f"c2b:{RECEIPT}"))["State"] == "succeeded"


async def test_one_that_never_left_was_not_answered(house: House) -> None:
    await house.box.fault("token", "error_503", times=1_000)
    held = await pushed(house, "ORDER-1")
    assert (held.state, held.sent_us) == ("held", None)
    await confirm(house, held.created_us)
    assert (await house.request("ORDER-1"))["State"] == "held"
    assert (await house.request(f"c2b:{RECEIPT}"))["Kind"] == "collection"


async def test_a_known_receipt_with_another_amount_is_flagged_and_believed_no_more_than_before(house: House) -> None:
    payment = await pushed(house, "ORDER-1")
    told = Settled(Evidence.STK_CALLBACK, True, "0", "Processed.", receipt=RECEIPT)
    await house.gateway.payments.settle(payment, told)
    await confirm(house, payment.created_us, TransAmount="149.00")
    view = await house.request("ORDER-1")
    assert (view["Amount"], view["State"], view["Flags"]) == (150, "succeeded", ["amount_differs"])
    (kept,) = await house.gateway.journal.quarantined()
    assert (kept.payment_id, kept.scope) == (payment.id, payment.scope)
    assert await house.count("payments") == 1
    await confirm(house, payment.created_us)
    found = await house.gateway.journal.payment(payment.id)
    assert found is not None
    assert (found.payer_name, found.paid_us) == ("ASHA", payment.created_us // 1_000_000 * 1_000_000)


async def waits_until(house: House) -> int | None:
    """None for a confirmation that was given to somebody."""
    [shortcode] = await house.gateway.journal.shortcodes()
    entry = await house.gateway.journal.confirmation(shortcode.organisation_id, shortcode.environment, RECEIPT)
    assert entry is not None
    return entry.due_us if entry.payment_id is None else None


async def test_beside_an_open_push_it_waits_for_the_callback_to_name_its_receipt(house: House) -> None:
    payment = await pushed(house, "ORDER-1")
    await confirm(house, payment.created_us, BillRefNumber="OTHER")
    due_us = await waits_until(house)
    assert due_us is not None
    assert due_us > house.gateway.source.now_us()
    assert await house.count("payments") == 1


async def test_beside_a_push_that_is_paid_and_another_it_does_not_wait(house: House) -> None:
    payment = await pushed(house, "ORDER-1")
    await house.gateway.payments.settle(payment, Settled(Evidence.STK_QUERY, True, "0", "Processed."))
    await confirm(house, payment.created_us, BillRefNumber="OTHER")
    assert await waits_until(house) is None
    assert (await house.request(f"c2b:{RECEIPT}"))["AccountReference"] == "OTHER"


async def test_between_two_that_are_paid_and_alike_it_waits(house: House) -> None:
    for request_id in ("ORDER-1", "ORDER-2"):
        payment = await pushed(house, request_id)
        await house.gateway.payments.settle(payment, Settled(Evidence.STK_QUERY, True, "0", "Processed."))
    await confirm(house, payment.created_us)
    assert await waits_until(house) is not None
    assert await house.count("payments") == 2
