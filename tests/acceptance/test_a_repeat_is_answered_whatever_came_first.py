"""M-Pesa's callback may come before its answer, and the answer never: whoever repeats the request is still told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from services.gateway import House, eventually, is_problem, running_gateway
from wakala.rules.facts import Settled, TimedOut
from wakala.rules.payment import Evidence

RULES = {"hang_seconds": 8.0}


@pytest.fixture
async def stack(database_url: str) -> AsyncIterator[AsyncExitStack]:  # so that the database outlives what it holds
    async with AsyncExitStack() as stack:
        yield stack


async def opened(stack: AsyncExitStack, folder: Path, database_url: str, **settings: Any) -> House:
    database = None if database_url.startswith("sqlite") else database_url
    house = await stack.enter_async_context(running_gateway(folder, database_url=database, **settings))
    await house.box.control("rules", RULES)
    await house.box.fault("stk_push", "hang_after_prompt")
    return house


async def test_a_callback_before_an_answer_that_never_comes(
    stack: AsyncExitStack, tmp_path: Path, database_url: str
) -> None:
    house = await opened(stack, tmp_path, database_url, daraja={"answer_limit_s": 4})
    await house.autopilot("pay")

    first = await house.push("R-1")
    again = await house.push("R-1")

    assert (first.status_code, first.json()["State"]) == (202, "unknown")
    assert (again.status_code, again.json()) == (202, first.json())
    assert (await house.request("R-1"))["State"] == "succeeded"
    assert house.prompts() == 1


async def test_a_gateway_that_died_while_it_waited_leaves_an_answer(
    stack: AsyncExitStack, tmp_path: Path, database_url: str
) -> None:
    # The one that waits is as good as dead once its lease is over; the finisher never gets to see the payment.
    slow = {"daraja": {"answer_limit_s": 30}, "finisher": {"poll_s": 600, "send_lease_s": 1.0}}
    house = await opened(stack, tmp_path, database_url, **slow)
    waiting = asyncio.create_task(house.push("R-1"))
    await eventually(house.prompts)
    await says_nothing_of_use(house, "R-1")

    told: dict[str, Any] = {}

    async def is_told() -> bool:
        answer = await house.push("R-1")
        if answer.status_code == 202:
            told.update(answer.json())
        return bool(told)

    await eventually(is_told)
    assert told["State"] == "unknown"
    assert (await waiting).json() == told
    assert house.prompts() == 1


async def says_nothing_of_use(house: House, request_id: str) -> None:
    """M-Pesa's queue gave the request up, which settles nothing."""
    [organisation] = await house.gateway.journal.organisations()
    sent = await house.gateway.journal.payment_by_request(organisation, "sandbox", request_id)
    assert sent is not None
    await house.gateway.payments.settle(sent, TimedOut("It timed out in M-Pesa's queue."))


async def test_while_the_first_one_is_waited_for_and_nothing_is_settled_there_is_nothing_to_repeat(
    stack: AsyncExitStack, tmp_path: Path, database_url: str
) -> None:
    house = await opened(stack, tmp_path, database_url, daraja={"answer_limit_s": 600}, finisher={"poll_s": 600})
    await house.box.control("rules", {"hang_seconds": 600.0})
    waiting = asyncio.create_task(house.push("R-1"))
    await eventually(house.prompts)
    is_problem(await house.push("R-1"), 409, "request_in_flight")
    await says_nothing_of_use(house, "R-1")
    is_problem(await house.push("R-1"), 409, "request_in_flight")
    assert house.prompts() == 1
    waiting.cancel()
    await asyncio.wait({waiting})


@pytest.mark.parametrize(("answers", "outcome"), [("approve", "succeeded"), ("cancel", "failed")])
async def test_what_has_its_outcome_answers_a_repeat_at_once_and_as_taken(
    stack: AsyncExitStack, tmp_path: Path, database_url: str, answers: str, outcome: str
) -> None:
    """Whether whoever waited for M-Pesa's answer was cut off or waits still; who waits is told the same."""
    house = await opened(stack, tmp_path, database_url, daraja={"answer_limit_s": 600})
    waiting = asyncio.create_task(house.push("R-1"))
    await eventually(house.prompts)
    await house.customer(answers)
    view = await house.request_in("R-1", outcome)

    again = await house.push("R-1")

    assert (again.status_code, again.json()["State"]) == (202, "pending")
    assert again.json()["CheckoutRequestID"] == view["CheckoutRequestID"]
    assert (await house.push("R-1")).json() == again.json()
    first = await waiting
    assert (first.status_code, first.json()) == (202, again.json())
    assert (await house.request("R-1"))["State"] == outcome
    assert house.prompts() == 1


async def test_what_has_its_outcome_without_an_id_of_m_pesas_answers_a_repeat_at_once(
    stack: AsyncExitStack, tmp_path: Path, database_url: str
) -> None:
    """A C2B confirmation names no request: that M-Pesa gave an answer is not known."""
    house = await opened(stack, tmp_path, database_url, daraja={"answer_limit_s": 600})
    waiting = asyncio.create_task(house.push("R-1"))
    await eventually(house.prompts)
    [organisation] = await house.gateway.journal.organisations()
    sent = await house.gateway.journal.payment_by_request(organisation, "sandbox", "R-1")
    assert sent is not None
    confirmed = Settled(Evidence.C2B_CONFIRMATION, paid=True, code="0", description="Confirmed.", receipt="UCE1Q0Z8MN")
    await house.gateway.payments.settle(sent, confirmed)

    again = await house.push("R-1")

    assert (again.status_code, again.json()["State"]) == (202, "unknown")
    assert (await waiting).json() == again.json()
