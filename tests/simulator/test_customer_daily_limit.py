"""A customer pays at most half a million shillings a day, by prompt or from the menu; the next day begins anew."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, Box

MENU = {"number": "600984", "msisdn": CUSTOMER, "amount": 250_000, "account": "ACC-19"}


@pytest.fixture
async def spent(box: Box) -> Box:
    """The customer is rich and has paid half a million today."""
    await box.control("phones", {"msisdn": CUSTOMER, "balance_cents": 2_000_000_00})
    for _ in range(2):
        assert (await box.control("c2b/pay", MENU))["state"] == "paid"
    return box


async def test_from_the_menu(spent: Box) -> None:
    refused: dict[str, Any] = await spent.control("c2b/pay", {**MENU, "amount": 1})
    assert refused["result_code"] == 4
    await spent.advance(24 * 3600)
    assert (await spent.control("c2b/pay", MENU))["state"] == "paid"


async def test_by_prompt(spent: Box) -> None:
    await spent.control("autopilot", {"mode": "pay"})
    await spent.pushed()
    [post] = await spent.merchant.received("/stk")
    callback = post.json["Body"]["stkCallback"]
    assert callback["ResultCode"] == 4
    assert callback["ResultDesc"] == "Declined due to limit rule: would exceed daily transfer limit."
