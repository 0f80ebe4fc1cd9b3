import asyncio
import itertools
import time

import pytest

from outgoing.conftest import Wire
from wakala.outgoing import READ_LIMIT_BYTES, NoReply, Outgoing, Reply

LIMIT_S = 0.4
PATIENCE_S = 60.0  # only a test that fails ever waits this long


async def get(client: Outgoing, wire: Wire) -> Reply | NoReply:
    async with asyncio.timeout(PATIENCE_S):
        return await client.send("GET", wire.url, (), b"", total_s=LIMIT_S)


async def endlessly(writer: asyncio.StreamWriter, piece: bytes, pause_s: float = 0) -> None:
    while True:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(pause_s)


SLOW = {
    "silence": (b"", b""),
    "a head that drips": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "headers that drip": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
    "a body that drips": (b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"a"),
    "chunks that drip": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "one informational answer after another": (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
}


@pytest.mark.parametrize("name", SLOW)
async def test_the_time_is_one_limit_over_all_phases(wire: Wire, client: Outgoing, name: str) -> None:
    start, piece = SLOW[name]

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(start)
        if not piece:
            await reader.read()
        await endlessly(writer, piece, 0.02)

    wire.script = drip
    began = time.perf_counter()
    reply = await get(client, wire)
    assert isinstance(reply, NoReply)
    assert not reply.unsent
    assert time.perf_counter() - began < LIMIT_S + 1


ENDLESS_HEADS = {
    "status line": (b"HTTP/1.1 200 ", b"O" * 1_000),
    "one header": (b"HTTP/1.1 200 OK\r\nX-A: ", b"a" * 1_000),
    "headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: " + b"b" * 1_000 + b"\r\n"),
}


@pytest.mark.parametrize("name", ENDLESS_HEADS)
async def test_a_head_without_end_is_refused_before_the_time_is_over(wire: Wire, client: Outgoing, name: str) -> None:
    start, piece = ENDLESS_HEADS[name]
    sent = itertools.count()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(start)
        while True:
            writer.write(piece)
            next(sent)
            await writer.drain()

    wire.script = flood
    reply = await get(client, wire)
    assert isinstance(reply, NoReply)
    assert "within" not in reply.reason, "it was the size that ended it"
    assert len(reply.reason) < 2_000


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 70000\r\n\r\n",
    ],
)
async def test_a_body_is_cut_at_its_limit(wire: Wire, client: Outgoing, head: bytes) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(head)
        await endlessly(writer, b"a" * 10_000)

    wire.script = flood
    reply = await get(client, wire)
    assert isinstance(reply, Reply)
    assert reply.body == b"a" * READ_LIMIT_BYTES


async def test_a_cut_answer_does_not_spill_into_the_next(wire: Wire, client: Outgoing) -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"a" * 200_000)
        await writer.drain()
        await reader.read()

    wire.script = flood
    for _ in range(2):
        reply = await get(client, wire)
        assert isinstance(reply, Reply)
        assert (reply.status, len(reply.body)) == (200, READ_LIMIT_BYTES)
    assert len(wire.connections) == 2
