"""A business asks a till to pay it; the phone that answers for the till says yes or no (daraja.md 2.18)."""

from typing import Any

import pytest

from simulator.box import Box, sample, until
from simulator.business import BILLER, STORE, TILL, accounts, shape
from wakala.simulator.world import MERCHANT, UTILITY, WORKING

PATH = "/v1/ussdpush/get-msisdn"
TILLS_PHONE = "254700000002"


def request(box: Box, **changes: Any) -> dict[str, Any]:
    own = {"primaryShortCode": TILL, "receiverShortCode": BILLER, "callbackUrl": f"{box.merchant.url}/express"}
    whole = {**sample("b2b_express_request"), **own, **changes}
    return {name: value for name, value in whole.items() if value is not ...}


async def asked(box: Box, **changes: Any) -> None:
    answer = await box.post(PATH, request(box, **changes))
    assert (answer.status_code, answer.json()) == (200, sample("b2b_express_ack")), answer.text


async def shown(box: Box, msisdn: str = TILLS_PHONE) -> None:
    await until(lambda: box.machine.world.phone(msisdn).live)


async def test_an_approved_request_moves_the_tills_money_and_is_told(box: Box) -> None:
    till_before, biller_before = await accounts(box, STORE), await accounts(box, BILLER)
    await asked(box)
    await shown(box)
    await box.control(f"phones/{TILLS_PHONE}/approve")
    [post] = await box.merchant.received("/express")
    model = sample("b2b_express_callback_success")
    assert list(post.json) == list(model)
    assert all(isinstance(value, str) for value in post.json.values())
    own = ("conversationID", "transactionId")
    assert post.json == {**model, **{name: post.json[name] for name in own}}
    till_after, biller_after = await accounts(box, STORE), await accounts(box, BILLER)
    assert till_before[MERCHANT] - till_after[MERCHANT] == biller_after[UTILITY] - biller_before[UTILITY] == 100_00


@pytest.mark.parametrize(
    ("action", "code"),
    [("cancel", "4001"), ("busy", "4203"), ("wrong-pin", "2001")],
)
async def test_a_refusal_is_told_with_its_own_code_and_moves_nothing(box: Box, action: str, code: str) -> None:
    before = await accounts(box, STORE)
    await asked(box)
    await shown(box)
    await box.control(f"phones/{TILLS_PHONE}/{action}")
    [post] = await box.merchant.received("/express")
    assert shape(post.json) == shape(sample("b2b_express_callback_cancelled"))
    assert (post.json["resultCode"], post.json["paymentReference"]) == (code, "PO-118")
    assert await accounts(box, STORE) == before


async def test_the_cancellation_is_the_printed_one(box: Box) -> None:
    await asked(box)
    await shown(box)
    await box.control(f"phones/{TILLS_PHONE}/cancel")
    [post] = await box.merchant.received("/express")
    assert post.json == sample("b2b_express_callback_cancelled")


async def test_silence_is_a_network_error(box: Box) -> None:
    await asked(box)
    await shown(box)
    await box.advance(61)
    [post] = await box.merchant.received("/express")
    assert post.json == sample("b2b_express_callback_fail_4201")


async def test_a_phone_in_another_dialogue_is_an_exception(box: Box) -> None:
    await box.pushed(phone=TILLS_PHONE)
    await asked(box)
    [post] = await box.merchant.received("/express")
    assert post.json == sample("b2b_express_callback_fail_4203")


async def test_a_till_without_a_number_has_nobody_to_ask(box: Box) -> None:
    await box.control("nominated", {"till": TILL, "msisdn": ""})
    await asked(box)
    [post] = await box.merchant.received("/express")
    assert post.json == sample("b2b_express_callback_fail_4104")
    await box.control("nominated", {"till": TILL, "msisdn": "254711000111"})
    await asked(box)
    await shown(box, "254711000111")


@pytest.mark.parametrize("till", ["5123456", "600984"])
async def test_what_is_no_till_here_fails_its_check(box: Box, till: str) -> None:
    await asked(box, primaryShortCode=till)
    [post] = await box.merchant.received("/express")
    assert post.json == sample("b2b_express_callback_fail_4102")


async def test_a_till_may_be_short_of_money_and_pays_from_its_working_account_too(box: Box) -> None:
    await box.control(f"shortcodes/{STORE}/accounts", {"accounts": {MERCHANT: 0, WORKING: 0}})
    await asked(box)
    await shown(box)
    await box.control(f"phones/{TILLS_PHONE}/approve")
    [post] = await box.merchant.received("/express")
    assert post.json["resultCode"] == "1"
    await box.control(f"shortcodes/{STORE}/accounts", {"accounts": {WORKING: 100_00}})
    await asked(box)
    await shown(box)
    await box.control(f"phones/{TILLS_PHONE}/approve")
    posts = await box.merchant.received("/express", 2)
    assert posts[1].json["status"] == "SUCCESS"
    assert (await accounts(box, STORE))[WORKING] == 0


async def test_either_spelling_of_the_request_id_is_read(box: Box) -> None:
    await asked(box, RequestRefID=..., RequestRefId="other-1", primaryShortCode="5123456")
    [post] = await box.merchant.received("/express")
    assert post.json["requestId"] == "other-1"


@pytest.mark.parametrize(("fault", "count"), [("lost", 0), ("doubled", 2)])
async def test_its_callback_can_be_lost_or_doubled(box: Box, fault: str, count: int) -> None:
    await box.fault("b2b_express_callback", fault)
    await asked(box, primaryShortCode="5123456")
    await until(lambda: [call for call in box.machine.calls if call.kind == "b2b_express_callback"])
    await box.merchant.received("/express", count)
    assert len(box.merchant.at("/express")) == count


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("primaryShortCode", "x"),
        ("receiverShortCode", "600555"),
        ("amount", "0"),
        ("paymentRef", ""),
        ("callbackUrl", "here"),
        ("partnerName", ...),
        ("RequestRefID", ...),
    ],
)
async def test_a_wrong_field_is_named(box: Box, field: str, value: Any) -> None:
    answer = await box.post(PATH, request(box, **{field: value}))
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


async def test_only_a_known_till_may_be_nominated_for(box: Box) -> None:
    answer = await box.client.post("/simulator/nominated", json={"till": "600984", "msisdn": TILLS_PHONE})
    assert (answer.status_code, answer.json()["error"]) == (404, "There is no till 600984.")
