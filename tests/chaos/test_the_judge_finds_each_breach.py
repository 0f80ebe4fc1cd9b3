"""The checker: silent on an honest history of any size, and loud on each promise that is broken in it."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from case import Invariant
from checker import check
from evidence import (
    TWIN,
    Asked,
    Attempt,
    Called,
    Decided,
    Deed,
    Done,
    Evidence,
    Gone,
    Journal,
    Moved,
    Owed,
    Payment,
    Prompted,
    Reader,
    Told,
    Validated,
)

KINDS = ("push", "payout", "collection")
ENDS = ("succeeded", "failed", "expired")


def honest(*stories: tuple[str, str, int]) -> Evidence:
    """A history without a fault: of each payment its kind, its end and its amount."""
    history = Evidence(journal=Journal(callbacks=frozenset()))
    for number, (kind, end, amount_cents) in enumerate(stories):
        history = _with(history, number, kind, "succeeded" if kind == "collection" else end, amount_cents)
    return history


def _with(history: Evidence, number: int, kind: str, end: str, amount_cents: int) -> Evidence:
    is_paid, is_asked = end == "succeeded", kind != "collection"
    payment_id, receipt = f"pay_{number}", f"R{number}" if is_paid else None
    request_id = f"ORDER-{number}" if is_asked else f"c2b:{receipt}"
    evidence = "gateway" if end == "expired" else "stk_callback" if is_asked else "c2b_confirmation"
    payment = Payment(payment_id, request_id, kind, end, amount_cents, receipt, evidence, notifications=2)
    outcome = f"{'payment' if is_asked else 'collection'}.{end}"
    owed = (
        Owed(f"ntf_{number}a", payment_id, 1, outcome, "delivered"),
        Owed(f"ntf_{number}b", payment_id, 2, "payment.updated", "delivered"),
    )
    told = tuple(Told(one.id, payment_id, one.type, f"body of {one.id}") for one in owed)
    mpesa = history.mpesa
    call = Called(f"key {number}", request_id if is_asked else None, is_paid, receipt)
    is_called = end != "expired"
    return replace(
        history,
        asked=(*history.asked, *((Asked(request_id, "body", amount_cents, 202, payment_id),) * is_asked)),
        mpesa=replace(
            mpesa,
            prompts=(*mpesa.prompts, *((Prompted(request_id),) * is_asked)),
            money=(
                *mpesa.money,
                *((Moved(receipt, amount_cents, request_id if is_asked else None),) if receipt else ()),
            ),
            calls=(*mpesa.calls, *((call,) * is_called)),
        ),
        journal=Journal(
            (*history.journal.payments, payment),
            (*history.journal.owed, *owed),
            (history.journal.callbacks or frozenset()) | ({call.key} if is_called else set()),
        ),
        told=(*history.told, *told),
    )


# ── each promise, broken ──

Breach = Callable[[Evidence], Evidence]


def _payment(history: Evidence, **changes: object) -> Evidence:
    """The first payment, changed."""
    first, *others = history.journal.payments
    payments = (replace(first, **changes), *others)  # type: ignore[arg-type]
    return replace(history, journal=replace(history.journal, payments=payments))


def _owed(history: Evidence, **changes: object) -> Evidence:
    """The first notification in the journal, changed."""
    first, *others = history.journal.owed
    owed = (replace(first, **changes), *others)  # type: ignore[arg-type]
    return replace(history, journal=replace(history.journal, owed=owed))


def _mpesa(history: Evidence, **changes: object) -> Evidence:
    return replace(history, mpesa=replace(history.mpesa, **changes))  # type: ignore[arg-type]


def _without_payment(history: Evidence) -> Evidence:
    return replace(history, journal=replace(history.journal, payments=history.journal.payments[1:]))


def _second_payment(history: Evidence) -> Evidence:
    again = replace(history.journal.payments[0], id="pay_again", receipt=None)
    return replace(history, journal=replace(history.journal, payments=(*history.journal.payments, again)))


def _second_outcome(history: Evidence) -> Evidence:
    first = history.journal.owed[0]
    again = Owed("ntf_again", first.payment_id, 3, first.type, "delivered")
    told = Told("ntf_again", first.payment_id, first.type, "body")
    journal = replace(history.journal, owed=(*history.journal.owed, again))
    return _payment(replace(history, journal=journal, told=(*history.told, told)), notifications=3)


def _collection_beside(history: Evidence) -> Evidence:
    money = history.mpesa.money[0]
    beside = Payment("pay_c", "c2b:R0", "collection", "succeeded", money.amount_cents, "R0", "c2b_confirmation")
    return replace(history, journal=replace(history.journal, payments=(*history.journal.payments, beside)))


def _confirmed(history: Evidence, *twins: str) -> Evidence:
    """M-Pesa confirmed the first payment's receipt to somebody who is told, by so many notifications."""
    first, *others = history.journal.payments
    staged = [Owed(one, first.id, 3 + number, TWIN, "delivered") for number, one in enumerate(twins)]
    told = [Told(one, first.id, TWIN, "M-Pesa's words") for one in twins]
    payments = (replace(first, notifications=2 + len(twins)), *others)
    journal = replace(history.journal, payments=payments, owed=(*history.journal.owed, *staged))
    calls = (*history.mpesa.calls, Called("key 0", None, True, first.receipt, is_heard=True))
    return _mpesa(replace(history, journal=journal, told=(*history.told, *told)), calls=calls)


