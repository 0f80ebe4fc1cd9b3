"""kill -9 before and after every commit and call of a payment: it ends once, final, told, never prompted twice."""

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from services.town import FINAL, PAYBILL, Answer, Gateway, Town
from services.waiting import until

RUNNER = str(Path(__file__).with_name("crashing_gateway.py"))

# Before and after each of: opening, token, intent, push, M-Pesa's answer, its callback, delivery, the record of it.
COLD = (
    *("commit payment_open", "call generate", "commit payment_advance", "call processrequest"),
    *("commit payment_advance", "commit payment_advance", "call wakala", "commit notification_attempted"),
)
# With a token in hand opening and intent are one commit.
WARM = ("commit payment_open", "call processrequest", *COLD[4:])
ANSWERED = 10  # the last point before the shop has its answer
SENT_UNRECORDED = (8, 9)  # the prompt is out, and M-Pesa's answer not on disk

SHORT = {
    "finisher__schedule_s": "0.3,0.6,1,1.5,2",
    "finisher__expire_s": "5",
    "finisher__send_lease_s": "0.5",  # on PostgreSQL what a killed gateway had in hand is free when its lease ends
    "deliveries__lease_s": "0.5",
}


@dataclass
class Scenes:
    """One town, one payment after the other. The gateway that finishes one payment is told to die in the next."""

    town: Town
    token: str = "cold"
    settings: dict[str, str] = field(default_factory=lambda: dict(SHORT))
    answers_late: bool = False  # the customer answers when a gateway is back, not while it is down
    count: int = 0

    async def started(self) -> Gateway:
        order = self.town.folder / "order"
        gateway = self.town.launch([RUNNER, str(self.town.folder / "wakala.toml"), str(order)], **self.settings)
        await self.town.is_serving(gateway)
        return gateway

    async def arm(self, gateway: Gateway, point: int) -> None:
        (self.town.folder / "order").write_text(f"{point} {self.token}")
        gateway.program.send(signal.SIGUSR1)
        await until(lambda: "armed\n" in gateway.program.said, "an armed gateway")

    async def ask(self, gateway: Gateway) -> Answer | None:
        """The shop's request; None where the connection broke or nobody is there."""
        n = self.count
        try:
            return await self.town.pay(
                gateway, f"ORDER-{n}", SenderMSISDN=f"2547{n:08d}", AccountReference=f"A{n}", Amount=100 + n
            )
        except aiohttp.ClientError:
            return None

    async def prompts(self) -> list[dict[str, Any]]:
        return [prompt for prompt in await self.town.prompts() if prompt["account"] == f"A{self.count}"]

    async def customer_answers(self) -> None:
        for prompt in await self.prompts():
            if prompt["state"] == "pending":
                await self.town.control(f"phones/{prompt['msisdn']}/approve", {})

    async def dies(self, gateway: Gateway, point: int) -> Answer | None:
        """A new payment, up to the point at which the gateway dies; what the shop was answered before."""
        self.count += 1
        await self.town.autopilot()
        await self.arm(gateway, point)
        answer = await self.ask(gateway)
        if answer is not None:
            await self.customer_answers()
        assert await gateway.program.ended() == -signal.SIGKILL, (point, gateway.program.said)
        if not self.answers_late:
            await self.customer_answers()
            await self.town.autopilot(pay=1)  # a prompt that is still to come is answered as soon as it is there
        return answer

    async def recovers(self, answered: Answer | None) -> tuple[Gateway, dict[str, Any]]:
        """A new gateway, and the payment at its end. A shop without an answer repeats its request until it has one."""
        town, request_id = self.town, f"ORDER-{self.count}"
        gateway = await self.started()

        async def repeated() -> Answer | None:
            answer = await self.ask(gateway)
            assert answer is not None
            assert answer.status == 202 or answer.body["code"] == "request_in_flight", answer
            return answer if answer.status == 202 else None

        answer = await until(repeated, f"an answer about {request_id}")
        if answered is not None:
            assert answer.body == answered.body
        await self.customer_answers()
        await town.is_told(request_id)
        await town.is_delivered(gateway, request_id)
        return gateway, await town.payment(gateway, request_id)

    async def ended_right(self, payment: dict[str, Any], answered: Answer | None) -> None:
        """Final, one prompt at most, one outcome told, and the state is the simulator's own where it can be known."""
        prompts = await self.prompts()
        notes = self.town.merchant.by_request[payment["RequestID"]]
        assert payment["State"] in FINAL
        assert len(prompts) <= 1
        assert len(self.town.merchant.outcomes(payment["RequestID"])) == 1
        assert {note.payment["State"] for note in notes} == {payment["State"]}
        if answered is not None:
            assert answered.body["State"] == "pending"
            assert payment["CheckoutRequestID"] == answered.body["CheckoutRequestID"]
        if prompts and payment["CheckoutRequestID"]:
            assert (payment["State"], prompts[0]["state"]) == ("succeeded", "paid")
            assert payment["MpesaReceiptNumber"] in {prompts[0]["receipt"], None}
        else:  # M-Pesa never told us its ID, so nobody can ask: it is not called failed, and never sent again
            assert payment["State"] == "expired"

    async def killed_at(self, points: Iterable[int]) -> dict[int, str]:
        """Every one of these points in turn; the states in which the payments ended."""
        gateway = await self.started()
        states = {}
        for point in points:
            answered = await self.dies(gateway, point)
            gateway, payment = await self.recovers(answered)
            await self.ended_right(payment, answered)
            states[point] = payment["State"]
        return states


