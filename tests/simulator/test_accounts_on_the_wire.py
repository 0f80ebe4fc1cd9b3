"""Fees follow the published tiers, and balances are spelled as M-Pesa spells them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.simulator import accounts
from wakala.simulator.messages import grouped, shillings
from wakala.simulator.world import CHARGES, UTILITY, Shortcode


@pytest.mark.parametrize(
    ("amount", "fee"), [(1, 2), (49, 2), (50, 3), (239, 8), (500, 8), (501, 13), (45_000, 110), (45_001, 115)]
)
def test_fees_between_businesses(amount: int, fee: int) -> None:
    assert accounts.business_fee_cents(amount * 100) == fee * 100


@pytest.mark.parametrize(("amount", "fee"), [(10, 0), (100, 0), (101, 5), (1_500, 5), (20_000, 11), (250_000, 13)])
def test_fees_of_payouts(amount: int, fee: int) -> None:
    assert accounts.payout_fee_cents(amount * 100) == fee * 100


@given(st.integers(1, 300_000), st.integers(1, 300_000))
def test_a_larger_amount_never_costs_less(one: int, other: int) -> None:
    small, large = sorted((one * 100, other * 100))
    assert accounts.business_fee_cents(small) <= accounts.business_fee_cents(large)
    assert accounts.payout_fee_cents(small) <= accounts.payout_fee_cents(large)


@given(st.integers(-(10**12), 10**12))
def test_money_is_spelled_with_two_decimals_whatever_its_sign(cents: int) -> None:
    assert round(float(shillings(cents)) * 100) == cents
    assert grouped(cents).replace(",", "") == shillings(cents)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_a_balance_has_six_fields_an_account(utility_cents: int, charges_cents: int) -> None:
    shortcode = Shortcode("600984", "Shop", "key", accounts={UTILITY: utility_cents, CHARGES: charges_cents})
    lines = [line.split("|") for line in accounts.lines(shortcode).split("&")]
    assert [len(line) for line in lines] == [6, 6, 6]
    assert [line[2] for line in lines] == ["0.00", shillings(utility_cents), shillings(charges_cents)]
    assert all(line[2] == line[3] and line[4:] == ["0.00", "0.00"] for line in lines)


def test_a_java_map_counts_cents() -> None:
    assert accounts.java_map(618_683) == "{Amount={CurrencyCode=KES, MinimumAmount=618683, BasicAmount=6186.83}}"
