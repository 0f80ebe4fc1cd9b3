"""One value of M-Pesa's, in any of its spellings: None where nobody can tell, and never a guess (daraja.md 9.5-9.10).

The same thing comes as a number or as text, with a name in one of several spellings, and each kind of message has a
clock of its own. All of that is known here and nowhere else.
"""

import re

from wakala.errors import InvalidAmountError, InvalidMsisdnError
from wakala.rules import msisdn as msisdns
from wakala.rules.money import parse_cents
from wakala.rules.receipt import is_placeholder, nairobi_to_us
from wakala.wire.loose_json import text

RECEIPT_MAX_CHARS = 64  # today's have ten; a longer one must not lose a payment, an endless one must not be a key
MOMENT_MAX_CHARS = 40  # the longest, an ISO time with a fraction, has fewer than thirty

_TIME_OF_DAY = r"(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]+)?)?)?"
_YEAR_FIRST = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){_TIME_OF_DAY}(?:Z|\+03:?00)?")
_DAY_FIRST = re.compile(rf"([0-9]{{2}})[.-]([0-9]{{2}})[.-]([0-9]{{4}}){_TIME_OF_DAY}")


def read_cents(value: object, *, allow_negative: bool = False) -> int | None:
    """An amount in cents; ``allow_negative`` is for balances."""
    if not isinstance(value, int | float | str):
        return None
    try:
        return parse_cents(value, allow_negative=allow_negative)
    except InvalidAmountError:
        return None


def read_msisdn(value: object) -> str | None:
    """A full Kenyan number as twelve digits; a masked or hashed one says nothing here."""
    try:
        return msisdns.parse(text(value) or "")
    except InvalidMsisdnError:
        return None


def read_receipt(value: object) -> str | None:
    """A receipt of any honest length. The placeholders that many failed payments share are no receipts (7.9)."""
    written = text(value)
    if not written or len(written) > RECEIPT_MAX_CHARS or is_placeholder(written) or not written.strip("0"):
        return None
    return written


def read_moment_us(value: object) -> int | None:
    """A reading of M-Pesa's clock in any of its spellings; all are Nairobi's time, even Pull's with a Z (2.19, 7.9)."""
    stamp = nairobi_to_us(value)
    if stamp is not None or not isinstance(value, str) or len(value) > MOMENT_MAX_CHARS:
        return stamp
    spelled = value.strip()
    if found := _YEAR_FIRST.fullmatch(spelled):
        year, month, day, *clock = found.groups()
    elif found := _DAY_FIRST.fullmatch(spelled):
        day, month, year, *clock = found.groups()
    else:
        return None
    return nairobi_to_us("".join([year, month, day, *(part or "00" for part in clock)]))


def folded(found: dict[str, object]) -> dict[str, object]:
    """The same object by names without case, spaces and underscores: M-Pesa spells one name several ways (9.10).

    Of two names that become one, the first counts.
    """
    plain: dict[str, object] = {}
    for name, value in found.items():
        plain.setdefault(fold(name), value)
    return plain


def fold(name: str) -> str:
    """One name as `folded` writes it."""
    return "".join(name.split()).replace("_", "").lower()
