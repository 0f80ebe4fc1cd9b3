"""An endpoint: where an app's notifications go, on what terms, and how it has been doing lately. Pure.

Every app has one endpoint of its own; a shortcode may have another for the payments of that shortcode. What an endpoint
leaves open (``()`` or 0) is decided by the installation.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import msgspec

from wakala.errors import FieldFault, InvalidFieldsError
from wakala.rules.delivery import Attempted

SCHEDULE_LIMIT_STEPS = 20  # the installation's own has eleven
STEP_LIMIT_S = 604_800  # a week between two attempts; after that nobody waits for the news
ANSWER_LIMIT_MIN_S = 0.1  # a round trip; who writes less means milliseconds, and every attempt would fail
ANSWER_LIMIT_MAX_S = 30  # an attempt must end well within its lease
RATE_LIMIT_MIN_PER_S = 0.01  # slower, it is a pause that nobody sees: the endpoint counts as active and well
RATE_LIMIT_MAX_PER_S = 1_000
CONCURRENCY_LIMIT_MAX = 256  # the courier's hands are shared by all
FINISH_LIMIT_S = 604_800  # how long an old URL may finish what waited: no schedule is longer by default
DAY_S = 86_400
LANE_HOST_MAX_CHARS = 260  # a name of the DNS has 253, its port six


class EndpointState(StrEnum):
    """Only an active endpoint is called; for the others everything keeps being stored and waits."""

    ACTIVE = "active"
    PAUSED = "paused"  # by a person
    DISABLED = "disabled"  # by Wakala: it said 410, or failed for days


class By(StrEnum):
    """Who did something to an endpoint."""

    APP = "app"  # the app itself, with its key
    OPERATOR = "operator"  # who runs the gateway, by the command line
    GATEWAY = "gateway"  # Wakala, for what the endpoint did


class Waiting(StrEnum):
    """What becomes of notifications that wait while the URL is changed; the caller chooses."""

    SEND = "send"  # they go to the new URL
    HOLD = "hold"  # they are kept, to be read or replayed
    FINISH_OLD = "finish_old"  # they go to the URL they were meant for


class Endpoint(msgspec.Struct, frozen=True):
    """One row of the table, or the default of an app that never set anything. ``shortcode_id`` "" is any shortcode."""

    id: str
    organisation_id: str
    app_id: str
    shortcode_id: str
    url: str = ""  # "" is the app's own callback URL
    state: EndpointState = EndpointState.ACTIVE
    reason: str = ""  # why it is not active
    schedule_s: tuple[float, ...] = ()
    answer_limit_s: float = 0
    rate_limit_per_s: float = 0
    concurrency_limit: int = 0
    old_url: str = ""
    moved_us: int = 0  # what was staged before this moment finishes at `old_url`, or is held, by `waiting`
    waiting: Waiting = Waiting.SEND
    created_us: int = 0

    @property
    def is_active(self) -> bool:
        """True where it may be called."""
        return self.state is EndpointState.ACTIVE

    @property
    def lane(self) -> str:
        """The courier's lane: an app's own, or one of the shortcode's own."""
        return f"{self.app_id}/{self.shortcode_id}" if self.shortcode_id else self.app_id


class SigningKey(msgspec.Struct, frozen=True):
    """A secret that signs for an endpoint besides the app's first one. ``until_us`` is None for the one in force."""

    id: str
    endpoint_id: str
    app_id: str
    version: str  # v1 (HMAC) or v1a (Ed25519)
    sealed: str
    created_us: int
    until_us: int | None = None


def lane_of(endpoint: Endpoint, callback_url: str | None) -> str:
    """Whose turn a notification takes: the endpoint's lane; a URL given with a request shares that of its host.

    A host that is longer than any name stands there as a digest: no index takes a lane of thousands of characters.
    """
    if not callback_url:
        return endpoint.lane
    host = callback_url.partition("://")[2].replace("?", "/").partition("/")[0].lower()
    if len(host) > LANE_HOST_MAX_CHARS:
        host = hashlib.sha256(host.encode(errors="replace")).hexdigest()
    return f"{endpoint.lane} {host}"


