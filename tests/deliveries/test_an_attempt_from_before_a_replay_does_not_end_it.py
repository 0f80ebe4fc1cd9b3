"""An attempt is under way; its notification is held, or read and acknowledged, and then asked for anew."""

from typing import Any

import pytest

from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import note_of, noted
from services.gateway import House
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
