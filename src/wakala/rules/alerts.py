"""An alert: what a person is told without having asked, because money or its news hang on it. Pure.

A row is written with what it is about, in the same transaction, whether anybody is named to be told or not.
"""

from enum import StrEnum

import msgspec

from wakala.rules.payment import Payment, Scope

SCHEDULE_S = (5.0, 30.0, 120.0, 600.0, 1_800.0, 3_600.0)  # after that every hour
GIVE_UP_S = 259_200.0  # three days: what nobody could be told for a weekend is found in the list
SECOND_US = 1_000_000


class AlertType(StrEnum):
    """The first two are events of an endpoint, by the same names."""

    ENDPOINT_FAILING = "endpoint.failing"
    ENDPOINT_DISABLED = "endpoint.disabled"
    PAYMENT_FLAGGED = "payment.flagged"
    # In no journal: they sum up what is there, there is none at that moment, or nothing has happened.
    MANY = "alert.many"
    DATABASE_AWAY = "database.away"
    DATABASE_BACK = "database.back"
    TEST = "alert.test"


class Alert(msgspec.Struct, frozen=True):
    """One row. Times in microseconds since 1970 UTC; ``due_us`` is None once it was told, or given up."""

    id: str
    scope: Scope
    payment_id: str | None
    type: str
    detail: str  # a sentence, or the flags of a payment with commas between them
    at_us: int
    due_us: int | None
    attempts: int = 0
    told_us: int | None = None
    last_error: str | None = None


def of_endpoint(scope: Scope, event_id: str, type_: AlertType, sentence: str, at_us: int) -> Alert:
    """An event of an endpoint that is told. ``scope`` names no environment where the endpoint has both."""
    return Alert(f"alr_{event_id.partition('_')[2]}", scope, None, type_, sentence, at_us, at_us)


def of_payment(payment: Payment, before: Payment | None) -> Alert | None:
    """What to tell where a payment has a flag that it had not before."""
    known = before.flags if before else ()
    if payment.flags == known:
        return None
    at_us, added = payment.updated_us, [flag for flag in payment.flags if flag not in known]
    made_id = f"alr_{at_us // 1000:012x}{payment.id[-16:]}"  # sorts by time, as all IDs do
    return Alert(made_id, payment.scope, payment.id, AlertType.PAYMENT_FLAGGED, ",".join(added), at_us, at_us)


NOBODYS = Scope("", "", "", "")


def unwritten(made_id: str, type_: AlertType, sentence: str, at_us: int) -> Alert:
    """One that no journal has."""
    return Alert(made_id, NOBODYS, None, type_, sentence, at_us, None)


def attempted(alert: Alert, error: str | None, now_us: int) -> Alert:
    """After one try: told, due again, or given up."""
    tried = msgspec.structs.replace(alert, attempts=alert.attempts + 1, last_error=error)
    if error is None:
        return msgspec.structs.replace(tried, due_us=None, told_us=now_us)
    if is_stale(alert, now_us):
        return msgspec.structs.replace(tried, due_us=None)
    rest_s = SCHEDULE_S[min(alert.attempts, len(SCHEDULE_S) - 1)]
    return msgspec.structs.replace(tried, due_us=now_us + int(rest_s * SECOND_US))


def is_stale(alert: Alert, now_us: int) -> bool:
    """Too old to be news."""
    return now_us - alert.at_us >= GIVE_UP_S * SECOND_US
