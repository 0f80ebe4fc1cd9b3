"""The judge: evidence in, violations out. Pure, and shared by the simulation and the run of real processes.

Each rule of the promise is one function that reads the evidence and yields sentences: those of requests, money and
notifications here, those of what owners and readers do in `ownership`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from case import ARRIVED, Case, Invariant, Rule, Violation
from evidence import OUTCOMES, TWIN, Deed, Evidence, Moved, Payment
from ownership import (
    a_validation_is_recorded_as_it_was_told,
    only_what_is_old_and_over_is_forgotten,
    what_is_sent_goes_where_its_owner_says,
    what_its_owner_has_is_not_sent_again,
    who_comes_by_cursor_misses_nothing,
    who_is_paused_is_sent_nothing,
)

SILENT_KINDS = frozenset({"service"})  # answered at once: nobody is notified
STILL_KINDS = frozenset({"enquiry", "service"})  # move no money
REFUSERS = frozenset({"gateway", "stk_answer", "answer"})  # evidence of a failure before anything moved
AMBIGUOUS = "ambiguous"  # a collection that a person must look at: it may be the money of a request
ENDS = ARRIVED | {"given_up", "waiting"}  # each is judged by a rule; of any other state nobody was told
LATE_WORD = frozenset({"evidence_conflict", "paid_after_expiry"})  # flags of money that moved all the same


def check(evidence: Evidence) -> list[Violation]:
    """Every breach of every promise, in the order of the promises; empty where all of them hold."""
    case = Case(evidence)
    return [violation for rule in RULES for violation in rule(case)]


# ── requests ──


def nothing_is_stuck(case: Case) -> Iterator[Violation]:
    """After the calm every payment is final, every notification has ended, and nothing else is open on any side."""
    if not case.evidence.is_calm:
        return
    for payment in case.payments:
        if not payment.is_final:
            yield Violation(Invariant.STUCK, payment.request_id, f"{payment.id} is still {payment.state}.")
        for owed in case.owed[payment.id]:
            if owed.state == "waiting":
                yield Violation(Invariant.STUCK, payment.request_id, f"{owed.id} ({owed.type}) still waits.")
    for sentence in case.evidence.unfinished:
        yield Violation(Invariant.STUCK, "the end", sentence)


def no_request_is_lost(case: Case) -> Iterator[Violation]:
    """What a client was told of is in the journal, under the ID that it was told."""
    for asked in case.asked:
        if asked.payment_id is None:
            continue
        found = case.by_id.get(asked.payment_id)
        if found is None:
            sentence = (
                f"the client was answered {asked.status} with {asked.payment_id}, which the journal does not have."
            )
            yield Violation(Invariant.LOST_REQUEST, asked.request_id, sentence)
        elif found.request_id != asked.request_id:
            sentence = f"the client was given {found.id}, which belongs to {found.request_id}."
            yield Violation(Invariant.LOST_REQUEST, asked.request_id, sentence)


def a_request_id_is_spent_once(case: Case) -> Iterator[Violation]:
    """One request ID, one payment, one content."""
    for request_id, payments in case.by_request.items():
        if len(payments) > 1:
            ids = ", ".join(sorted(payment.id for payment in payments))
            yield Violation(Invariant.SPENT_TWICE, request_id, f"the journal has {len(payments)} payments: {ids}.")
    contents: dict[str, set[str]] = defaultdict(set)
    for asked in case.asked:
        if asked.payment_id is not None:
            contents[asked.request_id].add(asked.content)
    for request_id, different in contents.items():
        if len(different) > 1:
            yield Violation(Invariant.SPENT_TWICE, request_id, f"{len(different)} contents were taken under it.")


def every_client_is_answered(case: Case) -> Iterator[Violation]:
    """Whoever repeats the same request gets a clear answer in the end."""
    if case.evidence.is_calm:
        for request_id in sorted(case.evidence.unanswered):
            states = ", ".join(payment.state for payment in case.by_request.get(request_id, [])) or "not in the journal"
            yield Violation(Invariant.STUCK, request_id, f"its client never got a clear answer; it is {states}.")


def the_first_answer_stands(case: Case) -> Iterator[Violation]:
    """The same request under the same ID is told the same for ever."""
    words: dict[str, str] = {}
    for asked in case.asked:
        if asked.words and words.setdefault(asked.request_id, asked.words) != asked.words:
            sentence = f"first {words[asked.request_id]}, then {asked.words}."
            yield Violation(Invariant.OTHER_ANSWER, asked.request_id, sentence)


# ── money ──


def no_money_is_lost(case: Case) -> Iterator[Violation]:
    """Money that moved stands in the journal: as its request's success, or as a collection of its receipt."""
    for money in case.mpesa.money:
        if money.receipt in case.collected:
            continue
        subject = money.request_id or money.receipt
        what = f"{_shillings(money)} moved ({money.receipt})"
        if money.request_id is None:
            was_told = any(call.receipt == money.receipt for call in case.mpesa.calls)
            if (was_told or case.mpesa.is_listed) and case.evidence.is_calm:
                how = "told it" if was_told else "lists it"
                yield Violation(Invariant.LOST_MONEY, subject, f"{what}, M-Pesa {how}; the journal does not have it.")
            continue
        if money.request_id not in case.by_request:
            yield Violation(Invariant.LOST_MONEY, subject, f"{what}; the journal has no such request.")
        for payment in case.by_request.get(money.request_id, []):
            if payment.is_final and payment.state != "succeeded" and not _may_be_unaware(case, payment):
                flags = ", ".join(sorted(payment.flags)) or "no flag"
                sentence = f"{what}; the journal says {payment.state} by {payment.evidence}, {flags}."
                yield Violation(Invariant.LOST_MONEY, subject, sentence)


