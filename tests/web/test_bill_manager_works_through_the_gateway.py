"""Bill Manager: the key stays in the gateway, and a paid bill is one payment however often M-Pesa tells of it."""

from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, basic, eventually, running_gateway
from wakala.rules.commands import BILL_PREFIX, COMMANDS, KEPT_BY_GATEWAY
from web.test_daraja_paths_answer_as_daraja_does import post

BILLS = "/sandbox/v1/billmanager-invoice"
PAID = "/bills/paid"
INVOICE = {
    "externalReference": "INV-1",
    "billedFullName": "Wanjiku Kamau",
    "billedPhoneNumber": "0712345678",
    "billedPeriod": "March 2026",
    "invoiceName": "Rent",
    "dueDate": "2027-03-14",
    "accountReference": "FLAT-7",
    "amount": "800",
}

IN_OUR_WORDS = {
    "ExternalReference": "INV-1",
    "BilledFullName": "Wanjiku Kamau",
    "BilledPhoneNumber": CUSTOMER,
    "BilledPeriod": "March 2026",
    "InvoiceName": "Rent",
    "DueDate": "2027-03-14",
    "AccountReference": "FLAT-7",
    "Amount": 800,
}
PAYMENT = {
    "TransactionID": "SGR1234567",
    "PaymentDate": "2027-03-14",
    "Amount": 800,
    "AccountReference": "FLAT-7",
    "PhoneNumber": CUSTOMER,
    "FullName": "Wanjiku Kamau",
    "InvoiceName": "Rent",
    "ExternalReference": "INV-1",
}
MEMBER = {"Email": "bills@example.org", "OfficialContact": "0712345678"}
BY_OUR_API: dict[str, tuple[str, dict[str, Any]]] = {
    "optin": ("optin", MEMBER),
    "change-optin-details": ("changeoptindetails", MEMBER),
    "single-invoicing": ("singleinvoicing", IN_OUR_WORDS),
    "change-invoice": ("changeinvoice", IN_OUR_WORDS | {"Amount": 900}),
    "cancel-single-invoice": ("cancelsingleinvoice", {"ExternalReference": "INV-1"}),
    "bulk-invoicing": ("bulkinvoicing", {"Invoices": [IN_OUR_WORDS]}),
    "change-invoices": ("changeinvoices", {"Invoices": [IN_OUR_WORDS | {"Amount": 900}]}),
    "cancel-bulk-invoices": ("cancelbulkinvoices", {"ExternalReferences": ["INV-1"]}),
    "reconciliation": ("reconciliation", PAYMENT),
}
"""Every API of Bill Manager's, what the Wakala API calls it and sends; in an order in which each succeeds."""


def details(house: House) -> dict[str, Any]:
    return {
        "shortcode": PAYBILL,
        "email": "bills@example.org",
        "officialContact": "0712345678",
        "sendReminders": "1",
        "logo": "",
        "callbackurl": house.merchant.url + PAID,
    }


def keys_seen(house: House) -> list[str]:
    """The headers ``appKey`` that Bill Manager was shown, by its own record."""
    return [key for key in house.box.machine.services.bills.billers if key]


def asked_below(house: House, prefix: str) -> set[str]:
    """Which of Bill Manager's APIs M-Pesa was asked, by its own record; all of them below ``prefix``."""
    calls = [call for call in house.box.machine.calls if call.direction == "in" and call.kind.startswith("billmanager")]
    assert {call.target.rpartition("/")[0] for call in calls} == {prefix}
    return {call.target.rpartition("/")[2] for call in calls}


async def pay(house: House, account: str = "FLAT-7") -> str:
    order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 800, "account": account}
    receipt: str = (await house.box.control("c2b/pay", order))["receipt"]
    return receipt


async def test_the_key_of_an_opt_in_is_kept_here_and_sent_along(house: House) -> None:
    opted = (await post(house, f"{BILLS}/optin", details(house))).json()
    assert opted == {"app_key": KEPT_BY_GATEWAY, "resmsg": "Success", "rescode": "200"}

    sent = (await post(house, f"{BILLS}/single-invoicing", INVOICE, appKey=opted["app_key"])).json()

    assert sent["rescode"] == "200"
    (biller_key,) = keys_seen(house)
    assert (biller_key, "INV-1") in house.box.machine.services.bills.invoices
    (shortcode,) = await house.gateway.journal.shortcodes()
    assert shortcode.bill_key
    assert biller_key not in shortcode.bill_key
    assert await house.count(f"exchanges WHERE instr(answer_body, '{biller_key}')") == 0
    assert await house.count(f"payments WHERE instr(results, '{biller_key}')") == 0


