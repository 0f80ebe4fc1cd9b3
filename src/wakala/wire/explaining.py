"""A payment's code in plain words, by the tables of the side that gave it."""

from wakala.rules.accounts import Side
from wakala.rules.outcome import Outcome
from wakala.rules.payment import Payment
from wakala.wire.broker import codes
from wakala.wire.daraja_codes import explain, family_of


def explain_code(payment: Payment, code: str, description: str) -> Outcome | None:
    """None for a code that no table has. The Broker's come first on its side: some mean another thing by Daraja."""
    own = codes.explain(code, description) if payment.side is Side.BROKER else None
    return own or explain(code, description, family_of(payment.command))
