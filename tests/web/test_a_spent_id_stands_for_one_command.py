"""A request ID stands for all that was asked under it: the command, and the fields that no column has."""

from typing import Any

import httpx2
import pytest

from services.gateway import PAYBILL, SANDBOX, House, basic, is_problem
from wakala.rules.accounts import Product

PAID = {"Amount": 150, "ReceiverShortcode": "600000", "AccountReference": "SUP-1"}
ASKED = {"RequestID": "SPENT", "SenderShortcode": PAYBILL} | PAID


async def ask(house: House, path: str, **changes: Any) -> httpx2.Response:
    return await house.client.post(f"{SANDBOX}/{path}", json=ASKED | changes, headers=basic(house.app))


@pytest.fixture
async def payer(house: House) -> House:
    [shortcode] = await house.gateway.journal.shortcodes()
    await house.grant(shortcode, Product.B2C)
    return house


async def test_money_to_somebody_else_or_by_another_command_is_refused(payer: House) -> None:
    first = await ask(payer, "b2b/businesspaybill")
    assert first.status_code == 202, first.text
    others: tuple[tuple[str, dict[str, str]], ...] = (
        ("b2b/businesspaybill", {"ReceiverShortcode": "600001"}),
        ("b2b/businesspaybill", {"Occasion": "June"}),
        ("b2b/businessbuygoods", {}),
        ("b2b/disbursefundstobusiness", {}),
    )
    for path, change in others:
        is_problem(await ask(payer, path, **change), 409, "request_id_spent")
    assert (await ask(payer, "b2b/businesspaybill")).content == first.content
    assert len(payer.box.machine.world.commands) == 1


async def test_what_is_asked_without_an_id_is_given_one_of_its_own(payer: House) -> None:
    asked = {"MSISDN": "0712345678", "Shortcode": PAYBILL}
    views = [
        (await payer.client.post(f"{SANDBOX}/b2c/hakikisha", json=asked, headers=basic(payer.app))).json()
        for _ in range(2)
    ]
    assert len({view["RequestID"] for view in views} - {""}) == 2, views
