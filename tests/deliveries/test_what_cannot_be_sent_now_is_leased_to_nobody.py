"""What is staged is leased to the process that stages it only where it can send it soon; else whoever can finds it."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_a_notification_is_tried_until_it_is_taken import hanging
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import WAKALA, desk_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import note_of
from journal.making import opening, payment
from services.gateway import PAYBILL, House, eventually, running_gateway
from services.silence import NEVER, silence
from wakala.rules.accounts import Environment
from wakala.rules.decisions import Change, decide
from wakala.rules.delivery import Attempted, DeliveryState, Notification
from wakala.rules.endpoints import BREAKER_FAILURES, BREAKER_REST_MAX_US
from wakala.rules.facts import Settled
from wakala.rules.payment import Evidence, Payment, Scope

REST_S = BREAKER_REST_MAX_US / 1_000_000


async def paused(house: House, _: Clock) -> None:
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.settle_directory()


async def resting(house: House, clock: Clock) -> None:
    """Its breaker is open, for half a minute more."""
    endpoint = await desk_of(house).endpoint(house.app.app)
    for number in range(BREAKER_FAILURES):
        if number == 1:
            clock.advance(REST_S)
        await house.gateway.standing.note(endpoint.lane, endpoint, Attempted(503, None), 1, is_endpoints_own=True)


async def stopping(house: House, _: Clock) -> None:
    await house.gateway.courier.stop()


@pytest.mark.parametrize("befalls", [paused, resting, stopping])
async def test_what_is_staged_while_its_lane_is_not_served_here(house: House, clock: Clock, befalls: Any) -> None:
    await befalls(house, clock)
    await house.push("LATER")
    note = await note_of(house, "LATER")
    assert (note.state, note.lease_us) == (DeliveryState.WAITING, 0)
    assert house.gateway.courier._lanes == {}


async def test_what_can_be_sent_now_waits_for_no_look_into_the_journal(house: House) -> None:
    (loop,) = [loop for loop in house.gateway._loops if loop.name == "courier"]
    await loop.stop()
    await house.push("AT-ONCE")
    await house.merchant.received(WAKALA, 1)


async def staged(house: House, request_id: str) -> tuple[Payment, Change, Notification]:
    """What a payment owes that was paid a moment ago; it is not written yet."""
    gateway, app = house.gateway, house.app.app
    shortcode = await house.admin.shortcode(PAYBILL, Environment.SANDBOX)
    now_us, scope = gateway.source.now_us(), Scope(app.organisation_id, app.id, shortcode.id, "sandbox")
    asked = payment(request_id, id=gateway.source.new_id("pay"), scope=scope, created_us=now_us)
    received, sending = opening(asked)
    sent = replace(sending.payment, next_check_us=None)
    assert await gateway.journal.open_payment([received, replace(sending, payment=sent)], None)
    outcome = Settled(Evidence.STK_CALLBACK, True, "0", "ok", receipt=f"T{request_id}")
    change = decide(sent, outcome, now_us, gateway.settings.schedule)
    return sent, change, gateway.outbox.stage(change, now_us)


@pytest.mark.parametrize("befalls", [paused, resting])
async def test_what_was_leased_when_its_lane_was_served_is_not_sent_once_it_is_not(
    house: House, clock: Clock, befalls: Any
) -> None:
    gateway, owed = house.gateway, [await staged(house, f"R{number}") for number in range(3)]
    assert all(notification.lease_us for *_, notification in owed)
    await befalls(house, clock)
    for before, change, notification in owed:
        assert await gateway.journal.record_change(before, change, notification=notification)
        gateway.outbox.offer([notification])
    await gateway.courier.step()
    other = await house.add_app("demo", "other", callback_url=f"{house.merchant.url}/other")
    await house.push("OTHER", app=other)
    await house.merchant.received("/other", 1)
    assert house.merchant.at(WAKALA) == []


async def test_what_memory_has_no_room_for_is_given_back_though_the_database_did_not_answer_at_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakala.workers.courier.OFFERED_LIMIT", 0)
    async with running_gateway(tmp_path, deliveries={"lease_s": 3_600.0}) as house:
        await house.autopilot("pay")
        silent = silence(house.gateway.database, monkeypatch, "notification_hand_back", NEVER)
        await house.push("CROWDED")
        await house.merchant.received(WAKALA, 1)
        assert silent.is_over


async def test_what_memory_has_no_room_for_is_not_sent_before_it_is_found_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = house.gateway
    (loop,) = [loop for loop in gateway._loops if loop.name == "courier"]
    await loop.stop()
    before, change, owed = await staged(house, "CROWDED")
    assert await gateway.journal.record_change(before, change, notification=owed)
    monkeypatch.setattr("wakala.workers.courier.OFFERED_LIMIT", 0)
    gateway.outbox.offer([owed])
    await eventually(lambda: is_given_back(house, owed))
    await house.attempts_ended()
    assert house.merchant.at(WAKALA) == []
    await gateway.courier.step()
    await house.merchant.received(WAKALA, 1)


async def is_given_back(house: House, owed: Notification) -> bool:
    found = await house.gateway.journal.notification(owed.id)
    return found is not None and found.lease_us == 0


async def test_a_lane_that_has_as_much_as_it_may_have_leaves_the_rest_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakala.workers.courier.QUEUE_LIMIT", 2)
    async with (
        running_gateway(tmp_path, deliveries={"answer_limit_s": 60, "lane_limit": 1}) as house,
        hanging() as (slow_url, stuck),
    ):
        await house.autopilot("pay")
        await house.admin.set_callback_url(house.app.app, slow_url)
        await house.settle_directory()
        leased = []
        for number in range(6):
            await house.push(f"R-{number}", SenderMSISDN=f"25471200000{number}")
            leased.append(bool((await note_of(house, f"R-{number}")).lease_us))
            await eventually(lambda: stuck)
        assert leased == [True, True, True, False, False, False]
