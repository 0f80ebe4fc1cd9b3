"""What M-Pesa's answer to one call means, whichever side it came by.

Three verdicts, never two: *accepted*, *refused* and *unknown*. Unknown is not a failure: it is asked, never resent.
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class Verdict(StrEnum):
    """What became of the thing that was asked."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Finality(StrEnum):
    """What may be done next: nothing more to come, the same call again later, or only asking."""

    FINAL = "final"
    RETRIABLE = "retriable"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence in the two languages that shoppers and developers read."""

    en: str
    sw: str


class Outcome(msgspec.Struct, frozen=True):
    """A decoded answer: M-Pesa's own code and text, what it means, why it happened and what to do next."""

    verdict: Verdict
    finality: Finality
    code: str
    description: str
    cause: Sentence
    next_step: Sentence