async def points_of_a_payment(scenes: Scenes) -> list[str]:
    gateway = await scenes.started()
    scenes.count += 1
    await scenes.town.autopilot()
    await scenes.arm(gateway, 0)
    assert await scenes.ask(gateway) is not None
    await scenes.customer_answers()
    await scenes.town.is_told("ORDER-1")
    await scenes.town.is_delivered(gateway, "ORDER-1")
    points: list[str] = re.findall(r"^point \d+ (.*)$", gateway.program.said, re.MULTILINE)
    assert await gateway.program.terminate() == 0
    return points


@pytest.mark.parametrize(("token", "steps"), [("cold", COLD), ("warm", WARM)])
async def test_the_points_are_all_there_are(town: Town, token: str, steps: tuple[str, ...]) -> None:
    scenes = Scenes(town, token, settings={"finisher__schedule_s": "600", "finisher__expire_s": "900"})
    wanted = [f"{side} {step}" for step in steps for side in ("before", "after")]
    assert await points_of_a_payment(scenes) == wanted


@pytest.mark.timeout(300)
async def test_killed_anywhere_a_payment_ends_once(town: Town) -> None:
    states = await Scenes(town).killed_at(range(1, 2 * len(COLD) + 1))
    # Between the intent on disk and M-Pesa's answer on disk nobody can know whether the prompt went out: it expires.
    assert {point for point, state in states.items() if state == "expired"} <= set(range(6, ANSWERED + 1))
    assert states[7] == states[8] == "expired"


@pytest.mark.timeout(300)
async def test_killed_with_a_token_in_hand_a_payment_ends_once(town: Town) -> None:
    await Scenes(town, "warm").killed_at(range(1, 7))


@pytest.mark.timeout(300)
async def test_a_customer_who_answers_when_the_gateway_is_back_settles_the_payment(town: Town) -> None:
    patient = SHORT | {"finisher__expire_s": "600"}
    states = await Scenes(town, settings=patient, answers_late=True).killed_at((2, 5, *SENT_UNRECORDED, ANSWERED))
    assert set(states.values()) == {"succeeded"}


@pytest.mark.timeout(300)
async def test_killed_around_a_c2b_confirmation_a_payment_ends_once(town: Town) -> None:
    await town.register(PAYBILL)
    await town.fault("stk_callback", "lost", times=100)  # so that only the confirmation can tell
    states = await Scenes(town).killed_at(range(ANSWERED + 1, 2 * len(COLD) + 1))
    assert set(states.values()) == {"succeeded"}
