"""A payment: the record, and the table of its states.

The table is the only place that says which state may follow which; ``docs/payment-states.md`` is drawn from it. What
can happen to a payment stands in `facts`, what that does to it in `decisions`.
"""

from enum import StrEnum

import msgspec

from wakala.errors import BrokenRuleError
from wakala.rules.accounts import Shortcode, Side


class State(StrEnum):
    """Where a payment stands. The last three are final: nothing leaves them."""

    RECEIVED = "received"
    HELD = "held"
    SENDING = "sending"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    EXPIRED = "expired"

    @property
    def is_final(self) -> bool:
        """True where no fact may change the outcome any more, only confirm or contradict it."""
        return self in FINAL


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.EXPIRED})
NEVER_LEFT = frozenset({State.RECEIVED, State.HELD})
NOT_TAKEN = NEVER_LEFT | {State.SENDING}
"""Of these M-Pesa has said nothing that we know of."""


class Step(StrEnum):
    """What may happen to a payment: the labels on the arrows of the table."""

    SEND = "send"
    HOLD = "hold"
    REFUSE = "refuse"
    ACCEPT = "accept"
    LOSE_SIGHT = "lose sight"
    ASK = "ask"
    SUCCEED = "succeed"
    FAIL = "fail"
    GIVE_UP = "give up"
    CONFIRM = "confirm"
    CONTRADICT = "contradict"


TABLE: dict[State, dict[Step, State]] = {
    State.RECEIVED: {Step.SEND: State.SENDING, Step.HOLD: State.HELD, Step.REFUSE: State.FAILED},
    State.HELD: {
        Step.SEND: State.SENDING,
        Step.HOLD: State.HELD,
        Step.REFUSE: State.FAILED,
        Step.LOSE_SIGHT: State.UNKNOWN,  # turned away at the edge, and yet M-Pesa speaks of it: believe M-Pesa
        Step.SUCCEED: State.SUCCEEDED,
        Step.FAIL: State.FAILED,
    },
    State.SENDING: {
        Step.ACCEPT: State.PENDING,
        Step.REFUSE: State.FAILED,
        Step.HOLD: State.HELD,
        Step.LOSE_SIGHT: State.UNKNOWN,
        Step.SUCCEED: State.SUCCEEDED,
        Step.FAIL: State.FAILED,
    },
    State.PENDING: {
        Step.ASK: State.PENDING,
        Step.LOSE_SIGHT: State.UNKNOWN,
        Step.SUCCEED: State.SUCCEEDED,
        Step.FAIL: State.FAILED,
        Step.GIVE_UP: State.EXPIRED,
        Step.CONFIRM: State.PENDING,
    },
    State.UNKNOWN: {
        Step.ACCEPT: State.PENDING,
        Step.ASK: State.UNKNOWN,
        Step.LOSE_SIGHT: State.UNKNOWN,
        Step.SUCCEED: State.SUCCEEDED,
        Step.FAIL: State.FAILED,
        Step.GIVE_UP: State.EXPIRED,
        Step.CONFIRM: State.UNKNOWN,
    },
    State.SUCCEEDED: {Step.CONFIRM: State.SUCCEEDED, Step.CONTRADICT: State.SUCCEEDED},
    State.FAILED: {Step.CONFIRM: State.FAILED, Step.CONTRADICT: State.FAILED},
    State.EXPIRED: {Step.CONFIRM: State.EXPIRED, Step.CONTRADICT: State.EXPIRED},
}


class Kind(StrEnum):
    """What was asked of M-Pesa, or told by it (collection)."""

    PUSH = "push"
    COLLECTION = "collection"
    PAYOUT = "payout"
    TRANSFER = "transfer"
    REVERSAL = "reversal"
    STANDING_ORDER = "standing_order"
    TILL_PUSH = "till_push"
    ENQUIRY = "enquiry"  # a question that is answered later: moves no money
    SERVICE = "service"  # answered at once: moves no money, and its answer is all the notice there is

    @property
    def moves_money(self) -> bool:
        """False for questions, which may be asked again."""
        return self not in MOVES_NONE


