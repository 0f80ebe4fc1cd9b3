"""A C2B confirmation that waits is money: it goes to the payment that bears its receipt, or becomes one of its own."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway import CUSTOMER, PAYBILL, House, running_gateway
from wakala.journal.journal import Confirmation
from wakala.rules.payment import Payment, Scope, collecting_scope
from web.test_daraja_paths_answer_as_daraja_does import post


@pytest.fixture(params=["sqlite", "postgres"])
async def house(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[House]:
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    async with running_gateway(tmp_path, database_url=url, finisher={"poll_s": 3_600.0}) as house:
        yield house


async def pending(house: House, request_id: str, msisdn: str = CUSTOMER, amount: int = 150) -> tuple[str, str]:
    body = (await house.push(request_id, SenderMSISDN=msisdn, Amount=amount)).json()
    assert body["State"] == "pending", body
    return body["PaymentID"], body["CheckoutRequestID"]


async def call(house: House, kind: str, subject: str, body: dict[str, Any]) -> None:
    path = house.gateway.payments.callback_url(kind, subject).removeprefix(house.gateway.settings.public_url)
    assert (await house.client.post(path, content=json.dumps(body))).status_code == 200


async def stk(house: House, payment: tuple[str, str], receipt: str | None, amount: int = 150) -> None:
    payment_id, checkout = payment
    inner: dict[str, Any] = {"MerchantRequestID": "m", "CheckoutRequestID": checkout, "ResultDesc": "told"}
    if receipt is None:
        inner["ResultCode"] = 1037
    else:
        told = {"Amount": amount, "MpesaReceiptNumber": receipt, "TransactionDate": 0, "PhoneNumber": int(CUSTOMER)}
        items = [{"Name": name, "Value": value} for name, value in told.items()]
        inner |= {"ResultCode": 0, "CallbackMetadata": {"Item": items}}
    await call(house, "stk", payment_id, {"Body": {"stkCallback": inner}})


async def confirmed(house: House, receipt: str) -> Confirmation:
    """By M-Pesa, of a payment to the paybill; nobody can tell to which of two equal pushes it belongs."""
    [shortcode] = await house.gateway.journal.shortcodes()
    body = {
        "TransactionType": "Pay Bill",
        "TransID": receipt,
        "TransAmount": "150.00",
        "BusinessShortCode": PAYBILL,
        "BillRefNumber": "INV-1",
        "MSISDN": "2547 ***** 678",
    }
    await call(house, "c2b_confirmation", shortcode.id, body)
    return await waiting(house, receipt)


async def waiting(house: House, receipt: str) -> Confirmation:
    [shortcode] = await house.gateway.journal.shortcodes()
    found = await house.gateway.journal.confirmation(shortcode.organisation_id, shortcode.environment, receipt)
    assert found is not None
    return found


async def owner(house: House, receipt: str) -> Payment | None:
    [shortcode] = await house.gateway.journal.shortcodes()
    return await house.gateway.journal.payment_by_receipt(collecting_scope(shortcode), receipt)


async def collected(house: House, receipt: str) -> None:
    """What the finisher does with it when its time has come."""
    entry = await waiting(house, receipt)
    assert entry.payment_id is None, "given to a payment that bears another receipt, or none: nobody is told of it"
    await house.gateway.confirmations.collect(entry)
    found = await owner(house, receipt)
    assert found is not None
    assert (found.kind, found.state, found.receipt) == ("collection", "succeeded", receipt)


async def test_a_push_that_gets_another_receipt_in_the_same_moment_leaves_it(house: House) -> None:
    """Paid by hand, and by the prompt: the callback comes while the confirmation is being given to the push."""
    first, second = await pending(house, "ONE"), await pending(house, "TWO", "254722345678")
    entry = await confirmed(house, "BYHAND0001")
    assert entry.payment_id is None
    await stk(house, second, None)
    journal, asked = house.gateway.journal, house.gateway.journal.payment_by_receipt

    async def payment_by_receipt(scope: Scope, receipt: str) -> Payment | None:
        found = await asked(scope, receipt)
        journal.payment_by_receipt = asked  # type: ignore[method-assign]
        await stk(house, first, "BYPROMPT01")
        return found

    journal.payment_by_receipt = payment_by_receipt  # type: ignore[method-assign]
    await house.gateway.confirmations.collect(entry)
    await collected(house, "BYHAND0001")


async def test_a_push_that_was_called_failed_before_leaves_it(house: House) -> None:
    first, second = await pending(house, "ONE"), await pending(house, "TWO", "254722345678")
    entry = await confirmed(house, "TST1ABC234")
    assert entry.payment_id is None
    await stk(house, first, None)
    await stk(house, first, "TST1ABC234")
    await stk(house, second, None)
    assert await owner(house, "TST1ABC234") is None
    await collected(house, "TST1ABC234")


async def test_a_push_of_another_amount_that_bears_its_receipt_is_flagged(house: House) -> None:
    """As where the confirmation comes last; which of M-Pesa's two words is right, a person has to find out."""
    await pending(house, "ONE")
    await pending(house, "TWO", "254722345678")
    entry = await confirmed(house, "TST1ABC234")
    assert entry.payment_id is None
    cheaper = await pending(house, "THREE", "254712000001", amount=149)
    await stk(house, cheaper, "TST1ABC234", amount=149)
    assert (await house.request("THREE"))["MpesaReceiptNumber"] == "TST1ABC234"
    await house.gateway.confirmations.collect(entry)
    assert (await waiting(house, "TST1ABC234")).payment_id == cheaper[0]
    three = await house.request("THREE")
    assert (three["State"], three["Amount"], three["Flags"]) == ("succeeded", 149, ["amount_differs"])


