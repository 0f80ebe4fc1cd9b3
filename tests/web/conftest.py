"""The gateway that the tests of the HTTP face talk to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.gateway import House, running_gateway


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with running_gateway(tmp_path) as house:
        yield house