def asking_lane(shortcode_id: str) -> str:
    """The lane in which a merchant is asked whether payments to this shortcode may go through: it has no app."""
    return f"/{shortcode_id}"


@lru_cache(maxsize=4096)  # asked several times for each notification
def owner_of(lane: str) -> tuple[str, str]:
    """App and shortcode of a lane, the host left aside."""
    app_id, _, shortcode_id = lane.partition(" ")[0].partition("/")
    return app_id, shortcode_id


class Target(msgspec.Struct, frozen=True):
    """Where an attempt goes (None: nowhere, it is kept), and in which lane it waits its turn.

    Only what the endpoint's own URL answers ``is_own`` and can disable it.
    """

    url: str | None
    lane: str
    is_own: bool


def target_of(endpoint: Endpoint, own_url: str | None, app_url: str | None, staged_us: int, now_us: int) -> Target:
    """Where an attempt goes that begins now: the request's own URL, the one it was meant for, or today's.

    What was to be held when the endpoint moved goes nowhere. What finishes at an old URL has a lane of its own there,
    so that a dead old place holds up nothing at the new one.
    """
    if own_url:
        return Target(own_url, lane_of(endpoint, own_url), is_own=False)
    if endpoint.waiting is Waiting.HOLD and staged_us < endpoint.moved_us:
        return Target(None, endpoint.lane, is_own=True)
    url = endpoint.url or app_url or None
    if _finishes_at_old(endpoint, staged_us, now_us) and endpoint.old_url != url:
        return Target(endpoint.old_url, lane_of(endpoint, endpoint.old_url), is_own=False)
    return Target(url, endpoint.lane, is_own=True)


def _finishes_at_old(endpoint: Endpoint, staged_us: int, now_us: int) -> bool:
    if endpoint.waiting is not Waiting.FINISH_OLD or not endpoint.old_url:
        return False
    return staged_us < endpoint.moved_us and now_us < endpoint.moved_us + FINISH_LIMIT_S * 1_000_000


def require_sane(endpoint: Endpoint) -> None:
    """Refuse terms that would harm the merchant or the others."""
    faults = []
    if len(endpoint.schedule_s) > SCHEDULE_LIMIT_STEPS or not all(0 < s <= STEP_LIMIT_S for s in endpoint.schedule_s):
        message = f"Send at most {SCHEDULE_LIMIT_STEPS} waits in seconds, each above 0 and at most {STEP_LIMIT_S}."
        faults.append(FieldFault("/ScheduleSeconds", message))
    if endpoint.answer_limit_s != 0 and not ANSWER_LIMIT_MIN_S <= endpoint.answer_limit_s <= ANSWER_LIMIT_MAX_S:
        message = f"Send 0 (the default), or {ANSWER_LIMIT_MIN_S} to {ANSWER_LIMIT_MAX_S} seconds."
        faults.append(FieldFault("/AnswerLimitSeconds", message))
    if endpoint.rate_limit_per_s != 0 and not RATE_LIMIT_MIN_PER_S <= endpoint.rate_limit_per_s <= RATE_LIMIT_MAX_PER_S:
        message = f"Send 0 (no limit), or {RATE_LIMIT_MIN_PER_S} to {RATE_LIMIT_MAX_PER_S} a second."
        faults.append(FieldFault("/RateLimitPerSecond", message))
    if not 0 <= endpoint.concurrency_limit <= CONCURRENCY_LIMIT_MAX:
        faults.append(FieldFault("/ConcurrencyLimit", f"Send 0 (the default) to {CONCURRENCY_LIMIT_MAX}."))
    if faults:
        raise InvalidFieldsError(faults=tuple(faults))