def test_a_confirmation_that_is_told_once_is_as_it_should_be() -> None:
    assert check(_confirmed(honest(("push", "succeeded", 15_000)), "ntf_twin")) == []


def _first_told(history: Evidence, **changes: object) -> Evidence:
    first = replace(history.told[0], **changes)  # type: ignore[arg-type]
    return replace(history, told=(*history.told, first))


MOMENT = 10_000_000  # of virtual time, much longer than anybody needs to heed what was done


def _kept_up(history: Evidence, *deeds: Done, url: str = "there", at_us: int = 9 * MOMENT) -> Evidence:
    """An owner does things, and then an attempt at the first notification begins."""
    first, *others = history.journal.owed
    journal = replace(history.journal, owed=(replace(first, app="shop"), *others))
    attempt = Attempt(first.id, at_us, at_us + 1, url)
    return replace(history, journal=journal, done=deeds, attempts=(attempt,), heed_us=1)


def _deed(deed: Deed, at: int, subject: str = "", before: str = "", waiting: str = "") -> Done:
    return Done("shop", deed, at * MOMENT, at * MOMENT + 1, subject, before, waiting)


def _read(history: Evidence, read: tuple[str, ...], again: tuple[str, ...] = ()) -> Evidence:
    owed = tuple(replace(one, app="shop") for one in history.journal.owed)
    return replace(
        history, journal=replace(history.journal, owed=owed), readers=(Reader("shop", "ledger", read, again),)
    )


def test_what_an_owner_wants_and_a_reader_reads_is_as_it_should_be() -> None:
    history = honest(("push", "succeeded", 15_000))
    pause, resume = _deed(Deed.PAUSE, 1), _deed(Deed.RESUME, 2)
    move = _deed(Deed.MOVE, 3, "there", "here", "hold")
    acknowledge, replay = _deed(Deed.ACKNOWLEDGE, 4, "ntf_0a"), _deed(Deed.REPLAY, 5, "ntf_0a")
    assert check(_kept_up(history, pause, resume, move, acknowledge, replay)) == []
    assert check(_kept_up(history, _deed(Deed.MOVE, 3, "here", "there", "finish_old"))) == []
    assert check(_kept_up(history, pause, at_us=MOMENT + 1)) == [], "nobody can have heard of it yet"
    assert check(_read(history, ("ntf_0a", "ntf_0b"))) == []


