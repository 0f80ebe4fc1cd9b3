"""The table of states, and what each fact does to a payment in each state."""

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from journal.making import ACCEPTED, NOW_US, SCHEDULE, after, paid, payment
from wakala.errors import BrokenRuleError
from wakala.rules.decisions import Schedule, decide
from wakala.rules.delivery import TYPES
from wakala.rules.facts import Fact, GaveUp, LostSight, Misfit, Refused, Sending, Settled, StillOpen, TimedOut, Unsent
from wakala.rules.payment import FINAL, TABLE, Answer, Evidence, Flag, Payment, State, Step, advance
from wakala.rules.repeats import Repeat, repeat_of
from wakala.rules.state_words import MEANING

FAILED = Settled(Evidence.STK_CALLBACK, False, "1032", "Request cancelled by user.")
UNSURE = Settled(Evidence.STK_CALLBACK, None, "17", "Rule limited.")


def in_state(state: State, **changes: object) -> Payment:
    sent = None if state is State.RECEIVED else NOW_US
    return payment(**{"state": state, "version": 5, "sent_us": sent, **changes})  # type: ignore[arg-type]


facts = st.one_of(
    st.just(ACCEPTED),
    st.builds(Refused, st.sampled_from(["500.001.1001", "x"]), st.just("refused")),
    st.builds(Unsent, st.just("busy"), st.just("busy"), st.just(NOW_US + 10)),
    st.builds(LostSight, st.just("no_answer"), st.just("silence")),
    st.builds(
        Settled,
        st.sampled_from(Evidence),
        st.sampled_from([True, False, None]),
        st.sampled_from(["0", "1", "17"]),
        st.just("text"),
        st.sampled_from([None, "UKN0000001", "UKN0000002"]),
    ),
    st.builds(StillOpen, st.just("asked"), st.booleans()),
    st.builds(Misfit, st.sampled_from(Flag), st.just("odd")),
    st.builds(TimedOut, st.just("in the queue")),
    st.builds(GaveUp, st.just("too late")),
)


def test_every_state_has_a_meaning_and_final_states_let_nothing_out() -> None:
    assert set(MEANING) == set(State) == set(TABLE)
    for state in FINAL:
        assert set(TABLE[state].values()) == {state}


def test_a_step_that_the_table_lacks_is_stopped() -> None:
    with pytest.raises(BrokenRuleError):
        advance(in_state(State.SUCCEEDED), Step.SEND)


@given(st.lists(facts, max_size=12), st.sampled_from([State.SENDING, State.PENDING, State.UNKNOWN, State.HELD]))
def test_no_order_of_facts_breaks_the_table_or_leaves_a_final_state(told: list[Fact], start: State) -> None:
    current = in_state(start)
    outcomes = []
    for fact in told:
        change = decide(current, fact, NOW_US, SCHEDULE)
        assert change.payment.version == current.version + 1
        if current.state.is_final:
            assert change.payment.state is current.state
            assert change.payment.result_code == current.result_code
        assert change.notify is None or change.notify in TYPES
        if change.notify and change.notify not in {"payment.flagged", "payment.updated"}:
            outcomes.append(change.notify)
        if change.payment.state.is_final:
            assert change.payment.next_check_us is None
        else:
            assert change.payment.next_check_us is not None
        current = change.payment
    assert len(outcomes) <= 1
    assert len(outcomes) == int(current.state.is_final)


@given(st.lists(facts, max_size=10))
@example([Settled(Evidence.ANSWER, True, "0", "done"), ACCEPTED])
def test_the_first_answer_never_changes(told: list[Fact]) -> None:
    current, first = in_state(State.SENDING), None
    for fact in told:
        current = decide(current, fact, NOW_US, SCHEDULE).payment
        answer = (current.answer, current.answer_code, current.answer_desc)
        if first is None and current.answer is not None:
            first = answer
        assert first is None or answer == first


def test_a_callback_before_the_answer_settles_and_the_answer_is_only_noted() -> None:
    settled = after(in_state(State.SENDING), paid("UKN0000001"))
    assert settled.payment.state is State.SUCCEEDED
    late = after(settled.payment, ACCEPTED)
    assert (late.payment.state, late.name, late.notify) == (State.SUCCEEDED, "accepted_late", None)
    assert late.payment.checkout_request_id == ACCEPTED.checkout_request_id
    assert late.payment.answer is Answer.ACCEPTED


