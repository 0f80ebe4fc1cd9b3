"""What a caller asks of the Broker: its document, by local names and in any order (broker.md 4 and 9)."""

import re
from decimal import Decimal, InvalidOperation

from wakala.simulator.broker.providers import Denied, missing
from wakala.simulator.broker.reading import Element
from wakala.simulator.commands import Command, Instruction, Kind
from wakala.simulator.transfers import MOVES
from wakala.simulator.world import Payment, Urls, World

PAYOUTS = frozenset(
    {
        "BusinessPayment",
        "SalaryPayment",
        "PromotionPayment",
        "BusinessPaymentWithWithdrawalChargePaid",
        "SalaryPaymentWithWithdrawalChargePaid",
        "TransferFromBankToCustomer",
    }
)
KINDS: dict[str, Kind] = {
    **dict.fromkeys(PAYOUTS, "b2c"),
    **dict.fromkeys(MOVES, "b2b"),
    "TransactionReversal": "reversal",
    "TransactionStatusQuery": "transaction_status",
    "AccountBalance": "account_balance",
}
MSISDN = re.compile(r"254[17][0-9]{8}")
ACCOUNT_MAX_CHARS = 13
ORIGINATOR_MAX_CHARS = 128


def schema_error(reason: str) -> Denied:
    """The core cannot read the document (broker.md 11.1)."""
    return Denied("23", "Request schema error", reason)


def invalid(name: str, reason: str) -> Denied:
    """The core read it and takes it for wrong (broker.md 11.1)."""
    return Denied("25", f"Invalid parameter:{name}", reason)


def lacks(name: str) -> Denied:
    """The core misses something (broker.md 11.1)."""
    return Denied("24", f"Missing parameter:{name}", f"Send {name}.")


def read_instruction(world: World, document: Element, text: str) -> Instruction:
    """A command. Raises Denied when its answer is a no."""
    transaction, identity = _two_parts(document)
    command_id = transaction.value("CommandID")
    kind = KINDS.get(command_id)
    if kind is None:
        raise Denied("25", "The CommandID is invalid.", f"There is no command {command_id!r} here.")
    parameters, references = _pairs(transaction, "Parameters"), _pairs(transaction, "ReferenceData")
    result_url, timeout_url = identity.value("Caller", "ResultURL"), references.get("QueueTimeoutURL", "")
    if not result_url:
        raise missing("ResultURL")
    if not timeout_url:
        raise missing("QueueTimeoutURL")
    party_a = _party_a(identity, kind)
    receipt = parameters.get("OriginalTransactionID", "") or parameters.get("ReceiptNumber", "")
    original_id = parameters.get("OriginatorConversationID", "") or _id_behind(world, parameters.get("ConversationID"))
    if kind in ("transaction_status", "reversal") and not (receipt or original_id):
        raise lacks("OriginalTransactionID" if kind == "reversal" else "ReceiptNumber")
    return Instruction(
        kind=kind,
        command_id=command_id,
        initiator=identity.value("Initiator", "Identifier"),
        credential=identity.value("Initiator", "SecurityCredential"),
        party_a=party_a,
        party_b=_party_b(identity, kind),
        result_url=result_url,
        timeout_url=timeout_url,
        amount_cents=_amount_cents(world, kind, parameters, receipt),
        account=_account(command_id, parameters),
        originator_id=_originator(transaction),
        receipt=receipt,
        original_id=original_id,
        side="broker",
        references=tuple(references.items()),
        origin=text,
    )


def read_registration(document: Element) -> tuple[str, Urls]:
    """A shortcode and its C2B URLs. Raises Denied (broker.md 10.1)."""
    transaction, identity = _two_parts(document)
    parameters, references = _pairs(transaction, "Parameters"), _pairs(transaction, "ReferenceData")
    confirmation, validation = references.get("ConfirmationURL", ""), references.get("ValidationURL", "")
    shortcode, response_type = identity.value("PrimaryParty", "ShortCode"), parameters.get("ResponseType", "")
    for name, value in (("ShortCode", shortcode), ("ConfirmationURL", confirmation), ("ValidationURL", validation)):
        if not value:
            raise missing(name)
    if response_type == "Completed":
        return shortcode, Urls(confirmation, validation, "Completed", "broker")
    if response_type == "Cancelled":
        return shortcode, Urls(confirmation, validation, "Cancelled", "broker")
    raise Denied("100000005", "Invalid input value:ResponseType", "ResponseType is Completed or Cancelled.")


def _two_parts(document: Element) -> tuple[Element, Element]:
    transaction, identity = document.child("Transaction"), document.child("Identity")
    if document.name.casefold() != "request" or transaction is None or identity is None:
        raise schema_error("The document is a request with Transaction, Identity and KeyOwner.")
    if document.value("KeyOwner") not in ("1", "2"):
        raise Denied("25", "Parameter missing or data type error.", "KeyOwner is 1 or 2.")
    return transaction, identity


def _pairs(transaction: Element, name: str) -> dict[str, str]:
    found = transaction.child(name)
    return found.pairs() if found is not None else {}


def _originator(transaction: Element) -> str:
    given = transaction.value("OriginatorConversationID")
    if not given:
        raise lacks("OriginatorConversationID")
    if len(given) > ORIGINATOR_MAX_CHARS:
        raise invalid("OriginatorConversationID", f"It has at most {ORIGINATOR_MAX_CHARS} characters.")
    return given


def _party_a(identity: Element, kind: Kind) -> str:
    """Who pays, or is asked about: queries name their party as the receiver (broker.md 4.4)."""
    party = "ReceiverParty" if kind in ("account_balance", "reversal") else "PrimaryParty"
    given = identity.value(party, "Identifier") or identity.value("Initiator", "ShortCode")
    if not given:
        raise lacks(party)
    return given


def _party_b(identity: Element, kind: Kind) -> str:
    if kind not in ("b2c", "b2b"):
        return ""
    given = identity.value("ReceiverParty", "Identifier")
    if kind == "b2c" and not MSISDN.fullmatch(given):
        raise invalid("ReceiverParty", "A payout goes to a number like 254712345678.")
    if not given:
        raise lacks("ReceiverParty")
    return given


def _amount_cents(world: World, kind: Kind, parameters: dict[str, str], receipt: str) -> int:
    if kind == "reversal":  # in XML it names no amount: the whole payment goes back (broker.md 9.4)
        found = world.receipted(receipt)
        return found.amount_cents if isinstance(found, Payment) else 0
    if kind not in ("b2c", "b2b"):
        return 0
    given = parameters.get("Amount", "")
    if not given:
        raise lacks("Amount")
    try:
        cents = Decimal(given) * 100 if given.replace(".", "", 1).isdecimal() and len(given) <= 15 else Decimal(0)
    except InvalidOperation:
        cents = Decimal(0)
    if cents <= 0 or cents != int(cents):
        raise invalid("Amount", "An amount is decimal text with at most two places, above zero.")
    return int(cents)


def _account(command_id: str, parameters: dict[str, str]) -> str:
    given = parameters.get("AccountReference", "")
    if command_id == "BusinessPayBill" and not given:
        raise lacks("AccountReference")
    if len(given) > ACCOUNT_MAX_CHARS:
        raise invalid("AccountReference", f"It has at most {ACCOUNT_MAX_CHARS} characters.")
    return given


def _id_behind(world: World, conversation_id: str | None) -> str:
    """The OriginatorConversationID of the command that the core gave this ConversationID."""
    if not conversation_id:
        return ""
    known: Command | None = next(
        (each for each in world.commands.values() if each.conversation_id == conversation_id), None
    )
    return known.originator_id if known is not None else conversation_id
