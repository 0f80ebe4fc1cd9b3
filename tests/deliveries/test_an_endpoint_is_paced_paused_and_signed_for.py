"""Endpoints through a whole gateway: pause, 410, the breaker, secrets that overlap, URLs that move, replay."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec.structs import replace
from standardwebhooks import Webhook

from deliveries.conftest import Clock
from services.gateway import House, eventually
from wakala.config import master_key
from wakala.deliveries.desk import OLD_KEYS_LIMIT, Desk, Window
from wakala.errors import InvalidFieldsError
from wakala.rules.delivery import Attempted, DeliveryState
from wakala.rules.endpoints import (
    BREAKER_FAILURES,
    Bucket,
    By,
    EndpointState,
    Health,
    Record,
    Waiting,
    percentile,
)
from wakala.rules.payment import Scope

WAKALA = "/wakala"


def desk_of(house: House) -> Desk:
    return Desk(house.gateway.journal, master_key(house.gateway.settings), house.gateway.source, By.APP)


def scope_of(house: House) -> Scope:
    return Scope(house.app.app.organisation_id, house.app.app.id, "", "sandbox")


async def state_of(house: House) -> EndpointState:
    endpoint = house.gateway.directory.endpoint(house.app.app.id, "")
    assert endpoint is not None
    return endpoint.state


async def test_a_paused_endpoint_is_not_called_and_nothing_is_lost(house: House) -> None:
    desk = desk_of(house)
    assert await desk.pause(await desk.endpoint(house.app.app))
    assert not await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("P-1")
    await house.request_in("P-1", "succeeded")
    await house.gateway.courier.step()
    assert house.merchant.at(WAKALA) == []
    assert await desk.resume(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.gateway.courier.step()
    await house.merchant.received(WAKALA, 1)


async def test_410_disables_with_an_event_and_a_new_url_enables(house: House) -> None:
    house.merchant.replies[WAKALA] = (410, {})
    await house.push("G-1")

    async def disabled() -> bool:
        return await state_of(house) is EndpointState.DISABLED

    await eventually(disabled)
    events = await house.gateway.journal.endpoints.events_of(await desk_of(house).endpoint(house.app.app), 10)
    assert [(event.name, event.by) for event in events] == [("endpoint.disabled", By.GATEWAY)]
    await house.push("G-2", SenderMSISDN="254712000002")
    await house.request_in("G-2", "succeeded")
    desk = desk_of(house)
    await desk.set_url(house.app.app, await desk.endpoint(house.app.app), f"{house.merchant.url}/new", Waiting.SEND)
    await house.settle_directory()
    await house.gateway.courier.step()
    await house.merchant.received("/new", 1)


async def test_both_secrets_sign_during_the_overlap_and_a_pair_beside_them(house: House, clock: Clock) -> None:
    desk = desk_of(house)
    new = await desk.rotate(house.app.app, await desk.endpoint(house.app.app), 3_600)
    public = await desk.rotate_pair(house.app.app, await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("S-1")
    await house.merchant.received(WAKALA, 1)
    (post,) = house.merchant.at(WAKALA)
    headers = dict(post.headers)
    given = headers["webhook-signature"].split()
    assert sorted(one.partition(",")[0] for one in given) == ["v1", "v1", "v1a"]
    for secret in (house.app.webhook_secret, new):
        Webhook(secret).verify(post.body, headers)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + post.body
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    (mine,) = [one for one in given if one.startswith("v1a,")]
    key.verify(base64.b64decode(mine[4:]), signed)
    clock.advance(3_601)
    await house.push("S-2", SenderMSISDN="254712000002")
    await house.merchant.received(WAKALA, 2)
    later = dict(house.merchant.at(WAKALA)[1].headers)["webhook-signature"].split()
    assert sorted(one.partition(",")[0] for one in later) == ["v1", "v1a"]


async def test_no_more_secrets_sign_than_a_header_has_room_for(house: House, clock: Clock) -> None:
    desk = desk_of(house)
    for _ in range(OLD_KEYS_LIMIT):
        await desk.rotate(house.app.app, await desk.endpoint(house.app.app), 3_600)
    with pytest.raises(InvalidFieldsError) as refused:
        await desk.rotate(house.app.app, await desk.endpoint(house.app.app), 3_600)
    assert [fault.pointer for fault in refused.value.faults] == ["/OverlapSeconds"]
    await desk.rotate_pair(house.app.app, await desk.endpoint(house.app.app))  # of another version, with its own limit
    await house.settle_directory()
    await house.push("S-1")
    await house.merchant.received(WAKALA, 1)
    (post,) = house.merchant.at(WAKALA)
    assert len(dict(post.headers)["webhook-signature"].split()) == OLD_KEYS_LIMIT + 2
    Webhook(house.app.webhook_secret).verify(post.body, dict(post.headers))
    last = await desk.rotate(house.app.app, await desk.endpoint(house.app.app), 0)  # after a leak there is always one
    clock.advance(1)
    await desk.rotate(house.app.app, await desk.endpoint(house.app.app), 3_600)
    await house.settle_directory()
    await house.push("S-2", SenderMSISDN="254712000002")
    await house.merchant.received(WAKALA, 2)
    later = dict(house.merchant.at(WAKALA)[1].headers)
    assert len(later["webhook-signature"].split()) == 3
    Webhook(last).verify(house.merchant.at(WAKALA)[1].body, later)


@pytest.mark.parametrize(
    ("waiting", "old", "new", "state"),
    [
        (Waiting.SEND, 0, 1, DeliveryState.DELIVERED),
        (Waiting.FINISH_OLD, 1, 0, DeliveryState.DELIVERED),
        (Waiting.HOLD, 0, 0, DeliveryState.KEPT),
    ],
)
async def test_what_waits_goes_where_the_caller_chose(
    house: House, waiting: Waiting, old: int, new: int, state: DeliveryState
) -> None:
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("U-1")
    view = await house.request_in("U-1", "succeeded")
    moved = await desk.endpoint(house.app.app)
    assert await desk.set_url(house.app.app, moved, f"{house.merchant.url}/new", waiting) == (
        1 if waiting is Waiting.HOLD else 0
    )
    await desk.resume(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.gateway.courier.step()

    async def settled() -> bool:
        (note,) = await house.gateway.journal.notifications_of(view["PaymentID"])
        return note.state is state

    await eventually(settled)
    assert (len(house.merchant.at(WAKALA)), len(house.merchant.at("/new"))) == (old, new)


async def test_a_window_is_counted_then_replayed_and_one_is_acknowledged(house: House, clock: Clock) -> None:
    desk, scope = desk_of(house), scope_of(house)
    await house.push("R-1")
    await house.merchant.received(WAKALA, 1)
    clock.advance(30)
    (note,) = await desk.after(scope, "")

    async def delivered() -> bool:
        return (await desk.own(scope, note.id)).state is DeliveryState.DELIVERED

    await eventually(delivered)
    window = Window(note.created_us - 1_000, note.created_us + 1_000_000)
    assert await desk.replay_window(scope, window, dry_run=True) == (1, None)
    assert len(house.merchant.at(WAKALA)) == 1
    assert await desk.replay_window(scope, window, dry_run=False) == (1, None)
    await house.gateway.courier.step()
    await house.merchant.received(WAKALA, 2)
    await desk.acknowledge_up_to(scope, "ledger", note.id)
    await desk.acknowledge_up_to(scope, "ledger", "ntf_0")
    cursor = await house.gateway.journal.endpoints.cursor(scope.app_id, "sandbox", "ledger")
    assert cursor == note.id
    assert await desk.after(scope, cursor) == []


async def test_a_lane_with_a_rate_limit_is_forgotten_once_its_rate_allows_as_much_as_at_first(
    house: House, clock: Clock
) -> None:
    """Merchants choose the hosts of their requests' URLs, so each lane that stayed would stay for ever."""
    desk, courier = desk_of(house), house.gateway.courier
    await desk.set_terms(replace(await desk.endpoint(house.app.app), rate_limit_per_s=0.01))
    await house.settle_directory()
    await house.push("OWN")
    await house.push("HOST", SenderMSISDN="254712000002", CallbackUrl=f"{house.merchant.url}/own")
    await house.merchant.received(WAKALA, 1)
    await house.merchant.received("/own", 1)
    await house.attempts_ended()
    await courier.step()
    assert len(courier._lanes) == 2, "a lane that was forgotten now might send again at once"
    clock.advance(101)
    await courier.step()
    assert courier._lanes == {}


