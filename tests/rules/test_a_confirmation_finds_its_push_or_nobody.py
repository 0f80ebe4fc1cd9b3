from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.rules.matching import (
    CLOCK_SLACK_US,
    Ambiguous,
    Candidate,
    Confirmation,
    Matched,
    Unmatched,
    match,
    reference_as_sent,
)
from wakala.rules.msisdn import Likeness, could_be, hash_of, mask

SECOND_US = 1_000_000
WINDOW_US = 180 * SECOND_US
BORN_US = 1_773_472_501 * SECOND_US

PUSH = Candidate("pay_1", "600984", None, "ACC-19", 7_500, "254700000142", BORN_US, None)
TILL_PUSH = replace(PUSH, shortcode="7654321", till="5123456", reference="SHOP")
TOLD = Confirmation(
    "UCE1Q0Z8MN", "600984", "ACC-19", 7_500, "2547 ***** 142", BORN_US + 9 * SECOND_US, BORN_US + 11 * SECOND_US
)
TILL_TOLD = replace(TOLD, shortcode="7654321", reference="")


def test_all_fields_agree() -> None:
    assert match(TOLD, [PUSH], WINDOW_US) == Matched("pay_1", "fields")


def test_the_receipt_is_enough_and_stands_above_the_fields() -> None:
    known = replace(PUSH, payment_id="pay_2", receipt=TOLD.receipt, reference="OTHER", msisdn="254711111111")
    assert match(TOLD, [PUSH, known], WINDOW_US) == Matched("pay_2", "receipt")


def test_an_empty_receipt_is_no_receipt() -> None:
    told = replace(TOLD, receipt="")
    assert match(told, [replace(PUSH, receipt="")], WINDOW_US) == Matched("pay_1", "fields")
    assert match(told, [replace(PUSH, receipt="", amount_cents=1)], WINDOW_US) == Unmatched()


def test_one_receipt_on_two_payments_is_for_a_person_to_look_at() -> None:
    twins = [replace(PUSH, receipt=TOLD.receipt), replace(PUSH, payment_id="pay_2", receipt=TOLD.receipt)]
    assert match(TOLD, twins, WINDOW_US) == Ambiguous(("pay_1", "pay_2"))


@pytest.mark.parametrize(
    "other",
    [
        replace(PUSH, amount_cents=7_600),
        replace(PUSH, shortcode="600985"),
        replace(PUSH, reference="ACC-20"),
        replace(PUSH, reference=""),
        replace(PUSH, msisdn="254700000143"),
        replace(PUSH, receipt="UCE1Q0Z8MM"),
        replace(PUSH, created_us=BORN_US - 2 * WINDOW_US),
        replace(PUSH, created_us=BORN_US + 30 * SECOND_US),
    ],
    ids=["amount", "shortcode", "reference", "no reference", "phone", "other receipt", "too old", "asked later"],
)
def test_one_field_that_disagrees_is_enough_to_exclude(other: Candidate) -> None:
    assert match(TOLD, [other], WINDOW_US) == Unmatched()


@pytest.mark.parametrize("typed", [" acc-19 ", "ACC-19", "Acc-19\n"])
def test_customers_type_references_in_any_case(typed: str) -> None:
    assert match(replace(TOLD, reference=typed), [PUSH], WINDOW_US) == Matched("pay_1", "fields")


def test_a_long_reference_comes_back_as_it_was_sent() -> None:
    long = replace(PUSH, reference="INVOICE 2026 0412")
    assert reference_as_sent(long.reference) == "INVOICE 2026"
    assert match(replace(TOLD, reference="INVOICE 2026"), [long], WINDOW_US) == Matched("pay_1", "fields")
    typed_by_hand = replace(TOLD, reference=long.reference)
    assert match(typed_by_hand, [long], WINDOW_US) == Unmatched()


def test_a_reference_is_cut_after_twelve_characters() -> None:
    assert reference_as_sent("ABCDEFGHIJKLMNOP") == "ABCDEFGHIJKL"


def test_who_pays_a_paybill_without_a_reference_did_not_answer_the_push() -> None:
    assert match(replace(TOLD, reference=""), [PUSH], WINDOW_US) == Unmatched()


def test_a_till_that_is_told_with_another_reference_is_not_this_push() -> None:
    assert match(replace(TILL_TOLD, reference="OTHER"), [TILL_PUSH], WINDOW_US) == Unmatched()
    assert match(replace(TILL_TOLD, reference="shop"), [TILL_PUSH], WINDOW_US) == Matched("pay_1", "fields")


