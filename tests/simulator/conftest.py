"""Every test of the simulator may ask for a running one and for a merchant it calls back."""

from collections.abc import AsyncIterator

import pytest

from simulator.box import Box, Merchant, running_box, running_merchant
from wakala.simulator.machine import Start


@pytest.fixture
def start() -> Start:
    """How the simulator begins; a test that wants another start overrides this."""
    return Start(seed=7)


@pytest.fixture
async def merchant() -> AsyncIterator[Merchant]:
    async with running_merchant() as merchant:
        yield merchant


@pytest.fixture
async def box(merchant: Merchant, start: Start) -> AsyncIterator[Box]:
    async with running_box(merchant, start) as box:
        yield box
