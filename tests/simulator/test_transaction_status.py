"""A status query finds every kind of transaction by receipt or by its request, and shows payers unmasked."""

import re
from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import BILLER, COLLECTOR, PAYER, QUICK, SENDER, TILL, ask, collected, shape, told, values
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def status(box: Box, **changes: Any) -> dict[str, Any]:
    return await told(box, "transaction_status", **changes)


async def test_a_collected_payment_is_shown_in_numbers_with_its_payer(box: Box) -> None:
    receipt = await collected(box)
    answer = await ask(box, "transaction_status", TransactionID=receipt)
    assert list(answer.json().items())[2:] == list(sample("transaction_status_ack").items())[2:]
    [post] = await box.merchant.received("/result")
    model = sample("transaction_status_result_c2b_prod")["Result"]
    result, said = post.json["Result"], values(post.json["Result"])
    assert shape(result) == shape(model)
    assert re.fullmatch(r"[0-9A-Z]{3}0000000", result["TransactionID"])
    assert said["DebitPartyName"] == f"{CUSTOMER} - WANJIRU"
    assert said["CreditPartyName"] == "600984 - Mama Mboga Supplies             "
    assert (said["ReceiptNo"], said["Amount"], said["TransactionStatus"]) == (receipt, 150.0, "Completed")
    assert result["ReferenceData"] == model["ReferenceData"]


@pytest.mark.parametrize(("till", "reason"), [(False, "Pay Bill Online"), (True, "Customer Buy Goods Online")])
async def test_a_prompted_payment_is_found_too(box: Box, till: bool, reason: str) -> None:
    await box.control("autopilot", {"mode": "pay"})
    await (box.till_push() if till else box.push())
    await box.merchant.received("/stk")
    receipt = (await box.payment())["receipt"]
    said = values(await status(box, TransactionID=receipt, PartyA="600991" if till else "174379"))
    assert (said["ReasonType"], said["ReceiptNo"]) == (reason, receipt)


async def test_a_payout_is_found_by_receipt_and_by_its_request(box: Box) -> None:
    await box.control("rules", {"portal_types": True})
    paid = await told(box, "b2c")
    model = sample("transaction_status_result_b2c_doc")["Result"]
    for about in (
        {"TransactionID": paid["TransactionID"]},
        {"TransactionID": ..., "OriginalConversationID": paid["OriginatorConversationID"]},
    ):
        result = await status(box, PartyA=PAYER, Occasion="", **about)
        said = values(result)
        assert shape(result) == shape(model)
        assert said["DebitPartyCharges"] == "Fee For B2C Payment|KES|5.00"
        assert said["OriginatorConversationID"] == paid["OriginatorConversationID"]
        assert said["ConversationID"] == paid["ConversationID"]
        assert (said["ReasonType"], said["Amount"]) == ("Business Payment to Customer via API", "500")
        assert (said["ReceiptNo"], said["DebitAccountType"]) == (paid["TransactionID"], "Utility Account")


async def test_a_transfer_is_found_by_both_sides(box: Box) -> None:
    paid = await told(box, "b2b")
    for party in (SENDER, BILLER):
        said = values(await status(box, PartyA=party, TransactionID=paid["TransactionID"]))
        assert (said["DebitPartyName"], said["CreditPartyName"]) == ("600979 - Demo Sender", "600000 - Demo Biller")
        assert (said["TransactionStatus"], said["DebitAccountType"]) == ("Completed", "Working Account")
    goods = await told(box, "b2b", CommandID="BusinessBuyGoods", PartyB=TILL)
    found = await status(box, PartyA=TILL, IdentifierType="2", TransactionID=goods["TransactionID"])
    assert found["ResultCode"] == 0


async def test_a_reversal_and_what_it_reversed_are_found(box: Box) -> None:
    receipt = await collected(box)
    sent_back = await told(box, "reversal", TransactionID=receipt)
    said = values(await status(box, TransactionID=sent_back["TransactionID"]))
    assert (said["TransactionStatus"], said["CreditPartyName"]) == ("Completed", f"{CUSTOMER} - WANJIRU")
    assert values(await status(box, TransactionID=receipt))["TransactionStatus"] == "Reversed"


@pytest.mark.parametrize(("amount", "state"), [(9, "Failed"), (240_000, "Declined")])
async def test_a_failed_payout_is_found_by_its_request(box: Box, amount: int, state: str) -> None:
    await box.control(f"shortcodes/{PAYER}/accounts", {"accounts": {"Utility Account": 1_000_00}})
    paid = await told(box, "b2c", Amount=amount)
    result = await status(box, PartyA=PAYER, TransactionID=..., OriginalConversationID=paid["OriginatorConversationID"])
    said = values(result)
    assert (said["TransactionStatus"], said["ReceiptNo"]) == (state, paid["TransactionID"])


async def test_a_customer_is_a_party_as_well(box: Box) -> None:
    receipt = await collected(box)
    found = await status(box, PartyA=CUSTOMER, IdentifierType="1", TransactionID=receipt)
    assert found["ResultCode"] == 0
    foreign = await status(box, PartyA="254700000001", IdentifierType="1", TransactionID=receipt)
    assert foreign["ResultCode"] == 2033


async def test_an_unknown_receipt_is_not_found(box: Box) -> None:
    result = await status(box, Occasion="")
    expected = sample("transaction_status_result_not_found")["Result"]
    own = ("OriginatorConversationID", "ConversationID", "TransactionID")
    assert result == {**expected, **{name: result[name] for name in own}}


@pytest.mark.parametrize("text", ["LKXXXX1234", "NLA00TEST", "uce4k7p2qx"])
async def test_what_cannot_be_a_receipt_is_an_invalid_parameter(box: Box, text: str) -> None:
    result = await status(box, TransactionID=text)
    assert (result["ResultCode"], result["ResultDesc"]) == (25, "The format of parameter null is invalid.")
    assert "ResultParameters" not in result


@pytest.mark.parametrize("party", [BILLER, "174379"])
async def test_other_peoples_payments_are_not_found(box: Box, party: str) -> None:
    receipt = await collected(box)
    assert (await status(box, PartyA=party, TransactionID=receipt))["ResultCode"] == 2033
    assert (await status(box, PartyA=COLLECTOR, TransactionID=receipt))["ResultCode"] == 0


async def test_a_request_that_still_waits_in_the_queue_is_not_found(box: Box) -> None:
    await box.control("rules", {"result_after_min_seconds": 3600, "result_after_max_seconds": 3600})
    answer = await ask(box, "b2c")
    await box.control("rules", {"result_after_min_seconds": 0.001, "result_after_max_seconds": 0.001})
    about = {"TransactionID": ..., "OriginalConversationID": answer.json()["OriginatorConversationID"]}
    assert (await status(box, PartyA=PAYER, **about))["ResultCode"] == 2033


async def test_a_payment_that_was_refused_has_no_receipt_to_find(box: Box) -> None:
    await box.control("phones", {"msisdn": CUSTOMER, "balance_cents": 0})
    assert await collected(box) == ""
    [payment] = box.machine.world.payments.values()
    assert (await status(box, TransactionID=payment.receipt))["ResultCode"] == 2033
