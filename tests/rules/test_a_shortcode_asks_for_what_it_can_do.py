"""Which shortcode may ask M-Pesa for what, as whom it speaks, and which of it is money: every command has its place."""

import pytest

from journal.making import shortcode
from wakala.errors import NotAllowedHereError
from wakala.rules.abilities import require_able
from wakala.rules.accounts import Environment, Product, Shortcode, ShortcodeKind, Side
from wakala.rules.commands import BILL_LISTS, BILL_OPT_INS, BY_PATH, COMMANDS, RELAYED_PATHS, SPENDING, Command
from wakala.rules.payment import Kind
from wakala.rules.sides import side_of

PATHS = {command.path for command in COMMANDS}
PAYOUTS = {f"b2c/{name}" for name in ("businesspayment", "salarypayment", "promotionpayment", "businesspaytopochi")}
TILLS_OWN = {"b2b/merchanttomerchanttransfer", "b2b/merchanttransferfrommerchanttoworking"}
TRANSFERS = TILLS_OWN | {
    "b2b/businesspaybill",
    "b2b/businessbuygoods",
    "b2b/businesspaytobulk",
    "b2b/disbursefundstobusiness",
    "b2b/businesstobusinesstransfer",
    "b2b/businesstransferfrommmftoutility",
    "b2b/businesstransferfromutilitytommf",
    "b2b/merchantservicesmmfaccounttransfer",
    "b2b/agencyfloatadvance",
    "b2b/paytaxtokra",
}
REVERSAL = {"reversal/transactionreversal"}
QUESTIONS = {"transactionstatus/transactionstatusquery", "accountbalance/accountbalance"}
PAID_TO_PAYBILLS = {"lnm/customerpaybill", "c2b/customerpaybill"}
PAID_TO_TILLS = {"lnm/customerbuygoods", "c2b/customerbuygoods"}
PROMPTS = {"standingorder/create", "b2b/expresscheckout"}
PULL = {"pulltransactions/register", "pulltransactions/query"}
REFUSED = {
    ShortcodeKind.PAYBILL: PAID_TO_TILLS | TILLS_OWN,
    ShortcodeKind.TILL: PAID_TO_PAYBILLS | PAYOUTS | {"b2c/hakikisha"},
    ShortcodeKind.DISBURSEMENT: (
        PAID_TO_PAYBILLS | PAID_TO_TILLS | PROMPTS | PULL | TILLS_OWN | {"b2b/businesspaytobulk"}
    ),
    ShortcodeKind.HEAD_OFFICE: PATHS,
}


def of(kind: ShortcodeKind, **changes: object) -> Shortcode:
    return shortcode(kind=kind, **{"products": tuple(Product), "initiator": "api", **changes})


def refusal(command: Command, asking: Shortcode) -> str | None:
    try:
        require_able(command, asking)
    except NotAllowedHereError as why:
        return why.sentence
    return None


@pytest.mark.parametrize("kind", REFUSED)
def test_each_kind_of_shortcode_is_refused_what_m_pesa_would_refuse_it(kind: ShortcodeKind) -> None:
    asking = of(kind)
    refused = {command.path: sentence for command in COMMANDS if (sentence := refusal(command, asking))}
    assert set(refused) == REFUSED[kind]
    assert all(asking.number in sentence for sentence in refused.values())


@pytest.mark.parametrize(
    ("path", "kind", "other"),
    [
        ("lnm/customerpaybill", ShortcodeKind.TILL, "lnm/customerbuygoods"),
        ("c2b/customerbuygoods", ShortcodeKind.PAYBILL, "c2b/customerpaybill"),
    ],
)
def test_who_takes_the_wrong_one_of_two_is_told_the_other(path: str, kind: ShortcodeKind, other: str) -> None:
    assert f"Use .../{other} for it." in (refusal(BY_PATH[path], of(kind)) or "")
    assert "Use" not in (refusal(BY_PATH[path], of(ShortcodeKind.DISBURSEMENT)) or "")


