"""After a pause, a 410, days of failure or a move: what waited goes where it should, and old failures do not count."""

import asyncio
import dataclasses
import os
from pathlib import Path

import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of, scope_of, state_of
from services.gateway import PAYBILL, House, eventually, running_gateway
from wakala.deliveries import standing
from wakala.deliveries.desk import Window
from wakala.deliveries.events import event_of
from wakala.errors import DatabaseFaultError
from wakala.identity import Source, made_at_us
from wakala.rules.accounts import Environment, Shortcode
from wakala.rules.delivery import Attempted, DeliveryState, Notification
from wakala.rules.endpoints import DISABLE_AFTER_S, By, EndpointState, Waiting, lane_of, worst_notice

DAY_S = 86_400


async def note_of(house: House, request_id: str) -> Notification:
    view = await house.request_in(request_id, "succeeded")
    (note,) = await house.gateway.journal.notifications_of(view["PaymentID"])
    return note


async def noted(house: House, request_id: str, state: DeliveryState, attempts: int = 0) -> Notification:
    async def look() -> bool:
        note = await note_of(house, request_id)
        return note.state is state and note.attempts >= attempts

    await eventually(look)
    return await note_of(house, request_id)


async def paybill(house: House) -> Shortcode:
    return await house.admin.shortcode(PAYBILL, Environment.SANDBOX)


async def test_what_met_the_410_waits_too_and_arrives_at_the_new_url(house: House) -> None:
    house.merchant.replies[WAKALA] = (410, {})
    await house.push("GONE")

    async def disabled() -> bool:
        return await state_of(house) is EndpointState.DISABLED

    await eventually(disabled)
    note = await noted(house, "GONE", DeliveryState.WAITING, attempts=1)
    assert note.last_status == 410
    desk = desk_of(house)
    await desk.set_url(house.app.app, await desk.endpoint(house.app.app), f"{house.merchant.url}/new", Waiting.SEND)
    await house.gateway._refresh()
    await house.gateway.courier.step()
    (post,) = await house.merchant.received("/new", 1)
    assert post.headers["webhook-id"] == note.id


async def test_days_of_failure_disable_and_a_resumed_endpoint_is_not_disabled_by_its_past(
    house: House, clock: Clock
) -> None:
    house.merchant.replies[WAKALA] = (500, {})
    desk = desk_of(house)
    long = tuple([DAY_S / 2] * 20)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), schedule_s=long))
    await house.settle_directory()
    await house.push("DAYS")
    for attempt in range(1, 21):
        await noted(house, "DAYS", DeliveryState.WAITING, attempts=attempt)
        await house.attempts_ended()
        await house.gateway.standing.step()
        if await state_of(house) is not EndpointState.ACTIVE:
            break
        clock.advance(DAY_S / 2 * 1.1)
        await house.gateway.courier.step()
    assert await state_of(house) is EndpointState.DISABLED
    events = await house.gateway.journal.endpoints.events_of(await desk.endpoint(house.app.app), 10)
    told = [event.name for event in reversed(events)]
    assert told == ["endpoint.terms", "endpoint.failing", "endpoint.failing", "endpoint.disabled"]
    assert worst_notice(DISABLE_AFTER_S) == DAY_S
    assert await desk.resume(await desk.endpoint(house.app.app))
    await house.gateway._refresh()
    before = (await note_of(house, "DAYS")).attempts
    await house.gateway.courier.step()
    await noted(house, "DAYS", DeliveryState.WAITING, attempts=before + 1)
    await house.gateway.standing.step()
    assert await state_of(house) is EndpointState.ACTIVE


async def test_a_dead_old_url_that_may_finish_does_no_harm_to_the_new_one(house: House, clock: Clock) -> None:
    house.merchant.replies["/old"] = (410, {})
    desk = desk_of(house)
    await desk.set_url(house.app.app, await desk.endpoint(house.app.app), f"{house.merchant.url}/old", Waiting.SEND)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("OLD")
    await house.request_in("OLD", "succeeded")
    await house.admin.set_callback_url(house.app.app, f"{house.merchant.url}/old")
    await desk.set_url(
        await house.admin.app("shop"),
        await desk.endpoint(house.app.app),
        f"{house.merchant.url}/new",
        Waiting.FINISH_OLD,
    )
    await desk.resume(await desk.endpoint(house.app.app))
    await house.gateway._refresh()
    await house.push("NEW", SenderMSISDN="254712000002")
    await house.merchant.received("/new", 1)
    ended = await noted(house, "OLD", DeliveryState.GIVEN_UP, attempts=1)
    assert ended.lane != house.app.app.id
    assert len(house.merchant.at("/old")) == 1
    assert await state_of(house) is EndpointState.ACTIVE
    assert house.gateway.standing.record(house.app.app.id).streak > 0


