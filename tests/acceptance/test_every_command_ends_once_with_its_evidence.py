"""Payouts, transfers, reversals and questions: however M-Pesa behaves, each ends once, with evidence and one notice.

Each story is told by both faces, on both databases and by both sides of M-Pesa, with every command that it queues.
"""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import pytest

from acceptance.faces import (
    BODIES,
    FINAL,
    NUMBER,
    REVERSAL,
    STATUS,
    DarajaFace,
    Face,
    WakalaFace,
    bodies_for,
    finals,
)
from services.broker import access
from services.gateway import SANDBOX, STORE, TILL, House, basic, eventually, is_problem, running_gateway
from wakala.rules.accounts import Product, Side
from wakala.rules.commands import BY_PATH, COMMANDS, Mode
from wakala.simulator.broker.listener import Door, listening
from wakala.simulator.sandbox import INITIATOR_PASSWORD, INITIATORS

PLENTY_CENTS = 1_000_000_00
FUNDS = {
    NUMBER: {"Working Account": PLENTY_CENTS, "Utility Account": PLENTY_CENTS},
    STORE: {"Working Account": PLENTY_CENTS, "Merchant Account": PLENTY_CENTS},
}
QUESTIONS = [path for path in BODIES if not BY_PATH[path].kind.moves_money]
MONEY = [path for path in BODIES if path not in QUESTIONS]
FAULT_KIND = {
    "b2b/paytaxtokra": "tax",
    "b2c/businesspaytopochi": "b2pochi",
    "accountbalance/accountbalance": "account_balance",
    STATUS: "transaction_status",
}
# A reversal has no ID of ours at Daraja: until M-Pesa has told its own, it cannot be asked about one (daraja.md 2.14).
ASKABLE = [path for path in MONEY if path != REVERSAL]


def test_no_command_that_m_pesa_queues_is_left_out() -> None:
    assert set(BODIES) == {command.path for command in COMMANDS if command.mode is Mode.QUEUED}


@pytest.fixture(params=list(Side))
def side(request: pytest.FixtureRequest) -> Side:
    """By which of M-Pesa's interfaces; what the Broker does not have goes by Daraja in either case."""
    found: Side = request.param
    return found


@pytest.fixture
def answer_limit_s() -> float:
    """How long M-Pesa may take: no slow machine decides a story, but those that wait for the end of it say less."""
    return 30.0


@pytest.fixture
async def house(tmp_path: Path, database_url: str, side: Side, answer_limit_s: float) -> AsyncIterator[House]:
    finisher = {"poll_s": 0.02, "schedule_s": [0.3, 0.6, 0.9, 1.2, 1.5, 2, 3], "expire_s": 8.0}
    database = None if database_url.startswith("sqlite") else database_url
    daraja = {"answer_limit_s": answer_limit_s}
    async with running_gateway(tmp_path, database_url=database, finisher=finisher, daraja=daraja) as house:
        shortcode = await house.add_shortcode(number=NUMBER)
        store = await house.add_shortcode(number=STORE, till=TILL)
        pem = (await house.box.client.get("/simulator/certificate")).text
        for each in (shortcode, store):
            await house.admin.set_initiator(each, INITIATORS[0], INITIATOR_PASSWORD, pem)
            await house.admin.add_product(each, Product.B2C)
        await house.settle_directory()
        for number, accounts in FUNDS.items():
            await house.box.control(f"shortcodes/{number}/accounts", {"accounts": accounts})
        house.box.machine.world.rules = dataclasses.replace(
            house.box.machine.world.rules, result_after_min_seconds=0.01, result_after_max_seconds=0.05
        )
        if side is Side.DARAJA:
            yield house
            return
        async with listening(house.box.machine, Door(0, tmp_path / "certificates")) as broker:
            for each in (shortcode, store):
                await house.admin.use_broker(each, access(broker.url, tmp_path / "certificates"))
            await house.settle_directory()
            yield house


