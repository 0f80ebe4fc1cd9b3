"""A payout is acknowledged, reaches the phone, and its result has the printed shape."""

import re
from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import PAYER, QUICK, accounts, ask, body, shape, told, values
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def test_version_3_echoes_the_merchants_identifier(box: Box) -> None:
    answer = await ask(box, "b2c")
    assert answer.json() == {**sample("b2c_ack_v3"), "ConversationID": answer.json()["ConversationID"]}
    assert re.fullmatch(r"AG_\d{8}_[0-9a-f]{20}", answer.json()["ConversationID"])


async def test_version_1_makes_an_identifier_of_its_own(box: Box) -> None:
    old = {**sample("b2c_request_v1"), "PartyA": int(PAYER), "PartyB": int(CUSTOMER)}
    urls = {"ResultURL": f"{box.merchant.url}/result", "QueueTimeOutURL": f"{box.merchant.url}/timeout"}
    answers = [await box.post("/mpesa/b2c/v1/paymentrequest", {**old, **urls}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert list(answers[0].json()) == list(sample("b2c_ack_v1"))
    posts = await box.merchant.received("/result", 2)
    assert {post.json["Result"]["OriginatorConversationID"] for post in posts} == {
        answer.json()["OriginatorConversationID"] for answer in answers
    }


@pytest.mark.parametrize("command", ["BusinessPayment", "SalaryPayment", "PromotionPayment"])
async def test_the_result_has_the_printed_shape_and_tells_the_money(box: Box, command: str) -> None:
    before = await accounts(box, PAYER)
    result = await told(box, "b2c", CommandID=command)
    model = sample("b2c_result_success")["Result"]
    assert shape(result) == shape(model)
    assert (result["ResultDesc"], result["ReferenceData"]) == (model["ResultDesc"], model["ReferenceData"])
    said, after = values(result), await accounts(box, PAYER)
    assert said["TransactionAmount"] == 500
    assert said["TransactionReceipt"] == result["TransactionID"]
    assert said["ReceiverPartyPublicName"] == f"{CUSTOMER} - WANJIRU"
    assert re.fullmatch(r"\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d", said["TransactionCompletedDateTime"])
    assert said["B2CUtilityAccountAvailableFunds"] * 100 == after["Utility Account"]
    assert said["B2CChargesPaidAccountAvailableFunds"] == -5
    assert after["Utility Account"] == before["Utility Account"] - 500_00
    assert box.machine.world.phones[CUSTOMER].balance_cents == 100_500_00


async def test_balances_carry_two_decimals_on_the_wire(box: Box) -> None:
    await told(box, "b2c")
    [post] = box.merchant.at("/result")
    assert b'"Value":1999500.00' in post.body
    assert post.headers["Content-Type"] == "application/json;charset=UTF-8"


async def test_the_phone_gets_a_message(box: Box) -> None:
    result = await told(box, "b2c")
    page = (await box.client.get("/")).text
    assert f"{result['TransactionID']} Confirmed. You have received KES 500.00 from Malipo Payouts" in page


async def test_pochi_pays_another_wallet_of_the_same_line(box: Box) -> None:
    answer = await ask(box, "b2pochi")
    assert answer.json() == {**sample("b2pochi_ack"), "ConversationID": answer.json()["ConversationID"]}
    [post] = await box.merchant.received("/result")
    assert shape(post.json) == shape(sample("b2pochi_result_success"))
    phone = box.machine.world.phones[CUSTOMER]
    assert (phone.balance_cents, phone.pochi_cents) == (100_000_00, 300_00)


async def test_the_result_takes_1_to_10_seconds(box: Box) -> None:
    await box.control("rules", {"result_after_min_seconds": 1, "result_after_max_seconds": 10})
    await ask(box, "b2c")
    await box.advance(0.5)
    [command] = (await box.control("commands", method="GET"))["commands"]
    assert (command["state"], command["receipt"]) == ("queued", "")
    await box.advance(10)
    await box.merchant.received("/result")


async def test_numbers_may_be_strings_and_strings_numbers(box: Box) -> None:
    changed: dict[str, Any] = {"Amount": 500, "PartyA": int(PAYER), "PartyB": int(CUSTOMER), "Occassion": None}
    assert (await told(box, "b2c", **changed))["ResultCode"] == 0


async def test_one_seed_gives_one_run(box: Box) -> None:
    async def run() -> str:
        box.bearer = ""
        result = await told(box, "b2c")
        return str(result["TransactionID"])[3:] + str(result["ConversationID"])[12:]

    first = await run()
    await box.control("reset")
    assert await run() == first


async def test_the_call_log_keeps_both_sides(box: Box) -> None:
    await told(box, "b2c")
    calls = (await box.control("calls", method="GET"))["calls"]
    assert {("in", "b2c"), ("out", "b2c_result")} <= {(call["direction"], call["kind"]) for call in calls}
    [asked] = [call for call in calls if call["kind"] == "b2c"]
    assert body(box, "b2c")["OriginatorConversationID"] in asked["request"]
