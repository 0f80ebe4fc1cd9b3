"""M-Pesa's receipts and clock readings.

M-Pesa's clocks show Nairobi time (UTC+3, no summer time) and never say so (daraja.md 9.21). Everything that comes from
M-Pesa is read here without raising: None means that nobody can tell.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

NAIROBI = timezone(timedelta(hours=3), "EAT")

# Ten of 0-9A-Z; the first three are the date. A date followed by seven zeros stands in for "no receipt" in some failed
# results, and one such placeholder is shared by many payments (daraja.md 7.9).
_RECEIPT = re.compile(r"[0-9A-Z]{10}")
_PLACEHOLDER = re.compile(r"[A-Z][A-L][1-9A-V]0{7}")
_STAMP = re.compile(r"[0-9]{14}")

_FIRST_YEAR = 2006  # written A
_END_YEAR = 2100  # a date so far ahead is none
_DAY_LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"  # day 31 is V

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def is_receipt(text: str) -> bool:
    """Whether this can be the receipt number of exactly one payment."""
    return _RECEIPT.fullmatch(text) is not None and not is_placeholder(text)


def is_placeholder(text: str) -> bool:
    """Whether this stands where a receipt would, and is none: many payments share it."""
    return _PLACEHOLDER.fullmatch(text) is not None


def date_hint(receipt: str) -> date | None:
    """The Nairobi date that a receipt's first three characters spell; a hint only, found by observation (7.9)."""
    if not is_receipt(receipt) or not receipt[0].isalpha():
        return None
    year, month, day = receipt[0], receipt[1], receipt[2]
    try:
        return date(_FIRST_YEAR + ord(year) - ord("A"), 1 + ord(month) - ord("A"), _DAY_LETTERS.index(day))
    except ValueError:
        return None


def nairobi_to_us(stamp: object) -> int | None:
    """Microseconds since 1970 of M-Pesa's YYYYMMDDHHMMSS, sent as text or as a number."""
    return _us_of_digits(_stamp_digits(stamp))


@lru_cache(maxsize=256)
def _us_of_digits(digits: str) -> int | None:
    if _STAMP.fullmatch(digits) is None:
        return None
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:8])
    hour, minute, second = int(digits[8:10]), int(digits[10:12]), int(digits[12:])
    if not _FIRST_YEAR <= year < _END_YEAR:  # .NET's empty date is in the year 1
        return None
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=NAIROBI)
    except ValueError:
        return None
    return (moment - _EPOCH) // _MICROSECOND


def us_to_nairobi(us: int) -> str:
    """The reading of M-Pesa's clock, YYYYMMDDHHMMSS, at our moment; parts of a second are dropped."""
    return _second_in_nairobi(us // 1_000_000)


def us_to_nairobi_text(us: int) -> str:
    """The same with punctuation, YYYY-MM-DD HH:MM:SS, as M-Pesa's lists are asked for."""
    digits = us_to_nairobi(us)
    return f"{digits[:4]}-{digits[4:6]}-{digits[6:8]} {digits[8:10]}:{digits[10:12]}:{digits[12:]}"


@lru_cache(maxsize=256)
def _second_in_nairobi(seconds: int) -> str:
    """Spelled once a second, however many payments that second has."""
    moment = (_EPOCH + timedelta(seconds=seconds)).astimezone(NAIROBI)
    return f"{moment.year:04d}{moment.month:02d}{moment.day:02d}{moment.hour:02d}{moment.minute:02d}{moment.second:02d}"


def _stamp_digits(stamp: object) -> str:
    match stamp:
        case str():
            return stamp.strip()
        case float() if stamp.is_integer():
            return str(int(stamp))
        case int() if 0 <= stamp < 10**14:
            return str(stamp)
        case _:
            return ""
