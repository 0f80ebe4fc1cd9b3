"""A shortcode's endpoint gets a secret of its own: whatever signed for it so far signs on for as long as was said."""

from standardwebhooks import Webhook

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import paybill
from services.gateway import House


async def test_the_apps_pair_signs_on(house: House) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    await desk.rotate_pair(house.app.app, await desk.endpoint(house.app.app))
    await desk.rotate(house.app.app, await desk.endpoint(house.app.app, shortcode))
    await house.settle_directory()
    await house.push("PAIR")
    (post,) = await house.merchant.received(WAKALA, 1)
    given = [one.partition(",")[0] for one in post.headers["webhook-signature"].split()]
    assert given == ["v1", "v1", "v1a"]


async def test_the_overlap_of_the_apps_last_change_is_kept_and_not_made_longer(house: House, clock: Clock) -> None:
    desk, shortcode = desk_of(house), await paybill(house)
    first = house.app.webhook_secret
    second = await desk.rotate(house.app.app, await desk.endpoint(house.app.app), 3_600)
    third = await desk.rotate(house.app.app, await desk.endpoint(house.app.app, shortcode), 7_200)
    await house.settle_directory()
    await house.push("EARLY")
    (post,) = await house.merchant.received(WAKALA, 1)
    for secret in (third, second, first):
        Webhook(secret).verify(post.body, dict(post.headers))
    clock.advance(3_601)
    await house.push("LATE", SenderMSISDN="254712000002")
    _, post = await house.merchant.received(WAKALA, 2)
    assert len(post.headers["webhook-signature"].split()) == 2
