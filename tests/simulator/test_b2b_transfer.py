"""A business pays another: each CommandID moves its own accounts, and results have the printed shapes."""

from typing import Any

import pytest

from simulator.box import Box, sample
from simulator.business import BILLER, PAYER, QUICK, SENDER, STORE, TILL, accounts, ask, shape, told, values
from wakala.simulator.machine import Start
from wakala.simulator.transfers import MOVES


@pytest.fixture
def start() -> Start:
    return QUICK


ALL = (SENDER, BILLER, PAYER, STORE)


async def money(box: Box) -> dict[str, dict[str, int]]:
    return {number: await accounts(box, number) for number in ALL}


def moved(before: dict[str, dict[str, int]], after: dict[str, dict[str, int]]) -> dict[tuple[str, str], int]:
    return {
        (number, name): after[number][name] - cents
        for number, held in before.items()
        for name, cents in held.items()
        if after[number][name] != cents
    }


async def test_a_paybill_transfer_is_acknowledged_and_told_in_strings(box: Box) -> None:
    before = await money(box)
    answer = await ask(box, "b2b")
    assert list(answer.json().items())[2:] == list(sample("b2b_ack").items())[2:]
    [post] = await box.merchant.received("/result")
    model = sample("b2b_result_success")["Result"]
    result, said = post.json["Result"], values(post.json["Result"])
    assert shape(result) == shape(model)
    assert (result["ResultType"], result["ResultCode"], result["ResultDesc"]) == ("0", "0", model["ResultDesc"])
    assert result["ReferenceData"] == model["ReferenceData"]
    assert said["Amount"] == "239.00"
    assert said["DebitPartyCharges"] == "Business Pay Bill Charge|KES|8.00"
    assert said["DebitAccountBalance"] == (
        "{Amount={CurrencyCode=KES, MinimumAmount=100000000, BasicAmount=1000000.00}}"
    )
    assert said["InitiatorAccountCurrentBalance"] == (
        "{Amount={CurrencyCode=KES, MinimumAmount=99976100, BasicAmount=999761.00}}"
    )
    assert said["DebitPartyAffectedAccountBalance"] == "Working Account|KES|999761.00|999761.00|0.00|0.00"
    assert said["ReceiverPartyPublicName"] == "600000 - Demo Biller"
    assert moved(before, await money(box)) == {
        (SENDER, "Working Account"): -239_00,
        (SENDER, "Charges Paid Account"): -8_00,
        (BILLER, "Utility Account"): 239_00,
    }


@pytest.mark.parametrize(
    ("command", "payer", "receiver", "debited", "credited"),
    [
        ("BusinessBuyGoods", SENDER, TILL, (SENDER, "Working Account"), (STORE, "Merchant Account")),
        ("BusinessBuyGoods", SENDER, STORE, (SENDER, "Working Account"), (STORE, "Merchant Account")),
        ("BusinessPayToBulk", SENDER, PAYER, (SENDER, "Working Account"), (PAYER, "Utility Account")),
        ("DisburseFundsToBusiness", PAYER, BILLER, (PAYER, "Utility Account"), (BILLER, "Working Account")),
        ("BusinessToBusinessTransfer", SENDER, BILLER, (SENDER, "Working Account"), (BILLER, "Working Account")),
        (
            "MerchantServicesMMFAccountTransfer",
            SENDER,
            BILLER,
            (SENDER, "Working Account"),
            (BILLER, "Working Account"),
        ),
        ("AgencyFloatAdvance", SENDER, BILLER, (SENDER, "Working Account"), (BILLER, "Working Account")),
        ("BusinessTransferFromMMFToUtility", PAYER, PAYER, (PAYER, "Working Account"), (PAYER, "Utility Account")),
        ("BusinessTransferFromUtilityToMMF", PAYER, PAYER, (PAYER, "Utility Account"), (PAYER, "Working Account")),
        (
            "MerchantTransferFromMerchantToWorking",
            STORE,
            STORE,
            (STORE, "Merchant Account"),
            (STORE, "Working Account"),
        ),
    ],
)
async def test_each_command_moves_its_own_accounts(
    box: Box, command: str, payer: str, receiver: str, debited: tuple[str, str], credited: tuple[str, str]
) -> None:
    before = await money(box)
    result = await told(box, "b2b", CommandID=command, PartyA=payer, PartyB=receiver)
    assert str(result["ResultCode"]) == "0"
    assert moved(before, await money(box)) == {debited: -239_00, credited: 239_00}


async def test_merchants_pay_each_other_from_their_merchant_accounts(box: Box) -> None:
    result = await told(box, "b2b", CommandID="MerchantToMerchantTransfer", PartyA=STORE, PartyB="600992")
    assert result["ResultCode"] == "0"
    assert (await accounts(box, STORE))["Merchant Account"] == 20_000_00 - 239_00
    assert (await accounts(box, "600991"))["Merchant Account"] == 239_00


