"""What Daraja says of commands beyond STK: queued, done, timed out, and what an enquiry found (daraja.md 3.3, 3.4).

Results of standing orders, till-to-till checkout and Bill Manager are read in `daraja_callbacks`, answers that are
given at once in `daraja_direct`, what merchants see of a result in `result_data`; all of it is reached from here.
Readers of calls raise nothing but MalformedUpstreamError, whatever the bytes; readers of answers raise nothing.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wakala.errors import MalformedUpstreamError
from wakala.wire import command_results
from wakala.wire.daraja_callbacks import (
    BillPayment,
    read_billmanager_payment,
    read_express_callback,
    read_standing_order_callback,
)
from wakala.wire.daraja_codes import DecodedError, decode_error, in_doubt, refused_politely
from wakala.wire.daraja_direct import Direct, PulledPayment, read_direct, read_pull
from wakala.wire.loose_json import read_object, text
from wakala.wire.loose_results import (
    CommandResult,
    compact,
    first,
    inner_folded,
    named_values,
    object_in,
    party_name,
)
from wakala.wire.loose_values import folded, read_cents, read_moment_us, read_msisdn, read_receipt
from wakala.wire.result_data import result_data
from wakala.wire.stk_results import CODE_MAX_CHARS, ResultRow, decode_result, outcome_of

__all__ = [
    "Ack",
    "BillPayment",
    "CommandResult",
    "DecodedError",
    "Direct",
    "PulledPayment",
    "StatusSays",
    "TimeoutNotice",
    "read_ack",
    "read_billmanager_payment",
    "read_direct",
    "read_express_callback",
    "read_pull",
    "read_result",
    "read_standing_order_callback",
    "read_status",
    "read_timeout",
    "result_data",
]

TIMEOUT_DEPTH_MAX = 6  # objects within objects in which IDs are looked for; a Result has them in the second

_ACCEPTED = re.compile(r"0+")

# ── queued ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Ack:
    """M-Pesa queued the command, nothing more. Its IDs are how it will speak of it; some commands get none."""

    originator_conversation_id: str
    conversation_id: str
    code: str
    description: str


def read_ack(status: int, body: bytes) -> Ack | DecodedError:
    """Queued, or not: in the envelope of Results, of standing orders or of till-to-till checkout (daraja.md 2.0).

    An answer with conversation IDs that does not say "accepted" is unknown: the command may be on its way.
    """
    found = folded(read_object(body) or {})
    originator, conversation = _conversation(found)
    if not 200 <= status < 300 or "errorcode" in found or not found:
        error = decode_error(status, body)
        return in_doubt(error, originator, conversation) if conversation else error
    header = inner_folded(found, "responseheader")
    if header:
        return _read_order_ack(status, body, header)
    if "code" in found and "responsecode" not in found:
        return _read_express_ack(status, body, found)
    return _read_command_ack(status, body, found)


def _conversation(found: dict[str, object]) -> tuple[str, str]:
    """Our ID of a command and M-Pesa's, each empty where it is not told."""
    originator = text(found.get("originatorconversationid")) or text(found.get("originatorcoversationid")) or ""
    return originator, text(found.get("conversationid")) or ""


def _read_command_ack(status: int, body: bytes, found: dict[str, object]) -> Ack | DecodedError:
    originator, conversation = _conversation(found)
    code = text(found.get("responsecode"))
    told = text(found.get("responsedescription")) or ""
    if (originator or conversation) and (not code or _ACCEPTED.fullmatch(code)):
        return Ack(originator, conversation, code or "0", told)
    if code and not (originator or conversation) and not _ACCEPTED.fullmatch(code):
        return refused_politely(status, code[:CODE_MAX_CHARS], told)
    error = decode_error(status, body)
    return in_doubt(error, originator, conversation) if originator or conversation else error


def _read_order_ack(status: int, body: bytes, header: dict[str, object]) -> Ack | DecodedError:
    """A standing order's reference returns in the header of its callback (daraja.md 2.17)."""
    code = text(header.get("responsecode")) or ""
    told = text(header.get("responsedescription")) or text(header.get("resultdesc")) or ""
    if not code:
        return decode_error(status, body)
    if code != "200" and not _ACCEPTED.fullmatch(code):
        return refused_politely(status, code[:CODE_MAX_CHARS], told)
    return Ack(text(header.get("requestrefid")) or "", text(header.get("responserefid")) or "", code, told)


def _read_express_ack(status: int, body: bytes, found: dict[str, object]) -> Ack | DecodedError:
    """Checkout between tills is known by our own ID alone (daraja.md 2.18)."""
    code, told = text(found.get("code")) or "", text(found.get("status")) or ""
    if not code:
        return decode_error(status, body)
    if not _ACCEPTED.fullmatch(code):
        return refused_politely(status, code[:CODE_MAX_CHARS], told)
    return Ack("", "", code, told)


