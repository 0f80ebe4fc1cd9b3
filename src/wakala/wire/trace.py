"""The trace: everything about one request in the order of time, as JSON that the page and the command line share."""

import re
from typing import Any

from wakala.errors import InvalidMsisdnError
from wakala.rules.delivery import Notification
from wakala.rules.exchange import Exchange, Headers
from wakala.rules.money import display
from wakala.rules.msisdn import mask, parse
from wakala.rules.outcome import Sentence
from wakala.rules.payment import Kind, Payment
from wakala.wire.view import both, payment_view, time_text

# As callers may write them (`msisdn.parse`): of many digits anywhere; of ten where they stand by themselves, for IDs
# and fractions have such in them; and whatever is a number where the field's name says that it is one.
_PHONE = re.compile(r"(?<![0-9])(?:00)?2540?([17][0-9]{8})(?![0-9])")
_LOCAL_PHONE = re.compile(r"(?<![\w.])0([17][0-9]{8})(?!\w)")
# M-Pesa's IDs of pushes: a moment to the millisecond, or shorter, then the customer's last nine digits (daraja.md 7.9).
_CHECKOUT_PHONE = re.compile(r"(ws_CO_[0-9]{15,17})([17][0-9]{8})(?![0-9])")
_PHONE_FIELD = re.compile(
    r'((?:msisdn|phone|phone_?number|contact|requester|nominatednumber)\\{0,3}"\s*:\s*\\{0,3}"?)([^"\\,}\]\n]{9,40})',
    re.IGNORECASE,
)
# A number's hash as M-Pesa sends it, some with stars in the middle: whoever tries all numbers undoes it (`hash_of`).
_HASHED_PHONE = re.compile(
    r"(?<![0-9A-Za-z])([0-9a-f]{4})(?:[0-9a-f]{60}|[0-9a-f]{12,48}\*{1,12}[0-9a-f]{12,48})(?![0-9A-Za-z])",
    re.IGNORECASE,
)

_SENTENCES: dict[str, tuple[str, str]] = {
    "received": ("Your system asked for KES {amount} from {phone}.", "Mfumo wako uliomba KES {amount} kutoka {phone}."),
    "collected": ("M-Pesa told us of KES {amount} that came in.", "M-Pesa ilitujulisha KES {amount} zilizoingia."),
    "sending": ("Wakala wrote down the intent and called M-Pesa.", "Wakala iliandika nia na kuita M-Pesa."),
    "accepted": (
        "M-Pesa took the request; the prompt went to the phone.",
        "M-Pesa ilipokea ombi; ujumbe ulitumwa kwa simu.",
    ),
    "accepted_late": (
        "M-Pesa's own answer arrived after its callback.",
        "Jibu la M-Pesa lilifika baada ya taarifa yake.",
    ),
    "held": ("M-Pesa could not take it: {reason}", "M-Pesa haikuweza kulipokea: {reason}"),
    "refused": ("M-Pesa refused it: {reason}", "M-Pesa ililikataa: {reason}"),
    "lost_sight": ("Sent, but the outcome is not known: {reason}", "Limetumwa, lakini matokeo hayajulikani: {reason}"),
    "unsure": (
        "M-Pesa reported {code}, which settles nothing: {description}",
        "M-Pesa iliripoti {code}: {description}",
    ),
    "succeeded": ("Paid. Evidence: {by}, {description}", "Imelipwa. Ushahidi: {by}, {description}"),
    "failed": ("Not paid. M-Pesa: {code}, {description}", "Haijalipwa. M-Pesa: {code}, {description}"),
    "confirmed": ("A second source agrees: {by}.", "Chanzo cha pili kinakubaliana: {by}."),
    "receipt_added": ("The receipt arrived: {receipt}.", "Risiti imefika: {receipt}."),
    "contradicted": (
        "Another source disagrees ({by}: {code}, {description}); flagged for a person, nothing was rewritten.",
        "Chanzo kingine hakikubaliani ({by}: {code}, {description}); limewekewa alama, hakuna kilichobadilishwa.",
    ),
    "asked": ("Wakala asked M-Pesa. {reason}", "Wakala iliuliza M-Pesa. {reason}"),
    "quarantined": ("Something came that does not fit: {reason}", "Kuna kitu kilichokuja kisicholingana: {reason}"),
    "gave_up": ("The schedule ended: {reason}", "Ratiba imeisha: {reason}"),
    "timed_out": (
        "{reason} It is asked about, not sent again.",
        "Muda uliisha kwenye foleni ya M-Pesa. Linaulizwa, halitumwi tena.",
    ),
    "restored": (
        "The gateway was restored from a backup. Whether this had gone out is not known: it is asked about.",
        "Mfumo ulirejeshwa kutoka nakala. Haijulikani kama ombi hili lilitumwa: linaulizwa.",
    ),
    "late_answer": ("A late answer changed nothing. {reason}", "Jibu la kuchelewa halikubadilisha kitu. {reason}"),
}

