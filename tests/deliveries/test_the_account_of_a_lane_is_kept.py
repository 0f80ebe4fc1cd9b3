"""What is known of each lane: forgotten when its endpoint moves and only then, written down once, told in time."""

import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of, state_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import moved_to, note_of, noted
from deliveries.test_what_waits_for_a_late_try_comes_when_its_endpoint_is_back import late
from services.gateway import SANDBOX, House
from wakala.deliveries.standing import TOLD_EARLY_US, Standing
from wakala.rules.delivery import Attempted, DeliveryState
from wakala.rules.endpoints import BREAKER_FAILURES, DISABLE_AFTER_S, FORWARD_AFTER_S, EndpointState, Waiting

DAY_S = 86_400
HOUR_S = 3_600
ILL, WELL = Attempted(503, None), Attempted(200, None)


async def noted_as(house: House, attempted: Attempted, process: Standing | None = None, times: int = 1) -> None:
    """So many attempts at the app's endpoint ended like this, as one process saw."""
    endpoint = await desk_of(house).endpoint(house.app.app)
    for _ in range(times):
        standing = process or house.gateway.standing
        await standing.note(endpoint.lane, endpoint, attempted, 1_000, is_endpoints_own=True)


async def events(house: House) -> list[str]:
    found = await house.gateway.journal.endpoints.events_of(await desk_of(house).endpoint(house.app.app), 10)
    return [event.name for event in reversed(found)]


async def test_failures_at_the_new_url_count_however_often_somebody_looks(house: House) -> None:
    await house.gateway.standing.step()
    await moved_to(house, "/new", Waiting.SEND)
    for _ in range(BREAKER_FAILURES):
        await noted_as(house, ILL)
        await house.gateway.standing.step()
    assert house.gateway.standing.record(house.app.app.id).is_resting


async def test_a_move_ends_the_rest_whoever_sees_it_first(house: House) -> None:
    await noted_as(house, ILL, times=BREAKER_FAILURES)
    desk = desk_of(house)
    before = await desk.endpoint(house.app.app)
    await desk.set_url(house.app.app, before, f"{house.merchant.url}/new", Waiting.SEND)
    assert await house.gateway.directory.refresh()
    assert not house.gateway.standing.record(house.app.app.id).is_resting


async def test_what_is_put_off_after_an_endpoint_was_back_keeps_its_step(house: House, clock: Clock) -> None:
    await late(house)
    await noted_as(house, ILL, times=BREAKER_FAILURES)
    clock.advance(FORWARD_AFTER_S + 1)
    await noted_as(house, WELL)
    await house.gateway.courier.step()
    await noted(house, "LATE", DeliveryState.DELIVERED)
    house.merchant.replies[WAKALA] = (503, {})
    await house.push("NEXT", SenderMSISDN="254712000002")
    put_off = await noted(house, "NEXT", DeliveryState.WAITING, attempts=1)
    await house.attempts_ended()
    await house.gateway.standing.step()
    assert (await note_of(house, "NEXT")).due_us == put_off.due_us


async def test_who_has_nothing_new_to_say_leaves_what_another_process_wrote(house: House) -> None:
    standing, journal, lane = house.gateway.standing, house.gateway.journal, house.app.app.id
    await noted_as(house, ILL, times=3)
    await standing.step()
    await journal.endpoints.forget_failures(lane)
    await standing.step()
    (health,) = await journal.endpoints.health()
    assert (health.lane, health.streak) == (lane, 0)


async def test_an_app_is_told_what_the_process_saw_that_tried_its_endpoint_last(house: House, clock: Clock) -> None:
    async def told() -> tuple[int, int]:
        (view,) = (await house.get(f"{SANDBOX}/endpoints")).json()["Endpoints"]
        return view["Health"]["Streak"], view["Health"]["LastStatus"]

    journal, source = house.gateway.journal, house.gateway.source
    other = Standing(journal, house.gateway.directory, source)
    await noted_as(house, WELL, other, times=3)
    await other.step()
    assert await told() == (3, 200)
    clock.advance(1)
    await noted_as(house, ILL)
    assert await told() == (-1, 503), "what this process knows need not be written down yet"
    clock.advance(1)
    await noted_as(house, WELL, other)
    await other.step()
    assert await told() == (4, 200)


async def test_an_endpoint_that_another_process_reached_meanwhile_is_not_disabled(house: House, clock: Clock) -> None:
    gateway = house.gateway
    other = Standing(gateway.journal, gateway.directory, gateway.source)
    for day in range(int(DISABLE_AFTER_S / DAY_S) + 2):
        await noted_as(house, ILL)
        if day == 1:
            await noted_as(house, WELL, other)
            await other.step()
        await gateway.standing.step()
        assert await state_of(house) is EndpointState.ACTIVE
        clock.advance(DAY_S)
    assert await events(house) == []


async def test_processes_that_began_to_fail_minutes_apart_tell_of_it_once(house: House, clock: Clock) -> None:
    gateway, apart_s = house.gateway, TOLD_EARLY_US / 1_000_000 - 60
    other = Standing(gateway.journal, gateway.directory, gateway.source)
    await noted_as(house, ILL)
    clock.advance(apart_s)
    await noted_as(house, ILL, other)
    clock.advance(HOUR_S - apart_s + 1)
    for process in (gateway.standing, other):
        await noted_as(house, ILL, process)
        await process.step()
        clock.advance(apart_s)
    assert await events(house) == ["endpoint.failing"]


async def test_other_news_of_an_endpoint_does_not_pass_for_the_notice_of_its_failure(
    house: House, clock: Clock
) -> None:
    await noted_as(house, ILL)
    clock.advance(HOUR_S + 1)
    desk = desk_of(house)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), concurrency_limit=7))
    await noted_as(house, ILL)
    await house.gateway.standing.step()
    assert await events(house) == ["endpoint.terms", "endpoint.failing"]


async def test_an_endpoint_that_is_paused_is_not_said_to_fail(house: House, clock: Clock) -> None:
    await noted_as(house, ILL)
    clock.advance(HOUR_S + 1)
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.gateway._refresh()
    await noted_as(house, ILL)  # one that was under way
    await house.gateway.standing.step()
    assert await events(house) == ["endpoint.paused"]


async def test_of_hosts_the_one_that_was_not_called_for_longest_is_forgotten(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakala.deliveries.standing.HOSTS_LIMIT", 2)
    standing = house.gateway.standing
    first, second = standing.record("app one"), standing.record("app two")
    assert standing.record("app one") is first
    standing.record("app three")
    assert standing.record("app one") is first
    assert standing.record("app two") is not second
