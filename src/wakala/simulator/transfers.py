"""B2B: a business pays another, tops up its payouts, remits tax or moves its own money (daraja.md 2.9 to 2.11)."""

from dataclasses import dataclass
from functools import partial

from wakala.simulator import accounts, command_results, commands
from wakala.simulator.commands import Command, Item, Outcome, item
from wakala.simulator.messages import shillings
from wakala.simulator.payouts import AMOUNT_MAX_CENTS
from wakala.simulator.world import CHARGES, MERCHANT, UTILITY, WORKING, AccountName, Shortcode, World

FEE_NAME = "Business Pay Bill Charge"
"""Seen on paybill transfers and taxes; other transfers were seen without a charge."""


@dataclass(frozen=True, slots=True)
class Move:
    """From which account of the payer to which of the receiver. An ``own`` move stays within one organisation."""

    debit: AccountName
    credit: AccountName
    own: bool = False
    charged: bool = False


MOVES: dict[str, Move] = {
    "BusinessPayBill": Move(WORKING, UTILITY, charged=True),
    "BusinessBuyGoods": Move(WORKING, MERCHANT),
    commands.TOP_UP: Move(WORKING, UTILITY),
    commands.DISBURSEMENT: Move(UTILITY, WORKING),
    "BusinessToBusinessTransfer": Move(WORKING, WORKING),
    "MerchantToMerchantTransfer": Move(MERCHANT, MERCHANT),
    "BusinessTransferFromMMFToUtility": Move(WORKING, UTILITY, own=True),
    "BusinessTransferFromUtilityToMMF": Move(UTILITY, WORKING, own=True),
    "MerchantTransferFromMerchantToWorking": Move(MERCHANT, WORKING, own=True),
    # Of these two only the names are known; MMF is the Working account, and agents have no float account here.
    "MerchantServicesMMFAccountTransfer": Move(WORKING, WORKING),
    "AgencyFloatAdvance": Move(WORKING, WORKING),
}
"""What each CommandID of the payment request does (daraja.md 2.9). Taxes have a path of their own."""

TAX_MOVE = Move(WORKING, UTILITY, charged=True)


def move_of(command_id: str) -> Move:
    """The move behind a CommandID."""
    return TAX_MOVE if command_id == commands.TAX else MOVES[command_id]


def receiver_of(world: World, command: Command) -> Shortcode | None:
    """Who is paid: a paybill, a store number or its till."""
    return world.owner_of(command.asked.party_b)


def transfer(world: World, command: Command) -> Outcome:
    """Move the money, or say why not."""
    asked = command.asked
    payer, receiver, move = world.shortcodes[asked.party_a], receiver_of(world, command), move_of(asked.command_id)
    if receiver is None:
        return Outcome(command_results.NO_SUCH_RECEIVER, f"There is no shortcode or till {asked.party_b} here.")
    refused = _refused(payer, receiver, move, command)
    if refused is not None:
        return refused
    before_cents = payer.accounts[move.debit]
    payer.accounts[move.debit] -= asked.amount_cents
    receiver.accounts[move.credit] += asked.amount_cents
    if move.charged:
        command.charge = accounts.charge(payer, accounts.business_fee_cents(asked.amount_cents), FEE_NAME)
    command.receipt = world.new_receipt()
    world.file_receipt(command)
    if asked.command_id == commands.DISBURSEMENT:
        return Outcome(command_results.DONE, parameters=_disbursed(command, payer, receiver))
    return Outcome(command_results.DONE, parameters=_parameters(command, payer, receiver, before_cents))


def _refused(payer: Shortcode, receiver: Shortcode, move: Move, command: Command) -> Outcome | None:
    amount_cents = command.asked.amount_cents
    if not payer.active:
        return Outcome(command_results.DEBIT_PARTY_INACTIVE, f"Shortcode {payer.number} is not active.")
    if move.own and payer is not receiver:
        reason = f"{command.asked.command_id} moves money within {payer.number}: PartyB is the same as PartyA."
        return Outcome(command_results.NOT_PERMITTED, reason)
    for party, account in ((payer, move.debit), (receiver, move.credit)):
        if account not in party.accounts:
            reason = f"{party.number} is a {party.kind} and has no {account}."
            return Outcome(command_results.NOT_PERMITTED, reason)
    if not receiver.active:
        return Outcome(command_results.CREDIT_PARTY_INACTIVE, f"Shortcode {receiver.number} is not active.")
    if amount_cents > AMOUNT_MAX_CENTS:
        return Outcome(command_results.ABOVE_MAXIMUM, f"A transfer is at most KES {shillings(AMOUNT_MAX_CENTS)}.")
    if payer.accounts[move.debit] < amount_cents:
        reason = f"The {move.debit} of {payer.number} holds KES {shillings(payer.accounts[move.debit])} only."
        return Outcome(command_results.NOT_ENOUGH, reason)
    return None


def _parameters(command: Command, payer: Shortcode, receiver: Shortcode, before_cents: int) -> partial[list[Item]]:
    """Strings throughout; the account before the debit comes first, after it last."""
    account = move_of(command.asked.command_id).debit
    after_cents = payer.accounts[account]
    return partial(
        _around_amount,
        [item("DebitAccountBalance", accounts.java_map(before_cents))],
        [
            item("DebitPartyAffectedAccountBalance", accounts.line(account, after_cents)),
            item("TransCompletedTime", f"{command.settled_at:%Y%m%d%H%M%S}"),
            item("DebitPartyCharges", command.charge),
            item("ReceiverPartyPublicName", f"{receiver.number} - {receiver.name}"),
            item("Currency", "KES"),
            item("InitiatorAccountCurrentBalance", accounts.java_map(after_cents)),
        ],
    )


def _around_amount(before: list[Item], after: list[Item], amount_cents: int) -> list[Item]:
    return [*before, item("Amount", shillings(amount_cents)), *after]


def _disbursed(command: Command, payer: Shortcode, receiver: Shortcode) -> partial[list[Item]]:
    """A disbursement's own keys, as captured in production: no amount, and the receiver's balances."""
    charge = "Disbursement of Funds Charge|KES|0.00&Disbursement of Funds Charge by Receiver|KES|0.00"
    credited = "&".join(accounts.line(name, receiver.accounts[name]) for name in (WORKING, CHARGES))
    items = [
        item("DebitPartyCharges", charge),
        item("CreditAccountBalance", credited),
        item("CreditPartyPublicName", f"{receiver.number} - {receiver.name}"),
        item("DebitAccountCurrentBalance", accounts.java_map(payer.accounts[UTILITY])),
        item("DebitPartyPublicName", f"{payer.number} - {payer.name}"),
        item("TransCompletedTime", int(f"{command.settled_at:%Y%m%d%H%M%S}")),
    ]
    return partial(_without_amount, items)


def _without_amount(items: list[Item], _: int) -> list[Item]:
    return items
