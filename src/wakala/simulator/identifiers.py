"""Identifiers in M-Pesa's own formats (daraja.md 7.9). Time and randomness are given, so a seed repeats a run."""

from datetime import date, datetime
from functools import lru_cache
from itertools import product
from random import Random

BASE_36 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
LETTERS_AND_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
DAY_MARKS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"
FIRST_RECEIPT_YEAR = 2006
RECEIPT_CHARS = 10
TRIPLES = tuple(map("".join, product(BASE_36, repeat=3)))
DAYS_MAX = 8
"""Days whose spelling is kept: a run sees one or two."""

SERIAL_BITS = 48
"""More than seven digits of base 36 hold, so that none is rarer than another by more than a hair."""


def receipt(at: datetime, random: Random) -> str:
    """Ten characters: year (A is 2006), month (A to L), day (1 to 9, then A to V), and seven in base 36."""
    number, last = divmod(random.getrandbits(SERIAL_BITS), len(BASE_36))
    number, first = divmod(number, len(TRIPLES))
    return _day(at) + TRIPLES[first] + TRIPLES[number % len(TRIPLES)] + BASE_36[last]


def is_receipt(text: str) -> bool:
    """Whether it could be a receipt: ten digits and capitals, of which the first three name a day that there is."""
    if len(text) != RECEIPT_CHARS or not set(text) <= set(BASE_36) or text[0].isdecimal():
        return False
    year, month = FIRST_RECEIPT_YEAR + ord(text[0]) - ord("A"), ord(text[1]) - ord("A") + 1
    try:
        date(year, month, DAY_MARKS.index(text[2]))
    except ValueError:
        return False
    return True


def no_receipt(at: datetime) -> str:
    """What stands for a receipt on enquiries and on most failures: the day and seven zeros."""
    return _day(at) + "0000000"


def stamp(at: datetime) -> str:
    """``yyyyMMddHHmmss``, as most messages spell a time; spelled by hand, which is five times as fast as by format."""
    return f"{at.year}{at.month:02}{at.day:02}{at.hour:02}{at.minute:02}{at.second:02}"


def checkout_id(at: datetime, msisdn: str) -> str:
    """``ws_CO_``, day first, milliseconds, and the last nine digits of the phone."""
    day, time = f"{at.day:02}{at.month:02}{at.year}", f"{at.hour:02}{at.minute:02}{at.second:02}"
    return f"ws_CO_{day}{time}{at.microsecond // 1000:03}{msisdn[-9:]}"


def conversation_id(at: datetime, random: Random) -> str:
    """``AG_``, the date, and twenty hexadecimal digits of which the first four look like a node."""
    return f"AG_{at:%Y%m%d}_2010{random.getrandbits(64):016x}"


def node(random: Random) -> str:
    """The part of a request ID that names a gateway node: a UUID without its first group."""
    digits = f"{random.getrandbits(96):024x}"
    return f"{digits[:4]}-4{digits[5:8]}-a{digits[9:12]}-{digits[12:24]}"


def access_token(random: Random) -> str:
    """Twenty-eight letters and digits."""
    return "".join(random.choices(LETTERS_AND_DIGITS, k=28))


def _day(at: datetime) -> str:
    return _spelled(at.year, at.month, at.day)


@lru_cache(DAYS_MAX)
def _spelled(year: int, month: int, day: int) -> str:
    letters = chr(ord("A") + (year - FIRST_RECEIPT_YEAR) % 26) + chr(ord("A") + month - 1)
    return letters + DAY_MARKS[day]