MOVES_NONE = frozenset({Kind.ENQUIRY, Kind.SERVICE})
PLAIN = frozenset({Kind.PUSH, Kind.COLLECTION})
"""A customer pays the shortcode, and nothing else is told of it; every other kind has words of its own besides."""


class Face(StrEnum):
    """Which of our faces a request came by: the shape of its answers and notifications follows."""

    WAKALA = "wakala"
    DARAJA = "daraja"


class Evidence(StrEnum):
    """What settled a payment. The receipt number inside it is the strongest key."""

    STK_CALLBACK = "stk_callback"
    C2B_CONFIRMATION = "c2b_confirmation"
    STK_QUERY = "stk_query"
    STK_ANSWER = "stk_answer"
    ANSWER = "answer"
    RESULT = "result"
    STATUS = "status"
    PULL = "pull"
    BILL_MANAGER = "bill_manager"
    GATEWAY = "gateway"


class Answer(StrEnum):
    """What the merchant was told first; a repeat of the same request is told the same for ever."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    HELD = "held"


class Flag(StrEnum):
    """What a person should look at. A flag never changes an outcome."""

    EVIDENCE_CONFLICT = "evidence_conflict"
    PAID_AFTER_EXPIRY = "paid_after_expiry"
    AMOUNT_DIFFERS = "amount_differs"
    AMBIGUOUS = "ambiguous"


class Scope(msgspec.Struct, frozen=True, gc=False):
    """Whose row it is: organisation, app, shortcode and environment stand on every row of the journal."""

    organisation_id: str
    app_id: str
    shortcode_id: str
    environment: str


def collecting_scope(shortcode: Shortcode) -> Scope:
    """Whose rows the money is that customers pay to a shortcode: its collector's, or no app's."""
    return Scope(shortcode.organisation_id, shortcode.collector_app_id or "", shortcode.id, shortcode.environment)


class Payment(msgspec.Struct, frozen=True, gc=False):
    """One payment as the journal has it. Amounts in cents, times in microseconds since 1970 UTC.

    A struct and not a dataclass, as all records of the hot path: they are made and replaced several times a payment.

    ``merchant_request_id`` is M-Pesa's OriginatorConversationID and ``checkout_request_id`` its ConversationID where
    the command is not a push: two names for the same pair. ``details`` are the fields of the request that have no
    column, ``results`` is M-Pesa's own Result, both JSON.
    """

    id: str
    scope: Scope
    kind: Kind
    request_id: str
    fingerprint: str
    state: State
    version: int
    amount_cents: int
    msisdn: str
    reference: str
    description: str
    reference_data: str
    callback_url: str | None
    created_us: int
    updated_us: int
    sent_us: int | None = None
    settled_us: int | None = None
    merchant_request_id: str | None = None
    checkout_request_id: str | None = None
    receipt: str | None = None
    paid_us: int | None = None
    payer_name: str | None = None
    answer: Answer | None = None
    answer_code: str | None = None
    answer_desc: str | None = None
    result_code: str | None = None
    result_desc: str | None = None
    evidence: Evidence | None = None
    reason: str | None = None
    flags: tuple[Flag, ...] = ()
    notifications: int = 0
    checks: int = 0
    next_check_us: int | None = None
    command: str = "lnm/customerpaybill"
    face: Face = Face.WAKALA
    details: str = "{}"
    results: str = "{}"
    side: Side = Side.DARAJA  # the one it began on, whatever its shortcode has chosen since


def is_leased(payment: Payment, now_us: int) -> bool:
    """True while nobody else may take it over: it is not due yet."""
    return payment.next_check_us is not None and payment.next_check_us > now_us


def advance(payment: Payment, step: Step) -> State:
    """The state after ``step``, by the table; a step that the table does not have is a bug and is stopped here."""
    try:
        return TABLE[payment.state][step]
    except KeyError:
        raise BrokenRuleError(f"A payment that is {payment.state} cannot {step}.") from None
