"""A customer pays from the menu: validation within its time, then the confirmation; STK payments are confirmed too."""

import asyncio
import hashlib
from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample, until

MENU = {"number": "600984", "msisdn": CUSTOMER, "amount": 75, "account": "ACC-19"}


async def validated(box: Box, **changes: Any) -> None:
    await box.register(**changes)
    await box.control(
        "shortcodes",
        {"number": "600984", "name": "Shop", "balance_cents": 10_400_00, "external_validation": True},
    )


async def test_the_simulation_is_acknowledged_and_confirmed(box: Box) -> None:
    await box.register()
    answer = await box.post("/mpesa/c2b/v2/simulate", sample("c2b_simulate_request"))
    expected = sample("c2b_simulate_ack")
    assert answer.json() == {**expected, "OriginatorCoversationID": answer.json()["OriginatorCoversationID"]}
    [post] = await box.merchant.received("/confirm")
    body, model = post.json, sample("c2b_confirmation_v2")
    assert list(body) == list(model)
    assert all(isinstance(value, str) for value in body.values())
    own = ("TransID", "TransTime", "FirstName", "ThirdPartyTransID", "MSISDN")
    assert body == {**model, **{name: body[name] for name in own}}
    assert body["MSISDN"] == "2547 ***** 149"
    assert post.headers["Content-Type"] == "application/json;charset=UTF-8"


async def test_version_1_hashes_the_number(box: Box) -> None:
    await box.register(version="v1")
    await box.control("c2b/pay", MENU)
    [post] = await box.merchant.received("/confirm")
    assert post.json["MSISDN"] == hashlib.sha256(CUSTOMER.encode()).hexdigest()


async def test_version_1_showed_the_number_before_2022(box: Box) -> None:
    await box.control("rules", {"v1_plain_msisdn": True})
    await box.control("shortcodes", {"number": "600984", "external_validation": True})
    await box.register(version="v1")
    await box.control("c2b/pay", MENU)
    [confirmation] = await box.merchant.received("/confirm")
    [validation] = box.merchant.at("/validate")
    assert validation.json["MSISDN"] == confirmation.json["MSISDN"] == CUSTOMER
    assert list(confirmation.json) == list(sample("c2b_confirmation_legacy_plain"))
    await box.register(version="v2")
    await box.control("c2b/pay", MENU)
    posts = await box.merchant.received("/confirm", 2)
    assert posts[1].json["MSISDN"] == "2547 ***** 678"


async def test_urls_that_were_swapped_end_in_an_accepted_payment(box: Box) -> None:
    """The listener of the other kind answers without a ResultCode, and a confirmation may meet a 404."""
    swapped = {"ValidationURL": f"{box.merchant.url}/confirm", "ConfirmationURL": f"{box.merchant.url}/nothing"}
    box.merchant.replies |= {"/confirm": (200, {"ResponseCode": "00000000"}), "/nothing": (404, {})}
    await validated(box, **swapped)
    paid = await box.control("c2b/pay", MENU)
    assert paid["state"] == "paid"
    await box.merchant.received("/nothing")


async def test_a_till_names_its_store_and_no_account(box: Box) -> None:
    await box.register("600991")
    await box.control("c2b/pay", {**MENU, "number": "600992"})
    [post] = await box.merchant.received("/confirm")
    model = sample("c2b_confirmation_till")
    assert post.json["TransactionType"] == model["TransactionType"]
    assert (post.json["BusinessShortCode"], post.json["BillRefNumber"]) == ("600991", "")


async def test_without_urls_the_payment_completes_in_silence(box: Box) -> None:
    assert (await box.control("c2b/pay", MENU))["state"] == "paid"
    assert box.merchant.posts == []


async def test_validation_is_off_by_default(box: Box) -> None:
    await box.register()
    await box.control("c2b/pay", MENU)
    await box.merchant.received("/confirm")
    assert box.merchant.at("/validate") == []


async def test_validation_comes_first_with_the_receipt_and_without_a_balance(box: Box) -> None:
    await validated(box)
    box.merchant.replies["/validate"] = (
        200,
        {"ResultCode": "0", "ResultDesc": "Accepted", "ThirdPartyTransID": "GW-7"},
    )
    payment = await box.control("c2b/pay", MENU)
    [confirmation] = await box.merchant.received("/confirm")
    [validation] = box.merchant.at("/validate")
    assert list(validation.json) == list(sample("c2b_validation_v2"))
    assert validation.json["OrgAccountBalance"] == ""
    assert validation.json["TransID"] == confirmation.json["TransID"] == payment["receipt"]
    assert confirmation.json["OrgAccountBalance"] == "10475.00"
    assert confirmation.json["ThirdPartyTransID"] == "GW-7"


