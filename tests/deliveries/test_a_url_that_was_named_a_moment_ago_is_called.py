"""Another process named the URL, or its operator did; this one has not looked again since."""

import os
from pathlib import Path

import pytest

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import noted
from services.gateway import House, running_gateway
from wakala.identity import Source
from wakala.rules.delivery import DeliveryState, Notification
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


async def test_what_was_learned_while_an_attempt_asked_is_no_reason_to_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's reading brings the URL, so that the attempt's own finds nothing new."""
    monkeypatch.setattr("wakala.runtime.DIRECTORY_REST_S", 3_600)
    async with running_gateway(tmp_path) as house:
        await house.autopilot("pay")
        app, desk, gateway = await house.add_app("demo", "quiet"), desk_of(house), house.gateway
        await house.push("KEPT", app=app)
        note = await noted(house, "KEPT", DeliveryState.KEPT)
        await desk.set_url(app.app, await desk.endpoint(app.app), f"{house.merchant.url}/named", Waiting.SEND)
        asked = gateway.journal.directory_version

        async def directory_version() -> int:
            found = await asked()
            gateway.journal.directory_version = asked  # type: ignore[method-assign]
            assert await gateway.directory.refresh()
            return found

        gateway.journal.directory_version = directory_version  # type: ignore[method-assign]
        assert await desk.replay(note)
        await gateway.courier.step()
        await noted(house, "KEPT", DeliveryState.DELIVERED)
        await house.merchant.received("/named", 1)


async def test_a_url_that_moves_while_an_attempt_looks_whether_it_is_owed_is_not_called_any_more(
    tmp_path: Path,
) -> None:
    clock = Clock()
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom)) as house:
        await house.autopilot("pay")
        gateway, desk = house.gateway, desk_of(house)
        app = await house.add_app("demo", "moving", callback_url=f"{house.merchant.url}/before")
        await desk.pause(await desk.endpoint(app.app))
        await house.settle_directory()
        await house.push("MOVED", app=app)
        await noted(house, "MOVED", DeliveryState.WAITING)
        now_us = clock.now_us()
        [note] = await gateway.journal.claim_notifications(
            app.app.id, now_us, gateway.deliveries.lease_end_us(now_us), 1
        )
        clock.advance(6)
        asked = gateway.journal.notification

        async def notification(notification_id: str) -> Notification | None:
            found = await asked(notification_id)
            gateway.journal.notification = asked  # type: ignore[method-assign]
            await gateway.journal.set_callback_url(app.app.organisation_id, app.app.id, f"{house.merchant.url}/now")
            await gateway.directory.refresh()
            return found

        gateway.journal.notification = notification  # type: ignore[method-assign]
        await gateway.deliveries.attempt(note)
        await house.merchant.received("/now", 1)
        assert not house.merchant.at("/before")
