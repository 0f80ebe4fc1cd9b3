"""A customer's payment goes back once, whole or in part; nothing else can be reversed."""

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import BILLER, COLLECTOR, QUICK, accounts, ask, collected, shape, told, values
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def balances(box: Box) -> tuple[int, int]:
    return box.machine.world.phones[CUSTOMER].balance_cents, (await accounts(box, COLLECTOR))["Utility Account"]


@pytest.mark.parametrize("identifier_type", ["11", "4"])
async def test_the_money_goes_back_and_the_result_has_the_printed_shape(box: Box, identifier_type: str) -> None:
    before = await balances(box)
    receipt = await collected(box)
    answer = await ask(box, "reversal", TransactionID=receipt, RecieverIdentifierType=identifier_type)
    assert list(answer.json().items())[2:] == list(sample("reversal_ack").items())[2:]
    [post] = await box.merchant.received("/result")
    result, said = post.json["Result"], values(post.json["Result"])
    model = sample("reversal_result_success")["Result"]
    assert shape(result) == shape(model)
    assert result["ReferenceData"] == model["ReferenceData"]
    assert (said["OriginalTransactionID"], said["Amount"]) == (receipt, 150)
    assert result["TransactionID"] != receipt
    assert said["DebitAccountBalance"] == "Utility Account|KES|10400.00|10400.00|0.00|0.00"
    assert said["CreditPartyPublicName"] == f"{CUSTOMER} - WANJIRU"
    assert await balances(box) == before
    assert (await box.payment())["reversed_by"] == result["TransactionID"]
    assert f"Payment {receipt} to Mama Mboga Supplies was reversed" in (await box.client.get("/")).text


async def test_a_part_goes_back_and_then_no_more(box: Box) -> None:
    receipt = await collected(box)
    before = await balances(box)
    assert (await told(box, "reversal", TransactionID=receipt, Amount=50))["ResultCode"] == 0
    assert await balances(box) == (before[0] + 50_00, before[1] - 50_00)
    result = await told(box, "reversal", TransactionID=receipt, Amount=50)
    expected = sample("reversal_result_fail_already")["Result"]
    own = ("OriginatorConversationID", "ConversationID", "TransactionID")
    assert result == {**expected, **{name: result[name] for name in own}}


async def test_a_prompted_payment_to_a_till_goes_back_from_the_merchant_account(box: Box) -> None:
    await box.control("autopilot", {"mode": "pay"})
    await box.till_push()
    await box.merchant.received("/stk")
    receipt = (await box.payment())["receipt"]
    result = await told(box, "reversal", TransactionID=receipt, ReceiverParty="600991")
    assert values(result)["DebitAccountBalance"] == "Merchant Account|KES|0.00|0.00|0.00|0.00"


async def test_what_is_no_customers_payment_to_this_shortcode_is_invalid(box: Box) -> None:
    payout = (await told(box, "b2c", PartyA=COLLECTOR))["TransactionID"]
    transfer = (await told(box, "b2b", PartyB=COLLECTOR))["TransactionID"]
    elsewhere = await collected(box, number=BILLER)
    expected = sample("reversal_result_fail_invalid_id")["Result"]
    for receipt in (payout, transfer, elsewhere, "UCE4K7P2QX"):
        result = await told(box, "reversal", TransactionID=receipt)
        own = ("OriginatorConversationID", "ConversationID", "TransactionID")
        assert result == {**expected, **{name: result[name] for name in own}}


async def test_no_more_goes_back_than_was_paid(box: Box) -> None:
    receipt = await collected(box)
    assert (await told(box, "reversal", TransactionID=receipt, Amount=151))["ResultCode"] == 3
    assert (await box.payment())["reversed_by"] == ""


async def test_an_account_that_was_emptied_sends_nothing_back(box: Box) -> None:
    receipt = await collected(box)
    await box.control(f"shortcodes/{COLLECTOR}/accounts", {"accounts": {"Utility Account": 149_99}})
    assert (await told(box, "reversal", TransactionID=receipt))["ResultCode"] == 1
    await box.control(f"shortcodes/{COLLECTOR}/accounts", {"accounts": {"Utility Account": 150_00}})
    assert (await told(box, "reversal", TransactionID=receipt))["ResultCode"] == 0
