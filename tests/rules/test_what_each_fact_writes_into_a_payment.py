"""What a payment bears after each fact: every field that somebody reads, and not only its state."""

import pytest
from msgspec.structs import replace

from journal.making import ACCEPTED, NOW_US, SCHEDULE, after, payment
from wakala.rules.decisions import Schedule, decide
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
from wakala.rules.payment import Answer, Evidence, Flag, Kind, Payment, State

SECOND_US = 1_000_000
THEN_US = NOW_US + 7 * SECOND_US
EVER = tuple(State)
NOT_SENT_YET = {State.RECEIVED, State.HELD}
OPEN = {State.PENDING, State.UNKNOWN}
ENDED = {State.SUCCEEDED, State.FAILED, State.EXPIRED}
PAID = Settled(
    Evidence.STK_CALLBACK,
    True,
    "0",
    "Processed.",
    receipt="UKN0000001",
    paid_us=NOW_US + 1,
    payer_name="ASHA",
    merchant_request_id="m-2",
    checkout_request_id="ws_CO_2",
    results='{"a":1}',
)
BARE = Settled(Evidence.STK_QUERY, True, "0", "Processed.")
KNOWN = {
    "receipt": "UKN0000009",
    "paid_us": NOW_US - 5,
    "payer_name": "JUMA",
    "merchant_request_id": "m-9",
    "checkout_request_id": "ws_CO_9",
    "results": '{"b":2}',
}
UNSENT = Unsent("busy", "M-Pesa is busy.", NOW_US + 10 * SECOND_US)
REFUSED = Refused("500.001.1001", "Wrong credentials", Evidence.ANSWER)
LOST = LostSight("no_answer", "M-Pesa gave no answer.")
MISFIT = Misfit(Flag.AMOUNT_DIFFERS, "KES 1")


def in_state(state: State, **changes: object) -> Payment:
    sent = None if state is State.RECEIVED else NOW_US
    due = None if state.is_final else NOW_US + 99
    return payment(**{"state": state, "version": 5, "sent_us": sent, "next_check_us": due, **changes})  # type: ignore[arg-type]


def then(before: Payment, fact: Fact, schedule: Schedule = SCHEDULE) -> Payment:
    return decide(before, fact, THEN_US, schedule).payment


def told_first(made: Payment) -> tuple[Answer | None, str | None, str | None]:
    return made.answer, made.answer_code, made.answer_desc


@pytest.mark.parametrize(
    "fact", [ACCEPTED, UNSENT, REFUSED, LOST, PAID, MISFIT, TimedOut("late"), StillOpen("asked", processing=True)]
)
def test_every_change_is_the_next_version_and_bears_its_time(fact: Fact) -> None:
    made = then(in_state(State.SENDING), fact)
    assert (made.version, made.updated_us) == (6, THEN_US)


# ── towards M-Pesa ──


def test_what_leaves_is_leased_and_its_questions_begin_anew() -> None:
    made = then(in_state(State.HELD, checks=3), Sending(), Schedule((10, 20), 60, send_lease_s=45))
    assert (made.sent_us, made.next_check_us, made.checks) == (THEN_US, THEN_US + 45 * SECOND_US, 0)
    assert Schedule((), 60).send_lease_s == 60, "longer than the longest call"


@pytest.mark.parametrize("state", EVER)
def test_what_did_not_leave_is_held_where_nothing_else_is_known(state: State) -> None:
    made = then(in_state(state), UNSENT)
    if state in NOT_SENT_YET | {State.SENDING}:
        assert (made.state, made.next_check_us, made.reason) == (State.HELD, UNSENT.retry_us, UNSENT.reason)
        assert told_first(made) == (Answer.HELD, UNSENT.code, UNSENT.reason)
    else:
        assert (made.state, made.reason) == (state, None)
        assert told_first(made) == (Answer.UNKNOWN, UNSENT.code, UNSENT.reason)


