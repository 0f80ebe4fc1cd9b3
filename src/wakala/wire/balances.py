"""The three ways in which M-Pesa packs money into one text, and records of them in cents (daraja.md 2.9, 2.13).

Accounts: ``Working Account|KES|120000.00|120000.00|0.00|0.00&Utility Account|...``. Charges: ``Business Pay Bill
Charge|KES|8.00``, joined the same way. One amount: ``{Amount={CurrencyCode=KES, MinimumAmount=618683,
BasicAmount=6186.83}}``. Readers never raise; what they cannot read is left out or None.
"""

import re
from dataclasses import dataclass

from wakala.rules.money import plain
from wakala.wire.loose_values import read_cents

CURRENCY = "KES"  # M-Pesa in Kenya knows no other; some texts leave it out


@dataclass(frozen=True, slots=True)
class AccountBalance:
    """One account of a shortcode. Which accounts there are, and in which order, is M-Pesa's choice.

    Copies of the documents disagree on the names of the last two. In real figures the current balance is the sum of
    the fourth and fifth field, so the fifth is what is held back (daraja.md 2.13).
    """

    name: str
    currency: str
    current_cents: int | None
    available_cents: int | None
    reserved_cents: int | None
    uncleared_cents: int | None


@dataclass(frozen=True, slots=True)
class Charge:
    """What M-Pesa took for its service."""

    name: str
    currency: str
    cents: int | None


@dataclass(frozen=True, slots=True)
class PackedAmount:
    """One amount that came as a printed Java map."""

    currency: str
    cents: int


# ── accounts ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_balances(packed: str) -> tuple[AccountBalance, ...]:
    """The accounts in this text; a trailing ``&`` and fields that are missing or too many do no harm."""
    return tuple(_account(fields) for fields in _records(packed))


def format_balances(accounts: tuple[AccountBalance, ...]) -> str:
    """The text that `parse_balances` reads back."""
    return "&".join(
        "|".join(
            [
                each.name,
                each.currency,
                _spelled(each.current_cents),
                _spelled(each.available_cents),
                _spelled(each.reserved_cents),
                _spelled(each.uncleared_cents),
            ]
        )
        for each in accounts
    )


def _account(fields: list[str]) -> AccountBalance:
    name, currency, *amounts = (*fields[:6], *[""] * (6 - len(fields)))
    current, available, reserved, uncleared = (_cents(amount) for amount in amounts)
    return AccountBalance(name, currency or CURRENCY, current, available, reserved, uncleared)


# ── charges ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def parse_charges(packed: str) -> tuple[Charge, ...]:
    """The charges in this text; none in an empty one."""
    padded = ((*fields, "", "") for fields in _records(packed))
    return tuple(Charge(name, currency or CURRENCY, _cents(amount)) for name, currency, amount, *_ in padded)


def format_charges(charges: tuple[Charge, ...]) -> str:
    """The text that `parse_charges` reads back."""
    return "&".join(f"{each.name}|{each.currency}|{_spelled(each.cents)}" for each in charges)


# ── one amount ───────────────────────────────────────────────────────────────────────────────────────────────────────

_PAIR = re.compile(r"(CurrencyCode|MinimumAmount|BasicAmount)=([^,{}]*)")
_WHOLE = re.compile(r"-?[0-9]{1,15}")


def parse_packed_amount(packed: str) -> PackedAmount | None:
    """The amount in a printed map; ``MinimumAmount``, in cents, is the fallback (daraja.md 9.22)."""
    found = {name: value.strip() for name, value in _PAIR.findall(packed)}
    cents = _cents(found.get("BasicAmount", ""))
    smallest = found.get("MinimumAmount", "")
    if cents is None and _WHOLE.fullmatch(smallest):
        cents = int(smallest)
    return None if cents is None else PackedAmount(found.get("CurrencyCode") or CURRENCY, cents)


def format_packed_amount(amount: PackedAmount) -> str:
    """The text that `parse_packed_amount` reads back."""
    pairs = f"CurrencyCode={amount.currency}, MinimumAmount={amount.cents}, BasicAmount={plain(amount.cents)}"
    return f"{{Amount={{{pairs}}}}}"


# ── shared ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _records(packed: str) -> list[list[str]]:
    """The fields of each record that has a name."""
    records = ([field.strip() for field in record.split("|")] for record in packed.split("&"))
    return [fields for fields in records if fields[0]]


def _cents(written: str) -> int | None:
    return read_cents(written, allow_negative=True)


def _spelled(cents: int | None) -> str:
    return "" if cents is None else plain(cents)
