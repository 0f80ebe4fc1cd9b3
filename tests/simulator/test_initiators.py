"""An operator is checked before any money: who it is, its password, whether it is locked, and its roles."""

import base64
from typing import Any

import pytest

from simulator.box import Box, sample
from simulator.business import COLLECTOR, PATHS, PAYER, QUICK, ask, credential, told
from wakala.simulator.machine import Start
from wakala.simulator.sandbox import INITIATOR_PASSWORD


@pytest.fixture
def start() -> Start:
    return QUICK


async def operator(box: Box, **order: Any) -> dict[str, Any]:
    made: dict[str, Any] = await box.control("initiators", {"name": "apiop37", **order})
    return made


async def payout(box: Box, number: int, **changes: Any) -> dict[str, Any]:
    return await told(box, "b2c", OriginatorConversationID=f"gw-{number}", **changes)


def ends_like(result: dict[str, Any], model: str) -> bool:
    expected = sample(model)["Result"]
    return (result["ResultCode"], result["ResultDesc"]) == (expected["ResultCode"], expected["ResultDesc"])


async def test_the_sandboxes_operator_and_password_are_good(box: Box) -> None:
    sealed = await credential(box, INITIATOR_PASSWORD)
    assert len(sealed) == 344
    assert (await payout(box, 1, SecurityCredential=sealed))["ResultCode"] == 0


async def test_a_credential_of_another_certificate_is_taken_on_trust(box: Box) -> None:
    await box.client.get("/simulator/certificate")
    foreign = base64.b64encode(bytes(range(256))).decode()
    for number, opaque in enumerate((foreign, "not base64 !", sample("b2c_request_v3")["SecurityCredential"])):
        assert (await payout(box, number, SecurityCredential=opaque))["ResultCode"] == 0


async def test_a_wrong_password_is_refused_and_three_lock_the_operator(box: Box) -> None:
    wrong, right = await credential(box, "wrong"), await credential(box, INITIATOR_PASSWORD)
    for number in range(3):
        assert ends_like(await payout(box, number, SecurityCredential=wrong), "b2c_result_fail_initiator_invalid")
    for number in (3, 4):
        assert ends_like(await payout(box, number, SecurityCredential=right), "b2c_result_fail_locked")
    await box.control("initiators", {"name": "testapi", "locked": False})
    assert (await payout(box, 5, SecurityCredential=right))["ResultCode"] == 0


async def test_a_right_password_between_forgets_the_failures(box: Box) -> None:
    wrong, right = await credential(box, "wrong"), await credential(box, INITIATOR_PASSWORD)
    codes = [
        (await payout(box, number, SecurityCredential=sealed))["ResultCode"]
        for number, sealed in enumerate((wrong, wrong, right, wrong, wrong, right))
    ]
    assert codes == [2001, 2001, 0, 2001, 2001, 0]


async def test_how_many_failures_lock_is_a_rule(box: Box) -> None:
    await box.control("rules", {"lock_after_failures": 1})
    wrong = await credential(box, "wrong")
    codes = [(await payout(box, number, SecurityCredential=wrong))["ResultCode"] for number in range(2)]
    assert codes == [2001, 8006]


async def test_the_lock_holds_for_every_command(box: Box) -> None:
    await box.control("initiators", {"name": "testapi", "locked": True})
    for kind in PATHS:
        assert (await told(box, kind, **({} if kind in ("b2c", "b2pochi") else {"Initiator": "testapi"})))[
            "ResultCode"
        ] == 8006


async def test_an_operator_nobody_knows_is_invalid(box: Box) -> None:
    assert ends_like(await payout(box, 1, InitiatorName="nobody"), "b2c_result_fail_initiator_invalid")


async def test_another_organisations_operator_does_not_exist_here(box: Box) -> None:
    await operator(box, shortcode=COLLECTOR, password="p")
    assert ends_like(await payout(box, 1, InitiatorName="apiop37"), "b2c_result_fail_operator_missing")
    assert (await payout(box, 2, InitiatorName="apiop37", PartyA=COLLECTOR))["ResultCode"] == 0


@pytest.mark.parametrize(
    ("kind", "changes", "role"),
    [
        ("b2c", {}, "ORG B2C API initiator"),
        ("b2pochi", {}, "ORG B2C API initiator"),
        ("b2b", {}, "Business Paybill Org API initiator"),
        ("b2b", {"CommandID": "BusinessBuyGoods", "PartyB": "600997"}, "Business Buy Goods Org API initiator"),
        ("b2b", {"CommandID": "BusinessPayToBulk", "PartyB": PAYER}, "Org Business Pay to Bulk API initiator"),
        ("tax", {}, "Tax Remittance to KRA API"),
        ("transaction_status", {}, "Transaction Status query ORG API"),
        ("account_balance", {}, "Balance Query ORG API"),
        ("reversal", {}, "Org Reversals Initiator"),
    ],
)
async def test_each_command_needs_its_role(box: Box, kind: str, changes: dict[str, Any], role: str) -> None:
    all_roles = (await box.control("initiators", method="GET"))["roles"]
    name = {"InitiatorName" if kind in ("b2c", "b2pochi") else "Initiator": "apiop37"}
    await operator(box, password="p", roles=[each for each in all_roles if each != role])
    changed = {**changes, **name, "OriginatorConversationID": "1"}
    assert ends_like(await told(box, kind, **changed), "b2c_result_fail_not_allowed")
    await operator(box, roles=[role])
    changed["OriginatorConversationID"] = "2"
    assert (await told(box, kind, **changed))["ResultCode"] in (0, "0", 2033, "R000002")


async def test_an_inactive_operator_is_refused(box: Box) -> None:
    await operator(box, password="p", active=False)
    assert (await payout(box, 1, InitiatorName="apiop37"))["ResultCode"] == 22


async def test_the_certificate_outlives_a_reset(box: Box) -> None:
    sealed = await credential(box, "wrong")
    await box.control("reset")
    box.bearer = ""
    assert (await payout(box, 1, SecurityCredential=sealed))["ResultCode"] == 2001


async def test_the_log_says_what_was_wrong_without_the_password(box: Box) -> None:
    await payout(box, 1, SecurityCredential=await credential(box, "a wrong password"))
    calls = (await box.control("calls", method="GET"))["calls"]
    [told_call] = [call for call in calls if call["kind"] == "b2c_result"]
    assert told_call["reason"] == "SecurityCredential holds another password than initiator testapi's."
    [command] = (await box.control("commands", method="GET"))["commands"]
    assert command["reason"] == told_call["reason"]


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"name": "new"}, 400),
        ({"name": "new", "password": "p", "shortcode": "111111"}, 404),
        ({"name": "new", "password": "p", "roles": ["King"]}, 400),
        ({"name": "new", "password": "p", "colour": "red"}, 400),
    ],
)
async def test_an_order_that_cannot_be_gets_a_sentence(box: Box, order: dict[str, Any], status: int) -> None:
    answer = await box.client.post("/simulator/initiators", json=order)
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


async def test_an_acknowledgement_says_nothing_of_the_operator(box: Box) -> None:
    assert (await ask(box, "b2c", InitiatorName="nobody")).json()["ResponseCode"] == "0"
