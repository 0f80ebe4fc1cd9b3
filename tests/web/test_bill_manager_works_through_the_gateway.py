"""Bill Manager: the key stays in the gateway, and a paid bill is one payment however often M-Pesa tells of it."""

from typing import Any

import pytest

from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, basic, eventually
from wakala.rules.commands import KEPT_BY_GATEWAY
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


async def test_the_wakala_api_opts_in_and_invoices_with_the_same_key(house: House) -> None:
    opt_in = {"Email": "bills@example.org", "OfficialContact": "0712345678"}
    answer = await house.client.post(f"{SANDBOX}/billmanager/optin", json=opt_in, headers=basic(house.app))
    assert answer.json()["State"] == "succeeded", answer.text
    assert not set(keys_seen(house)) & set(answer.text.split('"'))
