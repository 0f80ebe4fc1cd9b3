"""M-Pesa's answers at will."""

from collections.abc import AsyncIterator

import pytest

from upstream.soap_speaking import Far, broker_by, far_away
from upstream.speaking import Clock, Mpesa, daraja_by, speaking
from wakala.upstream.broker import Broker
from wakala.upstream.daraja import Daraja


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def mpesa() -> AsyncIterator[Mpesa]:
    async with speaking() as mpesa:
        yield mpesa


@pytest.fixture
async def daraja(clock: Clock) -> AsyncIterator[Daraja]:
    async with daraja_by(clock) as daraja:
        yield daraja


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    async with far_away() as far:
        yield far


@pytest.fixture
async def broker(clock: Clock) -> AsyncIterator[Broker]:
    async with broker_by(clock) as broker:
        yield broker
