"""One town, one payment after the other, and a gateway that is told at which point to die."""

import re
import signal
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from services.town import FINAL, Answer, Gateway, Town
from services.waiting import until

RUNNER = str(Path(__file__).with_name("crashing_gateway.py"))

SHORT = {
    "finisher__schedule_s": "0.3,0.6,1,1.5,2",
    "finisher__expire_s": "5",
    "daraja__answer_limit_s": "1.8",
    "finisher__send_lease_s": "2",  # on PostgreSQL what a killed gateway had in hand is free when its lease ends
    "deliveries__lease_s": "1",
    "deliveries__answer_limit_s": "0.8",
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


@dataclass
class PayoutScenes(Scenes):
    """The same with money going out: nobody is asked on a phone, and M-Pesa can be asked by our own ID."""

    token: str = "warm"

    async def ask(self, gateway: Gateway) -> Answer | None:
        n = self.count
        try:
            return await self.town.pay_out(gateway, f"ORDER-{n}", ReceiverMSISDN=f"2547{n:08d}", Amount=100 + n)
        except aiohttp.ClientError:
            return None

    async def customer_answers(self) -> None:
        """M-Pesa answers by itself."""

    async def paid_out(self) -> list[dict[str, Any]]:
        """What M-Pesa was given of this request; questions about it are none. The Broker's longer ID ends with ours."""
        name = f"ORDER-{self.count}"
        payouts = [each for each in await self.town.commands() if each["kind"] == "b2c"]
        return [each for each in payouts if each["originator_conversation_id"].endswith(name)]

    async def ended_right(self, payment: dict[str, Any], answered: Answer | None) -> None:
        """Final, sent once at most, told once, and called paid if and only if M-Pesa paid."""
        commands = await self.paid_out()
        notes = self.town.merchant.by_request[payment["RequestID"]]
        assert payment["State"] in FINAL
        assert len(commands) <= 1
        assert len(self.town.merchant.outcomes(payment["RequestID"])) == 1
        assert {note.payment["State"] for note in notes} == {payment["State"]}
        if answered is not None:
            assert answered.body["State"] == "pending"
        if commands:
            assert (payment["State"], payment["MpesaReceiptNumber"]) == ("succeeded", commands[0]["receipt"])
            assert payment["Evidence"] in {"result", "status"}
        else:
            assert payment["State"] in {"failed", "expired"}