async def test_an_opt_in_without_a_web_address_is_refused_and_nothing_is_asked(house: House) -> None:
    for url in ("banana", f"https://{'h' * 4_000}.example/bills"):
        refused = await post(house, f"{BILLS}/optin", details(house) | {"callbackurl": url})
        assert (refused.status_code, refused.json()["errorMessage"]) == (400, "Bad Request - Invalid callbackurl")
    assert keys_seen(house) == []


async def test_a_key_from_before_the_gateway_is_taken_over_once(house: House) -> None:
    await post(house, f"{BILLS}/single-invoicing", INVOICE, appKey="AG_2376487236_126732989KJ")
    await post(house, f"{BILLS}/single-invoicing", INVOICE, appKey="AG_another")
    (shortcode,) = await house.gateway.journal.shortcodes()
    assert house.gateway.directory.credentials(shortcode.id).bill_key == "AG_2376487236_126732989KJ"


@pytest.mark.parametrize("is_confirmed", [False, True])
async def test_a_paid_bill_is_told_to_the_callers_url_once(house: House, *, is_confirmed: bool) -> None:
    await post(house, f"{BILLS}/optin", details(house))
    await post(house, f"{BILLS}/single-invoicing", INVOICE)
    if is_confirmed:
        (shortcode,) = await house.gateway.journal.shortcodes()
        url = house.gateway.payments.callback_url
        await house.box.register(
            PAYBILL,
            ConfirmationURL=url("c2b_confirmation", shortcode.id),
            ValidationURL=url("c2b_validation", shortcode.id),
        )
    receipt = await pay(house)
    view = await house.request_in(f"c2b:{receipt}", "succeeded")
    assert (view["Amount"], view["AccountReference"]) == (800, "FLAT-7")

    async def all_told() -> bool:
        trace = (await house.get(f"{SANDBOX}/requests/c2b:{receipt}/trace")).json()
        names = {entry["Name"] for entry in trace["Entries"]}
        return names >= ({"bill_payment", "c2b_confirmation"} if is_confirmed else {"bill_payment"})

    await eventually(all_told)
    assert len((await house.get(f"{SANDBOX}/requests")).json()["Requests"]) == 3  # opt-in, invoice, the payment
    if not is_confirmed:
        await eventually(lambda: house.merchant.at(PAID))
        (told,) = house.merchant.at(PAID)
        assert (told.json["transactionId"], told.json["paidAmount"]) == (receipt, "800")
        assert view["Evidence"] == "bill_manager"


async def test_only_the_app_that_is_told_of_payments_may_turn_bills_elsewhere(house: House) -> None:
    insider = await house.add_app("demo", "insider")
    mine, house.app = house.app, insider
    refused = await post(house, f"{BILLS}/optin", details(house))
    house.app = mine
    assert "app_key" not in refused.json(), refused.json()


async def test_a_call_that_is_no_bill_is_kept_and_not_believed(house: House) -> None:
    (shortcode,) = await house.gateway.journal.shortcodes()
    path = house.gateway.payments.callback_url("bill_payment", shortcode.id).removeprefix(house.url)
    for body in (b"{}", b"[]", b'{"transactionId":"X","paidAmount":"no","shortCode":"174379"}', b"\xff"):
        answer = await house.client.post(path, content=body)
        assert answer.json() == {"resmsg": "Success", "rescode": "200"}
    other = {"transactionId": "SGR1234567", "paidAmount": "10", "shortCode": "600000", "accountReference": "A"}
    await house.client.post(path, json=other)
    assert await house.count("payments") == 0
    assert await house.count("exchanges WHERE verdict LIKE 'quarantined%'") == 5


