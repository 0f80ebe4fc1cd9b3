"""A head without end, a call drop by drop, an answer that nobody reads: none takes memory or a place for good."""

import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn

from services.gateway import CUSTOMER, SANDBOX, House, basic
from services.waiting import PATIENCE_S, until
from wakala import reception
from wakala.one_write import Answering
from wakala.reception import HEAD_LIMIT_BYTES, Reception

BEGIN = b"POST / HTTP/1.1\r\nhost: x\r\n"
CHUNKED = BEGIN + b"transfer-encoding: chunked\r\n\r\n"
MEGABYTE = 1_048_576
MUCH = 16 * MEGABYTE  # more than the system keeps of it on the way

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class Teller:
    """Reads a whole call and says which headers it has; at /much it says much, at /late it waits. All goes by ASGI."""

    def __init__(self) -> None:
        self.late = asyncio.Event()
        self.begun = 0

    def door(self, _url: bytes) -> None:
        return None

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        size = 0
        while (message := await receive()).get("more_body"):
            size += len(message["body"])
        size += len(message.get("body", b""))
        self.begun += 1
        names = sorted({name.decode() for name, _ in scope["headers"]})
        body = b"x" * MUCH if scope["path"] == "/much" else json.dumps([size, names]).encode()
        if scope["path"] == "/late":
            await self.late.wait()
        length = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": length})
        await send({"type": "http.response.body", "body": body})


@dataclass
class Place:
    """A server, and one connection to it."""

    teller: Teller
    server: uvicorn.Server
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def answer(self) -> tuple[int, bytes]:
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = next(line.partition(b":")[2] for line in head.split(b"\r\n") if line.startswith(b"content-length"))
            return int(head.split()[1]), await self.reader.readexactly(int(length))

    async def told(self) -> tuple[int, list[str]]:
        status, body = await self.answer()
        assert status == 200, body
        size, names = json.loads(body)
        return size, names

    async def ended(self) -> bool:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read(1) == b""


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        teller = Teller()
        config = uvicorn.Config(
            teller, http=Answering, lifespan="off", log_config=None, proxy_headers=False, timeout_keep_alive=1
        )
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        reader, writer = await asyncio.open_connection("127.0.0.1", listening.getsockname()[1])
        yield Place(teller, server, reader, writer)
        await hang_up(writer)
        server.should_exit = server.force_exit = True
        await serving


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


@pytest.fixture
async def crowd(place: Place, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Callable[[], Awaitable[Place]]]:
    """Further callers, of a server that has room for three at a time."""
    place.server.config.limit_concurrency = 4
    place.server.config.timeout_keep_alive = 60  # a busy machine may take a second before the next call
    monkeypatch.setattr(Reception, "_search_seconds", 0.0)
    monkeypatch.setattr(reception, "YIELDING_S", 0.2)
    came: list[asyncio.StreamWriter] = []

    async def another() -> Place:
        reader, writer = await asyncio.open_connection(*place.writer.get_extra_info("peername"))
        came.append(writer)
        return Place(place.teller, place.server, reader, writer)

    # The first was taken before there was a limit.
    await until(lambda: place.server.server_state.connections, "the connection is there")
    yield another
    for writer in came:
        await hang_up(writer)


def filled(begin: bytes, filling: bytes, length: int) -> bytes:
    """So many bytes, whole fillings as far as they go."""
    count, rest = divmod(length - len(begin), len(filling))
    return begin + filling * count + b"y" * rest


