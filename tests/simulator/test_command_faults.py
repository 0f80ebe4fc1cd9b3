"""Every fault of a command does what the catalogue says: before it exists, around its answer, or to its result."""

import asyncio
import json
from typing import Any

import httpx2
import pytest

from simulator.box import Box, sample, until
from simulator.business import COLLECTOR, PATHS, PAYER, QUICK, accounts, ask, collected, told, values
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def commands(box: Box) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await box.control("commands", method="GET"))["commands"]
    return listed


def like(answer: httpx2.Response, name: str) -> bool:
    body: dict[str, Any] = answer.json()
    return {**body, "requestId": ""} == {**sample(name), "requestId": ""}


@pytest.mark.parametrize(
    ("name", "status", "model"),
    [
        ("busy", 500, "error_500_003_02_busy"),
        ("error_before", 500, "error_500_002_1001_internal"),
        ("duplicate_id", 500, "error_500_002_1001_duplicate"),
        ("refused_token", 404, "error_404_001_03_token"),
    ],
)
async def test_faults_before_it_exists_leave_nothing(box: Box, name: str, status: int, model: str) -> None:
    for kind in PATHS:
        await box.fault(kind, name)
        answer = await ask(box, kind)
        assert answer.status_code == status
        assert like(answer, model)
    assert await commands(box) == []
    assert (await ask(box, "b2c")).status_code == 200


async def test_an_error_after_it_was_taken_lets_it_happen(box: Box) -> None:
    await box.fault("b2c", "error_after")
    assert like(await ask(box, "b2c"), "error_500_002_1001_internal")
    [post] = await box.merchant.received("/result")
    assert post.json["Result"]["ResultCode"] == 0
    assert like(await ask(box, "b2c"), "error_500_002_1001_duplicate")


@pytest.mark.parametrize(("name", "count"), [("hang_after", 1), ("hang_before", 0)])
async def test_a_hung_command_says_nothing_and_ends_at_its_limit(box: Box, name: str, count: int) -> None:
    await box.token()
    await box.fault("b2c", name)
    asking = asyncio.create_task(ask(box, "b2c"))
    await until(lambda: box.machine.faults.waiting == ())
    if count:
        await box.merchant.received("/result")
    assert not asking.done()
    await box.advance(31)
    answer = await asking
    assert (answer.status_code, answer.content) == (504, b"")
    assert len(await commands(box)) == count


async def test_a_slow_answer_comes_after_the_result(box: Box) -> None:
    await box.token()
    await box.fault("b2b", "slow", delay_ms=20_000)
    asking = asyncio.create_task(ask(box, "b2b"))
    await box.merchant.received("/result")
    assert not asking.done()
    await box.advance(21)
    assert (await asking).status_code == 200


@pytest.mark.parametrize("kind", PATHS)
async def test_a_result_before_the_synchronous_answer(box: Box, kind: str) -> None:
    await box.control("rules", {"result_after_min_seconds": 3600, "result_after_max_seconds": 3600})
    await box.fault(kind, "result_first")
    answer = await ask(box, kind)
    [post] = box.merchant.at("/result")  # it was there before the answer was
    assert post.json["Result"]["ConversationID"] == answer.json()["ConversationID"]


@pytest.mark.parametrize("kind", PATHS)
async def test_a_command_is_refused_with_the_code_that_was_ordered(box: Box, kind: str) -> None:
    await box.fault(kind, "refused", code=17)
    await box.fault(kind, "refused")
    results = [await told(box, kind, OriginatorConversationID=f"gw-{number}") for number in range(2)]
    assert [result["ResultCode"] for result in results] == [17, 26]
    assert [command["reason"] for command in await commands(box)] == ["Ordered by a fault."] * 2


async def test_what_is_refused_by_order_moves_nothing(box: Box) -> None:
    before = await accounts(box, PAYER)
    await box.fault("b2c", "refused", code="SFC_IC0003")
    assert (await told(box, "b2c"))["ResultCode"] == "SFC_IC0003"
    assert await accounts(box, PAYER) == before


