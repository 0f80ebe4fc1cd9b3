"""Rows that fail each time, by a bug of ours or as the database refuses them, come back later or are passed over."""

import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from journal.making import exchange
from services.gateway import House, running_gateway
from wakala.errors import DatabaseFaultError
from wakala.identity import Source
from wakala.journal.journal import Confirmation
from wakala.journal.retention import FIRST_ID
from wakala.rules.accounts import Shortcode
from wakala.rules.delivery import Attempted
from wakala.workers.finisher import CONFIRMATIONS_LIMIT, FAILED_REST_MIN_S
from wakala.workers.pruner import Ages, Pruner

NEVER = {"poll_s": 3_600.0}
GOOD = "UCE1Q0Z8MN"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    """The finisher steps when the test wants it to."""
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom), finisher=NEVER) as house:
        yield house


def refuse(house: House, what: str, when: str) -> None:
    """From now on the database refuses one row, whoever asks."""
    [(_, _, path)] = house.gateway.database._reader.execute("PRAGMA database_list").fetchall()  # type: ignore[attr-defined]
    visitor = apsw.Connection(path)
    name = what.replace(" ", "_")
    visitor.execute(f"CREATE TRIGGER {name} BEFORE {what} WHEN {when} BEGIN SELECT RAISE(ABORT, 'refused'); END")
    visitor.close()


async def waits(house: House, receipt: str, notice: dict[str, object], due_us: int) -> None:
    [shortcode] = await house.gateway.journal.shortcodes()
    place = (shortcode.organisation_id, shortcode.environment, receipt, "", shortcode.id)
    entry = Confirmation(*place, None, json.dumps(notice), due_us, due_us)
    assert await house.gateway.journal.record_confirmation(entry, exchange())


async def good_one_waits(house: House, due_us: int) -> None:
    [shortcode] = await house.gateway.journal.shortcodes()
    await waits(house, GOOD, notice_of(shortcode, due_us), due_us)


def notice_of(shortcode: Shortcode, received_us: int) -> dict[str, object]:
    return {
        "receipt": GOOD,
        "shortcode": shortcode.number,
        "reference": "INV-7",
        "amount_cents": 70_00,
        "msisdn": "254712345678",
        "paid_us": received_us,
        "received_us": received_us,
        "payer_name": None,
    }


async def is_collected(house: House) -> bool:
    [shortcode] = await house.gateway.journal.shortcodes()
    found = await house.gateway.journal.confirmation(shortcode.organisation_id, shortcode.environment, GOOD)
    return found is not None and found.payment_id is not None


async def test_a_hundred_confirmations_that_fail_come_back_later_and_those_behind_them_are_collected(
    house: House, clock: Clock
) -> None:
    finisher, journal, then_us = house.gateway.finisher, house.gateway.journal, clock.now_us()
    bad = {f"BAD{number}" for number in range(CONFIRMATIONS_LIMIT)}
    for receipt in bad:
        await waits(house, receipt, {}, then_us)  # a notice that nobody can read
    await good_one_waits(house, then_us + 1)
    clock.advance(1)
    await finisher.step()
    await finisher.step()
    assert await is_collected(house)
    assert await journal.confirmations_due(clock.now_us(), 1) == []
    clock.advance(FAILED_REST_MIN_S + 1)
    due = await journal.confirmations_due(clock.now_us(), CONFIRMATIONS_LIMIT)
    assert {one.receipt for one in due} == bad, "none is given up"
    await finisher.step()
    clock.advance(FAILED_REST_MIN_S)
    assert await journal.confirmations_due(clock.now_us(), 1) == [], "the longer it has waited, the longer it rests"


async def test_a_payment_in_doubt_that_fails_each_time_ends_no_turn_of_the_finisher(house: House, clock: Clock) -> None:
    gateway = house.gateway
    await house.push("ORDER-1")
    [organisation] = await gateway.journal.organisations()
    payment = await gateway.journal.payment_by_request(organisation, "sandbox", "ORDER-1")
    assert payment is not None
    lease_us = clock.now_us() + 60_000_000
    assert await gateway.journal.claim_payment(payment, lease_us)
    gateway.payments._owned[payment.id] = replace(payment, next_check_us=lease_us)
    refuse(house, "UPDATE ON payments", f"old.id = '{payment.id}'")
    await good_one_waits(house, clock.now_us())
    clock.advance(1)
    await gateway.finisher.step()
    assert await is_collected(house)


async def test_an_endpoint_whose_account_cannot_be_written_keeps_no_other_from_it(house: House) -> None:
    gateway = house.gateway
    other = await house.add_app("demo", "second", callback_url=f"{house.merchant.url}/second")
    lanes = sorted(gateway.directory.endpoints, key=lambda one: one.lane)
    assert len(lanes) == 2
    assert other.app.id in {one.app_id for one in lanes}
    refuse(house, "INSERT ON endpoint_health", f"new.lane = '{lanes[0].lane}'")
    for one in lanes:
        await gateway.standing.note(one.lane, one, Attempted(200, None), 1_000, is_endpoints_own=True)
    with pytest.raises(DatabaseFaultError):
        await gateway.standing.step()
    reader = gateway.database._reader  # type: ignore[attr-defined]
    assert reader.execute("SELECT lane FROM endpoint_health").fetchall() == [(lanes[1].lane,)]


async def test_what_cannot_be_forgotten_keeps_nothing_else_from_going(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wakala.workers.pruner.STEP_ROWS", 1)
    journal = house.gateway.journal
    kept, gone = [replace(exchange(), id=house.gateway.source.new_id("xch")) for _ in range(2)]
    for one in (kept, gone):
        await journal.record_exchange(one)
    refuse(house, "DELETE ON exchanges", f"old.id = '{kept.id}'")
    clock.advance(10 * 86_400)
    pruner = Pruner(journal, house.gateway.source, Ages(1, 0, 0), None)
    await journal.retention.keep_retention_time(clock.now_us())
    await pruner.run(dry_run=False)
    left = {one for one, _ in await journal.retention.exchanges(FIRST_ID, "zzz", 10)}
    assert kept.id in left
    assert gone.id not in left
