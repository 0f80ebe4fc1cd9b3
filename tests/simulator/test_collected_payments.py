"""The world finds what a shortcode collected in a span of time: the payments that Pull will show."""

from datetime import timedelta

import pytest

from simulator.box import Box
from simulator.business import BILLER, COLLECTOR, QUICK, collected
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    return QUICK


async def test_paid_payments_of_one_shortcode_in_their_time_oldest_first(box: Box) -> None:
    world = box.machine.world
    receipts = []
    for minutes in range(5):
        receipts.append(await collected(box, amount=10 + minutes))
        await collected(box, number=BILLER)
        await box.advance(60)
    await box.control("phones", {"msisdn": "254712345678", "balance_cents": 0})
    await collected(box)
    shortcode, now = world.shortcodes[COLLECTOR], box.machine.clock.now()
    everything = world.collected(shortcode, now - timedelta(hours=1), now)
    assert [payment.receipt for payment in everything] == receipts
    some = world.collected(shortcode, everything[1].settled_at or now, everything[3].settled_at or now)
    assert [payment.receipt for payment in some] == receipts[1:4]
    assert world.collected(shortcode, now + timedelta(hours=1), now + timedelta(hours=2)) == []


async def test_prompted_payments_are_among_them(box: Box) -> None:
    await box.control("autopilot", {"mode": "pay"})
    await box.push()
    await box.merchant.received("/stk")
    world, now = box.machine.world, box.machine.clock.now()
    [payment] = world.collected(world.shortcodes["174379"], now - timedelta(minutes=1), now)
    assert payment.origin == "stk"


async def test_a_prompt_that_was_paid_long_after_it_was_sent_is_not_missed(box: Box) -> None:
    await box.push()
    await box.advance(50)
    await box.control("phones/254712345678/approve")
    await box.merchant.received("/stk")
    world, now = box.machine.world, box.machine.clock.now()
    assert len(world.collected(world.shortcodes["174379"], now - timedelta(seconds=5), now)) == 1