async def moved_to(house: House, path: str, waiting: Waiting) -> int:
    """The app's endpoint leads elsewhere, as whoever asks now finds it; the gateway has seen it."""
    desk, app = desk_of(house), await house.admin.app("shop")
    held = await desk.set_url(app, await desk.endpoint(app), f"{house.merchant.url}{path}", waiting)
    await house.gateway._refresh()
    return held


async def test_what_is_replayed_after_a_move_goes_to_the_new_url_whatever_may_finish_at_the_old(
    house: House, clock: Clock
) -> None:
    await house.push("AGAIN")
    before = await noted(house, "AGAIN", DeliveryState.DELIVERED)
    clock.advance(60)
    await moved_to(house, "/new", Waiting.FINISH_OLD)
    assert await desk_of(house).replay(before)
    await house.gateway.courier.step()
    await noted(house, "AGAIN", DeliveryState.DELIVERED)
    assert (len(house.merchant.at(WAKALA)), len(house.merchant.at("/new"))) == (1, 1)
    after = await note_of(house, "AGAIN")
    assert after.created_us >= before.created_us + 60_000_000
    assert made_at_us(after.id) == made_at_us(before.id) < after.created_us - 30_000_000


async def test_the_same_move_asked_for_again_changes_nothing_for_what_finishes_at_the_old_url(house: House) -> None:
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("OLD")
    await house.request_in("OLD", "succeeded")
    await moved_to(house, "/new", Waiting.FINISH_OLD)
    once = await desk.endpoint(house.app.app)
    await house.push("NEW", SenderMSISDN="254712000002")
    await house.request_in("NEW", "succeeded")
    await moved_to(house, "/new", Waiting.FINISH_OLD)
    assert await desk.endpoint(house.app.app) == once
    await desk.resume(once)
    await house.gateway._refresh()
    await house.gateway.courier.step()
    for request_id, path in (("OLD", WAKALA), ("NEW", "/new")):
        (post,) = await house.merchant.received(path, 1)
        assert post.headers["webhook-id"] == (await note_of(house, request_id)).id


async def test_to_hold_at_the_url_in_force_keeps_what_waits_now(house: House) -> None:
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("HERE")
    await house.request_in("HERE", "succeeded")
    assert await moved_to(house, WAKALA, Waiting.HOLD) == 1
    await noted(house, "HERE", DeliveryState.KEPT)


async def test_what_is_to_be_held_is_kept_when_its_turn_comes_wherever_it_waits(house: House) -> None:
    """The process that moved the endpoint ended before it held anything: one is in a courier's hands, and one in the
    lane of an old URL, which no page looks through."""
    desk, journal = desk_of(house), house.gateway.journal
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    for number in range(2):
        await house.push(f"HELD-{number}", SenderMSISDN=f"25471200000{number}")
        await house.request_in(f"HELD-{number}", "succeeded")
    claimed, waiting = await note_of(house, "HELD-0"), await note_of(house, "HELD-1")
    assert await journal.endpoints.move_lane(waiting, lane_of(await desk.endpoint(house.app.app), house.merchant.url))
    await moved_to(house, "/old", Waiting.FINISH_OLD)
    before = await desk.endpoint(house.app.app)
    moved = replace(before, moved_us=house.gateway.source.now_us(), waiting=Waiting.HOLD)
    event = event_of(house.gateway.source, before, "endpoint.moved", "", By.OPERATOR)
    await journal.endpoints.move(moved, event, app_url=f"{house.merchant.url}/new")
    await desk.resume(moved)
    await house.gateway._refresh()
    assert await house.gateway.deliveries.attempt(claimed) is None
    await house.gateway.courier.step()
    for number in range(2):
        await noted(house, f"HELD-{number}", DeliveryState.KEPT)
    assert house.merchant.posts == []

    assert await desk.replay(claimed)
    assert await house.gateway.deliveries.attempt(claimed) is None
    assert (await note_of(house, "HELD-0")).state is DeliveryState.WAITING, "an old copy holds nothing"
    await house.gateway.courier.step()
    (post,) = await house.merchant.received("/new", 1)
    assert post.headers["webhook-id"] == claimed.id


