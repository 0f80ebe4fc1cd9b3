"""The corners of Daraja's own paths: what M-Pesa refuses, how it spells it, and what is passed on as it came."""

import base64
import json
from typing import Any

import pytest

from services.gateway import CUSTOMER, PAYBILL, STORE, TILL, House, eventually
from wakala.rules.accounts import Product
from wakala.rules.commands import RELAYED
from wakala.simulator.sandbox import PASSKEY
from web.test_daraja_paths_answer_as_daraja_does import PUSH, QUERY, STAMP, post, push_body, query_body, token

URL = "http://127.0.0.1:9/told"
OPERATOR = {"SecurityCredential": "c2VjcmV0", "Remarks": "A test", "ResultURL": URL, "QueueTimeOutURL": URL}
PAYOUT = OPERATOR | {
    "OriginatorConversationID": "PAYOUT-1",
    "InitiatorName": "testapi",
    "CommandID": "BusinessPayment",
    "Amount": 10,
    "PartyA": PAYBILL,
    "PartyB": CUSTOMER,
}
TRANSFER = OPERATOR | {
    "Initiator": "testapi",
    "CommandID": "BusinessPayBill",
    "SenderIdentifierType": "4",
    "RecieverIdentifierType": "4",
    "Amount": "10",
    "PartyA": PAYBILL,
    "PartyB": "600000",
    "AccountReference": "353353",
}
STATUS = OPERATOR | {
    "Initiator": "testapi",
    "CommandID": "TransactionStatusQuery",
    "TransactionID": "UCE1Q0Z8MN",
    "PartyA": PAYBILL,
    "IdentifierType": "4",
}
BALANCE = OPERATOR | {"Initiator": "testapi", "CommandID": "AccountBalance", "PartyA": PAYBILL, "IdentifierType": "4"}
REVERSAL = OPERATOR | {
    "Initiator": "testapi",
    "CommandID": "TransactionReversal",
    "TransactionID": "UCE1Q0Z8MN",
    "Amount": "10",
    "ReceiverParty": PAYBILL,
    "RecieverIdentifierType": "11",
}
REGISTER = {"ShortCode": PAYBILL, "ResponseType": "Completed", "ConfirmationURL": URL, "ValidationURL": URL}
B2C, B2B = "/mpesa/b2c/v3/paymentrequest", "/mpesa/b2b/v1/paymentrequest"
TAX, REVERSE = "/mpesa/b2b/v1/remittax", "/mpesa/reversal/v1/request"
ASK_STATUS, ASK_BALANCE = "/mpesa/transactionstatus/v1/query", "/mpesa/accountbalance/v1/query"
C2B, PULL = "/mpesa/c2b/v2/registerurl", "/pulltransactions/v1/query"
BILLS = "/v1/billmanager-invoice"


async def granted(house: House) -> None:
    """The paybill has an operator and every product."""
    (shortcode,) = await house.gateway.journal.shortcodes()
    await house.grant(shortcode, *Product)


def type_is_wrong(party: str, given: str) -> tuple[int, str, str]:
    message = f"The element The value of Request.Identity.{party}.IdentifierType can not be {given} is invalid."
    return 401, "401.002.01", message


def field_is_wrong(name: str) -> tuple[int, str, str]:
    return 400, "400.002.02", f"Bad Request - Invalid {name}"


REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], tuple[int, str, str]]] = [
    (B2C, PAYOUT, {"OriginatorConversationID": ""}, field_is_wrong("OriginatorConversationID")),
    (B2C, PAYOUT, {"PartyB": "0712345678"}, field_is_wrong("PartyB")),
    (B2C, PAYOUT, {"Remarks": "x"}, field_is_wrong("Remarks")),
    (B2C, PAYOUT, {"Remarks": "x" * 101}, field_is_wrong("Remarks")),
    (B2C, PAYOUT, {"Occassion": "x" * 101}, field_is_wrong("Occassion")),
    (B2C, PAYOUT, {"PartyA": "999999"}, field_is_wrong("PartyA")),
    (B2B, TRANSFER, {"SenderIdentifierType": "9"}, type_is_wrong("PrimaryParty", "9")),
    (B2B, TRANSFER, {"RecieverIdentifierType": "1"}, type_is_wrong("ReceiverParty", "1")),
    (B2B, TRANSFER, {"AccountReference": ""}, field_is_wrong("AccountReference")),
    (B2B, TRANSFER, {"AccountReference": "A" * 14}, field_is_wrong("AccountReference")),
    (B2B, TRANSFER, {"CommandID": "PayTaxToKRA"}, field_is_wrong("CommandID")),
    (TAX, TRANSFER | {"CommandID": "PayTaxToKRA"}, {}, field_is_wrong("PartyB")),
    (ASK_STATUS, STATUS, {"IdentifierType": "9"}, type_is_wrong("PrimaryParty", "9")),
    (ASK_STATUS, STATUS, {"TransactionID": ""}, field_is_wrong("TransactionID")),
    (ASK_BALANCE, BALANCE, {"IdentifierType": "1"}, type_is_wrong("PrimaryParty", "1")),
    (REVERSE, REVERSAL, {"RecieverIdentifierType": "1"}, type_is_wrong("ReceiverParty", "1")),
    (C2B, REGISTER, {"ShortCode": "999999"}, field_is_wrong("ShortCode")),
    (C2B, REGISTER, {"ResponseType": "completed"}, field_is_wrong("ResponseType")),
    (
        C2B,
        REGISTER,
        {"ValidationURL": "https://shop.example/MPesa/v"},
        (400, "400.002.02", "Invalid ValidationURL - URL has the word MPESA"),
    ),
    (PULL, {"ShortCode": "999999", "StartDate": "x", "EndDate": "x"}, {}, (400, "400.001", "Invalid ShortCode")),
]


@pytest.mark.parametrize(("path", "body", "changes", "told"), REFUSED)
async def test_it_is_refused_in_m_pesas_words_and_nothing_is_sent(
    house: House, path: str, body: dict[str, Any], changes: dict[str, Any], told: tuple[int, str, str]
) -> None:
    await granted(house)
    answer = await post(house, f"/sandbox{path}", body | changes)
    read = answer.json()
    assert (answer.status_code, read["errorCode"], read["errorMessage"]) == told
    assert read["requestId"]
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    assert not house.box.machine.world.commands


@pytest.mark.parametrize(
    ("path", "body"),
    [(B2C, PAYOUT), (B2B, TRANSFER), (ASK_STATUS, STATUS), (ASK_BALANCE, BALANCE), (REVERSE, REVERSAL)],
)
async def test_as_they_stand_these_bodies_are_accepted(house: House, path: str, body: dict[str, Any]) -> None:
    await granted(house)
    answer = await post(house, f"/sandbox{path}", body)
    assert (answer.status_code, answer.json()["ResponseCode"]) == (200, "0")


@pytest.mark.parametrize("stamp", ["20261324101501", "2026112410150", "now"])
async def test_a_timestamp_is_a_real_time(house: House, stamp: str) -> None:
    answer = await post(house, PUSH, push_body(house, Timestamp=stamp))
    assert answer.json()["errorMessage"] == "Bad Request - Invalid Timestamp"


async def test_a_push_of_the_other_type_names_the_type_and_says_why(house: House) -> None:
    answer = await post(house, PUSH, push_body(house, TransactionType="CustomerBuyGoodsOnline"))
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, "Bad Request - Invalid TransactionType")
    assert f"{PAYBILL} is a paybill" in answer.headers["x-wakala-reason"]
    assert house.prompts() == 0


async def test_a_till_is_pushed_by_its_store_number(house: House) -> None:
    await house.add_shortcode(number=STORE, till=TILL)
    password = base64.b64encode(f"{STORE}{PASSKEY}{STAMP}".encode()).decode()
    body = push_body(house, BusinessShortCode=STORE, PartyB=TILL, Password=password)
    assert (await post(house, PUSH, body | {"TransactionType": "CustomerBuyGoodsOnline"})).json()["ResponseCode"] == "0"


