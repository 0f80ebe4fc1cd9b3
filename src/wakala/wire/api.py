"""The Wakala API's JSON: requests in, answers and problems out. What can be asked is declared in `rules.commands`."""

import json
import re
from typing import Any

import msgspec

from wakala.errors import (
    CallerError,
    FieldFault,
    InvalidAmountError,
    InvalidFieldsError,
    InvalidMsisdnError,
    PaymentRefusedError,
    WakalaError,
)
from wakala.rules import money, msisdn
from wakala.rules.addresses import is_web_address
from wakala.rules.commands import COMMANDS, Ask, Command
from wakala.rules.payment import Answer, Kind, Payment, State
from wakala.wire.explaining import explain_code
from wakala.wire.view import both, id_names

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_DECODERS = {command.path: msgspec.json.Decoder(command.body) for command in COMMANDS}

# Which field of a body stands in which column of a payment; every other field goes into its details.
_PHONE_COLUMN = ("SenderMSISDN", "ReceiverMSISDN", "MSISDN")
_PHONES = frozenset(
    {*_PHONE_COLUMN, "Requester", "OfficialContact", "NominatedNumber", "BilledPhoneNumber", "PhoneNumber"}
)
_AS_SENT = frozenset({"ReferenceData", "CallbackUrl"})  # handed back as it came; checked as an address
_COLUMNS = frozenset(
    {
        *_PHONE_COLUMN,
        "RequestID",
        "ReferenceData",
        "CallbackUrl",
        "Amount",
        "AccountReference",
        "Description",
        "Remarks",
    }
)


def read(command: Command, raw: bytes) -> Ask:
    """JSON to a checked request; every fault is named with its field."""
    try:
        body = _DECODERS[command.path].decode(raw)
        if raw.count(b":") != len(_decode(raw)):  # each name has a colon: as many as names is flat, and each name once
            json.loads(raw, object_pairs_hook=_once)
    except UNREADABLE as error:
        raise unreadable(error) from None
    faults: list[FieldFault] = []
    fields = {
        name: getattr(body, name) if name in _AS_SENT else _clean(getattr(body, name), name, f"/{name}", faults)
        for name in body.__struct_fields__
    }
    url = fields.get("CallbackUrl")
    if url and not is_web_address(url):
        faults.append(FieldFault("/CallbackUrl", "Send a whole address such as https://shop.example/wakala."))
    if faults:
        raise InvalidFieldsError(faults=tuple(faults))
    return _ask(command, fields)


def _ask(command: Command, fields: dict[str, Any]) -> Ask:
    details = {
        name: value
        for name, value in fields.items()
        if name not in _COLUMNS and name != command.own and value not in (None, "")
    }
    return Ask(
        command=command,
        request_id=fields.get("RequestID") or "",
        amount_cents=fields.get("Amount", 0) * 100,
        msisdn=next((fields[name] for name in _PHONE_COLUMN if name in fields), ""),
        reference=fields.get("AccountReference") or "",
        description=fields.get("Description") or fields.get("Remarks") or "",
        reference_data=_encode(fields.get("ReferenceData") or []).decode(),
        callback_url=fields.get("CallbackUrl"),
        shortcode=fields.get(command.own),
        details=_encode(details).decode(),
    )


UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def unreadable(error: Exception) -> CallerError:
    """What is wrong with a body, as its sender is told: which field, or that it is no JSON at all."""
    if isinstance(error, msgspec.ValidationError):
        return InvalidFieldsError(faults=(_fault(str(error)),))
    return CallerError(f"The body is not JSON: {error}. Send one JSON object with Content-Type application/json.")


def _clean(value: Any, name: str, pointer: str, faults: list[FieldFault]) -> Any:
    """A field in our own units: whole shillings, phones as 2547..., text without what M-Pesa chokes on."""
    if value is None:
        return None
    if name == "Amount":
        return _checked(faults, pointer, InvalidAmountError, lambda: money.whole_shillings(money.parse_cents(value)))
    if name in _PHONES:
        return _checked(faults, pointer, InvalidMsisdnError, lambda: msisdn.parse(value))
    if isinstance(value, str):
        if _CONTROL.search(value) or value != value.strip():
            message = "Send it without line breaks, control characters or blanks at its ends."
            faults.append(FieldFault(pointer, message))
        return value
    if isinstance(value, list):
        return [_clean(item, "", f"{pointer}/{at}", faults) for at, item in enumerate(value)]
    if isinstance(value, msgspec.Struct):
        return {
            field: _clean(getattr(value, field), field, f"{pointer}/{field}", faults)
            for field in value.__struct_fields__
        }
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name that stands twice has two meanings, and readers differ in which one they take (RFC 8259, 4)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidFieldsError(
            faults=(FieldFault(_pointer("", twice), "This field stands here twice; send it once."),)
        )
    return found


def _pointer(parent: str, name: str) -> str:
    """A name below ``parent`` as a JSON pointer (RFC 6901)."""
    return f"{parent.rstrip('/')}/{name.replace('~', '~0').replace('/', '~1')}"


def _checked(faults: list[FieldFault], pointer: str, error: type[CallerError], check: Any) -> Any:
    try:
        return check()
    except error as fault:
        faults.append(FieldFault(pointer, fault.sentence))
        return None


