"""What can happen to a payment: M-Pesa took it, M-Pesa told us how it ended, nobody answered. Pure values."""

from dataclasses import dataclass
from typing import TypeAlias

from wakala.rules.payment import Evidence, Flag


@dataclass(frozen=True, slots=True)
class Sending:
    """The next thing that happens is a byte on the wire."""


@dataclass(frozen=True, slots=True)
class Unsent:
    """M-Pesa certainly did not get it (no connection, no token, turned away at the edge); it may be tried again."""

    code: str
    reason: str
    retry_us: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """M-Pesa's synchronous answer: queued, nothing more (daraja.md 2.1)."""

    merchant_request_id: str
    checkout_request_id: str
    description: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal for good before anything moved, by M-Pesa or by this gateway."""

    code: str
    description: str
    by: Evidence = Evidence.STK_ANSWER


@dataclass(frozen=True, slots=True)
class LostSight:
    """Sent, and no answer that says what became of it."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
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


@dataclass(frozen=True, slots=True)
class TimedOut:
    """M-Pesa's queue gave up on it; it may have been carried out all the same (daraja.md 3.4)."""

    reason: str


@dataclass(frozen=True, slots=True)
class StillOpen:
    """A question was asked and brought no outcome: still processing, no such id for now, or no answer at all."""

    reason: str
    processing: bool


@dataclass(frozen=True, slots=True)
class Misfit:
    """Something came for this payment that does not fit it: kept, shown, never believed."""

    flag: Flag
    reason: str


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The schedule has no question left."""

    reason: str


Fact: TypeAlias = Sending | Unsent | Accepted | Refused | LostSight | Settled | TimedOut | StillOpen | Misfit | GaveUp
