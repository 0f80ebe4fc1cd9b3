"""M-Pesa's answers at will."""

from collections.abc import AsyncIterator

import pytest

from upstream.speaking import Clock, Mpesa, daraja_by, speaking
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