def _may_be_unaware(case: Case, payment: Payment) -> bool:
    """True where M-Pesa told it wrong, or told it too late and a flag says so, or never told it at all."""
    was_told = payment.request_id in case.said_paid
    is_flagged = bool(payment.flags & LATE_WORD)
    if payment.request_id in case.mpesa.contradicted:
        return is_flagged or not was_told
    if payment.state != "expired":
        return False
    may_learn_it_yet = payment.is_askable and case.evidence.is_calm
    return is_flagged or not (was_told or may_learn_it_yet)


def no_money_is_invented(case: Case) -> Iterator[Violation]:
    """A success stands for money that moved, in the same amount."""
    for payment in case.payments:
        if payment.state != "succeeded" or payment.kind in STILL_KINDS:
            continue
        if payment.kind == "collection":
            money = [case.by_receipt[payment.receipt]] if payment.receipt in case.by_receipt else []
        else:
            money = case.moved[payment.request_id]
        if not money and payment.request_id not in case.mpesa.contradicted:
            sentence = f"{payment.id} succeeded by {payment.evidence}; at M-Pesa nothing moved."
            yield Violation(Invariant.INVENTED_MONEY, payment.request_id, sentence)
        for one in money:
            if one.amount_cents != payment.amount_cents:
                sentence = f"{_shillings(one)} moved; the journal says {_shillings(payment)}."
                yield Violation(Invariant.INVENTED_MONEY, payment.request_id, sentence)


def no_money_is_doubled(case: Case) -> Iterator[Violation]:
    """One request moves money once, and it is told once: not by its request and again as a collection."""
    for request_id, money in case.moved.items():
        if request_id and len(money) > 1:
            receipts = ", ".join(one.receipt for one in money)
            yield Violation(Invariant.DOUBLED_MONEY, request_id, f"money moved {len(money)} times: {receipts}.")
    for money_moved in case.mpesa.money:
        collection = case.collected.get(money_moved.receipt)
        if collection is None or money_moved.request_id is None or AMBIGUOUS in collection.flags:
            continue
        for payment in case.by_request.get(money_moved.request_id, []):
            if payment.state == "succeeded":
                sentence = f"{money_moved.receipt} stands twice: in {payment.id} and as the collection {collection.id}."
                yield Violation(Invariant.DOUBLED_MONEY, money_moved.request_id, sentence)


