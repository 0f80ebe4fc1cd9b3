"""An alert reaches the operator's own URL: in a sentence, signed, until it is taken, once."""

import base64
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from deliveries.conftest import Clock
from services.gateway import CUSTOMER, House, eventually, running_gateway
from simulator.box import Merchant, Posted, running_merchant
from wakala.config import master_key
from wakala.deliveries.alerting import signing_key
from wakala.identity import Source
from wakala.rules.alerts import GIVE_UP_S, Alert
from wakala.rules.delivery import Attempted
from wakala.rules.signing import PUBLIC_PREFIX, public_text

HOOK = "/hooks/T0001/whoever-knows-this-may-write"
WAKALA = "/wakala"
HOUR_S = 3_600


@pytest.fixture
async def chat() -> AsyncIterator[Merchant]:
    """Somebody else's server, which takes what is posted there."""
    async with running_merchant() as chat:
        yield chat


@pytest.fixture
async def house(tmp_path: Path, clock: Clock, chat: Merchant) -> AsyncIterator[House]:
    alerts = {"url": chat.url + HOOK, "answer_limit_s": 2}
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom), alerts=alerts) as house:
        await house.autopilot("pay")
        yield house


async def told(house: House, chat: Merchant, count: int = 1) -> list[Posted]:
    """What the chat was sent, once it is so much; without waiting for the worker's own turn."""

    async def is_told() -> bool:
        await house.gateway.alerter.step()
        return len(chat.at(HOOK)) >= count

    await eventually(is_told)
    return chat.at(HOOK)


async def the_alert(house: House) -> Alert:
    """The only one that there is."""
    found: list[Alert] = []

    async def is_there() -> bool:
        found[:] = await house.gateway.journal.alerts.newest(10)
        return bool(found)

    await eventually(is_there)
    (alert,) = found
    return alert


async def gone(house: House) -> None:
    """The app's endpoint says 410 to a payment's news."""
    house.merchant.replies[WAKALA] = (410, {})
    await house.push("G-1")


async def test_an_endpoint_that_was_disabled_is_told_of_in_a_sentence_with_the_command(
    house: House, chat: Merchant
) -> None:
    await gone(house)
    (post,) = await told(house, chat)
    body = json.loads(post.body)
    assert body["type"] == "endpoint.disabled"
    assert body["text"] == (
        "The endpoint of shop is disabled. It answered 410 Gone. Its notifications are kept and wait; once it is well: "
        "`wakala endpoint resume shop`."
    )
    assert (body["data"]["App"], body["data"]["Detail"]) == ("shop", "It answered 410 Gone.")


async def test_the_receiver_can_tell_that_it_is_us_and_nobody_else(house: House, chat: Merchant) -> None:
    await gone(house)
    (post,) = await told(house, chat)
    text = public_text(signing_key(master_key(house.gateway.settings)))
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(PUBLIC_PREFIX)))
    headers = {name.lower(): value for name, value in post.headers.items()}
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + post.body
    key.verify(base64.b64decode(signature), signed)  # raises where it is not
    assert headers["webhook-id"] == (await the_alert(house)).id


async def test_it_is_told_once(house: House, chat: Merchant) -> None:
    await gone(house)
    await told(house, chat)

    async def is_settled() -> bool:
        return (await the_alert(house)).told_us is not None

    await eventually(is_settled)
    assert not await house.gateway.alerter.step()
    assert len(chat.at(HOOK)) == 1


async def test_who_does_not_take_it_is_told_again_with_the_same_id(house: House, chat: Merchant, clock: Clock) -> None:
    chat.replies[HOOK] = (503, {})
    await gone(house)
    await told(house, chat)

    async def is_counted() -> bool:
        return (await the_alert(house)).attempts == 1

    await eventually(is_counted)
    alert = await the_alert(house)
    assert (alert.told_us, alert.last_error) == (None, "it answered 503")
    assert not await house.gateway.alerter.step(), "it rests first"
    assert len(chat.at(HOOK)) == 1
    chat.replies.clear()
    clock.advance(6)
    first, second = await told(house, chat, 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]


async def test_what_nobody_took_for_three_days_stays_in_the_list_and_is_told_no_more(
    house: House, chat: Merchant, clock: Clock
) -> None:
    chat.replies[HOOK] = (503, {})
    await gone(house)
    await told(house, chat)
    clock.advance(GIVE_UP_S + 1)
    chat.replies.clear()

    async def is_given_up() -> bool:
        await house.gateway.alerter.step()
        return (await the_alert(house)).due_us is None

    await eventually(is_given_up)
    alert = await the_alert(house)
    assert (alert.told_us, alert.last_error) == (None, "older than three days when its turn came")
    assert len(chat.at(HOOK)) == 1


async def test_an_endpoint_that_fails_for_an_hour_is_told_of(house: House, chat: Merchant, clock: Clock) -> None:
    standing, endpoint = house.gateway.standing, house.gateway.directory.endpoint(house.app.app.id, "")
    assert endpoint is not None
    refused = Attempted(500, None)
    await standing.note(endpoint.lane, endpoint, refused, 1_000, is_endpoints_own=True)
    clock.advance(HOUR_S + 1)
    await standing.note(endpoint.lane, endpoint, refused, 1_000, is_endpoints_own=True)
    await standing.step()
    (post,) = await told(house, chat)
    assert json.loads(post.body)["text"] == (
        "The endpoint of shop fails. Nothing but failures for 1 h; the last one: status 500. "
        "See what it meets: `wakala endpoint test shop`."
    )


async def contradict(house: House, request_id: str) -> dict[str, Any]:
    """M-Pesa says of a push by callback that it was another amount."""
    await house.autopilot("off")
    await house.push(request_id)
    await house.request_in(request_id, "pending")
    prompt = next(iter(house.box.machine.world.payments.values()))
    body = {
        "Body": {
            "stkCallback": {
                "MerchantRequestID": prompt.merchant_request_id,
                "CheckoutRequestID": "ws_CO_of_another_prompt",
                "ResultCode": 1032,
                "ResultDesc": "Request cancelled by user",
            }
        }
    }
    path = prompt.callback_url.removeprefix(house.url)
    assert (await house.client.post(path, json=body)).status_code == 200
    return await house.request(request_id)


async def test_a_payment_of_which_m_pesa_contradicts_itself_is_told_of_without_whose_it_is(
    house: House, chat: Merchant
) -> None:
    view = await contradict(house, "ORDER-1")
    assert view["Flags"] == ["evidence_conflict"]
    (post,) = await told(house, chat)
    body = json.loads(post.body)
    assert (body["type"], body["data"]["RequestID"]) == ("payment.flagged", "ORDER-1")
    assert body["text"] == (
        "Payment ORDER-1 (KES 150.00, pending, shop, sandbox) needs a look. M-Pesa's own sources disagree about this "
        "payment; the recorded outcome was not changed. See `wakala trace ORDER-1`."
    )
    assert CUSTOMER[-9:].encode() not in post.body
