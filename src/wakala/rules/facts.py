"""What can happen to a payment: M-Pesa took it, M-Pesa told us how it ended, nobody answered. Pure values."""

from typing import TypeAlias

import msgspec

from wakala.rules.payment import Evidence, Flag

# Codes of our own, beside M-Pesa's: what did not leave, and what left and was not answered.
UNREACHABLE = "unreachable"
STOOD_STILL = "stood_still"
DATABASE_AWAY = "database_away"
NO_ANSWER = "no_answer"
INTERRUPTED = "interrupted"


class Sending(msgspec.Struct, frozen=True):
    """The next thing that happens is a byte on the wire."""


class Unsent(msgspec.Struct, frozen=True):
    """M-Pesa certainly did not get it (no connection, no token, turned away at the edge); it may be tried again."""

    code: str
    reason: str
    retry_us: int


def stood_still(retry_us: int) -> Unsent:
    """It was to leave, and this gateway came to it too late: others may have ended it by then."""
    reason = "This gateway stood still for longer than a sending may take, so it was not sent."
    return Unsent(STOOD_STILL, reason, retry_us)


class Accepted(msgspec.Struct, frozen=True):
    """M-Pesa's synchronous answer: queued, nothing more (daraja.md 2.1)."""

    merchant_request_id: str
    checkout_request_id: str
    description: str


class Refused(msgspec.Struct, frozen=True):
    """A refusal for good before anything moved, by M-Pesa or by this gateway."""

    code: str
    description: str
    by: Evidence = Evidence.STK_ANSWER


class LostSight(msgspec.Struct, frozen=True):
    """Sent, and no answer that says what became of it; with M-Pesa's IDs where it named them all the same."""

    code: str
    reason: str
    merchant_request_id: str | None = None
    checkout_request_id: str | None = None


class Settled(msgspec.Struct, frozen=True):
    """A source says how it ended. ``paid`` is None where M-Pesa itself is not sure (result class *unknown*)."""

    by: Evidence
    paid: bool | None
    code: str
    description: str
    receipt: str | None = None
    paid_us: int | None = None
    payer_name: str | None = None
    merchant_request_id: str | None = None
    checkout_request_id: str | None = None
    results: str | None = None


class TimedOut(msgspec.Struct, frozen=True):
    """M-Pesa's queue gave up on it; it may have been carried out all the same (daraja.md 3.4)."""

    reason: str


class StillOpen(msgspec.Struct, frozen=True):
    """A question was asked and brought no outcome: still processing, no such id for now, or no answer at all.

    ``code`` is what M-Pesa said of the question itself where it did not carry it out, ``call`` M-Pesa's own ID of it.
    """

    reason: str
    processing: bool
    code: str = ""
    call: str = ""


class Misfit(msgspec.Struct, frozen=True):
    """Something came for this payment that does not fit it: kept, shown, never believed."""

    flag: Flag
    reason: str


class GaveUp(msgspec.Struct, frozen=True):
    """The schedule has no question left."""

    reason: str


Fact: TypeAlias = Sending | Unsent | Accepted | Refused | LostSight | Settled | TimedOut | StillOpen | Misfit | GaveUp
