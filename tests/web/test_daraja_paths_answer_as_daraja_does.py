"""What an SDK sees that was pointed at this gateway: Daraja's own words, statuses and quirks."""

import base64
from typing import Any

import httpx2
import pytest

from services.gateway import CUSTOMER, PAYBILL, House, basic, eventually
from wakala.simulator.sandbox import PASSKEY

STAMP = "20261124101501"
PASSWORD = base64.b64encode(f"{PAYBILL}{PASSKEY}{STAMP}".encode()).decode()
PUSH = "/sandbox/mpesa/stkpush/v1/processrequest"
QUERY = "/sandbox/mpesa/stkpushquery/v1/query"


async def token(house: House) -> str:
    answer = await house.client.get(
        "/sandbox/oauth/v1/generate?grant_type=client_credentials", headers=basic(house.app)
    )
    assert answer.status_code == 200
    assert int(answer.json()["expires_in"]) == 3599
    assert isinstance(answer.json()["expires_in"], str)
    found: str = answer.json()["access_token"]
    return found


def push_body(house: House, **changes: Any) -> dict[str, Any]:
    body = {
        "BusinessShortCode": PAYBILL,
        "Password": PASSWORD,
        "Timestamp": STAMP,
        "TransactionType": "CustomerPayBillOnline",
        "Amount": 150,
        "PartyA": CUSTOMER,
        "PartyB": PAYBILL,
        "PhoneNumber": CUSTOMER,
        "CallBackURL": house.merchant.url + "/daraja-style",
        "AccountReference": "INV-7",
        "TransactionDesc": "Order 7",
    }
    return {name: value for name, value in (body | changes).items() if value is not ...}


async def post(house: House, path: str, body: Any, **headers: str) -> httpx2.Response:
    given = {"Authorization": f"Bearer {await token(house)}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return await house.client.post(path, json=body, headers=given)


async def test_a_push_is_acknowledged_and_called_back_in_daraja_s_shape(house: House) -> None:
    ack = (await post(house, PUSH, push_body(house))).json()
    assert ack["ResponseCode"] == "0"
    assert set(ack) == {
        "MerchantRequestID",
        "CheckoutRequestID",
        "ResponseCode",
        "ResponseDescription",
        "CustomerMessage",
    }
    pending = await post(house, QUERY, query_body(ack["CheckoutRequestID"]))
    assert pending.json()["ResultCode"] == "4999"
    await house.customer("approve")
    await eventually(lambda: bool(house.merchant.at("/daraja-style")))
    (told,) = house.merchant.at("/daraja-style")
    callback = told.json["Body"]["stkCallback"]
    assert (callback["CheckoutRequestID"], callback["ResultCode"]) == (ack["CheckoutRequestID"], 0)
    items = {item["Name"]: item.get("Value") for item in callback["CallbackMetadata"]["Item"]}
    assert items["Amount"] == 150
    assert items["PhoneNumber"] == int(CUSTOMER)
    done = await post(house, QUERY, query_body(ack["CheckoutRequestID"]))
    assert done.json()["ResultCode"] == "0"


def query_body(checkout_id: str) -> dict[str, str]:
    return {
        "BusinessShortCode": PAYBILL,
        "Password": PASSWORD,
        "Timestamp": STAMP,
        "CheckoutRequestID": checkout_id,
    }


async def test_what_came_by_daraja_s_paths_is_on_record_as_everything_else(house: House) -> None:
    await post(house, PUSH, push_body(house), Idempotency_Key="KEY-1")
    trace = (await house.get("/sandbox/mpesa/v1/requests/KEY-1/trace")).json()
    names = [entry["Name"] for entry in trace["Entries"] if entry["Type"] == "exchange"]
    assert "api_request" in names
    assert "stk_push" in names
    assert PASSWORD not in str(trace)


async def test_an_idempotency_key_makes_one_prompt(house: House) -> None:
    first = await post(house, PUSH, push_body(house), Idempotency_Key="KEY-2")
    again = await post(house, PUSH, push_body(house), Idempotency_Key="KEY-2")
    assert again.json() == first.json()
    assert house.prompts() == 1


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("BusinessShortCode", "12", "BusinessShortCode"),
        ("Timestamp", "now", "Timestamp"),
        ("TransactionType", "Pay", "TransactionType"),
        ("Amount", 0, "Amount"),
        ("Amount", "1.50", "Amount"),
        ("Amount", ..., "Amount"),
        ("PhoneNumber", "12345", "PhoneNumber"),
        ("CallBackURL", "shop", "CallBackURL"),
        ("CallBackURL", f"https://{'h' * 4_000}.example/told", "CallBackURL"),
        ("AccountReference", "", "AccountReference"),
    ],
)
async def test_the_first_wrong_field_is_named(house: House, field: str, value: Any, named: str) -> None:
    answer = await post(house, PUSH, push_body(house, **{field: value}))
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "400.002.02"
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {named}"
    assert answer.json()["requestId"]
    assert house.prompts() == 0


