"""A gateway whose shortcode goes by the Broker, over real sockets with mutual TLS."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from acceptance.faces import NUMBER
from services.broker import access
from services.gateway import House, running_gateway
from wakala.rules.accounts import Product, Shortcode
from wakala.simulator.broker.listener import Door, Listening, listening

FINISHER = {"poll_s": 0.02, "schedule_s": [0.3, 0.6, 0.9, 1.2, 1.5, 2], "expire_s": 6.0, "hold_limit_s": 1}


@dataclasses.dataclass
class BrokerHouse:
    """The house, its Broker and where the certificates lie."""

    house: House
    broker: Listening
    certificates: Path
    shortcode: Shortcode

    async def show(self, who: str, **more: str) -> None:
        """Let the gateway show another certificate, or trust another authority."""
        await self.house.admin.use_broker(self.shortcode, access(self.broker.url, self.certificates, who, **more))
        await self.house.settle_directory()


@asynccontextmanager
async def broker_house(folder: Path, server: str = "server") -> AsyncIterator[BrokerHouse]:
    certificates = folder / "certificates"
    async with running_gateway(folder, finisher=FINISHER) as house:
        shortcode = await house.add_shortcode(number=NUMBER)
        await house.grant(shortcode, Product.B2C)
        house.box.machine.world.rules = dataclasses.replace(
            house.box.machine.world.rules, result_after_min_seconds=0.01, result_after_max_seconds=0.05
        )
        async with listening(house.box.machine, Door(0, certificates, server=server)) as broker:
            found = BrokerHouse(house, broker, certificates, shortcode)
            await found.show("client")
            yield found


@pytest.fixture
async def at_broker(tmp_path: Path) -> AsyncIterator[BrokerHouse]:
    async with broker_house(tmp_path) as found:
        yield found