@pytest.mark.parametrize("state", EVER)
def test_a_refusal_ends_it_where_nothing_else_is_known(state: State) -> None:
    made = then(in_state(state), REFUSED)
    if state in NOT_SENT_YET | {State.SENDING}:
        assert (made.state, made.settled_us, made.next_check_us) == (State.FAILED, THEN_US, None)
        assert (made.result_code, made.result_desc, made.reason) == (REFUSED.code, *[REFUSED.description] * 2)
        assert made.evidence is Evidence.ANSWER
        assert told_first(made) == (Answer.REFUSED, REFUSED.code, REFUSED.description)
    else:
        assert (made.state, made.result_code, made.evidence) == (state, None, None)
        assert told_first(made) == (Answer.UNKNOWN, REFUSED.code, REFUSED.description)


@pytest.mark.parametrize("state", EVER)
def test_no_answer_leaves_it_unknown_where_nothing_else_is_known(state: State) -> None:
    made = then(in_state(state), LOST)
    assert told_first(made) == (Answer.UNKNOWN, LOST.code, LOST.reason)
    if state is State.SENDING:
        assert (made.state, made.reason, made.next_check_us) == (State.UNKNOWN, LOST.reason, NOW_US + 10 * SECOND_US)
    else:
        assert (made.state, made.reason) == (state, None)


def test_ids_that_were_told_before_are_not_taken_for_others() -> None:
    known = {"merchant_request_id": "m-9", "checkout_request_id": "ws_CO_9"}
    named = LostSight("http-500", "?", "m-1", "ws_CO_1")
    for state in (State.SENDING, State.UNKNOWN):
        made = then(in_state(state, **known), named)
        assert (made.merchant_request_id, made.checkout_request_id) == ("m-9", "ws_CO_9")


@pytest.mark.parametrize("state", EVER)
def test_what_m_pesa_took_is_asked_about_on_its_schedule(state: State) -> None:
    made = then(in_state(state), ACCEPTED)
    if state in NOT_SENT_YET:
        assert (made.state, made.checkout_request_id, made.answer) == (state, None, None), "it cannot be this one"
        return
    assert (made.merchant_request_id, made.checkout_request_id) == ("m-1", "ws_CO_1")
    assert told_first(made) == (Answer.ACCEPTED, "0", "Success")
    if state in {State.SENDING, State.UNKNOWN}:
        assert (made.state, made.next_check_us) == (State.PENDING, NOW_US + 10 * SECOND_US)
    else:
        assert (made.state, made.flags) == (state, ())


def test_what_ended_without_m_pesas_id_is_given_it() -> None:
    made = then(in_state(State.SUCCEEDED, checkout_request_id=""), ACCEPTED)
    assert (made.checkout_request_id, made.flags) == ("ws_CO_1", ())


# ── how it ended ──


@pytest.mark.parametrize("state", [State.HELD, State.SENDING, State.PENDING, State.UNKNOWN])
@pytest.mark.parametrize("is_paid", [True, False])
def test_evidence_ends_it_with_all_that_it_brings(state: State, is_paid: bool) -> None:
    made = then(in_state(state, reason="M-Pesa was busy."), replace(PAID, paid=is_paid))
    assert made.state is (State.SUCCEEDED if is_paid else State.FAILED)
    assert (made.paid_us, made.payer_name) == (NOW_US + 1, "ASHA")
    assert made.receipt == ("UKN0000001" if is_paid else None), "a receipt is of money"
    assert (made.merchant_request_id, made.checkout_request_id) == ("m-2", "ws_CO_2")
    assert (made.result_code, made.result_desc, made.results) == ("0", "Processed.", '{"a":1}')
    assert (made.evidence, made.settled_us, made.next_check_us) == (Evidence.STK_CALLBACK, THEN_US, None)
    assert made.reason == (None if is_paid else "Processed.")
    assert made.answer is None, "M-Pesa's own answer is still to come"


