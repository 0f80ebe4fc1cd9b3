"""Before a command is queued its fields are checked in order, then its identifier types, then its identifier."""

import asyncio
from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import PATHS, QUICK, ask, body, told, values
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


B2C = ("InitiatorName", "SecurityCredential", "CommandID", "Amount", "PartyA", "PartyB", "Remarks")
B2B = (
    "Initiator",
    "SecurityCredential",
    "CommandID",
    "SenderIdentifierType",
    "RecieverIdentifierType",
    "Amount",
    "PartyA",
    "PartyB",
    "AccountReference",
    "Remarks",
)
URLS = ("QueueTimeOutURL", "ResultURL")
REQUIRED = {
    "b2c": ("OriginatorConversationID", *B2C, *URLS),
    "b2pochi": ("OriginatorConversationID", *B2C, *URLS),
    "b2b": (*B2B, *URLS),
    "tax": (*B2B, *URLS),
    "transaction_status": (
        "Initiator",
        "SecurityCredential",
        "CommandID",
        "TransactionID",
        "IdentifierType",
        "PartyA",
        "Remarks",
        *URLS,
    ),
    "account_balance": ("Initiator", "SecurityCredential", "CommandID", "PartyA", "IdentifierType", "Remarks", *URLS),
    "reversal": (
        "Initiator",
        "SecurityCredential",
        "CommandID",
        "TransactionID",
        "Amount",
        "ReceiverParty",
        "RecieverIdentifierType",
        "Remarks",
        *URLS,
    ),
}


@pytest.mark.parametrize(("kind", "field"), [(kind, field) for kind, fields in REQUIRED.items() for field in fields])
async def test_a_missing_field_is_named(box: Box, kind: str, field: str) -> None:
    answer = await ask(box, kind, **{field: ...})
    assert answer.status_code == 400
    assert list(answer.json()) == list(sample("error_400_002_02_invalid_field"))
    assert (answer.json()["errorCode"], answer.json()["errorMessage"]) == (
        "400.002.02",
        f"Bad Request - Invalid {field}",
    )


@pytest.mark.parametrize("kind", REQUIRED)
async def test_of_several_wrong_fields_the_first_is_named(box: Box, kind: str) -> None:
    for number, field in enumerate(REQUIRED[kind]):
        answer = await ask(box, kind, **dict.fromkeys(REQUIRED[kind][number:], ""))
        assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("b2c", "CommandID", "BusinessPayToPochi"),
        ("b2pochi", "CommandID", "BusinessPayment"),
        ("b2b", "CommandID", "PayTaxToKRA"),
        ("tax", "CommandID", "BusinessPayBill"),
        ("tax", "PartyB", "600000"),
        ("b2c", "PartyB", "0712345678"),
        ("b2c", "PartyA", "12"),
        ("b2c", "Amount", "10.50"),
        ("b2c", "Amount", "0"),
        ("b2c", "Amount", "9" * 5_000),
        ("b2c", "Remarks", "x"),
        ("b2c", "Remarks", "x" * 101),
        ("b2b", "AccountReference", "x" * 14),
        ("b2b", "RecieverIdentifierType", "four"),
        ("account_balance", "ResultURL", "ftp://somewhere"),
        ("transaction_status", "PartyA", "0712345678"),
    ],
)
async def test_a_wrong_field_is_named_and_explained(box: Box, kind: str, field: str, value: str) -> None:
    answer = await ask(box, kind, **{field: value})
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"
    assert field in answer.headers["X-Simulator-Reason"] or "Taxes" in answer.headers["X-Simulator-Reason"]


@pytest.mark.parametrize(
    ("kind", "field", "value", "party"),
    [
        ("b2b", "SenderIdentifierType", "1", "PrimaryParty"),
        ("b2b", "RecieverIdentifierType", "2", "ReceiverParty"),
        ("tax", "RecieverIdentifierType", "11", "ReceiverParty"),
        ("transaction_status", "IdentifierType", "11", "PrimaryParty"),
        ("account_balance", "IdentifierType", 9, "PrimaryParty"),
        ("reversal", "RecieverIdentifierType", "1", "ReceiverParty"),
    ],
)
async def test_a_wrong_identifier_type_looks_like_a_bad_token(
    box: Box, kind: str, field: str, value: Any, party: str
) -> None:
    answer = await ask(box, kind, **{field: value})
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "401.002.01")
    assert answer.json()["errorMessage"] == (
        f"The element The value of Request.Identity.{party}.IdentifierType can not be {value} is invalid."
    )


