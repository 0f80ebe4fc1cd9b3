"""Daraja, M-Pesa's JSON side: requests as bytes, answers as records; pure (daraja.md 1 and 2).

What M-Pesa sends on its own is in `daraja_inbound.py`, its codes in `daraja_codes.py`, what it demands of URLs in
`daraja_urls.py`; all of it is reached from here. An answer is either the record that was asked for or a DecodedError; a
success that cannot be read is an error whose outcome is unknown.
"""

import binascii
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field, replace

import msgspec

from wakala import __version__
from wakala.rules.matching import reference_as_sent
from wakala.rules.money import whole_shillings
from wakala.rules.receipt import nairobi_to_us, us_to_nairobi
from wakala.wire.daraja_codes import (
    DecodedError,
    DecodedResult,
    ResultClass,
    Trouble,
    decode_error,
    decode_result,
    explain,
    in_doubt,
    refused_politely,
)
from wakala.wire.daraja_inbound import (
    REJECTIONS,
    C2bNotice,
    StkCallback,
    ValidationVerdict,
    bill_payment_ack,
    c2b_confirmation_ack,
    c2b_validation_answer,
    read_c2b,
    read_stk_callback,
    stk_ack,
)
from wakala.wire.daraja_urls import lint_callback_url
from wakala.wire.http import HttpRequest
from wakala.wire.loose_json import read_object, text

__all__ = [
    "REJECTIONS",
    "C2bAccepted",
    "C2bNotice",
    "DecodedError",
    "DecodedResult",
    "HttpRequest",
    "ResultClass",
    "StkAccepted",
    "StkCallback",
    "StkQueryResult",
    "Token",
    "Trouble",
    "ValidationVerdict",
    "bill_payment_ack",
    "c2b_confirmation_ack",
    "c2b_register_request",
    "c2b_simulate_request",
    "c2b_validation_answer",
    "command_request",
    "decode_error",
    "decode_result",
    "diagnose_password",
    "explain",
    "lint_callback_url",
    "read_c2b",
    "read_c2b_register",
    "read_c2b_simulate",
    "read_stk_answer",
    "read_stk_callback",
    "read_stk_query",
    "read_token",
    "stk_ack",
    "stk_password",
    "stk_push_request",
    "stk_query_request",
    "token_request",
]

DESCRIPTION_MAX_CHARS = 13  # M-Pesa's width of TransactionDesc; a longer prompt may fail with 1025 (daraja.md 9.15)
TOKEN_MAX_CHARS = 4_096  # today's have 28; a header must stay far below the usual limit of 8 KiB
TOKEN_LIFE_MAX_S = 86_400  # an hour is usual; a day bounds what a mistyped number could do
TOKEN_LIFE_UNTOLD_S = 60  # for a token that comes without a readable life: use it now, and soon fetch another

USER_AGENT = f"Wakala/{__version__}"  # the edge blocks some libraries' own names with a 403 page (daraja.md 1.3)

_ACCEPTED_CODE = re.compile(r"0+")  # "0", and "00000000" on C2B registration (daraja.md 2.3)
_TOKEN = re.compile(r"[!-~]+")  # it becomes a header: nothing that could end one
_encode = msgspec.json.Encoder().encode

# ── token ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and how long M-Pesa honours it."""

    access_token: str = field(repr=False)
    expires_in_s: int


def token_request(base_url: str, key: str, secret: str) -> HttpRequest:
    """The one request that is a GET (daraja.md 1.2)."""
    basic = b64encode(f"{key}:{secret}".encode()).decode()
    headers = (("Authorization", f"Basic {basic}"), ("Accept", "application/json"), ("User-Agent", USER_AGENT))
    return HttpRequest("GET", _url(base_url, "/oauth/v1/generate?grant_type=client_credentials"), headers)


def read_token(status: int, body: bytes) -> Token | DecodedError:
    """The token; ``expires_in`` is a string on the wire and a number in the documents (daraja.md 1.2)."""
    found = _success(status, body)
    access_token = text(found.get("access_token")) or ""
    if len(access_token) > TOKEN_MAX_CHARS or not _TOKEN.fullmatch(access_token):
        return decode_error(status, body)
    life = text(found.get("expires_in")) or ""
    life_s = int(life) if re.fullmatch(r"[0-9]{1,9}", life) else TOKEN_LIFE_UNTOLD_S
    return Token(access_token, min(life_s, TOKEN_LIFE_MAX_S))