async def test_senseless_terms_are_refused(house: House) -> None:
    desk = desk_of(house)
    endpoint = await desk.endpoint(house.app.app)
    with pytest.raises(InvalidFieldsError):
        await desk.set_terms(replace(endpoint, schedule_s=(0,), rate_limit_per_s=-1))
    await desk.set_terms(replace(endpoint, schedule_s=(1, 2.5), concurrency_limit=3, rate_limit_per_s=0.5))
    assert (await desk.endpoint(house.app.app)).schedule_s == (1, 2.5)


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_look() -> None:
    record = Record(Health("lane"))
    for _ in range(BREAKER_FAILURES):
        assert record.may_begin(5, 0)
        record.note(Attempted(503, None), 10, 1_000_000)
    assert not record.may_begin(0, 1_000_001)
    assert not record.may_begin(1, 60_000_000)
    assert record.may_begin(0, 60_000_000)
    record.note(Attempted(200, None), 10, 60_000_000)
    assert record.may_begin(31, 60_000_000)
    assert record.health.failing_since_us is None


def test_a_bucket_lets_through_its_rate_and_no_more() -> None:
    bucket, passed = Bucket(1, 0), 0
    for tenth in range(101):
        bucket = bucket.refilled(2, tenth * 100_000)
        if (taken := bucket.taken()) is not None:
            bucket, passed = taken, passed + 1
    assert passed == 21
    assert percentile(tuple(range(1, 101)), 95) == 95
