"""What an encoder is given, and the few spellings that the encoders of all commands share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from wakala.rules import msisdn as msisdns
from wakala.rules.money import CENTS_PER_SHILLING, parse_cents, plain, whole_shillings

REMARKS_MIN_CHARS = 2  # M-Pesa's own bounds (daraja.md 2.0)
REMARKS_MAX_CHARS = 100
OCCASION_MAX_CHARS = 100

PAYBILL_OR_STORE = "4"  # M-Pesa's identifier types (daraja.md 2.0)
TILL = "2"


@dataclass(frozen=True, slots=True)
class Outbound:
    """One command on its way to M-Pesa, in our own units.

    ``msisdn`` is the customer's phone, "" if there is none; ``shortcode`` the paybill or store number, ``till`` its
    till. ``details`` holds the fields of the merchant's body that have no place of their own here.
    """

    request_id: str
    amount_cents: int
    msisdn: str
    reference: str
    description: str
    details: Mapping[str, Any]
    shortcode: str
    till: str | None
    initiator: str
    security_credential: str = field(repr=False)
    result_url: str
    timeout_url: str
    callback_url: str
    now_us: int

    @property
    def payee(self) -> str:
        """The number that customers pay to: the till, or the paybill itself."""
        return self.till or self.shortcode


Encoded: TypeAlias = tuple[str, Any]
"""A Daraja path and the body for it, ready for any JSON writer."""

Encoder: TypeAlias = Callable[[Outbound], Encoded]


def amount(out: Outbound) -> str:
    """Whole shillings as M-Pesa's documents show them, in text."""
    return str(whole_shillings(out.amount_cents))


def remarks(out: Outbound, otherwise: str) -> str:
    """One line of a length that M-Pesa takes; ``otherwise`` where the merchant's is too short."""
    line = one_line(out.description, REMARKS_MAX_CHARS)
    return line if len(line) >= REMARKS_MIN_CHARS else otherwise


def occasion(out: Outbound) -> str:
    """The optional second remark; "" for none."""
    return one_line(detail(out, "Occasion"), OCCASION_MAX_CHARS)


def one_line(value: str, max_chars: int) -> str:
    """Text without line breaks, cut to a width."""
    return " ".join(value.split())[:max_chars].rstrip()


def detail(out: Outbound, name: str, otherwise: str = "") -> str:
    """A detail as text; ``otherwise`` where the merchant sent none."""
    value = out.details.get(name)
    return otherwise if value is None or value == "" else str(value)


def bill_amount(value: float | str) -> str:
    """An amount on a bill, which may have cents and is not bounded by what one payment may carry."""
    cents = parse_cents(value)
    return plain(cents) if cents % CENTS_PER_SHILLING else str(cents // CENTS_PER_SHILLING)


def local_phone(value: str | int) -> str:
    """Bill Manager's spelling of a number: 07..., 01... (daraja.md 2.16)."""
    return "0" + msisdns.parse(value).removeprefix("254")