@pytest.fixture(params=[WakalaFace(), DarajaFace()], ids=["wakala", "daraja"])
def face(request: pytest.FixtureRequest) -> Face:
    found: Face = request.param
    return found


def kind_of(path: str) -> str:
    """The simulator's word for a family of commands."""
    return FAULT_KIND.get(path, path.partition("/")[0])


async def faulty(
    house: House, name: str, paths: Iterable[str] = BODIES, part: str = "", often: int = 1, **more: Any
) -> None:
    """The next call of each of these commands, or the next news of it (``part``), goes wrong; the ``often`` next."""
    for kind, times in Counter(kind_of(path) for path in paths).items():
        await house.box.fault(f"{kind}{part}", name, times=times * often, **more)


async def ask_all(face: Face, house: House, paths: Iterable[str] = BODIES) -> dict[str, dict[str, Any]]:
    """Give these commands at once; each as it stands once it is final, by its request ID."""
    bodies = await bodies_for(house, paths)
    wanted = {path.replace("/", "-"): path for path in bodies}
    await asyncio.gather(*(face.ask(house, path, request_id, **bodies[path]) for request_id, path in wanted.items()))
    return {request_id: await house.request_in(request_id, *FINAL) for request_id in wanted}


async def recorded(house: House, request_id: str, name: str) -> int:
    """How often something happened to a request, by its trace."""
    trace = (await house.get(f"{SANDBOX}/requests/{request_id}/trace")).json()
    return sum(1 for entry in trace["Entries"] if entry["Name"] == name)


async def test_a_command_is_carried_out_and_told_once(house: House, face: Face) -> None:
    views = await ask_all(face, house)
    for view in views.values():
        assert (view["State"], view["Evidence"], view["ResultCode"]) == ("succeeded", "result", "0"), view
        assert view["ConversationID"].startswith("AG_")
        assert view["ResultData"]
    assert set(await finals(face, house, views)) == {1}


async def test_a_refused_command_fails_with_the_reason(house: House, face: Face) -> None:
    await faulty(house, "refused", often=1_000, code="21")  # a question whose answer is slow to come is asked again
    views = await ask_all(face, house)
    for view in views.values():
        assert (view["State"], view["Evidence"], view["ResultCode"]) == ("failed", "result", "21"), view
        assert view["Cause"]["en"]
        assert view["NextStep"]["sw"]
    assert set(await finals(face, house, views)) == {1}


@pytest.mark.parametrize("answer_limit_s", [4.0])
async def test_a_command_whose_answer_never_came_is_not_sent_twice(house: House, face: Face) -> None:
    await faulty(house, "hang_after", MONEY)
    views = await ask_all(face, house, MONEY)
    for view in views.values():
        assert view["State"] == "succeeded"
        assert view["Evidence"] in {"result", "status"}
    assert set(await finals(face, house, views)) == {1}
    assert sent(house) == len(MONEY)


def sent(house: House) -> int:
    """How many commands of that amount M-Pesa was given."""
    return sum(1 for each in house.box.machine.world.commands.values() if each.asked.amount_cents == 150_00)


async def test_a_result_that_was_lost_is_found_by_transaction_status(house: House, face: Face) -> None:
    await faulty(house, "lost", MONEY, "_result")
    views = await ask_all(face, house, MONEY)
    for view in views.values():
        assert (view["State"], view["Evidence"]) == ("succeeded", "status")
        assert view["MpesaReceiptNumber"]
    assert set(await finals(face, house, views)) == {1}
    assert sent(house) == len(MONEY)


async def test_a_question_whose_result_was_lost_is_asked_again(house: House, face: Face) -> None:
    await faulty(house, "lost", QUESTIONS, "_result")
    views = await ask_all(face, house, QUESTIONS)
    assert {view["State"] for view in views.values()} == {"succeeded"}
    assert set(await finals(face, house, views)) == {1}