def one_prompt_for_a_request(case: Case) -> Iterator[Violation]:
    """M-Pesa took a command once for each request ID."""
    for request_id, count in Counter(prompt.request_id for prompt in case.mpesa.prompts).items():
        if count > 1:
            yield Violation(Invariant.DOUBLED_PROMPT, request_id, f"M-Pesa was asked for it {count} times.")


def a_receipt_pays_once(case: Case) -> Iterator[Violation]:
    """A receipt stands in one payment, and in the one whose money it is."""
    owners: dict[str, list[Payment]] = defaultdict(list)
    for payment in case.payments:
        if payment.receipt and payment.kind not in STILL_KINDS:
            owners[payment.receipt].append(payment)
    for receipt, payments in owners.items():
        if len(payments) > 1:
            requests = ", ".join(sorted(payment.request_id for payment in payments))
            yield Violation(Invariant.RECEIPT_TWICE, receipt, f"it pays {len(payments)} payments: {requests}.")
        money = case.by_receipt.get(receipt)
        for payment in payments:
            if money is None:
                sentence = f"{payment.request_id} names it; M-Pesa has no such receipt."
                yield Violation(Invariant.RECEIPT_TWICE, receipt, sentence)
            elif payment.kind != "collection" and not _is_money_of(case, money, payment):
                sentence = f"it is the money of {money.request_id}; the journal gives it to {payment.request_id}."
                yield Violation(Invariant.RECEIPT_TWICE, receipt, sentence)


def _is_money_of(case: Case, money: Moved, payment: Payment) -> bool:
    """Its own, or that of its twin in every word, which is paid too: then each has one, whichever it is."""
    if money.request_id == payment.request_id:
        return True
    twins = [one for one in case.by_request.get(money.request_id or "", []) if one.words == payment.words]
    return bool(payment.words) and any(twin.state == payment.state == "succeeded" for twin in twins)


# ── evidence ──


def no_acknowledged_callback_is_lost(case: Case) -> Iterator[Violation]:
    """What M-Pesa was answered 2xx for is in the journal, byte for byte."""
    kept = case.evidence.journal.callbacks
    if kept is None:
        return
    for call in case.mpesa.calls:
        if call.key not in kept:
            subject = call.request_id or call.receipt or call.key
            yield Violation(Invariant.LOST_CALLBACK, subject, "it was acknowledged; the journal does not hold it.")


def every_end_names_its_evidence(case: Case) -> Iterator[Violation]:
    """A final state says who said so; only an expiry may be the gateway's own word, or a request that never left."""
    for payment in case.payments:
        if payment.is_final and payment.evidence is None:
            yield Violation(Invariant.NO_EVIDENCE, payment.request_id, f"{payment.state}, and nobody said so.")
        elif payment.state == "succeeded" and payment.evidence in REFUSERS and payment.kind not in STILL_KINDS:
            sentence = f"succeeded by {payment.evidence}, which cannot know of money."
            yield Violation(Invariant.NO_EVIDENCE, payment.request_id, sentence)
        elif not payment.is_final and payment.evidence is not None:
            sentence = f"{payment.state}, though {payment.evidence} decided it."
            yield Violation(Invariant.NO_EVIDENCE, payment.request_id, sentence)


def what_never_left_moved_nothing(case: Case) -> Iterator[Violation]:
    """A request that was refused, or given up before it was sent, moved no money."""
    for payment in case.payments:
        if payment.state == "failed" and payment.evidence in REFUSERS and case.moved.get(payment.request_id):
            sentence = f"failed by {payment.evidence} as never carried out; money moved all the same."
            yield Violation(Invariant.MOVED_AFTER_REFUSAL, payment.request_id, sentence)


# ── notifications ──


