"""Another process named the URL, or its operator did; this one has not looked again since."""

from pathlib import Path

import pytest

from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import noted
from services.gateway import House, running_gateway
from wakala.rules.delivery import DeliveryState
from wakala.rules.endpoints import Waiting


async def test_what_was_kept_is_sent_when_it_is_replayed_at_once(house: House) -> None:
    app = await house.add_app("demo", "silent")
    await house.push("KEPT", app=app)
    note = await noted(house, "KEPT", DeliveryState.KEPT)
    desk = desk_of(house)
    await desk.set_url(app.app, await desk.endpoint(app.app), f"{house.merchant.url}/named", Waiting.SEND)
    assert await desk.replay(note)
    await house.gateway.courier.step()
    (post,) = await house.merchant.received("/named", 1)
    assert post.headers["webhook-id"] == note.id
    await noted(house, "KEPT", DeliveryState.DELIVERED)


async def test_what_is_owed_a_moment_after_an_apps_first_url_was_named_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakala.runtime.DIRECTORY_REST_S", 3_600)  # it does not look again by itself
    async with running_gateway(tmp_path) as house:
        await house.autopilot("pay")
        app, desk = await house.add_app("demo", "quiet"), desk_of(house)
        await desk.set_url(app.app, await desk.endpoint(app.app), f"{house.merchant.url}/named", Waiting.SEND)
        known = house.gateway.directory.app(app.app.id)
        assert known is not None
        assert known.callback_url is None
        await house.push("FIRST", app=app)
        await house.merchant.received("/named", 1)
