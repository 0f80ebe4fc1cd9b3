"""Balances, charges and printed maps: what is written is read back, and what is broken breaks nothing."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.wire.balances import (
    AccountBalance,
    Charge,
    PackedAmount,
    format_balances,
    format_charges,
    format_packed_amount,
    parse_balances,
    parse_charges,
    parse_packed_amount,
)

SAMPLES = Path(__file__).parent / "samples" / "commands"

NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Z"], exclude_characters="&|{},="), min_size=1, max_size=20
)
CENTS = st.integers(-(10**13), 10**13)
MAYBE = st.none() | CENTS
CURRENCIES = st.sampled_from(["KES", "USD"])
ACCOUNTS = st.builds(AccountBalance, NAMES, CURRENCIES, MAYBE, MAYBE, MAYBE, MAYBE)


@given(st.lists(ACCOUNTS, max_size=8).map(tuple))
def test_accounts_are_read_as_they_were_written(accounts: tuple[AccountBalance, ...]) -> None:
    assert parse_balances(format_balances(accounts)) == accounts
    assert parse_balances(format_balances(accounts) + "&") == accounts


@given(st.lists(st.builds(Charge, NAMES, CURRENCIES, MAYBE), max_size=8).map(tuple))
def test_charges_are_read_as_they_were_written(charges: tuple[Charge, ...]) -> None:
    assert parse_charges(format_charges(charges)) == charges


@given(st.builds(PackedAmount, CURRENCIES, CENTS))
def test_a_printed_map_is_read_as_it_was_written(amount: PackedAmount) -> None:
    assert parse_packed_amount(format_packed_amount(amount)) == amount


@given(st.text() | st.text(alphabet="AK|&.,-=0123456789{} "))
def test_any_text_is_read_or_left(text: str) -> None:
    assert all(account.name for account in parse_balances(text))
    assert all(charge.name for charge in parse_charges(text))
    parse_packed_amount(text)


def packed(name: str) -> str:
    listed = json.loads((SAMPLES / f"{name}.json").read_text())["Result"]["ResultParameters"]["ResultParameter"]
    return next(str(item["Value"]) for item in listed if item["Key"] == "AccountBalance")


def test_a_paybills_accounts_have_names_and_may_be_negative() -> None:
    accounts = {account.name: account for account in parse_balances(packed("account_balance_result"))}
    assert list(accounts) == [
        "Working Account",
        "Float Account",
        "Utility Account",
        "Charges Paid Account",
        "Organization Settlement Account",
    ]
    assert accounts["Utility Account"] == AccountBalance("Utility Account", "KES", 8_421_060, 8_321_060, 100_000, 0)
    assert accounts["Charges Paid Account"].current_cents == -198_000


def test_a_tills_accounts_are_others() -> None:
    names = [account.name for account in parse_balances(packed("account_balance_result_till"))]
    assert names == ["Merchant Account", "Working Account", "Charges Paid Account"]


@pytest.mark.parametrize("name", ["account_balance_result", "account_balance_result_numbers"])
def test_what_is_held_back_is_the_fifth_field(name: str) -> None:
    for account in parse_balances(packed(name)):
        assert account.current_cents == (account.available_cents or 0) + (account.reserved_cents or 0)


@pytest.mark.parametrize("text", ["", "&", "&&", "|KES|1.00", " | "])
def test_no_account_is_made_of_nothing(text: str) -> None:
    assert parse_balances(text) == ()
    assert parse_charges(text) == ()


def test_a_short_or_broken_record_keeps_what_it_has() -> None:
    assert parse_balances("Working Account|KES|3,000.00") == (
        AccountBalance("Working Account", "KES", 300_000, None, None, None),
    )
    assert parse_balances("Working Account||a lot|1|2|3|4|5") == (
        AccountBalance("Working Account", "KES", None, 100, 200, 300),
    )
    assert parse_charges("Business Pay Bill Charge") == (Charge("Business Pay Bill Charge", "KES", None),)


def test_charges_may_be_several() -> None:
    text = "Disbursement of Funds Charge|KES|0.00&Disbursement of Funds Charge by Receiver|KES|8.00"
    assert [charge.cents for charge in parse_charges(text)] == [0, 800]


@pytest.mark.parametrize(
    ("text", "cents"),
    [
        ("{Amount={CurrencyCode=KES, MinimumAmount=618683, BasicAmount=6186.83}}", 618_683),
        ("{Amount={BasicAmount=6186.83, MinimumAmount=618683, CurrencyCode=KES}}", 618_683),
        ("{Amount={CurrencyCode=KES, MinimumAmount=618683}}", 618_683),
        ("{Amount={CurrencyCode=KES, MinimumAmount=-618683, BasicAmount=}}", -618_683),
        ("{CurrencyCode=KES, BasicAmount=12}", 1_200),
    ],
)
def test_the_smallest_unit_is_the_cent(text: str, cents: int) -> None:
    assert parse_packed_amount(text) == PackedAmount("KES", cents)


@pytest.mark.parametrize("text", ["", "6186.83", "{Amount={}}", "{Amount={MinimumAmount=6.5}}"])
def test_a_map_without_an_amount_is_none(text: str) -> None:
    assert parse_packed_amount(text) is None