def _validated(history: Evidence, told: bool, by: str, recorded: bool, said: bool | None = None) -> Evidence:
    """M-Pesa asked about a customer where no is registered for those about whom nobody answers."""
    journal = replace(history.journal, decided=(Decided("ask", by, recorded),), default=False)
    asked = _mpesa(replace(history, journal=journal), validations=(Validated("ask", told),))
    return replace(asked, verdicts=(("ask", said),))


@pytest.mark.parametrize(("by", "accepted", "said"), [("the merchant", True, True), ("the default", False, None)])
def test_a_validation_that_is_told_and_recorded_as_it_was_decided_is_none(
    by: str, accepted: bool, said: bool | None
) -> None:
    assert check(_validated(honest(("push", "succeeded", 15_000)), accepted, by, accepted, said)) == []


def _forgot(
    history: Evidence, state: str, age_us: int, *, is_wanted: bool = False, what: str = "notification"
) -> Evidence:
    """Of what is to be a hundred microseconds old."""
    gone = Gone(what, "old", "pay_0", 1, "payment.updated", state, "shop", 1_000, 1_000 + age_us, 100, is_wanted)
    return replace(history, journal=replace(history.journal, gone=(gone,)))


def test_what_is_old_and_over_may_be_forgotten() -> None:
    history = honest(("push", "succeeded", 15_000))
    assert check(_forgot(history, "delivered", 100)) == check(_forgot(history, "ok", 100, what="exchange")) == []


