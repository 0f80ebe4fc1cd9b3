"""Every fault does what the catalogue says, once or by a seeded chance, and the call log names it."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from simulator.box import CUSTOMER, Box, sample, until
from wakala.simulator.faults import CATALOGUE, Faults, UnknownFaultError

MENU = {"number": "600984", "msisdn": CUSTOMER, "amount": 75, "account": "ACC-19"}


async def paid_by_autopilot(box: Box) -> None:
    await box.control("autopilot", {"mode": "pay"})


async def reasons(box: Box) -> list[str]:
    return [call["reason"] for call in (await box.control("calls", method="GET"))["calls"]]


def like(answer: httpx2.Response, name: str) -> bool:
    body: dict[str, Any] = answer.json()
    return {**body, "requestId": ""} == {**sample(name), "requestId": ""}


async def test_lost_callback(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "lost")
    await box.pushed()
    await box.pushed(Amount=2)
    [post] = await box.merchant.received("/stk")
    assert post.json["Body"]["stkCallback"]["CallbackMetadata"]["Item"][0]["Value"] == 2
    assert "Lost on purpose." in await reasons(box)
    assert [payment["callbacks_answered"] for payment in await box.payments()] == [0, 1]


async def test_late_callback(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "late", delay_ms=30_000)
    checkout = await box.pushed()
    assert (await box.query(checkout)).json()["ResultCode"] == "0"
    await box.advance(29)
    assert box.merchant.posts == []
    await box.advance(2)
    assert len(await box.merchant.received("/stk")) == 1


async def test_doubled_callback(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "doubled")
    await box.pushed()
    first, second = await box.merchant.received("/stk", 2)
    assert first.body == second.body


async def test_reordered_callback_waits_for_the_next(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "reordered")
    first = await box.pushed()
    second = await box.pushed(Amount=2)
    posts = await box.merchant.received("/stk", 2)
    assert [post.json["Body"]["stkCallback"]["CheckoutRequestID"] for post in posts] == [second, first]


async def test_reordered_callback_without_a_next_goes_out_in_the_end(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "reordered")
    await box.pushed()
    await until(lambda: box.machine.courier._held["stk_callback"])
    assert box.merchant.posts == []
    await box.advance(6)
    await box.merchant.received("/stk")


async def test_callback_with_another_amount(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "other_amount")
    await box.pushed(Amount=150)
    [post] = await box.merchant.received("/stk")
    assert post.json["Body"]["stkCallback"]["CallbackMetadata"]["Item"][0]["Value"] == 1
    assert (await box.payment())["amount"] == "150.00"


async def test_malformed_callback(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "malformed")
    await box.pushed()
    [post] = await box.merchant.received("/stk")
    with pytest.raises(json.JSONDecodeError):
        json.loads(post.body)


async def test_several_faults_strike_one_callback(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_callback", "doubled")
    await box.fault("stk_callback", "late", delay_ms=1_000)
    await box.pushed()
    await box.advance(2)
    await box.merchant.received("/stk", 2)


async def test_c2b_confirmation_lost_and_doubled(box: Box) -> None:
    await box.register()
    await box.fault("c2b_confirmation", "lost")
    await box.fault("c2b_confirmation", "doubled", msisdn="254700000001")
    await box.control("c2b/pay", MENU)
    await box.control("c2b/pay", {**MENU, "msisdn": "254700000001"})
    first, second = await box.merchant.received("/confirm", 2)
    assert first.body == second.body
    assert first.json["MSISDN"] == "2547 ***** 001"


async def test_stk_and_c2b_faults_do_not_mix(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.register("174379")
    await box.fault("stk_callback", "lost")
    await box.pushed()
    await box.merchant.received("/confirm")
    assert box.merchant.at("/stk") == []


async def test_callback_before_the_synchronous_answer(box: Box) -> None:
    await box.fault("stk_push", "callback_first")
    checkout = await box.pushed()
    [post] = box.merchant.at("/stk")  # it was there before the answer was
    assert post.json["Body"]["stkCallback"]["CheckoutRequestID"] == checkout
    assert (await box.payment())["state"] == "paid"


async def test_callback_first_tells_the_autopilots_outcome(box: Box) -> None:
    await box.control("autopilot", {"mode": "ignore"})
    await box.fault("stk_push", "callback_first")
    await box.pushed()
    assert box.merchant.at("/stk")[0].json["Body"]["stkCallback"]["ResultCode"] == 1037


async def test_error_after_the_prompt_leaves_one_that_can_be_paid(box: Box) -> None:
    await box.fault("stk_push", "error_after_prompt")
    answer = await box.push()
    assert answer.status_code == 500
    assert like(answer, "error_500_002_1001_internal")
    await box.control(f"phones/{CUSTOMER}/approve")
    await box.merchant.received("/stk")
    assert (await box.payment())["state"] == "paid"


@pytest.mark.parametrize(
    ("name", "model"),
    [("error_before_prompt", "error_500_002_1001_internal"), ("spike_arrest", "error_500_003_02_spike")],
)
async def test_errors_before_the_prompt_leave_none(box: Box, name: str, model: str) -> None:
    await box.fault("stk_push", name)
    answer = await box.push()
    assert answer.status_code == 500
    assert like(answer, model)
    assert await box.payments() == []
    assert (await box.push()).status_code == 200


@pytest.mark.parametrize(("name", "count"), [("hang_after_prompt", 1), ("hang_before_prompt", 0)])
async def test_a_hung_push_says_nothing_and_ends_at_its_limit(box: Box, name: str, count: int) -> None:
    await box.token()
    await box.fault("stk_push", name)
    pushing = asyncio.create_task(box.push())
    await until(lambda: box.machine.faults.waiting == ())
    await box.advance(29)
    assert not pushing.done()
    await box.advance(2)
    answer = await pushing
    assert (answer.status_code, answer.content) == (504, b"")
    assert len(await box.payments()) == count


async def test_a_hung_push_outlives_a_caller_who_gave_up(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_push", "hang_after_prompt")
    box.client.timeout = httpx2.Timeout(0.2)
    with pytest.raises(httpx2.TimeoutException):
        await box.push()
    box.client.timeout = httpx2.Timeout(10)
    await box.merchant.received("/stk")
    assert (await box.payment())["state"] == "paid"


async def test_a_slow_answer_comes_after_its_milliseconds(box: Box) -> None:
    await paid_by_autopilot(box)
    await box.fault("stk_push", "slow", delay_ms=20_000)
    pushing = asyncio.create_task(box.push())
    await box.merchant.received("/stk")
    assert not pushing.done()
    await box.advance(21)
    assert (await pushing).status_code == 200


@pytest.mark.parametrize("kind", ["stk_push", "stk_query"])
async def test_a_good_token_is_refused_once(box: Box, kind: str) -> None:
    async def call() -> httpx2.Response:
        return await box.push() if kind == "stk_push" else await box.query("ws_CO_1")

    await box.fault(kind, "refused_token")
    answer = await call()
    assert answer.status_code == 404
    assert like(answer, "error_404_001_03_token")
    assert (await call()).status_code != 404


@pytest.mark.parametrize(
    ("name", "status", "model"),
    [("error_500", 500, "error_500_002_1001_internal"), ("error_503", 503, "error_500_002_1001_maintenance")],
)
async def test_the_token_endpoint_fails_once(box: Box, name: str, status: int, model: str) -> None:
    await box.fault("token", name)
    answer = await box.token()
    assert answer.status_code == status
    assert like(answer, model)
    assert (await box.token()).status_code == 200


@pytest.mark.parametrize("kind", ["token", "stk_query"])
async def test_other_calls_can_hang_or_be_slow(box: Box, kind: str) -> None:
    async def call() -> httpx2.Response:
        return await box.token() if kind == "token" else await box.query("ws_CO_1")

    await call()
    for name, status in (("hang", 504), ("slow", 200 if kind == "token" else 500)):
        await box.fault(kind, name, delay_ms=20_000)
        calling = asyncio.create_task(call())
        await until(lambda: box.machine.faults.waiting == ())
        assert not calling.done()
        await box.advance(31)
        assert (await calling).status_code == status


async def test_a_query_flake_denies_an_id_that_exists(box: Box) -> None:
    checkout = await box.pushed()
    await box.fault("stk_query", "does_not_exist")
    answer = await box.query(checkout)
    assert answer.status_code == 500
    assert like(answer, "error_500_001_1001_not_exist")
    assert (await box.query(checkout)).json()["ResultCode"] == "4999"


async def test_a_query_can_be_given_the_answer_of_another_prompt(box: Box) -> None:
    checkout = await box.pushed()
    await box.fault("stk_query", "mixed_up")
    told = (await box.query(checkout)).json()
    assert told["ResultCode"] == "0"
    assert told["CheckoutRequestID"] != checkout
    assert (await box.query(checkout)).json()["ResultCode"] == "4999"


async def test_a_query_can_meet_a_server_error(box: Box) -> None:
    checkout = await box.pushed()
    await box.fault("stk_query", "error_500")
    assert like(await box.query(checkout), "error_500_002_1001_internal")


async def test_a_fault_strikes_as_often_as_it_was_told(box: Box) -> None:
    await box.fault("token", "error_500", times=2)
    assert [(await box.token()).status_code for _ in range(3)] == [500, 500, 200]


async def test_the_call_log_names_the_fault(box: Box) -> None:
    await box.fault("token", "error_503")
    await box.token()
    [call] = (await box.control("calls?limit=1", method="GET"))["calls"]
    assert (call["kind"], call["status"], call["faults"]) == ("token", 503, ["error_503"])


def test_one_seed_gives_one_run() -> None:
    def run(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("stk_callback", "lost", times=None, probability=0.3)
        return [bool(faults.take("stk_callback")) for _ in range(200)]

    assert run(5) == run(5)
    assert run(5) != run(6)
    assert 30 < sum(run(5)) < 90


def test_every_fault_can_be_queued_listed_and_removed() -> None:
    faults = Faults(1)
    for kind, names in CATALOGUE.items():
        for name in names:
            fault = faults.add(kind, name)
            assert fault in faults.waiting
            assert faults.remove(fault.number)
            assert not faults.remove(fault.number)


def test_two_of_one_name_strike_two_calls() -> None:
    faults = Faults(1)
    faults.add("token", "slow", delay_ms=1)
    faults.add("token", "slow", delay_ms=2)
    assert [faults.take("token")["slow"].delay_ms for _ in range(2)] == [1, 2]
    assert faults.take("token") == {}


def test_the_queue_is_bounded() -> None:
    faults = Faults(1)
    for _ in range(1_000):
        faults.add("token", "hang")
    with pytest.raises(UnknownFaultError, match="probability"):
        faults.add("token", "hang")


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "nothing", "name": "lost"},
        {"kind": "token", "name": "lost"},
        {"kind": "token", "name": "hang", "probability": 0},
        {"kind": "token", "name": "hang", "probability": 1.1},
        {"kind": "token", "name": "hang", "times": 0},
        {"kind": "token", "name": "slow", "delay_ms": -1},
        {"kind": "token"},
    ],
)
async def test_a_fault_that_cannot_be_gets_a_sentence(box: Box, wrong: dict[str, Any]) -> None:
    answer = await box.client.post("/simulator/faults", json=wrong)
    assert answer.status_code == 400
    assert answer.json()["error"]


async def test_faults_are_listed_with_their_meaning_and_cleared(box: Box) -> None:
    await box.fault("stk_callback", "lost", probability=0.5)
    await box.fault("token", "hang")
    listed = await box.control("faults", method="GET")
    assert [fault["times"] for fault in listed["faults"]] == [None, 1]
    assert listed["faults"][0]["means"] == "never sent"
    assert listed["catalogue"].keys() == CATALOGUE.keys()
    await box.control("faults/1", method="DELETE")
    assert (await box.client.delete("/simulator/faults/1")).status_code == 404
    assert (await box.control("faults", method="DELETE"))["faults"] == []
