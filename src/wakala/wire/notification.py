"""What merchants are sent: Wakala's own shape, or Daraja's or Proxy API's where the app asks for it."""

import re
from typing import Any

import msgspec

from wakala.rules.accounts import BodyFormat, Side
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.payment import PLAIN, Evidence, Kind, Payment, State
from wakala.rules.receipt import us_to_nairobi
from wakala.rules.sides import originator_id
from wakala.wire.daraja_results import result_data
from wakala.wire.view import is_push, payment_view, shillings, time_text

_encode = msgspec.json.Encoder().encode


def render(payment: Payment, event: str, body_format: BodyFormat, shortcode: str, now_us: int) -> bytes:
    """The body of a notification. Flags and later receipts have no word in the other shapes, so they come in ours."""
    if event in {"payment.flagged", "payment.updated"} or body_format is BodyFormat.WAKALA:
        return _wakala(payment, event, shortcode, now_us)
    if payment.kind not in PLAIN:
        return _daraja_result(payment) if body_format is BodyFormat.DARAJA else _proxyapi_result(payment)
    if not is_push(payment):
        return (
            _daraja_c2b(payment, shortcode) if body_format is BodyFormat.DARAJA else _proxyapi_c2b(payment, shortcode)
        )
    if body_format is BodyFormat.PROXYAPI and payment.state is State.SUCCEEDED:
        return _proxyapi_push(payment)
    return _daraja_push(payment)


_OURS, _PUSH_RESULT = b'{"type":', b'{"Body":{"stkCallback":'


def headers_of(body: bytes, shortcode: str) -> tuple[tuple[str, str], ...]:
    """What stands above a body: Daraja's own headers where it has Daraja's shape (daraja.md 3.1)."""
    if body.startswith(_OURS):
        return (("Content-Type", "application/json"),)
    told = (("Content-Type", "application/json;charset=UTF-8"),)
    return (*told, ("Businessshortcode", shortcode)) if body.startswith(_PUSH_RESULT) else told


def notification_view(notification: Notification, made_us: int) -> dict[str, Any]:
    """A notification as the API tells it, without its body; ``made_us`` is when it was staged first."""
    is_waiting = notification.state is DeliveryState.WAITING
    return {
        "NotificationID": notification.id,
        "PaymentID": notification.payment_id,
        "Type": notification.type,
        "State": notification.state.value,
        "Attempts": notification.attempts,
        "CreatedAt": time_text(made_us),
        "NextAttemptAt": time_text(notification.due_us) if is_waiting else None,
        "LastStatus": notification.last_status,
        "LastError": notification.last_error,
    }


def render_test(body_format: BodyFormat, now_us: int) -> bytes:
    """A notification that names no payment.

    The other shapes have no word for a test, so theirs tell of a push that was cancelled and that nobody asked for: a
    receiver which knows no such push has nothing to do.
    """
    if body_format is BodyFormat.WAKALA:
        return _encode({"type": "endpoint.test", "timestamp": time_text(now_us), "data": {}})
    inner = {
        "MerchantRequestID": "wakala-endpoint-test",
        "CheckoutRequestID": "ws_CO_wakala_endpoint_test",
        "ResultCode": 1032,
        "ResultDesc": "A test of this URL by Wakala. No payment was asked for.",
    }
    return _encode({"Body": {"stkCallback": inner}})


def _wakala(payment: Payment, event: str, shortcode: str, now_us: int) -> bytes:
    return _encode({"type": event, "timestamp": time_text(now_us), "data": payment_view(payment, shortcode)})


def _daraja_push(payment: Payment) -> bytes:
    """Daraja's STK callback, byte-compatible: numbers unquoted, no metadata unless paid (daraja.md 3.1)."""
    inner: dict[str, Any] = {
        "MerchantRequestID": payment.merchant_request_id or "",
        "CheckoutRequestID": payment.checkout_request_id or "",
        "ResultCode": _number(payment.result_code),
        "ResultDesc": result_desc(payment),
    }
    if payment.state is State.SUCCEEDED:
        items: list[dict[str, Any]] = [{"Name": "Amount", "Value": float(shillings(payment.amount_cents))}]
        if payment.receipt:
            items.append({"Name": "MpesaReceiptNumber", "Value": payment.receipt})
        if payment.paid_us is not None:
            items.append({"Name": "TransactionDate", "Value": int(us_to_nairobi(payment.paid_us))})
        items.append({"Name": "PhoneNumber", "Value": int(payment.msisdn)})
        inner["CallbackMetadata"] = {"Item": items}
    return _encode({"Body": {"stkCallback": inner}})


_OF_OTHER_SOURCES = frozenset({Evidence.C2B_CONFIRMATION, Evidence.BILL_MANAGER, Evidence.PULL})
_CODE = re.compile(r"[0-9]{1,18}")  # more than any of M-Pesa's has
_PAID = "The service request is processed successfully."


def result_desc(payment: Payment) -> str:
    """M-Pesa's words for how it ended; what another source than the result says is paid is told in the usual ones."""
    if payment.state is State.SUCCEEDED and payment.evidence in _OF_OTHER_SOURCES:
        return _PAID
    return payment.result_desc or payment.reason or ""


