"""Which part of M-Pesa's list of payments is asked for, and when: nothing of the last two days is passed over."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from deliveries.conftest import Clock
from journal.making import exchange
from recovery.test_what_always_fails_holds_up_nothing_behind_it import refuse
from services.gateway import CUSTOMER, PAYBILL, House, running_gateway
from wakala.errors import DatabaseAwayError
from wakala.identity import Source
from wakala.journal.rows import Confirmation
from wakala.pulling import Patience, Pulling
from wakala.rules.accounts import Product, Shortcode
from wakala.rules.matching import Confirmation as Notice
from wakala.rules.payment import collecting_scope
from wakala.rules.receipt import us_to_nairobi_text
from wakala.wire.daraja_results import PulledPayment

SECOND_US = 1_000_000
INTERVAL_S, LOOK_BACK_S, OVERLAP_S, SETTLE_S = 600, 172_800, 3_600, 120
PATIENCE = Patience(*(each * SECOND_US for each in (INTERVAL_S, LOOK_BACK_S, OVERLAP_S, SETTLE_S)))
DAY_S = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    """The gateway's own reader keeps still: the shortcode is granted the list, and it never looks."""
    source, never = Source(clock.now_us, os.urandom), {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=source, pull=never) as house:
        yield house


def reading(house: House) -> Pulling:
    gateway = house.gateway
    return Pulling(gateway.journal, gateway.directory, gateway.daraja, gateway.confirmations, gateway.source, PATIENCE)


async def granted(house: House) -> Shortcode:
    [shortcode] = await house.gateway.journal.shortcodes()
    await house.admin.add_product(shortcode, Product.PULL)
    await house.settle_directory()
    [shortcode] = await house.gateway.journal.shortcodes()
    return shortcode


async def asked(house: House) -> list[dict[str, Any]]:
    """What M-Pesa was asked for, the oldest first."""
    reader = house.gateway.database._reader  # type: ignore[attr-defined]
    rows = reader.execute("SELECT request_body FROM exchanges WHERE name = 'pull' ORDER BY id").fetchall()
    return [json.loads(body) for (body,) in rows]


async def test_a_list_of_several_pages_is_entered_whole_and_once(house: House, clock: Clock) -> None:
    shortcode = await granted(house)
    order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 70, "account": "INV-7"}
    receipts = {(await house.box.control("c2b/pay", order))["receipt"] for _ in range(101)}
    clock.advance(SETTLE_S + 1)
    assert await reading(house).pull(shortcode) == 101
    assert [page["OffSetValue"] for page in await asked(house)] == ["0", "100", "101"]
    reader = house.gateway.database._reader  # type: ignore[attr-defined]
    entered = reader.execute("SELECT receipt, evidence, state FROM payments").fetchall()
    assert set(entered) == {(receipt, "pull", "succeeded") for receipt in receipts}
    rows = [json.loads(body) for (body,) in reader.execute("SELECT answer_body FROM exchanges WHERE name = 'pull_row'")]
    assert sorted(row["receipt"] for row in rows) == sorted(receipts), "each is kept with its own row of the page"
    clock.advance(INTERVAL_S)
    assert await reading(house).pull(shortcode) == 0, "all of it is known"
    assert await house.count("payments") == 101


async def test_each_reading_begins_before_the_end_of_the_last_and_none_before_what_m_pesa_keeps(
    house: House, clock: Clock
) -> None:
    shortcode = await granted(house)
    first_us = clock.now_us()
    await reading(house).pull(shortcode)
    clock.advance(INTERVAL_S)
    await reading(house).pull(shortcode)
    clock.advance(5 * DAY_S)
    late_us = clock.now_us()
    await reading(house).pull(shortcode)
    [begun, went_on, late] = await asked(house)
    assert near(begun["StartDate"], first_us - LOOK_BACK_S * SECOND_US)
    assert near(begun["EndDate"], first_us - SETTLE_S * SECOND_US)
    assert near(went_on["StartDate"], first_us - (SETTLE_S + OVERLAP_S) * SECOND_US)
    assert near(went_on["EndDate"], first_us + (INTERVAL_S - SETTLE_S) * SECOND_US)
    assert near(late["StartDate"], late_us - LOOK_BACK_S * SECOND_US)


