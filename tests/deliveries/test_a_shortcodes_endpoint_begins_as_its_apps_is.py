"""A shortcode without an endpoint goes by its app's. What is first done to one of its own changes nothing else."""

from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import DAY_S, moved_to, noted, paybill
from services.gateway import House
from wakala.rules.delivery import DeliveryState
from wakala.rules.endpoints import EndpointState, Waiting


async def rotated(house: House) -> None:
    desk = desk_of(house)
    await desk.rotate(house.app.app, await desk.endpoint(house.app.app, await paybill(house)))
    await house.settle_directory()


async def test_a_new_secret_for_a_shortcode_of_a_paused_app_sends_nothing(house: House) -> None:
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app), "the shop is being moved")
    await rotated(house)
    own = await desk.endpoint(house.app.app, await paybill(house))
    assert (own.state, own.reason) == (EndpointState.PAUSED, "the shop is being moved")
    await house.push("P-1")
    await house.request_in("P-1", "succeeded")
    await house.gateway.courier.step()
    assert house.merchant.at(WAKALA) == []
    assert await desk.resume(own), "whoever resumes it is told so"
    await house.settle_directory()
    await house.gateway.courier.step()
    await house.merchant.received(WAKALA, 1)


async def test_a_shortcode_of_a_paused_app_is_resumed_by_itself(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()
    await house.push("P-1")
    await house.request_in("P-1", "succeeded")
    assert not await desk.pause(await desk.endpoint(house.app.app, shortcode))
    assert await desk.resume(await desk.endpoint(house.app.app, shortcode))
    assert (await desk.endpoint(house.app.app)).state is EndpointState.PAUSED
    await house.settle_directory()
    await house.gateway.courier.step()
    await house.merchant.received(WAKALA, 1)


async def test_terms_that_are_not_named_stay_those_of_the_app(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    await desk.set_terms(replace(await desk.endpoint(house.app.app), rate_limit_per_s=3, schedule_s=(7.0,)))
    await desk.set_terms(replace(await desk.endpoint(house.app.app, shortcode), answer_limit_s=4))
    own = await desk.endpoint(house.app.app, shortcode)
    assert (own.rate_limit_per_s, own.schedule_s, own.answer_limit_s) == (3, (7.0,), 4)


async def test_what_was_to_finish_at_the_old_url_still_does(house: House, clock: Clock) -> None:
    house.merchant.replies[WAKALA] = (503, {})
    await house.push("OLD")
    await noted(house, "OLD", DeliveryState.WAITING, attempts=1)
    await house.attempts_ended()
    await moved_to(house, "/new", Waiting.FINISH_OLD)
    await rotated(house)
    house.merchant.replies.clear()
    clock.advance(DAY_S)
    await house.gateway.courier.step()
    await house.gateway.courier.step()
    await noted(house, "OLD", DeliveryState.DELIVERED)
    assert [post.path for post in house.merchant.posts] == [WAKALA, WAKALA]
