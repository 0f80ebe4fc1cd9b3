"""Reading what a business asks for: one field after the other, in the order of M-Pesa's tables (daraja.md 2.6 to 2.14).

Identifier types come last: Daraja passes them on, and what stands behind it refuses them in words of its own.
"""

from dataclasses import dataclass
from typing import Literal

from wakala.simulator import commands, refusals
from wakala.simulator.commands import Instruction, Kind
from wakala.simulator.requests import Fields
from wakala.simulator.transfers import MOVES

ACCOUNT_MAX_CHARS = 13
"""Of an AccountReference between businesses (daraja.md 2.9)."""

Party = Literal["PrimaryParty", "ReceiverParty"]


@dataclass(frozen=True, slots=True)
class Urls:
    """Where results and queue time-outs go."""

    result: str
    timeout: str


def read_payout(fields: Fields, *, kind: Kind, versioned: bool, strict_urls: bool) -> Instruction:
    """B2C and B2Pochi. Version 1 knows no OriginatorConversationID; later ones demand it."""
    originator_id = fields.text("OriginatorConversationID") if versioned else ""
    initiator = fields.text("InitiatorName")
    credential = fields.text("SecurityCredential")
    command_id = fields.choice("CommandID", (commands.POCHI,) if kind == "b2pochi" else commands.PAYOUTS)
    amount_cents = fields.whole_cents("Amount")
    party_a = fields.shortcode("PartyA")
    party_b = fields.msisdn("PartyB")
    urls = _remarks_and_urls(fields, strict_urls=strict_urls)
    return Instruction(
        kind=kind,
        command_id=command_id,
        initiator=initiator,
        credential=credential,
        party_a=party_a,
        party_b=party_b,
        amount_cents=amount_cents,
        originator_id=originator_id,
        result_url=urls.result,
        timeout_url=urls.timeout,
        occasion=fields.optional("Occassion"),
    )


def read_transfer(fields: Fields, *, kind: Kind, strict_urls: bool) -> Instruction:
    """B2B, top-up and tax. An OriginatorConversationID is not asked for, and kept when it is sent."""
    initiator = fields.text("Initiator")
    credential = fields.text("SecurityCredential")
    command_id = fields.choice("CommandID", (commands.TAX,) if kind == "tax" else tuple(MOVES))
    sender_type = fields.identifier_type("SenderIdentifierType")
    receiver_type = fields.identifier_type("RecieverIdentifierType")
    amount_cents = fields.whole_cents("Amount")
    party_a = fields.shortcode("PartyA")
    party_b = fields.shortcode("PartyB")
    if kind == "tax" and party_b != commands.TAX_COLLECTOR:
        raise refusals.invalid_field("PartyB", f"Taxes are remitted to {commands.TAX_COLLECTOR} only.")
    account = _account(fields, command_id)
    urls = _remarks_and_urls(fields, strict_urls=strict_urls)
    _check_type(sender_type, ("4",), "PrimaryParty")
    _check_type(receiver_type, ("4", "2") if command_id == "BusinessBuyGoods" else ("4",), "ReceiverParty")
    return Instruction(
        kind=kind,
        command_id=command_id,
        initiator=initiator,
        credential=credential,
        party_a=party_a,
        party_b=party_b,
        amount_cents=amount_cents,
        account=account,
        originator_id=fields.optional("OriginatorConversationID"),
        result_url=urls.result,
        timeout_url=urls.timeout,
        occasion=fields.optional("Occassion"),
    )


def read_status(fields: Fields, *, strict_urls: bool) -> Instruction:
    """Transaction status: by receipt or by the OriginatorConversationID of the original request."""
    initiator = fields.text("Initiator")
    credential = fields.text("SecurityCredential")
    command_id = fields.choice("CommandID", ("TransactionStatusQuery",))
    original_id = fields.optional("OriginalConversationID")
    receipt = fields.optional("TransactionID") if original_id else fields.text("TransactionID")
    party_type = fields.identifier_type("IdentifierType")
    party_a = fields.msisdn("PartyA") if party_type == "1" else fields.shortcode("PartyA")
    urls = _remarks_and_urls(fields, strict_urls=strict_urls)
    _check_type(party_type, ("1", "2", "4"), "PrimaryParty")
    return Instruction(
        kind="transaction_status",
        command_id=command_id,
        initiator=initiator,
        credential=credential,
        party_a=party_a,
        party_a_type=party_type,
        receipt=receipt,
        original_id=original_id,
        result_url=urls.result,
        timeout_url=urls.timeout,
        occasion=fields.optional("Occasion"),
    )


def read_balance(fields: Fields, *, strict_urls: bool) -> Instruction:
    """Account balance. A till is asked for by its store number; its own number passes as type 2."""
    initiator = fields.text("Initiator")
    credential = fields.text("SecurityCredential")
    command_id = fields.choice("CommandID", ("AccountBalance",))
    party_a = fields.shortcode("PartyA")
    party_type = fields.identifier_type("IdentifierType")
    urls = _remarks_and_urls(fields, strict_urls=strict_urls)
    _check_type(party_type, ("4", "2"), "PrimaryParty")
    return Instruction(
        kind="account_balance",
        command_id=command_id,
        initiator=initiator,
        credential=credential,
        party_a=party_a,
        party_a_type=party_type,
        originator_id=fields.optional("OriginatorConversationID"),
        result_url=urls.result,
        timeout_url=urls.timeout,
    )


def read_reversal(fields: Fields, *, strict_urls: bool) -> Instruction:
    """Reversal. The organisation that was paid is the ReceiverParty, of type 11; old programs say 4."""
    initiator = fields.text("Initiator")
    credential = fields.text("SecurityCredential")
    command_id = fields.choice("CommandID", ("TransactionReversal",))
    receipt = fields.text("TransactionID")
    amount_cents = fields.whole_cents("Amount")
    party = fields.shortcode("ReceiverParty")
    party_type = fields.identifier_type("RecieverIdentifierType")
    urls = _remarks_and_urls(fields, strict_urls=strict_urls)
    _check_type(party_type, ("11", "4"), "ReceiverParty")
    return Instruction(
        kind="reversal",
        command_id=command_id,
        initiator=initiator,
        credential=credential,
        party_a=party,
        party_a_type=party_type,
        receipt=receipt,
        amount_cents=amount_cents,
        result_url=urls.result,
        timeout_url=urls.timeout,
        occasion=fields.optional("Occasion"),
    )


def _remarks_and_urls(fields: Fields, *, strict_urls: bool) -> Urls:
    fields.remarks("Remarks")
    timeout = fields.url("QueueTimeOutURL", filtered=strict_urls)
    return Urls(fields.url("ResultURL", filtered=strict_urls), timeout)


def _account(fields: Fields, command_id: str) -> str:
    needed = command_id in ("BusinessPayBill", commands.TAX)
    account = fields.text("AccountReference") if needed else fields.optional("AccountReference")
    if len(account) > ACCOUNT_MAX_CHARS:
        why = f"AccountReference has at most {ACCOUNT_MAX_CHARS} characters."
        raise refusals.invalid_field("AccountReference", why)
    return account


def _check_type(given: str, allowed: tuple[str, ...], party: Party) -> None:
    if given not in allowed:
        raise refusals.wrong_identifier_type(given, party, allowed)
