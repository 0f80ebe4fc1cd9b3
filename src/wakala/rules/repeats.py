"""A request ID is spent for ever: what a second request with the same one is told."""

from enum import StrEnum

from wakala.rules.payment import Payment


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
