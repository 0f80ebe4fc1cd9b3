"""What the Broker says: answers to our calls, Results, queue time-outs and C2B calls (broker.md 6 to 10).

A Result's fields and keys are those that Daraja, a thin layer over the same core, passes on in JSON; so it becomes that
JSON and is read as such, and whoever stands above sees no difference. Readers of calls raise nothing but
MalformedUpstreamError, readers of answers nothing at all, whatever the bytes.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import msgspec

from wakala.errors import MalformedUpstreamError
from wakala.wire import daraja_inbound, daraja_results
from wakala.wire.broker import codes
from wakala.wire.broker.soap import descendants, document_in, keyed, message_in, value
from wakala.wire.daraja_codes import DecodedError
from wakala.wire.daraja_inbound import C2bNotice
from wakala.wire.daraja_results import Ack
from wakala.wire.loose_results import CommandResult
from wakala.wire.safe_xml import Element
from wakala.wire.stk_results import CODE_MAX_CHARS

_ZEROS = re.compile(r"0+")
_encode = msgspec.json.Encoder().encode

# ── answers to our calls ─────────────────────────────────────────────────────────────────────────────────────────────


def is_accepted(code: str) -> bool:
    """One zero from the core, eight or nine from the Broker itself (broker.md 6)."""
    return _ZEROS.fullmatch(code) is not None


def read_ack(status: int, body: bytes, request_id: str) -> Ack | DecodedError:
    """Accepted, kept for later, or not. Errors, too, are ordinary envelopes, and the HTTP status says little.

    An answer that names another request than ours, where we say which it is, says nothing of ours.
    """
    try:
        return _ack(status, document_in(message_in(body)), request_id)
    except MalformedUpstreamError as why:
        return codes.unreadable(status, _fault_text(body) or why.sentence)


def _ack(status: int, answer: Element, request_id: str) -> Ack | DecodedError:
    named = value(answer, "OriginatorConversationID") or request_id
    if request_id and named != request_id:
        return codes.unreadable(status, "It speaks of another request.")
    code = (value(answer, "ResponseCode") or "")[:CODE_MAX_CHARS]
    told = value(answer, "ResponseDesc") or ""
    conversation = value(answer, "ConversationID") or ""
    if is_accepted(code) or code == codes.CACHED:
        return Ack(named, conversation, code, told)
    # A core that gave it an ID may be at work on it, whatever the code says.
    return codes.decode_response(code, told, status, may_be_done=bool(conversation) or not code)


def read_plain_answer(status: int, body: bytes) -> Ack | DecodedError:
    """An answer that is no document in text: to a query of the Broker's log, to a change of password (broker.md 8)."""
    try:
        message = message_in(body)
    except MalformedUpstreamError as why:
        return codes.unreadable(status, why.sentence)
    result = next(iter(descendants(message, "result")), None)
    code = (value(result, "ResponseCode") or "") if result is not None else ""
    told = (value(result, "ResponseDesc") or "") if result is not None else ""
    if is_accepted(code):
        return Ack("", "", code, told)
    if not code:
        return codes.unreadable(status, _fault_text(body) or "It holds no code")
    return codes.decode_response(code[:CODE_MAX_CHARS], told, status, may_be_done=False)


def _fault_text(body: bytes) -> str:
    """The sentence of a SOAP fault, where it is one."""
    try:
        message = message_in(body)
    except MalformedUpstreamError:
        return ""
    return (value(message, "faultstring") or "") if message.name == "Fault" else ""


# ── the Broker's own log ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Logged:
    """What the Broker's log holds of one request (broker.md 8.3); ``result`` is the core's, where it came."""

    answer: Ack | DecodedError | None
    result: CommandResult | None


def read_log(status: int, body: bytes, request_id: str) -> Logged | DecodedError:
    """A log that cannot be had is no evidence of anything; neither is what it tells of another request than ours."""
    answer = read_plain_answer(status, body)
    if isinstance(answer, DecodedError):
        return answer
    message = message_in(body)
    responses = [read_ack(200, told, request_id) for told in _logged(message, "submitApiResponse")]
    results = (_result_or_none(told) for told in _logged(message, "submitApiResult"))
    return Logged(
        answer=responses[-1] if responses else None,
        result=next((found for found in results if found and _is_of(request_id, found)), None),
    )


def _logged(message: Element, name: str) -> list[bytes]:
    """Bodies of the HTTP messages that the log keeps in base64, the last leg, that of the core, last."""
    bodies = []
    for each in descendants(message, name):
        try:
            whole = base64.b64decode("".join(each.text.split()), validate=True)
        except (binascii.Error, ValueError):
            continue
        bodies.append(whole.partition(b"\r\n\r\n")[2])
    return bodies


def _is_of(request_id: str, told: CommandResult) -> bool:
    return told.originator_conversation_id in {"", request_id}


def _result_or_none(body: bytes) -> CommandResult | None:
    try:
        return read_result(body)
    except MalformedUpstreamError:
        return None


# ── what it calls us with ────────────────────────────────────────────────────────────────────────────────────────────


def read_result(body: bytes) -> CommandResult:
    """How a command ended."""
    return daraja_results.result_in({"Result": _result_in_json(document_in(message_in(body)))}, codes.RESULTS)


def _result_in_json(result: Element) -> dict[str, Any]:
    told: dict[str, Any] = {child.name: child.text for child in result.children if not child.children}
    for group, item in (("ResultParameters", "ResultParameter"), ("ReferenceData", "ReferenceItem")):
        found = result.child(group) or next(iter(descendants(result, group)), None)
        if found is not None:
            told[group] = {item: [{"Key": key, "Value": told_value} for key, told_value in keyed(found)]}
    return told


def read_timeout(body: bytes) -> str:
    """Whose request expired in the Broker's queue: its OriginatorConversationID (broker.md 8.2)."""
    message = message_in(body)
    found = value(message, "originatorConversationID")
    if message.name != "notifyQueueTimeout" or not found:
        raise MalformedUpstreamError("It is no notice of a queue's time-out.")
    return found


def read_c2b(body: bytes) -> C2bNotice:
    """A validation or a confirmation."""
    return daraja_inbound.read_c2b(c2b_in_json(body))


def c2b_in_json(body: bytes) -> bytes:
    """The same call as Daraja would have made it, for merchants who read Daraja's words."""
    message = message_in(body)
    told = {child.name: child.text for child in message.children if not child.children}
    told["TransactionType"] = told.pop("TransType", told.get("TransactionType", ""))  # both are seen (broker.md 10.3)
    for child in message.children:
        name = _NAMES.get(value(child, "KYCName") or "")
        if name:
            told[name] = value(child, "KYCValue") or ""
    return _encode(told)


_NAMES = {
    "[Personal Details][First Name]": "FirstName",
    "[Personal Details][Middle Name]": "MiddleName",
    "[Personal Details][Last Name]": "LastName",
}
