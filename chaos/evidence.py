"""What is known at the end of a run, from four witnesses: the clients, M-Pesa, the journal and the merchants.

All records are frozen and hold no object of the gateway, so a run in one process and a run of many fill them alike.
Amounts are cents. An ID that was never told is None.
"""

from dataclasses import dataclass
from enum import StrEnum

OUTCOMES = frozenset({"payment.succeeded", "payment.failed", "payment.expired", "collection.succeeded"})
"""The types of notifications that tell how a payment ended; others add to it (a receipt, a flag)."""
TWIN = "payment.confirmed"
"""The type of the notification that tells a push's confirmation, beside its outcome."""
FINAL = frozenset({"succeeded", "failed", "expired"})


# ── clients ──


@dataclass(frozen=True, slots=True)
class Asked:
    """One call of a client. ``content`` is equal for two calls where they mean the same (a body, or its digest).

    ``status`` is None where no answer came. ``payment_id`` is what the answer named, whatever its status, and ``words``
    the whole of an answer that named one.
    """

    request_id: str
    content: str
    amount_cents: int
    status: int | None
    payment_id: str | None = None
    words: str = ""


# ── M-Pesa ──


@dataclass(frozen=True, slots=True)
class Prompted:
    """M-Pesa took a command: a phone rings, or a payout is queued. One for each time that it did."""

    request_id: str


@dataclass(frozen=True, slots=True)
class Moved:
    """Money moved. ``request_id`` is None where a customer paid without being asked."""

    receipt: str
    amount_cents: int
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """A callback that M-Pesa sent and the gateway acknowledged (2xx); one that was not is left out.

    ``key`` is what the journal's copy of it is found by, see `Journal.callbacks`. ``paid`` is None where it tells no
    outcome. ``receipt`` is that of money, where it names one. ``is_heard``: a C2B confirmation of which a caller of
    Daraja's paths is told too, who registered a URL for them.
    """

    key: str
    request_id: str | None
    paid: bool | None
    receipt: str | None = None
    is_heard: bool = False


@dataclass(frozen=True, slots=True)
class Validated:
    """M-Pesa asked whether a customer may pay. ``accepted`` is what it was told, None where it was not answered."""

    key: str
    accepted: bool | None


@dataclass(frozen=True, slots=True)
class MPesa:
    """The other side's own books."""

    prompts: tuple[Prompted, ...] = ()
    money: tuple[Moved, ...] = ()
    calls: tuple[Called, ...] = ()
    contradicted: frozenset[str] = frozenset()
    """Requests of which M-Pesa itself once said the contrary of what it did: the gateway may have believed it."""
    is_listed: bool = False
    """True where the gateway may read M-Pesa's list of what came in (Pull): then it needs no callback to know of it."""
    validations: tuple[Validated, ...] = ()


# ── the journal ──


