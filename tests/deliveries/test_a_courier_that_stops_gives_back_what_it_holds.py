"""A stop: what is queued is somebody else's at once, what is under way is finished, and nothing new is begun."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deliveries.test_a_validation_is_decided_in_time import saying
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import note_of, noted
from deliveries.test_what_cannot_be_sent_now_is_leased_to_nobody import staged
from services.gateway import House, eventually, running_gateway
from wakala.rules.delivery import DeliveryState

QUEUED = ("QUEUED-1", "QUEUED-2")


@dataclass
class Slow:
    """A house whose merchant holds its answer back, one attempt at a time; two notifications wait behind the first."""

    house: House
    release: asyncio.Event
    posts: int = 0

    def answer(self) -> bytes:
        self.posts += 1
        return b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    async def leases(self, *request_ids: str) -> list[bool]:
        return [bool((await note_of(self.house, request_id)).lease_us) for request_id in request_ids]

    async def queued_are_given_back(self) -> None:
        async def are() -> bool:
            return await self.leases(*QUEUED) == [False, False]

        await eventually(are)


@pytest.fixture
async def slow(tmp_path: Path) -> AsyncIterator[Slow]:
    release, heard = asyncio.Event(), asyncio.Event()
    limits = {"answer_limit_s": 60, "lane_limit": 1, "lease_s": 3_600.0}
    async with running_gateway(tmp_path, deliveries=limits) as house:
        await house.autopilot("pay")
        made = Slow(house, release)
        async with saying(made.answer, release, heard) as url:
            await house.admin.set_callback_url(house.app.app, url)
            await house.settle_directory()
            for number, request_id in enumerate(("UNDER-WAY", *QUEUED)):
                await house.push(request_id, SenderMSISDN=f"25471200000{number}")
                await note_of(house, request_id)
            await heard.wait()
            assert await made.leases("UNDER-WAY", *QUEUED) == [True, True, True]
            yield made
            release.set()


async def test_what_is_under_way_is_finished_and_stays_its_own_until_then(slow: Slow) -> None:
    stopping = asyncio.create_task(slow.house.gateway.courier.stop())
    await slow.queued_are_given_back()
    assert await slow.leases("UNDER-WAY") == [True]
    slow.release.set()
    await stopping
    taken = await noted(slow.house, "UNDER-WAY", DeliveryState.DELIVERED)
    assert taken.attempts == 1
    assert slow.posts == 1
    for request_id in QUEUED:
        assert (await note_of(slow.house, request_id)).attempts == 0


async def test_what_is_cut_short_is_given_back_too(slow: Slow) -> None:
    courier = slow.house.gateway.courier
    stopping = asyncio.create_task(courier.stop())
    await slow.queued_are_given_back()
    stopping.cancel()
    await courier.cut_short()
    await courier.hand_back()
    assert await slow.leases("UNDER-WAY") == [False]
    waiting = await note_of(slow.house, "UNDER-WAY")
    assert (waiting.state, waiting.attempts) == (DeliveryState.WAITING, 0)


async def test_what_is_written_while_it_stops_is_not_begun_and_is_given_back(slow: Slow) -> None:
    house = slow.house
    courier, (before, change, owed) = house.gateway.courier, await staged(house, "LATE")
    stopping = asyncio.create_task(courier.stop())
    await slow.queued_are_given_back()
    assert owed.lease_us
    assert await house.gateway.journal.record_change(before, change, notification=owed)
    house.gateway.outbox.offer([owed])
    slow.release.set()
    await stopping
    found = await house.gateway.journal.notification(owed.id)
    assert found is not None
    assert (found.state, found.lease_us) == (DeliveryState.WAITING, 0)
    assert slow.posts == 1
