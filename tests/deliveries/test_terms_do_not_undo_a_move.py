"""Terms are set by somebody who looked a moment ago; what was moved meanwhile stays where it is."""

from msgspec.structs import replace

from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import paybill
from services.gateway import House
from wakala.rules.endpoints import Waiting


async def test_the_new_url_and_what_was_to_be_held_stay(house: House) -> None:
    desk, app = desk_of(house), house.app.app
    looked_at = await desk.endpoint(app, await paybill(house))
    await desk.set_url(app, looked_at, f"{house.merchant.url}/branch", Waiting.HOLD)
    moved = await desk.endpoint(app, await paybill(house))
    await desk.set_terms(replace(looked_at, concurrency_limit=7))
    assert await desk.endpoint(app, await paybill(house)) == replace(moved, concurrency_limit=7)