def test_the_outcome_is_told_by_its_name() -> None:
    paid, failed = (after(in_state(State.PENDING), replace(PAID, paid=is_paid)) for is_paid in (True, False))
    assert (paid.name, paid.notify) == ("succeeded", "payment.succeeded")
    assert (failed.name, failed.notify) == ("failed", "payment.failed")


def test_the_receipt_is_in_the_trace() -> None:
    change = after(in_state(State.PENDING), PAID)
    assert change.detail == {"by": "stk_callback", "code": "0", "description": "Processed.", "receipt": "UKN0000001"}
    assert "receipt" not in after(in_state(State.PENDING), BARE).detail


def test_what_was_known_before_stays_where_the_evidence_is_silent() -> None:
    made = then(in_state(State.PENDING, **KNOWN), BARE)
    assert {name: getattr(made, name) for name in KNOWN} == KNOWN


def test_m_pesas_ids_stay_and_the_rest_is_as_the_evidence_has_it() -> None:
    made = then(in_state(State.PENDING, **KNOWN), PAID)
    assert (made.merchant_request_id, made.checkout_request_id) == ("m-9", "ws_CO_9")
    assert (made.receipt, made.paid_us, made.payer_name, made.results) == (
        "UKN0000001",
        NOW_US + 1,
        "ASHA",
        '{"a":1}',
    )


def test_an_outcome_that_is_the_answer_is_an_answer() -> None:
    by_answer = replace(BARE, by=Evidence.ANSWER)
    assert then(in_state(State.SENDING), by_answer).answer is Answer.ACCEPTED
    assert then(in_state(State.SENDING, answer=Answer.HELD), by_answer).answer is Answer.HELD
    assert then(in_state(State.SENDING), BARE).answer is None


def test_what_was_never_sent_cannot_have_ended() -> None:
    for fact in (PAID, replace(PAID, paid=False), replace(PAID, paid=None)):
        change = after(in_state(State.RECEIVED), fact)
        assert (change.payment.state, change.name, change.notify) == (State.RECEIVED, "evidence_ignored", None)


@pytest.mark.parametrize("by", Evidence)
def test_an_unclear_result_says_why_and_counts_as_a_question_where_it_answers_one(by: Evidence) -> None:
    unclear = replace(PAID, by=by, paid=None, code="17", description="Rule limited.")
    made = then(in_state(State.PENDING, checks=1), unclear, Schedule((10, 20, 40), 60))
    assert (made.state, made.result_code, made.result_desc, made.reason) == (
        State.UNKNOWN,
        "17",
        *["Rule limited."] * 2,
    )
    assert (made.merchant_request_id, made.checkout_request_id) == ("m-2", "ws_CO_2")
    assert (made.receipt, made.evidence, made.settled_us) == (None, None, None)
    is_answer = by is Evidence.STK_QUERY
    assert made.checks == (2 if is_answer else 1)
    assert made.next_check_us == NOW_US + (40 if is_answer else 20) * SECOND_US


def test_an_unclear_result_takes_no_id_away() -> None:
    made = then(in_state(State.PENDING, **KNOWN), replace(PAID, paid=None))
    assert (made.merchant_request_id, made.checkout_request_id) == ("m-9", "ws_CO_9")


# ── after its end ──


def test_a_second_source_adds_what_is_missing_and_replaces_nothing() -> None:
    added = then(in_state(State.SUCCEEDED), PAID)
    assert (added.receipt, added.paid_us, added.payer_name) == ("UKN0000001", NOW_US + 1, "ASHA")
    assert (added.merchant_request_id, added.checkout_request_id, added.results) == ("m-2", "ws_CO_2", '{"a":1}')
    kept = then(in_state(State.SUCCEEDED, **{**KNOWN, "receipt": "UKN0000001"}), PAID)
    assert {name: getattr(kept, name) for name in KNOWN} == {**KNOWN, "receipt": "UKN0000001"}
    assert then(in_state(State.SUCCEEDED), BARE).results == "{}"