def near(told: str, moment_us: int) -> bool:
    """Within the minute that a slow machine may take."""
    return us_to_nairobi_text(moment_us) <= told <= us_to_nairobi_text(moment_us + 60 * SECOND_US)


async def test_it_is_read_again_when_its_time_has_come_by_whichever_process(house: House, clock: Clock) -> None:
    shortcode = await granted(house)
    assert await reading(house).is_due(shortcode)
    await reading(house).pull(shortcode)
    clock.advance(INTERVAL_S - 60)
    assert not await reading(house).is_due(shortcode)
    assert await reading(house).pull(shortcode) == 0
    assert len(await asked(house)) == 1, "it is too soon"
    clock.advance(60)
    assert await reading(house).is_due(shortcode)
    await reading(house).pull(shortcode)
    assert len(await asked(house)) == 2


async def test_a_clock_that_is_set_back_a_little_has_nothing_read_again(house: House, clock: Clock) -> None:
    shortcode = await granted(house)
    await reading(house).pull(shortcode)
    clock.advance(60 - INTERVAL_S)
    assert not await reading(house).is_due(shortcode)
    assert await reading(house).pull(shortcode) == 0
    assert len(await asked(house)) == 1


async def test_a_list_that_could_not_be_read_is_due_as_before(house: House) -> None:
    shortcode = await granted(house)
    await house.box.fault("pull_query", "internal_error")
    assert await reading(house).pull(shortcode) == 0
    assert await house.gateway.journal.pulled_until(shortcode.id) is None
    assert await reading(house).is_due(shortcode)


@pytest.mark.parametrize(
    ("kind", "is_entered"), [("c2b-pay-bill-debit", True), ("C2B-Buy-Goods", True), ("", True), ("b2c-payment", False)]
)
async def test_only_what_customers_paid_is_entered(house: House, kind: str, *, is_entered: bool) -> None:
    shortcode = await granted(house)
    row = PulledPayment("UCE1Q0Z8MN", None, "254700000142", "MPESA", "INV-7", 70_00, kind)
    page = exchange(name="pull", answer_body=b"[]")
    assert await reading(house)._enter(row, shortcode, page) is is_entered
    assert await house.count("payments") == int(is_entered)
    assert not await reading(house)._enter(row, shortcode, page), "it is known by now, or never will be"
    assert await house.count("payments") == int(is_entered)


async def names(house: House) -> list[str]:
    reader = house.gateway.database._reader  # type: ignore[attr-defined]
    return [name for (name,) in reader.execute("SELECT name FROM exchanges ORDER BY id")]


async def test_what_a_callback_or_a_confirmation_told_already_is_passed_over(house: House, clock: Clock) -> None:
    shortcode = await granted(house)
    await house.autopilot("pay")
    await house.push("R-1")
    await house.request_in("R-1", "succeeded")
    order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 70, "account": "INV-7"}
    receipt = (await house.box.control("c2b/pay", order))["receipt"]
    now_us = clock.now_us()
    place = (shortcode.organisation_id, shortcode.environment, receipt, "", shortcode.id)
    waiting = Confirmation(*place, None, "{}", now_us, now_us + DAY_S * SECOND_US)
    assert await house.gateway.journal.record_confirmation(waiting, exchange())
    clock.advance(SETTLE_S + 1)
    assert await reading(house).pull(shortcode) == 0
    assert await house.count("payments") == 1
    assert "pull_row" not in await names(house)


