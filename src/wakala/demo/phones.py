"""A phone number as a shopper types it. The gateway checks it again; this check only saves the shopper a round trip."""

import re
from typing import Final

_NOISE: Final = re.compile(r"[\s.\-()\u2010-\u2015]+")
_KENYAN: Final = re.compile(r"(?:\+?254|00254|0)?([17]\d{8})")


def parse_phone(typed: str) -> str | None:
    """Twelve digits from 254 on, or None. Any spelling is welcome: 0712 345 678, 712345678, +254 712-345-678."""
    found = _KENYAN.fullmatch(_NOISE.sub("", typed))
    return f"254{found[1]}" if found else None


def spell_phone(msisdn: str) -> str:
    """``254712345678`` as its owner says it: ``0712 345 678``."""
    return f"0{msisdn[3:6]} {msisdn[6:9]} {msisdn[9:]}"
