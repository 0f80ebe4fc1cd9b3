"""What each fact does to a payment.

`decide` takes a payment and a fact and returns the next payment; it opens no socket and reads no clock.
"""

from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from wakala.rules.facts import (
    Accepted,
    Fact,
    GaveUp,
    LostSight,
    Misfit,
    Refused,
    Sending,
    Settled,
    StillOpen,
    TimedOut,
    Unsent,
)
from wakala.rules.payment import (
    NEVER_LEFT,
    NOT_TAKEN,
    Answer,
    Evidence,
    Flag,
    Kind,
    Payment,
    State,
    Step,
    advance,
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an open payment is asked about, in seconds after it was sent, and when it is given up.

    Prompts live 60 to 90 seconds; M-Pesa should not be asked faster than every 5 to 10 seconds (daraja.md 7.5).
    """

    asks_s: tuple[float, ...]
    expire_s: float
    send_lease_s: float = 60  # longer than the whole time-out of one call, so that nobody takes over a living one

    def due_us(self, payment: Payment, checks: int, now_us: int) -> int:
        """When the next question, or the giving up, is due after ``checks`` questions.

        What was sent by a clock that was ahead has its pauses from now on: its own time may be years away.
        """
        begun_us = _begun_us(payment)
        if begun_us > now_us:
            return now_us + int((self._after_s(checks) - self._after_s(checks - 1)) * 1_000_000)
        return begun_us + int(self._after_s(checks) * 1_000_000)

    def _after_s(self, checks: int) -> float:
        if checks < 0:
            return 0.0
        return self.asks_s[checks] if checks < len(self.asks_s) else self.expire_s

    def next_us(self, payment: Payment, checks: int, now_us: int) -> int:
        """The same after a question at ``now_us``, whose own answer may take a moment.

        After a long stop everything is overdue; it is still asked one question after the other, no closer than the
        schedule's closest, and not given up in the moment of the last one.
        """
        return max(self.due_us(payment, checks, now_us), now_us + int(self._pause_s() * 1_000_000))

    def _pause_s(self) -> float:
        return min((later - sooner for sooner, later in zip((0.0, *self.asks_s), self.asks_s, strict=False)), default=0)

    def is_over(self, payment: Payment) -> bool:
        """True when the last question has been asked."""
        return payment.checks >= len(self.asks_s)

    def has_run_out(self, payment: Payment, now_us: int) -> bool:
        """True for a payment that is due when, after the last question, its time is over as well."""
        begun_us = _begun_us(payment)
        return self.is_over(payment) and not begun_us <= now_us < self.due_us(payment, payment.checks, now_us)


def _begun_us(payment: Payment) -> int:
    return payment.sent_us or payment.created_us


class Change(msgspec.Struct, frozen=True):
    """What `decide` found: the payment after the fact, the step taken, and what the merchant must be told."""

    payment: Payment
    step: Step
    name: str
    detail: dict[str, str]
    notify: str | None = None


def decide(payment: Payment, fact: Fact, now_us: int, schedule: Schedule) -> Change:
    """What ``fact`` does to ``payment``. Total: every fact has an answer in every state it can meet."""
    match fact:
        case Sending():
            return _sending(payment, now_us, schedule)
        case Unsent():
            return _unsent(payment, fact, now_us)
        case Accepted():
            return _accepted(payment, fact, now_us, schedule)
        case Refused():
            return _refused(payment, fact, now_us)
        case LostSight():
            return _lost_sight(payment, fact, now_us, schedule)
        case Settled():
            return _settled(payment, fact, now_us, schedule)
        case TimedOut():
            return _timed_out(payment, fact, now_us)
        case StillOpen():
            return _still_open(payment, fact, now_us, schedule)
        case Misfit():
            return _misfit(payment, fact, now_us)
        case GaveUp():
            return _gave_up(payment, fact, now_us)


def _next(payment: Payment, step: Step, now_us: int, **changes: object) -> Payment:
    """The following version of the record; the version is also the sequence of the event that tells of it."""
    state = advance(payment, step)
    return replace(payment, state=state, version=payment.version + 1, updated_us=now_us, **changes)


def _sending(payment: Payment, now_us: int, schedule: Schedule) -> Change:
    lease_end_us = now_us + int(schedule.send_lease_s * 1_000_000)
    after = _next(payment, Step.SEND, now_us, sent_us=now_us, next_check_us=lease_end_us, checks=0)
    return Change(after, Step.SEND, "sending", {})


def _unsent(payment: Payment, fact: Unsent, now_us: int) -> Change:
    if payment.state not in NOT_TAKEN:
        return _late_answer(payment, fact.code, fact.reason, now_us)
    after = _next(
        payment,
        Step.HOLD,
        now_us,
        next_check_us=fact.retry_us,
        **_first_answer(payment, Answer.HELD, fact.code, fact.reason),
        reason=fact.reason,
    )
    return Change(after, Step.HOLD, "held", {"code": fact.code, "reason": fact.reason})


def _first_answer(payment: Payment, answer: Answer, code: str, description: str) -> dict[str, object]:
    """What the merchant was told first, whole: a later answer changes no part of it."""
    if payment.answer:
        return {}
    return {"answer": answer, "answer_code": code, "answer_desc": description}


def _accepted(payment: Payment, fact: Accepted, now_us: int, schedule: Schedule) -> Change:
    ids: dict[str, object] = {
        "merchant_request_id": fact.merchant_request_id,
        "checkout_request_id": fact.checkout_request_id,
        **_first_answer(payment, Answer.ACCEPTED, "0", fact.description),
    }
    detail = {"MerchantRequestID": fact.merchant_request_id, "CheckoutRequestID": fact.checkout_request_id}
    if payment.state in {State.SENDING, State.UNKNOWN}:
        due = schedule.due_us(payment, payment.checks, now_us)
        return Change(_next(payment, Step.ACCEPT, now_us, next_check_us=due, **ids), Step.ACCEPT, "accepted", detail)
    if payment.state in NEVER_LEFT:  # nothing is on its way that could be accepted
        return _noted(payment, "late_answer", detail, now_us)
    if payment.checkout_request_id not in {None, "", fact.checkout_request_id}:  # it ended by news of something else
        found = _contradicted(payment, Flag.EVIDENCE_CONFLICT, detail, now_us)
        first = _first_answer(payment, Answer.ACCEPTED, "0", fact.description)
        return replace(found, payment=replace(found.payment, **first))
    after = _next(payment, Step.CONFIRM, now_us, **ids)  # the callback was faster than the answer (daraja.md 9)
    return Change(after, Step.CONFIRM, "accepted_late", detail)


def _refused(payment: Payment, fact: Refused, now_us: int) -> Change:
    if payment.state not in NOT_TAKEN:
        return _late_answer(payment, fact.code, fact.description, now_us)
    after = _next(
        payment,
        Step.REFUSE,
        now_us,
        **_first_answer(payment, Answer.REFUSED, fact.code, fact.description),
        result_code=fact.code,
        result_desc=fact.description,
        evidence=fact.by,
        reason=fact.description,
        settled_us=now_us,
        next_check_us=None,
    )
    return _notified(after, Step.REFUSE, "refused", {"code": fact.code, "reason": fact.description}, "payment.failed")


def _lost_sight(payment: Payment, fact: LostSight, now_us: int, schedule: Schedule) -> Change:
    detail = {"code": fact.code, "reason": fact.reason}
    if payment.state is not State.SENDING:
        late = _late_answer(payment, fact.code, fact.reason, now_us)
        return replace(late, payment=replace(late.payment, **_ids(payment, fact)))
    after = _next(
        payment,
        Step.LOSE_SIGHT,
        now_us,
        **_first_answer(payment, Answer.UNKNOWN, fact.code, fact.reason),
        reason=fact.reason,
        **_ids(payment, fact),
        next_check_us=schedule.due_us(payment, payment.checks, now_us),
    )
    return Change(after, Step.LOSE_SIGHT, "lost_sight", detail)


def _ids(payment: Payment, fact: LostSight) -> dict[str, object]:
    """Those by which M-Pesa can be asked, where it named any."""
    return {
        "merchant_request_id": payment.merchant_request_id or fact.merchant_request_id,
        "checkout_request_id": payment.checkout_request_id or fact.checkout_request_id,
    }


def _late_answer(payment: Payment, code: str, reason: str, now_us: int) -> Change:
    """Other news came first. It stands; but the merchant is still owed a first answer, and a repeat the same one."""
    noted = _noted(payment, "late_answer", {"code": code, "reason": reason}, now_us)
    first = _first_answer(payment, Answer.UNKNOWN, code, reason)
    return replace(noted, payment=replace(noted.payment, **first))


def _settled(payment: Payment, fact: Settled, now_us: int, schedule: Schedule) -> Change:
    detail = {"by": fact.by.value, "code": fact.code, "description": fact.description}
    if fact.receipt:
        detail["receipt"] = fact.receipt
    if not fact.paid:  # M-Pesa numbers what failed too, now and then all alike; a receipt is of money
        fact = replace(fact, receipt=None)
    if payment.state.is_final:
        return _second_opinion(payment, fact, detail, now_us)
    if payment.state is State.RECEIVED:  # nothing was sent, so nobody can know how it ended
        return _noted(payment, "evidence_ignored", detail, now_us)
    if fact.paid is None:
        return _unsure(payment, fact, detail, now_us, schedule)
    step = Step.SUCCEED if fact.paid else Step.FAIL
    after = _next(
        payment,
        step,
        now_us,
        receipt=fact.receipt or payment.receipt,
        paid_us=fact.paid_us or payment.paid_us,
        payer_name=fact.payer_name or payment.payer_name,
        merchant_request_id=payment.merchant_request_id or fact.merchant_request_id,
        checkout_request_id=payment.checkout_request_id or fact.checkout_request_id,
        result_code=fact.code,
        result_desc=fact.description,
        results=fact.results or payment.results,
        answer=payment.answer or (Answer.ACCEPTED if fact.by is Evidence.ANSWER else None),
        evidence=fact.by,
        reason=None if fact.paid else fact.description,
        settled_us=now_us,
        next_check_us=None,
    )
    outcome = "succeeded" if fact.paid else "failed"
    return _notified(after, step, outcome, detail, f"payment.{outcome}")


def _unsure(payment: Payment, fact: Settled, detail: dict[str, str], now_us: int, schedule: Schedule) -> Change:
    """M-Pesa reported a code that settles nothing (daraja.md 4.1, class unknown): ask, on the schedule."""
    checks = payment.checks + 1 if fact.by is Evidence.STK_QUERY else payment.checks
    after = _next(
        payment,
        Step.LOSE_SIGHT,
        now_us,
        result_code=fact.code,
        result_desc=fact.description,
        reason=fact.description,
        merchant_request_id=payment.merchant_request_id or fact.merchant_request_id,
        checkout_request_id=payment.checkout_request_id or fact.checkout_request_id,
        checks=checks,
        next_check_us=schedule.next_us(payment, checks, now_us),
    )
    return Change(after, Step.LOSE_SIGHT, "unsure", detail)


def _second_opinion(payment: Payment, fact: Settled, detail: dict[str, str], now_us: int) -> Change:
    """More evidence on a payment that is already final: it confirms, or it raises a flag. It never rewrites."""
    if fact.paid is None:
        return _noted(payment, "evidence_unclear", detail, now_us)
    if fact.paid != (payment.state is State.SUCCEEDED):
        flag = Flag.PAID_AFTER_EXPIRY if payment.state is State.EXPIRED else Flag.EVIDENCE_CONFLICT
        return _contradicted(payment, flag, detail, now_us)
    if fact.receipt and payment.receipt and fact.receipt != payment.receipt:
        return _contradicted(payment, Flag.EVIDENCE_CONFLICT, detail, now_us)
    brings_receipt = bool(fact.receipt and not payment.receipt)
    after = _next(
        payment,
        Step.CONFIRM,
        now_us,
        receipt=payment.receipt or fact.receipt,
        paid_us=payment.paid_us or fact.paid_us,
        payer_name=payment.payer_name or fact.payer_name,
        checkout_request_id=payment.checkout_request_id or fact.checkout_request_id,
        merchant_request_id=payment.merchant_request_id or fact.merchant_request_id,
        results=(fact.results or "{}") if payment.results == "{}" else payment.results,
    )
    if brings_receipt:  # a query had settled it; queries carry no receipt (daraja.md 2.2)
        return _notified(after, Step.CONFIRM, "receipt_added", detail, "payment.updated")
    return Change(after, Step.CONFIRM, "confirmed", detail)


def _contradicted(payment: Payment, flag: Flag, detail: dict[str, str], now_us: int) -> Change:
    after = _next(payment, Step.CONTRADICT, now_us)
    if flag in payment.flags:
        return Change(after, Step.CONTRADICT, "contradicted", detail)
    flagged = replace(after, flags=(*payment.flags, flag))
    return _notified(flagged, Step.CONTRADICT, "contradicted", {**detail, "flag": flag.value}, "payment.flagged")


def _timed_out(payment: Payment, fact: TimedOut, now_us: int) -> Change:
    """Unknown from now on, and asked about at once; also what was turned away, and yet stood in the queue."""
    detail = {"reason": fact.reason}
    if payment.state is State.RECEIVED or payment.state.is_final:
        return _noted(payment, "timed_out", detail, now_us)
    after = _next(payment, Step.LOSE_SIGHT, now_us, reason=fact.reason, next_check_us=now_us)
    return Change(after, Step.LOSE_SIGHT, "timed_out", detail)


def _still_open(payment: Payment, fact: StillOpen, now_us: int, schedule: Schedule) -> Change:
    detail = {"reason": fact.reason}
    if payment.state not in {State.PENDING, State.UNKNOWN}:
        return _noted(payment, "asked", detail, now_us)
    if fact.call:  # the Result of a question that was counted when it was asked; the next one is due when it was
        return Change(_next(payment, Step.ASK, now_us), Step.ASK, "asked", detail)
    step = Step.ACCEPT if fact.processing and payment.state is State.UNKNOWN else Step.ASK
    checks = payment.checks + 1
    after = _next(payment, step, now_us, checks=checks, next_check_us=schedule.next_us(payment, checks, now_us))
    return Change(after, step, "asked", detail)


def _misfit(payment: Payment, fact: Misfit, now_us: int) -> Change:
    """Quarantined: the flag is raised and M-Pesa is asked at once, where it can still be asked.

    What M-Pesa turns away, and yet speaks of, may be carried out: it is asked about, and not sent again. What does not
    fit for the second time is asked about when its schedule says so, or question and answer would chase each other.
    Where the merchant has been told of the outcome, he is told that it is in doubt.
    """
    flags = payment.flags if fact.flag in payment.flags else (*payment.flags, fact.flag)
    may_be_sent_again = payment.state in {State.SENDING, State.HELD}
    state = advance(payment, Step.LOSE_SIGHT) if may_be_sent_again else payment.state
    ask_now = state in {State.PENDING, State.UNKNOWN} and (may_be_sent_again or fact.flag not in payment.flags)
    after = replace(
        payment,
        state=state,
        version=payment.version + 1,
        updated_us=now_us,
        flags=flags,
        next_check_us=now_us if ask_now else payment.next_check_us,
    )
    detail = {"flag": fact.flag.value, "reason": fact.reason}
    if payment.state.is_final and fact.flag not in payment.flags:
        return _notified(after, Step.CONFIRM, "quarantined", detail, "payment.flagged")
    return Change(after, Step.CONFIRM, "quarantined", detail)


def _gave_up(payment: Payment, fact: GaveUp, now_us: int) -> Change:
    if payment.state is State.SENDING or payment.state.is_final:  # somebody else was faster
        return _noted(payment, "gave_up", {"reason": fact.reason}, now_us)
    never_sent = payment.state in NEVER_LEFT
    step = Step.REFUSE if never_sent else Step.GIVE_UP
    after = _next(
        payment,
        step,
        now_us,
        **(_first_answer(payment, Answer.REFUSED, "not_sent", fact.reason) if never_sent else {}),
        evidence=Evidence.GATEWAY,
        reason=fact.reason,
        result_desc=payment.result_desc or fact.reason,
        settled_us=now_us,
        next_check_us=None,
    )
    return _notified(after, step, "gave_up", {"reason": fact.reason}, f"payment.{after.state}")


def _noted(payment: Payment, name: str, detail: dict[str, str], now_us: int) -> Change:
    """Worth a line in the trace, no more."""
    after = replace(payment, version=payment.version + 1, updated_us=now_us)
    return Change(after, Step.CONFIRM, name, detail)


def _notified(payment: Payment, step: Step, name: str, detail: dict[str, str], notify: str) -> Change:
    if payment.kind is Kind.SERVICE:
        return Change(payment, step, name, detail)
    return Change(replace(payment, notifications=payment.notifications + 1), step, name, detail, notify)