async def test_a_status_query_denies_a_receipt_that_exists(box: Box) -> None:
    receipt = await collected(box)
    await box.fault("transaction_status", "not_found")
    denied, found = [await told(box, "transaction_status", TransactionID=receipt) for _ in range(2)]
    assert denied["ResultCode"] == 2033
    assert values(found)["ReceiptNo"] == receipt


async def test_a_lost_result_leaves_the_money_moved_and_status_to_tell_it(box: Box) -> None:
    await box.fault("b2c_result", "lost")
    answer = await ask(box, "b2c")
    await until(lambda: box.machine.world.phones["254712345678"].balance_cents == 100_500_00)
    assert box.merchant.at("/result") == []
    about = {"TransactionID": ..., "OriginalConversationID": answer.json()["OriginatorConversationID"]}
    said = values(await told(box, "transaction_status", PartyA=PAYER, **about))
    assert said["TransactionStatus"] == "Completed"
    assert [command["results_answered"] for command in await commands(box)] == [0, 1]


async def test_a_doubled_result_is_the_same_twice(box: Box) -> None:
    await box.fault("b2c_result", "doubled")
    await ask(box, "b2c")
    first, second = await box.merchant.received("/result", 2)
    assert first.body == second.body


async def test_a_late_result_tells_what_was_true_when_the_money_moved(box: Box) -> None:
    await box.fault("b2c_result", "late", delay_ms=60_000)
    await ask(box, "b2c")
    await until(lambda: box.machine.world.phones["254712345678"].balance_cents == 100_500_00)
    await told(box, "b2c", OriginatorConversationID="second")
    await box.advance(61)
    first, late = await box.merchant.received("/result", 2)
    funds = [values(post.json["Result"])["B2CUtilityAccountAvailableFunds"] for post in (first, late)]
    assert funds == [1_999_000, 1_999_500]


async def test_results_arrive_in_another_order(box: Box) -> None:
    await box.fault("b2c_result", "reordered")
    first, second = [
        (await ask(box, "b2c", OriginatorConversationID=f"gw-{number}")).json()["ConversationID"] for number in range(2)
    ]
    posts = await box.merchant.received("/result", 2)
    arrived = [post.json["Result"]["ConversationID"] for post in posts]
    assert sorted(arrived) == sorted([first, second])
    assert len(box.machine.faults.waiting) == 0


async def test_a_malformed_result_breaks_off(box: Box) -> None:
    await box.fault("reversal_result", "malformed")
    await ask(box, "reversal")
    [post] = await box.merchant.received("/result")
    with pytest.raises(json.JSONDecodeError):
        json.loads(post.body)


@pytest.mark.parametrize(
    ("kind", "key", "false"), [("b2c", "TransactionAmount", 1), ("b2b", "Amount", "1.00"), ("reversal", "Amount", 1)]
)
async def test_a_result_can_name_another_amount(box: Box, kind: str, key: str, false: Any) -> None:
    await box.fault(f"{kind}_result", "other_amount")
    about = {"TransactionID": await collected(box)} if kind == "reversal" else {}
    assert values(await told(box, kind, **about))[key] == false


async def test_a_fault_for_one_phone_spares_the_others(box: Box) -> None:
    await box.fault("b2c", "refused", msisdn="254700000001")
    assert (await told(box, "b2c"))["ResultCode"] == 0
    struck = await told(box, "b2c", PartyB="254700000001", OriginatorConversationID="second")
    assert struck["ResultCode"] == 26


async def test_a_script_of_faults_strikes_one_request_after_the_other(box: Box) -> None:
    for code in (1, 8, 2001):
        await box.fault("b2c", "refused", code=code)
    results = [await told(box, "b2c", OriginatorConversationID=f"gw-{number}") for number in range(4)]
    assert [result["ResultCode"] for result in results] == [1, 8, 2001, 0]


async def test_the_log_names_the_faults_of_both_sides(box: Box) -> None:
    await box.fault("account_balance", "refused")
    await box.fault("account_balance_result", "doubled")
    await ask(box, "account_balance", PartyA=COLLECTOR)
    await box.merchant.received("/result", 2)
    calls = (await box.control("calls", method="GET"))["calls"]
    struck = {(call["kind"], *call["faults"]) for call in calls if call["faults"]}
    assert struck == {("account_balance", "refused"), ("account_balance_result", "doubled")}
