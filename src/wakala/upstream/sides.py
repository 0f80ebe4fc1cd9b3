"""Both sides behind one door: each payment goes by the one it began on."""

from wakala.rules.accounts import Side
from wakala.rules.exchange import Exchange
from wakala.rules.facts import Fact
from wakala.rules.payment import Payment
from wakala.upstream.broker import Broker
from wakala.upstream.daraja import Daraja
from wakala.upstream.door import Asked, Callback, Credentials


class Sides:
    """M-Pesa, for those who need not know that it has two interfaces."""

    def __init__(self, daraja: Daraja, broker: Broker) -> None:
        self._daraja = daraja
        self._broker = broker

    def is_ready(self, credentials: Credentials, payment: Payment) -> bool:
        """True when the call needs nothing first."""
        if _is_brokers(payment):
            return self._broker.is_ready(credentials, payment)
        return self._daraja.is_ready(credentials)

    async def prepare(self, credentials: Credentials, payment: Payment) -> tuple[Fact | None, tuple[Exchange, ...]]:
        """Have in hand what the call needs."""
        if _is_brokers(payment):
            return await self._broker.prepare(credentials, payment)
        return await self._daraja.prepare(credentials, payment.scope, payment.id)

    async def carry(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """Take a command to M-Pesa. Sent at most once."""
        return await self._side(payment).carry(credentials, payment, callback)

    async def ask(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """What became of it."""
        return await self._side(payment).ask(credentials, payment, callback)

    def _side(self, payment: Payment) -> Broker | Daraja:
        return self._broker if _is_brokers(payment) else self._daraja


def _is_brokers(payment: Payment) -> bool:
    return payment.side is Side.BROKER
