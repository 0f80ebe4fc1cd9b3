"""An hour without an answer, thousands of notifications waiting, and what happens when the merchant is back; and a
merchant who cannot take some of them.

The clock stands still unless a test moves it: what arrives without a move did not wait for a later step of its
schedule.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from journal.making import opening, payment
from services.gateway import House, eventually, running_gateway
from wakala.identity import Source
from wakala.rules.accounts import App
from wakala.rules.delivery import DeliveryState
from wakala.rules.endpoints import BREAKER_FAILURES
from wakala.rules.facts import Settled
from wakala.rules.payment import Evidence, Payment, Scope

START_US = 1_795_000_000_000_000
MINUTE_US = 60_000_000
MINUTES = 60
EVERY_MINUTE = 50  # payments; the benchmark's row `backlog_drain` has 100,000 waiting
BACKLOG = MINUTES * EVERY_MINUTE
LANE_LIMIT = 32
REST_US = 31_000_000  # a little more than the breaker ever rests
LEASE_US = 181_000_000  # and than any lease lasts


@dataclass
class Clock:
    """Stands still."""

    at_us: int = START_US

    def now_us(self) -> int:
        return self.at_us


@dataclass
class Shop:
    """A merchant who may be down. Remembers what it took, in order, and how many requests were open at once."""

    url: str = ""
    is_down: bool = False
    cannot_take: str = ""  # those whose names begin so
    turns: int = 1  # of the loop, until it answers
    refused: int = 0
    open: int = 0
    most_open: int = 0
    took: list[tuple[str, str]] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        for _ in range(self.turns):
            await asyncio.sleep(0)  # others come in meanwhile
        self.open -= 1
        cannot = bool(self.cannot_take) and body["data"]["RequestID"].startswith(self.cannot_take)
        if self.is_down or cannot:
            self.refused += 1
            return web.Response(status=503)
        self.took.append((body["data"]["RequestID"], body["type"]))
        self.order.append(body["data"]["RequestID"])
        return web.Response()


@asynccontextmanager
async def running_shop() -> AsyncIterator[Shop]:
    shop = Shop()
    app = web.Application()
    app.router.add_post("/told", shop.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}/told"
    try:
        yield shop
    finally:
        await runner.cleanup()


@dataclass
class Street:
    """Two merchants of one gateway, and the clock."""

    house: House
    clock: Clock
    down: Shop
    well: Shop
    down_scope: Scope
    well_scope: Scope

    async def paid(self, scope: Scope, name: str) -> Payment:
        """A payment of an app that M-Pesa says was paid."""
        now_us = self.clock.now_us()
        asked = payment(name, id=self.house.gateway.source.new_id("pay"), scope=scope, created_us=now_us)
        received, sending = opening(asked)
        sent = replace(sending.payment, next_check_us=None)  # nobody but us says how it ended
        assert await self.house.gateway.journal.open_payment([received, replace(sending, payment=sent)], None)
        outcome = Settled(Evidence.STK_CALLBACK, True, "0", "ok", receipt=f"T-{name}")
        return await self.house.gateway.payments.settle(sent, outcome)

    async def contradicted(self, before: Payment) -> None:
        """M-Pesa says the opposite of what it said: a second notification."""
        opposite = Settled(Evidence.STK_QUERY, False, "1032", "Request cancelled by user")
        await self.house.gateway.payments.settle(before, opposite)

    async def quiet(self) -> None:
        """Whatever is due has been tried."""
        courier = self.house.gateway.courier
        await courier.step()
        await eventually(lambda: not courier._tasks)


@pytest.fixture(params=["sqlite", "postgres"])
async def street(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Street]:
    url = request.getfixturevalue("postgres_url") if request.param == "postgres" else None
    clock = Clock()
    source = Source(clock.now_us, os.urandom)
    async with (
        running_gateway(tmp_path, source=source, database_url=url) as house,
        running_shop() as down,
        running_shop() as well,
    ):
        shortcode_id = (await house.gateway.journal.shortcodes())[0].id
        scopes = []
        for name, shop in (("down", down), ("well", well)):
            app = (await house.add_app("demo", name, callback_url=shop.url)).app
            scopes.append(Scope(app.organisation_id, app.id, shortcode_id, "sandbox"))
        yield Street(house, clock, down, well, *scopes)


async def an_hour_passes(street: Street, every_minute: int = EVERY_MINUTE) -> None:
    """The one is down and paid all the while, the other is well and paid once a minute."""
    street.down.is_down = True
    for minute in range(MINUTES):
        names = [f"D-{minute}-{number}" for number in range(every_minute)]
        paid = await asyncio.gather(*(street.paid(street.down_scope, name) for name in names))
        await street.paid(street.well_scope, f"W-{minute}")
        await street.contradicted(paid[0])
        await street.quiet()
        assert len(street.well.took) == minute + 1, "the one who is well is told at once"
        street.clock.at_us += MINUTE_US


async def test_after_an_hour_everything_arrives_in_order_and_without_waiting_for_its_step(street: Street) -> None:
    await an_hour_passes(street)
    lane, journal = street.down_scope.app_id, street.house.gateway.journal
    record = street.house.gateway.standing.record(lane)
    assert record.is_resting
    assert street.down.took == []
    assert BREAKER_FAILURES <= street.down.refused <= LANE_LIMIT + 2 * MINUTES, "one at a time looks whether it is well"
    first = await journal.payment_by_request(street.down_scope.organisation_id, "sandbox", "D-0-0")
    assert first is not None
    tried = (await journal.notifications_of(first.id))[0]
    assert tried.attempts > 0

    street.down.is_down = False
    street.clock.at_us += REST_US
    await street.house.gateway.courier.step()
    await eventually(lambda: len(street.down.took) >= BACKLOG + MINUTES)

    assert len(street.down.took) == len(set(street.down.took)) == BACKLOG + MINUTES
    place = {told: number for number, told in enumerate(street.down.took)}
    for minute in range(MINUTES):
        name = f"D-{minute}-0"
        assert place[name, "payment.succeeded"] < place[name, "payment.flagged"]
    assert street.down.most_open <= LANE_LIMIT
    assert not record.is_resting

    async def nothing_waits() -> bool:
        return await journal.lanes_waiting(street.clock.now_us()) == []

    await eventually(nothing_waits)


async def test_what_was_put_off_for_hours_is_sent_when_another_gets_through(street: Street) -> None:
    """Ten payments fail until their next step is hours away; a success brings all of them forward."""
    street.down.is_down = True
    journal = street.house.gateway.journal
    early = [await street.paid(street.down_scope, f"E-{number}") for number in range(10)]
    await street.quiet()
    for _ in range(6):
        for _ in early:
            street.clock.at_us += 2 * 3_600_000_000 // 10
            await street.quiet()
    waits = [(await journal.notifications_of(one.id))[0] for one in early]
    assert all(one.state is DeliveryState.WAITING for one in waits)
    assert max(one.due_us for one in waits) > street.clock.now_us() + 3_600_000_000
    street.down.is_down = False
    await street.paid(street.down_scope, "E-new")
    street.clock.at_us += REST_US
    await street.house.gateway.courier.step()
    await eventually(lambda: len(street.down.took) == 11)


async def test_a_merchant_who_is_back_meets_no_more_hands_than_its_limit(street: Street) -> None:
    """The first success begins with the backlog while the journal is looked through again: both find the same lane."""
    courier, limit = street.house.gateway.courier, 4
    desk = desk_of(street.house)
    endpoint = await desk.endpoint(await app_named(street, "down"))
    await desk.set_terms(replace(endpoint, concurrency_limit=limit))
    await street.house.settle_directory()
    street.down.is_down = True
    owed = 30 * limit
    for number in range(owed):
        await street.paid(street.down_scope, f"D-{number}")
        await street.quiet()  # until its breaker opens; the others wait in the journal and not in memory
    street.down.is_down, street.down.most_open, street.down.turns = False, 0, 1_000
    street.clock.at_us += LEASE_US

    async def look_again() -> bool:
        await courier.step()
        return len(street.down.took) == owed

    await eventually(look_again)
    assert street.down.most_open <= limit


async def test_a_backlog_keeps_to_the_rate_that_was_set(street: Street) -> None:
    per_s = 20
    desk = desk_of(street.house)
    endpoint = await desk.endpoint(await app_named(street, "down"))
    await desk.set_terms(replace(endpoint, rate_limit_per_s=per_s, concurrency_limit=4))
    await street.house.settle_directory()
    await an_hour_passes(street, every_minute=2)
    street.down.is_down = False
    street.clock.at_us += REST_US
    owed = 3 * MINUTES
    for second in range(1, owed // per_s + 1):
        await street.quiet()
        assert len(street.down.took) <= second * per_s, "no burst beyond what the bucket holds"
        street.clock.at_us += 1_000_000
    while len(street.down.took) < owed:  # what came after its predecessor needs another look
        before = len(street.down.took)
        await street.quiet()
        assert len(street.down.took) <= before + per_s
        street.clock.at_us += 1_000_000
    assert street.down.most_open <= 4


async def test_where_hands_are_short_each_lane_has_its_share(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both merchants come back at once with a backlog, and there are four hands for all."""
    monkeypatch.setattr("wakala.workers.courier.TOTAL_LIMIT", 4)
    monkeypatch.setattr("wakala.workers.courier.FIRST_LIMIT", 4)
    each = 60
    desk = desk_of(street.house)
    apps = [await app_named(street, name) for name in ("down", "well")]
    for app in apps:
        await desk.pause(await desk.endpoint(app))
    await street.house.settle_directory()
    for number in range(each):
        await street.paid(street.down_scope, f"D-{number}")
        await street.paid(street.well_scope, f"W-{number}")
    order: list[str] = []
    street.down.order = street.well.order = order
    for app in apps:
        await desk.resume(await desk.endpoint(app))
    await street.house.settle_directory()
    await street.house.gateway.courier.step()
    await eventually(lambda: len(order) == 2 * each)
    for name in ("D", "W"):
        assert sum(told.startswith(name) for told in order[: 2 * each // 2]) >= each // 4, order


async def test_what_a_merchant_cannot_take_is_not_given_up_before_its_time(street: Street) -> None:
    """Eleven fail whatever happens to them, more than the breaker bears; all others are taken, for ten minutes."""
    street.down.cannot_take, journal = "BAD", street.house.gateway.journal
    bad = [await street.paid(street.down_scope, f"BAD-{number}") for number in range(11)]
    for number in range(600):
        if number % 5 == 0:
            await street.paid(street.down_scope, f"OK-{number}")
        await street.quiet()
        street.clock.at_us += 1_000_000
    waits = [(await journal.notifications_of(one.id))[0] for one in bad]
    assert {one.state for one in waits} == {DeliveryState.WAITING}
    assert max(one.attempts for one in waits) <= 6, "by their schedule four, and the breaker may have hurried some"


async def test_what_a_merchant_cannot_take_holds_up_no_others(street: Street) -> None:
    """Sixty that it cannot take are the oldest that wait; each of the others is there within half a minute."""
    street.down.cannot_take = "BAD"
    for number in range(60):
        await street.paid(street.down_scope, f"BAD-{number}")
    await street.quiet()
    assert street.house.gateway.standing.record(street.down_scope.app_id).is_resting
    for number in range(100):
        await street.paid(street.down_scope, f"OK-{number}")
        for _ in range(5):
            await street.quiet()
            street.clock.at_us += 1_000_000
        assert len(street.down.took) >= number - 5, "but for the newest, all that it can take"


async def app_named(street: Street, name: str) -> App:
    return next(app for app in await street.house.gateway.journal.apps() if app.name == name)