@pytest.mark.parametrize("shortcode", ["7654321", "5123456"])
def test_a_till_is_reported_by_its_store_or_its_own_number_and_without_reference(shortcode: str) -> None:
    told = replace(TILL_TOLD, shortcode=shortcode)
    assert match(told, [TILL_PUSH], WINDOW_US) == Matched("pay_1", "fields")


def test_a_full_number_or_hash_beats_a_mask() -> None:
    other = replace(PUSH, payment_id="pay_2", msisdn="254711111142")
    assert match(TOLD, [PUSH, other], WINDOW_US) == Ambiguous(("pay_1", "pay_2"))
    for certain in (PUSH.msisdn, hash_of(PUSH.msisdn)):
        assert match(replace(TOLD, msisdn=certain), [other, PUSH], WINDOW_US) == Matched("pay_1", "fields")


def test_two_prompts_for_one_customer_are_not_guessed_between() -> None:
    twin = replace(PUSH, payment_id="pay_2")
    for told in (TOLD, replace(TOLD, msisdn=PUSH.msisdn)):
        assert match(told, [PUSH, twin], WINDOW_US) == Ambiguous(("pay_1", "pay_2"))


def test_an_unreadable_phone_needs_a_reference() -> None:
    assert match(replace(TOLD, msisdn=""), [PUSH], WINDOW_US) == Matched("pay_1", "fields")
    assert match(replace(TILL_TOLD, msisdn=""), [TILL_PUSH], WINDOW_US) == Ambiguous(("pay_1",))


def test_without_mpesas_clock_ours_decides() -> None:
    told = replace(TOLD, paid_us=None)
    assert match(told, [PUSH], WINDOW_US) == Matched("pay_1", "fields")
    assert match(replace(told, received_us=BORN_US + WINDOW_US), [PUSH], WINDOW_US) == Matched("pay_1", "fields")
    assert match(replace(told, received_us=BORN_US + WINDOW_US + 1), [PUSH], WINDOW_US) == Unmatched()


def test_a_late_report_of_a_payment_in_time_still_matches() -> None:
    late = replace(TOLD, received_us=BORN_US + 100 * WINDOW_US)
    assert match(late, [PUSH], WINDOW_US) == Matched("pay_1", "fields")


def test_two_clocks_may_differ_a_little() -> None:
    assert match(replace(TOLD, paid_us=BORN_US - CLOCK_SLACK_US), [PUSH], WINDOW_US) == Matched("pay_1", "fields")
    assert match(replace(TOLD, paid_us=BORN_US - CLOCK_SLACK_US - 1), [PUSH], WINDOW_US) == Unmatched()
    last_us = BORN_US + WINDOW_US + CLOCK_SLACK_US
    assert match(replace(TOLD, paid_us=last_us), [PUSH], WINDOW_US) == Matched("pay_1", "fields")
    assert match(replace(TOLD, paid_us=last_us + 1), [PUSH], WINDOW_US) == Unmatched()


def test_what_was_heard_of_before_it_was_asked_for_is_another_payment_whatever_m_pesas_clock_says() -> None:
    asked_later = replace(PUSH, created_us=TOLD.received_us + 1)
    assert match(TOLD, [asked_later], WINDOW_US) == Unmatched()
    assert match(TOLD, [replace(PUSH, created_us=TOLD.received_us)], WINDOW_US) == Matched("pay_1", "fields")


def test_nothing_waits() -> None:
    assert match(TOLD, [], WINDOW_US) == Unmatched()


PHONES = st.sampled_from(["254700000142", "254711111142", "254700000143"])
REFERENCES = st.sampled_from(["ACC-19", "acc-19 ", "ACC-20", ""])
SHORTCODES = st.sampled_from(["600984", "7654321", "5123456"])
RECEIPTS = st.sampled_from(["UCE1Q0Z8MN", "UCE1Q0Z8MM"])
AMOUNTS = st.sampled_from([7_500, 7_600])
MOMENTS = st.integers(BORN_US - 2 * WINDOW_US, BORN_US + 2 * WINDOW_US)
CONFIRMATIONS = st.builds(
    Confirmation,
    RECEIPTS,
    SHORTCODES,
    REFERENCES,
    AMOUNTS,
    PHONES | PHONES.map(mask) | PHONES.map(hash_of) | st.sampled_from(["", "*****", "512345"]),
    MOMENTS | st.none(),
    MOMENTS,
)
CANDIDATES = st.lists(
    st.builds(
        Candidate,
        st.uuids().map(str),
        SHORTCODES,
        st.none() | SHORTCODES,
        REFERENCES,
        AMOUNTS,
        PHONES,
        MOMENTS,
        st.none() | RECEIPTS,
    ),
    max_size=6,
)