async def test_a_query_proves_itself_before_it_is_told_anything(house: House) -> None:
    answer = await post(house, QUERY, query_body("ws_CO_nobody") | {"Password": "d3Jvbmc="})
    assert answer.json()["errorMessage"] == "[MerchantValidate] - Wrong credentials"
    foreign = await post(house, QUERY, query_body("ws_CO_nobody") | {"BusinessShortCode": "600123"})
    assert foreign.json()["errorMessage"] == "Merchant does not exist"


@pytest.mark.parametrize("path", ["/mpesa/stkpush/v2/processrequest", "/mpesa/b2c/v2/paymentrequest", "/v1/nothing"])
async def test_a_path_that_daraja_has_not_is_not_found_in_its_words(house: House, path: str) -> None:
    for prefix in ("", "/sandbox"):
        found = await post(house, prefix + path, {})
        assert (found.status_code, found.json()["errorCode"]) == (404, "404.001.01")
        stranger = await house.client.post(prefix + path, json={})
        assert (stranger.status_code, stranger.json()["errorCode"]) == (404, "404.001.04")


async def test_pull_has_codes_and_a_method_of_its_own(house: House) -> None:
    stranger = await house.client.post(f"/sandbox{PULL}", json={}, headers={"Authorization": "Bearer nobody"})
    assert (stranger.status_code, stranger.json()["errorCode"]) == (401, "401.001")
    window = {"ShortCode": PAYBILL, "StartDate": "2026-11-27 00:00:00", "EndDate": "2026-11-27 01:00:00"}
    bearer = {"Authorization": f"Bearer {await token(house)}", "Content-Type": "application/json"}
    for method in ("GET", "POST"):
        answer = await house.client.request(
            method, f"/sandbox{PULL}", content=json.dumps(window | {"OffSetValue": "0"}), headers=bearer
        )
        assert (answer.status_code, answer.json()["Response"]) == (200, [[]])


async def test_a_body_that_is_too_long_is_refused_in_the_envelope(house: House) -> None:
    answer = await post(house, PUSH, push_body(house, TransactionDesc="x" * 70_000))
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.002.05")


async def test_a_thousand_invoices_go_in_one_call(house: House) -> None:
    opted = {
        "shortcode": PAYBILL,
        "email": "bills@shop.example",
        "officialContact": "0712345678",
        "sendReminders": "1",
        "logo": "",
        "callbackurl": URL,
    }
    for prefix in (BILLS, BILLS + BILLS):  # as the documents have it, and as an e-mail on going live has it
        assert (await post(house, f"/sandbox{prefix}/optin", opted)).json()["rescode"] == "200"
    invoices = [
        {
            "externalReference": f"E{number}",
            "billedFullName": "Akinyi Demo Otieno",
            "billedPhoneNumber": "0712345678",
            "billedPeriod": "March 2027",
            "invoiceName": "Rent",
            "dueDate": "2027-03-31",
            "accountReference": f"HOUSE-{number}",
            "amount": "1500",
        }
        for number in range(1_000)
    ]
    answer = await post(house, f"/sandbox{BILLS}/bulk-invoicing", invoices)
    assert (answer.status_code, answer.json()["rescode"]) == (200, "200")


async def test_an_answer_given_at_once_has_m_pesas_bytes_and_status(house: House) -> None:
    await granted(house)
    asked = {"header": {"requestID": "R", "timestamp": "1"}, "body": {"msisdn": CUSTOMER, "shortcode": PAYBILL}}
    found = await post(house, "/sandbox/mpesa/b2c/hakikisha/v1/hakikisha", asked)
    assert found.status_code == 200
    assert b'"header":{"requestID":"R",' in found.content
    nobody = await post(house, "/sandbox/mpesa/b2c/hakikisha/v1/hakikisha", asked | {"body": {"msisdn": "254"}})
    assert (nobody.status_code, nobody.json()["header"]["status"]) == (400, "400")