async def test_names_that_are_misprinted_with_a_space_pass(box: Box) -> None:
    changed = {
        "CommandID": ...,
        "Command ID": "BusinessPayBill",
        "AccountReference": ...,
        "Account Reference": "SUP-353",
    }
    assert (await ask(box, "b2b", **changed)).status_code == 200
    status = {"TransactionID": ..., "Transaction ID": "UCE4K7P2QX"}
    assert (await ask(box, "transaction_status", **status)).status_code == 200


@pytest.mark.parametrize("kind", PATHS)
async def test_the_operator_goes_by_either_name(box: Box, kind: str) -> None:
    right, other = ("InitiatorName", "Initiator") if kind in ("b2c", "b2pochi") else ("Initiator", "InitiatorName")
    answer = await ask(box, kind, **{right: ..., other: "testapi"})
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("kind", ["b2c", "b2pochi"])
async def test_a_plus_before_the_number_is_passed_over(box: Box, kind: str) -> None:
    result = await told(box, kind, PartyB=f"+{CUSTOMER}")
    assert values(result)["ReceiverPartyPublicName"].startswith(f"{CUSTOMER} - ")


async def test_old_programs_send_numbers_and_nulls(box: Box) -> None:
    """Numbers for shortcodes, phones and amounts; no reference between businesses; no occasion (daraja.md 2)."""
    payout = {"OriginatorConversationID": ..., "Occassion": ..., "PartyA": 600998, "PartyB": int(CUSTOMER)}
    answer = await box.post("/mpesa/b2c/v1/paymentrequest", body(box, "b2c", **payout, Amount=10))
    assert answer.status_code == 200, answer.text
    await box.merchant.received("/result")
    transfer = {"CommandID": "BusinessToBusinessTransfer", "AccountReference": None, "PartyA": 600979, "PartyB": 600000}
    assert (await told(box, "b2b", **transfer))["ResultCode"] == "0"


@pytest.mark.parametrize("kind", ["b2c", "b2pochi", "b2b", "tax", "account_balance"])
async def test_an_identifier_is_taken_once(box: Box, kind: str) -> None:
    first = await ask(box, kind, OriginatorConversationID="gw-1")
    assert (first.status_code, first.json()["OriginatorConversationID"]) == (200, "gw-1")
    again = await ask(box, kind, OriginatorConversationID="gw-1", Remarks="another body")
    model = sample("error_500_002_1001_duplicate")
    assert (again.status_code, {**again.json(), "requestId": ""}) == (500, {**model, "requestId": ""})
    await box.merchant.received("/result")
    assert len(box.machine.world.commands) == 1


async def test_of_many_at_once_one_is_taken(box: Box) -> None:
    await box.token()
    answers = await asyncio.gather(*(ask(box, "b2c") for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] + [500] * 19


async def test_two_businesses_may_choose_the_same_identifier(box: Box) -> None:
    assert (await ask(box, "b2c", OriginatorConversationID="1")).status_code == 200
    assert (await ask(box, "b2c", OriginatorConversationID="1", PartyA="600984")).status_code == 200


async def test_a_refused_request_spends_no_identifier(box: Box) -> None:
    assert (await ask(box, "b2c", Amount="x")).status_code == 400
    assert (await ask(box, "b2c")).status_code == 200


async def test_an_app_bound_to_other_shortcodes_has_no_product(box: Box) -> None:
    await box.control("apps", {"key": "own", "secret": "s", "shortcodes": ["600984"]})
    box.bearer = (await box.token("own", "s")).json()["access_token"]
    answer = await ask(box, "b2c")
    model = sample("error_401_002_01_product")
    assert (answer.status_code, {**answer.json(), "requestId": ""}) == (401, {**model, "requestId": ""})


@pytest.mark.parametrize("kind", PATHS)
async def test_token_method_and_json_come_first(box: Box, kind: str) -> None:
    path = PATHS[kind]
    assert (await box.client.post(path, json={})).json()["errorCode"] == "404.001.04"
    token = (await box.token()).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert (await box.client.get(path, headers=bearer)).json()["errorCode"] == "405.001"
    broken = await box.client.post(path, content=b"{", headers={**bearer, "Content-Type": "application/json"})
    assert broken.json()["errorCode"] == "400.002.05"
    assert (await box.client.post(path + "/", json={}, headers=bearer)).json()["errorCode"] == "400.002.02"
