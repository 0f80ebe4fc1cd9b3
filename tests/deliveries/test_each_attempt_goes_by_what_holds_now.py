"""Where an attempt goes, how long it may take and whose it is, where that changed or others have a say in it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_a_confirmation_url_that_moved_is_called import in_state, register
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import noted, paybill
from deliveries.test_what_cannot_be_sent_now_is_leased_to_nobody import staged
from services.gateway import House, running_gateway
from wakala.rules.accounts import Registration
from wakala.rules.delivery import DeliveryState
from wakala.rules.endpoints import Waiting
from web.test_daraja_paths_tell_and_ask_of_customers_payments import pay


async def test_a_requests_own_url_is_called_whatever_is_registered_for_its_shortcode(house: House) -> None:
    await register(house, "/registered")
    await house.push("OWN", CallbackUrl=f"{house.merchant.url}/own")
    (post,) = await house.merchant.received("/own", 1)
    assert post.json["type"] == "payment.succeeded"
    (twin,) = await house.merchant.received("/registered", 1)
    assert "TransID" in twin.json


async def test_a_confirmation_whose_url_is_registered_no_more_goes_where_it_was_meant_for(
    house: House, clock: Clock
) -> None:
    house.merchant.replies["/old"] = (503, {})
    await register(house, "/old")
    await pay(house, "INV-9")
    (first,) = await house.merchant.received("/old", 1)
    await house.attempts_ended()
    house.merchant.replies.clear()
    await house.gateway.journal.mark_registered((await paybill(house)).id, Registration("Completed"), 1)
    await house.settle_directory()
    clock.advance(60)
    await house.gateway.courier.step()
    await in_state(house, first.headers["webhook-id"], DeliveryState.DELIVERED)
    assert [post.path for post in house.merchant.posts] == ["/old", "/old"]


async def test_what_somebody_else_has_moved_is_free_at_once(house: House) -> None:
    gateway, desk = house.gateway, desk_of(house)
    before, change, owed = await staged(house, "MOVED")
    assert owed.lease_us
    assert await gateway.journal.record_change(before, change, notification=owed)
    own = await desk.endpoint(house.app.app, await paybill(house))
    await desk.set_url(house.app.app, own, f"{house.merchant.url}/branch", Waiting.SEND)
    await house.settle_directory()
    await gateway.courier.stop()
    assert await gateway.deliveries.attempt(owed) is None
    found = await gateway.journal.notification(owed.id)
    assert found is not None
    assert (found.lane, found.lease_us) == (own.lane, 0)


async def test_what_is_in_somebodys_hands_when_all_that_waits_is_to_be_held_is_not_sent(house: House) -> None:
    desk, (before, change, owed) = desk_of(house), await staged(house, "HELD")
    assert await house.gateway.journal.record_change(before, change, notification=owed)
    in_force = house.app.app.callback_url or ""
    assert await desk.set_url(house.app.app, await desk.endpoint(house.app.app), in_force, Waiting.HOLD) == 1
    await house.settle_directory()
    assert await house.gateway.deliveries.attempt(owed) is None
    assert house.merchant.posts == []
    await in_state(house, owed.id, DeliveryState.KEPT)


@pytest.mark.parametrize("own_s", [0.2, 0])
async def test_an_endpoint_may_be_given_more_or_less_time_than_the_others(tmp_path: Path, own_s: float) -> None:
    usual_s = 60 if own_s else 0.3
    async with running_gateway(tmp_path, deliveries={"answer_limit_s": usual_s}) as house:
        await house.autopilot("pay")
        desk = desk_of(house)
        await desk.set_terms(replace(await desk.endpoint(house.app.app), answer_limit_s=own_s))
        await house.settle_directory()
        house.merchant.silent.add("/wakala")
        await house.push("SLOW")
        waiting = await noted(house, "SLOW", DeliveryState.WAITING, attempts=1)
        assert f"within {own_s or usual_s} s" in (waiting.last_error or "")


async def test_no_attempt_lasts_longer_than_its_lease_whatever_its_endpoint_says(tmp_path: Path) -> None:
    """After it another courier makes the attempt anew."""
    async with running_gateway(tmp_path, deliveries={"answer_limit_s": 0.2, "lease_s": 0.4}) as house:
        await house.autopilot("pay")
        desk = desk_of(house)
        await desk.set_terms(replace(await desk.endpoint(house.app.app), answer_limit_s=30))
        await house.settle_directory()
        house.merchant.silent.add("/wakala")
        await house.push("SLOW")
        waiting = await noted(house, "SLOW", DeliveryState.WAITING, attempts=1)
        assert "within 0.4 s" in (waiting.last_error or "")
