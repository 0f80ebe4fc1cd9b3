"""What a request document asks for, as the instruction that the back office carries out (broker.md 4, 9 and 10.1)."""

from dataclasses import dataclass

from wakala.simulator import commands
from wakala.simulator.broker.tree import Element, pairs
from wakala.simulator.commands import Instruction, Kind
from wakala.simulator.transfers import MOVES
from wakala.simulator.world import Payment, Urls, World

ID_MAX_CHARS = 128
ENQUIRIES: dict[str, Kind] = {"TransactionStatusQuery": "transaction_status", "AccountBalance": "account_balance"}


class BrokerRefusal(Exception):  # noqa: N818 - as `refusals.Refusal`
    """A synchronous no: code, the Broker's words, and our reason for the call log."""

    def __init__(self, code: str, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.reason = reason or text


@dataclass(frozen=True, slots=True)
class Registration:
    """Where a shortcode wants its C2B calls."""

    shortcode: str
    urls: Urls


def missing(name: str) -> BrokerRefusal:
    """A mandatory field that is not there."""
    return BrokerRefusal("100000014", f"missing mandatory parameter:{name}")


def read_instruction(world: World, request: Element, origin_base64: str) -> Instruction:
    """Any command. Raises `BrokerRefusal`."""
    command_id = _needed(request, "CommandID")
    originator_id = _needed(request, "OriginatorConversationID")
    if len(originator_id) > ID_MAX_CHARS:
        raise BrokerRefusal("100000005", "invalid input value:OriginatorConversationID")
    initiator = request.first("Initiator") or Element("Initiator")
    parameters = pairs(request.first("Parameters") or Element(""), "Parameter")
    references = pairs(request.first("ReferenceData") or Element(""), "ReferenceItem")
    result_url = _needed(request.first("Caller") or Element("Caller"), "ResultURL")
    timeout_url = references.get("QueueTimeoutURL")
    if not timeout_url:
        raise missing("QueueTimeoutURL")
    kind = _kind(command_id)
    payer, receiver = _party(request, "PrimaryParty"), _party(request, "ReceiverParty")
    is_payment = kind in ("b2c", "b2pochi", "b2b", "tax")
    receipt = parameters.get("OriginalTransactionID") or parameters.get("ReceiptNumber") or ""
    return Instruction(
        kind=kind,
        command_id=command_id,
        initiator=initiator.value("Identifier"),
        credential=initiator.value("SecurityCredential"),
        party_a=payer if is_payment else (receiver or initiator.value("ShortCode")),
        party_b=receiver if is_payment else "",
        amount_cents=_amount_cents(world, kind, parameters, receipt),
        account=parameters.get("AccountReference", ""),
        originator_id=originator_id,
        result_url=result_url,
        timeout_url=timeout_url,
        occasion=references.get("Occasion", ""),
        receipt=receipt,
        original_id=parameters.get("OriginatorConversationID", ""),
        side="broker",
        references=tuple(references.items()),
        origin=origin_base64,
    )


def read_registration(request: Element) -> Registration:
    """RegisterURL, which the Broker answers by itself."""
    if _needed(request, "CommandID") != "RegisterURL":
        raise BrokerRefusal("100000005", "invalid input value:CommandID")
    references = pairs(request.first("ReferenceData") or Element(""), "ReferenceItem")
    response_type = pairs(request.first("Parameters") or Element(""), "Parameter").get("ResponseType", "")
    for name in ("ValidationURL", "ConfirmationURL"):
        if not references.get(name):
            raise missing(name)
    if response_type not in ("Completed", "Cancelled"):
        raise BrokerRefusal("100000005", "invalid input value:ResponseType")
    party = request.first("PrimaryParty") or Element("")
    urls = Urls(
        confirmation=references["ConfirmationURL"],
        validation=references["ValidationURL"],
        response_type="Completed" if response_type == "Completed" else "Cancelled",
        version="v1",
        side="broker",
    )
    return Registration(party.value("ShortCode") or party.value("Identifier"), urls)


def _kind(command_id: str) -> Kind:
    if command_id in commands.PAYOUTS:
        return "b2c"
    if command_id == commands.POCHI:
        return "b2pochi"
    if command_id in MOVES:
        return "b2b"
    if command_id == commands.TAX:
        return "tax"
    if command_id == "TransactionReversal":
        return "reversal"
    found = ENQUIRIES.get(command_id)
    if found is None:
        raise BrokerRefusal("100000005", "invalid input value:CommandID", f"Nobody knows a command {command_id!r}.")
    return found


def _party(request: Element, name: str) -> str:
    found = request.first(name)
    return found.value("Identifier") if found is not None else ""


def _needed(parent: Element, name: str) -> str:
    value = parent.value(name)
    if not value:
        raise missing(name)
    return value


def _amount_cents(world: World, kind: Kind, parameters: dict[str, str], receipt: str) -> int:
    """A reversal names no amount: all of it goes back (broker.md 9.4)."""
    if kind == "reversal":
        payment = world.receipted(receipt)
        return payment.amount_cents if isinstance(payment, Payment) else 0
    if kind in ENQUIRIES.values():
        return 0
    spelled = parameters.get("Amount", "")
    whole, _, part = spelled.partition(".")
    if not (whole.isascii() and whole.isdigit() and part.strip("0") == "" and len(whole) <= 12):
        raise BrokerRefusal("100000005", "invalid input value:Amount", f"{spelled!r} is no amount in whole shillings.")
    return int(whole) * 100
