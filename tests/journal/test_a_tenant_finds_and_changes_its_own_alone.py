"""Whatever an organisation asks or changes is its own, in that environment, though others use the same names."""

import json

from msgspec.structs import asdict, replace

from journal.making import (
    ACCEPTED,
    LATER_US,
    NOW_US,
    SCOPE,
    after,
    app,
    exchange,
    new_id,
    notification,
    opening,
    paid,
    payment,
    shortcode,
)
from wakala.journal.endpoints import Consumer, EndpointEvent
from wakala.journal.journal import Claim, Confirmation, Journal
from wakala.rules.accounts import Environment, Product, Registration
from wakala.rules.endpoints import Endpoint, EndpointState, SigningKey
from wakala.rules.payment import Payment, Scope

RECEIPT = "UKN0000042"
SCOPES = (SCOPE, replace(SCOPE, organisation_id="org_2"), replace(SCOPE, environment="live"))
APPS = (*SCOPES, replace(SCOPE, app_id="app_2"))


async def paid_order(journal: Journal, scope: Scope, request_id: str = "ORDER-1", receipt: str = RECEIPT) -> Payment:
    """Of the same names as everybody else's: request ID, M-Pesa's ID and receipt."""
    changes = opening(payment(request_id, scope=scope))
    assert await journal.open_payment(changes, None)
    sending = changes[-1].payment
    accepted = after(sending, ACCEPTED)
    assert await journal.record_change(sending, accepted)
    owed = notification(accepted.payment, scope=scope)
    settled = after(accepted.payment, paid(receipt))
    assert await journal.record_change(accepted.payment, settled, notification=owed)
    return settled.payment


async def test_a_payment_is_found_by_its_names_where_it_was_made(journal: Journal) -> None:
    for made in [await paid_order(journal, scope) for scope in SCOPES]:
        place = (made.scope.organisation_id, made.scope.environment)
        assert await journal.payment_by_request(*place, "ORDER-1") == made
        assert await journal.payment_by_checkout(*place, "ws_CO_1") == made
        assert await journal.payment_by_receipt(made.scope, RECEIPT) == made
        assert await journal.list_payments(*place) == [made]


async def test_a_receipt_is_that_of_the_shortcode(journal: Journal) -> None:
    ends = [SCOPE, replace(SCOPE, shortcode_id="sc_2")]
    for made in [await paid_order(journal, scope, f"ORDER-{scope.shortcode_id}") for scope in ends]:
        assert await journal.payment_by_receipt(made.scope, RECEIPT) == made


async def test_notifications_are_read_by_whom_they_are_for(journal: Journal) -> None:
    for place, scope in enumerate(APPS):
        await paid_order(journal, scope, f"ORDER-{place}", f"UKN000000{place}")
    for scope in APPS:
        for found in (
            await journal.endpoints.notifications_after(scope, "", "~"),
            await journal.endpoints.notifications_before(scope, "~", 10),
        ):
            assert [one.scope for one in found] == [scope]
    listed = await journal.list_notifications(SCOPE.organisation_id, SCOPE.environment)
    assert [one.scope.app_id for one in listed] == ["app_2", "app_1"], "of all its apps, the newest first"


# ── C2B confirmations ──


def confirmation(scope: Scope) -> Confirmation:
    place = (scope.organisation_id, scope.environment, RECEIPT, scope.app_id, scope.shortcode_id)
    return Confirmation(*place, None, json.dumps(scope.organisation_id + scope.environment), NOW_US, LATER_US)


async def known(journal: Journal) -> list[Confirmation | None]:
    return [await journal.confirmation(each.organisation_id, each.environment, RECEIPT) for each in SCOPES]


async def test_a_confirmation_is_found_and_claimed_where_it_came_in(journal: Journal) -> None:
    waiting = [confirmation(scope) for scope in SCOPES]
    for one in waiting:
        assert await journal.record_confirmation(one, exchange())
    assert await known(journal) == waiting
    mine = opening(payment("c2b:1"))[0]
    assert await journal.collect_confirmation(waiting[0], mine, None)
    claimed = replace(waiting[0], payment_id=mine.payment.id, due_us=None)
    assert await known(journal) == [claimed, *waiting[1:]]


async def test_a_confirmation_of_another_shortcode_is_not_claimed(journal: Journal) -> None:
    waiting = confirmation(replace(SCOPE, shortcode_id="sc_2"))
    assert await journal.record_confirmation(waiting, exchange())
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    assert await journal.record_change(before, after(before, paid(RECEIPT)), claims=Claim(RECEIPT))
    assert (await known(journal))[0] == waiting


async def test_a_confirmation_is_worded_anew_where_it_came_in_and_as_it_was_known(journal: Journal) -> None:
    waiting = [replace(confirmation(scope), notice='"as Pull has it"') for scope in SCOPES]
    for one in waiting:
        assert await journal.record_confirmation(one, exchange())
    told = replace(waiting[0], notice='"as M-Pesa says it"', due_us=LATER_US + 1)
    assert await journal.reword_confirmation(waiting[0], told, exchange())
    assert await known(journal) == [told, *waiting[1:]]
    assert not await journal.reword_confirmation(waiting[0], told, exchange()), "it is in other words by now"


