"""Payouts, transfers, reversals and questions: however M-Pesa behaves, each ends once, with evidence and one notice."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from services.gateway import CUSTOMER, SANDBOX, House, basic, eventually, is_problem, running_gateway
from wakala.rules.accounts import Product
from wakala.simulator.sandbox import INITIATOR_PASSWORD, INITIATORS

NUMBER = "600984"
FINAL = ("succeeded", "failed", "expired")


@pytest.fixture
async def house(tmp_path: Path, database_url: str) -> AsyncIterator[House]:
    finisher = {"poll_s": 0.02, "schedule_s": [0.3, 0.6, 0.9, 1.2, 1.5], "expire_s": 8.0}
    database = None if database_url.startswith("sqlite") else database_url
    async with running_gateway(tmp_path, database_url=database, finisher=finisher) as house:
        shortcode = await house.add_shortcode(number=NUMBER)
        pem = (await house.box.client.get("/simulator/certificate")).text
        await house.admin.set_initiator(shortcode, INITIATORS[0], INITIATOR_PASSWORD, pem)
        await house.admin.add_product(shortcode, Product.B2C)
        await house.settle_directory()
        house.box.machine.world.rules = dataclasses.replace(
            house.box.machine.world.rules, result_after_min_seconds=0.01, result_after_max_seconds=0.05
        )
        yield house


BODIES: dict[str, dict[str, Any]] = {
    "b2c/businesspayment": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2c/salarypayment": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2c/promotionpayment": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2c/businesspaytopochi": {"Amount": 150, "ReceiverMSISDN": CUSTOMER},
    "b2b/businesspaybill": {"Amount": 150, "ReceiverShortcode": "600000", "AccountReference": "SUP-1"},
    "b2b/businessbuygoods": {"Amount": 150, "ReceiverShortcode": "600992"},
    "b2b/businesspaytobulk": {"Amount": 150, "ReceiverShortcode": "600998"},
    "b2b/paytaxtokra": {"Amount": 150, "AccountReference": "PRN2026112401"},
    "accountbalance/accountbalance": {},
}
MONEY = [path for path in BODIES if not path.startswith("accountbalance")]
FAULT_KIND = {"b2b/paytaxtokra": "tax", "b2c/businesspaytopochi": "b2pochi"}


def kind_of(path: str) -> str:
    """The simulator's word for a family of commands."""
    group = path.partition("/")[0]
    return FAULT_KIND.get(path, "account_balance" if group == "accountbalance" else group)


async def ask(house: House, path: str, request_id: str, **changes: Any) -> Any:
    body = {"RequestID": request_id, "Shortcode": NUMBER} | BODIES.get(path, {}) | changes
    if path.startswith(("b2c", "b2b")):
        body["SenderShortcode"] = body.pop("Shortcode")
    answer = await house.client.post(f"{SANDBOX}/{path}", json=body, headers=basic(house.app))
    assert answer.status_code in {200, 202}, answer.text
    return answer.json()


async def finals(house: House, request_id: str) -> list[dict[str, Any]]:
    """The final notices of one request, once they have come."""
    wanted = {f"payment.{state}" for state in FINAL}

    def told() -> list[dict[str, Any]]:
        posts = [post.json for post in house.merchant.at("/wakala")]
        return [post for post in posts if post["type"] in wanted and post["data"]["RequestID"] == request_id]

    await eventually(told)
    return told()


@pytest.mark.parametrize("path", BODIES)
async def test_a_command_is_carried_out_and_told_once(house: House, path: str) -> None:
    asked = await ask(house, path, "R-1")
    assert asked["State"] in {"pending", "unknown"}
    view = await house.request_in("R-1", *FINAL)
    assert (view["State"], view["Evidence"], view["ResultCode"]) == ("succeeded", "result", "0")
    assert view["ConversationID"].startswith("AG_")
    assert view["ResultData"]
    assert len(await finals(house, "R-1")) == 1


@pytest.mark.parametrize("path", BODIES)
async def test_a_refused_command_fails_with_the_reason(house: House, path: str) -> None:
    await house.box.fault(kind_of(path), "refused", code="21")
    await ask(house, path, "R-2")
    view = await house.request_in("R-2", *FINAL)
    assert (view["State"], view["Evidence"], view["ResultCode"]) == ("failed", "result", "21")
    assert view["Cause"]["en"]
    assert view["NextStep"]["sw"]
    assert len(await finals(house, "R-2")) == 1


