"""A payment as every face shows it: PascalCase, amounts in shillings, times in RFC 3339 UTC.

One shape for notifications, ``GET .../requests/{RequestID}`` and the trace, so that a merchant learns it once.
"""

import datetime as dt
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec

from wakala.rules.facts import DATABASE_AWAY, INTERRUPTED, NO_ANSWER, STOOD_STILL, UNREACHABLE
from wakala.rules.outcome import Sentence, Verdict
from wakala.rules.payment import PLAIN, Evidence, Flag, Kind, Payment, State
from wakala.rules.receipt import us_to_nairobi
from wakala.wire.daraja_results import result_data
from wakala.wire.explaining import explain_code

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_WAITING = {
    State.RECEIVED: Sentence(
        "The request is recorded and about to be sent to M-Pesa.",
        "Ombi limehifadhiwa na linakaribia kutumwa kwa M-Pesa.",
    ),
    State.HELD: Sentence(
        "M-Pesa could not take the request yet; it is tried again by itself.",
        "M-Pesa haikuweza kupokea ombi bado; linajaribiwa tena lenyewe.",
    ),
    State.SENDING: Sentence("The request is on its way to M-Pesa.", "Ombi liko njiani kwenda M-Pesa."),
    State.PENDING: Sentence(
        "The customer has the prompt and has not answered yet.", "Mteja amepata ombi na bado hajajibu."
    ),
    State.UNKNOWN: Sentence(
        "Sent, but M-Pesa has not said what became of it. Do not ask the customer to pay again yet.",
        "Limetumwa, lakini M-Pesa haijasema matokeo. Usimwombe mteja alipe tena kwa sasa.",
    ),
}
_QUEUED = Sentence(
    "M-Pesa has taken the request and has not reported the outcome yet.",
    "M-Pesa imepokea ombi na bado haijaripoti matokeo.",
)
_WAIT = Sentence("Wait: Wakala asks M-Pesa by itself.", "Subiri: Wakala inauliza M-Pesa yenyewe.")
_EXPIRED = Sentence(
    "M-Pesa never said how this ended, not even when asked.",
    "M-Pesa haikusema matokeo, hata ilipoulizwa.",
)
_EXPIRED_NEXT = Sentence(
    "Look for the payment in M-Pesa's statement before asking the customer again.",
    "Tafuta malipo kwenye taarifa ya M-Pesa kabla ya kumwomba mteja tena.",
)
_NOT_SENT = Sentence("It never left this gateway.", "Halikuondoka kwenye mfumo huu.")
_NOT_SENT_NEXT = Sentence(
    "No money moved. Check the connection with `wakala doctor`, then start a new payment.",
    "Hakuna pesa iliyohamishwa. Angalia muunganisho kwa `wakala doctor`, kisha anza malipo mapya.",
)
_UNCLEAR = Sentence(
    "M-Pesa was asked and gave no clear answer; whether it did what was asked is not known.",
    "M-Pesa iliulizwa na haikutoa jibu wazi; haijulikani kama ilitekeleza kilichoombwa.",
)
_UNCLEAR_NEXT = Sentence(
    "Wakala does not ask again by itself. See whether it was done, then ask under a new RequestID.",
    "Wakala haiulizi tena yenyewe. Angalia kama kimetekelezwa, kisha omba kwa RequestID mpya.",
)
_OWN = dict.fromkeys((UNREACHABLE, STOOD_STILL, DATABASE_AWAY), (_NOT_SENT, _NOT_SENT_NEXT))
_OWN |= dict.fromkeys((NO_ANSWER, INTERRUPTED), (_UNCLEAR, _UNCLEAR_NEXT))
_FLAGGED = {
    Flag.EVIDENCE_CONFLICT: Sentence(
        "M-Pesa's own sources disagree about this payment; the recorded outcome was not changed.",
        "Vyanzo vya M-Pesa vinatofautiana kuhusu malipo haya; matokeo yaliyorekodiwa hayakubadilishwa.",
    ),
    Flag.PAID_AFTER_EXPIRY: Sentence(
        "M-Pesa reported money for this payment after it had expired.",
        "M-Pesa iliripoti pesa za malipo haya baada ya muda wake kuisha.",
    ),
    Flag.AMOUNT_DIFFERS: Sentence(
        "M-Pesa reported another amount than was asked for; that report was not believed.",
        "M-Pesa iliripoti kiasi tofauti na kilichoombwa; ripoti hiyo haikuaminiwa.",
    ),
    Flag.AMBIGUOUS: Sentence(
        "This money may belong to more than one request; it was not guessed.",
        "Pesa hizi zinaweza kuwa za zaidi ya ombi moja; hatukukisia.",
    ),
}
_LOOK = Sentence(
    "Compare the receipt with M-Pesa's statement, then decide by hand.",
    "Linganisha risiti na taarifa ya M-Pesa, kisha uamue mwenyewe.",
)


