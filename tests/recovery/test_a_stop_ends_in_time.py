"""SIGTERM ends the process in time whatever hangs, with exit code 0; what it held is somebody else's at once."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import pytest

from recovery.troubles import FrozenServer
from services.ports import free_port
from services.postgres import PostgresServer
from services.town import FINAL, Gateway, Town, running_town
from services.waiting import until

pytestmark = pytest.mark.timeout(300)  # a dozen programs are started in turn, on a machine that may be busy

only_on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)

# Every call may take ten minutes, so only the stop can end them.
PATIENT = {"daraja__answer_limit_s": "600", "deliveries__answer_limit_s": "600"}
# No lease and no question ends by itself while the test runs: what moves was handed over.
LONG_LEASES = {"finisher__send_lease_s": "3600", "deliveries__lease_s": "3600"}
IN_TIME = "Wakala stopped"


async def asks_in_vain(town: Town, gateway: Gateway, request_id: str, **more: Any) -> None:
    """A request whose answer the stop cuts off, with a sentence."""
    answer = await town.pay(gateway, request_id, **more)
    assert (answer.status, answer.body["code"]) == (503, "stopping"), answer
    assert "with the same RequestID" in answer.body["detail"]


async def stops(gateway: Gateway) -> None:
    assert await gateway.program.terminate() == 0, gateway.program.said
    assert gateway.program.said.rstrip().endswith(IN_TIME)
    assert "not everything ended in time" not in gateway.program.said
    assert "Traceback" not in gateway.program.said


async def test_a_hung_merchant_and_a_hung_m_pesa_do_not_hold_up_the_end_and_nothing_is_lost(town: Town) -> None:
    gateway = await town.serve(**PATIENT, **LONG_LEASES, server__graceful_stop_s="8")
    town.merchant.gate.clear()
    await town.autopilot(pay=1)
    await town.pay(gateway, "TOLD-1")
    await town.is_told("TOLD-1")  # the merchant has it and does not answer
    await town.fault("stk_push", "hang_after_prompt")
    asking = asyncio.create_task(asks_in_vain(town, gateway, "HUNG-1", SenderMSISDN="254722222222"))
    await until(lambda: two_prompts(town), "a prompt whose answer hangs")
    await stops(gateway)
    await asking

    town.merchant.gate.set()
    after = await town.serve()
    await town.is_told("HUNG-1")
    for request_id in ("TOLD-1", "HUNG-1"):
        await town.is_delivered(after, request_id)
        payment = await town.payment(after, request_id)
        assert payment["State"] in FINAL
        assert len(town.merchant.outcomes(request_id)) == 1
    assert len(await town.prompts()) == 2


async def two_prompts(town: Town) -> bool:
    return len(await town.prompts()) == 2


@only_on_postgres
async def test_what_a_stopping_gateway_held_is_the_others_at_once(town: Town) -> None:
    first = await town.serve(None, **PATIENT, **LONG_LEASES, server__graceful_stop_s="4", deliveries__lane_limit="2")
    town.merchant.gate.clear()
    await town.autopilot(pay=1)
    orders = [
        {"RequestID": f"ORDER-{n}", "SenderMSISDN": f"2547{n:08d}", "AccountReference": f"A{n}"} for n in range(12)
    ]
    await town.pay_many([first], orders, 6)
    await until(lambda: len(town.merchant.notes) >= 2, "two attempts under way; the others are queued")
    await town.fault("stk_push", "hang_after_prompt")
    asking = asyncio.create_task(asks_in_vain(town, first, "HUNG-1", SenderMSISDN="254722222222"))
    await until(lambda: is_prompted(town, 13), "a prompt whose answer hangs")
    second = await town.serve(free_port(), **LONG_LEASES)
    first.program.send(signal.SIGTERM)
    town.merchant.gate.set()
    assert await first.program.ended() == 0
    await asking

    await town.is_told(*(order["RequestID"] for order in orders), "HUNG-1")
    for order in orders:
        await town.is_delivered(second, order["RequestID"])
    assert len(await town.prompts()) == 13


async def is_prompted(town: Town, count: int) -> bool:
    return len(await town.prompts()) == count


async def test_a_second_signal_ends_it_sooner(town: Town) -> None:
    gateway = await town.serve(**PATIENT, **LONG_LEASES, server__graceful_stop_s="600")
    town.merchant.gate.clear()
    await town.autopilot(pay=1)
    await town.pay(gateway, "ORDER-1")
    await town.is_told("ORDER-1")
    gateway.program.send(signal.SIGTERM)
    await until(lambda: "told to stop" in gateway.program.said, "a gateway that has been told")
    assert not gateway.program.has_ended()
    gateway.program.send(signal.SIGINT)
    assert await gateway.program.ended() == 0
    assert gateway.program.said.rstrip().endswith(IN_TIME)


async def test_readiness_says_no_before_the_intake_ends(town: Town) -> None:
    gateway = await town.serve(server__leave_s="600", server__graceful_stop_s="900")
    gateway.program.send(signal.SIGTERM)

    async def says_no() -> bool:
        async with town.session.get(f"{gateway.url}/readyz") as answer:
            if answer.status == 200:
                return False
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (503, "stopping")
            return True

    await until(says_no, "a gateway that says it is not ready")
    await town.autopilot(pay=1)
    assert (await town.pay(gateway, "ORDER-1")).status == 202  # who comes all the same is served
    await town.is_delivered(gateway, "ORDER-1")
    gateway.program.send(signal.SIGTERM)
    assert await gateway.program.ended() == 0


async def test_what_leaving_takes_is_not_taken_from_handing_back(town: Town) -> None:
    stop = {"server__leave_s": "8", "server__graceful_stop_s": "14"}
    gateway = await town.serve(**PATIENT, **LONG_LEASES, **stop)
    await town.autopilot(pay=1)
    await town.fault("stk_push", "hang_after_prompt")
    asking = asyncio.create_task(asks_in_vain(town, gateway, "HUNG-1"))
    await until(lambda: is_prompted(town, 1), "a prompt whose answer hangs")
    await stops(gateway)
    await asking
    await town.serve()
    await town.is_told("HUNG-1")


async def test_a_frozen_database_does_not_hold_up_the_end(tmp_path: Path, own_server: PostgresServer) -> None:
    trouble = FrozenServer(own_server)
    with own_server.database() as url:
        async with running_town(tmp_path / "town", url) as town:
            gateway = await town.serve(server__graceful_stop_s="15")
            await town.autopilot()
            await town.pay(gateway, "ORDER-1")
            trouble.begin()
            try:
                await town.control("phones/254712345678/approve", {})
                await until(lambda: "kept in the spill file" in gateway.program.said, "a callback that is kept")
                await stops(gateway)
            finally:
                trouble.end()
            await town.serve()
            await town.is_told("ORDER-1")
            assert len(town.merchant.outcomes("ORDER-1")) == 1