def _fault(message: str) -> FieldFault:
    """``Expected `int`, got `str` - at `$.Amount``` as a pointer and a sentence."""
    text, _, place = message.partition(" - at `$")
    pointer = "/" + place.rstrip("`").lstrip(".").replace(".", "/").replace("[", "/").replace("]", "") if place else ""
    missing = re.match(r"Object missing required field `(\w+)`", text)
    if missing:
        return FieldFault(_pointer(pointer, missing[1]), "This field is required.")
    unknown = re.match(r"Object contains unknown field `(.*)`", text, re.DOTALL)
    if unknown:
        return FieldFault(_pointer(pointer, unknown[1]), "There is no such field here; see GET /openapi.json.")
    return FieldFault(pointer, text + ".")


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────

JSON = (("content-type", "application/json"),)
PROBLEM = (("content-type", "application/problem+json"),)

HttpAnswer = tuple[int, tuple[tuple[str, str], ...], bytes]
"""Status, headers, body."""


def command_answer(payment: Payment, public_url: str) -> HttpAnswer:
    """What the merchant is told first, and again for ever: made of nothing that changes later."""
    if payment.answer is Answer.REFUSED or (payment.answer is None and payment.state is State.FAILED):
        return _refusal(payment, public_url)
    if payment.kind is Kind.SERVICE:
        return _served(payment) if payment.state is State.SUCCEEDED else _refusal(payment, public_url)
    first, second = id_names(payment)
    state = {Answer.UNKNOWN: "unknown", Answer.HELD: "held"}.get(payment.answer or Answer.ACCEPTED, "pending")
    body = {
        "StatusCode": 0,
        "ResponseCode": "0",
        "ResponseDesc": _FIRST_WORDS[state],
        "RequestID": payment.request_id,
        "PaymentID": payment.id,
        "State": state,
        first: payment.merchant_request_id,
        second: payment.checkout_request_id,
    }
    if state != "pending":
        body |= {first: None, second: None, "Reason": payment.answer_desc}
    elif payment.kind is not Kind.PUSH:
        body["ResponseDesc"] = _QUEUED
    return 202, JSON, _encode(body)


def _served(payment: Payment) -> HttpAnswer:
    """The outcome of a command that M-Pesa answers at once, with M-Pesa's own words under ``Result``."""
    body = {
        "StatusCode": 0,
        "ResponseCode": "0",
        "ResponseDesc": payment.result_desc or "Done.",
        "RequestID": payment.request_id,
        "PaymentID": payment.id,
        "State": payment.state.value,
        "Result": msgspec.Raw(payment.results.encode()),
    }
    return 200, JSON, _encode(body)


_QUEUED = "Accepted: M-Pesa has queued it. The outcome follows as a notification."
_FIRST_WORDS = {
    "pending": "Accepted: the prompt is on its way to the phone. The outcome follows as a notification.",
    "unknown": "Sent, but M-Pesa's answer is not known. Do not send it again: Wakala asks M-Pesa and notifies you.",
    "held": "M-Pesa cannot take it right now. Wakala sends it as soon as it can and notifies you.",
}


def _refusal(payment: Payment, public_url: str) -> HttpAnswer:
    code = payment.answer_code or payment.result_code or "not_sent"
    text = payment.answer_desc or payment.result_desc or payment.reason or ""
    known = explain_code(payment, code, text)
    body = {
        "type": f"{public_url}/problems/{PaymentRefusedError.code}",
        "title": PaymentRefusedError.title,
        "status": PaymentRefusedError.status,
        "detail": f"{known.cause.en} {known.next_step.en}" if known else text,
        "code": PaymentRefusedError.code,
        "retriable": False,
        "StatusCode": -1,
        "ResponseCode": code,
        "ResponseDesc": text,
        "RequestID": payment.request_id,
        "PaymentID": payment.id,
        "State": "failed",
        "Cause": both(known.cause) if known else None,
        "NextStep": both(known.next_step) if known else None,
    }
    return PaymentRefusedError.status, PROBLEM, _encode(body)


def problem(error: WakalaError, public_url: str, instance: str) -> HttpAnswer:
    """RFC 9457, with the two fields that callers of M-Pesa look for."""
    body: dict[str, Any] = {
        "type": f"{public_url}/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.sentence,
        "instance": instance,
        "code": error.code,
        "retriable": error.retriable,
        "StatusCode": -1,
        "ResponseCode": error.code,
        "ResponseDesc": error.sentence,
    }
    headers: tuple[tuple[str, str], ...] = PROBLEM
    if error.faults:
        body["errors"] = [{"pointer": fault.pointer, "message": fault.message} for fault in error.faults]
    if error.retriable:
        headers = (*PROBLEM, ("retry-after", "1"))
    if error.status == 401:
        headers = (*headers, ("www-authenticate", 'Basic realm="wakala", Bearer'))
    return error.status, headers, _encode(body)


def token_answer(token: str, life_s: int) -> HttpAnswer:
    """Proxy API's envelope for an access token (proxyapi.md 2.1)."""
    body = {
        "StatusCode": 0,
        "ResponseCode": "0",
        "ResponseDesc": "Use it as Authorization: Bearer, or X-Authorization: Bearer.",
        "Data": {"AccessToken": token, "ExpiresIn": life_s},
    }
    return 200, (*JSON, ("cache-control", "no-store")), _encode(body)


def plain(status: int, body: dict[str, Any] | list[Any]) -> HttpAnswer:
    """Any other JSON answer."""
    return status, JSON, _encode(body)
