"""The machine's clock leaps forward and back: nothing is sent twice or lost, and all goes on by itself."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from journal.making import exchange
from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, basic, eventually, running_gateway
from wakala.identity import Source, first_id, made_at_us
from wakala.journal.rows import Confirmation
from wakala.rules.accounts import Product, Shortcode
from wakala.workers.timekeeper import Horizon, Timekeeper

pytestmark = pytest.mark.timeout(300)  # a dozen programs are started in turn, on a machine that may be busy

HOUR_US = 3_600_000_000
PHONES = [f"2547{n:08d}" for n in range(5)]


@dataclass
class Clock:
    """The machine's, and how far it is off."""

    off_us: int = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + self.off_us


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


async def five_prompts(house: House) -> None:
    for n, phone in enumerate(PHONES):
        answer = await house.push(f"ORDER-{n}", SenderMSISDN=phone, AccountReference=f"A{n}")
        assert answer.status_code == 202, answer.text


async def organisation(house: House) -> str:
    [only] = await house.gateway.journal.organisations()
    return only


@pytest.mark.parametrize("hours", [2, -2, 48, -48])
async def test_open_payments_end_right_after_a_leap(tmp_path: Path, url: str | None, clock: Clock, hours: int) -> None:
    source = Source(clock.now_us, os.urandom)
    async with running_gateway(tmp_path, source=source, database_url=url) as house:
        await five_prompts(house)
        clock.off_us = hours * HOUR_US
        for phone in PHONES[:3]:
            await house.customer("approve", phone)
        await house.push("LATER", SenderMSISDN=CUSTOMER, AccountReference="LATER")  # intake goes on
        await house.customer("cancel", CUSTOMER)
        assert (await house.request_in("LATER", "failed"))["State"] == "failed"
        clock.off_us = 0  # and it is put right again
        for phone in PHONES[3:]:
            await house.customer("approve", phone)
        for n in range(len(PHONES)):
            assert (await house.request_in(f"ORDER-{n}", "succeeded"))["State"] == "succeeded"
        assert house.prompts() == len(PHONES) + 1


