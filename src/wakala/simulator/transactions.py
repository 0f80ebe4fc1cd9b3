"""A transaction of any kind as a status query shows it (daraja.md 2.12). The customer's number is never masked here."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from wakala.simulator import commands, identifiers, transfers
from wakala.simulator.commands import Command
from wakala.simulator.world import UTILITY, Payment, Shortcode, World

CUSTOMER_ACCOUNT = "MMF Account For Customer"
NAME_WIDTH_CHARS = 32
"""Production pads the receiving organisation's name with spaces to this width."""

Status = Literal["Completed", "Failed", "Declined", "Reversed"]
"""Completed was captured, the others are what every SDK assumes."""

REASON_TYPES = {
    "BusinessPayment": "Business Payment to Customer via API",
    "SalaryPayment": "Salary Payment via API",
    "PromotionPayment": "Promotion Payment via API",
    commands.POCHI: "Business Payment to Pochi via API",
    "TransactionReversal": "Pay Bill Reversal",
}
"""The first two were captured, the rest follow their pattern; transfers show their CommandID."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """Who paid whom, when, and how it ended."""

    receipt: str
    debit_party: str
    credit_party: str
    debit_account: str
    amount_cents: int
    charge: str
    by_business: bool
    reason_type: str
    status: Status
    initiated_at: datetime
    finalised_at: datetime
    originator_id: str
    conversation_id: str


def view(world: World, found: Payment | Command) -> Transaction:
    """The transaction behind a receipt."""
    return _of_payment(world, found) if isinstance(found, Payment) else _of_command(world, found)


def _of_payment(world: World, payment: Payment) -> Transaction:
    payment.originator_id = payment.originator_id or payment.merchant_request_id or world.next_request_id()
    if not payment.conversation_id:
        payment.conversation_id = identifiers.conversation_id(payment.asked_at, world.random)
    at = payment.settled_at or payment.asked_at
    return Transaction(
        receipt=payment.receipt,
        debit_party=f"{payment.phone.msisdn} - {payment.phone.name}",
        credit_party=f"{payment.shortcode.number} - {payment.shortcode.name:<{NAME_WIDTH_CHARS}}",
        debit_account=CUSTOMER_ACCOUNT,
        amount_cents=payment.amount_cents,
        charge="",
        by_business=False,
        reason_type=_payment_reason(payment),
        status="Reversed" if payment.reversed_by else "Completed",
        initiated_at=at,
        finalised_at=at,
        originator_id=payment.originator_id,
        conversation_id=payment.conversation_id,
    )


def _payment_reason(payment: Payment) -> str:
    by_prompt = payment.origin == "stk"
    if payment.buy_goods:
        return "Customer Buy Goods Online" if by_prompt else "Pay Merchant"
    return "Pay Bill Online" if by_prompt else "Pay Utility"


def _of_command(world: World, command: Command) -> Transaction:
    asked = command.asked
    payer = world.owner_of(asked.party_a)
    return Transaction(
        receipt=command.receipt or identifiers.no_receipt(command.asked_at),
        debit_party=_organisation(payer, asked.party_a),
        credit_party=_receiver(world, command),
        debit_account=_debit_account(command, payer),
        amount_cents=asked.amount_cents,
        charge=command.charge,
        by_business=True,
        reason_type=REASON_TYPES.get(asked.command_id, asked.command_id),
        status="Completed" if command.done else "Declined" if command.receipt else "Failed",
        initiated_at=command.asked_at,
        finalised_at=command.settled_at or command.asked_at,
        originator_id=command.originator_id,
        conversation_id=command.conversation_id,
    )


def _receiver(world: World, command: Command) -> str:
    asked = command.asked
    if asked.kind == "reversal":
        reversed_payment = world.receipted(asked.receipt)
        if not isinstance(reversed_payment, Payment):
            return asked.receipt
        return f"{reversed_payment.phone.msisdn} - {reversed_payment.phone.name}"
    if asked.kind in ("b2c", "b2pochi"):
        return f"{asked.party_b} - {world.phone(asked.party_b).name}"
    return _organisation(world.owner_of(asked.party_b), asked.party_b)


def _organisation(shortcode: Shortcode | None, number: str) -> str:
    return f"{shortcode.number} - {shortcode.name}" if shortcode is not None else number


def _debit_account(command: Command, payer: Shortcode | None) -> str:
    kind = command.asked.kind
    if kind in ("b2b", "tax"):
        return transfers.move_of(command.asked.command_id).debit
    return payer.collects_in if kind == "reversal" and payer is not None else UTILITY
