"""While a gateway is out of order its proxy answers for it: that is a break, and not the end of `wakala listen`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from services.ports import free_port
from services.quick_server import QuickServer
from wakala.errors import CallerError, UnauthenticatedError
from wakala.tunnel.feed import DownError, Feed

PAGE = b'{"Notifications":[],"Cursor":"","After":"ntf_1"}'
HTML = b"<html>Sorry</html>"
PROBLEM = b'{"code":"not_found","detail":"There is nothing here."}'


@asynccontextmanager
async def feed(*answers: tuple[int, bytes]) -> AsyncIterator[Feed]:
    """At a server that gives these answers in turn."""
    left = list(answers)

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        status, body = left.pop(0)
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    config = uvicorn.Config(app, port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
    server = QuickServer(config)
    try:
        async with Feed(await server.begin(), "key", "secret", "listen") as found:
            yield found
    finally:
        await server.end()


@pytest.mark.parametrize("there", [(200, HTML), (200, b"\xff"), (404, HTML), (403, HTML), (408, HTML), (502, PROBLEM)])
async def test_a_proxy_in_its_place_is_a_break(there: tuple[int, bytes]) -> None:
    async with feed((200, PAGE), there, (200, PAGE)) as found:
        await found.page("", 0)
        with pytest.raises(DownError):
            await found.page("", 0)
        assert (await found.page("", 0)).After == "ntf_1"


@pytest.mark.parametrize(
    ("there", "fault"),
    [((404, PROBLEM), CallerError), ((403, PROBLEM), UnauthenticatedError), ((400, PROBLEM), CallerError)],
)
async def test_a_gateway_that_says_no_says_it_for_good(there: tuple[int, bytes], fault: type[Exception]) -> None:
    async with feed((200, PAGE), there) as found:
        await found.page("", 0)
        with pytest.raises(fault, match=r"There is nothing here\."):
            await found.page("", 0)


async def test_an_address_where_no_gateway_ever_was_is_named_at_once() -> None:
    async with feed((404, HTML)) as found:
        with pytest.raises(CallerError, match="is this the address of a Wakala gateway"):
            await found.page("", 0)


async def test_a_host_that_is_no_name_is_told_in_a_sentence() -> None:
    async with Feed(f"https://{64 * 'a'}.example", "key", "secret", "listen") as found:
        with pytest.raises(CallerError, match="no name"):
            await found.page("", 0)


async def test_a_gateway_that_is_not_there_is_told_in_words() -> None:
    port = free_port()
    async with Feed(f"http://127.0.0.1:{port}", "key", "secret", "listen") as found:
        with pytest.raises(DownError, match=f"^no connection to 127.0.0.1:{port}: [^\\[]+$"):
            await found.page("", 0)
