"""Bill Manager: opting in, invoices, and five tries to tell the biller of a payment (daraja.md 2.16)."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample, until
from wakala.simulator.bills import PUSHES_MAX
from wakala.simulator.machine import Start

BASE = "/v1/billmanager-invoice"
REFERENCE = {"externalReference": "EXT-9001"}
PAYER = "254700000142"


@pytest.fixture
def start() -> Start:
    return Start(seed=7, rules={"bill_push_pause_seconds": 0.001})


async def call(box: Box, name: str, body: Any, **headers: str) -> Any:
    return await box.post(f"{BASE}/{name}", body, **headers)


async def opted_in(box: Box, **changes: Any) -> str:
    body = {**sample("billmanager_optin_request"), "callbackurl": f"{box.merchant.url}/bills", **changes}
    answer = await call(box, "optin", body)
    assert answer.json() == {**sample("billmanager_optin_response"), "app_key": answer.json()["app_key"]}
    key: str = answer.json()["app_key"]
    return key


async def invoiced(box: Box, **changes: Any) -> None:
    answer = await call(box, "single-invoicing", {**sample("billmanager_single_invoice_request"), **changes})
    assert (answer.status_code, answer.json()) == (200, sample("billmanager_invoice_response")), answer.text


async def pay(box: Box, amount: int = 800, account: str = "ADM-77") -> str:
    order = {"number": "600984", "msisdn": PAYER, "amount": amount, "account": account}
    receipt: str = (await box.control("c2b/pay", order))["receipt"]
    return receipt


async def invoices(box: Box) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await box.control("services", method="GET"))["invoices"]
    return listed


async def test_opting_in_gives_a_key_and_doing_it_again_keeps_it(box: Box) -> None:
    key = await opted_in(box)
    assert len(key) == len(sample("billmanager_optin_response")["app_key"])
    assert await opted_in(box, email="other@example.co.ke") == key
    [biller] = (await box.control("services", method="GET"))["billers"]
    assert (biller["email"], biller["sends_reminders"]) == ("other@example.co.ke", True)


async def test_details_can_be_changed_by_who_opted_in(box: Box) -> None:
    stranger = await call(box, "change-optin-details", sample("billmanager_optin_request"))
    assert stranger.json()["errorMessage"] == "Bad Request - Invalid shortcode"
    await opted_in(box)
    answer = await call(box, "change-optin-details", {**sample("billmanager_optin_request"), "sendReminders": "0"})
    assert answer.json() == sample("billmanager_simple_ok")
    [biller] = (await box.control("services", method="GET"))["billers"]
    assert biller["sends_reminders"] is False


async def test_a_payment_of_an_invoice_is_pushed_to_the_biller(box: Box) -> None:
    await opted_in(box)
    await invoiced(box)
    receipt = await pay(box)
    [post] = await box.merchant.received("/bills")
    model = sample("billmanager_payment_callback")
    assert list(post.json) == list(model)
    assert post.json == {**model, "transactionId": receipt, "dateCreated": f"{box.machine.clock.now():%Y-%m-%d}"}
    [invoice] = await invoices(box)
    assert (invoice["paid"], invoice["receipts"]) == ("800.00", [receipt])


async def test_the_payer_gets_the_bill_by_sms(box: Box) -> None:
    await opted_in(box)
    await invoiced(box)
    [message] = box.machine.world.phone(PAYER).messages
    assert (message.key, message.values["invoice"], message.values["amount"]) == (
        "sms_invoice",
        "School fees",
        "800.00",
    )


async def test_a_prompt_pays_an_invoice_too_and_other_accounts_pay_none(box: Box) -> None:
    await opted_in(box)
    await invoiced(box)
    await pay(box, account="ADM-78")
    await box.pushed(BusinessShortCode="600984", PartyB="600984", AccountReference="ADM-77", Amount=300)
    await box.control(f"phones/{CUSTOMER}/approve")
    [post] = await box.merchant.received("/bills")
    assert (post.json["paidAmount"], post.json["msisdn"]) == ("300", CUSTOMER)
    await box.merchant.received("/stk")
    assert len(box.merchant.at("/bills")) == 1


async def test_parts_pay_the_oldest_open_invoice_first(box: Box) -> None:
    await opted_in(box)
    for reference in ("EXT-1", "EXT-2"):
        await invoiced(box, externalReference=reference)
    for amount in (500, 300, 100):
        await pay(box, amount)
    await box.merchant.received("/bills", 3)
    assert {each["reference"]: each["paid"] for each in await invoices(box)} == {"EXT-1": "800.00", "EXT-2": "100.00"}


async def test_a_biller_who_does_not_answer_200_is_tried_five_times(box: Box) -> None:
    box.merchant.replies["/bills"] = (500, {})
    await opted_in(box)
    await invoiced(box)
    await pay(box)
    posts = await box.merchant.received("/bills", PUSHES_MAX)
    await until(lambda: box.machine.clock.waiting_count == 0)
    assert [post.body for post in box.merchant.at("/bills")] == [posts[0].body] * PUSHES_MAX


async def test_a_lost_push_is_made_good_by_the_next(box: Box) -> None:
    await box.fault("billmanager_payment", "lost")
    await opted_in(box)
    await invoiced(box)
    await pay(box)
    await box.merchant.received("/bills")
    await until(lambda: box.machine.clock.waiting_count == 0)
    lost, pushed = [each for each in box.machine.calls if each.kind == "billmanager_payment"]
    assert (lost.faults, lost.status, pushed.faults, pushed.status) == (("lost",), 0, (), 200)


async def test_a_thousand_invoices_at_once_and_not_one_more(box: Box) -> None:
    await opted_in(box)
    model = sample("billmanager_single_invoice_request")
    many = [{**model, "externalReference": f"EXT-{number}"} for number in range(1_000)]
    assert (await call(box, "bulk-invoicing", many)).json() == sample("billmanager_invoice_response")
    for wrong in ([*many, model], []):
        answer = await call(box, "bulk-invoicing", wrong)
        assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.002.05")
    assert box.machine.services.bills.find(await opted_in(box), "EXT-999") is not None


async def test_the_printed_bulk_is_taken_and_one_wrong_invoice_stops_all(box: Box) -> None:
    good, bad = sample("billmanager_bulk_invoice_request")
    answer = await call(box, "bulk-invoicing", [good, {**bad, "amount": "0"}])
    assert answer.json()["errorMessage"] == "Bad Request - Invalid amount"
    assert await invoices(box) == []
    assert (await call(box, "bulk-invoicing", [good, bad])).status_code == 200
    assert {each["due_on"] for each in await invoices(box)} == {"2026-03-31"}


async def test_an_unpaid_invoice_is_cancelled_and_a_paid_one_is_a_conflict(box: Box) -> None:
    await opted_in(box)
    await invoiced(box)
    assert (await call(box, "cancel-single-invoice", REFERENCE)).json() == sample("billmanager_cancel_ok")
    assert await invoices(box) == []
    await invoiced(box)
    await pay(box, 1)
    answer = await call(box, "cancel-single-invoice", REFERENCE)
    assert (answer.status_code, answer.json()) == (409, sample("billmanager_cancel_conflict"))
    again = await call(box, "single-invoicing", sample("billmanager_single_invoice_request"))
    assert again.status_code == 409
    assert len(await invoices(box)) == 1


async def test_an_unpaid_invoice_is_changed_and_its_payer_told(box: Box) -> None:
    await opted_in(box)
    changed = {**sample("billmanager_single_invoice_request"), "amount": "950", "accountReference": "ADM-78"}
    unknown = await call(box, "change-invoice", changed)
    assert (unknown.status_code, unknown.json()["errorMessage"]) == (400, "Bad Request")
    assert "There is no open invoice EXT-9001" in unknown.headers["X-Simulator-Reason"]
    await invoiced(box)
    answer = await call(box, "change-invoice", changed)
    assert (answer.status_code, answer.json()) == (200, sample("billmanager_invoice_response"))
    [invoice] = await invoices(box)
    assert (invoice["amount"], invoice["account"]) == ("950.00", "ADM-78")
    assert [each.key for each in box.machine.world.phone(PAYER).messages] == ["sms_invoice", "sms_invoice"]
    await pay(box, 950, "ADM-77")  # the account that it had before
    assert (await invoices(box))[0]["paid"] == "0.00"
    await pay(box, 950, "ADM-78")
    assert (await invoices(box))[0]["paid"] == "950.00"


async def test_neither_a_paid_nor_a_cancelled_invoice_is_changed(box: Box) -> None:
    await opted_in(box)
    await invoiced(box)
    await call(box, "cancel-single-invoice", REFERENCE)
    assert (await call(box, "change-invoice", sample("billmanager_single_invoice_request"))).status_code == 400
    await invoiced(box)
    await pay(box, 1)
    answer = await call(box, "change-invoice", {**sample("billmanager_single_invoice_request"), "amount": "1"})
    assert (answer.status_code, answer.json()) == (409, sample("billmanager_cancel_conflict"))
    assert (await invoices(box))[0]["amount"] == "800.00"


async def test_one_that_cannot_be_changed_keeps_them_all_as_they_are(box: Box) -> None:
    await opted_in(box)
    await invoiced(box)
    changed = [{**each, "amount": "950"} for each in sample("billmanager_bulk_invoice_request")]
    answer = await call(box, "change-invoices", changed)
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, "Bad Request")
    assert [each["amount"] for each in await invoices(box)] == ["800.00"]
    await invoiced(box, externalReference="EXT-9002")
    assert (await call(box, "change-invoices", changed)).json() == sample("billmanager_invoice_response")
    assert [each["amount"] for each in await invoices(box)] == ["950.00", "950.00"]


async def test_one_that_cannot_be_cancelled_keeps_them_all(box: Box) -> None:
    await opted_in(box)
    await invoiced(box)
    answer = await call(box, "cancel-bulk-invoices", sample("billmanager_cancel_bulk_request"))
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, "Bad Request")
    await invoiced(box, externalReference="EXT-9002")
    answer = await call(box, "cancel-bulk-invoices", sample("billmanager_cancel_bulk_request"))
    assert answer.json() == sample("billmanager_cancel_ok")
    assert await invoices(box) == []


async def test_reconciling_sends_the_payer_a_receipt_once_the_invoice_is_known(box: Box) -> None:
    body = sample("billmanager_reconciliation_request")
    assert (await call(box, "reconciliation", body)).json() == sample("billmanager_simple_ok")
    assert not box.machine.world.phone(PAYER).messages
    await opted_in(box)
    await invoiced(box)
    assert (await call(box, "reconciliation", body)).json() == sample("billmanager_simple_ok")
    assert box.machine.world.phone(PAYER).messages[0].key == "sms_bill_receipt"
    await call(box, "reconciliation", body)
    assert (await invoices(box))[0]["paid"] == "800.00"  # one receipt counts once


async def test_the_header_app_key_says_who_bills(box: Box) -> None:
    first = await opted_in(box)
    second = await opted_in(box, shortcode="600000")
    model = sample("billmanager_single_invoice_request")
    await call(box, "single-invoicing", model, appKey=first)
    await call(box, "single-invoicing", model)
    assert {each["app_key"] for each in await invoices(box)} == {first, second}


async def test_the_doubled_prefix_of_a_go_live_mail_works_as_well(box: Box) -> None:
    single, many = sample("billmanager_single_invoice_request"), sample("billmanager_bulk_invoice_request")
    for name, body in (
        ("optin", sample("billmanager_optin_request")),
        ("change-optin-details", sample("billmanager_optin_request")),
        ("single-invoicing", single),
        ("bulk-invoicing", many),
        ("change-invoice", single),
        ("change-invoices", many),
        ("cancel-single-invoice", REFERENCE),
        ("cancel-bulk-invoices", [{"externalReference": "EXT-9002"}]),
        ("reconciliation", sample("billmanager_reconciliation_request")),
    ):
        answer = await box.post(f"{BASE}{BASE}/{name}", body)
        assert answer.json()["resmsg"] == "Success", name


async def test_a_bad_token_has_bill_managers_own_shape(box: Box) -> None:
    box.bearer = "stale"
    answer = await call(box, "optin", {})
    assert (answer.status_code, answer.json()) == (401, sample("billmanager_err_401"))


@pytest.mark.parametrize(
    ("name", "model", "field", "value"),
    [
        ("optin", "billmanager_optin_request", "shortcode", "600555"),
        ("optin", "billmanager_optin_request", "email", ""),
        ("optin", "billmanager_optin_request", "sendReminders", "yes"),
        ("optin", "billmanager_optin_request", "callbackurl", "x"),
        ("single-invoicing", "billmanager_single_invoice_request", "externalReference", ""),
        ("single-invoicing", "billmanager_single_invoice_request", "billedPhoneNumber", "12"),
        ("single-invoicing", "billmanager_single_invoice_request", "dueDate", "31.03.2026"),
        ("single-invoicing", "billmanager_single_invoice_request", "amount", "8.50"),
        ("reconciliation", "billmanager_reconciliation_request", "transactionId", ""),
        ("reconciliation", "billmanager_reconciliation_request", "paidAmount", "0"),
    ],
)
async def test_a_wrong_field_is_named(box: Box, name: str, model: str, field: str, value: str) -> None:
    answer = await call(box, name, {**sample(model), field: value})
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