@pytest.mark.parametrize("code", ["C2B00012", 1, "1"])
async def test_a_rejection_stops_the_payment(box: Box, code: str | int) -> None:
    await validated(box)
    box.merchant.replies["/validate"] = (200, {"ResultCode": code, "ResultDesc": "Rejected"})
    payment = await box.control("c2b/pay", MENU)
    assert (payment["state"], payment["result_code"], payment["receipt"]) == ("failed", str(code), "")
    assert box.merchant.at("/confirm") == []
    assert box.machine.world.phones[CUSTOMER].balance_cents == 100_000_00


@pytest.mark.parametrize(("response_type", "state"), [("Completed", "paid"), ("Cancelled", "failed")])
async def test_after_8_seconds_of_silence_the_response_type_decides(box: Box, response_type: str, state: str) -> None:
    await validated(box, ResponseType=response_type)
    box.merchant.silent.add("/validate")
    paying = asyncio.create_task(box.control("c2b/pay", MENU))
    await box.merchant.received("/validate")
    await box.advance(7.9)
    assert not paying.done()
    await box.advance(0.2)
    assert (await paying)["state"] == state
    said = [call["reason"] for call in (await box.control("calls", method="GET"))["calls"]]
    assert "No answer within 8 s." in said


@pytest.mark.parametrize("reply", [(500, {}), (200, []), (200, {"Result": "fine"})])
async def test_an_answer_that_cannot_be_read_counts_as_none(box: Box, reply: tuple[int, Any]) -> None:
    await validated(box, ResponseType="Cancelled")
    box.merchant.replies["/validate"] = reply
    assert (await box.control("c2b/pay", MENU))["state"] == "failed"


async def test_an_unreachable_validation_url_leaves_it_to_the_response_type(box: Box) -> None:
    await validated(box, ValidationURL="http://127.0.0.1:9/validate")
    assert (await box.control("c2b/pay", MENU))["state"] == "paid"


async def test_a_short_balance_never_reaches_the_merchant(box: Box) -> None:
    await validated(box)
    await box.control("phones", {"msisdn": CUSTOMER, "balance_cents": 10})
    assert (await box.control("c2b/pay", MENU))["result_code"] == 1
    assert box.merchant.posts == []


async def test_an_stk_payment_is_confirmed_too_with_the_same_receipt(box: Box) -> None:
    await box.register("174379")
    await box.control("autopilot", {"mode": "pay"})
    await box.pushed(AccountReference="INV-2041")
    [callback] = await box.merchant.received("/stk")
    [confirmation] = await box.merchant.received("/confirm")
    assert confirmation.json["TransID"] == callback.json["Body"]["stkCallback"]["CallbackMetadata"]["Item"][1]["Value"]
    assert confirmation.json["BillRefNumber"] == "INV-2041"
    assert confirmation.json["MSISDN"] == "2547 ***** 678"
    assert confirmation.json["OrgAccountBalance"] == "150.00"
    assert box.merchant.at("/validate") == []


async def test_a_till_push_is_confirmed_without_an_account(box: Box) -> None:
    await box.register("600991")
    await box.control("autopilot", {"mode": "pay"})
    await box.till_push(AccountReference="SHOP")
    [confirmation] = await box.merchant.received("/confirm")
    assert (confirmation.json["BillRefNumber"], confirmation.json["TransactionType"]) == (
        "",
        "Customer Merchant Payment",
    )


async def test_a_failed_push_is_not_confirmed(box: Box) -> None:
    await box.register("174379")
    await box.pushed()
    await box.control(f"phones/{CUSTOMER}/cancel")
    await box.merchant.received("/stk")
    assert box.merchant.at("/confirm") == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": "111111"},
        {"amount": 0},
        {"account": " "},
        {"msisdn": "0712345678"},
        {"pin": "0000"},
        {"colour": "red"},
    ],
)
async def test_a_bad_order_gets_a_sentence(box: Box, wrong: dict[str, Any]) -> None:
    answer = await box.client.post("/simulator/c2b/pay", json={**MENU, **wrong})
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_a_simulation_for_nobody_is_an_invalid_shortcode(box: Box) -> None:
    answer = await box.post("/mpesa/c2b/v1/simulate", {**sample("c2b_simulate_request"), "ShortCode": 111111})
    assert answer.json()["errorMessage"] == "Bad Request - Invalid ShortCode"


async def test_a_reset_forgets_a_payment_that_waits_for_validation(box: Box) -> None:
    await validated(box)
    box.merchant.silent.add("/validate")
    await box.post("/mpesa/c2b/v2/simulate", sample("c2b_simulate_request"))
    await box.merchant.received("/validate")
    await box.control("reset")
    await until(lambda: not box.machine.collections._tasks)
    assert await box.payments() == []
