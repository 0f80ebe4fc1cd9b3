"""How a list is asked for: cursors and numbers in the query. What is out of bounds is refused and never cut in silence.

Each is declared here once: it is read by its declaration, and OpenAPI describes it from there.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from wakala.errors import FieldFault, InvalidFieldsError
from wakala.journal.journal import PAGE_LIMIT_ROWS

NAME = r"[A-Za-z0-9_.-]{1,64}"
NAME_WANTED = "Send 1 to 64 letters, digits, underscores, dots or hyphens."
PLACE = r"(?:0|ntf_[0-9a-f]{12,28})"  # among notifications; any other word stands behind all of them, or before
PLACE_WANTED = "Send `After` of the page before."
START = "start"  # as a cursor: before the oldest
NOW = "now"  # as a cursor: what is staged from here on
SEEN_LIMIT = 1_000  # in the few seconds before the cursor may pass them
_DIGITS = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number in a query, and what holds where it is left out; None where that is none of them."""

    name: str
    least: int
    most: int
    default: int | None
    about: str

    def schema(self) -> dict[str, Any]:
        """As OpenAPI has it."""
        bounds = {"type": "integer", "minimum": self.least, "maximum": self.most}
        usual = {} if self.default is None else {"default": self.default}
        return {"name": self.name, "in": "query", "schema": bounds | usual, "description": self.about}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list goes on, or whose place in it is meant."""

    name: str
    pattern: str
    wanted: str
    about: str

    def schema(self) -> dict[str, Any]:
        """As OpenAPI has it."""
        kind = {"type": "string", "pattern": f"^{self.pattern}$"}
        return {"name": self.name, "in": "query", "schema": kind, "description": self.about}


LIMIT = Number("limit", 1, PAGE_LIMIT_ROWS, 50, "How many in one page.")
# Proxies hang up on a silent connection after 30 s and more.
WAIT = Number("wait", 0, 25, 0, "Seconds to hold the answer back while there is nothing.")
SEEN = Number(
    "seen",
    0,
    999_999,  # who has more than is looked through is not refused: it would hear of no cursor past them
    None,
    "Include those too young for the cursor, and wait for more than so many after it. Above "
    f"{SEEN_LIMIT:,} as if it were left out: the answer waits until the cursor may pass some.",
)
AFTER = Cursor(
    "after",
    f"(?:{START}|{NOW}|{PLACE})",
    f"Send `After` of the page before, `{START}` for the oldest, or `{NOW}` for what comes from here on.",
    f"`After` of the page before, `{START}`, or `{NOW}`.",
)
CONSUMER = Cursor("consumer", NAME, NAME_WANTED, "Go on where this reader acknowledged.")
BEFORE = Cursor(
    "before",
    r"pay_[0-9a-f]{12,28}",
    "Send the `Before` of the page before, or leave it out.",
    "`Before` of the page before.",
)


def read_query(
    query: str, numbers: Sequence[Number], cursors: Sequence[Cursor]
) -> tuple[dict[str, str], dict[str, int]]:
    """What is given, and the numbers, by name. All that is wrong gets its sentence; what is empty is left out."""
    given = {name: value for name, value in parse_qsl(query, encoding="latin-1") if value}
    faults = [
        FieldFault(f"/{cursor.name}", cursor.wanted)
        for cursor in cursors
        if cursor.name in given and not re.fullmatch(cursor.pattern, given[cursor.name])
    ]
    counts = {number.name: number.default for number in numbers if number.default is not None}
    for number in numbers:
        text = given.get(number.name)
        if text is None:
            continue
        if _DIGITS.fullmatch(text) and number.least <= int(text) <= number.most:
            counts[number.name] = int(text)
        else:
            message = f"Send a whole number from {number.least} to {number.most}, or leave it out."
            faults.append(FieldFault(f"/{number.name}", message))
    if faults:
        raise InvalidFieldsError(faults=tuple(faults))
    return given, counts