def _daraja_result(payment: Payment) -> bytes:
    """Daraja's Result (daraja.md 3.3): M-Pesa's own where it settled the request, else one made of what is known."""
    if payment.evidence in {Evidence.RESULT, Evidence.ANSWER} and payment.results != "{}":
        told = payment.results.encode()
        if payment.side is Side.BROKER:  # made of XML, so no bytes of M-Pesa's are lost by this
            told = _encode({**msgspec.json.decode(told), "OriginatorConversationID": originator_id(payment)})
        is_flat = payment.kind in {Kind.STANDING_ORDER, Kind.TILL_PUSH}  # these have shapes of their own
        return told if is_flat else b'{"Result":' + told + b"}"
    result: dict[str, Any] = {
        "ResultType": 0,
        "ResultCode": _number(payment.result_code if payment.state is not State.SUCCEEDED else "0"),
        "ResultDesc": result_desc(payment),
        "OriginatorConversationID": originator_id(payment),
        "ConversationID": payment.checkout_request_id or "",
        "TransactionID": payment.receipt or "",
    }
    if payment.state is State.SUCCEEDED:
        parameters: list[dict[str, Any]] = [
            {"Key": "TransactionAmount", "Value": float(shillings(payment.amount_cents))},
            {"Key": "TransactionReceipt", "Value": payment.receipt or ""},
        ]
        result["ResultParameters"] = {"ResultParameter": parameters}
    return _encode({"Result": result})


def _proxyapi_result(payment: Payment) -> bytes:
    """Proxy API's result callback (proxyapi.md 3.3), without its signature: its key came with the message."""
    body = {
        "ResultCode": payment.result_code or "",
        "ResultDesc": payment.result_desc or payment.reason or "",
        "RequestID": payment.request_id,
        "MpesaRequestID": payment.checkout_request_id or "",
        "MpesaTransactionID": payment.receipt or "",
        "ReferenceData": msgspec.json.decode(payment.reference_data),
        "ResultData": result_data(payment.command, payment.results) if payment.results != "{}" else {},
    }
    return _encode(body)


def _number(code: str | None) -> int | str:
    """Codes are numbers where M-Pesa sends numbers; 1037 stands for an outcome that never came."""
    if code is None:
        return 1037
    return int(code) if _CODE.fullmatch(code) else code


def _proxyapi_push(payment: Payment) -> bytes:
    """Proxy API's own callback for a paid push (proxyapi.md 5.4)."""
    names = (payment.payer_name or "").split()
    metadata = {
        "TransactionID": payment.receipt or "",
        "TransactionTime": us_to_nairobi(payment.paid_us) if payment.paid_us is not None else "",
        "SenderMSISDN": payment.msisdn,
        "SenderFirstName": names[0] if names else "",
        "SenderLastName": names[-1] if len(names) > 1 else "",
        "DueDate": 0,  # a subscription's due date at Proxy API; there is none here
    }
    body = {
        "RequestID": payment.request_id,
        "CheckoutRequestID": payment.checkout_request_id or "",
        "CallbackMetadata": metadata,
    }
    return _encode({"Body": {"pvpCallback": body}})


def _daraja_c2b(payment: Payment, shortcode: str) -> bytes:
    """Daraja's C2B confirmation: M-Pesa's own where it is at hand, else every value a string (daraja.md 2.5)."""
    if payment.results != "{}":
        return payment.results.encode()
    names = (payment.payer_name or "").split()
    body = {
        "TransactionType": "Pay Bill",
        "TransID": payment.receipt,
        "TransTime": us_to_nairobi(payment.paid_us) if payment.paid_us is not None else "",
        "TransAmount": f"{payment.amount_cents / 100:.2f}",
        "BusinessShortCode": shortcode,
        "BillRefNumber": payment.reference,
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": payment.msisdn,
        "FirstName": names[0] if names else "",
        "MiddleName": " ".join(names[1:-1]),
        "LastName": names[-1] if len(names) > 1 else "",
    }
    return _encode(body)


def _proxyapi_c2b(payment: Payment, shortcode: str) -> bytes:
    """Proxy API's C2B confirmation (proxyapi.md 3.1), without its signature: its key came with the message."""
    names = (payment.payer_name or "").split()
    body = {
        "TransactionType": "CustomerPayBillConfirmation",
        "TransactionTime": us_to_nairobi(payment.paid_us) if payment.paid_us is not None else "",
        "TransactionID": payment.receipt,
        "TransactionAmount": shillings(payment.amount_cents),
        "BusinessShortcode": shortcode,
        "AccountReference": payment.reference,
        "SenderMSISDN": payment.msisdn,
        "SenderFirstName": names[0] if names else "",
        "SenderMiddleName": " ".join(names[1:-1]) or None,
        "SenderLastName": names[-1] if len(names) > 1 else "",
        "RemainingCredits": 0,  # prepaid credits at Proxy API; there are none here
    }
    return _encode(body)