async def test_wrong_proofs_are_refused_in_daraja_s_words(house: House) -> None:
    wrong = await post(house, PUSH, push_body(house, Password="d3Jvbmc="))
    assert (wrong.status_code, wrong.json()["errorMessage"]) == (500, "[MerchantValidate] - Wrong credentials")
    foreign = await post(house, PUSH, push_body(house, BusinessShortCode="600123"))
    assert (foreign.status_code, foreign.json()["errorMessage"]) == (500, "Merchant does not exist")
    assert house.prompts() == 0


async def test_tokens_are_refused_as_daraja_refuses_them(house: House) -> None:
    ask = "/sandbox/oauth/v1/generate?grant_type="
    no_basic = await house.client.get(ask + "client_credentials")
    assert (no_basic.status_code, no_basic.json()["errorCode"]) == (400, "400.008.01")
    grant = await house.client.get(ask + "password", headers=basic(house.app))
    assert (grant.status_code, grant.json()["errorCode"]) == (400, "400.008.02")
    missing = await house.client.post(PUSH, json={})
    assert (missing.status_code, missing.json()["errorCode"]) == (404, "404.001.04")
    invalid = await house.client.post(PUSH, json={}, headers={"Authorization": "Bearer nobody"})
    assert (invalid.status_code, invalid.json()["errorCode"]) == (404, "404.001.03")


async def test_method_payload_and_content_type_are_looked_at_in_that_order(house: House) -> None:
    bearer = {"Authorization": f"Bearer {await token(house)}"}
    got = await house.client.get(PUSH, headers=bearer)
    assert (got.status_code, got.json()["errorCode"]) == (405, "405.001")
    torn = await house.client.post(PUSH, content=b"{", headers=bearer | {"Content-Type": "application/json"})
    assert (torn.status_code, torn.json()["errorCode"]) == (400, "400.002.05")
    form = await house.client.post(PUSH, data={"BusinessShortCode": PAYBILL}, headers=bearer)
    assert form.json()["errorMessage"] == "Bad Request - Invalid BusinessShortCode"


async def test_a_live_path_is_closed_to_an_app_that_is_not_live(house: House) -> None:
    answer = await post(house, PUSH.removeprefix("/sandbox"), push_body(house))
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "401.002.01")
    assert "no apiproduct match found" in answer.json()["errorMessage"]


async def test_an_unknown_checkout_id_does_not_exist(house: House) -> None:
    answer = await post(house, QUERY, query_body("ws_CO_nobody"))
    assert (answer.status_code, answer.json()["errorMessage"]) == (500, "The transaction does not Exist")


async def test_the_last_slash_does_not_matter(house: House) -> None:
    assert (await post(house, PUSH + "/", push_body(house))).json()["ResponseCode"] == "0"


async def test_m_pesa_out_of_reach_is_a_busy_system_and_nothing_is_sent_later(house: House) -> None:
    await house.box.fault("stk_push", "spike_arrest")
    answer = await post(house, PUSH, push_body(house), Idempotency_Key="BUSY")
    assert answer.status_code == 500
    assert answer.json()["errorCode"].startswith("500.003")
    assert (await house.request("BUSY"))["State"] == "failed"
