"""The Wakala API's JSON: requests in, answers and problems out. A command is declared once, in `COMMANDS`."""

import json
import re
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from wakala.errors import (
    CallerError,
    FieldFault,
    InvalidAmountError,
    InvalidFieldsError,
    InvalidMsisdnError,
    WakalaError,
)
from wakala.rules import money, msisdn
from wakala.rules.accounts import Environment, ShortcodeKind
from wakala.rules.addresses import is_web_address
from wakala.rules.payment import Answer, Payment, State
from wakala.wire.daraja_codes import explain
from wakala.wire.view import both

_encode = msgspec.json.Encoder().encode

REQUEST_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

RequestIDField = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern=REQUEST_ID,
        description="Yours, unique for ever: letters, digits, dot, dash, underscore. A repeat is never paid twice.",
        examples=["ORDER-1001"],
    ),
]
AmountField = Annotated[int | float | str, msgspec.Meta(description="Whole shillings, 1 to 250000.", examples=[150])]
PhoneField = Annotated[
    str | int, msgspec.Meta(description="The payer's phone in any Kenyan spelling.", examples=["0712345678"])
]
ReferenceField = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        description="The account number; the customer sees the first 12 characters.",
        examples=["INV-1001"],
    ),
]
ShortcodeNumberField = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{5,7}$", max_length=7, description="Paybill, store or till.")
]
UrlField = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^https?://[^\s#@]+$")]


class KeyValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of reference data, handed back with every notification."""

    Key: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    Value: Annotated[str, msgspec.Meta(max_length=256)]


class PushBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Ask a customer to pay: the prompt appears on the phone."""

    RequestID: RequestIDField
    Amount: AmountField
    SenderMSISDN: PhoneField
    AccountReference: ReferenceField
    Description: Annotated[str, msgspec.Meta(max_length=64, description="Shown by some phones; 13 characters.")] = ""
    ReceiverShortcode: ShortcodeNumberField | None = None
    ReferenceData: Annotated[list[KeyValue], msgspec.Meta(max_length=20)] = []
    CallbackUrl: UrlField | None = None


class SimulateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pretend that a customer pays from the phone's menu (sandbox)."""

    Amount: AmountField
    SenderMSISDN: PhoneField
    AccountReference: Annotated[str, msgspec.Meta(max_length=20)] = ""
    ReceiverShortcode: ShortcodeNumberField | None = None
    RequestID: RequestIDField | None = None


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a merchant can ask for. Routes, validation, OpenAPI and the docs' tables follow from this."""

    name: str
    group: str
    summary: str
    body: type[PushBody | SimulateBody]
    kind: ShortcodeKind
    environments: frozenset[Environment]
    decoder: msgspec.json.Decoder[Any]

    @property
    def path(self) -> str:
        """The last segments of the path; the last one is the command."""
        return f"/{self.group}/{self.name}"


_BOTH = frozenset(Environment)


def _command(
    path: str, summary: str, body: type[Any], kind: ShortcodeKind, environments: frozenset[Environment] = _BOTH
) -> Command:
    group, _, name = path.partition("/")
    return Command(name, group, summary, body, kind, environments, msgspec.json.Decoder(body))


COMMANDS: tuple[Command, ...] = (
    _command("lnm/customerpaybill", "Ask a customer to pay a paybill", PushBody, ShortcodeKind.PAYBILL),
    _command("lnm/customerbuygoods", "Ask a customer to pay a till", PushBody, ShortcodeKind.TILL),
    _command(
        "c2b/customerpaybill",
        "Pretend that a customer pays a paybill by hand",
        SimulateBody,
        ShortcodeKind.PAYBILL,
        frozenset({Environment.SANDBOX}),
    ),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A checked request, in our own units."""

    request_id: str
    amount_cents: int
    msisdn: str
    reference: str
    description: str
    reference_data: str
    callback_url: str | None
    shortcode: str | None


def read(command: Command, raw: bytes) -> Asked:
    """JSON to a checked request; every fault is named with its field."""
    try:
        body = command.decoder.decode(raw)
        json.loads(raw, object_pairs_hook=_once)
    except msgspec.ValidationError as error:
        raise InvalidFieldsError(faults=(_fault(str(error)),)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CallerError(
            f"The body is not JSON: {error}. Send one JSON object with Content-Type application/json."
        ) from None
    faults: list[FieldFault] = []
    cents = _checked(faults, "/Amount", InvalidAmountError, lambda: _whole_cents(body.Amount))
    phone = _checked(faults, "/SenderMSISDN", InvalidMsisdnError, lambda: msisdn.parse(body.SenderMSISDN))
    for field in ("RequestID", "AccountReference", "Description", "ReceiverShortcode"):
        text = getattr(body, field, None) or ""
        if _CONTROL.search(text) or text != text.strip():
            message = "Send it without line breaks, control characters or blanks at its ends."
            faults.append(FieldFault(f"/{field}", message))
    push = body if isinstance(body, PushBody) else None
    if push and push.CallbackUrl is not None and not is_web_address(push.CallbackUrl):
        faults.append(FieldFault("/CallbackUrl", "Send a whole address such as https://shop.example/wakala."))
    if faults:
        raise InvalidFieldsError(faults=tuple(faults))
    return Asked(
        request_id=body.RequestID or "",
        amount_cents=cents or 0,
        msisdn=phone or "",
        reference=body.AccountReference,
        description=push.Description if push else "",
        reference_data=_encode(push.ReferenceData).decode() if push else "[]",
        callback_url=push.CallbackUrl if push else None,
        shortcode=body.ReceiverShortcode,
    )


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


def _whole_cents(amount: float | str) -> int:
    cents = money.parse_cents(amount)
    money.whole_shillings(cents)
    return cents


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


def push_answer(payment: Payment, public_url: str) -> HttpAnswer:
    """What the merchant is told first, and again for ever: made of nothing that changes later."""
    if payment.answer is Answer.REFUSED or (payment.answer is None and payment.state is State.FAILED):
        return _refusal(payment, public_url)
    state = {Answer.UNKNOWN: "unknown", Answer.HELD: "held"}.get(payment.answer or Answer.ACCEPTED, "pending")
    body = {
        "StatusCode": 0,
        "ResponseCode": "0",
        "ResponseDesc": _FIRST_WORDS[state],
        "RequestID": payment.request_id,
        "PaymentID": payment.id,
        "State": state,
        "MerchantRequestID": payment.merchant_request_id,
        "CheckoutRequestID": payment.checkout_request_id,
    }
    if state != "pending":
        body |= {"MerchantRequestID": None, "CheckoutRequestID": None, "Reason": payment.answer_desc}
    return 202, JSON, _encode(body)


_FIRST_WORDS = {
    "pending": "Accepted: the prompt is on its way to the phone. The outcome follows as a notification.",
    "unknown": "Sent, but M-Pesa's answer is not known. Do not send it again: Wakala asks M-Pesa and notifies you.",
    "held": "M-Pesa cannot take it right now. Wakala sends it as soon as it can and notifies you.",
}


def _refusal(payment: Payment, public_url: str) -> HttpAnswer:
    code, text = payment.answer_code or "not_sent", payment.answer_desc or payment.reason or ""
    known = explain(code, text)
    body = {
        "type": f"{public_url}/problems/payment_refused",
        "title": "M-Pesa refused the payment",
        "status": 422,
        "detail": f"{known.cause.en} {known.next_step.en}" if known else text,
        "code": "payment_refused",
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
    return 422, PROBLEM, _encode(body)


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
