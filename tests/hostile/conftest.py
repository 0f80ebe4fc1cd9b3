"""One gateway for a whole module, in a thread of its own, so that tests may call it without an event loop."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.gateway import STORE, TILL, House, running_gateway
from wakala.rules.accounts import Environment, Product


@asynccontextmanager
async def whole_house(folder: Path) -> AsyncIterator[House]:
    """Everything granted and bound, so that a valid request goes all the way to M-Pesa."""
    async with running_gateway(folder) as house:
        live = await house.add_shortcode(number="600984", environment=Environment.LIVE)
        await house.add_shortcode(number=STORE, till=TILL)
        for shortcode in await house.gateway.journal.shortcodes():
            await house.grant(shortcode, *Product)
        await house.gateway.journal.bind_app(house.app.app.organisation_id, house.app.app.id, live.id)
        await house.settle_directory()
        house.gateway.bell.close()  # nobody is kept waiting for a notification here
        yield house


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A gateway that stands while the module's tests throw things at it."""
    ready: Future[House] = Future()
    done = threading.Event()

    async def stand() -> None:
        try:
            async with whole_house(tmp_path_factory.mktemp("standing")) as house:
                ready.set_result(house)
                await asyncio.to_thread(done.wait)
        except BaseException as error:
            if not ready.done():
                ready.set_exception(error)
            raise

    thread = threading.Thread(target=lambda: asyncio.run(stand()))
    thread.start()
    try:
        yield ready.result(timeout=60)
    finally:
        done.set()
        thread.join(timeout=60)
