"""Late and odd reports of M-Pesa, and reports of somebody who is not M-Pesa: kept, shown, never believed."""

import json
from typing import Any

from acceptance.sides import both_sides, paying_out
from services.town import PAYBILL, Gateway, Town
from services.waiting import until
from wakala.rules.accounts import Side

AMOUNT = 150


def forged(checkout: str, amount: int = AMOUNT) -> bytes:
    """A callback that says that money came."""
    metadata = {"Amount": amount, "MpesaReceiptNumber": "UKN0FORGED", "TransactionDate": 20260314101501}
    items = [{"Name": name, "Value": value} for name, value in {**metadata, "PhoneNumber": 254712345678}.items()]
    told = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": checkout, "ResultCode": 0, "ResultDesc": "Paid."}
    return json.dumps({"Body": {"stkCallback": {**told, "CallbackMetadata": {"Item": items}}}}).encode()


async def call_back(town: Town, url: str, body: bytes) -> int:
    async with town.session.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
        return answer.status


async def verdicts(town: Town) -> list[dict[str, Any]]:
    """What is in quarantine, oldest first."""
    found: list[dict[str, Any]] = await town.told("quarantine")
    return found[::-1]


async def open_order(town: Town, gateway: Gateway, request_id: str) -> dict[str, Any]:
    """An order whose customer looks at the prompt; its prompt."""
    await town.autopilot()
    await town.pay(gateway, request_id, Amount=AMOUNT)
    prompt: dict[str, Any] = (await town.prompts())[-1]
    assert prompt["state"] == "pending"
    return prompt


async def customer_pays(town: Town) -> None:
    await town.control("phones/254712345678/approve", {})


async def test_a_callback_of_a_stranger_settles_nothing(town: Town) -> None:
    # Nothing is asked of M-Pesa meanwhile: only callbacks can settle here.
    gateway = await town.serve(finisher__schedule_s="600", finisher__expire_s="900")
    prompt = await open_order(town, gateway, "ORDER-1")
    url, checkout = prompt["callback_url"], prompt["checkout_request_id"]
    payment_id = (await town.payment(gateway, "ORDER-1"))["PaymentID"]
    path, secret = url.rsplit("/", 1)
    turned = secret[::-1] if secret != secret[::-1] else "0" * len(secret)

    assert await call_back(town, f"{path}/{turned}", forged(checkout)) == 404
    assert await call_back(town, url.replace(payment_id, "pay_" + "0" * 28), forged(checkout)) == 404
    assert await call_back(town, f"{gateway.url}/callbacks/anything", b"?") == 404
    assert await call_back(town, url, b'{"Body":') == 200  # M-Pesa may send what we cannot read; it is kept
    assert await call_back(town, url, forged("ws_CO_of_another_prompt")) == 200
    assert await call_back(town, url, forged(checkout, AMOUNT - 149)) == 200

    shown = await verdicts(town)
    reasons = [each["Verdict"].removeprefix("quarantined: ") for each in shown]
    assert reasons[0] == reasons[1] == "the secret in the path is not ours"
    assert reasons[2:4] == ["nobody was given this path", "it cannot be read"]
    assert reasons[4] == "the CheckoutRequestID is not the one M-Pesa gave us"
    assert "KES 1.00" in reasons[5]
    assert [each["PaymentID"] for each in shown] == [None, None, None, payment_id, payment_id, payment_id]
    assert "UKN0FORGED" in shown[0]["Body"]
    payment = await town.payment(gateway, "ORDER-1")
    assert (payment["State"], payment["MpesaReceiptNumber"]) == ("pending", None)
    assert payment["Flags"] == ["evidence_conflict", "amount_differs"]
    entries = (await town.trace(gateway, "ORDER-1"))["Entries"]
    assert sum(entry.get("Verdict", "accepted") != "accepted" for entry in entries) == 3
    assert not town.merchant.notes

    await customer_pays(town)
    await town.is_told("ORDER-1")
    settled = await town.payment(gateway, "ORDER-1")
    assert (settled["State"], settled["MpesaReceiptNumber"]) == ("succeeded", (await town.prompts())[0]["receipt"])
    # A contradiction after the end raises a flag and changes nothing.
    failed = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": checkout, "ResultCode": 1032, "ResultDesc": "No."}
    assert await call_back(town, url, json.dumps({"Body": {"stkCallback": failed}}).encode()) == 200
    assert (await town.payment(gateway, "ORDER-1"))["State"] == "succeeded"
    assert len(town.merchant.outcomes("ORDER-1")) == 1


