"""The database did not answer when it was to be written that a payment leaves: so it did not, whatever is written.

It is neither asked about for half an hour nor left to the end of a lease: it leaves once the database answers.
"""

import os
from pathlib import Path

import pytest

from deliveries.conftest import Clock
from services.gateway import House, eventually, running_gateway
from services.silence import DONE, LATE, NEVER, WHENEVER, silence
from wakala.identity import Source
from wakala.upstream.facts import RETRY_AFTER_S

LONG = {"send_lease_s": 3_600.0}
PHONE = "254712000001"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


async def is_sent_once(house: House, request_id: str) -> None:
    view = await house.request_in(request_id, "pending", "unknown")
    assert view["State"] == "pending"
    again = await house.push(request_id, SenderMSISDN=PHONE)
    assert again.status_code == 202
    prompts = [prompt for prompt in house.box.machine.world.payments.values() if prompt.phone.msisdn == PHONE]
    assert len(prompts) == 1


@pytest.mark.parametrize("when", WHENEVER)
async def test_a_payment_whose_opening_was_not_answered_for_leaves_once(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=url, finisher=LONG) as house:
        assert (await house.push("FIRST")).status_code == 202  # from here on there is a token
        silent = silence(house.gateway.database, monkeypatch, "payment_open", when)
        assert (await house.push("ORDER-1", SenderMSISDN=PHONE)).status_code == 503
        await house.gateway.payments.resolve_doubts()
        await silent.end()
        if when == NEVER:
            assert (await house.push("ORDER-1", SenderMSISDN=PHONE)).status_code == 202
        await is_sent_once(house, "ORDER-1")


@pytest.mark.parametrize("when", WHENEVER)
async def test_a_payment_whose_sending_was_not_answered_for_leaves_once(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=url, finisher=LONG) as house:
        silent = silence(house.gateway.database, monkeypatch, "payment_advance", when)
        assert (await house.push("ORDER-1", SenderMSISDN=PHONE)).status_code == 503
        await silent.end()
        await is_sent_once(house, "ORDER-1")


@pytest.mark.parametrize("when", [DONE, LATE])
async def test_a_held_payment_whose_claim_was_not_answered_for_leaves_once(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    source = Source(clock.now_us, os.urandom)
    async with running_gateway(tmp_path, source=source, database_url=url, finisher=LONG) as house:
        await house.box.fault("token", "error_503", times=1)
        silent = silence(house.gateway.database, monkeypatch, "payment_claim", when)
        assert (await house.push("ORDER-1", SenderMSISDN=PHONE)).status_code == 202
        clock.advance(RETRY_AFTER_S)
        await eventually(lambda: silent.is_over)
        await silent.end()
        await is_sent_once(house, "ORDER-1")


async def test_a_payment_that_is_found_long_after_is_not_taken_for_sent_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    source, seldom = Source(clock.now_us, os.urandom), {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=source, finisher=seldom) as house:
        assert (await house.push("FIRST")).status_code == 202
        silent = silence(house.gateway.database, monkeypatch, "payment_open", LATE)
        assert (await house.push("ORDER-1", SenderMSISDN=PHONE)).status_code == 503
        await house.gateway.payments.resolve_doubts()
        clock.advance(90)  # the lease is over, and the shopper still waits
        await silent.end()
        await house.gateway.finisher.step()
        await house.request_in("ORDER-1", "held")
        await house.gateway.finisher.step()
        await is_sent_once(house, "ORDER-1")
