"""B2C and B2Pochi: a business pays a customer from its Utility account (daraja.md 2.6 and 2.7)."""

from functools import partial

import msgspec

from wakala.simulator import accounts, command_results, messages
from wakala.simulator.commands import Command, Item, Outcome, item
from wakala.simulator.messages import shillings
from wakala.simulator.world import CHARGES, UTILITY, WORKING, Message, Phone, Shortcode, World

AMOUNT_MIN_CENTS = 10_00
AMOUNT_MAX_CENTS = 250_000_00
RECEIVED_A_DAY_MAX_CENTS = 500_000_00
BALANCE_MAX_CENTS = 500_000_00
"""M-Pesa's limits for payouts and for customers (daraja.md 7.6)."""

FEE_NAME = "Fee For B2C Payment"


def pay_out(world: World, command: Command) -> Outcome:
    """Pay, or say why not."""
    payer, phone = world.shortcodes[command.asked.party_a], world.phone(command.asked.party_b)
    refused = _refused(world, payer, phone, command)
    if refused is not None:
        return refused
    if payer.accounts[UTILITY] < command.asked.amount_cents:
        command.receipt = world.new_receipt()  # of all failures this one was seen with a receipt of its own
        world.file_receipt(command)
        reason = f"The Utility account of {payer.number} holds KES {shillings(payer.accounts[UTILITY])} only."
        return Outcome(command_results.NOT_ENOUGH, reason)
    _move(world, command, payer, phone)
    return Outcome(command_results.DONE, parameters=_parameters(command, payer, phone))


def _refused(world: World, payer: Shortcode, phone: Phone, command: Command) -> Outcome | None:
    amount_cents, today = command.asked.amount_cents, world.clock.now().date()
    wallet_cents = phone.pochi_cents if command.asked.kind == "b2pochi" else phone.balance_cents
    if not payer.active:
        return Outcome(command_results.DEBIT_PARTY_INACTIVE, f"Shortcode {payer.number} is not active.")
    if payer.kind == "till" or not payer.b2c:
        return Outcome(command_results.NOT_PERMITTED, f"{payer.number} is no bulk-disbursement shortcode.")
    if amount_cents < AMOUNT_MIN_CENTS:
        return Outcome(command_results.BELOW_MINIMUM, f"A payout is at least KES {shillings(AMOUNT_MIN_CENTS)}.")
    if amount_cents > AMOUNT_MAX_CENTS:
        return Outcome(command_results.ABOVE_MAXIMUM, f"A payout is at most KES {shillings(AMOUNT_MAX_CENTS)}.")
    if not phone.registered:
        return Outcome(command_results.NOT_REGISTERED, f"Phone {phone.msisdn} is not registered for M-PESA.")
    if phone.received.on(today) + amount_cents > RECEIVED_A_DAY_MAX_CENTS:
        return Outcome(command_results.DAILY_LIMIT, f"Phone {phone.msisdn} would have received too much today.")
    if wallet_cents + amount_cents > BALANCE_MAX_CENTS:
        return Outcome(command_results.BALANCE_LIMIT, f"Phone {phone.msisdn} would hold too much.")
    return None


def _move(world: World, command: Command, payer: Shortcode, phone: Phone) -> None:
    amount_cents = command.asked.amount_cents
    payer.accounts[UTILITY] -= amount_cents
    command.charge = accounts.charge(payer, accounts.payout_fee_cents(amount_cents), FEE_NAME)
    if command.asked.kind == "b2pochi":
        phone.pochi_cents += amount_cents
    else:
        phone.balance_cents += amount_cents
    phone.received.add(amount_cents, world.clock.now().date())
    command.receipt = world.new_receipt()
    world.file_receipt(command)
    values = {
        "receipt": command.receipt,
        "amount": messages.grouped(amount_cents),
        "merchant": payer.name,
        "balance": messages.grouped(phone.balance_cents),
    }
    phone.messages.appendleft(Message(world.clock.now(), "sms_received", values))


def _parameters(command: Command, payer: Shortcode, phone: Phone) -> partial[list[Item]]:
    """Balances as they are now: a result that is late tells what was true when the money moved."""
    funds = {name: _decimal(payer.accounts[name]) for name in (UTILITY, WORKING, CHARGES)}
    receiver = f"{phone.msisdn} - {phone.name}"
    done_at = f"{command.settled_at:%d.%m.%Y %H:%M:%S}"  # unlike every other time of M-Pesa's
    after = [
        item("TransactionReceipt", command.receipt),
        item("ReceiverPartyPublicName", receiver),
        item("TransactionCompletedDateTime", done_at),
        item("B2CUtilityAccountAvailableFunds", funds[UTILITY]),
        item("B2CWorkingAccountAvailableFunds", funds[WORKING]),
        item("B2CRecipientIsRegisteredCustomer", "Y"),
        item("B2CChargesPaidAccountAvailableFunds", funds[CHARGES]),
    ]
    return partial(_with_amount, after)


def _with_amount(after: list[Item], amount_cents: int) -> list[Item]:
    return [item("TransactionAmount", amount_cents // 100), *after]


def _decimal(cents: int) -> msgspec.Raw:
    return msgspec.Raw(shillings(cents).encode())