async def test_goods_are_bought_by_both_identifier_types_without_a_charge(box: Box) -> None:
    for kind in ("4", "2"):
        result = await told(
            box,
            "b2b",
            CommandID="BusinessBuyGoods",
            PartyB=TILL,
            RecieverIdentifierType=kind,
            AccountReference="SUP-353",
        )
        assert shape(result) == shape(sample("b2b_result_success_no_charge")["Result"])
        assert values(result)["DebitPartyCharges"] == ""


async def test_a_disbursement_has_keys_of_its_own(box: Box) -> None:
    result = await told(box, "b2b", CommandID="DisburseFundsToBusiness", PartyA=PAYER)
    model = sample("b2b_result_disburse_funds")["Result"]
    assert shape(result) == shape(model)
    assert result["ReferenceData"] == model["ReferenceData"]
    assert values(result)["CreditAccountBalance"] == (
        "Working Account|KES|500239.00|500239.00|0.00|0.00&Charges Paid Account|KES|0.00|0.00|0.00|0.00"
    )


async def test_a_receiver_that_is_none_fails_with_a_bare_object(box: Box) -> None:
    result = await told(box, "b2b", PartyB="600555")
    model = sample("b2b_result_fail_receiver")["Result"]
    assert shape(result) == shape(model)
    assert (result["ResultCode"], result["ResultDesc"]) == (model["ResultCode"], model["ResultDesc"])


async def test_a_top_up_fails_in_a_shape_of_its_own(box: Box) -> None:
    result = await told(box, "b2b", CommandID="BusinessPayToBulk", Initiator="nobody", AccountReference=12323344)
    model = sample("b2c_topup_result_fail")["Result"]
    assert shape(result) == shape(model)
    assert result["ResultParameters"] == model["ResultParameters"]
    assert result["ReferenceData"] == model["ReferenceData"]


async def test_the_failure_of_an_operator_has_the_printed_shape(box: Box) -> None:
    result = await told(box, "b2b", Initiator="nobody")
    model = sample("b2b_result_fail_single_param_object")["Result"]
    assert shape(result) == shape(model)
    assert (result["ResultCode"], result["ResultDesc"]) == (2001, model["ResultDesc"])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"PartyB": TILL}, 2028),
        ({"CommandID": "BusinessBuyGoods"}, 2028),
        ({"CommandID": "MerchantToMerchantTransfer"}, 2028),
        ({"CommandID": "BusinessTransferFromMMFToUtility"}, 2028),
        ({"Amount": 250_001}, 3),
        ({"PartyA": BILLER, "PartyB": SENDER, "CommandID": "DisburseFundsToBusiness"}, 1),
        ({"PartyA": "600555"}, "SFC_IC0003"),
    ],
)
async def test_what_cannot_be_moves_nothing(box: Box, changes: dict[str, Any], code: int | str) -> None:
    before = await money(box)
    result = await told(box, "b2b", **changes)
    assert result["ResultCode"] == code
    assert isinstance(values(result)["BOCompletedTime"], int)
    assert await money(box) == before


@pytest.mark.parametrize(("number", "code"), [(SENDER, 11), (BILLER, 2006)])
async def test_an_inactive_party_stops_the_transfer(box: Box, number: str, code: int) -> None:
    await box.control("shortcodes", {"number": number, "active": False})
    assert (await told(box, "b2b"))["ResultCode"] == code


@pytest.mark.parametrize("command", MOVES)
async def test_no_command_makes_or_loses_money(box: Box, command: str) -> None:
    def total() -> int:
        return sum(
            cents
            for shortcode in box.machine.world.shortcodes.values()
            for name, cents in shortcode.accounts.items()
            if name != "Charges Paid Account"
        )

    before = total()
    for payer in (SENDER, STORE):
        for receiver in (BILLER, TILL, payer):
            await told(box, "b2b", CommandID=command, PartyA=payer, PartyB=receiver)
    assert total() == before


async def test_a_paid_business_with_registered_urls_is_told_as_of_a_c2b_payment(box: Box) -> None:
    await box.register(BILLER)
    result = await told(box, "b2b")
    [post] = await box.merchant.received("/confirm")
    model = sample("c2b_confirmation_org_to_org")
    assert shape(post.json) == shape(model)
    assert (post.json["TransactionType"], post.json["MSISDN"]) == (model["TransactionType"], SENDER)
    assert (post.json["TransID"], post.json["TransAmount"]) == (result["TransactionID"], "239.00")


async def test_a_working_account_is_credited_in_silence(box: Box) -> None:
    await box.register(BILLER)
    await told(box, "b2b", CommandID="BusinessToBusinessTransfer")
    await told(box, "b2b")
    assert len(await box.merchant.received("/confirm")) == 1
