from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.errors import InvalidAmountError
from wakala.rules import money

CENTS = st.integers(0, money.READABLE_MAX_SHILLINGS * 100)
NONSENSE = (
    "",
    " ",
    "NaN",
    "1e400",
    "Infinity",
    "KES 5",
    "1,25",
    "1,2500.00",
    ",100",
    ".5",
    "1 000",
    "0x10",
    "1_000",
    "١٢",
    "1.001",
    "--1",
    "9" * 70,
    float("nan"),
    float("inf"),
    1e300,
    1.001,
    0.1 + 0.2,
    True,
    10**400,
    Decimal("NaN"),
    Decimal("sNaN"),
    Decimal("1E+999999"),
    Decimal("1E-999999"),
    Decimal("1.0000000000000000000000000000000001"),
)


@pytest.mark.parametrize(
    ("spelling", "cents"),
    [
        (1.00, 100),
        (1, 100),
        ("1.0", 100),
        ("239.00", 23_900),
        (239.1, 23_910),
        ("05", 500),
        ("1,250.00", 125_000),
        (" 75.00 ", 7_500),
        ("10", 1_000),
        ("10475.000", 1_047_500),
        ("2.", 200),
        ("+3", 300),
        (Decimal("12500.50"), 1_250_050),
        (Decimal("1E+3"), 100_000),
        ("1,000,000.05", 100_000_005),
    ],
)
def test_every_spelling_of_mpesa_is_the_same_money(spelling: float | str | Decimal, cents: int) -> None:
    assert money.parse_cents(spelling) == cents


@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: repr(value)[:20])
def test_nonsense_is_no_amount(value: float | str | Decimal) -> None:
    with pytest.raises(InvalidAmountError):
        money.parse_cents(value)
    with pytest.raises(InvalidAmountError):
        money.parse_cents(value, allow_negative=True)


@pytest.mark.parametrize("value", [-1, -1.5, "-1.00", Decimal(-1)])
def test_a_negative_amount_needs_leave(value: float | str | Decimal) -> None:
    with pytest.raises(InvalidAmountError):
        money.parse_cents(value)
    assert money.parse_cents(value, allow_negative=True) < 0


@given(CENTS)
def test_what_is_written_is_read_back(cents: int) -> None:
    assert money.parse_cents(money.plain(cents)) == cents
    assert money.parse_cents(money.display(cents)) == cents
    assert money.parse_cents(Decimal(cents) / 100) == cents
    assert money.parse_cents("-" + money.display(cents), allow_negative=True) == -cents
    assert money.parse_cents(money.plain(-cents), allow_negative=True) == -cents


@given(CENTS)
def test_a_json_float_keeps_its_cents(cents: int) -> None:
    assert money.parse_cents(float(money.plain(cents))) == cents


@given(st.text(max_size=80) | st.floats() | st.integers() | st.decimals())
def test_reading_gives_cents_or_refuses_and_nothing_else(value: float | str | Decimal) -> None:
    try:
        cents = money.parse_cents(value, allow_negative=True)
    except InvalidAmountError:
        return
    assert abs(cents) <= money.READABLE_MAX_SHILLINGS * 100


def test_people_see_thousands_apart_and_machines_do_not() -> None:
    assert money.display(125_000) == "1,250.00"
    assert money.plain(125_000) == "1250.00"
    assert money.display(-5) == "-0.05"


@given(st.integers(1, 250_000))
def test_a_push_takes_whole_shillings_within_the_limits(shillings: int) -> None:
    assert money.whole_shillings(money.cents_from_shillings(shillings)) == shillings


@pytest.mark.parametrize("cents", [0, -100, 50, 101, 25_000_100, 10**18])
def test_a_push_takes_no_other_amount(cents: int) -> None:
    with pytest.raises(InvalidAmountError):
        money.whole_shillings(cents)


def test_our_own_amounts_are_never_floats() -> None:
    assert money.cents_from_shillings("1250.50") == 125_050
    with pytest.raises(InvalidAmountError):
        money.cents_from_shillings(1.5)  # type: ignore[arg-type]