# ── done ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_result(body: bytes, table: Mapping[str, ResultRow] = command_results.BY_CODE) -> CommandResult:
    """The Result of a payout, transfer, reversal or enquiry (daraja.md 3.3)."""
    return result_in(object_in(body, "Result"), table)


def result_in(root: dict[str, object], table: Mapping[str, ResultRow] = command_results.BY_CODE) -> CommandResult:
    """The same out of a JSON object, read by name and never by position."""
    wrapped = folded(root).get("result")
    result = wrapped if isinstance(wrapped, dict) else root
    told = folded(result)
    code = (text(told.get("resultcode")) or "")[:CODE_MAX_CHARS]
    originator = text(told.get("originatorconversationid")) or ""
    conversation = text(told.get("conversationid")) or ""
    if not code or not (originator or conversation):
        raise MalformedUpstreamError("M-Pesa's Result lacks its code or its IDs; it is kept byte for byte.")
    description = text(told.get("resultdesc")) or ""
    decoded = decode_result(code, description, table)
    paid, outcome = decoded.paid, decoded.outcome
    if text(told.get("resulttype")) == "1":  # waiting for further messages: this one settles nothing
        paid, outcome = None, outcome_of(command_results.STILL_TO_COME, code, description)
    parameters = named_values(told.get("resultparameters"))
    return CommandResult(
        code=code,
        description=description,
        paid=paid,
        originator_conversation_id=originator,
        conversation_id=conversation,
        receipt=read_receipt(told.get("transactionid")) or read_receipt(parameters.get("TransactionReceipt")),
        parameters=parameters,
        reference=named_values(told.get("referencedata")),
        amount_cents=read_cents(first(parameters, "TransactionAmount", "Amount")),
        paid_us=read_moment_us(first(parameters, *_COMPLETED_TIMES)) if paid else None,
        party_name=party_name(first(parameters, "ReceiverPartyPublicName", "CreditPartyPublicName", "CreditPartyName")),
        raw=compact(result),
        outcome=outcome,
    )


_COMPLETED_TIMES = ("TransactionCompletedDateTime", "TransactionCompletedTime", "TransCompletedTime")

# ── what a status enquiry found ──────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StatusSays:
    """What is now known of the payment that was asked about; ``settled`` is None where that is nothing.

    ``party_name`` is the other side's: of the customer, or of whoever received where no customer takes part.
    """

    settled: bool | None
    amount_cents: int | None = None
    receipt: str | None = None
    paid_us: int | None = None
    party_name: str | None = None


# Only Completed was ever seen on the wire; the others are third parties' words (daraja.md 2.12). A reversed payment has
# been given back, so it is not paid.
_SETTLED = MappingProxyType(
    {
        "completed": True,
        "failed": False,
        "declined": False,
        "cancelled": False,
        "canceled": False,
        "expired": False,
        "reversed": False,
    }
)


def read_status(result: CommandResult) -> StatusSays:
    """The original payment in the answer to a Transaction Status query; a query that failed says nothing of it."""
    if result.paid is not True:
        return StatusSays(None)
    told = result.parameters
    settled = _SETTLED.get((text(told.get("TransactionStatus")) or "").lower())
    return StatusSays(
        settled=settled,
        amount_cents=read_cents(told.get("Amount")),
        receipt=read_receipt(told.get("ReceiptNo")),
        paid_us=read_moment_us(first(told, "FinalisedTime", "FinalizedTime")) if settled else None,
        party_name=_other_party(told),
    )


def _other_party(told: dict[str, Any]) -> str | None:
    """The payer where a customer paid, else the receiver: M-Pesa shows both as ``number - NAME`` (daraja.md 2.12)."""
    payer = told.get("DebitPartyName")
    number = (text(payer) or "").partition(" ")[0]
    if read_msisdn(number) is not None:
        return party_name(payer)
    return party_name(told.get("CreditPartyName"))


# ── timed out ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class TimeoutNotice:
    """A command waited too long in M-Pesa's queue. It says nothing of the outcome; a Result may come all the same."""

    originator_conversation_id: str | None
    conversation_id: str | None


def read_timeout(body: bytes) -> TimeoutNotice:
    """The IDs in a time-out notice, if there are any: nobody has ever published such a message (daraja.md 3.4)."""
    level: list[object] = [read_object(body)]
    for _ in range(TIMEOUT_DEPTH_MAX):
        for found in level:
            told = folded(found) if isinstance(found, dict) else {}
            originator = text(told.get("originatorconversationid")) or None
            conversation = text(told.get("conversationid")) or None
            if originator or conversation:
                return TimeoutNotice(originator, conversation)
        level = [value for found in level if isinstance(found, dict) for value in found.values()]
    return TimeoutNotice(None, None)
