"""That an endpoint is called again, or answers again, is noticed once; what waits for a late try comes all the same."""

import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import noted
from services.gateway import House
from services.silence import DONE, NEVER, silence
from wakala.errors import DatabaseAwayError
from wakala.rules.delivery import Attempted, DeliveryState
from wakala.rules.endpoints import BREAKER_FAILURES, FORWARD_AFTER_S

DAY_S = 86_400


async def late(house: House) -> None:
    """One that was refused once and waits for a day."""
    house.merchant.replies[WAKALA] = (503, {})
    desk = desk_of(house)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), schedule_s=(DAY_S,)))
    await house.settle_directory()
    await house.push("LATE")
    await noted(house, "LATE", DeliveryState.WAITING, attempts=1)
    await house.attempts_ended()
    house.merchant.replies.clear()


async def test_what_waits_for_a_late_try_is_sent_when_the_endpoint_is_resumed(house: House) -> None:
    await late(house)
    desk = desk_of(house)
    assert await desk.pause(await desk.endpoint(house.app.app))
    assert await desk.resume(await desk.endpoint(house.app.app))
    assert not await desk.resume(await desk.endpoint(house.app.app))
    await house.gateway.courier.step()
    await noted(house, "LATE", DeliveryState.DELIVERED)


async def test_whoever_resumes_an_endpoint_and_is_not_answered_asks_again_and_all_is_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await late(house)
    desk = desk_of(house)
    assert await desk.pause(await desk.endpoint(house.app.app))
    silence(house.gateway.database, monkeypatch, "endpoint_state", DONE)
    with pytest.raises(DatabaseAwayError):
        await desk.resume(await desk.endpoint(house.app.app))
    assert not await desk.resume(await desk.endpoint(house.app.app))
    await house.gateway._refresh()
    await house.gateway.courier.step()
    await noted(house, "LATE", DeliveryState.DELIVERED)


async def test_what_waits_for_a_late_try_is_sent_though_the_database_is_away_when_the_endpoint_is_back(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await late(house)
    standing, endpoint = house.gateway.standing, await desk_of(house).endpoint(house.app.app)
    for _ in range(BREAKER_FAILURES):
        await standing.note(endpoint.lane, endpoint, Attempted(503, None), 1, is_endpoints_own=True)
    clock.advance(FORWARD_AFTER_S + 1)
    silent = silence(house.gateway.database, monkeypatch, "notifications_forward", NEVER)
    await standing.note(endpoint.lane, endpoint, Attempted(200, None), 1, is_endpoints_own=True)
    assert silent.is_over
    await standing.step()
    await house.gateway.courier.step()
    await noted(house, "LATE", DeliveryState.DELIVERED)