async def test_a_row_that_meets_a_bug_of_ours_is_kept_in_quarantine_and_keeps_no_other_from_its_turn(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No known row does this, so the bug is planted."""
    shortcode = await granted(house)
    order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 70}
    bad, good = [(await house.box.control("c2b/pay", order | {"account": one}))["receipt"] for one in ("BUG", "INV-7")]
    clock.advance(SETTLE_S + 1)
    receive = house.gateway.confirmations.receive

    async def stumble(notice: Notice, *rest: Any) -> None:
        if notice.receipt == bad:
            raise RuntimeError("a bug")
        await receive(notice, *rest)

    monkeypatch.setattr(house.gateway.confirmations, "receive", stumble)
    assert await reading(house).pull(shortcode) == 1
    paid = await house.gateway.journal.payment_by_receipt(collecting_scope(shortcode), good)
    assert paid is not None
    [kept] = await house.gateway.journal.quarantined()
    assert json.loads(kept.answer_body or b"")["receipt"] == bad


async def test_a_row_that_the_database_refuses_is_kept_in_quarantine_and_holds_up_no_other(
    house: House, clock: Clock
) -> None:
    shortcode = await granted(house)
    order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 70}
    bad, good = [(await house.box.control("c2b/pay", order | {"account": one}))["receipt"] for one in ("BAD", "INV-7")]
    refuse(house, "INSERT ON payments", f"new.receipt = '{bad}'")
    clock.advance(SETTLE_S + 1)
    assert await reading(house).pull(shortcode) == 1
    assert await house.gateway.journal.payment_by_receipt(collecting_scope(shortcode), good) is not None
    [kept] = await house.gateway.journal.quarantined()
    assert json.loads(kept.answer_body or b"")["receipt"] == bad
    assert await house.gateway.journal.pulled_until(shortcode.id) is not None


@asynccontextmanager
async def another_m_pesa(*answers: tuple[int, dict[str, Any]]) -> AsyncIterator[tuple[str, list[Any]]]:
    """Answers each question for a page in turn, the last one for ever, whatever was asked; the offsets, too."""
    left, offsets = list(answers), list[Any]()

    async def token(_: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": "3599"})

    async def page(request: web.Request) -> web.Response:
        offsets.append((await request.json())["OffSetValue"])
        status, body = left.pop(0) if len(left) > 1 else left[0]
        return web.json_response(body, status=status)

    app = web.Application()
    app.router.add_get("/oauth/v1/generate", token)
    app.router.add_post("/pulltransactions/v1/query", page)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", offsets
    finally:
        await runner.cleanup()


def page_of(*receipts: str) -> tuple[int, dict[str, Any]]:
    rows = [{"transactionId": one, "amount": "70", "transactiontype": "c2b-pay-bill-debit"} for one in receipts]
    return 200, {"ResponseCode": "1000", "Response": [rows]}


async def test_a_list_that_says_the_same_whatever_is_asked_comes_to_its_end(tmp_path: Path, clock: Clock) -> None:
    source = Source(clock.now_us, os.urandom)
    async with (
        another_m_pesa(page_of("UCE1Q0Z8MN", "UCE1Q0Z8MP")) as (url, offsets),
        running_gateway(tmp_path, source=source, pull={"poll_s": 3_600.0}, daraja={"sandbox_url": url}) as house,
    ):
        shortcode = await granted(house)
        assert await reading(house).pull(shortcode) == 2
        assert offsets == ["0", "2"]
        assert await house.gateway.journal.pulled_until(shortcode.id) is not None


async def test_a_row_is_shown_as_of_the_answer_in_which_it_came(tmp_path: Path, clock: Clock) -> None:
    """The first token was refused, so that M-Pesa was asked once more."""
    source, refused = (
        Source(clock.now_us, os.urandom),
        {"errorCode": "404.001.03", "errorMessage": "Invalid Access Token"},
    )
    async with (
        another_m_pesa((401, refused), page_of("UCE1Q0Z8MN")) as (url, _),
        running_gateway(tmp_path, source=source, pull={"poll_s": 3_600.0}, daraja={"sandbox_url": url}) as house,
    ):
        shortcode = await granted(house)
        assert await reading(house).pull(shortcode) == 1
        reader = house.gateway.database._reader  # type: ignore[attr-defined]
        [(where, status)] = reader.execute("SELECT url, status FROM exchanges WHERE name = 'pull_row'").fetchall()
        assert (where.removeprefix(url), status) == ("/pulltransactions/v1/query", 200)
        assert sorted(await names(house)).count("pull") == 3, "all that was said is kept"


async def test_a_list_during_which_the_database_went_away_is_read_again_from_where_it_was(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shortcode = await granted(house)
    order = {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 70, "account": "INV-7"}
    await house.box.control("c2b/pay", order)
    clock.advance(SETTLE_S + 1)

    async def away(*_: Any) -> None:
        raise DatabaseAwayError

    with monkeypatch.context() as planted:
        planted.setattr(house.gateway.confirmations, "receive", away)
        with pytest.raises(DatabaseAwayError):
            await reading(house).pull(shortcode)
    assert await house.gateway.journal.pulled_until(shortcode.id) is None
    assert await house.gateway.journal.quarantined() == []
    assert await reading(house).pull(shortcode) == 1
