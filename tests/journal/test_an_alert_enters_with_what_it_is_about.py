"""An alert is written with what it tells of, in the same transaction: the one is never there without the other."""

from msgspec.structs import replace

from journal.making import ACCEPTED, LATER_US, NOW_US, SCOPE, after, new_id, opening, paid, payment
from wakala.journal.endpoints import EndpointEvent
from wakala.journal.journal import Journal
from wakala.rules.alerts import Alert, AlertType, attempted
from wakala.rules.facts import Settled
from wakala.rules.payment import Evidence, Flag, Scope

REFUSED = Settled(Evidence.STK_QUERY, False, "1032", "Request cancelled by user")


async def contradicted(journal: Journal) -> Alert:
    """A payment that succeeded, of which M-Pesa then says that it failed."""
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    sending = changes[-1].payment
    accepted = after(sending, ACCEPTED)
    assert await journal.record_change(sending, accepted)
    settled = after(accepted.payment, paid("UKN0000042"))
    assert await journal.record_change(accepted.payment, settled)
    assert await journal.alerts.newest(10) == [], "a payment that is well is nobody's concern"
    flagged = after(settled.payment, REFUSED)
    assert flagged.payment.flags == (Flag.EVIDENCE_CONFLICT,)
    assert await journal.record_change(settled.payment, flagged)
    assert not await journal.record_change(settled.payment, flagged), "somebody else has done it"
    (alert,) = await journal.alerts.newest(10)
    assert alert.payment_id == flagged.payment.id
    return alert


async def test_a_payment_that_gets_a_flag_has_an_alert_in_the_same_breath(journal: Journal) -> None:
    alert = await contradicted(journal)
    assert alert.scope == SCOPE
    assert (alert.type, alert.detail) == (AlertType.PAYMENT_FLAGGED, "evidence_conflict")
    assert (alert.due_us, alert.attempts, alert.told_us) == (alert.at_us, 0, None)


async def test_of_an_endpoints_events_those_that_need_a_person_are_told(journal: Journal) -> None:
    for name in ("endpoint.terms", "endpoint.failing", "endpoint.paused"):
        await journal.endpoints.record_event(
            EndpointEvent(new_id("eev"), "org_1", "app_1", "", NOW_US, name, "Nothing but failures for 1 h.")
        )
    (alert,) = await journal.alerts.newest(10)
    assert alert.type == AlertType.ENDPOINT_FAILING
    assert alert.scope == Scope("org_1", "app_1", "", "")
    assert alert.detail == "Nothing but failures for 1 h."


async def test_what_is_due_is_found_longest_due_first_and_counted_once(journal: Journal) -> None:
    for at_us in (LATER_US, NOW_US):
        await journal.endpoints.record_event(
            EndpointEvent(new_id("eev"), "org_1", "app_1", "", at_us, "endpoint.failing", str(at_us))
        )
    assert await journal.alerts.due(NOW_US - 1, 10) == []
    first, second = await journal.alerts.due(LATER_US, 10)
    assert (first.at_us, second.at_us) == (NOW_US, LATER_US)
    told = attempted(first, None, LATER_US)
    assert await journal.alerts.record(first, told)
    assert not await journal.alerts.record(first, attempted(first, "it answered 500", LATER_US)), "counted already"
    assert await journal.alerts.due(LATER_US, 10) == [second]
    known = {alert.id: alert for alert in await journal.alerts.newest(10)}
    assert known[first.id] == replace(first, attempts=1, due_us=None, told_us=LATER_US)
