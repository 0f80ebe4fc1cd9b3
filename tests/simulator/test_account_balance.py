"""A balance result lists the accounts of the kind of organisation, in production's types or the portal's."""

import pytest

from simulator.box import Box, sample
from simulator.business import QUICK, SENDER, ask, shape, told, values
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


def names(packed: str) -> list[str]:
    return [line.split("|")[0] for line in packed.split("&")]


async def test_a_paybill_has_three_accounts(box: Box) -> None:
    answer = await ask(box, "account_balance")
    assert list(answer.json().items())[2:] == list(sample("account_balance_ack").items())[2:]
    [post] = await box.merchant.received("/result")
    model = sample("account_balance_result_numbers")
    assert shape(post.json) == shape(model)
    packed = values(post.json["Result"])["AccountBalance"]
    assert names(packed) == names(values(model["Result"])["AccountBalance"])
    assert packed == (
        "Working Account|KES|500000.00|500000.00|0.00|0.00"
        "&Utility Account|KES|10400.00|10400.00|0.00|0.00"
        "&Charges Paid Account|KES|0.00|0.00|0.00|0.00"
    )


@pytest.mark.parametrize(("party", "kind"), [("600966", "4"), ("600997", "2")])
async def test_a_till_has_a_merchant_account(box: Box, party: str, kind: str) -> None:
    result = await told(box, "account_balance", PartyA=party, IdentifierType=kind)
    model = sample("account_balance_result_till")["Result"]
    assert shape(result) == shape(model)
    assert names(values(result)["AccountBalance"]) == names(values(model)["AccountBalance"])


async def test_the_portals_types_are_strings(box: Box) -> None:
    await box.control("rules", {"portal_types": True})
    result = await told(box, "account_balance")
    model = sample("account_balance_result")["Result"]
    assert shape(result) == shape(model)
    assert (result["ResultType"], result["ResultCode"], result["ResultDesc"]) == ("0", "0", model["ResultDesc"])


async def test_charges_go_below_zero(box: Box) -> None:
    await told(box, "b2b", Amount=49)
    result = await told(box, "account_balance", PartyA=SENDER)
    assert values(result)["AccountBalance"].endswith("Charges Paid Account|KES|-2.00|-2.00|0.00|0.00")


async def test_a_till_number_is_no_shortcode(box: Box) -> None:
    assert (await told(box, "account_balance", PartyA="600997"))["ResultCode"] == "SFC_IC0003"
