"""A list of payments that is too long to be read at once is read in parts, and nothing of it is passed over."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from deliveries.conftest import Clock
from recovery.test_m_pesas_list_is_read_without_gaps import (
    INTERVAL_S,
    LOOK_BACK_S,
    SECOND_US,
    SETTLE_S,
    granted,
    reading,
)
from services.gateway import House, running_gateway
from wakala.identity import Source
from wakala.rules.accounts import Shortcode
from wakala.rules.payment import collecting_scope
from wakala.rules.receipt import us_to_nairobi_text

PAGES, PAGE_ROWS = 4, 10


@dataclass
class LongList:
    """M-Pesa as it lists what lies between two moments, page by page; it may break off, or have no end."""

    paid: dict[str, int] = field(default_factory=dict)  # by receipt: when
    calls: int = 0
    breaks_off_after: int = 1_000_000
    is_endless: bool = False

    async def token(self, _: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": "3599"})

    async def page(self, request: web.Request) -> web.Response:
        self.calls += 1
        if self.calls > self.breaks_off_after:
            return web.json_response({"errorCode": "500.001.1001", "errorMessage": "busy"}, status=500)
        asked = await request.json()
        begin = int(asked["OffSetValue"])
        if self.is_endless:
            found = [f"UCE{self.calls:07d}"]
        else:
            inside = [
                receipt
                for receipt, paid_us in self.paid.items()
                if asked["StartDate"] <= us_to_nairobi_text(paid_us) <= asked["EndDate"]
            ]
            found = inside[begin : begin + PAGE_ROWS]
        rows = [{"transactionId": one, "amount": "70", "transactiontype": "c2b-pay-bill-debit"} for one in found]
        return web.json_response({"ResponseCode": "1000", "Response": [rows]})


@asynccontextmanager
async def told_by(mpesa: LongList) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/oauth/v1/generate", mpesa.token)
    app.router.add_post("/pulltransactions/v1/query", mpesa.page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def mpesa() -> LongList:
    return LongList()


@pytest.fixture
async def house(tmp_path: Path, clock: Clock, mpesa: LongList, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setattr("wakala.pulling.PAGES_LIMIT", PAGES)
    never: dict[str, Any] = {"poll_s": 3_600.0}
    async with (
        told_by(mpesa) as url,
        running_gateway(
            tmp_path, source=Source(clock.now_us, os.urandom), pull=never, daraja={"sandbox_url": url}
        ) as house,
    ):
        yield house


def spread(mpesa: LongList, count: int, begin_us: int, end_us: int) -> None:
    """So many payments, at even distances; M-Pesa does not say in which order it lists them: here in none."""
    first, apart_us = len(mpesa.paid) + 1, (end_us - begin_us) // count  # seven zeros are no receipt
    moments = {f"UCE{first + number:07d}": begin_us + (number + 1) * apart_us for number in range(count)}
    mpesa.paid |= dict(sorted(moments.items(), key=lambda each: each[0][::-1]))


async def known(house: House, shortcode: Shortcode, receipts: list[str]) -> set[str]:
    journal, scope = house.gateway.journal, collecting_scope(shortcode)
    return {one for one in receipts if await journal.payment_by_receipt(scope, one) is not None}


async def test_a_list_that_is_too_long_is_read_in_parts_and_the_mark_moves_to_its_end(
    house: House, clock: Clock, mpesa: LongList
) -> None:
    shortcode, now_us = await granted(house), clock.now_us()
    end_us = now_us - SETTLE_S * SECOND_US
    spread(mpesa, 150, now_us - (LOOK_BACK_S - 60) * SECOND_US, end_us)
    assert await reading(house).pull(shortcode) == 150
    assert await known(house, shortcode, list(mpesa.paid)) == set(mpesa.paid)
    marked_us = await house.gateway.journal.pulled_until(shortcode.id)
    assert marked_us is not None
    assert end_us <= marked_us <= clock.now_us()


async def test_where_m_pesa_breaks_off_the_mark_stands_at_the_end_of_what_was_read(
    house: House, clock: Clock, mpesa: LongList
) -> None:
    shortcode, now_us = await granted(house), clock.now_us()
    spread(mpesa, 150, now_us - (LOOK_BACK_S - 60) * SECOND_US, now_us - SETTLE_S * SECOND_US)
    mpesa.breaks_off_after = 24
    await reading(house).pull(shortcode)
    marked_us = await house.gateway.journal.pulled_until(shortcode.id)
    assert marked_us is not None
    before = [receipt for receipt, paid_us in mpesa.paid.items() if paid_us <= marked_us]
    assert 0 < len(before) < 150
    assert await known(house, shortcode, before) == set(before)
    mpesa.breaks_off_after = 1_000_000
    assert await reading(house).is_due(shortcode)
    await reading(house).pull(shortcode)
    assert await known(house, shortcode, list(mpesa.paid)) == set(mpesa.paid)


async def test_what_is_read_again_may_be_too_long_by_itself(house: House, clock: Clock, mpesa: LongList) -> None:
    """The hour before the mark holds more than fits into one reading: the mark moves forward all the same, not back."""
    shortcode, now_us = await granted(house), clock.now_us()
    spread(mpesa, 100, now_us - 3_000 * SECOND_US, now_us - SETTLE_S * SECOND_US)
    await reading(house).pull(shortcode)
    first_us = await house.gateway.journal.pulled_until(shortcode.id)
    clock.advance(INTERVAL_S)
    spread(mpesa, 5, now_us, clock.now_us() - SETTLE_S * SECOND_US)
    assert await reading(house).pull(shortcode) == 5
    second_us = await house.gateway.journal.pulled_until(shortcode.id)
    assert first_us is not None
    assert second_us is not None
    assert second_us > first_us + (INTERVAL_S - 60) * SECOND_US


async def test_a_list_without_an_end_moves_no_mark_and_is_left_for_the_next_turn(house: House, mpesa: LongList) -> None:
    shortcode = await granted(house)
    mpesa.is_endless = True
    await reading(house).pull(shortcode)
    assert await house.gateway.journal.pulled_until(shortcode.id) is None
    assert mpesa.calls <= PAGES * 14, "two days are halved twelve times until they are a minute"
