"""Tax goes to one receiver, and its results differ from other transfers in three places."""

import pytest

from simulator.box import Box, sample
from simulator.business import QUICK, SENDER, accounts, ask, shape, told, values
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def test_tax_is_acknowledged_and_told_in_strings(box: Box) -> None:
    answer = await ask(box, "tax")
    assert list(answer.json().items())[2:] == list(sample("tax_ack").items())[2:]
    [post] = await box.merchant.received("/result")
    model = sample("tax_result_success")
    assert shape(post.json) == shape(model)
    said = values(post.json["Result"])
    assert said["ReceiverPartyPublicName"] == "572572 - Demo Tax Collector"
    bill, url = post.json["Result"]["ReferenceData"]["ReferenceItem"]
    assert (bill["Value"], url["Value"]) == ("PRN2026031401", f"{box.merchant.url}/timeout")
    assert (await accounts(box, "572572"))["Utility Account"] == 239_00


async def test_its_failure_is_a_list_of_one_with_a_string(box: Box) -> None:
    result = await told(box, "tax", Initiator="nobody")
    model = sample("tax_result_fail")["Result"]
    assert shape(result) == shape(model)
    assert (result["ResultType"], result["ResultCode"], result["ResultDesc"]) == ("0", 2001, model["ResultDesc"])


async def test_an_empty_working_account_pays_no_tax(box: Box) -> None:
    await box.control(f"shortcodes/{SENDER}/accounts", {"accounts": {"Working Account": 0}})
    assert (await told(box, "tax"))["ResultCode"] == 1