async def test_a_result_that_came_twice_is_told_once(house: House, face: Face) -> None:
    await faulty(house, "doubled", part="_result", often=1_000)  # also those of a question that is put a second time
    views = await ask_all(face, house)

    async def both_are_on_record() -> bool:  # more, where a slow answer made the gateway put a question twice
        return all([await recorded(house, request_id, "result_callback") >= 2 for request_id in views])

    await eventually(both_are_on_record)
    assert set(await finals(face, house, views)) == {1}


async def test_a_time_out_in_the_queue_is_unknown_until_m_pesa_says(house: House, face: Face) -> None:
    await faulty(house, "queue_timeout_then_result", delay_ms=200)
    views = await ask_all(face, house)
    for request_id, view in views.items():
        assert view["State"] == "succeeded"
        assert await recorded(house, request_id, "timed_out") == 1
    assert set(await finals(face, house, views)) == {1}
    assert sent(house) == len(MONEY)


async def test_a_time_out_in_the_queue_that_nothing_follows_is_never_called_paid(house: House, face: Face) -> None:
    await faulty(house, "queue_timeout", MONEY)
    views = await ask_all(face, house, MONEY)
    for view in views.values():
        assert view["State"] in {"failed", "expired"}
    assert set(await finals(face, house, views)) == {1}
    assert sent(house) == len(MONEY)


async def test_a_result_before_the_answer_settles_it_all_the_same(house: House, face: Face) -> None:
    await house.box.fault("b2c", "result_first")
    await face.ask(house, "b2c/businesspayment", "R-7")
    assert (await house.request_in("R-7", *FINAL))["State"] == "succeeded"
    assert await finals(face, house, ["R-7"]) == [1]


async def test_a_customer_s_payment_is_given_back(house: House, face: Face) -> None:
    await house.autopilot("pay")
    await house.push("SALE", ReceiverShortcode=NUMBER)
    receipt = (await house.request_in("SALE", *FINAL))["MpesaReceiptNumber"]
    await face.ask(house, "reversal/transactionreversal", "BACK", TransactionID=receipt, Amount=150)
    view = await house.request_in("BACK", *FINAL)
    assert (view["State"], view["Kind"]) == ("succeeded", "reversal")
    await face.ask(house, "reversal/transactionreversal", "BACK-2", TransactionID=receipt, Amount=150)
    again = await house.request_in("BACK-2", *FINAL)
    assert (again["State"], again["ResultCode"]) == ("failed", "R000001")


async def test_a_question_about_a_request_is_answered(house: House, face: Face) -> None:
    await face.ask(house, "b2c/businesspayment", "PAID")
    await house.request_in("PAID", *FINAL)
    await face.ask(house, "transactionstatus/transactionstatusquery", "ASK", OriginalRequestID="PAID")
    view = await house.request_in("ASK", *FINAL)
    assert view["State"] == "succeeded"
    assert view["ResultData"]["TransactionStatus"] == "Completed"


async def test_an_operator_that_m_pesa_refused_twice_is_stopped(house: House) -> None:
    shortcode = next(s for s in await house.gateway.journal.shortcodes() if s.number == NUMBER)
    await house.admin.set_initiator(shortcode, INITIATORS[0], "wrong", shortcode.certificate)
    await house.settle_directory()
    for request_id in ("W-1", "W-2"):
        await WakalaFace().ask(house, "b2c/businesspayment", request_id)
        assert (await house.request_in(request_id, *FINAL))["ResultCode"] == "2001"
    await house.settle_directory()
    body = {"RequestID": "W-3", "SenderShortcode": NUMBER, **BODIES["b2c/businesspayment"]}
    answer = await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))
    is_problem(answer, 409, "initiator_stopped")


async def test_what_the_shortcode_cannot_do_is_refused_before_m_pesa(house: House) -> None:
    body = {"RequestID": "NO", "SenderShortcode": "174379", **BODIES["b2c/businesspayment"]}
    answer = await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))
    assert "B2C" in is_problem(answer)["detail"]
    assert (await house.client.get(f"{SANDBOX}/requests/NO", headers=basic(house.app))).status_code == 404
