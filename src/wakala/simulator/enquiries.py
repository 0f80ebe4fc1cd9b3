"""Transaction status and account balance: questions that move no money (daraja.md 2.12 and 2.13)."""

from functools import partial
from typing import Any

import msgspec

from wakala.simulator import accounts, authority, command_results, identifiers, transactions
from wakala.simulator.commands import Command, Item, Outcome, item
from wakala.simulator.transactions import Transaction
from wakala.simulator.world import Payment, Shortcode, World

ENQUIRIES = ("transaction_status", "account_balance")
"""They move no money, so no status query is about them."""


def tell_balance(world: World, command: Command) -> Outcome:
    """What lies in each account of the organisation."""
    shortcode = authority.organisation(world, command.asked)
    if shortcode is None:
        raise AssertionError("An enquiry without an organisation was denied before.")
    done_at = f"{command.settled_at:%Y%m%d%H%M%S}"
    items = [
        item("AccountBalance", accounts.lines(shortcode)),
        item("BOCompletedTime", done_at if world.rules.portal_types else int(done_at)),
    ]
    return Outcome(command_results.DONE, parameters=partial(_always, items))


def tell_status(world: World, command: Command) -> Outcome:
    """What became of a transaction, by its receipt or by the OriginatorConversationID of its request.

    Not found says nothing about the payment: its request may still lie in the queue.
    """
    receipt = command.asked.receipt
    if receipt and not identifiers.is_receipt(receipt):
        return Outcome(command_results.BAD_PARAMETER, f"{receipt} is no receipt: 10 capitals and digits, a day first.")
    found = _find(world, command)
    if found is None:
        asked = command.asked.receipt or command.asked.original_id
        reason = f"{asked} is no transaction that {command.asked.party_a} took part in, or it has not been processed."
        return Outcome(command_results.NO_SUCH_RECEIPT, reason)
    items = _items(transactions.view(world, found), as_portal=world.rules.portal_types)
    return Outcome(command_results.DONE, parameters=partial(_always, items))


def _find(world: World, command: Command) -> Payment | Command | None:
    asked, shortcode = command.asked, authority.organisation(world, command.asked)
    found: Payment | Command | None
    if asked.receipt:
        found = world.receipted(asked.receipt)
    else:
        found = world.command_of(shortcode.number, asked.original_id) if shortcode is not None else None
    if isinstance(found, Command) and (found.result is None or found.asked.kind in ENQUIRIES):
        return None
    return found if found is not None and _took_part(found, asked.party_a, shortcode) else None


def _took_part(found: Payment | Command, party: str, shortcode: Shortcode | None) -> bool:
    names = {party} if shortcode is None else {party, shortcode.number, shortcode.till}
    if isinstance(found, Payment):
        return found.shortcode is shortcode or found.phone.msisdn in names
    return not names.isdisjoint({found.asked.party_a, found.asked.party_b})


def _items(found: Transaction, *, as_portal: bool) -> list[Item]:
    def time(at: str) -> str | int:
        return at if as_portal else int(at)

    charges: Item = {"Key": "DebitPartyCharges" if found.by_business else "CreditPartyCharges"}
    if found.charge:
        charges["Value"] = found.charge
    account = item("DebitAccountType", found.debit_account)
    amount: Any = str(found.amount_cents // 100) if as_portal else msgspec.Raw(b"%d.0" % (found.amount_cents // 100))
    return [
        item("DebitPartyName", found.debit_party),
        item("CreditPartyName", found.credit_party),
        item("OriginatorConversationID", found.originator_id),
        item("InitiatedTime", time(f"{found.initiated_at:%Y%m%d%H%M%S}")),
        *((account, charges) if found.by_business else (charges, account)),
        {"Key": "TransactionReason"},
        item("ReasonType", found.reason_type),
        item("TransactionStatus", found.status),
        item("FinalisedTime", time(f"{found.finalised_at:%Y%m%d%H%M%S}")),
        item("Amount", amount),
        item("ConversationID", found.conversation_id),
        item("ReceiptNo", found.receipt),
    ]


def _always(items: list[Item], _: int) -> list[Item]:
    return items