def test_a_callback_of_something_else_that_was_faster_than_the_answer_is_flagged() -> None:
    other = msgspec.structs.replace(paid("UKN0000001"), checkout_request_id="ws_CO_of_another_prompt")
    settled = after(in_state(State.SENDING), other)
    late = after(settled.payment, ACCEPTED)
    assert (late.payment.flags, late.notify) == ((Flag.EVIDENCE_CONFLICT,), "payment.flagged")
    assert late.payment.checkout_request_id == "ws_CO_of_another_prompt"
    assert late.payment.answer is Answer.ACCEPTED


def test_what_m_pesa_named_though_it_did_not_say_that_it_took_it_can_be_asked_about() -> None:
    doubtful = after(in_state(State.SENDING), LostSight("http-500", "?", "1-2-3", "ws_CO_1")).payment
    assert (doubtful.state, doubtful.merchant_request_id, doubtful.checkout_request_id) == (
        State.UNKNOWN,
        "1-2-3",
        "ws_CO_1",
    )


def test_what_m_pesa_names_after_it_spoke_of_it_can_be_asked_about_too() -> None:
    spoken_of = after(in_state(State.SENDING), Misfit(Flag.AMOUNT_DIFFERS, "it says paid and names no amount")).payment
    late = after(spoken_of, LostSight("http-500", "?", "1-2-3", "ws_CO_1")).payment
    assert (late.state, late.merchant_request_id, late.checkout_request_id) == (State.UNKNOWN, "1-2-3", "ws_CO_1")
    assert after(late, LostSight("http-500", "?", "4-5-6", "ws_CO_2")).payment.checkout_request_id == "ws_CO_1"


@pytest.mark.parametrize(
    "late",
    [LostSight("no_answer", "silence"), Refused("500.001.1001", "refused"), Unsent("busy", "busy", NOW_US + 10)],
)
def test_an_answer_after_other_news_changes_nothing_and_is_what_the_merchant_is_told(late: Fact) -> None:
    settled = after(in_state(State.SENDING), paid("UKN0000001"))
    told = after(settled.payment, late)
    assert (told.payment.state, told.name, told.notify) == (State.SUCCEEDED, "late_answer", None)
    assert told.payment.answer is Answer.UNKNOWN
    assert after(told.payment, ACCEPTED).payment.answer is Answer.UNKNOWN


def test_what_was_given_up_before_it_left_is_told_so() -> None:
    gone = after(in_state(State.RECEIVED), GaveUp("too late")).payment
    assert (gone.state, gone.answer, gone.answer_code) == (State.FAILED, Answer.REFUSED, "not_sent")


def test_a_second_source_confirms_without_a_second_notification() -> None:
    settled = after(in_state(State.PENDING), paid("UKN0000001")).payment
    again = after(settled, msgspec.structs.replace(paid("UKN0000001"), by=Evidence.C2B_CONFIRMATION, payer_name="ASHA"))
    assert (again.name, again.notify, again.payment.payer_name) == ("confirmed", None, "ASHA")


def test_a_query_settles_without_a_receipt_and_the_receipt_follows_as_an_update() -> None:
    asked = after(in_state(State.PENDING), Settled(Evidence.STK_QUERY, True, "0", "ok"))
    assert (asked.payment.state, asked.payment.receipt, asked.notify) == (State.SUCCEEDED, None, "payment.succeeded")
    late = after(asked.payment, paid("UKN0000001"))
    assert (late.payment.receipt, late.notify, late.payment.flags) == ("UKN0000001", "payment.updated", ())


@pytest.mark.parametrize(
    ("first", "second", "flag"),
    [
        (paid("UKN0000001"), FAILED, Flag.EVIDENCE_CONFLICT),
        (paid("UKN0000001"), paid("UKN0000002"), Flag.EVIDENCE_CONFLICT),
        (FAILED, paid("UKN0000001"), Flag.EVIDENCE_CONFLICT),
        (GaveUp("schedule over"), paid("UKN0000001"), Flag.PAID_AFTER_EXPIRY),
    ],
)
def test_evidence_that_contradicts_raises_one_flag_and_rewrites_nothing(first: Fact, second: Fact, flag: Flag) -> None:
    settled = after(in_state(State.PENDING), first).payment
    contradicted = after(settled, second)
    assert contradicted.payment.state is settled.state
    assert contradicted.payment.receipt == settled.receipt
    assert (contradicted.payment.flags, contradicted.notify) == ((flag,), "payment.flagged")
    assert after(contradicted.payment, second).notify is None