async def test_who_is_told_of_each_confirmation_is_told_of_one_of_another_amount_once(house: House) -> None:
    urls = {"ConfirmationURL": f"{house.merchant.url}/confirm", "ValidationURL": f"{house.merchant.url}/ask"}
    asked = {"ShortCode": PAYBILL, "ResponseType": "Completed"} | urls
    assert (await post(house, "/sandbox/mpesa/c2b/v2/registerurl", asked)).status_code == 200
    await house.settle_directory()
    await pending(house, "ONE")
    await pending(house, "TWO", "254722345678")
    entry = await confirmed(house, "TST1ABC234")
    cheaper = await pending(house, "THREE", "254712000001", amount=149)
    await stk(house, cheaper, "TST1ABC234", amount=149)
    assert [one.type for one in await house.gateway.journal.notifications_of(cheaper[0])] == ["payment.succeeded"]
    for _ in range(2):
        await house.gateway.confirmations.collect(entry)
    told = await house.gateway.journal.notifications_of(cheaper[0])
    assert [one.type for one in told] == ["payment.succeeded", "payment.flagged", "payment.confirmed"]
    assert json.loads(told[-1].body)["TransAmount"] == "150.00"


async def test_a_receipt_that_is_anothers_settles_nothing_and_is_flagged(house: House) -> None:
    first, second = await pending(house, "ONE"), await pending(house, "TWO", "254712000001")
    await stk(house, first, "TST0000001")
    await stk(house, second, "TST0000001")
    one, two = await house.request("ONE"), await house.request("TWO")
    assert (one["State"], one["MpesaReceiptNumber"], one["Flags"]) == ("succeeded", "TST0000001", [])
    assert (two["State"], two["MpesaReceiptNumber"], two["Flags"]) == ("pending", None, ["evidence_conflict"])
    events = await house.gateway.journal.events(second[0])
    assert "Receipt TST0000001 already belongs to request ONE." in [event.detail.get("reason") for event in events]
    found = await house.gateway.journal.payment(second[0])
    assert found is not None
    assert found.next_check_us is not None
    assert found.next_check_us <= house.gateway.source.now_us(), "M-Pesa is asked what became of it"