ENDLESS = {
    "a header": (BEGIN + b"x: ", b"y"),
    "headers": (BEGIN, b"x: y\r\n"),
    "an address": (b"GET /", b"y"),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_head_without_end_is_refused_at_its_limit(place: Place, name: str) -> None:
    begin, filling = ENDLESS[name]
    place.writer.write(filled(begin, filling, HEAD_LIMIT_BYTES + 1))
    status, said = await place.answer()
    assert (status, said) == (431, reception.TOO_LONG.encode())
    assert await place.ended()


async def test_a_whole_head_that_is_too_long_is_refused_as_well(place: Place) -> None:
    place.writer.write(filled(BEGIN + b"x: ", b"y", HEAD_LIMIT_BYTES + 40) + b"\r\n\r\n")
    assert (await place.answer())[0] == 431
    assert await place.ended()


@pytest.mark.parametrize("begin", [CHUNKED + b"0\r\nx: ", CHUNKED + b"1;", CHUNKED + b"1\r\nx\r\n0\r\nx: "])
async def test_nor_has_what_stands_around_chunks_any_more(place: Place, begin: bytes) -> None:
    place.writer.write(begin)
    await place.writer.drain()
    await asyncio.sleep(0)
    for _ in range(8):
        with contextlib.suppress(ConnectionError):
            place.writer.write(b"y" * HEAD_LIMIT_BYTES)
            await place.writer.drain()
    with contextlib.suppress(ConnectionError):
        assert await place.ended() or (await place.answer())[0] == 431
    await until(lambda: not place.server.server_state.connections, "the connection is closed")


@pytest.mark.parametrize("length", [9, 70_000, MEGABYTE])
async def test_what_fits_is_taken_however_it_comes(place: Place, length: int) -> None:
    call = BEGIN + b"x: y\r\n" * 9_000 + b"content-length: %d\r\n\r\n" % length + b"z" * length
    place.writer.write(call * 3)
    for _ in range(3):
        assert (await place.told())[0] == length
    for start in range(0, len(call), 50_000):
        place.writer.write(call[start : start + 50_000])
        await place.writer.drain()
        await asyncio.sleep(0)
    assert (await place.told())[0] == length


LATE = b"POST /late HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"


async def waiting_behind(place: Place, count: int) -> Answering:
    """The server's end of the connection, once so many calls wait behind one that was begun."""
    (connection,) = await until(lambda: place.server.server_state.connections, "the connection")
    assert isinstance(connection, Answering)
    await until(lambda: (len(connection.pipeline), place.teller.begun) == (count, 1), "the calls")
    return connection


async def test_nothing_more_is_read_of_who_is_owed_answers_until_they_have_left(place: Place) -> None:
    place.writer.write(LATE)
    await waiting_behind(place, 0)
    place.writer.write(LATE * 2)
    connection = await waiting_behind(place, 2)
    await until(lambda: not connection._socket.is_reading(), "the end of reading")
    place.teller.late.set()
    for _ in range(3):
        assert await place.told() == (0, ["content-length", "host"])
    await until(connection._socket.is_reading, "that it is read again")


async def test_what_waits_behind_an_answer_is_not_begun_once_its_caller_has_left(place: Place) -> None:
    place.writer.write(LATE * 3)
    await waiting_behind(place, 2)
    place.writer.transport.abort()
    await until(lambda: not place.server.server_state.connections, "the end of the connection")
    place.teller.late.set()
    await until(lambda: not place.server.server_state.tasks, "the end of all calls")
    assert place.teller.begun == 1


async def test_what_follows_a_body_is_no_header(place: Place) -> None:
    trailers = b"authorization: Basic eDp5\r\nx-forwarded-for: 196.201.214.200\r\n"
    place.writer.write(CHUNKED + b"1\r\nx\r\n0\r\n" + trailers + b"\r\n")
    assert await place.told() == (1, ["host", "transfer-encoding"])
    place.writer.write(BEGIN + b"a: b\r\n\r\n")
    assert await place.told() == (0, ["a", "host"])


async def test_who_sends_a_key_behind_a_body_is_nobody(house: House) -> None:
    key = basic(house.app)["Authorization"]
    head = f"GET {SANDBOX}/auth HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n"
    answer = await house.raw(f"{head}0\r\nauthorization: {key}\r\n\r\n".encode())
    assert answer.status_code == 401


@pytest.mark.parametrize("path", ["lnm/customerpaybill", "lnm/customerpaybill?from=here"])
async def test_a_broken_call_takes_nothing_from_the_answer_to_the_one_before(house: House, path: str) -> None:
    body = json.dumps({"RequestID": "A-1", "Amount": 150, "SenderMSISDN": CUSTOMER, "AccountReference": "I"}).encode()
    key = basic(house.app)["Authorization"]
    head = f"POST {SANDBOX}/{path} HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\n".encode()
    whole = head + b"content-length: %d\r\n\r\n" % len(body) + body
    broken = head + b"transfer-encoding: chunked\r\n\r\n" + b"no chunk"
    reader, writer = await asyncio.open_connection(house.client.base_url.host, house.client.base_url.port)
    writer.write(whole + broken)
    async with asyncio.timeout(PATIENCE_S):
        told = await reader.read()
    writer.close()
    assert re.findall(rb"HTTP/1.1 (\d+)", told) == [b"202", b"400"]
    assert b'"RequestID":"A-1"' in told


async def test_a_call_that_comes_drop_by_drop_is_given_up(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "WHOLE_LIMIT_S", 1.0)

    async def drip() -> None:
        place.writer.write(BEGIN + b"x: ")
        while place.server.server_state.connections:
            place.writer.write(b"y")
            await asyncio.sleep(0.05)

    await until(lambda: place.server.server_state.connections, "the connection is there")
    with contextlib.suppress(ConnectionError):
        await asyncio.wait_for(drip(), PATIENCE_S)


async def test_a_caller_who_does_not_read_gives_its_place_back(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reception, "LEAVING_LIMIT_S", 1.0)
    connections = place.server.server_state.connections
    await until(lambda: connections, "the connection is there")
    place.reader._limit = 1  # type: ignore[attr-defined]  # read no further than that
    place.writer.write(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
    await until(lambda: not connections, "the connection is closed")


async def served(caller: Place) -> bool:
    """True where the caller is answered; False where it was turned away."""
    caller.writer.write(BEGIN + b"\r\n")
    return (await caller.answer())[0] == 200


Another = Callable[[], Awaitable[Place]]


async def test_who_was_silent_longest_gives_its_place_to_one_who_comes(place: Place, crowd: Another) -> None:
    second, third = await crowd(), await crowd()
    assert await served(second)
    assert await served(third)
    assert await served(place), "who spoke last, though it came first"

    async def is_let_in() -> bool:
        return await served(await crowd())

    await until(is_let_in, "one who comes is let in")
    assert await second.ended()
    assert await served(third)
    assert await served(place)


async def test_who_is_owed_an_answer_keeps_its_place(place: Place, crowd: Another) -> None:
    waiting, reading = place, await crowd()
    waiting.writer.write(b"GET /late HTTP/1.1\r\nhost: x\r\n\r\n")
    reading.reader._limit = 1  # type: ignore[attr-defined]  # read no further than that
    reading.writer.write(b"GET /much HTTP/1.1\r\nhost: x\r\n\r\n")
    await until(lambda: place.server.server_state.tasks, "the call is heard")

    async def is_let_in() -> bool:
        return await served(await crowd())

    for _ in range(4):
        await until(is_let_in, "one who comes is let in")
    place.teller.late.set()
    assert (await waiting.answer())[0] == 200
    reading.reader._limit = MEGABYTE  # type: ignore[attr-defined]
    assert (await reading.answer())[0] == 200
    assert await served(reading)


async def test_where_nobody_is_silent_who_comes_is_turned_away(place: Place, crowd: Another) -> None:
    for caller in (await crowd(), await crowd()):
        caller.writer.write(b"GET /late HTTP/1.1\r\nhost: x\r\n\r\n")
    place.writer.write(b"GET /late HTTP/1.1\r\nhost: x\r\n\r\n")
    await until(lambda: len(place.server.server_state.tasks) == 3, "the calls are heard")
    for _ in range(20):
        late = await crowd()
        assert await late.answer() == (503, reception.CROWDED.encode())
        assert await late.ended()
    place.teller.late.set()
    assert (await place.answer())[0] == 200
