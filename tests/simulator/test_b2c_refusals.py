"""A payout that cannot be ends with M-Pesa's own code and text, moves nothing, and the log says why."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import PAYER, QUICK, accounts, shape, told
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def phone(box: Box, **settings: Any) -> None:
    await box.control("phones", {"msisdn": CUSTOMER, **settings})


async def refused(box: Box, model: str, **changes: Any) -> dict[str, Any]:
    """Ask for a payout that ends as the sample does."""
    before = await accounts(box, PAYER), box.machine.world.phone(CUSTOMER).balance_cents
    result = await told(box, "b2c", **changes)
    expected = sample(model)["Result"]
    assert shape(result) == shape(expected)
    own = ("OriginatorConversationID", "ConversationID", "TransactionID")
    assert result == {**expected, **{name: result[name] for name in own}}
    assert (await accounts(box, PAYER), box.machine.world.phone(CUSTOMER).balance_cents) == before
    calls = (await box.control("calls", method="GET"))["calls"]
    assert next(call["reason"] for call in calls if call["kind"] == "b2c_result")
    return result


async def test_too_little(box: Box) -> None:
    assert (await refused(box, "b2c_result_fail_below_minimum", Amount=9))["TransactionID"].endswith("0000000")


async def test_too_much(box: Box) -> None:
    await refused(box, "b2c_result_fail_above_maximum", Amount=250_001)


async def test_the_utility_account_is_short(box: Box) -> None:
    await box.control(f"shortcodes/{PAYER}/accounts", {"accounts": {"Utility Account": 499_99}})
    result = await refused(box, "b2c_result_fail_insufficient")
    assert not result["TransactionID"].endswith("0000000")


async def test_the_receiver_had_half_a_million_today(box: Box) -> None:
    await phone(box, balance_cents=0)
    for number in range(2):
        paid = await told(box, "b2c", Amount=250_000, OriginatorConversationID=f"large-{number}")
        assert paid["ResultCode"] == 0
        await phone(box, balance_cents=0)
    await refused(box, "b2c_result_fail_daily_limit", Amount=10)
    await box.advance(24 * 3600)
    box.bearer = ""
    assert (await told(box, "b2c", OriginatorConversationID="tomorrow"))["ResultCode"] == 0


async def test_the_receiver_would_hold_more_than_half_a_million(box: Box) -> None:
    await phone(box, balance_cents=499_500_01)
    await refused(box, "b2c_result_fail_max_balance")


async def test_the_receiver_is_not_registered(box: Box) -> None:
    await phone(box, registered=False)
    await refused(box, "b2c_result_fail_unregistered")


@pytest.mark.parametrize("shortcode", ["174379", "600991"])
async def test_a_shortcode_without_the_product(box: Box, shortcode: str) -> None:
    await refused(box, "b2c_result_fail_product", PartyA=shortcode)


async def test_a_shortcode_that_is_not_active(box: Box) -> None:
    await box.control("shortcodes", {"number": PAYER, "balance_cents": 1_000_00, "active": False})
    await refused(box, "b2c_result_fail_debit_party_state")


@pytest.mark.parametrize("shortcode", ["600555", "600992"])
async def test_a_shortcode_that_is_none(box: Box, shortcode: str) -> None:
    await refused(box, "b2c_result_fail_operator_missing", PartyA=shortcode)


async def test_any_code_on_demand(box: Box) -> None:
    await box.fault("b2c", "refused", code=2006)
    await refused(box, "b2c_result_fail_account_rule")
    await box.fault("b2c", "refused", code="TP40153", text="No permission")
    result = await told(box, "b2c", OriginatorConversationID="second")
    assert (result["ResultCode"], result["ResultDesc"]) == ("TP40153", "No permission")


async def test_a_code_without_a_text_is_asked_back(box: Box) -> None:
    answer = await box.client.post("/simulator/faults", json={"kind": "b2c", "name": "refused", "code": 4711})
    assert answer.status_code == 400
    assert "4711" in answer.json()["error"]