async def test_a_claimed_confirmation_that_is_worded_anew_waits_once_more(journal: Journal) -> None:
    waiting = confirmation(SCOPE)
    assert await journal.record_confirmation(waiting, exchange())
    assert await journal.collect_confirmation(waiting, opening(payment("c2b:2"))[0], None)
    told = replace(waiting, notice='"as M-Pesa says it"')
    assert await journal.reword_confirmation(waiting, told, exchange())
    assert (await known(journal))[0] == told


# ── the directory ──


async def test_an_app_is_changed_by_its_own_organisation(journal: Journal) -> None:
    for organisation in ("org_1", "org_2"):
        await journal.add_organisation(organisation, organisation, NOW_US)
    mine, other = app(), app()
    live = [shortcode(environment=Environment.LIVE) for _ in range(2)]
    for each in (mine, other):
        await journal.add_app(each)
    for each_code in live:
        await journal.add_shortcode(each_code)
    await journal.set_callback_url("org_2", mine.id, "https://stranger.example/")
    assert not await journal.bind_app("org_2", mine.id, live[0].id)
    assert await journal.apps() == [mine, other]
    await journal.set_callback_url("org_1", mine.id, "https://shop.example/")
    assert await journal.bind_app("org_1", mine.id, live[0].id)
    assert not await journal.bind_app("org_1", mine.id, live[1].id)  # it is bound for good
    changed = replace(mine, callback_url="https://shop.example/", live_shortcode_id=live[0].id)
    assert await journal.apps() == [changed, other]


async def test_a_change_of_a_shortcode_changes_no_other(journal: Journal) -> None:
    await journal.add_organisation("org_1", "Duka", NOW_US)
    mine, other = shortcode(initiator_failures=1, broker="old access"), shortcode(initiator_failures=1)
    for each in (mine, other):
        await journal.add_shortcode(each)
    taken = Registration("Cancelled", "https://shop.example/c", "https://shop.example/v", "app_9")
    change = after(payment(scope=replace(SCOPE, shortcode_id=mine.id)), ACCEPTED)
    assert await journal.open_payment([change], None)
    refused = after(change.payment, paid(RECEIPT))
    await journal.record_change(change.payment, refused, refuses_initiator=True, billing_url="https://shop.example/b")
    await journal.mark_registered(mine.id, taken, LATER_US)
    await journal.keep_bill_key(mine.id, "sealed bill key")
    await journal.set_side(mine.id, "broker", "access")
    await journal.set_side(mine.id, "daraja", None)
    await journal.set_products(mine.id, (Product.B2C,))
    await journal.mark_pulled(mine.id, LATER_US)
    assert (await journal.pulled_until(mine.id), await journal.pulled_until(other.id)) == (LATER_US, None)
    changed = replace(
        mine,
        initiator_failures=2,
        bill_url="https://shop.example/b",
        collector_app_id=SCOPE.app_id,  # who came first
        registered_us=LATER_US,
        response_type="Cancelled",
        confirmation_url="https://shop.example/c",
        validation_url="https://shop.example/v",
        bill_key="sealed bill key",
        broker="access",  # stays, for what began there
        products=(Product.B2C,),
        pulled_us=LATER_US,
    )
    assert [asdict(each) for each in await journal.shortcodes()] == [asdict(changed), asdict(other)]
    await journal.set_collector(mine.id, "app_8")
    await journal.set_initiator(mine.id, "testapi", "sealed", "certificate")
    changed = replace(changed, collector_app_id="app_8", initiator="testapi", initiator_password="sealed")
    assert await journal.shortcodes() == [replace(changed, certificate="certificate", initiator_failures=0), other]


async def test_failures_of_an_operator_are_forgotten_as_they_were_known(journal: Journal) -> None:
    await journal.add_organisation("org_1", "Duka", NOW_US)
    mine, other = [shortcode(initiator_failures=1, initiator_password="sealed") for _ in range(2)]
    for each in (mine, other):
        await journal.add_shortcode(each)
    for seen in (replace(mine, initiator_failures=2), replace(mine, initiator_password="another")):
        await journal.forget_initiator_failures(seen)
    assert await journal.shortcodes() == [mine, other]
    await journal.forget_initiator_failures(mine)
    assert await journal.shortcodes() == [replace(mine, initiator_failures=0), other]


# ── endpoints and readers ──


def event(of: Endpoint, name: str, at_us: int = NOW_US) -> EndpointEvent:
    return EndpointEvent(new_id("eev"), of.organisation_id, of.app_id, of.shortcode_id, at_us, name, "")