def test_an_unclear_result_is_asked_about_on_the_schedule_and_then_expires() -> None:
    current = after(in_state(State.PENDING), UNSURE).payment
    assert (current.state, current.next_check_us) == (State.UNKNOWN, NOW_US + 10_000_000)
    dues = []
    while not SCHEDULE.is_over(current):
        current = after(current, StillOpen("nothing", processing=False)).payment
        dues.append(current.next_check_us)
    assert dues == [NOW_US + 20_000_000, NOW_US + 60_000_000]
    ended = after(current, GaveUp("no evidence"))
    assert (ended.payment.state, ended.payment.reason, ended.notify) == (
        State.EXPIRED,
        "no evidence",
        "payment.expired",
    )


def test_what_never_left_fails_and_what_left_expires() -> None:
    assert after(in_state(State.HELD), GaveUp("too late")).payment.state is State.FAILED
    assert after(in_state(State.UNKNOWN), GaveUp("too late")).payment.state is State.EXPIRED


def test_sending_starts_the_clock_of_the_schedule() -> None:
    sending = decide(payment(), Sending(), NOW_US, SCHEDULE).payment
    assert (sending.state, sending.sent_us) == (State.SENDING, NOW_US)
    assert after(sending, ACCEPTED).payment.next_check_us == NOW_US + 10_000_000


def test_a_misfit_is_asked_about_at_once_and_settles_nothing() -> None:
    odd = after(in_state(State.PENDING, next_check_us=NOW_US + 99), Misfit(Flag.AMOUNT_DIFFERS, "KES 1"))
    assert (odd.payment.state, odd.payment.next_check_us, odd.notify) == (State.PENDING, NOW_US, None)
    assert odd.payment.flags == (Flag.AMOUNT_DIFFERS,)


def test_a_repeat_is_told_the_first_answer_or_in_flight_or_spent() -> None:
    first = payment()
    assert repeat_of(first, first.fingerprint) is Repeat.IN_FLIGHT
    assert repeat_of(replace(first, answer=Answer.ACCEPTED), first.fingerprint) is Repeat.SAME
    assert repeat_of(replace(first, answer=Answer.ACCEPTED), "other") is Repeat.SPENT


def test_after_a_long_stop_questions_still_have_their_pauses() -> None:
    """The gateway was down for longer than the schedule: each question is given the time that its answer needs."""
    schedule = Schedule(asks_s=(10, 20, 40), expire_s=60)
    current, now_us = in_state(State.PENDING), NOW_US + 3_600_000_000
    for checks in range(1, 4):
        current = decide(current, StillOpen("Asked.", processing=False), now_us, schedule).payment
        assert (current.checks, current.next_check_us) == (checks, now_us + 10_000_000)
        now_us += 10_000_000
    assert schedule.is_over(current)


def test_a_question_whose_result_brings_no_outcome_is_one_question() -> None:
    """Else a payout would be asked about half as often as its schedule says, and given up unasked for longer."""
    schedule = Schedule(asks_s=(20, 40, 70, 100), expire_s=200)
    current, asked_s = in_state(State.UNKNOWN, next_check_us=NOW_US + 20_000_000), []
    while not schedule.is_over(current):
        assert current.next_check_us is not None
        due_us = current.next_check_us
        asked_s.append((due_us - NOW_US) // 1_000_000)
        current = decide(current, StillOpen("Asked M-Pesa.", processing=False), due_us, schedule).payment
        told = StillOpen("It brought no outcome.", processing=False, code="2033", call="AG_1")
        current = decide(current, told, due_us + 2_000_000, schedule).payment
    assert asked_s == [20, 40, 70, 100]


def test_what_does_not_fit_again_is_not_asked_about_at_once() -> None:
    """Else a status answer with another payment's receipt would bring the next question, and that the same answer."""
    odd = Misfit(Flag.EVIDENCE_CONFLICT, "Another's receipt.")
    first = after(in_state(State.PENDING, next_check_us=NOW_US + 60), odd).payment
    assert first.next_check_us == NOW_US
    asked = after(first, StillOpen("asked", processing=False)).payment
    assert asked.next_check_us is not None
    assert asked.next_check_us > NOW_US
    assert after(asked, odd).payment.next_check_us == asked.next_check_us
