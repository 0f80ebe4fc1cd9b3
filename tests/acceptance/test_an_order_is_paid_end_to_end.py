"""From a shop's request to the customer's phone, back to the shop, and onto one page: all by real HTTP."""

import pytest

from services.town import PAYBILL, STORE, TILL, Gateway, Town

MINE = {"api_request", "stk_push", "stk_callback", "c2b_confirmation", "delivery"}


@pytest.fixture
async def gateway(town: Town) -> Gateway:
    serving = await town.serve()
    await town.register(PAYBILL, STORE)
    return serving


@pytest.mark.parametrize("till", [False, True], ids=["paybill", "till"])
async def test_an_order_is_paid_end_to_end(town: Town, gateway: Gateway, till: bool) -> None:
    answer = await town.pay(gateway, "ORDER-1", till=till, ReferenceData=[{"Key": "cart", "Value": "77"}])
    await town.is_told("ORDER-1")
    await town.is_delivered(gateway, "ORDER-1")

    assert (answer.status, answer.body["State"]) == (202, "pending")
    [prompt] = await town.prompts()
    assert prompt["shortcode"] == (STORE if till else PAYBILL)
    assert (prompt["state"], prompt["amount"], prompt["msisdn"]) == ("paid", 150, "254712345678")
    payment = await town.payment(gateway, "ORDER-1")
    assert (payment["State"], payment["MpesaReceiptNumber"]) == ("succeeded", prompt["receipt"])
    assert payment["CheckoutRequestID"] == answer.body["CheckoutRequestID"] == prompt["checkout_request_id"]
    [note] = town.merchant.notes
    assert note.type == "payment.succeeded"
    assert note.payment["MpesaReceiptNumber"] == prompt["receipt"]
    assert note.payment["ReferenceData"] == [{"Key": "cart", "Value": "77"}]


async def test_the_trace_of_an_order_holds_both_sides_bytes(town: Town, gateway: Gateway) -> None:
    await town.pay(gateway, "ORDER-1")
    await town.is_told("ORDER-1")
    await town.is_delivered(gateway, "ORDER-1")
    # The confirmation may be the slower of M-Pesa's two reports.
    trace = await town.trace_with(gateway, "ORDER-1", MINE)

    exchanges = {entry["Name"]: entry for entry in trace["Entries"] if entry["Type"] == "exchange"}
    assert set(exchanges) - {"api_read"} == MINE | {"token"}
    for name in MINE:
        assert exchanges[name]["RequestBody"], name
        assert exchanges[name]["Status"] in {200, 202}, name
    assert '"CheckoutRequestID"' in exchanges["stk_push"]["AnswerBody"]
    assert '"ResultCode":0' in exchanges["stk_callback"]["RequestBody"].replace(" ", "")
    assert '"payment.succeeded"' in exchanges["delivery"]["RequestBody"]
    assert '"State":"pending"' in exchanges["api_request"]["AnswerBody"]
    assert "sandbox-secret" not in str(trace)
    names = [entry["Name"] for entry in trace["Entries"] if entry["Type"] == "event"]
    assert names[:3] == ["received", "sending", "accepted"]
    assert sorted(names[3:]) == ["confirmed", "succeeded"]
    assert "● succeeded" in (await town.run("trace", "ORDER-1")).out.replace("pending → ", "")


@pytest.mark.parametrize(
    ("outcome", "code", "words"),
    [("cancel", "1032", "cancel"), ("wrong_pin", "2001", "PIN"), ("not_enough", "1", "money")],
)
async def test_a_payment_that_fails_says_why(
    town: Town, gateway: Gateway, outcome: str, code: str, words: str
) -> None:
    await town.autopilot(**{outcome: 1.0})
    for request_id, till in (("ORDER-1", False), ("ORDER-2", True)):
        await town.pay(gateway, request_id, till=till)
        await town.is_told(request_id)

        [note] = town.merchant.by_request[request_id]
        assert (note.type, note.payment["ResultCode"]) == ("payment.failed", code)
        assert words in note.payment["Cause"]["en"], note.payment["Cause"]
        assert note.payment["Cause"]["sw"]
        assert note.payment["NextStep"]["en"]
        assert note.payment["MpesaReceiptNumber"] is None
        assert (await town.payment(gateway, request_id))["State"] == "failed"


async def test_money_from_the_phones_menu_arrives_as_a_collection(town: Town, gateway: Gateway) -> None:
    for number, account in ((PAYBILL, "INV-9"), (TILL, "")):
        order = {"number": number, "msisdn": "254712345678", "amount": 75, "account": account}
        paid = await town.control("c2b/pay", order)
        request_id = f"c2b:{paid['receipt']}"
        await town.has_note("collection.succeeded", request_id)
        payment = await town.payment(gateway, request_id)
        assert (payment["Kind"], payment["Amount"]) == ("collection", 75)
        assert payment["MpesaReceiptNumber"] == paid["receipt"]