async def waits_at_the_first_url(house: House) -> Notification:
    """Nobody listens there. It was tried again after the endpoint had moved, and waits another day for its step."""
    desk, nowhere = desk_of(house), house.merchant.url.replace("127.0.0.1", "127.0.0.2")
    await desk.set_url(house.app.app, await desk.endpoint(house.app.app), nowhere, Waiting.SEND)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), schedule_s=(DAY_S,)))
    await house.settle_directory()
    await house.push("OLD")
    await noted(house, "OLD", DeliveryState.WAITING, attempts=1)
    await moved_to(house, "/b", Waiting.FINISH_OLD)

    async def tried_there() -> bool:
        await house.gateway.courier.step()
        return (await note_of(house, "OLD")).attempts == 2

    await eventually(tried_there)
    await house.attempts_ended()
    waiting = await note_of(house, "OLD")
    assert waiting.lane != house.app.app.id
    return waiting


@pytest.mark.parametrize("between", [[], ["/c"], ["/c", "/d"]])
async def test_what_waits_at_any_url_before_is_held_whatever_comes_after(
    house: House, clock: Clock, between: list[str]
) -> None:
    await waits_at_the_first_url(house)
    for path in between:
        await moved_to(house, path, Waiting.FINISH_OLD)
    assert await moved_to(house, "/held", Waiting.HOLD) == 1
    await moved_to(house, "/last", Waiting.SEND)
    clock.advance(2 * DAY_S)
    await house.gateway.courier.step()
    await noted(house, "OLD", DeliveryState.KEPT)
    assert house.merchant.posts == []


@pytest.mark.parametrize("between", [[], ["/c"], ["/c", "/d"]])
async def test_what_waits_at_any_url_before_is_sent_at_once_where_that_is_asked_for(
    house: House, between: list[str]
) -> None:
    waiting = await waits_at_the_first_url(house)
    for path in between:
        await moved_to(house, path, Waiting.FINISH_OLD)
    await moved_to(house, "/last", Waiting.SEND)
    await house.gateway.courier.step()
    (post,) = await house.merchant.received("/last", 1)
    assert post.headers["webhook-id"] == waiting.id


async def test_whoever_looks_while_an_endpoint_moves_sees_all_of_the_move_or_nothing(
    tmp_path: Path, postgres_url: str
) -> None:
    async with running_gateway(tmp_path, database_url=postgres_url) as house:
        desk, directory = desk_of(house), house.gateway.directory
        before = await desk.endpoint(house.app.app)
        await desk.set_url(house.app.app, before, f"{house.merchant.url}/new", Waiting.HOLD)
        looking = asyncio.create_task(directory.refresh())
        while not looking.done():
            await asyncio.sleep(0)
            seen = directory.endpoint(house.app.app.id, "")
            assert seen is not None
            assert (seen.moved_us > 0) is directory.url_of(seen).endswith("/new")
        assert looking.result()


async def test_a_410_from_the_url_before_does_not_disable_the_new_one(house: House) -> None:
    """One process tried it before the endpoint moved; another has not seen the move yet."""
    desk, standing = desk_of(house), house.gateway.standing
    before = await desk.endpoint(house.app.app)
    await desk.set_url(house.app.app, before, f"{house.merchant.url}/new", Waiting.SEND)
    for _ in ("has not seen it", "has seen it"):
        await standing.note(before.lane, before, Attempted(410, None), 1_000, is_endpoints_own=True)
        assert await state_of(house) is EndpointState.ACTIVE
    after = await desk.endpoint(house.app.app)
    await standing.note(after.lane, after, Attempted(410, None), 1_000, is_endpoints_own=True)
    assert await state_of(house) is EndpointState.DISABLED