@dataclass(frozen=True, slots=True)
class Payment:
    """A row. ``kind`` as in the journal; ``is_askable`` is True where M-Pesa can be asked about it (an ID of its own).

    ``notifications`` is how many the payment says it has staged. ``words`` are all that M-Pesa's list and confirmations
    tell of it besides its receipt: where they are equal, M-Pesa's words cannot tell two payments apart.
    """

    id: str
    request_id: str
    kind: str
    state: str
    amount_cents: int
    receipt: str | None = None
    evidence: str | None = None
    flags: frozenset[str] = frozenset()
    notifications: int = 0
    is_askable: bool = True
    words: str = ""

    @property
    def is_final(self) -> bool:
        """True where its outcome is decided."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class Owed:
    """A notification as the journal has it; ``made_us`` is the moment that its ID carries."""

    id: str
    payment_id: str
    sequence: int
    type: str
    state: str
    app: str = ""
    made_us: int = 0


@dataclass(frozen=True, slots=True)
class Gone:
    """A row that was forgotten, as it was by then; ``what`` is a notification or an exchange.

    ``since_us`` is since when it ages, None where it does not yet; ``least_us`` how old it was to become. ``state`` of
    an exchange is its verdict, ``kind`` its direction. ``is_wanted``: a payment was open that was there before it.
    """

    what: str
    id: str
    payment_id: str
    sequence: int
    kind: str
    state: str
    app: str
    since_us: int | None
    at_us: int
    least_us: int
    is_wanted: bool = False
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """How a validation was answered, as the journal has it: ``by`` the merchant, a default, or somebody else."""

    key: str
    by: str
    accepted: bool


@dataclass(frozen=True, slots=True)
class Journal:
    """What the gateway wrote down. ``callbacks`` are the keys of those it holds; None where nobody looked.

    ``decided`` are the validations that it could record in time; ``default`` is what was registered for the others.
    """

    payments: tuple[Payment, ...] = ()
    owed: tuple[Owed, ...] = ()
    callbacks: frozenset[str] | None = None
    decided: tuple[Decided, ...] = ()
    gone: tuple[Gone, ...] = ()
    default: bool = True


# ── merchants ──


@dataclass(frozen=True, slots=True)
class Told:
    """One arrival at a merchant, in the order of arrival over all merchants. ``body`` may be a digest of it.

    ``is_taken``: the merchant answered 2xx, whether or not that answer found its way back. A confirmation in M-Pesa's
    own words names neither its payment nor its type; both are those of the payment that bears its receipt.
    """

    notification_id: str
    payment_id: str
    type: str
    body: str
    is_signed: bool = True
    is_taken: bool = True
    at_us: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One delivery as its sender saw it: from its first byte to the answer, the time-out or the sender's death.

    ``awake_us`` is since when the sender had run without standing still: what others did before, it has had to hear.
    """

    notification_id: str
    from_us: int
    until_us: int
    url: str = ""
    awake_us: int = 0


class Deed(StrEnum):
    """What the owner of an endpoint does at the gateway."""

    PAUSE = "pause"
    RESUME = "resume"
    MOVE = "move"
    ACKNOWLEDGE = "acknowledge"
    REPLAY = "replay"


@dataclass(frozen=True, slots=True)
class Done:
    """A deed that was asked for, again and again, from ``asked_us`` on until it was answered with a yes at ``done_us``.

    ``done_us`` is None where it never was. ``subject`` is a URL, or a notification; a replay of "" is of all there are.
    ``waiting`` is what was chosen for what waits: send, hold or finish_old.
    """

    app: str
    deed: Deed
    asked_us: int
    done_us: int | None
    subject: str = ""
    before: str = ""
    waiting: str = ""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who came for an app's notifications by cursor, to the very end: what was read first, and what came again.

    ``again`` came although it lies before a cursor that the gateway had taken or given.
    """

    app: str
    name: str
    read: tuple[str, ...]
    again: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """All of it. ``is_calm``: faults ended long ago, so whatever had to happen has happened.

    ``unreachable`` are the payments (by ID) whose merchant took nothing through the whole schedule, so that giving up
    is right. Waiting is not: what was disabled has been resumed by the end.
    ``unanswered`` are the requests whose client repeated them to the end and never got a clear answer.
    ``attempts`` are empty where nobody watched the senders. ``broke`` are faults that no rule foresaw: what a gateway
    logged as broken, beyond the errors it has names for, and an end of its process that nobody ordered.
    ``unfinished`` is what was still open when the wait for the end was given up, a sentence each.
    ``verdicts`` are what merchants said when they were asked about a payment (by its key); None for babble.
    ``done`` are the deeds of owners, each app's in order; every gateway acts by them ``heed_us`` later at the latest.
    """

    asked: tuple[Asked, ...] = ()
    mpesa: MPesa = MPesa()
    journal: Journal = Journal()
    told: tuple[Told, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    broke: tuple[str, ...] = ()
    unfinished: tuple[str, ...] = ()
    is_calm: bool = True
    unreachable: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()
    done: tuple[Done, ...] = ()
    readers: tuple[Reader, ...] = ()
    heed_us: int = 0
    verdicts: tuple[tuple[str, bool | None], ...] = ()
