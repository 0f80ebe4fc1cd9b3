"""Loyalty points are reckoned in shillings, and pay a paybill whose C2B confirmation tells of it (daraja.md 2.22)."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import shape

CALCULATE = "/v1/lipa/na/bonga/calculate-points"
REDEEM = "/v1/lipa/na/bonga/redeem-paybill"
ORDER = {
    "msisdn": CUSTOMER,
    "amount": "100",
    "bongaPoints": "500",
    "conversionRate": "0.2",
    "shortCode": "600984",
    "accountNumber": "ACC-19",
}


@pytest.mark.parametrize(("points", "amount"), [("500", 100), (500, 100), ("4", 0), ("40", 8)])
async def test_five_points_are_a_shilling(box: Box, points: str | int, amount: int) -> None:
    answer = (await box.post(CALCULATE, {"points": points})).json()
    assert shape(answer) == shape(sample("bonga_calculate_response"))
    assert answer["body"] == {"points": str(points), "amount": amount}


async def test_redeemed_points_arrive_as_a_payment_and_cost_no_shilling(box: Box) -> None:
    await box.register()
    before = box.machine.world.phone(CUSTOMER).balance_cents
    answer = await box.post(REDEEM, ORDER)
    assert shape(answer.json()) == shape(sample("bonga_redeem_response"))
    [post] = await box.merchant.received("/confirm")
    assert (post.json["TransAmount"], post.json["BillRefNumber"]) == ("100.00", "ACC-19")
    assert box.machine.world.phone(CUSTOMER).balance_cents == before


async def test_points_go_back_when_the_merchant_refuses(box: Box) -> None:
    await box.register()
    await box.control("shortcodes", {"number": "600984", "external_validation": True})
    box.merchant.replies["/validate"] = (200, {"ResultCode": "C2B00012", "ResultDesc": "Rejected"})
    before = box.machine.world.phone(CUSTOMER).balance_cents
    await box.post(REDEEM, ORDER)
    await box.merchant.received("/validate")
    payment = await box.ended_payment()
    assert (payment["state"], box.machine.world.phone(CUSTOMER).balance_cents) == ("failed", before)


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (CALCULATE, "points", None),
        (CALCULATE, "points", "many"),
        (REDEEM, "msisdn", "0712345678"),
        (REDEEM, "amount", "0"),
        (REDEEM, "bongaPoints", "499"),
        (REDEEM, "conversionRate", ""),
        (REDEEM, "shortCode", "600555"),
        (REDEEM, "accountNumber", ""),
    ],
)
async def test_a_wrong_field_is_named(box: Box, path: str, field: str, value: Any) -> None:
    answer = await box.post(path, {**ORDER, "points": "5", field: value})
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