async def test_days_of_failure_at_the_url_before_do_not_disable_the_new_one(house: House, clock: Clock) -> None:
    desk, standing = desk_of(house), house.gateway.standing
    before = await desk.endpoint(house.app.app)
    for _ in range(7):
        await standing.note(before.lane, before, Attempted(503, None), 1_000, is_endpoints_own=True)
        clock.advance(DAY_S)
    await desk.set_url(house.app.app, before, f"{house.merchant.url}/new", Waiting.SEND)
    await standing.step()
    assert await state_of(house) is EndpointState.ACTIVE


async def test_five_quiet_days_between_two_failures_disable_nothing(house: House, clock: Clock) -> None:
    standing, endpoint = house.gateway.standing, await desk_of(house).endpoint(house.app.app)
    for _ in range(2):
        await standing.note(endpoint.lane, endpoint, Attempted(502, None), 1_000, is_endpoints_own=True)
        await standing.step()
        clock.advance(5.5 * DAY_S)
    assert await state_of(house) is EndpointState.ACTIVE


async def test_a_notice_that_could_not_be_written_down_is_told_in_the_next_turn(house: House, clock: Clock) -> None:
    gateway, endpoint = house.gateway, await desk_of(house).endpoint(house.app.app)
    for _ in range(2):
        await gateway.standing.note(endpoint.lane, endpoint, Attempted(503, None), 1_000, is_endpoints_own=True)
        clock.advance(3_700)
    await gateway.database.script("ALTER TABLE endpoint_events RENAME TO endpoint_events_away")
    with pytest.raises(DatabaseFaultError):
        await gateway.standing.step()
    await gateway.database.script("ALTER TABLE endpoint_events_away RENAME TO endpoint_events")
    await gateway.standing.step()
    (told,) = await gateway.journal.endpoints.events_of(endpoint, 10)
    assert told.name == "endpoint.failing"


async def test_what_changed_while_a_new_url_was_tested_is_minded(house: House) -> None:
    """It was disabled, and given other terms, after it was read and before it moves."""
    desk = desk_of(house)
    before = await desk.endpoint(house.app.app)
    await desk.set_terms(replace(before, concurrency_limit=7))
    await house.gateway.standing.note(before.lane, before, Attempted(410, None), 1_000, is_endpoints_own=True)
    assert await state_of(house) is EndpointState.DISABLED
    await desk.set_url(house.app.app, before, f"{house.merchant.url}/new", Waiting.SEND)
    after = await desk.endpoint(house.app.app)
    assert (after.state, after.concurrency_limit) == (EndpointState.ACTIVE, 7)


async def test_what_waited_for_a_shortcode_obeys_the_endpoint_that_it_gets(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("BRANCH")
    await house.request_in("BRANCH", "succeeded")
    own = await desk.endpoint(house.app.app, shortcode)
    await desk.set_url(house.app.app, own, f"{house.merchant.url}/branch", Waiting.SEND)
    await desk.pause(await desk.endpoint(house.app.app, shortcode))
    await desk.resume(await desk.endpoint(house.app.app))
    await house.gateway._refresh()

    async def moved() -> bool:
        await house.gateway.courier.step()
        return (await note_of(house, "BRANCH")).lane == own.lane

    await eventually(moved)
    assert house.merchant.posts == []
    await desk.resume(await desk.endpoint(house.app.app, shortcode))
    await house.gateway._refresh()
    await house.gateway.courier.step()
    await house.merchant.received("/branch", 1)


async def test_a_shortcodes_first_endpoint_is_sent_what_waits_for_it_though_the_apps_own_is_not_called(
    house: House,
) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("FREED")
    await house.push("ITS-OWN", SenderMSISDN="254712000002", CallbackUrl=f"{house.merchant.url}/own")
    for request_id in ("FREED", "ITS-OWN"):
        await house.request_in(request_id, "succeeded")
    own_lane = (await note_of(house, "ITS-OWN")).lane
    own = await desk.endpoint(house.app.app, shortcode)
    await desk.set_url(house.app.app, own, f"{house.merchant.url}/branch", Waiting.SEND)
    assert (await note_of(house, "ITS-OWN")).lane == own_lane
    await house.gateway._refresh()
    await house.gateway.courier.step()
    await house.merchant.received("/branch", 1)
    assert house.merchant.at(WAKALA) == []


async def test_what_was_to_finish_at_an_old_url_is_sent_to_the_new_one_at_once_where_that_is_asked_for(
    house: House,
) -> None:
    house.merchant.replies[WAKALA] = (503, {})
    desk = desk_of(house)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), schedule_s=(1, DAY_S)))
    await house.settle_directory()
    await house.push("OLD")
    await noted(house, "OLD", DeliveryState.WAITING, attempts=1)
    await moved_to(house, "/new", Waiting.FINISH_OLD)
    await house.gateway.courier.step()

    async def put_off_there() -> bool:
        await house.gateway.courier.step()
        return (await note_of(house, "OLD")).attempts == 2

    await eventually(put_off_there)
    await moved_to(house, "/new", Waiting.SEND)
    await house.gateway.courier.step()
    await house.merchant.received("/new", 1)