def test_a_paybill_pays_out_where_safaricom_granted_it() -> None:
    plain = of(ShortcodeKind.PAYBILL, products=(Product.B2B, Product.PULL))
    refused = {command.path for command in COMMANDS if "no B2C product" in (refusal(command, plain) or "")}
    assert refused == PAYOUTS
    for path in PAYOUTS:
        assert refusal(BY_PATH[path], of(ShortcodeKind.DISBURSEMENT, products=())) is None


def test_who_speaks_as_an_operator_needs_one() -> None:
    refused = set()
    for kind in (ShortcodeKind.PAYBILL, ShortcodeKind.TILL):
        nobody = of(kind, initiator="")
        refused |= {command.path for command in COMMANDS if "no API operator" in (refusal(command, nobody) or "")}
    assert refused == PAYOUTS | TRANSFERS | REVERSAL | QUESTIONS


def test_what_moves_money_is_never_taken_for_a_question() -> None:
    """A question is put again under another ID; money that is asked for twice is paid twice."""
    assert {c.path for c in COMMANDS if c.kind is Kind.PUSH} == {"lnm/customerpaybill", "lnm/customerbuygoods"}
    assert {c.path for c in COMMANDS if c.kind is Kind.PAYOUT} == PAYOUTS
    assert {c.path for c in COMMANDS if c.kind is Kind.TRANSFER} == TRANSFERS
    assert {c.path for c in COMMANDS if c.kind is Kind.REVERSAL} == REVERSAL
    assert {c.path for c in COMMANDS if c.kind is Kind.ENQUIRY} == QUESTIONS
    assert {c.path for c in COMMANDS if c.kind in {Kind.STANDING_ORDER, Kind.TILL_PUSH}} == PROMPTS


def test_what_is_spent_at_once_is_unknown_where_its_answer_is_lost() -> None:
    assert {"bonga/redeempaybill", "offers/purchase"} == SPENDING
    assert SPENDING < RELAYED_PATHS


def test_only_a_payment_by_hand_is_of_the_sandbox_alone() -> None:
    sandbox_alone = {c.path for c in COMMANDS if Environment.LIVE not in c.environments}
    assert sandbox_alone == {"c2b/customerpaybill", "c2b/customerbuygoods"}
    assert all(Environment.SANDBOX in command.environments for command in COMMANDS)


def test_m_pesas_word_for_a_command_is_its_name_in_other_capitals() -> None:
    online = {"CustomerPayBillOnline": "customerpaybill", "CustomerBuyGoodsOnline": "customerbuygoods"}
    for command in COMMANDS:
        if command.group in {"lnm", "b2c", "b2b", "reversal", "transactionstatus", "accountbalance"}:
            word = command.command_id or ""
            has_none = command.path in {"b2c/hakikisha", "b2b/expresscheckout"}  # one path each at Daraja
            assert online.get(word, word.lower()) == ("" if has_none else command.name)
    assert {c.path: c.command_id for c in COMMANDS if c.path.startswith("c2b/customer")} == {
        "c2b/customerpaybill": "CustomerPayBillOnline",
        "c2b/customerbuygoods": "CustomerBuyGoodsOnline",
    }
    assert all(path == path.lower() for path in BY_PATH)


def test_bills_go_as_daraja_takes_them() -> None:
    """Many as a bare list; and what opts in brings a key that nobody is told (daraja.md 1.3, 2.16)."""
    assert {f"billmanager/{name}" for name in ("bulkinvoicing", "changeinvoices", "cancelbulkinvoices")} == BILL_LISTS
    assert {"billmanager/optin", "billmanager/changeoptindetails"} == BILL_OPT_INS


# ── by which side ──

BY_DARAJA = {"b2c/businesspaytopochi", "b2b/paytaxtokra"}


@pytest.mark.parametrize("command", BY_PATH.values(), ids=lambda command: command.path)
def test_the_broker_carries_what_it_has(command: Command) -> None:
    """All that an operator asks for but the newest, and C2B URLs (broker.md 9.1)."""
    has = command.path in (PAYOUTS | TRANSFERS | REVERSAL | QUESTIONS | {"c2b/registerurl"}) - BY_DARAJA
    assert side_of(command, of(ShortcodeKind.PAYBILL, side="broker")) is (Side.BROKER if has else Side.DARAJA)
    assert side_of(command, of(ShortcodeKind.PAYBILL, side="daraja")) is Side.DARAJA