# Where the words of a push would be wrong.
_BY_KIND: dict[tuple[str, Kind], tuple[str, str]] = {
    ("received", Kind.PAYOUT): (
        "Your system asked to pay KES {amount} to {phone}.",
        "Mfumo wako uliomba kulipa KES {amount} kwa {phone}.",
    ),
    ("received", Kind.TRANSFER): (
        "Your system asked to send KES {amount} to a business.",
        "Mfumo wako uliomba kutuma KES {amount} kwa biashara.",
    ),
    ("received", Kind.REVERSAL): (
        "Your system asked to give KES {amount} back.",
        "Mfumo wako uliomba kurudisha KES {amount}.",
    ),
    ("received", Kind.ENQUIRY): ("Your system asked M-Pesa a question.", "Mfumo wako uliuliza M-Pesa swali."),
    ("received", Kind.SERVICE): ("Your system asked M-Pesa for a service.", "Mfumo wako uliomba huduma ya M-Pesa."),
    ("succeeded", Kind.ENQUIRY): ("M-Pesa answered.", "M-Pesa imejibu."),
    ("succeeded", Kind.SERVICE): ("M-Pesa answered.", "M-Pesa imejibu."),
    ("failed", Kind.ENQUIRY): (
        "M-Pesa could not answer: {code}, {description}",
        "M-Pesa haikuweza kujibu: {code}, {description}",
    ),
    ("failed", Kind.SERVICE): ("M-Pesa declined: {code}, {description}", "M-Pesa imekataa: {code}, {description}"),
}
_QUEUED = ("M-Pesa took the request and queued it.", "M-Pesa ilipokea ombi na kuliweka kwenye foleni.")

EventRow = tuple[int, str, str | None, str, dict[str, str]]
"""Time in microseconds, name, state before, state after, detail."""


def trace_view(
    payment: Payment,
    shortcode: str,
    events: list[EventRow],
    exchanges: list[Exchange],
    notifications: list[Notification],
    *,
    masked: bool,
) -> dict[str, Any]:
    """The whole story. ``masked`` hides phone numbers, in fields and inside bytes, for eyes without that right."""
    view = payment_view(payment, shortcode)
    start_us = min([payment.created_us, *(exchange.started_us for exchange in exchanges)])
    entries = [_event(row, payment, start_us) for row in events]
    entries += [_exchange(exchange, start_us) for exchange in exchanges]
    entries.sort(key=lambda entry: (entry["OffsetMs"], entry["Type"] == "event"))
    view["Entries"] = entries
    view["Notifications"] = [_notification(notification) for notification in notifications]
    return hidden(view) if masked else view