BREACHES: dict[str, tuple[Invariant, Breach]] = {
    "a payment never ends": (Invariant.STUCK, lambda h: _payment(h, state="pending", evidence=None)),
    "a notification waits for ever": (Invariant.STUCK, lambda h: _owed(h, state="waiting")),
    "a client never gets a clear answer": (
        Invariant.STUCK,
        lambda h: replace(h, unanswered=frozenset({"ORDER-0"})),
    ),
    "the wait for the end was given up": (
        Invariant.STUCK,
        lambda h: replace(h, unfinished=("M-Pesa has open prompts.",)),
    ),
    "an accepted request is not in the journal": (Invariant.LOST_REQUEST, _without_payment),
    "a client was given another's payment": (
        Invariant.LOST_REQUEST,
        lambda h: replace(h, asked=(replace(h.asked[0], request_id="OTHER"), *h.asked[1:])),
    ),
    "a request ID has two payments": (Invariant.SPENT_TWICE, _second_payment),
    "a request ID was taken for two contents": (
        Invariant.SPENT_TWICE,
        lambda h: replace(h, asked=(*h.asked, replace(h.asked[0], content="another body"))),
    ),
    "the same request was answered otherwise": (
        Invariant.OTHER_ANSWER,
        lambda h: replace(
            h, asked=(*h.asked, replace(h.asked[0], words="pending"), replace(h.asked[0], words="failed"))
        ),
    ),
    "money moved and the journal says failed": (
        Invariant.LOST_MONEY,
        lambda h: _payment(h, state="failed", receipt=None),
    ),
    "money moved, M-Pesa said so, and it expired": (
        Invariant.LOST_MONEY,
        lambda h: _payment(h, state="expired", evidence="gateway", receipt=None, is_askable=False),
    ),
    "money moved, M-Pesa could be asked, and it expired": (
        Invariant.LOST_MONEY,
        lambda h: _mpesa(_payment(h, state="expired", evidence="gateway", receipt=None), calls=()),
    ),
    "a customer's own payment is missing": (
        Invariant.LOST_MONEY,
        lambda h: _mpesa(
            h, money=(*h.mpesa.money, Moved("RX", 100)), calls=(*h.mpesa.calls, Called("key 0", None, True, "RX"))
        ),
    ),
    "a customer's own payment that M-Pesa lists is missing": (
        Invariant.LOST_MONEY,
        lambda h: _mpesa(h, money=(*h.mpesa.money, Moved("RX", 100)), is_listed=True),
    ),
    "M-Pesa moved money for a request nobody wrote down": (
        Invariant.LOST_MONEY,
        lambda h: _mpesa(h, money=(*h.mpesa.money, Moved("RX", 100, "NOBODYS"))),
    ),
    "a success without money": (
        Invariant.INVENTED_MONEY,
        lambda h: _payment(_mpesa(h, money=h.mpesa.money[1:]), receipt=None),
    ),
    "a success in another amount": (Invariant.INVENTED_MONEY, lambda h: _payment(h, amount_cents=12_345_600)),
    "money moved twice": (
        Invariant.DOUBLED_MONEY,
        lambda h: _mpesa(h, money=(*h.mpesa.money, Moved("RX", h.mpesa.money[0].amount_cents, "ORDER-0"))),
    ),
    "money is told twice": (Invariant.DOUBLED_MONEY, _collection_beside),
    "two prompts": (Invariant.DOUBLED_PROMPT, lambda h: _mpesa(h, prompts=(*h.mpesa.prompts, Prompted("ORDER-0")))),
    "a receipt in two payments": (Invariant.RECEIPT_TWICE, _collection_beside),
    "a receipt that M-Pesa does not know": (Invariant.RECEIPT_TWICE, lambda h: _payment(h, receipt="RX")),
    "a receipt of another request's money": (
        Invariant.RECEIPT_TWICE,
        lambda h: _payment(_mpesa(h, money=(*h.mpesa.money, Moved("RX", 1, "OTHER"))), receipt="RX"),
    ),
    "an acknowledged callback is not kept": (
        Invariant.LOST_CALLBACK,
        lambda h: replace(h, journal=replace(h.journal, callbacks=frozenset())),
    ),
    "an end without evidence": (Invariant.NO_EVIDENCE, lambda h: _payment(h, evidence=None)),
    "an end by somebody who cannot know": (Invariant.NO_EVIDENCE, lambda h: _payment(h, evidence="stk_answer")),
    "evidence without an end": (Invariant.NO_EVIDENCE, lambda h: _payment(h, state="unknown")),
    "refused, and money moved": (
        Invariant.MOVED_AFTER_REFUSAL,
        lambda h: _payment(h, state="failed", evidence="stk_answer", receipt=None),
    ),
    "nobody is told of the end": (
        Invariant.UNTOLD,
        lambda h: replace(h, journal=replace(h.journal, owed=h.journal.owed[1:])),
    ),
    "delivered to a merchant that refused it": (
        Invariant.UNTOLD,
        lambda h: replace(h, told=(replace(h.told[0], is_taken=False), *h.told[1:])),
    ),
    "delivered to nobody": (Invariant.UNTOLD, lambda h: replace(h, told=h.told[1:])),
    "acknowledged by nobody": (
        Invariant.UNTOLD,
        lambda h: _owed(replace(h, told=h.told[1:]), state="acknowledged"),
    ),
    "kept though its merchant has a URL": (Invariant.UNTOLD, lambda h: _owed(h, state="kept")),
    "given up though the merchant was there": (Invariant.UNTOLD, lambda h: _owed(h, state="given_up")),
    "a notification is missing between two": (Invariant.UNTOLD, lambda h: _payment(h, notifications=3)),
    "two outcomes": (Invariant.TOLD_TWICE, _second_outcome),
    "a confirmation that nobody is told": (Invariant.UNTOLD, _confirmed),
    "a confirmation that is told twice": (Invariant.TOLD_TWICE, lambda h: _confirmed(h, "ntf_c", "ntf_d")),
    "an outcome that is not the journal's": (Invariant.TOLD_WRONG, lambda h: _owed(h, type="payment.failed")),
    "a notification that nobody owes": (
        Invariant.TOLD_WRONG,
        lambda h: _first_told(h, notification_id="ntf_x", type="payment.updated"),
    ),
    "the second before the first": (
        Invariant.OUT_OF_ORDER,
        lambda h: replace(h, told=(h.told[1], h.told[0], *h.told[2:])),
    ),
    "another body the second time": (Invariant.CHANGED_BODY, lambda h: _first_told(h, body="other")),
    "two attempts at one notification at once": (
        Invariant.AT_ONCE,
        lambda h: replace(h, attempts=(Attempt("ntf_0a", 0, 9), Attempt("ntf_0b", 8, 9), Attempt("ntf_0a", 8, 20))),
    ),
    "sent to an endpoint that is paused": (
        Invariant.WHILE_PAUSED,
        lambda h: _kept_up(h, _deed(Deed.RESUME, 1), _deed(Deed.PAUSE, 2)),
    ),
    "sent to the URL before": (
        Invariant.WRONG_PLACE,
        lambda h: _kept_up(h, _deed(Deed.MOVE, 1, "there", "here"), url="here"),
    ),
    "finished at an old URL although it was owed later": (
        Invariant.WRONG_PLACE,
        lambda h: _kept_up(
            _owed(h, made_us=2 * MOMENT), _deed(Deed.MOVE, 1, "there", "here", "finish_old"), url="here"
        ),
    ),
    "sent although its owner has it": (
        Invariant.AFTER_ALL,
        lambda h: _kept_up(h, _deed(Deed.REPLAY, 1), _deed(Deed.ACKNOWLEDGE, 2, "ntf_0a")),
    ),
    "sent although it was to be held": (
        Invariant.AFTER_ALL,
        lambda h: _kept_up(h, _deed(Deed.MOVE, 1, "there", "here", "hold")),
    ),
    "a reader misses one": (Invariant.UNREAD, lambda h: _read(h, ("ntf_0b",))),
    "a reader has one again": (Invariant.READ_TWICE, lambda h: _read(h, ("ntf_0a", "ntf_0b"), ("ntf_0a",))),
    "M-Pesa is told another verdict than is recorded": (
        Invariant.DECIDED_WRONG,
        lambda h: _validated(h, False, "the merchant", True, True),
    ),
    "a merchant's word is recorded that it did not say": (
        Invariant.DECIDED_WRONG,
        lambda h: _validated(h, True, "the merchant", True, False),
    ),
    "a default is recorded that was not registered": (
        Invariant.DECIDED_WRONG,
        lambda h: _validated(h, True, "the registered default", True),
    ),
    "M-Pesa is told what nobody said": (Invariant.DECIDED_WRONG, lambda h: _validated(h, True, "nobody", True)),
    "forgotten while it waited": (Invariant.FORGOTTEN, lambda h: _forgot(h, "waiting", 100)),
    "forgotten too young": (Invariant.FORGOTTEN, lambda h: _forgot(h, "delivered", 99)),
    "an open payment's exchange is forgotten": (
        Invariant.FORGOTTEN,
        lambda h: _forgot(h, "ok", 100, is_wanted=True, what="exchange"),
    ),
    "what is in quarantine is forgotten": (
        Invariant.FORGOTTEN,
        lambda h: _forgot(h, "quarantined: it cannot be read", 100, what="exchange"),
    ),
    "something breaks": (Invariant.BROKE, lambda h: replace(h, broke=("KeyError",))),
    "no valid signature": (Invariant.FORGED, lambda h: _first_told(h, is_signed=False)),
}