@pytest.mark.parametrize("path", MONEY)
async def test_a_command_whose_answer_never_came_is_not_sent_twice(house: House, path: str) -> None:
    await house.box.fault(kind_of(path), "hang_after")
    asked = await ask(house, path, "R-3")
    assert asked["State"] in {"pending", "unknown"}
    view = await house.request_in("R-3", *FINAL)
    assert view["State"] == "succeeded"
    assert view["Evidence"] in {"result", "status"}
    assert len(await finals(house, "R-3")) == 1
    assert sent(house) == 1


def sent(house: House) -> int:
    """How many commands of that amount M-Pesa was given."""
    return sum(1 for each in house.box.machine.world.commands.values() if each.asked.amount_cents == 150_00)


@pytest.mark.parametrize("path", ["b2c/businesspayment", "b2b/businesspaybill"])
async def test_a_result_that_was_lost_is_found_by_transaction_status(house: House, path: str) -> None:
    await house.box.fault(f"{kind_of(path)}_result", "lost")
    await ask(house, path, "R-4")
    view = await house.request_in("R-4", *FINAL)
    assert (view["State"], view["Evidence"]) == ("succeeded", "status")
    assert view["MpesaReceiptNumber"]
    assert len(await finals(house, "R-4")) == 1


@pytest.mark.parametrize("path", ["b2c/businesspayment", "b2b/businesspaybill"])
async def test_a_result_that_came_twice_is_told_once(house: House, path: str) -> None:
    await house.box.fault(f"{kind_of(path)}_result", "doubled")
    await ask(house, path, "R-5")
    assert len(await finals(house, "R-5")) == 1

    async def both_are_on_record() -> bool:
        trace = (await house.get(f"{SANDBOX}/requests/R-5/trace")).json()
        return sum(1 for entry in trace["Entries"] if entry["Name"] == "result_callback") == 2

    await eventually(both_are_on_record)
    assert len(await finals(house, "R-5")) == 1


async def test_a_time_out_in_the_queue_is_unknown_until_m_pesa_says(house: House) -> None:
    await house.box.fault("b2c", "queue_timeout_then_result", delay_ms=100)
    await ask(house, "b2c/businesspayment", "R-6")
    view = await house.request_in("R-6", *FINAL)
    assert view["State"] == "succeeded"
    trace = (await house.get(f"{SANDBOX}/requests/R-6/trace")).json()
    assert "timed_out" in [entry["Name"] for entry in trace["Entries"]]
    assert len(await finals(house, "R-6")) == 1


async def test_a_result_before_the_answer_settles_it_all_the_same(house: House) -> None:
    await house.box.fault("b2c", "result_first")
    await ask(house, "b2c/businesspayment", "R-7")
    assert (await house.request_in("R-7", *FINAL))["State"] == "succeeded"
    assert len(await finals(house, "R-7")) == 1


async def test_a_customer_s_payment_is_given_back(house: House) -> None:
    await house.autopilot("pay")
    await house.push("SALE", ReceiverShortcode=NUMBER)
    receipt = (await house.request_in("SALE", *FINAL))["MpesaReceiptNumber"]
    await ask(house, "reversal/transactionreversal", "BACK", TransactionID=receipt, Amount=150)
    view = await house.request_in("BACK", *FINAL)
    assert (view["State"], view["Kind"]) == ("succeeded", "reversal")
    await ask(house, "reversal/transactionreversal", "BACK-2", TransactionID=receipt, Amount=150)
    again = await house.request_in("BACK-2", *FINAL)
    assert (again["State"], again["ResultCode"]) == ("failed", "R000001")


async def test_a_question_about_a_request_is_answered(house: House) -> None:
    await ask(house, "b2c/businesspayment", "PAID")
    await house.request_in("PAID", *FINAL)
    await ask(house, "transactionstatus/transactionstatusquery", "ASK", OriginalRequestID="PAID")
    view = await house.request_in("ASK", *FINAL)
    assert view["State"] == "succeeded"
    assert view["ResultData"]["TransactionStatus"] == "Completed"


async def test_an_operator_that_m_pesa_refused_twice_is_stopped(house: House) -> None:
    shortcode = next(s for s in await house.gateway.journal.shortcodes() if s.number == NUMBER)
    await house.admin.set_initiator(shortcode, INITIATORS[0], "wrong", shortcode.certificate)
    await house.settle_directory()
    for request_id in ("W-1", "W-2"):
        await ask(house, "b2c/businesspayment", request_id)
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
