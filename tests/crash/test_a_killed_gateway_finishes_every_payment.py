"""kill -9 before and after every commit and call of a payment: it ends once, final, told, never prompted twice."""

import re
from pathlib import Path

import aiohttp
import pytest

from services.town import FINAL, Gateway, Town
from services.waiting import until

RUNNER = str(Path(__file__).with_name("crashing_gateway.py"))
POINTS = range(1, 17)  # token, opening, sending, push, answer, callback, delivery: before and after each
ANSWER_AFTER_MS = 200  # long after M-Pesa's own answer, so that the points are passed in one order
# A gateway that is killed on PostgreSQL holds its leases; they end soon, so that a test need not wait.
SHORT = {
    "finisher__schedule_s": "0.3,0.6,1,1.5,2",
    "finisher__expire_s": "3",
    "finisher__send_lease_s": "0.5",
    "deliveries__lease_s": "0.5",
    "daraja__answer_limit_s": "5",
}


def crashing(town: Town, point: int) -> Gateway:
    return town.launch([RUNNER, str(town.folder / "wakala.toml"), str(point)], **SHORT)


async def asked(town: Town, gateway: Gateway) -> None:
    """Send the request as a client that takes a broken connection for what it is: no answer."""
    try:
        await town.pay(gateway, "ORDER-1")
    except (aiohttp.ClientError, TimeoutError):
        return


async def test_the_points_are_all_there_are(town: Town) -> None:
    await town.autopilot(ANSWER_AFTER_MS, pay=1)
    gateway = crashing(town, 0)
    await town.is_serving(gateway)
    await asked(town, gateway)
    await town.is_told("ORDER-1")
    await town.is_delivered(gateway, "ORDER-1")
    points = re.findall(r"^point \d+ (.*)$", gateway.program.said, re.MULTILINE)
    assert len(points) == POINTS.stop - 1, points
    assert points[0] == "before commit payment_open"
    assert points[-1] == "after commit notification_attempted"


@pytest.mark.parametrize("point", POINTS)
async def test_a_payment_ends_once_wherever_the_gateway_was_killed(town: Town, point: int) -> None:
    await town.autopilot(ANSWER_AFTER_MS, pay=1)
    gateway = crashing(town, point)
    await town.is_serving(gateway)
    await asked(town, gateway)
    assert await gateway.program.ended() == -9

    after = await town.serve(**SHORT)
    await until(lambda: settled_after_repeats(town, after), "a final payment")
    await town.is_told("ORDER-1")
    await town.is_delivered(after, "ORDER-1")

    payment = await town.payment(after, "ORDER-1")
    outcomes = town.merchant.outcomes("ORDER-1")
    assert [note.payment["State"] for note in outcomes] == [payment["State"]]
    prompts = await town.prompts()
    assert len(prompts) <= 1
    if prompts and payment["State"] == "succeeded":
        assert prompts[0]["state"] == "paid"
        assert payment["MpesaReceiptNumber"] in {prompts[0]["receipt"], None}
    elif prompts:  # the prompt went out and was paid, but nobody could say so: never called failed, never sent again
        assert payment["State"] == "expired"
    else:
        assert payment["State"] in {"failed", "expired"}


async def settled_after_repeats(town: Town, gateway: Gateway) -> bool:
    """The client repeats its request until it has an answer, as a client should; then the payment must become final."""
    answer = await town.pay(gateway, "ORDER-1")
    assert answer.status in {202, 409, 422}, answer
    return (await town.payment(gateway, "ORDER-1"))["State"] in FINAL
