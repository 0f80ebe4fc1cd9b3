"""API operators of organisations: who may ask for what, and when they are locked out (daraja.md 5)."""

from dataclasses import dataclass
from typing import Literal, get_args

from wakala.simulator import commands
from wakala.simulator.commands import Instruction

Role = Literal[
    "ORG B2C API initiator",
    "Business Paybill Org API initiator",
    "Business Buy Goods Org API initiator",
    "Org Business Pay to Bulk API initiator",
    "Transaction Status query ORG API",
    "Balance Query ORG API",
    "Org Reversals Initiator",
    "Tax Remittance to KRA API",
]
ROLES: frozenset[Role] = frozenset(get_args(Role))

ROLE_OF_KIND: dict[commands.Kind, Role] = {
    "b2c": "ORG B2C API initiator",
    "b2pochi": "ORG B2C API initiator",
    "b2b": "Business Paybill Org API initiator",
    "tax": "Tax Remittance to KRA API",
    "transaction_status": "Transaction Status query ORG API",
    "account_balance": "Balance Query ORG API",
    "reversal": "Org Reversals Initiator",
}
ROLE_OF_COMMAND: dict[str, Role] = {
    "BusinessBuyGoods": "Business Buy Goods Org API initiator",
    commands.TOP_UP: "Org Business Pay to Bulk API initiator",
}
"""Where a B2B command has a role of its own. That the other transfers take the paybill role is a guess."""


@dataclass(slots=True)
class Initiator:
    """An operator with API rights. Without a shortcode it acts for every organisation, as the sandbox's does."""

    name: str
    password: str
    shortcode: str = ""
    roles: frozenset[Role] = ROLES
    active: bool = True
    failures: int = 0  # wrong passwords in a row
    locked: bool = False

    def fail(self, failures_max: int) -> bool:
        """Note a wrong password; too many in a row lock the operator. Says whether they did."""
        self.failures += 1
        self.locked = self.locked or self.failures >= failures_max
        return self.locked


def role_for(asked: Instruction) -> Role:
    """The role that an instruction needs."""
    return ROLE_OF_COMMAND.get(asked.command_id, ROLE_OF_KIND[asked.kind])
