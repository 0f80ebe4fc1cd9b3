"""An attempt is under way; its notification is held, or read and acknowledged, and then asked for anew."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import note_of, noted
from services.gateway import House, eventually
from wakala.deliveries.deliveries import STALE_US
from wakala.rules.delivery import DeliveryState
from wakala.rules.endpoints import Waiting


async def test_what_is_replayed_after_a_move_goes_to_the_new_url_though_the_old_one_took_it_meanwhile(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, app, outgoing = desk_of(house), house.app.app, house.gateway.to_merchants
    send = outgoing.send

    async def send_slowly(*given: Any, **more: Any) -> Any:
        reply = await send(*given, **more)
        monkeypatch.undo()
        new_url = f"{house.merchant.url}/new"
        assert await desk.set_url(app, await desk.endpoint(app), new_url, Waiting.HOLD) == 1
        assert await desk.replay(await note_of(house, "SLOW"))
        return reply

    monkeypatch.setattr(outgoing, "send", send_slowly)
    await house.push("SLOW")
    (old,) = await house.merchant.received(WAKALA, 1)
    await house.attempts_ended()
    await house.gateway._refresh()
    await house.gateway.courier.step()
    (new,) = await house.merchant.received("/new", 1)
    assert new.headers["webhook-id"] == old.headers["webhook-id"]
    await noted(house, "SLOW", DeliveryState.DELIVERED)


async def test_what_is_acknowledged_while_it_waits_for_a_hand_is_not_sent(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, outgoing, courier = desk_of(house), house.gateway.to_merchants, house.gateway.courier
    send, gate = outgoing.send, asyncio.Event()

    async def send_slowly(*given: Any, **more: Any) -> Any:
        await gate.wait()
        return await send(*given, **more)

    monkeypatch.setattr(outgoing, "send", send_slowly)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), concurrency_limit=1))
    await house.settle_directory()
    for number, request_id in enumerate(("FIRST", "READ", "OWED")):
        await house.push(request_id, SenderMSISDN=f"25471200000{number}")
        await house.request_in(request_id, "succeeded")
    lane = courier._lanes[house.app.app.id]
    await eventually(lambda: len(courier._in_hand) == 1 and len(lane.fresh) == 2)
    assert await desk.acknowledge(await note_of(house, "READ"))
    clock.advance(STALE_US / 1_000_000 + 1)
    gate.set()
    for request_id in ("FIRST", "OWED"):
        await noted(house, request_id, DeliveryState.DELIVERED)
    told = [post.json["data"]["RequestID"] for post in house.merchant.at(WAKALA)]
    assert told == ["FIRST", "OWED"]
    await noted(house, "READ", DeliveryState.ACKNOWLEDGED)