BODIES: dict[str, dict[str, Any]] = {
    "registration/checkati": {"customerNumber": CUSTOMER},
    "kyc/validateid": {
        "requestRefID": "1",
        "shortCode": PAYBILL,
        "msisdn": CUSTOMER,
        "idType": "01",
        "idNumber": "12345678",
    },
    "bonga/calculatepoints": {"points": 100},
    "bonga/redeempaybill": {
        "msisdn": CUSTOMER,
        "amount": "10",
        "bongaPoints": "50",
        "conversionRate": "0.2",
        "shortCode": PAYBILL,
        "accountNumber": "A-1",
    },
    "simportal/allsims": {"vpnGroup": ["a"], "startAtIndex": "0", "pageSize": "10", "username": "u"},
    "simportal/querylifecyclestatus": {"msisdn": "300000000001", "vpnGroup": "a", "username": "u"},
}


@pytest.mark.parametrize("path", BODIES)
async def test_what_the_wakala_api_has_no_words_for_is_passed_on_as_it_came(house: House, path: str) -> None:
    (facade,) = next(command.facade for command in RELAYED if command.path == path)
    direct = await house.box.post(facade, BODIES[path])
    answer = await post(house, f"/sandbox{facade}", BODIES[path], Idempotency_Key="RELAYED")
    assert answer.status_code == direct.status_code == 200
    assert answer.json().keys() == direct.json().keys()
    trace = (await house.get("/sandbox/mpesa/v1/requests/RELAYED/trace")).json()
    assert {"api_request", path.replace("/", "_")} <= {entry["Name"] for entry in trace["Entries"]}


async def test_a_question_in_the_address_is_passed_on_too(house: House) -> None:
    answer = await post(house, "/sandbox/simportal/v1/searchmessages?pageNo=3&pageSize=7", {"searchValue": "x"})
    assert answer.json()["body"]["pageable"]["pageSize"] == 7


async def test_m_pesas_no_to_what_is_passed_on_is_handed_back(house: House) -> None:
    answer = await post(house, "/sandbox/registration/lookup/v1/checkATI", {"customerNumber": "12"})
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, "Bad Request - Invalid customerNumber")
    unknown = await post(house, "/sandbox/v1/dynamic-offers/fetch", {})
    assert (unknown.status_code, unknown.json()["errorMessage"]) == (404, "Resource not found")


async def test_two_long_idempotency_keys_with_one_beginning_are_two(house: House) -> None:
    beginning = "k" * 64
    for number, end in enumerate(("a", "b")):
        phone = f"25470000010{number}"
        await post(house, PUSH, push_body(house, PartyA=phone, PhoneNumber=phone), Idempotency_Key=beginning + end)
    assert house.prompts() == 2


async def test_an_idempotency_key_repeats_the_answer_where_m_pesa_would_call_it_a_duplicate(house: House) -> None:
    await granted(house)
    first = await post(house, f"/sandbox{B2C}", PAYOUT, Idempotency_Key="K-1")
    again = await post(house, f"/sandbox{B2C}", PAYOUT, Idempotency_Key="K-1")
    assert first.json() == again.json()
    bare = await post(house, f"/sandbox{B2C}", PAYOUT)
    assert (bare.status_code, bare.json()["errorMessage"]) == (500, "Duplicate OriginatorConversationID.")
    assert len(house.box.machine.world.commands) == 1


async def test_a_callback_has_darajas_headers(house: House) -> None:
    await post(house, PUSH, push_body(house))
    await house.customer("approve")
    await eventually(lambda: bool(house.merchant.at("/daraja-style")))
    (told,) = house.merchant.at("/daraja-style")
    assert told.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert told.headers["Businessshortcode"] == PAYBILL
    assert told.json["Body"]["stkCallback"]["ResultDesc"] == "The service request is processed successfully."


@pytest.mark.parametrize(
    ("path", "kind", "state"),
    [("bonga/redeempaybill", "bonga", "unknown"), ("registration/checkati", "age_on_network", "failed")],
    ids=("spent", "asked"),
)
async def test_what_spends_is_unknown_where_the_answer_was_lost(house: House, path: str, kind: str, state: str) -> None:
    (facade,) = next(command.facade for command in RELAYED if command.path == path)
    await house.box.fault(kind, "answer_empty")
    answer = await post(house, f"/sandbox{facade}", BODIES[path], Idempotency_Key="LOST")
    assert answer.status_code == 500
    assert (await house.get("/sandbox/mpesa/v1/requests/LOST")).json()["State"] == state
