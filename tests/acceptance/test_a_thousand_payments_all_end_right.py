"""A thousand payments: callbacks at once, before the answer, lost, doubled. Each final, right, and told of once."""

import asyncio
from collections import Counter
from typing import Any

from acceptance.sides import both_sides, paying_out
from services.town import FINAL, Gateway, Town

COUNT = 1_000
AT_ONCE = 50


def orders(count: int = COUNT) -> list[dict[str, Any]]:
    """Each from a phone of its own: M-Pesa allows one live prompt a phone."""
    return [
        {"RequestID": f"ORDER-{n}", "Amount": 10 + n % 90, "SenderMSISDN": f"2547{n:08d}", "AccountReference": f"A{n}"}
        for n in range(count)
    ]


async def all_end_right(town: Town, gateway: Gateway, count: int = COUNT) -> Counter[str]:
    """What the gateway says of every payment is what the simulator did, and what the merchant was told, once."""
    await town.is_told(*(order["RequestID"] for order in orders(count)))
    payments = await town.all_payments(gateway)
    prompts = {prompt["account"]: prompt for prompt in await town.prompts()}
    assert len(payments) == len(prompts) == count
    for request_id, payment in payments.items():
        prompt = prompts[payment["AccountReference"]]
        assert payment["State"] in FINAL
        assert payment["State"] == ("succeeded" if prompt["state"] == "paid" else "failed"), (payment, prompt)
        assert payment["ResultCode"] == str(prompt["result_code"])
        assert payment["MpesaReceiptNumber"] in {prompt["receipt"] or None, None}
        [told] = town.merchant.outcomes(request_id)
        assert told.payment["State"] == payment["State"]
    moved = sum(payment["Amount"] for payment in payments.values() if payment["State"] == "succeeded")
    assert moved * 100 == sum(prompt["amount_cents"] for prompt in prompts.values() if prompt["state"] == "paid")
    return Counter(payment["State"] for payment in payments.values())


async def test_callbacks_that_come_at_once_leave_none_pending(town: Town) -> None:
    gateway = await town.serve()
    await town.autopilot(pay=1)
    await town.pay_many([gateway], orders(), AT_ONCE)
    assert await all_end_right(town, gateway) == {"succeeded": COUNT}


async def test_callbacks_before_the_answer_leave_none_pending(town: Town) -> None:
    gateway = await town.serve()
    await town.autopilot(pay=1)
    await town.fault("stk_push", "callback_first", times=200)
    await town.pay_many([gateway], orders(200), AT_ONCE)
    assert await all_end_right(town, gateway, 200) == {"succeeded": 200}


async def test_lost_and_doubled_callbacks_end_right(town: Town) -> None:
    gateway = await town.serve()
    await town.autopilot(pay=6, cancel=2, wrong_pin=1, not_enough=1)
    await town.fault("stk_callback", "lost", probability=0.3)
    await town.fault("stk_callback", "doubled", probability=0.3)
    await town.pay_many([gateway], orders(), AT_ONCE)
    ended = await all_end_right(town, gateway)
    assert set(ended) == {"succeeded", "failed"}


@both_sides
async def test_two_sources_lost_and_doubled_still_make_one_payment(town: Town) -> None:
    gateway = await town.serve()
    await town.register("174379")
    await town.autopilot(pay=8, cancel=2)
    for kind in ("stk_callback", "c2b_confirmation"):
        await town.fault(kind, "lost", probability=0.3)
        await town.fault(kind, "doubled", probability=0.3)
    await town.pay_many([gateway], orders(300), AT_ONCE)
    await all_end_right(town, gateway, 300)
    assert not [note for note in town.merchant.notes if note.type == "collection.succeeded"]


@both_sides
@paying_out
async def test_payouts_whose_results_are_lost_and_doubled_end_right(town: Town) -> None:
    gateway = await town.serve(finisher__schedule_s="1,2,3,4,6,8,10,15,20,25,30", finisher__expire_s="40")
    await town.control("rules", {"result_after_min_seconds": 0.1, "result_after_max_seconds": 0.5})
    for name in ("lost", "doubled"):
        await town.fault("b2c_result", name, probability=0.3)
    wanted = [f"PAY-{n}" for n in range(100)]
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        await asyncio.gather(
            *(town.pay_out(gateway, each, Amount=10 + n, ReceiverMSISDN=f"2547{n:08d}") for n, each in enumerate(some))
        )
    await town.is_told(*wanted)
    payments = await town.all_payments(gateway)
    paid = {each["receipt"]: each for each in await town.commands() if each["kind"] == "b2c"}
    assert len(payments) == len(paid) == len(wanted)
    for request_id, payment in payments.items():
        assert (payment["State"], payment["Evidence"] in {"result", "status"}) == ("succeeded", True)
        assert paid[payment["MpesaReceiptNumber"]]["amount_cents"] == payment["Amount"] * 100
        assert len(town.merchant.outcomes(request_id)) == 1
    assert {payment["Evidence"] for payment in payments.values()} == {"result", "status"}
