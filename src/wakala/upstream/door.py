"""What the story of a payment knows of M-Pesa: a call is carried, and what comes back is a fact."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from wakala.rules.exchange import Exchange
from wakala.rules.facts import Fact
from wakala.rules.payment import Payment
from wakala.rules.sides import BrokerAccess
from wakala.wire.security_credential import security_credential


@dataclass(frozen=True, slots=True)
class Credentials:
    """What is needed to speak for one shortcode; opened from the vault for the call, never stored computed."""

    shortcode_id: str
    base_url: str
    number: str
    party_b: str
    is_till: bool
    consumer_key: str = field(repr=False)
    consumer_secret: str = field(repr=False)
    passkey: str = field(repr=False)
    initiator: str = ""
    initiator_password: str = field(default="", repr=False)
    certificate: str = field(default="", repr=False)
    bill_key: str = field(default="", repr=False)
    broker: BrokerAccess | None = field(default=None, repr=False)

    def security_credential(self) -> str:
        """The initiator's password for M-Pesa's eyes only; made anew for every call (daraja.md 5)."""
        return security_credential(self.initiator_password, self.certificate)


Callback = Callable[[str], str]
"""The URL at which M-Pesa answers, by the kind of answer."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call brought: a fact, and the exchanges to store with it."""

    fact: Fact
    exchanges: tuple[Exchange, ...]
    bill_key: str = field(default="", repr=False)  # what Bill Manager's opt-in gave us; told to nobody


class Upstream(Protocol):
    """M-Pesa, whichever side of it a payment goes by."""

    def is_ready(self, credentials: Credentials, payment: Payment) -> bool:
        """True when the call needs nothing first."""
        ...

    async def prepare(self, credentials: Credentials, payment: Payment) -> tuple[Fact | None, tuple[Exchange, ...]]:
        """Have in hand what the call needs: None when it is there, otherwise why not, as a fact that sent nothing."""
        ...

    async def carry(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """Take a command to M-Pesa. Sent at most once."""
        ...

    async def ask(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """What became of it. Asks, and moves no money."""
        ...
