"""A chaos test's load: a thousand payments with faults by chance, every one ending as the simulator says."""

import asyncio
import time

from simulator.box import Box, until

PAYMENTS = 1_000
AT_ONCE = 32


async def test_a_thousand_payments_hold_together(box: Box) -> None:
    await box.control("autopilot", {"outcomes": {"pay": 8, "cancel": 1, "not-enough": 1}})
    await box.fault("stk_callback", "lost", probability=0.3)
    await box.fault("stk_callback", "doubled", probability=0.3)
    await box.token()
    earned_before = sum(shortcode.balance_cents for shortcode in box.machine.world.shortcodes.values())
    numbers = iter(range(PAYMENTS))

    async def payer() -> None:
        for number in numbers:
            await box.pushed(phone=f"254711{number:06d}", Amount=1 + number % 100)

    started = time.monotonic()
    await box.pushed(phone="254710000000")
    await asyncio.gather(*(payer() for _ in range(AT_ONCE)))
    await until(lambda: not box.machine.courier._under_way)
    print(f"{PAYMENTS / (time.monotonic() - started):.0f} payments a second, with client and merchant in one process")
    payments = await box.payments()
    counters = (await box.control("payments?after=999999", method="GET"))["counters"]
    assert counters["all"] == PAYMENTS + 1
    assert counters["pending"] == 0
    assert counters["callbacks_answered"] == len(box.merchant.at("/stk"))
    receipts = [payment["receipt"] for payment in payments if payment["state"] == "paid"]
    assert len(set(receipts)) == len(receipts) > PAYMENTS // 2
    lost = sum(1 for payment in payments if payment["callbacks_answered"] == 0)
    assert 200 < lost < 400
    money = sum(phone.balance_cents for phone in box.machine.world.phones.values())
    earned = sum(shortcode.balance_cents for shortcode in box.machine.world.shortcodes.values())
    assert money + earned == len(box.machine.world.phones) * 100_000_00 + earned_before