async def test_a_callback_that_names_another_amount_is_asked_about(town: Town) -> None:
    gateway = await town.serve()
    await town.fault("stk_callback", "other_amount")
    await town.pay(gateway, "ORDER-1", Amount=AMOUNT)
    await town.is_told("ORDER-1")

    payment = await town.payment(gateway, "ORDER-1")
    assert (payment["State"], payment["Evidence"], payment["Amount"]) == ("succeeded", "stk_query", AMOUNT)
    assert (payment["Flags"], payment["MpesaReceiptNumber"]) == (["amount_differs"], None)
    [shown] = await verdicts(town)
    assert shown["PaymentID"] == payment["PaymentID"]
    assert len(town.merchant.outcomes("ORDER-1")) == 1


@both_sides
async def test_reports_twice_late_and_in_the_wrong_order_make_one_outcome(town: Town) -> None:
    gateway = await town.serve(finisher__schedule_s="600", finisher__expire_s="900")
    await town.register(PAYBILL)
    await town.fault("stk_callback", "doubled")
    await town.fault("c2b_confirmation", "doubled")
    await town.pay(gateway, "TWICE")
    await town.is_told("TWICE")

    await town.fault("stk_callback", "late", delay_ms=700)  # the confirmation overtakes it
    await town.pay(gateway, "CONFIRMED-FIRST", SenderMSISDN="0712000001", AccountReference="INV-2")
    await town.is_told("CONFIRMED-FIRST")

    await town.fault("stk_callback", "reordered")  # held until the next one's has gone
    await town.fault("c2b_confirmation", "lost", times=2)
    await town.pay(gateway, "OVERTAKEN", SenderMSISDN="0712000002", AccountReference="INV-3")
    await town.pay(gateway, "OVERTAKING", SenderMSISDN="0712000003", AccountReference="INV-4")
    await town.is_told("OVERTAKEN", "OVERTAKING")

    await town.trace_counting(gateway, "TWICE", stk_callback=2, c2b_confirmation=2)
    await town.trace_counting(gateway, "CONFIRMED-FIRST", stk_callback=1, c2b_confirmation=1)
    prompts = await town.prompts()
    for prompt, request_id in zip(prompts, ("TWICE", "CONFIRMED-FIRST", "OVERTAKEN", "OVERTAKING"), strict=True):
        payment = await town.payment(gateway, request_id)
        assert (payment["State"], payment["MpesaReceiptNumber"]) == ("succeeded", prompt["receipt"])
        assert payment["Flags"] == []
        assert [note.type for note in town.merchant.by_request[request_id]] == ["payment.succeeded"]
    confirmed_first = await town.payment(gateway, "CONFIRMED-FIRST")
    assert confirmed_first["Evidence"] == "c2b_confirmation"
    assert len(await town.all_payments(gateway)) == len(prompts)


@both_sides
async def test_a_confirmation_after_the_query_brings_the_receipt_of_the_same_payment(town: Town) -> None:
    """The callback is lost and the query has no receipt: the confirmation must not become a second payment."""
    gateway = await town.serve()
    await town.register(PAYBILL)
    prompt = await open_order(town, gateway, "ORDER-1")
    await town.fault("stk_callback", "lost")
    await town.fault("c2b_confirmation", "late", delay_ms=3_600_000)
    await customer_pays(town)
    await town.is_told("ORDER-1")
    payment = await town.payment(gateway, "ORDER-1")
    assert (payment["Evidence"], payment["MpesaReceiptNumber"]) == ("stk_query", None)

    await town.control("clock", {"advance_seconds": 3_600})
    await town.has_note("payment.updated", "ORDER-1")
    payments = await town.all_payments(gateway)
    receipt = (await town.prompts())[0]["receipt"]
    assert {name: each["MpesaReceiptNumber"] for name, each in payments.items()} == {"ORDER-1": receipt}
    notes = [note.type for note in town.merchant.notes]
    assert notes == ["payment.succeeded", "payment.updated"]
    assert prompt["account"] == payment["AccountReference"]


async def test_an_answer_about_another_prompt_settles_nothing(town: Town) -> None:
    gateway = await town.serve()
    await town.fault("stk_query", "mixed_up", times=2)
    await open_order(town, gateway, "ORDER-1")

    async def have_struck() -> bool:
        return not (await town.control("faults"))["faults"]

    await until(have_struck, "two questions that got the answer of another prompt")
    assert (await town.payment(gateway, "ORDER-1"))["State"] == "pending"
    await customer_pays(town)
    await town.is_told("ORDER-1")
    assert (await town.payment(gateway, "ORDER-1"))["Evidence"] == "stk_callback"


