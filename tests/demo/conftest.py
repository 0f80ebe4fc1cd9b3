"""A shop and a till, running."""

from collections.abc import AsyncIterator

import pytest_asyncio

from demo.till import KEY, KEY_SECRET, NOW, SECRET, Till
from wakala.demo.shop import Settings, create_app
from web.pages import serving


@pytest_asyncio.fixture(loop_scope="session")
async def till() -> AsyncIterator[Till]:
    """A till whose shop is open at ``till.shop_url``."""
    till = Till()
    async with serving(till.app()) as gateway_url:
        settings = Settings(
            gateway_url, KEY, KEY_SECRET, SECRET, phone_url="http://127.0.0.1:1/", phone_hint="254712345678"
        )
        async with serving(create_app(settings, NOW.timestamp)) as till.shop_url:
            yield till