def some_stories() -> some.SearchStrategy[list[tuple[str, str, int]]]:
    story = some.tuples(some.sampled_from(KINDS), some.sampled_from(ENDS), some.integers(100, 15_000_000))
    return some.lists(story, max_size=8)


@given(some_stories())
def test_an_honest_history_has_no_violation(stories: list[tuple[str, str, int]]) -> None:
    assert check(honest(*stories)) == []


@pytest.mark.parametrize("name", BREACHES)
def test_each_broken_promise_is_named(name: str) -> None:
    invariant, breach = BREACHES[name]
    history = honest(("push", "succeeded", 15_000))

    found = check(breach(history))

    assert invariant in {violation.invariant for violation in found}, found
    assert all(violation.subject and violation.sentence.endswith(".") for violation in found)


@given(some_stories(), some.sampled_from(sorted(BREACHES)))
def test_a_breach_is_found_among_any_others_payments(stories: list[tuple[str, str, int]], name: str) -> None:
    invariant, breach = BREACHES[name]
    history = honest(("push", "succeeded", 15_000), *stories)

    assert invariant in {violation.invariant for violation in check(breach(history))}


@pytest.mark.parametrize("invariant", Invariant)
def test_every_promise_can_be_found_broken(invariant: Invariant) -> None:
    assert invariant in {found for found, _ in BREACHES.values()}


