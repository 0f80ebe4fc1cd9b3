"""A caller of Daraja's paths registers another ConfirmationURL: what waits, and what is replayed, goes there."""

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from services.gateway import PAYBILL, House, eventually
from wakala.rules.delivery import DeliveryState
from web.test_daraja_paths_answer_as_daraja_does import post
from web.test_daraja_paths_tell_and_ask_of_customers_payments import pay


async def register(house: House, path: str) -> None:
    url = house.merchant.url + path
    body = {"ShortCode": PAYBILL, "ResponseType": "Completed", "ConfirmationURL": url, "ValidationURL": url}
    answer = await post(house, "/sandbox/mpesa/c2b/v2/registerurl", body)
    assert answer.json()["ResponseCode"] == "0"


async def in_state(house: House, notification_id: str, state: DeliveryState) -> None:
    async def look() -> bool:
        found = await house.gateway.journal.notification(notification_id)
        return found is not None and found.state is state

    await eventually(look)


async def test_what_waits_goes_to_the_new_one(house: House, clock: Clock) -> None:
    house.merchant.replies["/old"] = (503, {})
    await register(house, "/old")
    await pay(house, "INV-9")
    (first,) = await house.merchant.received("/old", 1)
    await house.attempts_ended()
    await register(house, "/new")
    clock.advance(60)
    for _ in ("it moves", "it is sent"):
        await house.gateway.courier.step()
    await in_state(house, first.headers["webhook-id"], DeliveryState.DELIVERED)
    assert [post.path for post in house.merchant.posts] == ["/old", "/new"]


async def test_what_is_replayed_goes_to_the_new_one(house: House, clock: Clock) -> None:
    await register(house, "/old")
    await pay(house, "INV-9")
    (first,) = await house.merchant.received("/old", 1)
    await in_state(house, first.headers["webhook-id"], DeliveryState.DELIVERED)
    await register(house, "/new")
    note = await house.gateway.journal.notification(first.headers["webhook-id"])
    assert note is not None
    assert await desk_of(house).replay(note)
    clock.advance(1)
    for _ in ("it moves", "it is sent"):
        await house.gateway.courier.step()
    (again,) = await house.merchant.received("/new", 1)
    assert again.headers["webhook-id"] == note.id
