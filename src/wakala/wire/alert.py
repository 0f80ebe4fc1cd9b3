"""What an operator is told: JSON whose ``text`` is the whole sentence, which chats such as Slack show as it comes."""

import re

import msgspec

from wakala.rules.alerts import Alert, AlertType
from wakala.rules.payment import Flag, Payment
from wakala.wire.view import flag_sentences, time_text

_encode = msgspec.json.Encoder().encode
_MENTIONS = str.maketrans("<>@", "???")  # a stranger's words must not ring everybody in a chat
_PLAIN = re.compile(r"[\w.:/#-]+", re.ASCII)


IN_NO_JOURNAL = {AlertType.MANY, AlertType.DATABASE_AWAY, AlertType.DATABASE_BACK, AlertType.TEST}


class Place(msgspec.Struct, frozen=True):
    """Where it happened, by the names that the operator gave: "" where it has none."""

    app: str = ""
    shortcode: str = ""
    environment: str = ""
    typed: str = ""  # as the commands about endpoints take it


def sentence_of(alert: Alert, place: Place, payment: Payment | None) -> str:
    """What happened and what to do, for a person who knows nothing yet."""
    if alert.type in IN_NO_JOURNAL:
        return alert.detail
    if alert.type == AlertType.PAYMENT_FLAGGED:
        return _of_payment(alert, place, payment)
    detail = alert.detail.translate(_MENTIONS)
    whose = f"The endpoint of {place.app}"
    if place.shortcode:
        whose += f" for {place.shortcode} ({place.environment})"
    if alert.type == AlertType.ENDPOINT_DISABLED:
        return (
            f"{whose} is disabled. {detail} Its notifications are kept and wait; once it is well: "
            f"`wakala endpoint resume {place.typed}`."
        )
    return f"{whose} fails. {detail} See what it meets: `wakala endpoint test {place.typed}`."


def _of_payment(alert: Alert, place: Place, payment: Payment | None) -> str:
    told = " ".join(flag_sentences(tuple(Flag(flag) for flag in alert.detail.split(","))))
    if payment is None or not _PLAIN.fullmatch(payment.request_id):
        return f"Payment {alert.payment_id} needs a look. {told}"
    amount, state = f"KES {payment.amount_cents / 100:,.2f}", payment.state.value
    which = f"Payment {payment.request_id} ({amount}, {state}, {place.app or 'no app'}, {place.environment})"
    live = " --environment live" if place.environment == "live" else ""
    return f"{which} needs a look. {told} See `wakala trace {payment.request_id}{live}`."


def alert_body(alert: Alert, place: Place, payment: Payment | None) -> bytes:
    """No phone number and no name of a customer is in it: it goes to a chat that many read."""
    flagged = alert.type == AlertType.PAYMENT_FLAGGED
    data = {
        "AlertID": alert.id,
        "OrganisationID": alert.scope.organisation_id or None,
        "App": place.app or None,
        "Shortcode": place.shortcode or None,
        "Environment": place.environment or None,
        "PaymentID": alert.payment_id,
        "RequestID": payment.request_id if payment else None,
        "Flags": alert.detail.split(",") if flagged else [],
        "Detail": None if flagged else alert.detail or None,
    }
    text = sentence_of(alert, place, payment)
    return _encode({"type": alert.type, "timestamp": time_text(alert.at_us), "text": text, "data": data})