async def test_a_429_puts_off_for_the_url_that_said_it_and_not_for_the_next(house: House) -> None:
    house.merchant.replies[WAKALA] = (429, {})
    desk = desk_of(house)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), schedule_s=(DAY_S,)))
    await house.settle_directory()
    await house.push("LATER")
    put_off = await noted(house, "LATER", DeliveryState.WAITING, attempts=1)
    await desk.pause(await desk.endpoint(house.app.app))
    await desk.resume(await desk.endpoint(house.app.app))
    assert (await note_of(house, "LATER")).due_us == put_off.due_us
    await moved_to(house, "/new", Waiting.SEND)
    await house.gateway.courier.step()
    await house.merchant.received("/new", 1)


async def test_a_shortcodes_first_endpoint_can_hold_what_waits_for_it(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("HELD")
    await house.request_in("HELD", "succeeded")
    own = await desk.endpoint(house.app.app, shortcode)
    assert await desk.set_url(house.app.app, own, f"{house.merchant.url}/branch", Waiting.HOLD) == 1
    await noted(house, "HELD", DeliveryState.KEPT)


async def test_a_replay_without_a_url_is_kept_and_counts_as_no_failure(house: House) -> None:
    app = await house.add_app("demo", "silent")
    await house.push("SILENT", app=app)
    note = await noted(house, "SILENT", DeliveryState.KEPT)
    assert await desk_of(house).replay(note)
    await house.gateway.courier.step()
    await noted(house, "SILENT", DeliveryState.KEPT)
    assert house.gateway.standing.record(app.app.id).health.attempts == 0


async def test_a_shortcodes_first_own_secret_overlaps_with_the_one_that_signed_so_far(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    of_the_app = await desk.rotate(house.app.app, await desk.endpoint(house.app.app), 0)
    own = await desk.rotate(house.app.app, await desk.endpoint(house.app.app, shortcode))
    await house.settle_directory()
    await house.push("SIGNED")
    (post,) = await house.merchant.received(WAKALA, 1)
    for secret in (of_the_app, own):
        Webhook(secret).verify(post.body, dict(post.headers))
    assert len(post.headers["webhook-signature"].split()) == 2


async def test_urls_that_come_with_requests_do_not_fill_the_memory_or_the_journal(
    house: House, monkeypatch: object
) -> None:
    known = house.gateway.standing
    for number in range(standing.HOSTS_LIMIT + 10):
        known.record(f"app host-{number}")
    assert len(known._records) <= standing.HOSTS_LIMIT + 1
    await house.push("HOST", CallbackUrl=f"{house.merchant.url}/own")
    await noted(house, "HOST", DeliveryState.DELIVERED)
    await known.step()
    assert await house.gateway.journal.endpoints.health() == []


async def test_a_window_that_one_call_cannot_take_is_gone_on_with(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, scope = desk_of(house), scope_of(house)
    for number in range(3):
        await house.push(f"W-{number}", SenderMSISDN=f"25471200000{number}")
    await house.merchant.received(WAKALA, 3)
    notes = [await noted(house, f"W-{number}", DeliveryState.DELIVERED) for number in range(3)]
    window = Window(0, max(note.created_us for note in notes) + 1_000_000)
    monkeypatch.setattr("wakala.deliveries.desk.REPLAY_LIMIT", 1)
    monkeypatch.setattr("wakala.deliveries.desk.PAGE_ROWS", 3)
    count, after = await desk.replay_window(scope, window, dry_run=True)
    assert (count, after) == (3, max(note.id for note in notes))
    rest = dataclasses.replace(window, after=after or "")
    assert await desk.replay_window(scope, rest, dry_run=True) == (0, None)


async def test_one_failure_is_told_once_however_many_processes_see_it(house: House, clock: Clock) -> None:
    gateway, endpoint = house.gateway, await desk_of(house).endpoint(house.app.app)
    other = standing.Standing(gateway.journal, gateway.directory, gateway.source)
    for look, told in ((3_700, 1), (DAY_S, 2)):
        for process in (gateway.standing, other):
            for _ in range(2):
                await process.note(endpoint.lane, endpoint, Attempted(503, None), 1_000, is_endpoints_own=True)
        clock.advance(look)
        for process in (gateway.standing, other):
            await process.note(endpoint.lane, endpoint, Attempted(503, None), 1_000, is_endpoints_own=True)
            await process.step()
        events = await gateway.journal.endpoints.events_of(endpoint, 10)
        assert [event.name for event in events] == ["endpoint.failing"] * told


async def test_a_second_failure_after_a_success_is_told_again(house: House, clock: Clock) -> None:
    gateway, endpoint = house.gateway, await desk_of(house).endpoint(house.app.app)
    for outage in (1, 2):
        for _ in range(3):
            await gateway.standing.note(endpoint.lane, endpoint, Attempted(503, None), 1_000, is_endpoints_own=True)
            clock.advance(1_900)
        await gateway.standing.step()
        assert len(await gateway.journal.endpoints.events_of(endpoint, 10)) == outage
        await gateway.standing.note(endpoint.lane, endpoint, Attempted(200, None), 1_000, is_endpoints_own=True)
        await gateway.standing.step()


@pytest.mark.parametrize("by", ["one", "window"])
async def test_what_waits_for_the_old_url_goes_to_the_new_one_when_it_is_replayed(house: House, by: str) -> None:
    house.merchant.replies[WAKALA] = (503, {})
    await house.push("DEAD")
    await noted(house, "DEAD", DeliveryState.WAITING, attempts=1)
    await house.attempts_ended()
    await moved_to(house, "/new", Waiting.FINISH_OLD)
    note, desk = await note_of(house, "DEAD"), desk_of(house)
    if by == "one":
        assert await desk.replay(note)
    else:
        window = Window(0, 2 * made_at_us(note.id), frozenset({DeliveryState.WAITING}))
        assert await desk.replay_window(scope_of(house), window, dry_run=False) == (1, None)
    await house.gateway.courier.step()
    await noted(house, "DEAD", DeliveryState.DELIVERED)
    (post,) = house.merchant.at("/new")
    assert post.headers["webhook-id"] == note.id
    assert len(house.merchant.at(WAKALA)) == 1


async def test_an_endpoint_is_never_disabled_where_the_setting_says_so(tmp_path: Path, clock: Clock) -> None:
    source = Source(clock.now_us, os.urandom)
    async with running_gateway(tmp_path, source=source, deliveries={"disable_after_s": 0}) as house:
        standing, endpoint = house.gateway.standing, await desk_of(house).endpoint(house.app.app)
        for status in (200, *[503] * 10):
            await standing.note(endpoint.lane, endpoint, Attempted(status, None), 1_000, is_endpoints_own=True)
            await standing.step()
            assert await state_of(house) is EndpointState.ACTIVE, status
            clock.advance(DAY_S)


async def test_a_failure_whose_hour_was_over_while_the_gateway_was_off_is_told_and_once(
    house: House, clock: Clock
) -> None:
    gateway, endpoint = house.gateway, await desk_of(house).endpoint(house.app.app)
    process = gateway.standing
    for start in range(3):
        await process.note(endpoint.lane, endpoint, Attempted(503, None), 1_000, is_endpoints_own=True)
        await process.step()
        events = await gateway.journal.endpoints.events_of(endpoint, 10)
        assert [event.name for event in events] == ["endpoint.failing"] * min(start, 1)
        clock.advance(3_700)
        process = standing.Standing(gateway.journal, gateway.directory, gateway.source)
        await process.load()
