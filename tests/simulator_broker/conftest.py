"""A simulator with its Broker's door open, and a caller with certificates."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from simulator.box import Box, running_box, running_merchant
from simulator_broker.caller import client, context
from wakala.simulator.broker.door import Broker
from wakala.simulator.broker.listener import Door, listening
from wakala.simulator.machine import Start


@dataclass
class BrokerBox:
    """The Broker from outside, with a hand on the simulator behind it."""

    url: str
    broker: Broker
    client: httpx2.AsyncClient
    box: Box
    certificates: Path


@asynccontextmanager
async def open_door(folder: Path, server: str = "server") -> AsyncIterator[BrokerBox]:
    rules: dict[str, float | bool] = {
        "result_after_min_seconds": 0.01,
        "result_after_max_seconds": 0.02,
        "hang_seconds": 0.2,
    }
    start = Start(seed=7, rules=rules)
    async with running_merchant() as merchant, running_box(merchant, start) as box:
        door = Door(0, folder, server=server)
        async with listening(box.machine, door) as heard, client(context(folder)) as http:
            yield BrokerBox(heard.url, heard.broker, http, box, folder)


@pytest.fixture
async def soap(tmp_path: Path) -> AsyncIterator[BrokerBox]:
    async with open_door(tmp_path / "certificates") as found:
        yield found