# ── STK push ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class StkAccepted(msgspec.Struct, frozen=True):
    """M-Pesa queued the prompt, nothing more; the IDs are how it will speak of it."""

    merchant_request_id: str
    checkout_request_id: str
    description: str
    customer_message: str


def stk_password(shortcode: str, passkey: str, timestamp: str) -> str:
    """The three, one after the other, in base64; the request must carry the same timestamp (daraja.md 5)."""
    return b64encode(f"{shortcode}{passkey}{timestamp}".encode()).decode()


def diagnose_password(password: str, shortcode: str, passkey: str, timestamp: str) -> list[str]:
    """Sentences on what is wrong with an STK password, without ever showing the passkey; empty for a right one."""
    if password == stk_password(shortcode, passkey, timestamp):
        return [] if nairobi_to_us(timestamp) is not None else ["The timestamp is not YYYYMMDDHHMMSS."]
    try:
        plain = b64decode(password, validate=True).decode()
    except (binascii.Error, ValueError):
        return ["The password is not base64 of text; encode shortcode, passkey and timestamp, in this order."]
    faults = []
    if not plain.startswith(shortcode):
        faults.append("The password does not begin with this shortcode; for a till it is the store number.")
    if not plain.endswith(timestamp):
        faults.append("The password does not end with the Timestamp of the request; both must be the same.")
    if passkey not in plain:
        faults.append("The password does not hold this shortcode's passkey; look for spaces or another environment's.")
    return faults or ["The password has something before, between or after shortcode, passkey and timestamp."]


def stk_push_request(
    base_url: str,
    token: str,
    *,
    shortcode: str,
    party_b: str,
    transaction_type: str,
    passkey: str,
    now_us: int,
    amount_cents: int,
    msisdn: str,
    callback_url: str,
    reference: str,
    description: str,
) -> HttpRequest:
    """Ask for a prompt on a phone. For a till, ``shortcode`` is its store number and ``party_b`` the till (2.1).

    M-Pesa has no idempotency: sent twice, this asks the customer twice.
    """
    timestamp = us_to_nairobi(now_us)
    account = reference_as_sent(reference)
    body = {
        "BusinessShortCode": shortcode,
        "Password": stk_password(shortcode, passkey, timestamp),
        "Timestamp": timestamp,
        "TransactionType": transaction_type,
        "Amount": str(whole_shillings(amount_cents)),
        "PartyA": msisdn,
        "PartyB": party_b,
        "PhoneNumber": msisdn,
        "CallBackURL": callback_url,
        "AccountReference": account,
        "TransactionDesc": " ".join(description.split())[:DESCRIPTION_MAX_CHARS].rstrip() or account,
    }
    return _post(base_url, "/mpesa/stkpush/v1/processrequest", token, body)


def read_stk_answer(status: int, body: bytes) -> StkAccepted | DecodedError:
    """Queued, or not. An answer with an ID that does not say "accepted" is unknown: the prompt may be out there."""
    found = read_object(body) or {}
    merchant_request_id = text(found.get("MerchantRequestID")) or ""
    checkout_request_id = text(found.get("CheckoutRequestID")) or ""
    code = text(found.get("ResponseCode"))
    told = text(found.get("ResponseDescription")) or ""
    is_success = 200 <= status < 300
    if checkout_request_id:
        is_accepted = (code is None or _ACCEPTED_CODE.fullmatch(code)) and "errorCode" not in found
        if is_success and is_accepted:
            return StkAccepted(merchant_request_id, checkout_request_id, told, text(found.get("CustomerMessage")) or "")
        return in_doubt(decode_error(status, body), merchant_request_id, checkout_request_id)
    if is_success and code and not _ACCEPTED_CODE.fullmatch(code):
        return refused_politely(status, code, told)
    return decode_error(status, body)


# ── STK query ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StkQueryResult:
    """What became of a push, as a query tells it: never with receipt, amount or phone (daraja.md 2.2)."""

    result: DecodedResult
    merchant_request_id: str
    checkout_request_id: str


