"""Money: whole cents inside, shillings only where people and M-Pesa read them.

M-Pesa writes one amount as 1.00, 1.0, 1, "239.00", "05" or "1,250.00" (daraja.md 9.7); all of them become the same
number of cents here, and anything that is not surely an amount is refused.
"""

import re
from decimal import Decimal
from math import isfinite

from wakala.errors import InvalidAmountError

CENTS_PER_SHILLING = 100

PUSH_MIN_SHILLINGS = 1  # M-Pesa moves nothing smaller (daraja.md 7.6)
PUSH_MAX_SHILLINGS = 250_000  # the most one M-Pesa transaction may carry (daraja.md 7.6)

# Balances are larger than payments. A thousand billion is far beyond any M-Pesa account, and fits every 64-bit column.
READABLE_MAX_SHILLINGS = 1_000_000_000_000
AMOUNT_MAX_CHARS = 64  # the limit above with separators, sign and decimals, and ample room for padding zeros
DECIMALS_MAX_DIGITS = 32  # M-Pesa writes two; 1E-999999 would take minutes to work out

_NOT_DIGITS = "Write the amount in digits, such as 1250.00."
_FRACTIONS = "An amount has no fractions of a cent."

_SPELLING = re.compile(r"([+-]?)([0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.([0-9]*))?")


def cents_from_shillings(shillings: int | str | Decimal) -> int:
    """Cents of an exact amount in shillings; a float is refused, since it may not be the amount that was meant."""
    if isinstance(shillings, float):
        raise InvalidAmountError("Write the amount as a whole number or as text such as 1250.00, not as a float.")
    return parse_cents(shillings)


def parse_cents(value: float | str | Decimal, *, allow_negative: bool = False) -> int:
    """Cents of an amount in any of M-Pesa's spellings; fractions of a cent and what is no number are refused.

    ``allow_negative`` is for statements and balances, where money leaving is written with a minus.
    """
    match value:
        case bool():
            raise InvalidAmountError("An amount is a number, not true or false.")
        case int():
            cents = value * CENTS_PER_SHILLING
        case float():
            cents = _cents_of_float(value)
        case Decimal():
            cents = _cents_of_decimal(value)
        case _:
            cents = _cents_of_text(value.strip())
    if cents < 0 and not allow_negative:
        raise InvalidAmountError("An amount cannot be negative.")
    if abs(cents) > READABLE_MAX_SHILLINGS * CENTS_PER_SHILLING:
        raise InvalidAmountError("This is more money than any M-Pesa account can hold.")
    return cents


def whole_shillings(cents: int) -> int:
    """Shillings for an STK push, which takes whole ones only, from 1 to 250,000 (daraja.md 2.1)."""
    shillings, rest = divmod(cents, CENTS_PER_SHILLING)
    if rest:
        raise InvalidAmountError("M-Pesa asks a customer for whole shillings only; leave the cents out.")
    if not PUSH_MIN_SHILLINGS <= shillings <= PUSH_MAX_SHILLINGS:
        raise InvalidAmountError(f"Send from {PUSH_MIN_SHILLINGS} to {PUSH_MAX_SHILLINGS} shillings.")
    return shillings


def display(cents: int) -> str:
    """An amount for people: ``1,250.00``."""
    return _written(cents, separator=",")


def plain(cents: int) -> str:
    """An amount for machines, as M-Pesa writes it in C2B: ``1250.00``."""
    return _written(cents, separator="")


def _written(cents: int, *, separator: str) -> str:
    shillings, rest = divmod(abs(cents), CENTS_PER_SHILLING)
    sign = "-" if cents < 0 else ""
    return f"{sign}{shillings:{separator}}.{rest:02d}"


def _cents_of_float(shillings: float) -> int:
    """JSON's 239.10 is the float nearest to it; a float that is nearest to no whole number of cents is no amount."""
    if not isfinite(shillings) or abs(shillings) > READABLE_MAX_SHILLINGS:
        raise InvalidAmountError(_NOT_DIGITS)
    cents = round(shillings * CENTS_PER_SHILLING)
    if cents / CENTS_PER_SHILLING != shillings:
        raise InvalidAmountError(_FRACTIONS)
    return cents


def _cents_of_decimal(shillings: Decimal) -> int:
    if not shillings.is_finite() or abs(shillings) > READABLE_MAX_SHILLINGS:
        raise InvalidAmountError(_NOT_DIGITS)
    exponent = shillings.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -DECIMALS_MAX_DIGITS:
        raise InvalidAmountError(_FRACTIONS)
    numerator, denominator = shillings.as_integer_ratio()
    cents, rest = divmod(numerator * CENTS_PER_SHILLING, denominator)
    if rest:
        raise InvalidAmountError(_FRACTIONS)
    return cents


def _cents_of_text(text: str) -> int:
    found = _SPELLING.fullmatch(text) if len(text) <= AMOUNT_MAX_CHARS else None
    if found is None:
        raise InvalidAmountError(_NOT_DIGITS)
    sign, shillings, decimals = found.group(1), found.group(2).replace(",", ""), found.group(3) or ""
    if decimals[2:].strip("0"):
        raise InvalidAmountError(_FRACTIONS)
    cents = int(shillings) * CENTS_PER_SHILLING + int(decimals[:2].ljust(2, "0"))
    return -cents if sign == "-" else cents
