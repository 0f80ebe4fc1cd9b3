"""What M-Pesa tells us on its own: STK callbacks and C2B calls, and the bytes we answer (daraja.md 2.5, 3.1, 3.5).

Readers take every spelling that was ever seen, keep what they do not know in ``extra``, and raise nothing but
MalformedUpstreamError, whatever the bytes. Where M-Pesa's number cannot be read it is None, never a guess, and its raw
value stays in ``extra``.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

import msgspec

from wakala.errors import MalformedUpstreamError
from wakala.rules.receipt import nairobi_to_us
from wakala.wire.loose_json import NUMBER_LIMIT, inner, read_object, text
from wakala.wire.loose_values import read_cents, read_msisdn, read_receipt
from wakala.wire.stk_results import DecodedResult, decode_result

Extra = dict[str, object]
Read = TypeVar("Read")

REJECTIONS = MappingProxyType(
    {
        "C2B00011": "Invalid MSISDN",
        "C2B00012": "Invalid Account Number",
        "C2B00013": "Invalid Amount",
        "C2B00014": "Invalid KYC Details",
        "C2B00015": "Invalid Shortcode",
        "C2B00016": "Other Error",
    }
)
OTHER_ERROR = "C2B00016"

_encode = msgspec.json.Encoder().encode


class StkCallback(msgspec.Struct, frozen=True):
    """How a push ended. Amount, receipt, time and phone come with success only, and even then may be missing."""

    merchant_request_id: str
    checkout_request_id: str
    result: DecodedResult
    amount_cents: int | None
    receipt: str | None
    paid_us: int | None
    msisdn: str | None
    extra: Extra


@dataclass(frozen=True, slots=True)
class C2bNotice:
    """A C2B validation or confirmation. Texts are "" where M-Pesa sent none; ``msisdn`` is as sent, mostly masked."""

    transaction_type: str
    trans_id: str
    trans_time: str
    business_short_code: str
    bill_ref_number: str
    invoice_number: str
    org_account_balance: str
    third_party_trans_id: str
    msisdn: str
    first_name: str
    middle_name: str
    last_name: str
    amount_cents: int
    paid_us: int | None
    extra: Extra


# ── STK ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_stk_callback(body: bytes) -> StkCallback:
    """The result of a push, read by name and never by position (daraja.md 3.1)."""
    try:
        return _usual_callback(_decode_usual(body))
    except (ValueError, KeyError):  # anything unusual: msgspec's own errors are ValueErrors
        return _any_callback(body)


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    Name: str
    Value: str | int | float


class _Metadata(msgspec.Struct, forbid_unknown_fields=True):
    Item: list[_Item]


class _Result(msgspec.Struct, forbid_unknown_fields=True):
    MerchantRequestID: str
    CheckoutRequestID: str
    ResultCode: int
    ResultDesc: str
    CallbackMetadata: _Metadata


class _Inner(msgspec.Struct, forbid_unknown_fields=True):
    result: _Result = msgspec.field(name="stkCallback")


class _Outer(msgspec.Struct, forbid_unknown_fields=True):
    Body: _Inner


_decode_usual = msgspec.json.Decoder(_Outer).decode
_USUAL = {"Amount", "MpesaReceiptNumber", "TransactionDate", "PhoneNumber"}


def _usual_callback(outer: _Outer) -> StkCallback:
    """A paid push as it almost always comes: four items, known types. ValueError or KeyError for everything else."""
    told = outer.Body.result
    items = {item.Name: item.Value for item in told.CallbackMetadata.Item}
    amount, receipt, moment, phone = (
        items[name] for name in ("Amount", "MpesaReceiptNumber", "TransactionDate", "PhoneNumber")
    )
    merchant, checkout = text(told.MerchantRequestID) or "", text(told.CheckoutRequestID) or ""
    paid_us = nairobi_to_us(moment)
    number = read_msisdn(phone)
    cents = read_cents(amount)
    key = read_receipt(receipt)
    if len(told.CallbackMetadata.Item) != len(_USUAL) or None in {paid_us, number, cents, key} or not checkout:
        raise ValueError("unusual")
    if abs(told.ResultCode) >= NUMBER_LIMIT:
        raise ValueError("no code")
    result = decode_result(told.ResultCode, text(told.ResultDesc) or "")
    return StkCallback(merchant, checkout, result, cents, key, paid_us, number, {})


def _any_callback(body: bytes) -> StkCallback:
    root = read_object(body)
    envelope = inner(root, "Body") if root else None
    callback = inner(envelope, "stkCallback") if envelope else None
    if root is None or envelope is None or callback is None:
        raise MalformedUpstreamError("M-Pesa's STK callback has no Body.stkCallback; it is kept byte for byte.")
    code = text(callback.get("ResultCode"))
    merchant_request_id = text(callback.get("MerchantRequestID")) or ""
    checkout_request_id = text(callback.get("CheckoutRequestID")) or ""
    if not code or not (merchant_request_id or checkout_request_id):
        raise MalformedUpstreamError(
            "M-Pesa's STK callback lacks its result code or its IDs; it is kept byte for byte."
        )
    items, extra = _read_items(callback)
    extra |= _rest(callback, _CALLBACK_FIELDS) | _rest(envelope, ("stkCallback",)) | _rest(root, ("Body",))
    return StkCallback(
        merchant_request_id=merchant_request_id,
        checkout_request_id=checkout_request_id,
        result=decode_result(code, text(callback.get("ResultDesc")) or ""),
        amount_cents=_take(items, "Amount", read_cents),
        receipt=_take(items, "MpesaReceiptNumber", read_receipt),
        paid_us=_take(items, "TransactionDate", nairobi_to_us),
        msisdn=_take(items, "PhoneNumber", read_msisdn),
        extra=extra | items,
    )


_CALLBACK_FIELDS = ("MerchantRequestID", "CheckoutRequestID", "ResultCode", "ResultDesc", "CallbackMetadata")


def _read_items(callback: dict[str, object]) -> tuple[Extra, Extra]:
    """The metadata by name, and what could not be named: a list, a lone object, entries without Value or Name."""
    metadata = callback.get("CallbackMetadata")
    if not isinstance(metadata, dict):
        return {}, {} if metadata is None else {"CallbackMetadata": metadata}
    listed = metadata.get("Item")
    items: Extra = {}
    unnamed: list[object] = []
    for item in listed if isinstance(listed, list) else [listed]:
        name = item.get("Name") if isinstance(item, dict) else None
        if isinstance(item, dict) and isinstance(name, str) and name not in items:
            items[name] = item.get("Value")
        elif item is not None:
            unnamed.append(item)
    extra = _rest(metadata, ("Item",))
    return items, extra | {"Item": unnamed} if unnamed else extra


def _take(items: Extra, name: str, read: Callable[[object], Read | None]) -> Read | None:
    """A value by its name; it leaves the items only when it could be read, so that nothing unread is lost."""
    value = read(items.get(name))
    if value is not None:
        del items[name]
    return value


def _rest(found: dict[str, object], known: Iterable[str]) -> Extra:
    return {name: value for name, value in found.items() if name not in known}


# ── C2B ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def read_c2b(body: bytes) -> C2bNotice:
    """A C2B validation or confirmation; both have one shape (daraja.md 2.5). Names are often absent or null."""
    fields = read_object(body)
    if fields is None:
        raise MalformedUpstreamError("M-Pesa's C2B call is not a JSON object; it is kept byte for byte.")
    texts = {ours: text(fields.get(theirs)) for theirs, ours in _C2B_TEXTS.items()}
    amount_cents = read_cents(fields.get("TransAmount"))
    trans_id = read_receipt(fields.get("TransID"))
    if trans_id is None or amount_cents is None or not texts["business_short_code"]:
        raise MalformedUpstreamError("M-Pesa's C2B call lacks its receipt, amount or shortcode; it is kept whole.")
    read = {theirs for theirs, ours in _C2B_TEXTS.items() if texts[ours] is not None or fields.get(theirs) is None}
    return C2bNotice(
        **{ours: value or "" for ours, value in texts.items()},
        trans_id=trans_id,
        amount_cents=amount_cents,
        paid_us=nairobi_to_us(fields.get("TransTime")),
        extra=_rest(fields, read | {"TransID", "TransAmount"}),
    )


_C2B_TEXTS = MappingProxyType(
    {
        "TransactionType": "transaction_type",
        "TransTime": "trans_time",
        "BusinessShortCode": "business_short_code",
        "BillRefNumber": "bill_ref_number",
        "InvoiceNumber": "invoice_number",
        "OrgAccountBalance": "org_account_balance",
        "ThirdPartyTransID": "third_party_trans_id",
        "MSISDN": "msisdn",
        "FirstName": "first_name",
        "MiddleName": "middle_name",
        "LastName": "last_name",
    }
)

# ── what we answer ───────────────────────────────────────────────────────────────────────────────────────────────────

_ACCEPTED = _encode({"ResultCode": 0, "ResultDesc": "Accepted"})


def stk_ack() -> bytes:
    """The answer to an STK callback. Only its HTTP 200 is known to matter (daraja.md 3.5)."""
    return _ACCEPTED


def c2b_confirmation_ack() -> bytes:
    """The answer to a C2B confirmation, which cannot be refused."""
    return _ACCEPTED


def bill_payment_ack() -> bytes:
    """Anything else, and M-Pesa tries up to five times (daraja.md 2.16)."""
    return _encode({"resmsg": "Success", "rescode": "200"})


@dataclass(frozen=True, slots=True)
class ValidationVerdict:
    """What a merchant said to a validation; ``code`` is one of M-Pesa's REJECTIONS where it said no."""

    accept: bool
    code: str | None = None
    third_party_id: str | None = None


def read_validation_verdict(status: int, body: bytes) -> ValidationVerdict | None:
    """A merchant's answer (daraja.md 2.5). What has no ResultCode is no verdict, and neither is an error page."""
    told = read_object(body) if status == 200 else None
    code = text(told.get("ResultCode")) if told is not None else None
    if told is None or not code:
        return None
    if code.strip("0") == "":
        return ValidationVerdict(True, third_party_id=text(told.get("ThirdPartyTransID")) or None)
    return ValidationVerdict(False, code)


def c2b_validation_answer(*, accept: bool, code: str | None = None, third_party_id: str | None = None) -> bytes:
    """Let a payment through or not. ``third_party_id`` returns in the confirmation, ``code`` is one of REJECTIONS."""
    if not accept:
        return _encode({"ResultCode": code if code in REJECTIONS else OTHER_ERROR, "ResultDesc": "Rejected"})
    echo = {"ThirdPartyTransID": third_party_id} if third_party_id else {}
    return _encode({"ResultCode": "0", "ResultDesc": "Accepted", **echo})