async def test_a_leap_forward_does_not_expire_what_a_customer_can_still_pay(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    source = Source(clock.now_us, os.urandom)
    finisher = {"schedule_s": [0.6, 1.2, 600], "expire_s": 1_800, "poll_s": 0.02}
    async with running_gateway(tmp_path, source=source, database_url=url, finisher=finisher) as house:
        await house.push("ORDER-1")
        payment = await house.gateway.journal.payment_by_request(await organisation(house), "sandbox", "ORDER-1")
        assert payment is not None
        clock.off_us = HOUR_US  # past the end of its schedule

        async def is_asked() -> bool:
            now = await house.gateway.journal.payment(payment.id)
            assert now is not None
            return now.checks >= 1

        await eventually(is_asked)
        now = await house.gateway.journal.payment(payment.id)
        assert now is not None
        assert not now.state.is_final
        assert now.next_check_us is not None
        assert now.next_check_us >= now.updated_us + 300_000  # it is asked again, and not at once
        await house.customer("approve")
        assert (await house.request_in("ORDER-1", "succeeded"))["Evidence"] == "stk_callback"


async def test_what_a_clock_that_was_wrong_put_off_is_due_at_once(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    """The clock was two days ahead, the gateway stopped, the clock was put right."""
    source = Source(clock.now_us, os.urandom)
    clock.off_us = 48 * HOUR_US
    slow = {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=source, database_url=url, finisher=slow) as house:
        await house.push("ORDER-1")
        journal = house.gateway.journal
        payment = await journal.payment_by_request(await organisation(house), "sandbox", "ORDER-1")
        assert payment is not None
        clock.off_us = 0
        assert await journal.payments_due(payment.scope.shortcode_id, clock.now_us(), 10) == []
        await Timekeeper(journal, source, Horizon(HOUR_US, HOUR_US, HOUR_US)).step()
        [due] = await journal.payments_due(payment.scope.shortcode_id, clock.now_us(), 10)
        assert due.id == payment.id


def put_off(shortcode: Shortcode, clock: Clock) -> Confirmation:
    """Money that arrives now and is nobody's yet."""
    place = (shortcode.organisation_id, "sandbox", "UKN7777777", "", shortcode.id)
    return Confirmation(*place, None, "{}", clock.now_us(), clock.now_us() + 180_000_000)


async def test_a_confirmation_that_waits_for_a_clock_that_was_wrong_is_due_at_once(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    """Money that arrived while the clock was two days ahead, and is nobody's yet."""
    source = Source(clock.now_us, os.urandom)
    clock.off_us = 48 * HOUR_US
    slow = {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=source, database_url=url, finisher=slow) as house:
        journal = house.gateway.journal
        (shortcode,) = await journal.shortcodes()
        waiting = put_off(shortcode, clock)
        assert await journal.record_confirmation(waiting, exchange(id=source.new_id("xch")))
        clock.off_us = 0
        await Timekeeper(journal, source, Horizon(HOUR_US, HOUR_US, HOUR_US)).step()
        assert [one.receipt for one in await journal.confirmations_due(clock.now_us(), 10)] == ["UKN7777777"]


async def test_what_was_under_way_when_the_clock_was_put_right_is_looked_at_too(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    """It is written after the leap was seen, by the clock from before it."""
    source = Source(clock.now_us, os.urandom)
    clock.off_us = 48 * HOUR_US
    slow = {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=source, database_url=url, finisher=slow) as house:
        journal = house.gateway.journal
        (shortcode,) = await journal.shortcodes()
        keeper = Timekeeper(journal, source, Horizon(HOUR_US, HOUR_US, HOUR_US))
        await keeper.step()
        under_way = put_off(shortcode, clock)
        clock.off_us = 0
        await keeper.step()
        assert await journal.record_confirmation(under_way, exchange(id=source.new_id("xch")))
        await keeper.step()
        assert [one.receipt for one in await journal.confirmations_due(clock.now_us(), 10)] == ["UKN7777777"]


async def test_a_payment_that_was_sent_by_a_clock_that_was_ahead_comes_to_its_end(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    """Nobody tells what became of it; its schedule does not begin when the clock is there again, years later."""
    source = Source(clock.now_us, os.urandom)
    clock.off_us = 30_000 * HOUR_US
    finisher = {"schedule_s": [0.2, 0.4], "expire_s": 1.0, "poll_s": 0.02}
    async with running_gateway(tmp_path, source=source, database_url=url, finisher=finisher) as house:
        answer = await house.push("ORDER-1")
        assert answer.status_code == 202, answer.text
        for _ in range(2):
            await house.box.fault("stk_query", "internal_error")
        clock.off_us = 0
        await Timekeeper(house.gateway.journal, source, Horizon(HOUR_US, HOUR_US, HOUR_US)).step()
        assert (await house.request_in("ORDER-1", "expired"))["State"] == "expired"


async def test_a_list_that_a_clock_read_which_was_ahead_is_read_again(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    source = Source(clock.now_us, os.urandom)
    pull = {"poll_s": 0.02, "interval_s": 0.1, "settle_s": 0}
    async with running_gateway(tmp_path, source=source, database_url=url, pull=pull) as house:
        journal = house.gateway.journal
        (shortcode,) = await journal.shortcodes()
        await journal.set_collector(shortcode.id, house.app.app.id)
        clock.off_us = 48 * HOUR_US
        await house.admin.add_product(shortcode, Product.PULL)
        await house.settle_directory()

        async def has_read() -> bool:
            return await journal.pulled_until(shortcode.id) is not None

        await eventually(has_read)
        clock.off_us = 0
        order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 70, "account": "INV-7"}
        receipt = (await house.box.control("c2b/pay", order))["receipt"]  # M-Pesa has no URL to tell us by
        assert (await house.request_in(f"c2b:{receipt}", "succeeded"))["Evidence"] == "pull"


@dataclass
class Steady:
    """Goes on whatever becomes of the clock."""

    us: int = 0

    def now_us(self) -> int:
        return self.us


async def _read_all(house: House, after: str) -> tuple[list[str], str]:
    """A reader by cursor who comes until there is nothing: what it was told, and where it stands."""
    told: list[str] = []
    while True:
        page = (await house.get(f"{SANDBOX}/notifications?after={after}&limit=2")).json()
        after = page["After"]
        if not page["Notifications"]:
            return told, after
        told += [note["Body"]["data"]["RequestID"] for note in page["Notifications"]]


async def test_a_reader_by_cursor_misses_nothing_when_the_clock_leaps_back(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    steady = Steady()
    source = Source(clock.now_us, os.urandom, steady_us=steady.now_us)
    async with running_gateway(tmp_path, source=source, database_url=url) as house:
        await house.autopilot("pay")
        await house.push("BEFORE")
        await house.merchant.received("/wakala", 1)
        clock.off_us += 60_000_000
        told, cursor = await _read_all(house, "")
        assert told == ["BEFORE"]
        clock.off_us -= HOUR_US
        await house.push("RELIVED", SenderMSISDN=PHONES[0])
        await house.merchant.received("/wakala", 2)
        assert (await _read_all(house, cursor))[0] == [], "it is too young for the cursor to pass it"
        steady.us += 10_000
        source.remember()
        steady.us += 60_000_000
        told, cursor = await _read_all(house, cursor)
        assert told == ["RELIVED"], "although the clock is not yet where it was"
        clock.off_us += 2 * HOUR_US
        await house.push("AFTER", SenderMSISDN=PHONES[1])
        await house.merchant.received("/wakala", 3)
        clock.off_us += 60_000_000
        source.remember()
        steady.us += 60_000_000
        assert (await _read_all(house, cursor))[0] == ["AFTER"]


async def test_a_cursor_is_not_taken_along_by_a_clock_that_leaps_ahead(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    """What was made a moment before the leap may still be under way, here or at another gateway."""
    steady = Steady(60_000_000)
    source = Source(clock.now_us, os.urandom, steady_us=steady.now_us)
    async with running_gateway(tmp_path, source=source, database_url=url) as house:
        await house.autopilot("pay")
        await house.push("BEFORE")
        await house.merchant.received("/wakala", 1)
        before = await house.gateway.journal.newest_notification_id()
        source.remember()
        clock.off_us += HOUR_US
        for second in range(0, 25, 5):
            cursor = (await house.get(f"{SANDBOX}/notifications")).json()["After"]
            assert cursor < before, f"{second} seconds after the leap"
            steady.us += 5_000_000
            source.remember()
        steady.us += 5_000_000
        cursor = (await house.get(f"{SANDBOX}/notifications")).json()["After"]
        assert cursor > before


@pytest.mark.parametrize("place", ["start", "now"])
async def test_a_reader_misses_nothing_though_the_clock_is_behind_at_the_next_start(
    tmp_path: Path, url: str | None, clock: Clock, place: str
) -> None:
    """As on a machine whose own clock has no battery: IDs go on after the newest, and no cursor is ahead of that."""
    source = Source(clock.now_us, os.urandom)
    async with running_gateway(tmp_path, source=source, database_url=url) as house:
        await house.autopilot("pay")
        await house.push("BEFORE")
        await house.merchant.received("/wakala", 1)
        clock.off_us += HOUR_US
        _, cursor = await _read_all(house, place)
        clock.off_us -= HOUR_US // 2
        source.begin_anew()
        source.go_on_after(await house.gateway.journal.newest_notification_id())
        await house.push("AFTER", SenderMSISDN=PHONES[0])
        await house.merchant.received("/wakala", 2)
        clock.off_us += HOUR_US
        assert (await _read_all(house, cursor))[0] == ["AFTER"]


async def test_ids_go_on_where_the_process_before_left_them(tmp_path: Path, url: str | None, clock: Clock) -> None:
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom), database_url=url) as house:
        await house.autopilot("pay")
        await house.push("BEFORE")
        await house.merchant.received("/wakala", 1)
        newest = await house.gateway.journal.newest_notification_id()
        clock.off_us = -2 * HOUR_US
        restarted = Source(clock.now_us, os.urandom)
        restarted.go_on_after(newest)
        assert newest < restarted.new_id("ntf") < first_id("ntf", made_at_us(newest) + 1_000_000)
        assert restarted.now_us() < made_at_us(newest)


async def test_a_cursor_that_lies_ahead_of_the_clock_is_set_to_the_present(
    tmp_path: Path, url: str | None, clock: Clock
) -> None:
    """The clock was years ahead and was put right: IDs follow it, for nobody waits for years."""
    source = Source(clock.now_us, os.urandom)
    clock.off_us = 30_000 * HOUR_US
    async with running_gateway(tmp_path, source=source, database_url=url) as house:
        ahead = (await house.get(f"{SANDBOX}/notifications?after=now")).json()["After"]
        clock.off_us += 60_000_000
        read = {"Consumer": "ledger", "Cursor": ahead}
        await house.client.post(f"{SANDBOX}/notifications/acknowledge", json=read, headers=basic(house.app))
        clock.off_us = 0
        await Timekeeper(house.gateway.journal, source, Horizon(HOUR_US, HOUR_US, HOUR_US)).step()
        await house.autopilot("pay")
        await house.push("AFTER")
        await house.merchant.received("/wakala", 1)
        clock.off_us = 60_000_000
        page = (await house.get(f"{SANDBOX}/notifications?consumer=ledger")).json()
        assert [note["Body"]["data"]["RequestID"] for note in page["Notifications"]] == ["AFTER"]