def time_text(us: int | None) -> str | None:
    """RFC 3339 in UTC with microseconds."""
    if us is None:
        return None
    seconds, micros = divmod(us, 1_000_000)
    return f"{_second_text(seconds)}.{micros:06d}Z"


@lru_cache(maxsize=256)
def _second_text(seconds: int) -> str:
    """Most times of one moment share their second."""
    return (_EPOCH + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def shillings(cents: int) -> int | float:
    """The JSON number: 150, or 150.5 where there are cents."""
    return cents // 100 if cents % 100 == 0 else cents / 100


def cause_of(payment: Payment) -> tuple[Sentence, Sentence] | None:
    """Why a payment stands where it stands, and what to do next. None for a plain success."""
    if payment.flags:
        return _FLAGGED[payment.flags[-1]], _LOOK
    if payment.state is State.SUCCEEDED:
        return None
    if payment.state in _WAITING:
        queued = payment.state is State.PENDING and payment.kind is not Kind.PUSH
        return (_QUEUED if queued else _WAITING[payment.state]), _WAIT
    if payment.state is State.EXPIRED:
        return _EXPIRED, _EXPIRED_NEXT
    is_ours, code = payment.evidence is Evidence.GATEWAY, payment.result_code or ""
    if is_ours and code in _OWN:
        return _OWN[code]
    known = explain_code(payment, code, payment.result_desc or "") if code else None
    if known is None:
        return _NOT_SENT, _NOT_SENT_NEXT
    if is_ours and known.verdict is Verdict.UNKNOWN:  # a look-up; what may cost something is asked about
        return known.cause, _UNCLEAR_NEXT
    return known.cause, known.next_step


def flag_sentences(flags: Sequence[Flag]) -> list[str]:
    """What each says, in English."""
    return [_FLAGGED[flag].en for flag in flags]


def both(sentence: Sentence) -> dict[str, str]:
    """A sentence as JSON."""
    return {"en": sentence.en, "sw": sentence.sw}


def payment_view(payment: Payment, shortcode: str) -> dict[str, Any]:
    """The payment as JSON-ready values. Keys that do not apply are null, never absent."""
    cause = cause_of(payment)
    view = {
        "RequestID": payment.request_id,
        "PaymentID": payment.id,
        "Kind": payment.kind.value,
        "Environment": payment.scope.environment,
        "Shortcode": shortcode,
        "State": payment.state.value,
        "Amount": shillings(payment.amount_cents),
        "Currency": "KES",
        "SenderMSISDN": payment.msisdn,
        "SenderName": payment.payer_name,
        "AccountReference": payment.reference,
        "MpesaReceiptNumber": payment.receipt,
        "TransactionTime": us_to_nairobi(payment.paid_us) if payment.paid_us is not None else None,
        "MerchantRequestID": payment.merchant_request_id,
        "CheckoutRequestID": payment.checkout_request_id,
        "ResultCode": payment.result_code,
        "ResultDesc": payment.result_desc,
        "Evidence": payment.evidence.value if payment.evidence else None,
        "Flags": [flag.value for flag in payment.flags],
        "Cause": both(cause[0]) if cause else None,
        "NextStep": both(cause[1]) if cause else None,
        "ReferenceData": msgspec.json.decode(payment.reference_data),
        "CreatedAt": time_text(payment.created_us),
        "SettledAt": time_text(payment.settled_us),
    }
    if payment.kind in PLAIN:
        return view
    return view | _of_command(payment)


def _of_command(payment: Payment) -> dict[str, Any]:
    """What a command other than the push has besides: who is paid, M-Pesa's IDs by their own names, its Result."""
    is_payout = payment.kind is Kind.PAYOUT
    first, second = id_names(payment)
    return {
        "Command": payment.command,
        "SenderMSISDN": None if is_payout else payment.msisdn or None,
        "SenderName": None if is_payout else payment.payer_name,
        "ReceiverMSISDN": payment.msisdn if is_payout else None,
        "ReceiverName": payment.payer_name if is_payout else None,
        "MerchantRequestID": None,
        "CheckoutRequestID": None,
        first: payment.merchant_request_id,
        second: payment.checkout_request_id,
        "Details": msgspec.json.decode(payment.details),
        "ResultData": result_data(payment.command, payment.results) if payment.results != "{}" else None,
    }


def id_names(payment: Payment) -> tuple[str, str]:
    """What M-Pesa calls its two IDs of this kind of request."""
    if payment.kind in PLAIN:
        return "MerchantRequestID", "CheckoutRequestID"
    return "OriginatorConversationID", "ConversationID"


def is_push(payment: Payment) -> bool:
    """True for what a merchant asked for, False for what M-Pesa told us of."""
    return payment.kind is Kind.PUSH
