"""A shortcode's endpoint may have terms of its own and no URL: then the app's URL is its own, and so are its moves."""

from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import DAY_S, moved_to, noted, paybill
from services.gateway import House
from wakala.rules.delivery import Attempted, DeliveryState
from wakala.rules.endpoints import EndpointState, Waiting


async def waiting_on_terms_of_its_own(house: House) -> None:
    desk = desk_of(house)
    await desk.set_terms(replace(await desk.endpoint(house.app.app, await paybill(house)), concurrency_limit=7))
    await house.settle_directory()
    house.merchant.replies[WAKALA] = (503, {})
    await house.push("BRANCH")
    await noted(house, "BRANCH", DeliveryState.WAITING, attempts=1)
    await house.attempts_ended()


async def test_what_is_to_be_held_is_held(house: House, clock: Clock) -> None:
    await waiting_on_terms_of_its_own(house)
    assert await moved_to(house, "/new", Waiting.HOLD) == 1
    clock.advance(DAY_S)
    await house.gateway.courier.step()
    await noted(house, "BRANCH", DeliveryState.KEPT)
    assert house.merchant.at("/new") == []


async def test_what_may_finish_at_the_old_url_does(house: House, clock: Clock) -> None:
    await waiting_on_terms_of_its_own(house)
    await moved_to(house, "/new", Waiting.FINISH_OLD)
    house.merchant.replies.clear()
    clock.advance(DAY_S)
    await house.gateway.courier.step()
    await house.gateway.courier.step()
    await noted(house, "BRANCH", DeliveryState.DELIVERED)
    assert [post.path for post in house.merchant.posts] == [WAKALA, WAKALA]


async def test_it_is_called_again_at_a_new_url_of_its_app(house: House) -> None:
    await waiting_on_terms_of_its_own(house)
    desk, standing, shortcode = desk_of(house), house.gateway.standing, await paybill(house)
    before = await desk.endpoint(house.app.app, shortcode)
    await standing.note(before.lane, before, Attempted(410, None), 1_000, is_endpoints_own=True)
    assert (await desk.endpoint(house.app.app, shortcode)).state is EndpointState.DISABLED
    await moved_to(house, "/new", Waiting.SEND)
    await house.gateway.courier.step()
    await house.merchant.received("/new", 1)
    await standing.note(before.lane, before, Attempted(410, None), 1_000, is_endpoints_own=True)  # of the URL before
    assert (await desk.endpoint(house.app.app, shortcode)).state is EndpointState.ACTIVE


async def test_one_that_leads_elsewhere_stays_where_it_is(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    own = await desk.endpoint(house.app.app, shortcode)
    await desk.set_url(house.app.app, own, f"{house.merchant.url}/branch", Waiting.SEND)
    before = await desk.endpoint(house.app.app, shortcode)
    await moved_to(house, "/new", Waiting.HOLD)
    assert await desk.endpoint(house.app.app, shortcode) == before
    await house.push("BRANCH")
    await house.merchant.received("/branch", 1)


async def test_those_of_other_apps_stay_where_they_are(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    other = (await house.add_app("demo", "other", callback_url=f"{house.merchant.url}/other")).app
    await desk.set_terms(replace(await desk.endpoint(other, shortcode), concurrency_limit=7))
    before = await desk.endpoint(other, shortcode)
    await moved_to(house, "/new", Waiting.HOLD)
    assert await desk.endpoint(other, shortcode) == before
