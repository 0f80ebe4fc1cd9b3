"""What callers of Daraja's own paths are answered: tokens, acknowledgements, queries; pure."""

import re
from typing import Any

import msgspec

from wakala.rules.outcome import Verdict
from wakala.rules.payment import Answer, Kind, Payment, State
from wakala.rules.sides import originator_id
from wakala.wire.api import HttpAnswer
from wakala.wire.daraja_codes import explain
from wakala.wire.facade_errors import JSON, RefusedInDarajaError, broken, busy
from wakala.wire.notification import result_desc

_encode = msgspec.json.Encoder().encode


def token_answer(token: str, life_s: int) -> HttpAnswer:
    """``expires_in`` is a string on the wire (daraja.md 1.2)."""
    body = {"access_token": token, "expires_in": str(life_s)}
    return 200, (*JSON, ("cache-control", "no-store")), _encode(body)


def command_answer(payment: Payment) -> HttpAnswer:
    """The first answer, and again for ever. Raises `RefusedInDarajaError` for what M-Pesa refused or nobody knows."""
    if payment.kind is Kind.SERVICE and payment.results != "{}":
        is_no = payment.state is State.FAILED and payment.result_code in _REFUSING
        return int(payment.result_code or "200") if is_no else 200, JSON, payment.results.encode()
    if payment.answer is Answer.REFUSED or (payment.answer is None and payment.state is State.FAILED):
        raise _refused(payment)
    if payment.answer is not Answer.ACCEPTED:
        raise broken()
    return 200, JSON, _encode(_acknowledgement(payment))


def _acknowledgement(payment: Payment) -> dict[str, Any]:
    first, second = originator_id(payment) if payment.merchant_request_id else "", payment.checkout_request_id or ""
    if payment.kind is Kind.PUSH:
        words = "Success. Request accepted for processing"
        return {
            "MerchantRequestID": first,
            "CheckoutRequestID": second,
            "ResponseCode": "0",
            "ResponseDescription": words,
            "CustomerMessage": words,
        }
    if payment.kind is Kind.TILL_PUSH:
        return {"code": "0", "status": "USSD Initiated Successfully"}
    if payment.kind is Kind.STANDING_ORDER:
        words = "Request accepted for processing"
        done = "The service request is processed successfully."
        return {
            "ResponseHeader": {
                "responseRefID": first or payment.request_id,
                "responseCode": "200",
                "responseDescription": words,
                "ResultDesc": done,
            },
            "ResponseBody": {"responseDescription": words, "responseCode": "200"},
        }
    return {
        "OriginatorConversationID": first or payment.request_id,
        "ConversationID": second,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }


_REFUSING = frozenset({"400", "409", "422"})
"""With these codes of their own envelopes direct APIs refuse, and with the same HTTP status (daraja.md 2.8, 2.16)."""

UNREACHABLE = "unreachable"
_CODE = re.compile(r"([45][0-9]{2})\.[0-9.]+")


def _refused(payment: Payment) -> RefusedInDarajaError:
    """M-Pesa's own code and words, its status the first part of the code; else whether anything may have happened."""
    code, words = payment.answer_code or payment.result_code or "", payment.answer_desc or payment.result_desc or ""
    match = _CODE.fullmatch(code)
    if match:
        return RefusedInDarajaError(int(match[1]), code, words)
    known = explain(code, words)
    is_surely_not = code == UNREACHABLE or (known is not None and known.verdict is Verdict.REFUSED)
    return busy() if is_surely_not else broken()


def query_answer(payment: Payment) -> HttpAnswer:
    """What became of a push: the code is a string, and there is no receipt (daraja.md 2.2)."""
    body = {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successsfully",
        "MerchantRequestID": payment.merchant_request_id or "",
        "CheckoutRequestID": payment.checkout_request_id or "",
        "ResultCode": (payment.result_code or "1037") if payment.state.is_final else "4999",
        "ResultDesc": result_desc(payment) if payment.state.is_final else "The transaction is still under processing",
    }
    return 200, JSON, _encode(body)
