"""The API operator's password is another at M-Pesa by now: Wakala stops before M-Pesa locks the operator.

M-Pesa counts every refused call, whatever it was about, and locks the operator at the third (a guess: daraja.md 5).
"""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.broker import access
from services.gateway import CUSTOMER, SANDBOX, House, basic, eventually, is_problem, running_gateway
from wakala.initiators import NOT_ASKED
from wakala.rules.accounts import INITIATOR_FAILURES_LIMIT, LOCKING_CODES, Product, Shortcode, Side
from wakala.rules.payment import Payment, State
from wakala.simulator.broker.listener import Door, listening
from wakala.simulator.initiators import Initiator
from wakala.simulator.sandbox import INITIATOR_PASSWORD, INITIATORS

NUMBER = "600984"
QUIET = {"poll_s": 3_600.0}
LONG = {"poll_s": 0.02, "schedule_s": [0.5, *range(1, 61)], "expire_s": 120.0}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.fixture(params=list(Side))
def side(request: pytest.FixtureRequest) -> Side:
    found: Side = request.param
    return found


@asynccontextmanager
async def paying(
    folder: Path, url: str | None, finisher: dict[str, Any], side: Side = Side.DARAJA
) -> AsyncIterator[House]:
    """A gateway that may pay out, and whose Results come at once."""
    async with running_gateway(folder, database_url=url, finisher=finisher) as house:
        shortcode = await house.add_shortcode(number=NUMBER)
        await house.grant(shortcode, Product.B2C)
        world = house.box.machine.world
        world.rules = dataclasses.replace(world.rules, result_after_min_seconds=0.01, result_after_max_seconds=0.05)
        if side is Side.DARAJA:
            yield house
            return
        async with listening(house.box.machine, Door(0, folder / "certificates")) as broker:
            await house.admin.use_broker(shortcode, access(broker.url, folder / "certificates"))
            await house.settle_directory()
            yield house


async def pay(house: House, request_id: str) -> httpx2.Response:
    body = {"RequestID": request_id, "SenderShortcode": NUMBER, "Amount": 150, "ReceiverMSISDN": CUSTOMER}
    return await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))


async def paid(house: House, request_id: str) -> None:
    assert (await pay(house, request_id)).status_code == 202


async def refused(house: House, request_id: str, code: str = "2001") -> None:
    """Two of them stop the operator."""
    await house.box.fault("b2c", "refused", code=code)
    await paid(house, request_id)
    assert (await house.request_in(request_id, "failed"))["ResultCode"] == code


async def change_password(house: House) -> None:
    """In M-Pesa's portal, once all is carried out: what the gateway holds is wrong from now on."""
    await eventually(lambda: all(each.settled_at for each in house.box.machine.world.commands.values()))
    await house.box.control("initiators", {"name": INITIATORS[0], "password": "Another#1"})


async def shortcode_of(house: House) -> Shortcode:
    return next(each for each in await house.gateway.journal.shortcodes() if each.number == NUMBER)


async def set_right(house: House, password: str = INITIATOR_PASSWORD) -> None:
    shortcode = await shortcode_of(house)
    await house.admin.set_initiator(shortcode, INITIATORS[0], password, shortcode.certificate)


async def counted(house: House) -> int:
    return (await shortcode_of(house)).initiator_failures


async def is_stopped(house: House) -> bool:
    return await counted(house) >= INITIATOR_FAILURES_LIMIT


def at_m_pesa(house: House) -> Initiator:
    known = house.box.machine.world.initiators.values()
    return next(each for each in known if each.name == INITIATORS[0])


async def payment_of(house: House, request_id: str) -> Payment:
    [organisation] = await house.gateway.journal.organisations()
    found = await house.gateway.journal.payment_by_request(organisation, "sandbox", request_id)
    assert found is not None
    return found


async def reasons(house: House, request_id: str) -> list[str]:
    events = await house.gateway.journal.events((await payment_of(house, request_id)).id)
    return [event.detail.get("reason", "") for event in events]


async def called(house: House, request_id: str, name: str) -> int:
    exchanges = await house.gateway.journal.exchanges((await payment_of(house, request_id)).id)
    return sum(1 for exchange in exchanges if exchange.name == name)


# ── questions ──


async def test_questions_about_open_payments_stop_the_operator_too(tmp_path: Path, url: str | None, side: Side) -> None:
    async with paying(tmp_path, url, LONG, side) as house:
        await house.box.fault("b2c_result", "lost")
        await paid(house, "P-1")
        await change_password(house)
        await eventually(lambda: is_stopped(house))

        async def is_put_off() -> bool:
            return NOT_ASKED in await reasons(house, "P-1")

        await eventually(is_put_off)
        assert (at_m_pesa(house).failures, at_m_pesa(house).locked) == (INITIATOR_FAILURES_LIMIT, False)
        is_problem(await pay(house, "P-2"), 409, "initiator_stopped")

        await set_right(house, "Another#1")
        assert (await house.request_in("P-1", "succeeded"))["Evidence"] == "status"
        assert not at_m_pesa(house).locked