def terms_text(endpoint: Endpoint) -> str:
    """The terms of its own, for a person; what it leaves open is the installation's."""
    own = {
        "schedule": ", ".join(f"{step_s:g}" for step_s in endpoint.schedule_s) + " s" if endpoint.schedule_s else "",
        "time-out": f"{endpoint.answer_limit_s:g} s" if endpoint.answer_limit_s else "",
        "rate": f"{endpoint.rate_limit_per_s:g} a second" if endpoint.rate_limit_per_s else "",
        "concurrency": f"{endpoint.concurrency_limit}" if endpoint.concurrency_limit else "",
    }
    return "; ".join(f"{name} {value}" for name, value in own.items() if value) or "all as the installation has them"


# ── pacing ──


@dataclass(frozen=True, slots=True)
class Bucket:
    """A rate limit: at most ``rate_per_s`` on average, at most a second's worth at once."""

    tokens: float
    at_us: int

    def refilled(self, rate_per_s: float, now_us: int) -> "Bucket":
        """As it stands at ``now_us``."""
        elapsed_s = max(0, now_us - self.at_us) / 1_000_000
        return Bucket(min(_full(rate_per_s), self.tokens + elapsed_s * rate_per_s), now_us)

    def is_full(self, rate_per_s: float, now_us: int) -> bool:
        """True where a new one would be the same."""
        return self.refilled(rate_per_s, now_us).tokens >= _full(rate_per_s)

    def taken(self) -> "Bucket | None":
        """One token fewer, or None where there is none."""
        return Bucket(self.tokens - 1, self.at_us) if self.tokens >= 1 else None


def full_bucket(rate_per_s: float, now_us: int) -> Bucket:
    """Nothing was taken from it yet."""
    return Bucket(_full(rate_per_s), now_us)


def _full(rate_per_s: float) -> float:
    return max(1.0, rate_per_s)


# ── health and the circuit breaker ──

BREAKER_FAILURES = 10  # in a row: more than one bad deployment's worth of retries of a single payment's notification
ASKING_FAILURES = 3  # the same for C2B validations: while one is asked in vain, a customer stands at a till
BREAKER_REST_MIN_US = 1_000_000  # a restart of the merchant's own takes about so long
BREAKER_REST_MAX_US = 30_000_000  # at most this long after it comes back, an endpoint is found to be well
FORWARD_AFTER_S = 60  # of failing: shorter troubles end within the first steps of the schedule, which nobody hurries
SAMPLES_LIMIT = 200  # of the newest attempts; enough for a 95th percentile
NOTICES_S = (3_600, DAY_S)  # failing for this long is told, before it is disabled (experience.md 6.1)
DISABLE_AFTER_S = 432_000.0  # 120 h of nothing but failures (experience.md 6.1)
SILENCE_LIMIT_S = 2 * DAY_S  # nothing was tried for so long, so nobody knows how it was; no step by default is longer


class Health(msgspec.Struct, frozen=True):
    """How the newest attempts in one lane went. ``streak`` counts successes in a row, or failures below zero."""

    lane: str
    streak: int = 0
    attempts: int = 0
    last_success_us: int | None = None
    last_failure_us: int | None = None
    failing_since_us: int | None = None
    last_status: int | None = None
    last_error: str | None = None
    durations_us: tuple[int, ...] = ()

    @property
    def last_us(self) -> int:
        """When the newest attempt ended; 0 where there was none."""
        return max(self.last_success_us or 0, self.last_failure_us or 0)

    @property
    def is_asked(self) -> bool:
        """True in a lane of C2B validations."""
        return self.lane.startswith("/")

    @property
    def p50_us(self) -> int | None:
        """Half of the newest attempts were answered sooner."""
        return percentile(self.durations_us, 50)

    @property
    def p95_us(self) -> int | None:
        """One in twenty of the newest attempts took longer."""
        return percentile(self.durations_us, 95)

    @property
    def is_resting(self) -> bool:
        """True where the breaker is open: one attempt at a time looks whether it is well again."""
        return self.streak <= -self._failures_that_open

    def rest_ends_us(self) -> int:
        """From when on the next attempt may begin.

        It rests as long as it has been failing, so the rests double. Their number does not count: a blip of a second
        may fail as many attempts as were under way.
        """
        if not self.is_resting or self.last_failure_us is None:
            return 0
        failing_us = 0 if self.failing_since_us is None else self.last_failure_us - self.failing_since_us
        return self.last_failure_us + min(BREAKER_REST_MAX_US, max(BREAKER_REST_MIN_US, failing_us))

    @property
    def _failures_that_open(self) -> int:
        return ASKING_FAILURES if self.is_asked else BREAKER_FAILURES


