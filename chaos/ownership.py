"""The judge's rules of what owners of endpoints, readers, those who are asked and operators do at the gateway."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from case import ARRIVED, HOLD, Case, Invariant, Violation
from evidence import Attempt, Deed, Done, Owed

LAST_ATTEMPT_US = 5_000_000  # after an acknowledgement an attempt may still begin within this
FINISH_OLD = "finish_old"


def who_is_paused_is_sent_nothing(case: Case) -> Iterator[Violation]:
    """From when a pause was done until its end is asked for no attempt begins."""
    for attempt, owed in _attempts(case):
        last = None
        for done in case.deeds[owed.app]:
            if done.deed is Deed.PAUSE and case.has_heard(attempt, done):
                last = done
            elif done.deed is Deed.RESUME and done.asked_us <= attempt.from_us:
                last = None
        if last is not None:
            sentence = f"{owed.id} was sent {attempt.from_us - (last.done_us or 0)} us after its endpoint was paused."
            yield Violation(Invariant.WHILE_PAUSED, case.request_of(owed.payment_id), sentence)


def what_is_sent_goes_where_its_owner_says(case: Case) -> Iterator[Violation]:
    """To the URL of today; to the one before only what was owed by then, and was to finish there."""
    for attempt, owed in _attempts(case):
        moves = [done for done in case.did(owed.app, Deed.MOVE) if done.asked_us <= attempt.from_us]
        heard = [number for number, move in enumerate(moves) if case.has_heard(attempt, move)]
        since = max(heard, default=0)
        places = {move.subject for move in moves[since:]}
        places |= {move.before for move in moves[since:] if move.waiting == FINISH_OLD and _is_older(owed, move)}
        if not heard:
            places |= {moves[0].before} if moves else {attempt.url}
        if attempt.url not in places and not _has_place_of_its_own(attempt):
            sentence = f"{owed.id} was sent to {attempt.url}, its owner had moved to {' or '.join(sorted(places))}."
            yield Violation(Invariant.WRONG_PLACE, case.request_of(owed.payment_id), sentence)


def _is_older(owed: Owed, move: Done) -> bool:
    """True where it was, or may have been, owed before the move; or the move is not over."""
    return move.done_us is None or owed.made_us <= move.done_us


def _has_place_of_its_own(attempt: Attempt) -> bool:
    """A confirmation in M-Pesa's words goes where it was registered."""
    return attempt.url.endswith("/confirmations")


def what_its_owner_has_is_not_sent_again(case: Case) -> Iterator[Violation]:
    """What was acknowledged, or was to be held, is not sent, unless it was replayed since."""
    for attempt, owed in _attempts(case):
        ends = [
            done
            for done in case.deeds[owed.app]
            if (done.deed is Deed.ACKNOWLEDGE and done.subject == owed.id)
            or (done.deed is Deed.MOVE and done.waiting == HOLD and owed.made_us < done.asked_us)
        ]
        for done in ends:
            if done.deed is Deed.MOVE and _has_place_of_its_own(attempt):
                continue
            replays = [one for one in case.did(owed.app, Deed.REPLAY) if one.subject in {"", owed.id}]
            if any(
                done.asked_us <= (one.done_us or attempt.from_us) and one.asked_us <= attempt.from_us for one in replays
            ):
                continue
            rest_us = LAST_ATTEMPT_US if done.deed is Deed.ACKNOWLEDGE else 0
            if case.has_heard(replace(attempt, from_us=attempt.from_us - rest_us), done):
                sentence = (
                    f"{owed.id} was sent {attempt.from_us - (done.done_us or 0)} us after its owner's {done.deed}."
                )
                yield Violation(Invariant.AFTER_ALL, case.request_of(owed.payment_id), sentence)


def _attempts(case: Case) -> Iterator[tuple[Attempt, Owed]]:
    """Those at what an app is owed whose owner did something; the test of a URL is none."""
    for attempt in case.evidence.attempts:
        owed = case.owed_by_id.get(attempt.notification_id)
        if owed is not None and case.deeds[owed.app]:
            yield attempt, owed


def who_comes_by_cursor_misses_nothing(case: Case) -> Iterator[Violation]:
    """Each notification of an app is read once by each reader who came to the end."""
    for reader in case.evidence.readers:
        read = set(reader.read)
        for owed in case.evidence.journal.owed:
            if owed.app == reader.app and owed.id not in read and case.evidence.is_calm:
                sentence = f"{owed.id} ({owed.type}) was never read by {reader.name}."
                yield Violation(Invariant.UNREAD, case.request_of(owed.payment_id), sentence)
        for notification_id in reader.again:
            sentence = f"{notification_id} came again to {reader.name}, whose cursor was past it."
            yield Violation(Invariant.READ_TWICE, notification_id, sentence)


def a_validation_is_recorded_as_it_was_told(case: Case) -> Iterator[Violation]:
    """M-Pesa is told what is recorded; the merchant's word is the merchant's, and any other's is what was registered.

    What could not be recorded in time is not there; and M-Pesa may have been asked twice by its network.
    """
    verdicts: dict[str, set[bool | None]] = defaultdict(set)
    for key, verdict in case.evidence.verdicts:
        verdicts[key].add(verdict)
    records: dict[str, set[bool]] = defaultdict(set)
    for decided in case.evidence.journal.decided:
        records[decided.key].add(decided.accepted)
        how = f"it is recorded as {'accepted' if decided.accepted else 'rejected'} by {decided.by}"
        if decided.by == "the merchant" and decided.accepted not in verdicts[decided.key]:
            yield Violation(Invariant.DECIDED_WRONG, decided.key, f"{how}; the merchant did not say so.")
        if "default" in decided.by and decided.accepted != case.evidence.journal.default:
            yield Violation(Invariant.DECIDED_WRONG, decided.key, f"{how}; the contrary was registered.")
    for told in case.mpesa.validations:
        if told.accepted is not None and records[told.key] and told.accepted not in records[told.key]:
            sentence = f"M-Pesa was told {told.accepted}; recorded is {sorted(records[told.key])}."
            yield Violation(Invariant.DECIDED_WRONG, told.key, sentence)
        possible = verdicts[told.key] | {case.evidence.journal.default}
        if told.accepted is not None and told.accepted not in possible:
            sentence = f"M-Pesa was told {told.accepted}; nobody had said or registered that."
            yield Violation(Invariant.DECIDED_WRONG, told.key, sentence)


def only_what_is_old_and_over_is_forgotten(case: Case) -> Iterator[Violation]:
    """Neither what waits, nor what was not taken, nor what an open payment may need, nor what is in quarantine."""
    for gone in case.evidence.journal.gone:
        is_over = gone.state in ARRIVED if gone.what == "notification" else gone.state == "ok"
        age_us = gone.at_us - gone.since_us if gone.since_us is not None else 0
        if not is_over or gone.is_wanted or age_us < gone.least_us:
            sentence = f"the {gone.what} {gone.id} was forgotten, {gone.state}, after {age_us} us"
            wanted = ", while a payment was open that was there before it" if gone.is_wanted else ""
            yield Violation(Invariant.FORGOTTEN, case.request_of(gone.payment_id), f"{sentence}{wanted}.")