# ── what looks like a breach and is none ──


def test_work_in_flight_is_no_breach_before_the_calm() -> None:
    under_way = _payment(honest(("push", "succeeded", 15_000)), state="pending", evidence=None, receipt=None)
    open_still = replace(_owed(under_way, state="waiting"), is_calm=False, told=())
    journal = replace(open_still.journal, owed=())
    open_still = _payment(replace(open_still, journal=journal), notifications=0)

    assert check(open_still) == []


def test_a_notification_that_arrives_again_is_no_breach() -> None:
    history = honest(("push", "succeeded", 15_000))

    assert check(replace(history, told=(*history.told, *history.told))) == []


def test_an_expiry_that_m_pesa_never_spoke_of_is_no_loss() -> None:
    history = _payment(
        honest(("push", "expired", 15_000)), is_askable=False
    )  # its answer was lost, and its callbacks too

    assert check(_mpesa(history, money=(Moved("R0", 15_000, "ORDER-0"),))) == []


def test_money_paid_by_hand_that_m_pesa_neither_told_nor_lists_is_no_loss() -> None:
    history = honest(("push", "succeeded", 15_000))

    assert check(_mpesa(history, money=(*history.mpesa.money, Moved("RX", 100)))) == []


def test_what_a_merchant_read_from_us_and_took_is_told() -> None:
    assert check(_owed(honest(("push", "succeeded", 15_000)), state="acknowledged")) == []


def test_money_that_m_pesa_denied_and_then_told_must_be_flagged() -> None:
    history = _payment(honest(("push", "succeeded", 15_000)), state="failed", evidence="stk_query", receipt=None)
    history = _owed(_mpesa(history, contradicted=frozenset({"ORDER-0"})), type="payment.failed")
    told = (replace(history.told[0], type="payment.failed"), *history.told[1:])
    history = replace(history, told=told)

    assert {violation.invariant for violation in check(history)} == {Invariant.LOST_MONEY}
    assert check(_payment(history, flags=frozenset({"evidence_conflict"}))) == []


def test_money_in_doubt_that_a_person_must_look_at_is_not_doubled() -> None:
    history = _collection_beside(_payment(honest(("push", "succeeded", 15_000)), receipt=None))
    *others, beside = history.journal.payments
    owed = (*history.journal.owed, Owed("ntf_c", beside.id, 1, "collection.succeeded", "delivered"))
    payments = (*others, replace(beside, flags=frozenset({"ambiguous"}), notifications=1))
    told = (*history.told, Told("ntf_c", beside.id, "collection.succeeded", "body"))

    journal = replace(history.journal, payments=payments, owed=owed)

    assert check(replace(history, journal=journal, told=told)) == []


def test_receipts_of_two_payments_that_nothing_tells_apart_may_change_places() -> None:
    history = honest(("push", "succeeded", 15_000), ("push", "succeeded", 15_000))
    one, two = history.journal.payments

    def changed(words: str) -> Evidence:
        payments = (replace(one, receipt=two.receipt, words="push"), replace(two, receipt=one.receipt, words=words))
        return replace(history, journal=replace(history.journal, payments=payments))

    assert check(changed("push")) == []
    assert {violation.invariant for violation in check(changed("another"))} == {Invariant.RECEIPT_TWICE}