def percentile(values: tuple[int, ...], percent: int) -> int | None:
    """The nearest rank; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def failing_s(health: Health, now_us: int) -> float:
    """For how long it has done nothing but fail."""
    return 0.0 if health.failing_since_us is None else (now_us - health.failing_since_us) / 1_000_000


def worst_notice(seconds: float) -> int:
    """The longest of `NOTICES_S` that has passed; 0 for none."""
    return max((notice for notice in NOTICES_S if seconds >= notice), default=0)


class Record:
    """The running account of one lane; `health` is its snapshot. Mutable, because every attempt passes here."""

    __slots__ = ("_durations_us", "_health", "_next")

    def __init__(self, health: Health) -> None:
        self._health = health
        self._durations_us = list(health.durations_us)
        self._next = 0

    @property
    def streak(self) -> int:
        """As in `Health`."""
        return self._health.streak

    @property
    def health(self) -> Health:
        """As it stands; the oldest duration first, for it is the next to go, after a start too."""
        oldest_first = self._durations_us[self._next :] + self._durations_us[: self._next]
        return msgspec.structs.replace(self._health, durations_us=tuple(oldest_first))

    @property
    def is_resting(self) -> bool:
        """As in `Health`."""
        return self._health.is_resting

    @property
    def asks_the_newest(self) -> bool:
        """Which one looks, where the breaker is open: the oldest that is due and the newest untried one take turns."""
        return self.is_resting and self.streak % 2 == 0

    def forget_failures(self) -> None:
        """Begin anew: somebody resumed the endpoint or gave it another URL."""
        self._health = msgspec.structs.replace(self._health, streak=max(0, self._health.streak), failing_since_us=None)

    def may_begin(self, running: int, now_us: int) -> bool:
        """False while the breaker is open, but for one attempt at the end of each rest."""
        if not self._health.is_resting:
            return True
        failed_us = self._health.last_failure_us or 0
        has_leapt_back = now_us < failed_us  # the clock: nobody rests until it is as late again
        return running == 0 and (has_leapt_back or now_us >= self._health.rest_ends_us())

    def note(self, attempted: Attempted, duration_us: int, now_us: int) -> bool:
        """An attempt ended. True where it closed the breaker after a while: what waits need not wait for its step."""
        if len(self._durations_us) < SAMPLES_LIMIT:
            self._durations_us.append(duration_us)
        else:
            self._durations_us[self._next] = duration_us
            self._next = (self._next + 1) % SAMPLES_LIMIT
        before = self._health
        if attempted.is_delivered:
            self._health = Health(
                before.lane,
                max(0, before.streak) + 1,
                before.attempts + 1,
                now_us,
                before.last_failure_us,
                None,
                attempted.status,
                None,
            )
            return before.is_resting and failing_s(before, now_us) >= FORWARD_AFTER_S
        since_us = before.failing_since_us
        if before.last_failure_us is not None and now_us - before.last_failure_us > SILENCE_LIMIT_S * 1_000_000:
            since_us = None
        self._health = Health(
            before.lane,
            min(0, before.streak) - 1,
            before.attempts + 1,
            before.last_success_us,
            now_us,
            now_us if since_us is None else since_us,
            attempted.status,
            attempted.error,
        )
        return False
