"""Accounts, operators and commands can be read and set through the control API."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, Box
from simulator.business import PAYER, QUICK, SENDER, accounts, told
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def test_accounts_are_read_and_set_one_by_one(box: Box) -> None:
    assert await accounts(box, PAYER) == {
        "Working Account": 500_000_00,
        "Utility Account": 2_000_000_00,
        "Charges Paid Account": 0,
    }
    order = {"accounts": {"Utility Account": 1_234_56, "Charges Paid Account": -50}}
    shown = await box.control(f"shortcodes/{PAYER}/accounts", order)
    assert shown["balances"] == {
        "Working Account": "500000.00",
        "Utility Account": "1234.56",
        "Charges Paid Account": "-0.50",
    }


async def test_a_till_is_found_by_either_number(box: Box) -> None:
    by_store, by_till = await accounts(box, "600966"), await accounts(box, "600997")
    assert by_store == by_till
    assert list(by_till) == ["Merchant Account", "Working Account", "Charges Paid Account"]


@pytest.mark.parametrize(
    ("path", "order", "status"),
    [
        ("shortcodes/600555/accounts", {"accounts": {}}, 404),
        (f"shortcodes/{PAYER}/accounts", {"accounts": {"Merchant Account": 1}}, 400),
        (f"shortcodes/{PAYER}/accounts", {"accounts": {"Piggy Bank": 1}}, 400),
        (f"shortcodes/{PAYER}/accounts", {}, 400),
    ],
)
async def test_what_cannot_be_set_gets_a_sentence(box: Box, path: str, order: dict[str, Any], status: int) -> None:
    answer = await box.client.post(f"/simulator/{path}", json=order)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


async def test_a_paybill_that_becomes_a_till_keeps_its_money(box: Box) -> None:
    await box.control("shortcodes", {"number": "555001", "balance_cents": 700})
    await box.control("shortcodes", {"number": "555001", "till": "555002", "balance_cents": 900})
    assert await accounts(box, "555001") == {
        "Merchant Account": 900,
        "Working Account": 0,
        "Charges Paid Account": 0,
    }


async def test_commands_are_listed_by_cursor_with_their_reasons(box: Box) -> None:
    await told(box, "b2c")
    await told(box, "b2b", PartyB="600555")
    await told(box, "account_balance")
    first = await box.control("commands?limit=2", method="GET")
    rest = await box.control(f"commands?after={first['next_after']}", method="GET")
    listed = first["commands"] + rest["commands"]
    assert [each["number"] for each in listed] == [1, 2, 3]
    assert [each["kind"] for each in listed] == ["b2c", "b2b", "account_balance"]
    assert [each["state"] for each in listed] == ["done", "failed", "done"]
    assert [each["amount"] for each in listed] == ["500.00", "239.00", "0.00"]
    assert listed[1]["reason"] == "There is no shortcode or till 600555 here."
    assert (listed[0]["party_a"], listed[0]["party_b"], listed[1]["party_a"]) == (PAYER, CUSTOMER, SENDER)
    assert (await box.control("commands?after=3", method="GET"))["next_after"] == 3


async def test_the_state_shows_operators_and_commands(box: Box) -> None:
    await told(box, "b2c")
    state = await box.control("state", method="GET")
    assert state["commands"][0]["result_code"] == 0
    assert [each["name"] for each in state["initiators"]] == ["testapi", "testapiuser"]
    [payer] = [each for each in state["shortcodes"] if each["number"] == PAYER]
    assert payer["accounts"]["Charges Paid Account"] == -5_00


async def test_a_reset_forgets_commands_operators_and_balances(box: Box) -> None:
    await told(box, "b2c")
    await box.control("initiators", {"name": "own", "password": "p"})
    await box.control("reset")
    state = await box.control("state", method="GET")
    assert (state["commands"], len(state["initiators"])) == ([], 2)
    assert (await accounts(box, PAYER))["Utility Account"] == 2_000_000_00