def _event(row: EventRow, payment: Payment, start_us: int) -> dict[str, Any]:
    at_us, name, before, after, detail = row
    return {
        "Type": "event",
        "At": time_text(at_us),
        "OffsetMs": (at_us - start_us) / 1000,
        "Name": name,
        "From": before,
        "To": after,
        "Sentence": both(_sentence(name, payment, detail)),
        "Detail": detail,
    }


def _sentence(name: str, payment: Payment, detail: dict[str, str]) -> Sentence:
    english, swahili = _template(name, payment)
    words = _Words(detail, amount=display(payment.amount_cents), phone=shown_phone(payment.msisdn))
    return Sentence(english.format_map(words).strip(), swahili.format_map(words).strip())


def _template(name: str, payment: Payment) -> tuple[str, str]:
    if name == "accepted" and payment.kind is not Kind.PUSH:
        return _QUEUED
    plain = name.replace("_", " ").capitalize() + "."
    return _BY_KIND.get((name, payment.kind)) or _SENTENCES.get(name) or (plain, plain)


class _Words(dict[str, str]):
    """A word that a sentence wants and the detail lacks is left out."""

    def __missing__(self, key: str) -> str:
        return ""


def _exchange(exchange: Exchange, start_us: int) -> dict[str, Any]:
    view = exchange_view(exchange)
    return {"Type": "exchange", "At": view["At"], "OffsetMs": (exchange.started_us - start_us) / 1000, **view}


def exchange_view(exchange: Exchange) -> dict[str, Any]:
    """One exchange with both sides' bytes, as stored: secrets are out of it."""
    return {
        "At": time_text(exchange.started_us),
        "DurationMs": exchange.duration_us / 1000 if exchange.duration_us is not None else None,
        "Name": exchange.name,
        "Direction": exchange.direction,
        "Method": exchange.method,
        "URL": exchange.url,
        "Peer": exchange.peer,
        "Status": exchange.status,
        "Error": exchange.error,
        "Verdict": "accepted" if exchange.verdict == "ok" else exchange.verdict,
        "RequestHeaders": _pairs(exchange.request_headers),
        "RequestBody": exchange.request_body.decode(errors="replace"),
        "AnswerHeaders": _pairs(exchange.answer_headers),
        "AnswerBody": exchange.answer_body.decode(errors="replace"),
    }


def _pairs(headers: Headers) -> list[list[str]]:
    return [[name, value] for name, value in headers]


def _notification(notification: Notification) -> dict[str, Any]:
    is_waiting = notification.state == "waiting"
    return {
        "NotificationID": notification.id,
        "Type": notification.type,
        "State": notification.state.value,
        "Attempts": notification.attempts,
        "NextAttemptAt": time_text(notification.due_us) if is_waiting else None,
        "LastStatus": notification.last_status,
        "LastError": notification.last_error,
    }


def shown_phone(msisdn: str) -> str:
    """Masked; what M-Pesa already masked is shown as it came, shortened, and of a hash the beginning."""
    return mask(msisdn) if msisdn.isdigit() and len(msisdn) == 12 else hidden(msisdn)[:16]


def hidden(value: Any) -> Any:
    """With the phone numbers masked, wherever they stand."""
    if isinstance(value, str):
        plain = _LOCAL_PHONE.sub(_masked, _PHONE.sub(_masked, _PHONE_FIELD.sub(_masked_field, value)))
        return _HASHED_PHONE.sub(r"\1*****", _CHECKOUT_PHONE.sub(_masked_end, plain))
    if isinstance(value, list):
        return [hidden(item) for item in value]
    if isinstance(value, dict):
        return {key: hidden(item) for key, item in value.items()}
    return value


def _masked(found: re.Match[str]) -> str:
    return mask("254" + found[1])


def _masked_end(found: re.Match[str]) -> str:
    return found[1] + mask("254" + found[2]).removeprefix("254")


def _masked_field(found: re.Match[str]) -> str:
    try:
        return found[1] + mask(parse(found[2]))
    except InvalidMsisdnError:
        return found[0]
