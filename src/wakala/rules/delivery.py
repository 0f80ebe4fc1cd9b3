"""A notification: the record, its states, and when the next attempt is due."""

from enum import StrEnum
from itertools import accumulate

import msgspec

from wakala.rules.payment import Scope


class DeliveryState(StrEnum):
    """Where a notification stands; only *waiting* is tried."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    KEPT = "kept"  # nobody named a URL; it can be listed and read
    ACKNOWLEDGED = "acknowledged"  # the merchant read it from us and said so
    GIVEN_UP = "given_up"  # the schedule ended or a URL of the request's own said 410; it can be read and replayed


COLLECTED = "collection.succeeded"
TWIN = "payment.confirmed"
"""A push's C2B confirmation, to a caller of Daraja's paths who registered a URL for such."""
TYPES = (
    "payment.succeeded",
    "payment.failed",
    "payment.expired",
    "payment.updated",
    TWIN,
    "payment.flagged",
    COLLECTED,
)
"""All that a merchant may be owed; a test of the URL is called and not owed."""


class Notification(msgspec.Struct, frozen=True, gc=False):
    """What we owe the merchant for one change of one payment. The body is final: every attempt sends the same bytes."""

    id: str
    payment_id: str
    sequence: int
    scope: Scope
    type: str
    body: bytes
    lane: str
    url: str | None
    state: DeliveryState
    attempts: int
    due_us: int
    lease_us: int
    created_us: int  # a replay stages anew: since then it is owed
    last_status: int | None = None
    last_error: str | None = None
    settled_us: int | None = None


# Dense early because a shopper waits, then over a good three days so that a bug shipped on Friday is healed on Monday
# and what was owed still arrives. Seconds after the attempt before.
SCHEDULE_S: tuple[float, ...] = (5, 30, 120, 600, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
JITTER = 0.1  # ± a tenth, so that a merchant who comes back is not met by all at once
RETRY_AFTER_LIMIT_S = 86_400  # no endpoint may put us off for longer than a day
GONE = 410
TOO_MANY_REQUESTS = 429


class Attempted(msgspec.Struct, frozen=True):
    """How one attempt ended: an HTTP status, or the reason why there was none."""

    status: int | None
    error: str | None
    retry_after_s: float | None = None

    @property
    def is_delivered(self) -> bool:
        """Only 2xx counts, never the body: shops answer with whatever their framework prints."""
        return self.status is not None and 200 <= self.status < 300


class Verdict(msgspec.Struct, frozen=True):
    """What becomes of the notification after an attempt."""

    state: DeliveryState
    due_us: int


def judge(
    attempted: Attempted,
    attempts: int,
    now_us: int,
    chance: float,
    schedule_s: tuple[float, ...] = SCHEDULE_S,
    *,
    staged_us: int,
    gone_ends: bool = True,
) -> Verdict:
    """The state after attempt number ``attempts`` (from 1). ``chance`` in 0..1 places the jitter.

    Without ``gone_ends`` a 410 disables the endpoint, and the notification waits with the others for what comes next.
    """
    if attempted.is_delivered:
        return Verdict(DeliveryState.DELIVERED, now_us)
    used = _steps_used(attempts, now_us - staged_us, schedule_s)
    if (attempted.status == GONE and gone_ends) or used == len(schedule_s):
        return Verdict(DeliveryState.GIVEN_UP, now_us)
    wait_us = _wait_us(schedule_s[used], chance)
    if attempted.retry_after_s is not None:
        wait_us = max(wait_us, int(min(attempted.retry_after_s, RETRY_AFTER_LIMIT_S) * 1_000_000))
    return Verdict(DeliveryState.WAITING, now_us + wait_us)


def _steps_used(attempts: int, owed_us: int, schedule_s: tuple[float, ...]) -> int:
    """A step of the schedule is used up by an attempt and by its time: one that was brought forward costs none.

    Where the clock was set back it tells nothing, and the attempts alone count.
    """
    steps = schedule_s[: attempts - 1]
    if owed_us < 0:
        return len(steps)
    ends_us = accumulate(_wait_us(step_s, 0) for step_s in steps)
    return sum(end_us <= owed_us for end_us in ends_us)


def _wait_us(step_s: float, chance: float) -> int:
    return int(step_s * (1 - JITTER + 2 * JITTER * chance) * 1_000_000)