@pytest.mark.parametrize("state", sorted(ENDED))
def test_an_unclear_result_after_the_end_is_a_line_in_the_trace(state: State) -> None:
    change = after(in_state(state), replace(PAID, paid=None))
    assert (change.name, change.notify, change.payment.flags) == ("evidence_unclear", None, ())
    assert change.payment.receipt is None


def test_a_query_after_the_callback_agrees_though_it_tells_no_receipt() -> None:
    change = after(in_state(State.SUCCEEDED, **KNOWN), BARE)
    assert (change.name, change.notify, change.payment.flags) == ("confirmed", None, ())
    assert change.payment.receipt == KNOWN["receipt"]


@pytest.mark.parametrize("state", [State.FAILED, State.EXPIRED])
def test_a_failure_that_is_told_after_the_end_agrees_whatever_number_it_has(state: State) -> None:
    change = after(in_state(state), replace(PAID, paid=False))
    assert (change.name, change.notify, change.payment.flags) == ("confirmed", None, ())
    assert change.payment.receipt is None


def test_a_second_contradiction_of_another_kind_is_told_too() -> None:
    once = in_state(State.SUCCEEDED, receipt="UKN0000009", flags=(Flag.AMOUNT_DIFFERS,))
    change = after(once, PAID)
    assert change.payment.flags == (Flag.AMOUNT_DIFFERS, Flag.EVIDENCE_CONFLICT)
    assert (change.notify, change.detail["flag"]) == ("payment.flagged", "evidence_conflict")
    assert change.payment.notifications == once.notifications + 1


# ── what is asked about, and when ──


@pytest.mark.parametrize("state", EVER)
def test_a_time_out_in_the_queue_is_asked_about_at_once(state: State) -> None:
    made = then(in_state(state), TimedOut("In the queue."))
    if state in ENDED | {State.RECEIVED}:
        assert (made.state, made.next_check_us) == (state, in_state(state).next_check_us)
    else:
        assert (made.state, made.next_check_us, made.reason) == (State.UNKNOWN, THEN_US, "In the queue.")


@pytest.mark.parametrize("state", EVER)
@pytest.mark.parametrize("is_processing", [True, False])
def test_an_answer_without_an_outcome_is_asked_again_while_it_is_open(state: State, is_processing: bool) -> None:
    made = then(in_state(state), StillOpen("Being processed.", processing=is_processing))
    if state not in OPEN:
        assert (made.state, made.checks, made.next_check_us) == (state, 0, in_state(state).next_check_us)
        return
    assert made.state is (State.PENDING if is_processing else state)
    assert (made.checks, made.next_check_us) == (1, NOW_US + 20 * SECOND_US)


@pytest.mark.parametrize("state", EVER)
def test_a_misfit_is_flagged_and_whatever_can_be_asked_about_is_asked(state: State) -> None:
    made = then(in_state(state), MISFIT)
    assert made.flags == (Flag.AMOUNT_DIFFERS,)
    asked = OPEN | {State.SENDING, State.HELD}
    assert made.next_check_us == (THEN_US if state in asked else in_state(state).next_check_us)
    assert made.state is (State.UNKNOWN if state in asked - {State.PENDING} else state)


@pytest.mark.parametrize("state", EVER)
def test_a_misfit_is_told_once_to_who_was_told_of_an_outcome(state: State) -> None:
    told = after(in_state(state), MISFIT)
    owed = 1 if state in ENDED else 0
    assert told.notify == ("payment.flagged" if owed else None)
    assert told.payment.notifications == in_state(state).notifications + owed
    assert after(told.payment, MISFIT).notify is None


def test_what_is_turned_away_and_does_not_fit_for_the_second_time_is_asked_about_all_the_same() -> None:
    made = then(in_state(State.HELD, flags=(Flag.AMOUNT_DIFFERS,)), MISFIT)
    assert (made.state, made.next_check_us, made.flags) == (State.UNKNOWN, THEN_US, (Flag.AMOUNT_DIFFERS,))


