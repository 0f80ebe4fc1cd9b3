"""Reversal: a customer's payment goes back, once, whole or in part (daraja.md 2.14)."""

from functools import partial

import msgspec

from wakala.simulator import accounts, authority, command_results, messages
from wakala.simulator.commands import Command, Item, Outcome, item
from wakala.simulator.messages import shillings
from wakala.simulator.world import Message, Payment, Shortcode, World


def reverse(world: World, command: Command) -> Outcome:
    """Send the money back, or say why not. Payouts and transfers are never reversed by API."""
    asked, shortcode = command.asked, authority.organisation(world, command.asked)
    payment = world.receipted(asked.receipt)
    if not isinstance(payment, Payment) or payment.shortcode is not shortcode:
        reason = f"{asked.receipt} is no receipt of a customer's payment to {asked.party_a}."
        return Outcome(command_results.BAD_ORIGINAL_ID, reason)
    if payment.reversed_by:
        return Outcome(command_results.REVERSED_ALREADY, f"Reversed by {payment.reversed_by}.")
    refused = _refused(payment, asked.amount_cents)
    if refused is not None:
        return refused
    _move_back(world, command, payment)
    return Outcome(command_results.DONE, parameters=_parameters(command, payment))


def _refused(payment: Payment, amount_cents: int) -> Outcome | None:
    shortcode = payment.shortcode
    if not shortcode.active:
        return Outcome(command_results.DEBIT_PARTY_INACTIVE, f"Shortcode {shortcode.number} is not active.")
    if amount_cents > payment.amount_cents:
        return Outcome(command_results.ABOVE_MAXIMUM, f"Only KES {shillings(payment.amount_cents)} were paid.")
    if shortcode.balance_cents < amount_cents:
        reason = (
            f"The {shortcode.collects_in} of {shortcode.number} holds KES {shillings(shortcode.balance_cents)} only."
        )
        return Outcome(command_results.NOT_ENOUGH, reason)
    return None


def _move_back(world: World, command: Command, payment: Payment) -> None:
    amount_cents = command.asked.amount_cents
    payment.shortcode.balance_cents -= amount_cents
    payment.phone.balance_cents += amount_cents
    command.receipt = payment.reversed_by = world.new_receipt()
    world.file_receipt(command)
    values = {
        "receipt": command.receipt,
        "original": payment.receipt,
        "amount": messages.grouped(amount_cents),
        "merchant": payment.shortcode.name,
        "balance": messages.grouped(payment.phone.balance_cents),
    }
    payment.phone.messages.appendleft(Message(world.clock.now(), "sms_reversed", values))


def _parameters(command: Command, payment: Payment) -> partial[list[Item]]:
    shortcode: Shortcode = payment.shortcode
    before = [item("DebitAccountBalance", accounts.line(shortcode.collects_in, shortcode.balance_cents))]
    after = [
        item("TransCompletedTime", int(f"{command.settled_at:%Y%m%d%H%M%S}")),
        item("OriginalTransactionID", payment.receipt),
        item("Charge", msgspec.Raw(b"0.00")),
        item("CreditPartyPublicName", f"{payment.phone.msisdn} - {payment.phone.name}"),
        item("DebitPartyPublicName", f"{shortcode.number} - {shortcode.name}"),
    ]
    return partial(_around_amount, before, after)


def _around_amount(before: list[Item], after: list[Item], amount_cents: int) -> list[Item]:
    return [*before, item("Amount", msgspec.Raw(shillings(amount_cents).encode())), *after]
