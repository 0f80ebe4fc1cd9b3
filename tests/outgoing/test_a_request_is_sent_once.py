"""For an STK push a second sending would be a second prompt on a customer's phone."""

import asyncio
import socket
import struct

import pytest

from outgoing.conftest import OK, Wire
from wakala.outgoing import NoReply, Outgoing, Reply

BODY = b'{"Amount": 150}'
HEADERS = (("Content-Type", "application/json"),)


async def post(client: Outgoing, url: str, total_s: float = 5) -> Reply | NoReply:
    return await client.send("POST", url, HEADERS, BODY, total_s=total_s)


def reset(writer: asyncio.StreamWriter) -> None:
    """Hang up with RST, as a rebooted machine or a load balancer does."""
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@pytest.mark.parametrize("how", ["close", "reset", "half an answer"])
async def test_a_post_on_a_reused_connection_that_dies_is_never_sent_again(
    wire: Wire, client: Outgoing, how: str
) -> None:
    async def answer_once_then_die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(OK)
        await wire.request(reader)
        if how == "half an answer":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")
            await writer.drain()
        if how == "reset":
            reset(writer)

    wire.script = answer_once_then_die
    first = await post(client, wire.url)
    assert isinstance(first, Reply)
    second = await post(client, wire.url)
    assert isinstance(second, NoReply)
    assert not second.unsent
    assert second.reason
    assert wire.requests == 2
    assert len(wire.connections) == 1


async def test_a_connection_that_was_closed_while_idle_is_not_used(wire: Wire, client: Outgoing) -> None:
    closed = asyncio.Event()

    async def answer_and_hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(OK)
        await writer.drain()
        closed.set()

    wire.script = answer_and_hang_up
    for _ in range(3):
        closed.clear()
        assert isinstance(await post(client, wire.url), Reply)
        await closed.wait()
        await asyncio.sleep(0.02)
    assert wire.requests == 3


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200", b"garbage\r\n\r\n", b"\xff\xfe\x00\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n"]
)
async def test_a_fresh_connection_that_dies_or_babbles_is_not_tried_again(
    wire: Wire, client: Outgoing, answer: bytes
) -> None:
    async def die(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(answer)
        await writer.drain()

    wire.script = die
    reply = await post(client, wire.url)
    assert isinstance(reply, NoReply)
    assert not reply.unsent
    reply.reason.encode()  # can be written into the journal
    assert "\0" not in reply.reason
    assert wire.requests == 1


async def test_nobody_there_is_known_to_be_unsent(client: Outgoing) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    reply = await post(client, f"http://127.0.0.1:{port}/")
    assert isinstance(reply, NoReply)
    assert reply.unsent


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://127.0.0.1/", "http://", "http://[", "http://a:99999/", "file:///etc/passwd"]
)
async def test_what_is_no_address_is_known_to_be_unsent(client: Outgoing, url: str) -> None:
    reply = await post(client, url)
    assert isinstance(reply, NoReply)
    assert reply.unsent


async def test_a_name_that_does_not_resolve_is_known_to_be_unsent(client: Outgoing) -> None:
    reply = await post(client, "http://nowhere.invalid/")
    assert isinstance(reply, NoReply)
    assert reply.unsent


async def test_no_redirect_is_followed(wire: Wire, client: Outgoing) -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(b"HTTP/1.1 307 Go\r\nLocation: /hook\r\nContent-Length: 0\r\n\r\n")
        await wire.request(reader)

    wire.script = redirect
    reply = await post(client, wire.url)
    assert isinstance(reply, Reply)
    assert reply.status == 307
    assert wire.requests == 1


async def test_no_cookie_is_kept(wire: Wire, client: Outgoing) -> None:
    async def bake(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _ in range(2):
            await wire.request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b; Path=/\r\nContent-Length: 0\r\n\r\n")

    wire.script = bake
    await post(client, wire.url)
    await post(client, wire.url)
    assert b"cookie" not in bytes(wire.connections[0]).lower()


async def test_exactly_our_headers_leave(wire: Wire, client: Outgoing) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(OK)
        await reader.read()

    wire.script = answer
    await post(client, wire.url)
    head = bytes(wire.connections[0]).partition(b"\r\n\r\n")[0].decode().split("\r\n")
    assert head[0] == "POST /hook HTTP/1.1"
    names = {line.partition(":")[0].lower() for line in head[1:]}
    assert names == {"host", "content-type", "content-length"}


async def test_an_answer_is_not_unpacked(wire: Wire, client: Outgoing) -> None:
    packed = bytes.fromhex("1f8b0800000000000003cb48cdc9c9070086a6103605000000")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(packed) + packed)

    wire.script = answer
    reply = await post(client, wire.url)
    assert isinstance(reply, Reply)
    assert reply.body == packed


async def test_no_proxy_of_the_environment_is_used(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    client = Outgoing(guarded=False)
    await client.open()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(OK)

    wire.script = answer
    assert isinstance(await post(client, wire.url), Reply)
    await client.close()
