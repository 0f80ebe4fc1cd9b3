"""Whoever reads a shortcode's list has it to himself, gives it back, and keeps no other shortcode's from being read."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from deliveries.conftest import Clock
from recovery.test_m_pesas_list_is_read_without_gaps import PATIENCE, SECOND_US, another_m_pesa, page_of
from services.gateway import House, running_gateway
from wakala.errors import DatabaseFaultError
from wakala.identity import Source
from wakala.pulling import Pulling
from wakala.rules.accounts import Product, Shortcode
from wakala.upstream.door import Credentials
from wakala.workers.puller import LEASE_US, Puller


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(tmp_path: Path, clock: Clock, database_url: str) -> AsyncIterator[House]:
    """Two shortcodes have the list. The gateway's own reader keeps still."""
    database = None if database_url.startswith("sqlite") else database_url
    source, never = Source(clock.now_us, os.urandom), {"poll_s": 3_600.0}
    async with (
        another_m_pesa(page_of()) as (url, _),
        running_gateway(
            tmp_path, source=source, database_url=database, pull=never, daraja={"sandbox_url": url}
        ) as house,
    ):
        await house.add_shortcode(number="600001")
        for shortcode in await both(house):
            await house.admin.add_product(shortcode, Product.PULL)
        await house.settle_directory()
        yield house


def puller(house: House) -> Puller:
    gateway = house.gateway
    parts = (gateway.journal, gateway.directory, gateway.daraja, gateway.confirmations, gateway.source, PATIENCE)
    return Puller(gateway.directory, Pulling(*parts), gateway.journal, gateway.source)


async def both(house: House) -> list[Shortcode]:
    return await house.gateway.journal.shortcodes()


async def are_read(house: House) -> list[bool]:
    return [await house.gateway.journal.pulled_until(one.id) is not None for one in await both(house)]


async def test_a_list_that_another_process_reads_is_left_to_it(house: House, clock: Clock) -> None:
    first, _ = await both(house)
    duty, duties = f"pull {first.id}", house.gateway.journal.retention
    lease_us = clock.now_us() + LEASE_US
    assert await duties.claim_duty(duty, lease_us - LEASE_US, LEASE_US)
    await puller(house).step()
    assert await are_read(house) == [False, True]
    await duties.release_duty(duty, lease_us)
    await puller(house).step()
    assert await are_read(house) == [True, True]


async def test_nobody_else_has_a_list_while_it_is_read_and_anybody_afterwards(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    duties, daraja = house.gateway.journal.retention, house.gateway.daraja
    had, pull = list[bool](), daraja.pull

    async def look_on(credentials: Credentials, *asked: Any) -> Any:
        later_us = clock.now_us() + LEASE_US - 60 * SECOND_US
        had.append(await duties.claim_duty(f"pull {credentials.shortcode_id}", later_us, LEASE_US))
        return await pull(credentials, *asked)

    monkeypatch.setattr(daraja, "pull", look_on)
    await puller(house).step()
    assert had == [False, False]
    assert [await duties.claim_duty(f"pull {one.id}", clock.now_us(), LEASE_US) for one in await both(house)] == [
        True,
        True,
    ]


@pytest.mark.parametrize("fault", [DatabaseFaultError(), RuntimeError("a bug")])
async def test_a_list_that_cannot_be_read_keeps_no_other_waiting_and_is_given_back(
    house: House, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    first, _ = await both(house)
    daraja = house.gateway.daraja
    pull = daraja.pull

    async def stumble(credentials: Credentials, *asked: Any) -> Any:
        if credentials.shortcode_id == first.id:
            raise fault
        return await pull(credentials, *asked)

    with monkeypatch.context() as planted:
        planted.setattr(daraja, "pull", stumble)
        await puller(house).step()
    assert await are_read(house) == [False, True]
    await puller(house).step()
    assert await are_read(house) == [True, True], "nobody waits for the end of a lease"
