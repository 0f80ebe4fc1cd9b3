"""How many attempts run at once in a lane and for an app, who is next, and how soon a backlog is sent."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_a_backlog_is_fetched_as_it_can_be_sent import paid, pause, resume
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from services.gateway import House, eventually, running_gateway
from wakala.workers.lanes import Turnstile


@dataclass
class Counter:
    """A merchant with a gate: counts the requests that are open at once, and keeps their paths in order."""

    url: str = ""
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    order: list[str] = field(default_factory=list)
    open: int = 0
    most_open: int = 0

    async def answer(self, request: web.Request) -> web.Response:
        self.order.append(request.path)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        await self.gate.wait()
        await asyncio.sleep(0)  # others may come meanwhile
        self.open -= 1
        return web.Response()


@asynccontextmanager
async def counting() -> AsyncIterator[Counter]:
    counter = Counter()
    app = web.Application()
    app.router.add_post("/{name}", counter.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    counter.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield counter
    finally:
        counter.gate.set()
        await runner.cleanup()


async def looks_no_more(house: House) -> None:
    """The courier's own loop ends: the test looks when it wants to."""
    (loop,) = [loop for loop in house.gateway._loops if loop.name == "courier"]
    await loop.stop()


@asynccontextmanager
async def one_shop(folder: Path, **deliveries: float) -> AsyncIterator[tuple[House, Counter]]:
    limits: dict[str, float] = {"answer_limit_s": 60} | deliveries
    async with running_gateway(folder, deliveries=limits) as house, counting() as counter:
        await house.autopilot("pay")
        await house.admin.set_callback_url(house.app.app, f"{counter.url}/own")
        await house.settle_directory()
        yield house, counter


async def test_a_backlog_of_many_pages_is_sent_after_one_look(tmp_path: Path) -> None:
    async with one_shop(tmp_path, lane_limit=1) as (house, counter):  # a page has two rows then
        await pause(house, house.app)
        await paid(house, house.app, 9)
        await looks_no_more(house)
        await resume(house, house.app)
        counter.gate.set()
        await house.gateway.courier.step()
        await eventually(lambda: len(counter.order) == 9)
        assert counter.most_open == 1


async def test_a_lower_limit_holds_for_the_attempts_that_follow(tmp_path: Path) -> None:
    async with one_shop(tmp_path, lane_limit=4) as (house, counter):
        await pause(house, house.app)
        await paid(house, house.app, 12)
        await resume(house, house.app)
        await eventually(lambda: counter.open == 4)
        desk = desk_of(house)
        await desk.set_terms(replace(await desk.endpoint(house.app.app), concurrency_limit=1))
        await house.settle_directory()
        before, counter.gate = counter.gate, asyncio.Event()
        before.set()
        await eventually(lambda: len(counter.order) == 5)
        await paid(house, await house.add_app("demo", "other", callback_url=f"{house.merchant.url}/other"), 4)
        await house.merchant.received("/other", 4)
        assert len(counter.order) == 5, "one is under way, and no other has begun"
        counter.gate.set()
        await eventually(lambda: len(counter.order) == 12)


async def test_an_endpoint_whose_own_limit_is_above_that_of_an_app_has_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("APP_LIMIT", "APP_FIRST_LIMIT"):
        monkeypatch.setattr(f"wakala.workers.courier.{name}", 1)
    async with one_shop(tmp_path, lane_limit=3) as (house, counter):
        await paid(house, house.app, 4)
        await eventually(lambda: counter.open == 3)


async def test_of_two_hosts_of_an_app_one_with_a_backlog_lets_the_other_have_its_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("APP_LIMIT", "APP_FIRST_LIMIT"):
        monkeypatch.setattr(f"wakala.workers.courier.{name}", 1)
    async with one_shop(tmp_path, lane_limit=1) as (house, counter), counting() as other:
        await pause(house, house.app)
        other.order = counter.order
        for number in range(10):
            url = f"{counter.url}/many" if number < 8 else f"{other.url}/few"
            await house.push(f"R-{number}", SenderMSISDN=f"25471200000{number}", CallbackUrl=url)
            await house.request_in(f"R-{number}", "succeeded")
        await looks_no_more(house)
        await resume(house, house.app)
        counter.gate.set()
        other.gate.set()
        await house.gateway.courier.step()
        await eventually(lambda: len(counter.order) == 10)
        assert counter.order.index("/few") <= 2
        assert counter.order[-4:] == ["/many"] * 4


@pytest.mark.parametrize("lane_limit", [1, 32])
async def test_a_backlog_is_sent_no_faster_than_the_setting_says(tmp_path: Path, lane_limit: int) -> None:
    async with one_shop(tmp_path, lane_limit=lane_limit, backlog_limit_per_s=10) as (house, counter):
        await pause(house, house.app)
        await paid(house, house.app, 11)
        counter.gate.set()
        await resume(house, house.app)
        began_s = time.monotonic()
        await eventually(lambda: len(counter.order) == 11)
        assert time.monotonic() - began_s >= 0.8, "a slow machine only takes longer"


async def test_nor_is_one_that_a_hand_comes_to_after_what_is_fresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakala.workers.courier.QUEUE_LIMIT", 0)  # beside the first that is under way
    async with one_shop(tmp_path, lane_limit=1, backlog_limit_per_s=10) as (house, counter):
        await looks_no_more(house)
        await paid(house, house.app, 12)
        await eventually(lambda: counter.order)
        await house.gateway.courier.step()
        began_s = time.monotonic()
        counter.gate.set()
        await eventually(lambda: len(counter.order) == 12)
        assert time.monotonic() - began_s >= 0.8, "a slow machine only takes longer"


async def test_a_hand_that_stands_in_line_when_all_stops_begins_nothing_more(tmp_path: Path) -> None:
    async with one_shop(tmp_path, lane_limit=4) as (house, counter):
        await pause(house, house.app)
        await paid(house, house.app, 8)
        await looks_no_more(house)
        await resume(house, house.app)
        counter.gate.set()
        courier = house.gateway.courier
        lets_through(courier._turnstile, 0)  # whatever time passes, nobody comes through before all stops
        await courier.step()
        await eventually(lambda: len(courier._turnstile._line) == 4)
        stopping = asyncio.create_task(courier.stop())
        await eventually(lambda: courier._stopping)
        lets_through(courier._turnstile, 1)
        await stopping
        assert counter.order == []


def lets_through(turnstile: Turnstile, count: float) -> None:
    """So many a tick from now on."""
    turnstile._least = turnstile._most = turnstile._allowance = count


async def test_what_found_no_token_is_sent_once_there_is_one_though_memory_is_full(house: House, clock: Clock) -> None:
    desk, rate_per_s = desk_of(house), 0.01
    await desk.set_terms(replace(await desk.endpoint(house.app.app), rate_limit_per_s=rate_per_s, concurrency_limit=1))
    await pause(house, house.app)
    await paid(house, house.app, 5)
    await looks_no_more(house)
    await resume(house, house.app)
    for sent in range(1, 6):
        for _ in range(3):
            await house.gateway.courier.step()
        await house.merchant.received("/wakala", sent)
        await house.attempts_ended()
        assert len(house.merchant.posts) == sent
        clock.advance(1 / rate_per_s)
