"""Head and body in one write, and nothing lost or late where an answer has no body, or many go over one connection."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import uvicorn

from services.waiting import PATIENCE_S
from wakala import reception
from wakala.one_write import Answering, OneWrite

HEAD, BODY = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", b"hello"


class Wire(asyncio.Transport):
    """What was sent, call by call."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.ended = ""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data) if not self.ended else b"too late")

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"


async def test_a_head_waits_for_its_body() -> None:
    wire = Wire()
    transport = OneWrite(wire)
    for _ in range(2):
        transport.write(HEAD)
        transport.write(BODY)
    await asyncio.sleep(0)
    assert wire.sent == [HEAD + BODY, HEAD + BODY]


async def test_a_head_alone_leaves_in_the_next_turn() -> None:
    wire = Wire()
    OneWrite(wire).write(HEAD)
    assert wire.sent == []
    await asyncio.sleep(0)
    assert wire.sent == [HEAD]


async def test_the_order_stays_whatever_a_body_begins_with() -> None:
    wire = Wire()
    transport = OneWrite(wire)
    for piece in (HEAD, HEAD, HEAD, BODY, BODY):
        transport.write(piece)
    await asyncio.sleep(0)
    assert b"".join(wire.sent) == HEAD * 3 + BODY * 2


@pytest.mark.parametrize(("end", "sent", "ended"), [("close", [HEAD], "closed"), ("abort", [], "aborted")])
async def test_what_is_held_leaves_before_an_end_in_order_and_not_after_one_at_once(
    end: str, sent: list[bytes], ended: str
) -> None:
    wire = Wire()
    transport = OneWrite(wire)
    transport.write(HEAD)
    getattr(transport, end)()
    await asyncio.sleep(0)
    assert (wire.sent, wire.ended) == (sent, ended)


Send = Callable[[dict[str, Any]], Awaitable[None]]


class Hello:
    """Without doors, so that every call goes by ASGI."""

    def door(self, _url: bytes) -> None:
        return None

    async def __call__(
        self, _scope: dict[str, Any], receive: Callable[[], Awaitable[dict[str, Any]]], send: Send
    ) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": BODY})


@pytest.fixture
async def port() -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        config = uvicorn.Config(Hello(), http=Answering, lifespan="off", log_config=None, proxy_headers=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        server.should_exit = True
        await serving


async def told(port: int, request: bytes, end: bytes, count: int = 1) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    async with asyncio.timeout(PATIENCE_S):
        found = b"".join([await reader.readuntil(end) for _ in range(count)])
    writer.close()
    await writer.wait_closed()
    return found


async def test_a_caller_who_asks_for_the_head_alone_gets_it(port: int) -> None:
    answer = await told(port, b"HEAD / HTTP/1.1\r\nhost: x\r\n\r\n", b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200")


async def test_calls_that_come_together_are_answered_in_turn(port: int) -> None:
    answer = await told(port, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n" * 3, BODY, 3)
    assert answer.count(b"HTTP/1.1 200") == answer.count(BODY) == 3


async def test_a_caller_who_waits_to_be_told_to_go_on_is_told(port: int) -> None:
    begin = b"POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 1\r\n\r\n"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(PATIENCE_S):
        writer.write(begin)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
        writer.write(b"x")
        assert (await reader.readuntil(BODY)).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize("begun", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf"])
async def test_a_caller_who_falls_silent_in_the_middle_gives_its_place_back(
    port: int, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(reception, "ARRIVAL_LIMIT_S", 0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(begun)
    async with asyncio.timeout(20):
        while await reader.read(100):
            pass
    writer.close()


async def test_a_slow_caller_is_waited_for(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "ARRIVAL_LIMIT_S", 20)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in (b"GET / HT", b"TP/1.1\r\n", b"host: x\r\n\r\n"):
        writer.write(piece)
        await asyncio.sleep(0.05)
    async with asyncio.timeout(PATIENCE_S):
        assert (await reader.readuntil(BODY)).startswith(b"HTTP/1.1 200")
    writer.close()
