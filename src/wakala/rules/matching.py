"""Which of the payments that wait for their customer a C2B confirmation belongs to.

A push to a shortcode whose C2B URLs are registered is reported twice: by its own callback and by a C2B confirmation
with the same receipt (daraja.md 2.1). Two reports must become one payment, and one report must never settle another's
payment. So the receipt decides where it is known, else all that both sides know must agree, else nobody decides.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from wakala.rules.msisdn import Likeness, could_be
from wakala.rules.payment import Evidence

REFERENCE_MAX_CHARS = 12  # M-Pesa's width of an account reference; a longer one may fail with 1025 (daraja.md 9.15)

# M-Pesa stamps whole seconds, dropping the rest, and two clocks kept by NTP may differ a little. A payment stamped
# earlier than this before its push was made by hand, whatever else fits.
CLOCK_SLACK_US = 10_000_000


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What M-Pesa told us of money that came in, and how. ``msisdn`` is as M-Pesa wrote it, most often masked."""

    receipt: str
    shortcode: str
    reference: str
    amount_cents: int
    msisdn: str
    paid_us: int | None
    received_us: int
    by: Evidence = Evidence.C2B_CONFIRMATION


@dataclass(frozen=True, slots=True)
class Candidate:
    """A push that may be the one. ``till`` is set for Buy Goods, whose shortcode is the store number.

    ``is_paid`` where a query has settled it, which tells no receipt (daraja.md 2.2).
    """

    payment_id: str
    shortcode: str
    till: str | None
    reference: str
    amount_cents: int
    msisdn: str
    created_us: int
    receipt: str | None
    is_paid: bool = False


@dataclass(frozen=True, slots=True)
class Matched:
    """It is this payment: by its receipt, or because every field agrees with it and with no other."""

    payment_id: str
    by: Literal["receipt", "fields"]


@dataclass(frozen=True, slots=True)
class Unmatched:
    """None of them: money that was not asked for by a push."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """It may be one of these, and M-Pesa told too little to say which. A single one means that proof is too thin."""

    payment_ids: tuple[str, ...]


Match = Matched | Unmatched | Ambiguous


def reference_as_sent(reference: str) -> str:
    """An account reference as a push carries it: one line, no more than twelve characters."""
    return " ".join(reference.split())[:REFERENCE_MAX_CHARS].rstrip()


def match(
    confirmation: Confirmation, candidates: Iterable[Candidate], window_us: int, *, among_equals: bool = False
) -> Match:
    """The payment that this confirmation settles, paid within ``window_us`` of its creation; never a guess.

    With ``among_equals``, when nobody will tell more, it is the first of several that are known to be paid and that
    M-Pesa's words cannot tell apart. Each of them has a confirmation of its own, so the money adds up whichever it is;
    given to none of them, it would be told once more.
    """
    waiting = tuple(candidates)
    by_receipt = [each for each in waiting if each.receipt and each.receipt == confirmation.receipt]
    if by_receipt:
        return _only(by_receipt, by="receipt")
    fitting = [each for each in waiting if _fits(confirmation, each, window_us)]
    alike = _alike_by_phone(confirmation, fitting)
    if alike is None:
        return _unsure(fitting)
    if among_equals and _are_paid_and_equal(alike):
        return Matched(min(alike, key=lambda each: (each.created_us, each.payment_id)).payment_id, "fields")
    return _only(alike, by="fields")


def _alike_by_phone(confirmation: Confirmation, fitting: Sequence[Candidate]) -> Sequence[Candidate] | None:
    """Those that agree in the phone too: a full number or hash beats a mask, a mask beats nothing at all.

    None where neither payer nor purpose is known; an amount alone proves nothing.
    """
    alike: dict[Likeness, list[Candidate]] = {likeness: [] for likeness in Likeness}
    for each in fitting:
        alike[could_be(confirmation.msisdn, each.msisdn)].append(each)
    if alike[Likeness.SAME]:
        return alike[Likeness.SAME]
    if alike[Likeness.UNREADABLE] and not confirmation.reference.strip():
        return None
    return alike[Likeness.COMPATIBLE] + alike[Likeness.UNREADABLE]


def _are_paid_and_equal(candidates: Sequence[Candidate]) -> bool:
    """All of one customer, for the same, none of them in doubt."""
    asked = {(each.msisdn, _folded(reference_as_sent(each.reference))) for each in candidates}
    return len(asked) == 1 and all(each.is_paid for each in candidates)


def _fits(confirmation: Confirmation, candidate: Candidate, window_us: int) -> bool:
    return (
        not candidate.receipt  # a payment with another receipt is another payment
        and candidate.amount_cents == confirmation.amount_cents
        and confirmation.shortcode.strip() in {candidate.shortcode, candidate.till}
        and _reference_fits(confirmation, candidate)
        and _time_fits(confirmation, candidate, window_us)
    )


def _reference_fits(confirmation: Confirmation, candidate: Candidate) -> bool:
    """Customers type it in any case (daraja.md 9.18); tills report none, and then it says nothing."""
    reported = _folded(confirmation.reference)
    if candidate.till is not None and not reported:
        return True
    return reported == _folded(reference_as_sent(candidate.reference))


def _folded(reference: str) -> str:
    return " ".join(reference.split()).casefold()


def _time_fits(confirmation: Confirmation, candidate: Candidate, window_us: int) -> bool:
    """We cannot have heard of it before it was asked for; by M-Pesa's clock it was paid within the window."""
    if confirmation.received_us < candidate.created_us:
        return False
    if confirmation.paid_us is None:
        return confirmation.received_us <= candidate.created_us + window_us
    since_us = confirmation.paid_us - candidate.created_us
    return -CLOCK_SLACK_US <= since_us <= window_us + CLOCK_SLACK_US


def _only(candidates: Sequence[Candidate], *, by: Literal["receipt", "fields"]) -> Match:
    match candidates:
        case []:
            return Unmatched()
        case [one]:
            return Matched(one.payment_id, by)
        case _:
            return _unsure(candidates)


def _unsure(candidates: Sequence[Candidate]) -> Ambiguous:
    return Ambiguous(tuple(each.payment_id for each in candidates))
