"""Moves, holds, keys and reads of one endpoint touch what is its own, all of it, and nothing else."""

from typing import Any

import pytest
from msgspec.structs import replace
from standardwebhooks import Webhook

from deliveries.conftest import Clock
from deliveries.test_a_backlog_is_fetched_as_it_can_be_sent import paid
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of, scope_of, state_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import DAY_S, moved_to, note_of, noted, paybill
from services.gateway import House
from wakala.deliveries.desk import Window
from wakala.errors import CallerError, NotFoundError
from wakala.rules.delivery import Attempted, DeliveryState
from wakala.rules.endpoints import BREAKER_FAILURES, EndpointState, Waiting
from wakala.rules.overlap import OVERLAP_MAX_S


@pytest.mark.parametrize("waiting", [Waiting.HOLD, Waiting.SEND])
async def test_a_move_of_the_app_leaves_what_waits_for_a_shortcode_of_its_own(house: House, waiting: Waiting) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    own = await desk.endpoint(house.app.app, shortcode)
    await desk.set_url(house.app.app, own, f"{house.merchant.url}/branch", Waiting.SEND)
    await desk.pause(await desk.endpoint(house.app.app, shortcode))
    await house.gateway._refresh()
    await house.push("BRANCH")
    before = await note_of(house, "BRANCH")
    assert before.lane == own.lane
    assert await moved_to(house, "/new", waiting) == 0
    assert await note_of(house, "BRANCH") == before


async def test_all_that_waits_is_held_though_it_is_more_than_a_page(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await paid(house, house.app, 5)
    monkeypatch.setattr("wakala.journal.endpoints.PAGE_ROWS", 2)
    assert await moved_to(house, "/new", Waiting.HOLD) == 5


async def test_a_resumed_endpoint_begins_anew_for_a_process_that_starts_later_too(house: House) -> None:
    desk, standing = desk_of(house), house.gateway.standing
    endpoint = await desk.endpoint(house.app.app)
    for _ in range(BREAKER_FAILURES):
        await standing.note(endpoint.lane, endpoint, Attempted(503, None), 1_000, is_endpoints_own=True)
    await standing.step()
    await desk.pause(endpoint)
    await desk.resume(endpoint)
    (health,) = await house.gateway.journal.endpoints.health()
    assert (health.lane, health.is_resting, health.failing_since_us) == (endpoint.lane, False, None)


async def test_what_a_url_put_off_before_it_was_gone_does_not_wait_for_the_next_one(house: House) -> None:
    house.merchant.replies[WAKALA] = (429, {})
    desk = desk_of(house)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), schedule_s=(DAY_S,)))
    await house.settle_directory()
    await house.push("LATER")
    await noted(house, "LATER", DeliveryState.WAITING, attempts=1)
    await house.attempts_ended()
    before = await desk.endpoint(house.app.app)
    await house.gateway.standing.note(before.lane, before, Attempted(410, None), 1_000, is_endpoints_own=True)
    assert await state_of(house) is EndpointState.DISABLED
    await moved_to(house, "/new", Waiting.SEND)
    await house.gateway.courier.step()
    await house.merchant.received("/new", 1)


async def test_each_secret_that_overlaps_signs_once_and_the_newest_first(house: House) -> None:
    desk = desk_of(house)
    secrets = [house.app.webhook_secret]
    for _ in range(2):
        secrets.insert(0, await desk.rotate(house.app.app, await desk.endpoint(house.app.app)))
    await house.settle_directory()
    await house.push("SIGNED")
    (post,) = await house.merchant.received(WAKALA, 1)
    signatures = post.headers["webhook-signature"].split()
    for secret, signature in zip(secrets, signatures, strict=True):
        Webhook(secret).verify(post.body, dict(post.headers) | {"webhook-signature": signature})


async def test_an_overlap_has_its_limits(house: House, clock: Clock) -> None:
    desk = desk_of(house)
    for overlap_s in (-1, OVERLAP_MAX_S + 1):
        with pytest.raises(CallerError, match="The overlap is"):
            await desk.rotate(house.app.app, await desk.endpoint(house.app.app), overlap_s)
    assert await desk.rotate(house.app.app, await desk.endpoint(house.app.app), OVERLAP_MAX_S)


async def test_a_notification_is_shown_to_its_own_app_in_its_own_environment(house: House) -> None:
    await house.push("MINE")
    note, desk, scope = await note_of(house, "MINE"), desk_of(house), scope_of(house)
    other = (await house.add_app("demo", "other")).app
    assert (await desk.own(scope, note.id)).id == note.id
    for foreign in (replace(scope, environment="live"), replace(scope, app_id=other.id)):
        with pytest.raises(NotFoundError):
            await desk.own(foreign, note.id)


async def test_a_shortcode_of_another_organisation_has_no_endpoint_here(house: House) -> None:
    foreign = await house.add_shortcode("others", "600123")
    with pytest.raises(NotFoundError, match="does not belong to the organisation"):
        await desk_of(house).endpoint(house.app.app, foreign)


async def test_a_window_is_what_lies_in_it_and_is_asked_for(house: House, clock: Clock) -> None:
    desk, scope = desk_of(house), scope_of(house)
    await house.push("EARLY")
    early = await noted(house, "EARLY", DeliveryState.DELIVERED)
    clock.advance(60)
    await house.push("LATE", SenderMSISDN="254712000002")
    late = await noted(house, "LATE", DeliveryState.DELIVERED)

    async def found(**asked: Any) -> tuple[int, str | None]:
        whole = {"from_us": early.created_us - 1_000, "until_us": late.created_us + 1_000_000}
        return await desk.replay_window(scope, Window(**(whole | asked)), dry_run=True)

    assert await found() == (2, None)
    assert await found(from_us=early.created_us + 1_000_000) == (1, None)
    assert await found(until_us=early.created_us + 1_000_000) == (1, None)
    assert await found(after=early.id) == (1, None)
    assert await found(states=frozenset({DeliveryState.DELIVERED}), type=early.type) == (2, None)
    assert await found(states=frozenset({DeliveryState.GIVEN_UP})) == (0, None)
    assert await found(type="payment.failed") == (0, None)
    assert await found(shortcode_id=early.scope.shortcode_id) == (2, None)
    assert await found(shortcode_id="sc_of_others") == (0, None)
