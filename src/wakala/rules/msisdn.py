"""Phone numbers: every Kenyan spelling in, twelve digits inside, masks and hashes out.

Inside, a number is always 2547XXXXXXXX or 2541XXXXXXXX. M-Pesa sends it back in full (STK), masked with spaces or stars
(C2B v2), as a SHA-256 hash (C2B v1), or as a hash with stars in its middle (daraja.md 2.5, 9.8).
"""

import re
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType

from wakala.errors import InvalidMsisdnError

SPELLING_MAX_CHARS = 40  # the longest honest spelling is about 25; more is not a phone number
MSISDN_DIGITS = 12

# Who was first given each block of numbers, by the digits after 254. Only a hint: numbers move between operators, so
# nothing is refused by this table. Blocks after the numbering plan of the Communications Authority of Kenya.
ALLOTTED_TO = MappingProxyType(
    {
        **dict.fromkeys(("70", "71", "72", "79", "740", "741", "742", "743", "745", "746", "748"), "Safaricom"),
        **dict.fromkeys(("757", "758", "759", "768", "769", "11"), "Safaricom"),
        **dict.fromkeys(("73", "78", "750", "751", "752", "753", "754", "755", "756", "762", "10"), "Airtel"),
        **dict.fromkeys(("77",), "Telkom"),
        **dict.fromkeys(("747",), "Faiba"),
        **dict.fromkeys(("763", "764", "765", "766"), "Equitel"),
    }
)

# Spaces, dots, dashes, brackets and the invisible marks that come along when a number is copied from a web page.
_DECORATION = re.compile("[\\s.()\\[\\]\u00ad\u200b-\u200f\u2010-\u2015\u202a-\u202e\u2060\u2066-\u2069\u2212\ufeff-]")
_SPELLING = re.compile(r"(?:\+2540?|2540?|002540?|0)?([71][0-9]{8})")
_HASH = re.compile(r"[0-9a-f]{64}")
_MASK = re.compile(r"[*x\u2022#]+")
_HASH_HEX_DIGITS = 64
_VISIBLE_START = re.compile(r"\+?[0-9]*")
_VISIBLE_END = re.compile(r"[0-9]*")
_SHORTCODE = re.compile(r"[0-9]{5,7}")


class Likeness(StrEnum):
    """How a number that M-Pesa wrote compares with one that we know."""

    SAME = "same"  # the full number or its full hash
    COMPATIBLE = "compatible"  # what the mask shows fits; other numbers would fit too
    DIFFERENT = "different"  # cannot be this number
    UNREADABLE = "unreadable"  # says nothing about the number


def parse(text: str | int) -> str:
    """The twelve digits of any Kenyan spelling: 07.., 01.., 7.., 1.., 254.., +254.., 00254.., +254 (0) 7..."""
    spelled = text if isinstance(text, str) else _digits(text)
    found = _SPELLING.fullmatch(_DECORATION.sub("", spelled)) if len(spelled) <= SPELLING_MAX_CHARS else None
    if found is None:
        raise InvalidMsisdnError
    return "254" + found.group(1)


def _digits(number: int) -> str:
    """An integer's digits; nothing for what cannot be a number, such as a negative or an endless one."""
    return str(number) if 0 < number < 10**MSISDN_DIGITS else ""


def first_operator(msisdn: str) -> str | None:
    """Who was given this block first, or None for a block not in the table: a reason to warn, never to refuse."""
    return ALLOTTED_TO.get(msisdn[3:6]) or ALLOTTED_TO.get(msisdn[3:5])


def mask(msisdn: str) -> str:
    """A number as logs and pages may show it: ``2547*****142``. Anything but twelve digits is hidden whole."""
    if len(msisdn) != MSISDN_DIGITS or not msisdn.isdecimal():
        return "*****"
    return f"{msisdn[:4]}*****{msisdn[-3:]}"


def hash_of(msisdn: str) -> str:
    """M-Pesa's own hash of a number, as C2B v1 sends it. Unkeyed and so easily undone: treat it like the number."""
    return sha256(msisdn.encode()).hexdigest()


def could_be(given: str, msisdn: str) -> Likeness:
    """Whether what M-Pesa wrote (full, hashed or masked in any style) can be this twelve-digit number."""
    shown = _DECORATION.sub("", given[: 4 * _HASH_HEX_DIGITS]).lower()
    if _HASH.fullmatch(shown):
        return Likeness.SAME if shown == hash_of(msisdn) else Likeness.DIFFERENT
    if _MASK.search(shown):
        return _masked_likeness(_MASK.split(shown), msisdn)
    return _plain_likeness(shown, msisdn)


def _plain_likeness(shown: str, msisdn: str) -> Likeness:
    if _SHORTCODE.fullmatch(shown):  # money from another organisation carries its shortcode here (daraja.md 2.5)
        return Likeness.DIFFERENT
    try:
        return Likeness.SAME if parse(shown) == msisdn else Likeness.DIFFERENT
    except InvalidMsisdnError:
        return Likeness.UNREADABLE


def _masked_likeness(pieces: list[str], msisdn: str) -> Likeness:
    """One gap between two visible ends; more gaps are a style nobody has seen, so they say nothing."""
    if len(pieces) != 2 or not any(pieces):
        return Likeness.UNREADABLE
    start, end = pieces
    if _is_hash_shown(start, end):
        return _ends_likeness(start, end, hash_of(msisdn))
    if _VISIBLE_START.fullmatch(start) and _VISIBLE_END.fullmatch(end):
        return _ends_likeness(_international(start), end, msisdn)
    return Likeness.UNREADABLE


def _is_hash_shown(start: str, end: str) -> bool:
    visible = start + end
    return MSISDN_DIGITS < len(visible) <= _HASH_HEX_DIGITS and all(digit in "0123456789abcdef" for digit in visible)


def _ends_likeness(start: str, end: str, whole: str) -> Likeness:
    if len(start) + len(end) > len(whole):
        return Likeness.UNREADABLE
    if not (whole.startswith(start) and whole.endswith(end)):
        return Likeness.DIFFERENT
    # Stars were seen between the two halves of a complete hash: then nothing is hidden at all (daraja.md 9.8).
    return Likeness.SAME if len(start) + len(end) == len(whole) else Likeness.COMPATIBLE


def _international(start: str) -> str:
    """The visible first digits as they stand in 254…; a start too short to tell is kept as it is."""
    digits = start.removeprefix("+").removeprefix("00")
    if digits.startswith(("0", "2540")):  # 07…, or the 0 that +254 (0) 7… keeps
        return "254" + digits.removeprefix("254")[1:]
    return "254" + digits if digits[:1] in {"7", "1"} else digits