async def test_what_cannot_be_asked_about_comes_to_its_end_and_says_why(tmp_path: Path, url: str | None) -> None:
    short = {"poll_s": 0.02, "schedule_s": [1.0, 1.5, 2.0], "expire_s": 2.5}
    async with paying(tmp_path, url, short) as house:
        await house.box.fault("b2c_result", "lost")
        await paid(house, "P-1")
        await refused(house, "W-1")
        await refused(house, "W-2")
        await house.request_in("P-1", "expired")
        assert NOT_ASKED in ((await payment_of(house, "P-1")).reason or "")
        assert await called(house, "P-1", "transaction_status") == 0


async def test_many_payments_that_are_due_at_once_do_not_lock_the_operator(tmp_path: Path, url: str | None) -> None:
    requests = [f"P-{number}" for number in range(8)]
    async with paying(tmp_path, url, LONG | {"schedule_s": [2.0, *range(3, 61)]}) as house:
        await house.box.fault("b2c_result", "lost", times=len(requests))
        await asyncio.gather(*(paid(house, request_id) for request_id in requests))
        await change_password(house)
        await eventually(lambda: is_stopped(house))
        await set_right(house, "Another#1")
        for request_id in requests:
            await house.request_in(request_id, "succeeded")
        assert not at_m_pesa(house).locked


async def test_a_refused_question_that_is_told_twice_counts_once(tmp_path: Path, url: str | None) -> None:
    async with paying(tmp_path, url, LONG | {"schedule_s": [0.5, 60.0]}) as house:
        await house.box.fault("b2c_result", "lost")
        await house.box.fault("transaction_status_result", "doubled")
        await paid(house, "P-1")
        await change_password(house)

        async def has_come_twice() -> bool:
            return await called(house, "P-1", "status_callback") == 2

        await eventually(has_come_twice)
        assert await counted(house) == at_m_pesa(house).failures == 1


async def test_a_question_of_the_merchants_that_is_asked_again_counts(tmp_path: Path, url: str | None) -> None:
    async with paying(tmp_path, url, LONG) as house:
        await house.box.fault("account_balance_result", "lost")
        body = {"RequestID": "ASK-1", "Shortcode": NUMBER}
        path = f"{SANDBOX}/accountbalance/accountbalance"
        assert (await house.client.post(path, json=body, headers=basic(house.app))).status_code == 202
        await change_password(house)
        await house.request_in("ASK-1", "failed")
        assert await counted(house) == 1


# ── what M-Pesa says ──


@pytest.mark.parametrize("code", sorted(LOCKING_CODES))
async def test_whichever_code_refuses_the_operator_is_counted(
    tmp_path: Path, url: str | None, side: Side, code: str
) -> None:
    async with paying(tmp_path, url, QUIET, side) as house:
        await refused(house, "W-1", code)
        await refused(house, "W-2", code)
        is_problem(await pay(house, "W-3"), 409, "initiator_stopped")


async def test_a_late_success_of_the_former_password_does_not_end_the_count(tmp_path: Path, url: str | None) -> None:
    async with paying(tmp_path, url, QUIET) as house:
        await house.box.fault("b2c_result", "late", delay_ms=1_500)
        await paid(house, "P-1")
        await change_password(house)
        await paid(house, "W-1")
        await house.request_in("W-1", "failed")
        await house.request_in("P-1", "succeeded")
        assert await counted(house) == 1
        await paid(house, "W-2")
        await house.request_in("W-2", "failed")
        is_problem(await pay(house, "W-3"), 409, "initiator_stopped")
        assert (at_m_pesa(house).failures, at_m_pesa(house).locked) == (INITIATOR_FAILURES_LIMIT, False)


async def test_a_success_that_was_sent_after_the_refusal_ends_the_count(tmp_path: Path, url: str | None) -> None:
    async with paying(tmp_path, url, QUIET) as house:
        await refused(house, "W-1")
        assert await counted(house) == 1
        await paid(house, "P-1")
        await house.request_in("P-1", "succeeded")

        async def is_forgotten() -> bool:
            return await counted(house) == 0

        await eventually(is_forgotten)


# ── what waits to be sent ──


async def held(house: House, request_id: str) -> None:
    """For want of a token, and then the operator is refused."""
    await house.box.fault("token", "error_503")
    assert (await pay(house, request_id)).json()["State"] == "held"
    await refused(house, "W-1")
    await refused(house, "W-2")


async def test_what_is_held_is_not_sent_before_the_operator_is_set_right(tmp_path: Path, url: str | None) -> None:
    async with paying(tmp_path, url, QUIET) as house:
        await held(house, "H-1")
        waiting = await house.gateway.payments.finish(await payment_of(house, "H-1"))
        assert waiting.state is State.HELD
        assert "`wakala shortcode initiator`" in (waiting.reason or "")
        assert await called(house, "H-1", "b2c_businesspayment") == 0

        await set_right(house)
        await house.gateway.payments.finish(await payment_of(house, "H-1"))
        await house.request_in("H-1", "succeeded")


async def test_what_is_held_for_too_long_fails_and_says_why(tmp_path: Path, url: str | None) -> None:
    async with paying(tmp_path, url, QUIET | {"hold_limit_s": 3.0}) as house:
        await held(house, "H-1")
        await asyncio.sleep(3.1)
        ended = await house.gateway.payments.send(await payment_of(house, "H-1"))
        assert ended.state is State.FAILED
        assert "`wakala shortcode initiator`" in (ended.reason or "")
        assert await called(house, "H-1", "b2c_businesspayment") == 0