def every_outcome_is_told(case: Case) -> Iterator[Violation]:
    """A final payment owes one outcome; after the calm it has arrived, or its merchant took nothing to the very end.

    Every app has a URL and no merchant reads from us instead, so *kept* and *acknowledged* alone are no end of it.
    """
    for payment in case.payments:
        outcomes = case.outcomes(payment)
        if payment.kind in SILENT_KINDS or not payment.is_final:
            continue
        if not outcomes:
            sentence = f"{payment.id} is {payment.state}; no notification tells it."
            yield Violation(Invariant.UNTOLD, payment.request_id, sentence)
        for owed in case.owed[payment.id]:
            was_read = any(done.subject == owed.id for done in case.did(owed.app, Deed.ACKNOWLEDGE))
            if owed.state in ARRIVED and owed.id not in case.taken and not was_read:
                sentence = f"{owed.id} is called {owed.state}; no merchant took it."
                yield Violation(Invariant.UNTOLD, payment.request_id, sentence)
            if owed.state not in ENDS:
                sentence = f"{owed.id} is {owed.state}; its merchant has a URL and was not told."
                yield Violation(Invariant.UNTOLD, payment.request_id, sentence)
            if owed.state == "given_up" and payment.id not in case.evidence.unreachable:
                sentence = f"{owed.id} was given up; its merchant would have taken it."
                yield Violation(Invariant.UNTOLD, payment.request_id, sentence)
        staged = [owed.sequence for owed in case.owed[payment.id]]
        if staged != list(range(1, payment.notifications + 1)):
            sentence = f"the payment counts {payment.notifications} notifications; the journal has {staged}."
            yield Violation(Invariant.UNTOLD, payment.request_id, sentence)


def an_outcome_is_told_once(case: Case) -> Iterator[Violation]:
    """One notification tells the outcome, to the journal and to the merchant, and it tells what the journal says."""
    for payment in case.payments:
        outcomes = case.outcomes(payment)
        if len(outcomes) > 1:
            sentence = f"{len(outcomes)} outcomes are owed: {', '.join(owed.type for owed in outcomes)}."
            yield Violation(Invariant.TOLD_TWICE, payment.request_id, sentence)
        for owed in outcomes:
            if owed.type.partition(".")[2] != payment.state:
                sentence = f"{owed.id} tells {owed.type}; the journal says {payment.state}."
                yield Violation(Invariant.TOLD_WRONG, payment.request_id, sentence)
    arrived: dict[str, set[str]] = defaultdict(set)
    for told in case.told:
        if told.type in OUTCOMES:
            arrived[told.payment_id].add(told.notification_id)
    for payment_id, notification_ids in arrived.items():
        if len(notification_ids) > 1:
            sentence = f"the merchant was told {len(notification_ids)} outcomes: {', '.join(sorted(notification_ids))}."
            yield Violation(Invariant.TOLD_TWICE, case.request_of(payment_id), sentence)


def a_confirmation_is_told_once(case: Case) -> Iterator[Violation]:
    """Who registered a URL for confirmations is told of each that M-Pesa told us of, a push's too, and once."""
    bearers = {payment.receipt: payment for payment in case.payments if payment.receipt and payment.kind == "push"}
    for receipt in {call.receipt for call in case.mpesa.calls if call.is_heard}:
        payment = bearers.get(receipt or "")
        if payment is None:
            continue
        twins = [owed for owed in case.owed[payment.id] if owed.type == TWIN]
        if len(twins) != 1:
            breach = Invariant.UNTOLD if not twins else Invariant.TOLD_TWICE
            sentence = f"{payment.id} bears {receipt}, which M-Pesa confirmed; {len(twins)} notifications tell that."
            yield Violation(breach, payment.request_id, sentence)