async def test_a_paid_bill_is_money_however_its_fields_are_spelled(house: House) -> None:
    (shortcode,) = await house.gateway.journal.shortcodes()
    path = house.gateway.payments.callback_url("bill_payment", shortcode.id).removeprefix(house.url)
    told = {"TransactionId": "SGR1234567", "PaidAmount": "800", "ShortCode": PAYBILL, "AccountReference": "FLAT-7"}
    await house.client.post(path, json=told | {"Msisdn": "254712345678"})
    view = await house.request("c2b:SGR1234567")
    assert (view["State"], view["Amount"], view["AccountReference"]) == ("succeeded", 800, "FLAT-7")
    assert view["Evidence"] == "bill_manager"


async def test_the_wakala_api_opts_in_and_invoices_with_the_same_key(house: House) -> None:
    opt_in = {"Email": "bills@example.org", "OfficialContact": "0712345678"}
    answer = await house.client.post(f"{SANDBOX}/billmanager/optin", json=opt_in, headers=basic(house.app))
    assert answer.json()["State"] == "succeeded", answer.text
    assert not set(keys_seen(house)) & set(answer.text.split('"'))


@pytest.mark.parametrize("by_daraja", [False, True])
async def test_an_invoice_is_changed_by_either_face_until_it_is_paid(house: House, *, by_daraja: bool) -> None:
    await post(house, f"{BILLS}/optin", details(house))
    await post(house, f"{BILLS}/single-invoicing", INVOICE)

    async def change(amount: int) -> httpx2.Response:
        if by_daraja:
            return await post(house, f"{BILLS}/change-invoice", INVOICE | {"amount": str(amount)})
        body = IN_OUR_WORDS | {"Amount": amount}
        return await house.client.post(f"{SANDBOX}/billmanager/changeinvoice", json=body, headers=basic(house.app))

    assert (await change(900)).status_code == 200
    (invoice,) = house.box.machine.services.bills.invoices.values()
    assert invoice.amount_cents == 90_000
    await pay(house)
    refused = await change(1_000)
    assert refused.status_code == (409 if by_daraja else 422), refused.text
    assert invoice.amount_cents == 90_000


async def test_changes_of_invoices_are_a_bare_list_and_long(house: House) -> None:
    many = [INVOICE | {"externalReference": f"INV-{number}"} for number in range(1_000)]
    await post(house, f"{BILLS}/bulk-invoicing", many)
    answer = await post(house, f"{BILLS}/change-invoices", [each | {"amount": "900"} for each in many])
    assert (answer.status_code, answer.json()["rescode"]) == (200, "200")
    assert {each.amount_cents for each in house.box.machine.services.bills.invoices.values()} == {90_000}
    in_our_words = [IN_OUR_WORDS | {"ExternalReference": f"INV-{number}", "Amount": 950} for number in range(1_000)]
    answer = await house.client.post(
        f"{SANDBOX}/billmanager/changeinvoices", json={"Invoices": in_our_words}, headers=basic(house.app)
    )
    assert answer.json()["State"] == "succeeded", answer.text
    assert {each.amount_cents for each in house.box.machine.services.bills.invoices.values()} == {95_000}


@pytest.mark.parametrize("prefix", [BILL_PREFIX, BILL_PREFIX * 2])
async def test_m_pesa_is_asked_below_the_prefix_that_is_set_by_either_face(tmp_path: Path, prefix: str) -> None:
    async with running_gateway(tmp_path, daraja={"bill_manager_prefix": prefix}) as house:
        for name, body in BY_OUR_API.values():
            answer = await house.client.post(f"{SANDBOX}/billmanager/{name}", json=body, headers=basic(house.app))
            assert answer.status_code == 200, (name, answer.text)
        assert asked_below(house, prefix) == set(BY_OUR_API)
        house.box.machine.calls.clear()
        for below in (BILLS, BILLS + BILL_PREFIX):  # callers may use either form, whichever is set
            for name in BY_OUR_API:
                await post(house, f"{below}/{name}", details(house) if "optin" in name else INVOICE)
        assert asked_below(house, prefix) == set(BY_OUR_API)


def test_every_api_of_bill_managers_is_in_the_table_of_these_tests() -> None:
    declared = {command.name: command.facade for command in COMMANDS if command.path.startswith("billmanager/")}
    assert declared == {name: (f"{BILL_PREFIX}/{facade}",) for facade, (name, _) in BY_OUR_API.items()}
