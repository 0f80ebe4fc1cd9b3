"""Records for the tests of the journal, with a source of time and IDs that counts."""

import itertools

from msgspec.structs import replace

from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.accounts import App, BodyFormat, Environment, Shortcode, ShortcodeKind
from wakala.rules.decisions import Change, Schedule, decide
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.exchange import Exchange
from wakala.rules.facts import Accepted, Fact, Sending, Settled
from wakala.rules.payment import Evidence, Kind, Payment, Scope, State, Step

SCOPE = Scope("org_1", "app_1", "sc_1", "sandbox")
SCHEDULE = Schedule((10, 20), 60)
NOW_US = 1_795_000_000_000_000
LATER_US = NOW_US + 1_000_000
_numbers = itertools.count(1)


def counting_source() -> Source:
    ticks = itertools.count(NOW_US, 1000)
    return Source(lambda: next(ticks), lambda length: next(_numbers).to_bytes(length))


_source = counting_source()


def new_id(prefix: str) -> str:
    return _source.new_id(prefix)


def payment(request_id: str | None = None, **changes: object) -> Payment:
    made = Payment(
        id=new_id("pay"),
        scope=SCOPE,
        kind=Kind.PUSH,
        request_id=request_id or f"R-{next(_numbers)}",
        fingerprint="f" * 32,
        state=State.RECEIVED,
        version=1,
        amount_cents=15_000,
        msisdn="254712345678",
        reference="INV-1",
        description="",
        reference_data="[]",
        callback_url=None,
        created_us=NOW_US,
        updated_us=NOW_US,
        next_check_us=NOW_US + 1,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def opening(made: Payment) -> list[Change]:
    return [Change(made, Step.CONFIRM, "received", {}), decide(made, Sending(), NOW_US, SCHEDULE)]


def after(before: Payment, fact: Fact) -> Change:
    return decide(before, fact, NOW_US, SCHEDULE)


ACCEPTED = Accepted("m-1", "ws_CO_1", "Success")


def paid(receipt: str) -> Settled:
    return Settled(Evidence.STK_CALLBACK, True, "0", "ok", receipt=receipt)


def exchange(of: Payment | None = None, **changes: object) -> Exchange:
    made = Exchange(
        id=new_id("xch"),
        name="api_request",
        direction="in",
        method="POST",
        url="/sandbox/mpesa/v1/lnm/customerpaybill",
        request_headers=(("content-type", "application/json"),),
        request_body=b'{"Amount":150}',
        started_us=NOW_US,
        payment_id=of.id if of else None,
        scope=of.scope if of else None,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def notification(of: Payment, **changes: object) -> Notification:
    made = Notification(
        id=new_id("ntf"),
        payment_id=of.id,
        sequence=1,
        scope=of.scope,
        type="payment.succeeded",
        body=b"{}",
        lane=of.scope.app_id,
        url=None,
        state=DeliveryState.WAITING,
        attempts=0,
        due_us=NOW_US,
        lease_us=0,
        created_us=NOW_US,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def app(organisation_id: str = "org_1", **changes: object) -> App:
    app_id = new_id("app")
    made = App(
        id=app_id,
        organisation_id=organisation_id,
        name=f"shop {next(_numbers)}",
        consumer_key=f"key{next(_numbers)}",
        digest=next(_numbers).to_bytes(32),
        secret_id=app_id,
        data_key="sealed",
        webhook_secret="sealed",
        callback_url=None,
        body_format=BodyFormat.WAKALA,
        live_shortcode_id=None,
        is_active=True,
        created_us=NOW_US,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def shortcode(organisation_id: str = "org_1", **changes: object) -> Shortcode:
    made = Shortcode(
        id=new_id("sc"),
        organisation_id=organisation_id,
        environment=Environment.SANDBOX,
        number=str(next(_numbers)),
        kind=ShortcodeKind.PAYBILL,
        till=None,
        side="daraja",
        response_type="Completed",
        data_key="sealed",
        consumer_key="sealed",
        consumer_secret="sealed",
        passkey="sealed",
        collector_app_id=None,
        registered_us=None,
        created_us=NOW_US,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


async def staged(journal: Journal, **changes: object) -> Notification:
    """Owed for a payment of its own."""
    changes_made = opening(payment())
    assert await journal.open_payment(changes_made, None)
    before = changes_made[-1].payment
    owed = notification(before, **{"lane": "lane", **changes})
    assert await journal.record_change(before, after(before, ACCEPTED), notification=owed)
    return owed