async def two_apps(journal: Journal) -> tuple[Endpoint, Endpoint, Endpoint]:
    """The endpoint of an app, of a shortcode of its own, and of another app."""
    await journal.add_organisation("org_1", "Duka", NOW_US)
    mine, other = app(), app()
    for each in (mine, other):
        await journal.add_app(each)
    return (
        Endpoint(f"end_{mine.id}", "org_1", mine.id, ""),
        Endpoint(f"end_{mine.id}_sc", "org_1", mine.id, "sc_1"),
        Endpoint(f"end_{other.id}", "org_1", other.id, ""),
    )


async def test_what_happens_to_an_endpoint_happens_to_no_other(journal: Journal) -> None:
    mine, of_a_shortcode, other = await two_apps(journal)
    for each in (mine, of_a_shortcode, other):
        await journal.endpoints.move(each, event(each, "endpoint.moved"))
    assert await journal.endpoints.disable(mine, "gone", event(mine, "endpoint.disabled"))
    states = {one.id: one.state for one in await journal.endpoints.endpoints()}
    untouched = {of_a_shortcode.id: EndpointState.ACTIVE, other.id: EndpointState.ACTIVE}
    assert states == {mine.id: EndpointState.DISABLED, **untouched}
    for state, name in ((EndpointState.ACTIVE, "endpoint.resumed"), (EndpointState.PAUSED, "endpoint.paused")):
        assert await journal.endpoints.set_state(mine, state, "", event(mine, name))
    states = {one.id: one.state for one in await journal.endpoints.endpoints()}
    assert states == {mine.id: EndpointState.PAUSED, **untouched}
    told = [one.name for one in await journal.endpoints.events_of(mine, 3)]
    assert told == ["endpoint.paused", "endpoint.resumed", "endpoint.disabled"], (
        "the newest, and no more than asked for"
    )
    for each in (of_a_shortcode, other):
        assert [one.name for one in await journal.endpoints.events_of(each, 10)] == ["endpoint.moved"]
    assert await journal.endpoints.events_of(replace(mine, organisation_id="org_2"), 10) == []


async def test_a_new_key_ends_those_of_its_version_and_endpoint(journal: Journal) -> None:
    mine, _, other = await two_apps(journal)

    def key(of: Endpoint, name: str, version: str) -> SigningKey:
        return SigningKey(name, of.id, of.app_id, version, "sealed", NOW_US)

    async def rotate(made: SigningKey, of: Endpoint, at_us: int, until_us: int) -> None:
        told = event(of, "endpoint.rotated", at_us)
        await journal.endpoints.rotate(of, [made], made.version, until_us, told)

    async def ends() -> dict[str, int | None]:
        return {one.id: one.until_us for one in await journal.endpoints.signing_keys()}

    await rotate(key(mine, "pair", "v1a"), mine, NOW_US, NOW_US + 9)
    await rotate(key(other, "theirs", "v1"), other, NOW_US, NOW_US + 9)
    await rotate(key(mine, "first", "v1"), mine, NOW_US, NOW_US + 9)
    await rotate(key(mine, "second", "v1"), mine, NOW_US + 1, NOW_US + 5)
    await rotate(key(mine, "third", "v1"), mine, NOW_US + 4, NOW_US + 8)
    kept = {"pair": None, "theirs": None}
    assert await ends() == {**kept, "first": NOW_US + 5, "second": NOW_US + 8, "third": None}
    await rotate(key(other, "theirs too", "v1"), other, NOW_US + 5, NOW_US + 20)
    assert "first" in await ends(), "another endpoint's rotation forgets nothing of it"
    await rotate(key(mine, "fourth", "v1"), mine, NOW_US + 5, NOW_US + 10)
    assert await ends() == {
        "pair": None,
        "theirs": NOW_US + 20,
        "theirs too": None,
        "second": NOW_US + 8,
        "third": NOW_US + 10,
        "fourth": None,
    }


async def test_a_reader_goes_by_its_own_cursor(journal: Journal) -> None:
    readers = [
        (SCOPE, "ledger"),
        (SCOPE, "till"),
        (replace(SCOPE, app_id="app_2"), "ledger"),
        (replace(SCOPE, environment="live"), "ledger"),
    ]
    for place, (scope, name) in enumerate(readers):
        await journal.endpoints.move_cursor(scope, name, f"ntf_{place}", NOW_US + place)
    for place, (scope, name) in enumerate(readers):
        assert await journal.endpoints.cursor(scope.app_id, scope.environment, name) == f"ntf_{place}"
    ledger, till = Consumer("ledger", "ntf_0", NOW_US), Consumer("till", "ntf_1", NOW_US + 1)
    assert await journal.endpoints.consumers("app_1", "sandbox") == [ledger, till]
    assert await journal.endpoints.consumers("app_2", "sandbox") == [Consumer("ledger", "ntf_2", NOW_US + 2)]
    await journal.endpoints.forget_consumer(SCOPE, "ledger")
    assert await journal.endpoints.consumers("app_1", "sandbox") == [till]
    assert await journal.endpoints.consumers("app_1", "live") == [Consumer("ledger", "ntf_3", NOW_US + 3)]
    assert await journal.endpoints.cursor("app_1", "sandbox", "ledger") == "", "it would begin at the beginning"
