"""What becomes of a prompt, by a person, the autopilot or the clock, and what the merchant's callback says of it."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample

PHONE = f"phones/{CUSTOMER}"


async def callback(box: Box, number: int = 1) -> dict[str, Any]:
    posts = await box.merchant.received("/stk", number)
    told: dict[str, Any] = posts[number - 1].json["Body"]["stkCallback"]
    return told


def result_of(name: str) -> tuple[Any, str]:
    told = sample(name)["Body"]["stkCallback"]
    return told["ResultCode"], told["ResultDesc"]


async def test_paying_debits_credits_and_tells_the_merchant_in_m_pesas_bytes(box: Box) -> None:
    acknowledged = (await box.push(Amount="150")).json()
    await box.control(f"{PHONE}/approve", {"pin": "1234"})
    [post] = await box.merchant.received("/stk")
    told = post.json["Body"]["stkCallback"]
    expected = sample("stk_callback_success")["Body"]["stkCallback"]
    assert list(told) == list(expected)
    assert told["MerchantRequestID"] == acknowledged["MerchantRequestID"]
    assert told["CheckoutRequestID"] == acknowledged["CheckoutRequestID"]
    assert (told["ResultCode"], told["ResultDesc"]) == (expected["ResultCode"], expected["ResultDesc"])
    items, expected_items = told["CallbackMetadata"]["Item"], expected["CallbackMetadata"]["Item"]
    assert [item["Name"] for item in items] == [item["Name"] for item in expected_items]
    assert [type(item["Value"]) for item in items] == [type(item["Value"]) for item in expected_items]
    assert b'{"Name":"Amount","Value":150.00}' in post.body
    assert items[3]["Value"] == 254712345678
    assert post.headers["Content-Type"] == "application/json;charset=UTF-8"
    assert post.headers["Businessshortcode"] == "174379"
    state = await box.control("state", method="GET")
    assert state["phones"][0]["balance"] == "99850.00"
    assert state["shortcodes"][0]["balance"] == "150.00"


async def test_the_receipt_is_the_one_in_the_list_of_payments(box: Box) -> None:
    await box.pushed()
    await box.control(f"{PHONE}/approve")
    receipt = (await callback(box))["CallbackMetadata"]["Item"][1]["Value"]
    payment = await box.payment()
    assert (payment["receipt"], payment["state"], payment["result_code"]) == (receipt, "paid", 0)
    now = box.machine.clock.now()
    assert receipt[2] == "0123456789ABCDEFGHIJKLMNOPQRSTUV"[now.day]


@pytest.mark.parametrize(
    ("action", "body", "name"),
    [
        ("approve", {"pin": "9999"}, "stk_callback_fail_wrong_pin"),
        ("wrong-pin", {}, "stk_callback_fail_wrong_pin"),
        ("cancel", {}, "stk_callback_fail_cancelled"),
        ("not-enough", {}, "stk_callback_fail_insufficient_balance"),
        ("busy", {}, "stk_callback_fail_system_busy"),
        ("ignore", {"at_once": True}, "stk_callback_fail_no_response"),
        ("result", {"code": 1019}, "stk_callback_fail_expired"),
        ("result", {"code": "SFC_IC0003"}, "stk_callback_fail_operator_missing"),
    ],
)
async def test_a_failure_has_its_code_its_text_and_no_metadata(
    box: Box, action: str, body: dict[str, Any], name: str
) -> None:
    await box.pushed()
    await box.control(f"{PHONE}/{action}", body)
    told = await callback(box)
    assert (told["ResultCode"], told["ResultDesc"]) == result_of(name)
    assert "CallbackMetadata" not in told
    assert (await box.payment())["state"] == "failed"


async def test_a_code_that_nobody_knows_needs_a_text(box: Box) -> None:
    await box.pushed()
    refused = await box.client.post(f"/simulator/{PHONE}/result", json={"code": 777})
    assert refused.status_code == 400
    await box.control(f"{PHONE}/result", {"code": 777, "text": "Something new."})
    told = await callback(box)
    assert (told["ResultCode"], told["ResultDesc"]) == (777, "Something new.")


async def test_asking_for_result_0_moves_money_only_if_there_is_some(box: Box) -> None:
    await box.control("phones", {"msisdn": CUSTOMER, "balance_cents": 100})
    await box.pushed(Amount=2)
    await box.control(f"{PHONE}/result", {"code": 0})
    assert (await callback(box))["ResultCode"] == 1


async def test_a_short_balance_is_result_1(box: Box) -> None:
    await box.control("phones", {"msisdn": CUSTOMER, "balance_cents": 149_99})
    await box.pushed(Amount=150)
    await box.control(f"{PHONE}/approve")
    assert (await callback(box))["ResultCode"] == 1


async def test_nobody_answers_until_the_prompt_has_lived(box: Box) -> None:
    await box.pushed()
    await box.advance(59)
    assert (await box.payment())["state"] == "pending"
    await box.advance(2)
    told = await callback(box)
    assert (told["ResultCode"], told["ResultDesc"]) == result_of("stk_callback_fail_no_response")


async def test_an_ignored_prompt_stays_on_the_phone_until_its_end(box: Box) -> None:
    await box.pushed()
    await box.control(f"{PHONE}/ignore")
    assert (await box.payment())["state"] == "pending"
    assert (await box.push(Amount=3)).status_code == 500
    await box.advance(61)
    assert (await callback(box))["ResultCode"] == 1037


async def test_the_test_number_never_answers(box: Box) -> None:
    await box.control("autopilot", {"mode": "pay"})
    await box.pushed(phone="254708374149")
    await box.advance(25)
    assert (await box.payment())["state"] == "pending"
    await box.advance(2)
    told = await callback(box)
    assert (told["ResultCode"], told["ResultDesc"]) == result_of("stk_callback_fail_unreachable")


@pytest.mark.parametrize(
    ("switch", "code"), [("off", 1037), ("no-signal", 1037), ("sim-outdated", 1037), ("busy", 1001)]
)
async def test_a_switched_phone_cannot_be_reached(box: Box, switch: str, code: int) -> None:
    await box.control("phones", {"msisdn": CUSTOMER, "switch": switch})
    await box.pushed()
    await box.advance(27)
    assert (await callback(box))["ResultCode"] == code


async def test_a_phone_that_is_always_short_pays_nothing(box: Box) -> None:
    await box.control("phones", {"msisdn": CUSTOMER, "low_balance": True})
    await box.control("autopilot", {"mode": "pay"})
    await box.pushed()
    assert (await callback(box))["ResultCode"] == 1


async def test_the_autopilot_pays_after_its_time(box: Box) -> None:
    await box.control("autopilot", {"mode": "pay", "answer_after_ms": 5_000})
    await box.pushed()
    assert (await box.payment())["state"] == "pending"
    await box.advance(5.1)
    assert (await callback(box))["ResultCode"] == 0


async def test_the_autopilot_mixes_by_weight_and_seed(box: Box) -> None:
    async def run() -> list[Any]:
        await box.control("reset")
        box.bearer = ""
        await box.control("autopilot", {"outcomes": {"pay": 3, "cancel": 1, "1019": 1}})
        for number in range(20):
            await box.pushed(phone=f"2547000001{number:02d}")
        return [payment["result_code"] for payment in await box.payments()]

    first = await run()
    assert set(first) == {0, 1032, 1019}
    assert await run() == first


async def test_rule_17_can_be_switched_on(box: Box) -> None:
    await box.control("autopilot", {"mode": "pay"})
    await box.pushed(Amount=70)
    await box.pushed(Amount=70)
    await callback(box, 2)  # callbacks of several pushes may overtake each other
    await box.control("rules", {"rule_17": True})
    await box.pushed(Amount=70)
    told = await callback(box, 3)
    assert (told["ResultCode"], told["ResultDesc"]) == result_of("stk_callback_fail_rule_limited")
    await box.advance(121)
    await box.pushed(Amount=70)
    assert (await callback(box, 4))["ResultCode"] == 0


async def test_the_one_minute_rule_can_be_switched_on(box: Box) -> None:
    await box.control("rules", {"one_minute": True})
    await box.control("autopilot", {"mode": "pay"})
    await box.pushed(Amount=70)
    await callback(box, 1)
    refused = await box.push(Amount=71)
    assert (refused.status_code, refused.json()["errorCode"]) == (500, "500.001.1001")
    assert refused.json()["errorMessage"].startswith("Unable to lock subscriber")
    assert "one_minute" in refused.headers["X-Simulator-Reason"]
    await box.advance(61)
    await box.pushed(Amount=71)


async def ignored(box: Box, times: int) -> None:
    for _ in range(times):
        await box.pushed()
        await box.control(f"{PHONE}/ignore", {"at_once": True})


async def test_a_phone_that_ignored_six_prompts_is_blocked_for_a_day_where_the_rule_is_on(box: Box) -> None:
    await box.control("rules", {"ignored_block": True})
    await ignored(box, 6)
    await box.control("autopilot", {"mode": "pay"})  # somebody would pay, but sees nothing
    checkout = await box.pushed()
    assert "ignored_block" in box.machine.calls.latest(1)[0].reason
    assert (await box.payment())["state"] == "pending"
    assert (await box.client.post(f"/simulator/{PHONE}/approve", json={})).status_code == 409
    assert "Pay KES" not in (await box.client.get("/")).text
    await box.advance(26.5)
    told = await callback(box, 7)
    assert (told["ResultCode"], told["ResultDesc"]) == (1037, "DS timeout user cannot be reached")
    assert (await box.query(checkout)).json()["ResultCode"] == "1037"
    await box.pushed(phone="254700000001")  # it is the phone that is blocked, and no other
    assert (await callback(box, 8))["ResultCode"] == 0
    await box.advance(24 * 3600 - 30)  # 24 hours after the last one that was ignored, not after the blocked one
    box.bearer = ""
    await box.pushed()
    await box.advance(30)
    assert (await callback(box, 9))["ResultCode"] == 1037
    await box.pushed()
    assert (await callback(box, 10))["ResultCode"] == 0


@pytest.mark.parametrize("answer", ["approve", "cancel", "wrong-pin"])
async def test_whoever_answers_a_prompt_begins_to_count_anew(box: Box, answer: str) -> None:
    await box.control("rules", {"ignored_block": True})
    await ignored(box, 5)
    await box.pushed()
    await box.control(f"{PHONE}/{answer}")
    await ignored(box, 5)
    await box.pushed()
    await box.control(f"{PHONE}/approve")
    assert (await callback(box, 12))["ResultCode"] == 0


async def test_ignored_prompts_block_nobody_where_the_rule_is_off(box: Box) -> None:
    await ignored(box, 8)
    await box.pushed()
    await box.control(f"{PHONE}/approve")
    assert (await callback(box, 9))["ResultCode"] == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, 0),
        ({"PartyB": "600991"}, 2028),  # the store number in place of the till
        ({"PartyB": "600984"}, 2028),  # somebody else's paybill
        ({"PartyB": "555555"}, "SFC_IC0003"),
        ({"TransactionType": "CustomerPayBillOnline", "PartyB": "600991"}, 2028),
        ({"BusinessShortCode": "600984", "PartyB": "600984"}, 2028),  # a paybill sells no goods
    ],
)
async def test_a_wrong_pair_for_a_till_is_accepted_and_fails_in_the_callback(
    box: Box, changes: dict[str, str], code: int | str
) -> None:
    await box.control("autopilot", {"mode": "pay"})
    assert (await box.till_push(**changes)).status_code == 200
    assert (await callback(box))["ResultCode"] == code


async def test_a_prompt_is_settled_once(box: Box) -> None:
    await box.pushed()
    await box.control(f"{PHONE}/approve")
    late = await box.client.post(f"/simulator/{PHONE}/cancel")
    assert late.status_code == 409
    await box.advance(300)
    assert len(await box.merchant.received("/stk")) == 1
    assert (await box.payment())["state"] == "paid"


async def test_a_merchant_that_answers_500_is_not_asked_again(box: Box) -> None:
    box.merchant.replies["/stk"] = (500, {})
    await box.pushed()
    await box.control(f"{PHONE}/approve")
    await box.merchant.received("/stk")
    await box.advance(3600)
    assert len(box.merchant.at("/stk")) == 1