def stk_query_request(
    base_url: str, token: str, *, shortcode: str, passkey: str, now_us: int, checkout_request_id: str
) -> HttpRequest:
    """Ask what became of a push."""
    timestamp = us_to_nairobi(now_us)
    body = {
        "BusinessShortCode": shortcode,
        "Password": stk_password(shortcode, passkey, timestamp),
        "Timestamp": timestamp,
        "CheckoutRequestID": checkout_request_id,
    }
    return _post(base_url, "/mpesa/stkpushquery/v1/query", token, body)


def read_stk_query(status: int, body: bytes) -> StkQueryResult | DecodedError:
    """The result, which may be "still under processing"; or why there is none for now."""
    found = _success(status, body)
    code = text(found.get("ResultCode"))
    if not code:
        return decode_error(status, body)
    return StkQueryResult(
        decode_result(code, text(found.get("ResultDesc")) or ""),
        text(found.get("MerchantRequestID")) or "",
        text(found.get("CheckoutRequestID")) or "",
    )


# ── C2B: URLs, and payments on demand in the sandbox ─────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class C2bAccepted:
    """M-Pesa took a registration or a simulated payment. New accounts get a description and nothing else (2.3)."""

    originator_conversation_id: str
    description: str


def c2b_register_request(
    base_url: str,
    token: str,
    *,
    version: int,
    shortcode: str,
    response_type: str,
    confirmation_url: str,
    validation_url: str,
) -> HttpRequest:
    """Tell M-Pesa where C2B calls go. Version 1 has payers' numbers hashed, 2 masked; live takes it once (2.3).

    ``response_type``, Completed or Cancelled, decides for us when our validation is late or down.
    """
    body = {
        "ShortCode": shortcode,
        "ResponseType": response_type,
        "ConfirmationURL": confirmation_url,
        "ValidationURL": validation_url,
    }
    return _post(base_url, f"/mpesa/c2b/v{version}/registerurl", token, body)


def read_c2b_register(status: int, body: bytes) -> C2bAccepted | DecodedError:
    """Registered, in any of the four forms that were seen (daraja.md 2.3)."""
    return _read_c2b_accepted(status, body)


def c2b_simulate_request(
    base_url: str,
    token: str,
    *,
    version: int,
    shortcode: str,
    command_id: str,
    amount_cents: int,
    msisdn: str,
    reference: str,
) -> HttpRequest:
    """Pretend that a customer paid; M-Pesa's sandbox only. A till's payment carries no reference (daraja.md 2.4)."""
    body = {
        "ShortCode": shortcode,
        "CommandID": command_id,
        "Amount": str(whole_shillings(amount_cents)),
        "Msisdn": msisdn,
        "BillRefNumber": reference or None,
    }
    return _post(base_url, f"/mpesa/c2b/v{version}/simulate", token, body)


def read_c2b_simulate(status: int, body: bytes) -> C2bAccepted | DecodedError:
    """Queued, in the new form or the old one without a code (daraja.md 2.4)."""
    return _read_c2b_accepted(status, body)


def _read_c2b_accepted(status: int, body: bytes) -> C2bAccepted | DecodedError:
    found = _success(status, body)
    code = text(found.get("ResponseCode"))
    told = text(found.get("ResponseDescription")) or ""
    if code and not _ACCEPTED_CODE.fullmatch(code):
        return refused_politely(status, code, told)
    if code or re.match(r"success|accept", told, re.IGNORECASE):
        return C2bAccepted(text(found.get("OriginatorCoversationID")) or "", told)  # sic: so it is spelled on the wire
    return decode_error(status, body)


# ── shared ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def command_request(base_url: str, path: str, token: str, body: object, app_key: str = "") -> HttpRequest:
    """Any other command: a POST of JSON with the token; Bill Manager wants its own key beside it (daraja.md 1.3)."""
    request = _post(base_url, path, token, body)
    return replace(request, headers=(*request.headers, ("appKey", app_key))) if app_key else request


def _success(status: int, body: bytes) -> dict[str, object]:
    """The object of a 2xx answer; an empty one where there is none, from which nothing can be concluded."""
    return (read_object(body) or {}) if 200 <= status < 300 else {}


def _post(base_url: str, path: str, token: str, body: object) -> HttpRequest:
    headers = (
        ("Authorization", f"Bearer {token}"),
        ("Content-Type", "application/json"),
        ("Accept", "application/json"),
        ("User-Agent", USER_AGENT),
    )
    return HttpRequest("POST", _url(base_url, path), headers, _encode(body))


def _url(base_url: str, path: str) -> str:
    return base_url.rstrip("/") + path