@given(CONFIRMATIONS, CANDIDATES)
def test_a_matched_payment_contradicts_nothing_that_was_told(told: Confirmation, waiting: list[Candidate]) -> None:
    found = match(told, waiting, WINDOW_US)
    if not isinstance(found, Matched):
        return
    push = next(each for each in waiting if each.payment_id == found.payment_id)
    if found.by == "receipt":
        assert push.receipt == told.receipt
        return
    assert push.receipt is None
    assert push.amount_cents == told.amount_cents
    assert told.shortcode in {push.shortcode, push.till}
    assert could_be(told.msisdn, push.msisdn) is not Likeness.DIFFERENT
    assert told.received_us >= push.created_us
    assert told.paid_us is None or abs(told.paid_us - push.created_us) <= WINDOW_US + CLOCK_SLACK_US
    if told.reference.strip():
        assert told.reference.strip().lower() == push.reference.strip().lower()


@given(CONFIRMATIONS, CANDIDATES, st.randoms())
def test_the_order_of_the_candidates_decides_nothing(
    told: Confirmation, waiting: list[Candidate], chance: object
) -> None:
    shuffled = list(waiting)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = match(told, waiting, WINDOW_US), match(told, shuffled, WINDOW_US)
    if isinstance(first, Ambiguous) and isinstance(second, Ambiguous):
        assert set(first.payment_ids) == set(second.payment_ids)
    else:
        assert first == second


@given(CONFIRMATIONS, CANDIDATES)
def test_a_twin_makes_it_ambiguous(told: Confirmation, waiting: list[Candidate]) -> None:
    found = match(told, waiting, WINDOW_US)
    if isinstance(found, Matched):
        push = next(each for each in waiting if each.payment_id == found.payment_id)
        twin = replace(push, payment_id="twin")
        assert match(told, [*waiting, twin], WINDOW_US) == Ambiguous((push.payment_id, "twin"))


PAID = replace(PUSH, is_paid=True)
LATER = replace(PAID, payment_id="pay_2", created_us=BORN_US + SECOND_US)


def test_of_equal_payments_that_are_all_paid_the_first_is_taken_when_nobody_will_tell_more() -> None:
    equals = [LATER, PAID]
    assert match(TOLD, equals, WINDOW_US) == Ambiguous(("pay_2", "pay_1")), "as long as a callback may name the receipt"
    assert match(TOLD, equals, WINDOW_US, among_equals=True) == Matched("pay_1", "fields")


@pytest.mark.parametrize(
    "other",
    [
        replace(LATER, is_paid=False),
        replace(LATER, msisdn="254700999142"),
    ],
    ids=["may be unpaid", "another customer behind the same mask"],
)
def test_payments_that_are_not_equal_are_told_apart_by_nobody(other: Candidate) -> None:
    assert match(TOLD, [PAID, other], WINDOW_US, among_equals=True) == Ambiguous(("pay_1", "pay_2"))


def test_two_orders_of_one_customer_at_a_till_are_not_equal() -> None:
    """The till tells no reference, so the receipt of one order might be shown with the other."""
    orders = [replace(TILL_PUSH, is_paid=True), replace(TILL_PUSH, payment_id="pay_2", is_paid=True, reference="OTHER")]
    assert match(TILL_TOLD, orders, WINDOW_US, among_equals=True) == Ambiguous(("pay_1", "pay_2"))


def test_an_amount_alone_proves_nothing_however_equal_the_payments_are() -> None:
    told = replace(TILL_TOLD, msisdn="")
    equals = [replace(TILL_PUSH, is_paid=True), replace(TILL_PUSH, payment_id="pay_2", is_paid=True)]
    assert match(told, equals, WINDOW_US, among_equals=True) == Ambiguous(("pay_1", "pay_2"))


@given(pushes=st.integers(1, 5), told=st.integers(0, 7))
def test_what_equal_payments_do_not_take_is_money_of_its_own_and_no_more(pushes: int, told: int) -> None:
    open_ones = {f"pay_{n}": replace(PAID, payment_id=f"pay_{n}") for n in range(pushes)}
    left = 0
    for n in range(told):
        receipt = f"UCE1Q0Z8M{n}"
        match match(replace(TOLD, receipt=receipt), open_ones.values(), WINDOW_US, among_equals=True):
            case Matched(payment_id):
                open_ones[payment_id] = replace(open_ones[payment_id], receipt=receipt)
            case Unmatched():
                left += 1
            case other:
                pytest.fail(f"{other}")
    assert left == max(0, told - pushes)
