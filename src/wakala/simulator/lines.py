"""What the network knows of a phone line: its SIM, when it was swapped, since when it exists, who holds it.

Nobody introduces these by hand: each number has its own made-up past, the same in every run, until a test sets one.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime, timedelta

LINES_MAX = 10_000
"""Lines that a test may set; the rest are worked out and not kept."""

FIRST_LINE_ON = date(2012, 1, 1)
LINE_AGES_DAYS = 4_000
MIDDLE_NAMES = ("DEMO", "ATIENO", "MWENDE", "KIPKEMBOI", "WANGUI", "BARASA", "NYAMBURA")
LAST_NAMES = ("OTIENO", "KAMAU", "CHEPKOECH", "MUTISO", "WEKESA", "NJOROGE", "AMINA")


@dataclass(slots=True)
class Line:
    """One number's past. Without an ``id_number`` of its own any matches."""

    imsi: str
    registered_on: date
    swapped_at: datetime | None = None
    id_number: str = ""


def made_up(msisdn: str) -> Line:
    """The line of a number that no test has set."""
    digest = int.from_bytes(hashlib.sha256(msisdn.encode()).digest()[:12])
    return Line(f"{digest % 10**16:016d}", FIRST_LINE_ON + timedelta(days=digest % LINE_AGES_DAYS))


def masked_names(msisdn: str) -> tuple[str, str]:
    """Middle and last name of whoever holds a number, masked as Hakikisha shows them (daraja.md 2.8)."""
    number = int(msisdn)
    return _masked(MIDDLE_NAMES[number % len(MIDDLE_NAMES)]), _masked(LAST_NAMES[number // 7 % len(LAST_NAMES)])


def _masked(name: str) -> str:
    return name[0] + "*" * (len(name) - 2) + name[-1]