def test_an_end_without_evidence_is_the_gateways_own() -> None:
    for state in (*NOT_SENT_YET, *OPEN):
        made = then(in_state(state), GaveUp("Too late."))
        assert (made.evidence, made.reason, made.result_desc) == (Evidence.GATEWAY, "Too late.", "Too late.")
        assert (made.settled_us, made.next_check_us) == (THEN_US, None)
        assert made.answer is (Answer.REFUSED if state in NOT_SENT_YET else None)
    assert then(in_state(State.UNKNOWN, result_desc="Rule limited."), GaveUp("x")).result_desc == "Rule limited."


@pytest.mark.parametrize("state", [State.SENDING, *sorted(ENDED)])
def test_who_gives_up_what_is_being_sent_or_has_ended_changes_nothing(state: State) -> None:
    change = after(in_state(state), GaveUp("Too late."))
    assert (change.payment.state, change.name, change.notify, change.payment.reason) == (state, "gave_up", None, None)


def test_a_service_is_told_by_its_answer_alone() -> None:
    change = after(in_state(State.SENDING, kind=Kind.SERVICE), replace(BARE, by=Evidence.ANSWER))
    assert (change.payment.state, change.notify, change.payment.notifications) == (State.SUCCEEDED, None, 0)
    assert after(in_state(State.SENDING, notifications=4), BARE).payment.notifications == 5


# ── the schedule ──


def test_each_question_has_its_time_after_the_sending_and_the_end_comes_last() -> None:
    schedule, sent = Schedule((10, 20, 40), 60), in_state(State.PENDING)
    dues = [(schedule.due_us(sent, checks, NOW_US) - NOW_US) / SECOND_US for checks in range(5)]
    assert dues == [10, 20, 40, 60, 60]
    unsent = in_state(State.RECEIVED, created_us=NOW_US - 30 * SECOND_US)
    assert schedule.due_us(unsent, 0, NOW_US) == NOW_US - 20 * SECOND_US


def test_what_was_sent_by_a_clock_that_was_ahead_has_its_pauses_from_now_on() -> None:
    schedule, sent = Schedule((10, 25, 45), 70), in_state(State.PENDING, sent_us=NOW_US + 9_000 * SECOND_US)
    pauses = [(schedule.due_us(sent, checks, NOW_US) - NOW_US) / SECOND_US for checks in range(4)]
    assert pauses == [10, 15, 20, 25]


def test_what_is_overdue_is_asked_no_closer_than_the_closest_two_questions() -> None:
    late_us = NOW_US + 9_000 * SECOND_US
    assert Schedule((20, 40, 45), 60).next_us(in_state(State.PENDING), 1, late_us) == late_us + 5 * SECOND_US
    assert (
        Schedule((20, 40), 60).next_us(in_state(State.PENDING), 1, NOW_US + 39 * SECOND_US) == NOW_US + 59 * SECOND_US
    )
    assert Schedule((), 60).next_us(in_state(State.PENDING), 0, late_us) == late_us


def test_it_is_over_after_its_last_question_and_its_time() -> None:
    schedule = Schedule((10, 20), 60)
    asked, half = in_state(State.UNKNOWN, checks=2), in_state(State.UNKNOWN, checks=1)
    end_us = NOW_US + 60 * SECOND_US
    assert [schedule.has_run_out(asked, now_us) for now_us in (NOW_US, end_us - 1, end_us)] == [False, False, True]
    assert not schedule.has_run_out(half, end_us + 9_000 * SECOND_US), "it was not asked about the last time"
    assert schedule.has_run_out(asked, NOW_US - 1), "sent by a clock that was ahead, and asked about to the end"


def test_what_ended_by_news_of_something_else_is_answered_all_the_same() -> None:
    made = then(in_state(State.SUCCEEDED, checkout_request_id="ws_CO_9"), Accepted("m-1", "ws_CO_1", "Success"))
    assert (made.flags, made.checkout_request_id) == ((Flag.EVIDENCE_CONFLICT,), "ws_CO_9")
    assert told_first(made) == (Answer.ACCEPTED, "0", "Success")
