"""A gateway whose clock the test moves, so that days of retries take no time."""

import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.gateway import House, running_gateway
from wakala.identity import Source


@dataclass
class Clock:
    """The machine's clock, some seconds ahead."""

    ahead_s: float = 0

    def now_us(self) -> int:
        return time.time_ns() // 1000 + int(self.ahead_s * 1_000_000)

    def advance(self, seconds: float) -> None:
        self.ahead_s += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom)) as house:
        await house.autopilot("pay")
        yield house
