"""What the judge looks at: the evidence with what several rules look up, and the names of what can be broken.

Nothing of the gateway is imported: the judge must not make the gateway's mistakes.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from evidence import OUTCOMES, Attempt, Deed, Done, Evidence, Moved, Owed, Payment

ARRIVED = frozenset({"delivered", "acknowledged"})  # notifications that reached somebody, by the journal's word
HOLD = "hold"


class Invariant(StrEnum):
    """What is promised, by the name of its breach."""

    STUCK = "stuck"
    LOST_REQUEST = "lost request"
    SPENT_TWICE = "request ID spent twice"
    OTHER_ANSWER = "other answer to the same"
    LOST_MONEY = "lost money"
    INVENTED_MONEY = "invented money"
    DOUBLED_MONEY = "doubled money"
    DOUBLED_PROMPT = "doubled prompt"
    RECEIPT_TWICE = "receipt pays twice"
    LOST_CALLBACK = "lost callback"
    NO_EVIDENCE = "no evidence"
    MOVED_AFTER_REFUSAL = "moved after refusal"
    UNTOLD = "untold outcome"
    TOLD_TWICE = "outcome told twice"
    TOLD_WRONG = "outcome told wrong"
    OUT_OF_ORDER = "out of order"
    CHANGED_BODY = "changed body"
    FORGED = "bad signature"
    AT_ONCE = "two attempts at once"
    WHILE_PAUSED = "sent while paused"
    WRONG_PLACE = "sent to a wrong place"
    AFTER_ALL = "sent after all"
    UNREAD = "missed by a reader"
    READ_TWICE = "read twice"
    DECIDED_WRONG = "validation decided wrong"
    FORGOTTEN = "forgotten too soon"
    BROKE = "broke"


@dataclass(frozen=True, slots=True, order=True)
class Violation:
    """One breach: which promise, of which request (or receipt, or notification), and what was seen."""

    invariant: Invariant
    subject: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.invariant}: {self.subject}: {self.sentence}"


class Case:
    """The evidence, with what several rules look up."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.asked = evidence.asked
        self.mpesa = evidence.mpesa
        self.told = evidence.told
        self.payments = evidence.journal.payments
        self.by_id = {payment.id: payment for payment in self.payments}
        self.by_request: dict[str, list[Payment]] = defaultdict(list)
        for payment in self.payments:
            self.by_request[payment.request_id].append(payment)
        self.owed: dict[str, list[Owed]] = defaultdict(list)
        for owed in sorted(evidence.journal.owed, key=lambda owed: owed.sequence):
            self.owed[owed.payment_id].append(owed)
        self.moved: dict[str, list[Moved]] = defaultdict(list)
        for money in self.mpesa.money:
            self.moved[money.request_id or ""].append(money)
        self.collected = {
            payment.receipt: payment for payment in self.payments if payment.kind == "collection" and payment.receipt
        }
        self.by_receipt = {money.receipt: money for money in self.mpesa.money}
        self.taken = {told.notification_id for told in self.told if told.is_taken}
        self.owed_by_id = {owed.id: owed for owed in evidence.journal.owed}
        self.deeds: dict[str, list[Done]] = defaultdict(list)
        for done in evidence.done:
            self.deeds[done.app].append(done)
        self.said_paid = {call.request_id for call in self.mpesa.calls if call.paid}

    def did(self, app: str, deed: Deed) -> list[Done]:
        """What an owner did of that kind, in order."""
        return [done for done in self.deeds[app] if done.deed is deed]

    def has_heard(self, attempt: Attempt, done: Done) -> bool:
        """True where the deed was done long enough before the attempt began, and its sender was awake meanwhile."""
        since_us = max(done.done_us or attempt.from_us, attempt.awake_us)
        return done.done_us is not None and since_us + self.evidence.heed_us < attempt.from_us

    def was_put_off(self, owed: Owed) -> bool:
        """True where its owner had it acknowledged, replayed or held, so that what follows it may come first."""
        return any(
            done.subject in {"", owed.id}
            if done.deed is Deed.REPLAY
            else done.subject == owed.id
            if done.deed is Deed.ACKNOWLEDGE
            else done.waiting == HOLD
            for done in self.deeds[owed.app]
        )

    def outcomes(self, payment: Payment) -> list[Owed]:
        """The notifications that tell how it ended."""
        return [owed for owed in self.owed[payment.id] if owed.type in OUTCOMES]

    def request_of(self, payment_id: str) -> str:
        """By what its client knows it; the ID where it is not in the journal."""
        found = self.by_id.get(payment_id)
        return found.request_id if found else payment_id


Rule = Callable[[Case], Iterator[Violation]]
