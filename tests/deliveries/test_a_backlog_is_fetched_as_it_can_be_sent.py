"""What waits in the journal is found whatever waits before it, and nobody claims what he could not send soon."""

import asyncio
import gc
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from services.gateway import SANDBOX, House, eventually
from wakala.administration import NewApp
from wakala.errors import DatabaseAwayError
from wakala.workers.courier import RATE_AHEAD_S


async def pause(house: House, app: NewApp) -> None:
    desk = desk_of(house)
    assert await desk.pause(await desk.endpoint(app.app))
    await house.settle_directory()


async def resume(house: House, app: NewApp) -> None:
    desk = desk_of(house)
    assert await desk.resume(await desk.endpoint(app.app))
    await house.settle_directory()


async def paid(house: House, app: NewApp, count: int) -> None:
    """So many payments of the app have succeeded, so that it is owed as many notifications."""
    names = [f"{app.app.name}-{number}" for number in range(count)]
    for number, name in enumerate(names):
        await house.push(name, app=app, SenderMSISDN=f"2547{number:08}")

    async def all_are() -> bool:
        views = [(await house.get(f"{SANDBOX}/requests/{name}", app=app)).json() for name in names]
        return all(view["State"] == "succeeded" for view in views)

    await eventually(all_are)


async def test_lanes_that_wait_for_good_hide_none_of_those_behind_them(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look takes two lanes here, and the first four are paused and stay so."""
    monkeypatch.setattr("wakala.workers.courier.LANES_PAGE", 2)
    apps = [await house.add_app("demo", f"shop-{n}", callback_url=f"{house.merchant.url}/{n}") for n in range(7)]
    apps.sort(key=lambda app: app.app.id)
    for app in apps:
        await pause(house, app)
        await paid(house, app, 1)
    for app in apps[4:]:
        await resume(house, app)
    for app in apps[4:]:
        await house.merchant.received(f"/{app.app.name.removeprefix('shop-')}", 1)
    assert len(house.merchant.posts) == 3


async def test_no_more_is_claimed_of_a_lane_than_its_rate_lets_through_soon(house: House) -> None:
    desk, rate_per_s = desk_of(house), 0.2
    await desk.set_terms(replace(await desk.endpoint(house.app.app), rate_limit_per_s=rate_per_s))
    await pause(house, house.app)
    await paid(house, house.app, 12)
    await resume(house, house.app)
    await house.gateway.courier.step()
    await house.merchant.received("/wakala", 1)
    await house.attempts_ended()
    assert len(house.gateway.courier._lanes[house.app.app.id].backlog) < rate_per_s * RATE_AHEAD_S


async def test_the_next_page_is_fetched_before_the_present_one_is_sent(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else no hand of the lane would have work while the journal is asked."""
    courier, journal = house.gateway.courier, house.gateway.journal
    (worker,) = [loop for loop in house.gateway._loops if loop.name == "courier"]
    await worker.stop()
    await pause(house, house.app)
    await paid(house, house.app, 20)
    await resume(house, house.app)
    claim, left = journal.claim_notifications, list[int]()

    async def counted(name: str, *given: Any) -> Any:
        left.append(len(courier._lanes[name].backlog))
        return await claim(name, *given)

    monkeypatch.setattr(journal, "claim_notifications", counted)
    monkeypatch.setattr(courier, "_lane_limit", 2)
    await courier.step()
    await house.merchant.received("/wakala", 20)
    assert left[0] == 0
    assert any(left)


@dataclass
class AwayOnceClaimed:
    """The journal gives one page; then the database is away until `is_back`, and says so when `says` is set."""

    house: House
    asked: int = 0
    is_back: bool = False
    says: asyncio.Event = field(default_factory=asyncio.Event)

    def begin(self, monkeypatch: pytest.MonkeyPatch) -> None:
        claim = self.house.gateway.journal.claim_notifications

        async def away(*given: Any) -> Any:
            self.asked += 1
            if self.asked == 1 or self.is_back:
                return await claim(*given)
            await self.says.wait()
            raise DatabaseAwayError

        monkeypatch.setattr(self.house.gateway.journal, "claim_notifications", away)


@pytest.fixture
async def away(house: House, monkeypatch: pytest.MonkeyPatch) -> AwayOnceClaimed:
    """Of ten notifications of a lane a page of four is claimed; the next one is asked for while they are sent."""
    (worker,) = [loop for loop in house.gateway._loops if loop.name == "courier"]
    await worker.stop()
    await pause(house, house.app)
    await paid(house, house.app, 10)
    await resume(house, house.app)
    monkeypatch.setattr(house.gateway.courier, "_lane_limit", 2)
    made = AwayOnceClaimed(house)
    made.begin(monkeypatch)
    return made


async def test_a_database_that_is_away_is_asked_for_the_next_page_once_and_then_left_to_the_next_look(
    house: House, away: AwayOnceClaimed, caplog: pytest.LogCaptureFixture
) -> None:
    courier = house.gateway.courier
    away.says.set()
    await courier.step()
    await house.merchant.received("/wakala", 4)
    await eventually(lambda: not courier._tasks)
    assert away.asked == 2, "not by each hand that was free again"
    gc.collect()
    assert "Task exception was never retrieved" not in caplog.text
    away.is_back = True
    await courier.step()
    await house.merchant.received("/wakala", 10)


async def test_a_lane_whose_next_page_was_not_to_be_had_is_forgotten_once_nothing_runs_in_it(
    house: House, away: AwayOnceClaimed
) -> None:
    courier = house.gateway.courier
    await courier.step()
    await house.merchant.received("/wakala", 4)
    await eventually(lambda: courier._running == 0)
    assert house.app.app.id in courier._lanes, "while it is asked for nobody else makes it anew"
    away.says.set()
    await eventually(lambda: not courier._tasks)
    assert courier._lanes == {}


async def test_others_have_their_turn_between_two_pages_of_lanes(house: House) -> None:
    """A journal in this process answers without a pause, and thousands of lanes are many pages."""
    (worker,) = [loop for loop in house.gateway._loops if loop.name == "courier"]
    await worker.stop()
    turns: list[bool] = []
    asyncio.get_running_loop().call_soon(turns.append, True)
    await house.gateway.courier.step()
    assert turns
