"""From a shop's request to the customer's phone, back to the shop, and onto one page: all by real HTTP."""

from acceptance.sides import both_sides
from services.town import PAYBILL, STORE, TILL, Gateway, Town

SOURCES = {"api_request", "token", "stk_push", "stk_callback", "c2b_confirmation", "delivery"}


async def open_shop(town: Town) -> Gateway:
    gateway = await town.serve()
    await town.register(PAYBILL, STORE)
    return gateway


@both_sides
async def test_an_order_is_paid_end_to_end(town: Town) -> None:
    gateway = await open_shop(town)
    answer = await town.pay(gateway, "ORDER-1", ReferenceData=[{"Key": "cart", "Value": "77"}])
    await town.is_told("ORDER-1")

    assert (answer.status, answer.body["State"]) == (202, "pending")
    [prompt] = await town.prompts()
    assert (prompt["shortcode"], prompt["msisdn"], prompt["amount"]) == (PAYBILL, "254712345678", "150.00")
    payment = await town.payment(gateway, "ORDER-1")
    assert (payment["State"], payment["MpesaReceiptNumber"]) == ("succeeded", prompt["receipt"])
    assert payment["CheckoutRequestID"] == answer.body["CheckoutRequestID"] == prompt["checkout_request_id"]
    [note] = town.merchant.notes
    assert (note.type, note.payment["MpesaReceiptNumber"]) == ("payment.succeeded", prompt["receipt"])
    assert note.payment["ReferenceData"] == [{"Key": "cart", "Value": "77"}]
    await the_trace_is_whole(town, gateway, "ORDER-1")

    await town.pay(gateway, "ORDER-2", till=True)
    await town.is_told("ORDER-2")
    prompt = (await town.prompts())[-1]
    assert (prompt["shortcode"], prompt["state"]) == (STORE, "paid")
    [note] = town.merchant.by_request["ORDER-2"]
    assert (note.type, note.payment["MpesaReceiptNumber"]) == ("payment.succeeded", prompt["receipt"])
    await town.trace_with(gateway, "ORDER-2", SOURCES)


async def the_trace_is_whole(town: Town, gateway: Gateway, request_id: str) -> None:
    """Everything about the order, in the order of time, with both sides' bytes and without a secret."""
    trace = await town.trace_with(gateway, request_id, SOURCES)
    exchanges = {entry["Name"]: entry for entry in trace["Entries"] if entry["Type"] == "exchange"}
    assert set(exchanges) - {"api_read"} == SOURCES
    assert all(exchanges[name]["Status"] in {200, 202} for name in SOURCES)
    assert '"Amount":150' in exchanges["api_request"]["RequestBody"].replace(" ", "")
    assert '"State":"pending"' in exchanges["api_request"]["AnswerBody"]
    assert "expires_in" in exchanges["token"]["AnswerBody"]
    assert '"CheckoutRequestID"' in exchanges["stk_push"]["AnswerBody"]
    assert '"ResultCode":0' in exchanges["stk_callback"]["RequestBody"].replace(" ", "")
    assert "TransID" in exchanges["c2b_confirmation"]["RequestBody"]
    assert '"payment.succeeded"' in exchanges["delivery"]["RequestBody"]
    assert "sandbox-secret" not in str(trace)

    names = [entry["Name"] for entry in trace["Entries"] if entry["Type"] == "event"]
    assert names[:3] == ["received", "sending", "accepted"]
    assert sorted(names[3:]) == ["confirmed", "succeeded"]  # by whichever of M-Pesa's two reports came first
    printed = await town.run("trace", request_id)
    assert trace["MpesaReceiptNumber"] in printed.out
    assert "254712345678" not in printed.out


async def test_a_payment_that_fails_says_why(town: Town) -> None:
    gateway = await open_shop(town)
    outcomes = {"cancel": ("1032", "cancel"), "wrong_pin": ("2001", "PIN"), "not_enough": ("1", "balance")}
    for outcome, (code, word) in outcomes.items():
        await town.autopilot(**{outcome: 1.0})
        for till in (False, True):
            request_id = f"{outcome}-{'till' if till else 'paybill'}"
            await town.pay(gateway, request_id, till=till)
            await town.is_told(request_id)

            [note] = town.merchant.by_request[request_id]
            assert (note.type, note.payment["ResultCode"]) == ("payment.failed", code)
            assert word in note.payment["Cause"]["en"], note.payment["Cause"]
            assert note.payment["Cause"]["sw"]
            assert note.payment["NextStep"]["en"]
            assert note.payment["MpesaReceiptNumber"] is None
            assert (await town.payment(gateway, request_id))["State"] == "failed"


@both_sides
async def test_money_from_the_phones_menu_arrives_as_a_collection(town: Town) -> None:
    gateway = await open_shop(town)
    for number, account in ((PAYBILL, "INV-9"), (TILL, "")):
        order = {"number": number, "msisdn": "254712345678", "amount": 75, "account": account}
        paid = await town.control("c2b/pay", order)
        request_id = f"c2b:{paid['receipt']}"
        await town.has_note("collection.succeeded", request_id)
        payment = await town.payment(gateway, request_id)
        assert (payment["Kind"], payment["Amount"]) == ("collection", 75)
        assert payment["MpesaReceiptNumber"] == paid["receipt"]