def what_arrives_is_what_is_owed(case: Case) -> Iterator[Violation]:
    """A merchant gets what the journal owes: the same bytes under the same ID each time, signed."""
    owed = {one.id: one for one in case.evidence.journal.owed}
    bodies: dict[str, str] = {}
    for told in case.told:
        subject = case.request_of(told.payment_id)
        known = owed.get(told.notification_id)
        if known is None or (known.payment_id, known.type) != (told.payment_id, told.type):
            sentence = f"{told.notification_id} ({told.type}) arrived; the journal does not owe it."
            yield Violation(Invariant.TOLD_WRONG, subject, sentence)
        if bodies.setdefault(told.notification_id, told.body) != told.body:
            yield Violation(Invariant.CHANGED_BODY, subject, f"{told.notification_id} came with two bodies.")
        if not told.is_signed:
            yield Violation(Invariant.FORGED, subject, f"{told.notification_id} came without a valid signature.")


def notifications_keep_their_order(case: Case) -> Iterator[Violation]:
    """Of one payment, what a merchant takes for the first time comes in the order of the sequence."""
    sequence = {owed.id: owed.sequence for owed in case.evidence.journal.owed}
    newest: dict[str, int] = defaultdict(int)
    seen: set[str] = set()
    for told in case.told:
        owed = case.owed_by_id.get(told.notification_id)
        if not told.is_taken or told.notification_id in seen or owed is None or case.was_put_off(owed):
            continue
        seen.add(told.notification_id)
        number = sequence[told.notification_id]
        if number < newest[told.payment_id]:
            sentence = f"number {number} was first taken after number {newest[told.payment_id]}."
            yield Violation(Invariant.OUT_OF_ORDER, case.request_of(told.payment_id), sentence)
        newest[told.payment_id] = max(number, newest[told.payment_id])


def one_attempt_at_a_time(case: Case) -> Iterator[Violation]:
    """A notification is in one pair of hands: no second attempt begins while the first is under way."""
    payment_of = {owed.id: owed.payment_id for owed in case.evidence.journal.owed if not case.was_put_off(owed)}
    busy_until_us: dict[str, int] = {}
    for attempt in sorted(case.evidence.attempts, key=lambda attempt: attempt.from_us):
        if attempt.notification_id not in payment_of and attempt.notification_id in case.owed_by_id:
            continue
        free_us = busy_until_us.get(attempt.notification_id, 0)
        if attempt.from_us < free_us:
            subject = case.request_of(payment_of.get(attempt.notification_id, attempt.notification_id))
            sentence = f"{attempt.notification_id} was sent again {free_us - attempt.from_us} us before the last ended."
            yield Violation(Invariant.AT_ONCE, subject, sentence)
        busy_until_us[attempt.notification_id] = max(free_us, attempt.until_us)


def nothing_breaks(case: Case) -> Iterator[Violation]:
    """A gateway meets faults with errors it has names for; anything else is a bug."""
    for words in case.evidence.broke:
        yield Violation(Invariant.BROKE, "gateway", f"{words.rstrip('.')}.")


def _shillings(money: Moved | Payment) -> str:
    return f"KES {money.amount_cents / 100:.2f}"


RULES: tuple[Rule, ...] = (
    nothing_is_stuck,
    no_request_is_lost,
    a_request_id_is_spent_once,
    every_client_is_answered,
    the_first_answer_stands,
    no_money_is_lost,
    no_money_is_invented,
    no_money_is_doubled,
    one_prompt_for_a_request,
    a_receipt_pays_once,
    no_acknowledged_callback_is_lost,
    every_end_names_its_evidence,
    what_never_left_moved_nothing,
    every_outcome_is_told,
    an_outcome_is_told_once,
    a_confirmation_is_told_once,
    what_arrives_is_what_is_owed,
    notifications_keep_their_order,
    one_attempt_at_a_time,
    who_is_paused_is_sent_nothing,
    what_is_sent_goes_where_its_owner_says,
    what_its_owner_has_is_not_sent_again,
    who_comes_by_cursor_misses_nothing,
    a_validation_is_recorded_as_it_was_told,
    only_what_is_old_and_over_is_forgotten,
    nothing_breaks,
)
