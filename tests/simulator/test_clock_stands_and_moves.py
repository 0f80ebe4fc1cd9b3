"""The clock of a running simulator can be stopped, moved and let go; what waits on it obeys."""

import pytest

from simulator.box import CUSTOMER, Box
from simulator.business import ask


async def test_nothing_happens_by_itself_while_it_stands_still(box: Box) -> None:
    await box.control("rules", {"result_after_min_seconds": 0.001, "result_after_max_seconds": 0.001})
    await box.control("clock", {"stopped": True})
    shown = (await box.control("healthz", method="GET"))["now"]
    await ask(box, "b2c")
    await box.pushed()
    assert (await box.control("healthz", method="GET"))["now"] == shown
    assert box.merchant.posts == []
    assert box.machine.clock.waiting_count == 2  # the payout's result and the prompt's end
    await box.advance(1)
    await box.merchant.received("/result")
    assert box.merchant.at("/stk") == []
    await box.advance(60)
    [post] = await box.merchant.received("/stk")
    assert post.json["Body"]["stkCallback"]["ResultCode"] == 1037


async def test_a_person_may_act_while_it_stands_still(box: Box) -> None:
    await box.control("clock", {"stopped": True})
    await box.pushed()
    await box.control(f"phones/{CUSTOMER}/approve")
    [post] = await box.merchant.received("/stk")
    assert post.json["Body"]["stkCallback"]["ResultCode"] == 0


async def test_it_goes_on_from_where_it_stood(box: Box) -> None:
    await box.control("rules", {"prompt_life_seconds": 0.05})
    await box.control("clock", {"stopped": True})
    stood_at = box.machine.clock.seconds()
    await box.pushed()
    moved = await box.control("clock", {"stopped": False})
    assert moved["stopped"] is False
    assert box.machine.clock.seconds() == pytest.approx(stood_at, abs=5)
    await box.merchant.received("/stk")  # its twentieth of a second passes by itself


async def test_moving_while_it_stands_moves_no_further(box: Box) -> None:
    await box.control("clock", {"stopped": True})
    stood_at = box.machine.clock.seconds()
    moved = await box.control("clock", {"advance_seconds": 3600})
    assert box.machine.clock.seconds() == stood_at + 3600
    assert moved["stopped"] is True


async def test_a_token_dies_on_this_clock(box: Box) -> None:
    await box.pushed()
    await box.advance(3600)
    answer = await box.push()
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "404.001.03")


async def test_a_reset_lets_it_go_and_shows_the_true_time(box: Box) -> None:
    await box.control("clock", {"advance_seconds": 86400, "stopped": True})
    await box.control("reset")
    assert (box.machine.clock.stopped, box.machine.clock.ahead_seconds) == (False, 0)


async def test_time_goes_forward_only(box: Box) -> None:
    answer = await box.client.post("/simulator/clock", json={"advance_seconds": -1})
    assert (answer.status_code, answer.json()["error"]) == (400, "Time goes forward only; reset begins anew.")
