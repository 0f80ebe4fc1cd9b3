"""A request ID is spent for ever: what a second request with the same one is told."""

from enum import StrEnum

from wakala.rules.facts import INTERRUPTED, Accepted, LostSight
from wakala.rules.payment import Payment, State

STOPPED = "The gateway stopped while sending; whether it went out is not known."
_UNHEARD = "M-Pesa's answer did not reach this gateway; what came of it is told by its notification."
_TAKEN = "M-Pesa's answer did not reach this gateway, but its outcome did."


class Repeat(StrEnum):
    """What a second request with the same ID is told."""

    SAME = "same"
    IN_FLIGHT = "in flight"
    SPENT = "spent"


def repeat_of(first: Payment, fingerprint: str) -> Repeat:
    """Same ID and same meaning: the first answer, or *in flight* until there is one; other content: spent."""
    if first.fingerprint != fingerprint:
        return Repeat.SPENT
    return Repeat.SAME if first.answer is not None else Repeat.IN_FLIGHT


def in_place_of_an_answer(first: Payment) -> Accepted | LostSight:
    """What is told of a payment of which M-Pesa has spoken, though nobody here has its answer.

    Where it ended and bears M-Pesa's own ID, M-Pesa took it; who asked by Daraja's paths is not told to try again.
    """
    if first.state in {State.SUCCEEDED, State.FAILED} and first.checkout_request_id:
        return Accepted(first.merchant_request_id or "", first.checkout_request_id, _TAKEN)
    return LostSight(INTERRUPTED, _UNHEARD if first.state.is_final else STOPPED)