@both_sides
async def test_receipts_of_two_equal_payments_that_queries_settled_make_no_third_one(town: Town) -> None:
    """Nothing that M-Pesa says tells them apart; both are known to be paid, so either receipt is right for either."""
    gateway = await town.serve(finisher__confirmation_wait_s="1")
    await town.register(PAYBILL)
    await town.fault("c2b_confirmation", "late", delay_ms=3_600_000, times=2)
    for order in ("ORDER-1", "ORDER-2"):
        await town.fault("stk_callback", "lost")
        await open_order(town, gateway, order)
        await customer_pays(town)
        await town.is_told(order)
        assert (await town.payment(gateway, order))["MpesaReceiptNumber"] is None

    await town.control("clock", {"advance_seconds": 3_600})
    for order in ("ORDER-1", "ORDER-2"):
        await town.has_note("payment.updated", order)
    payments = await town.all_payments(gateway)
    receipts = {prompt["receipt"] for prompt in await town.prompts()}
    assert set(payments) == {"ORDER-1", "ORDER-2"}
    assert {each["MpesaReceiptNumber"] for each in payments.values()} == receipts
    assert all(each["Flags"] == [] for each in payments.values())


def forged_result(side: Side, conversation_id: str, amount: int = AMOUNT) -> bytes:
    """A Result that says that a payout was made, in the words of either side."""
    told = {"ResultType": 0, "ResultCode": 0, "ResultDesc": "Done.", "OriginatorConversationID": conversation_id}
    told |= {"ConversationID": conversation_id, "TransactionID": "UKN0FORGED"}
    values = {"TransactionAmount": amount, "TransactionReceipt": "UKN0FORGED"}
    if side is Side.DARAJA:
        parameters = [{"Key": key, "Value": value} for key, value in values.items()]
        return json.dumps({"Result": {**told, "ResultParameters": {"ResultParameter": parameters}}}).encode()
    fields = "".join(f"<{name}>{value}</{name}>" for name, value in told.items())
    pairs = "".join(
        f"<ResultParameter><Key>{key}</Key><Value>{value}</Value></ResultParameter>" for key, value in values.items()
    )
    inner = f"<Result>{fields}<ResultParameters>{pairs}</ResultParameters></Result>"
    return (
        '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
        '<res:ResultMsg xmlns:res="http://api-v1.gen.mm.vodafone.com/mminterface/result">'
        f"<![CDATA[{inner}]]></res:ResultMsg></soapenv:Body></soapenv:Envelope>"
    ).encode()


async def is_carried_out(town: Town) -> bool:
    payout = (await town.commands())[0]  # those after it ask about it
    return bool(payout["state"] == "done")


@both_sides
@paying_out
async def test_a_result_of_a_stranger_settles_no_payout(town: Town) -> None:
    gateway = await town.serve(finisher__schedule_s="600", finisher__expire_s="900")
    await town.fault("b2c_result", "late", delay_ms=3_600_000)
    await town.pay_out(gateway, "PAY-1")
    [command] = await town.commands()
    url, conversation_id = command["result_url"], command["conversation_id"]
    if town.side is Side.BROKER:  # whose own URL stands in the message; ours is what it keeps for itself
        assert "/soap_result/" in url
    path, secret = url.rsplit("/", 1)

    assert await call_back(town, f"{path}/{secret[::-1]}", forged_result(town.side, conversation_id)) == 404
    assert await call_back(town, url, b"<a" if town.side is Side.BROKER else b'{"Result":') in {200, 500}
    assert await call_back(town, url, forged_result(town.side, "AG_20261124_another")) == 200
    assert await call_back(town, url, forged_result(town.side, conversation_id, AMOUNT - 149)) == 200

    shown = [each["Verdict"].removeprefix("quarantined: ") for each in await verdicts(town)]
    assert shown[:2] == ["the secret in the path is not ours", "it cannot be read"]
    assert shown[2] == "its conversation IDs are not those M-Pesa gave us"
    assert "another amount" in shown[3]
    payment = await town.payment(gateway, "PAY-1")
    assert (payment["State"], payment["MpesaReceiptNumber"]) == ("pending", None)
    assert payment["Flags"] == ["evidence_conflict", "amount_differs"]
    assert not town.merchant.notes

    await until(lambda: is_carried_out(town), "a payout whose true Result is under way")
    await town.control("clock", {"advance_seconds": 3_600})
    await town.is_told("PAY-1")
    settled = await town.payment(gateway, "PAY-1")
    assert (settled["State"], settled["MpesaReceiptNumber"]) == ("succeeded", (await town.commands())[0]["receipt"])
    assert len(town.merchant.outcomes("PAY-1")) == 1
