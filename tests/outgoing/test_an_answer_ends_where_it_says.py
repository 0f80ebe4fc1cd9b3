"""How long an answer is, and whether another may follow on its connection: the framing of HTTP/1.1 (RFC 9112, 6)."""

import asyncio

import pytest

from outgoing.conftest import OK, Wire
from wakala.outgoing import NoReply, Outgoing, Reply

# What is written, what it means (status and body, or a word of the sentence), and whether the connection is used again.
ANSWERS: dict[str, tuple[bytes, tuple[int, bytes] | str, bool]] = {
    "a length": (OK, (200, b"ok"), True),
    "no body": (b"HTTP/1.1 204 No\r\n\r\n", (204, b""), True),
    "not modified, with the length of what is not there": (
        b"HTTP/1.1 304 No\r\nContent-Length: 50\r\n\r\n",
        (304, b""),
        True,
    ),
    "chunks": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1;a=b\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        (200, b"ok"),
        True,
    ),
    "chunks and trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: y\r\nY: z\r\n\r\n",
        (200, b"ok"),
        True,
    ),
    "a length in a trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nContent-Length: 9\r\n\r\n",
        "no HTTP answer",
        False,
    ),
    "an informational answer first": (
        b"HTTP/1.1 100 Go on\r\nX: y\r\n\r\nHTTP/1.1 103 E\r\n\r\n" + OK,
        (200, b"ok"),
        True,
    ),
    "the end of the connection, though an informational answer told a length": (
        b"HTTP/1.1 103 E\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nok",
        (200, b"ok"),
        False,
    ),
    "another coding of an informational answer": (
        b"HTTP/1.1 103 E\r\nTransfer-Encoding: gzip, chunked\r\n\r\n" + OK,
        (200, b"ok"),
        True,
    ),
    "a header without a value": (b"HTTP/1.1 200 OK\r\nX-A:\r\nContent-Length: 2\r\n\r\nok", (200, b"ok"), True),
    "no reason phrase": (b"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n", (500, b""), True),
    "the end of the connection": (b"HTTP/1.1 200 OK\r\n\r\nok", (200, b"ok"), False),
    "the end of the connection, and nothing before it": (b"HTTP/1.1 200 OK\r\n\r\n", (200, b""), False),
    "connection: close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", (200, b"ok"), False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", (200, b"ok"), False),
    "bytes after a length": (OK + b"more", (200, b"ok"), False),
    "bytes after no body": (b"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\nhello", (204, b""), False),
    "a second answer": (OK + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil", (200, b"ok"), False),
    "a second answer's beginning": (OK + b"H", (200, b"ok"), False),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", "in the middle", False),
    "half of the chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", "in the middle", False),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Length", "in the middle", False),
    "only an informational answer": (b"HTTP/1.1 100 Continue\r\n\r\n", "in the middle", False),
    "nothing": (b"", "without an answer", False),
    "two lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "no HTTP answer", False),
    "a length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "no HTTP answer",
        False,
    ),
    "chunks and a length": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "no HTTP answer",
        False,
    ),
    "chunks twice": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "packed",
        False,
    ),
    "another coding": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nok", "packed", False),
    "packed for transfer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
        "packed",
        False,
    ),
    "a negative length": (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", "no HTTP answer", False),
    "a length in hexadecimal": (b"HTTP/1.1 200 OK\r\nContent-Length: 0x2\r\n\r\nok", "no HTTP answer", False),
    "a list of lengths": (b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", "no HTTP answer", False),
    "a chunk beyond all numbers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nok\r\n",
        "no HTTP answer",
        False,
    ),
    "a negative chunk": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n",
        "no HTTP answer",
        False,
    ),
    "a folded header": (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", "no HTTP answer", False),
    "a blank before the colon": (b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok", "no HTTP answer", False),
    "lines without CR": (b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "no HTTP answer", False),
    "a NUL in a header": (b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok", "no HTTP answer", False),
    "another protocol": (
        b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nPRI",
        "another protocol",
        False,
    ),
    "another version": (b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "another version", False),
    "no such status": (b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok", "no status", False),
    "too many headers": (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "header lines", False),
    "too many trailers": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n" + b"X: y\r\n" * 200 + b"\r\n",
        "header lines",
        False,
    ),
    "a head in one piece that is too long": (
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 40_000 + b"\r\nContent-Length: 2\r\n\r\nok",
        "longer than",
        False,
    ),
    "a trailer without end": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: " + b"y" * 600_000,
        "more than",
        False,
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("bytewise", [False, True], ids=["whole", "byte by byte"])
async def test_an_answer_is_read_to_its_end_and_no_further(
    wire: Wire, client: Outgoing, name: str, bytewise: bool
) -> None:
    answer, meaning, again = ANSWERS[name]
    written = asyncio.Event()

    async def answer_then_ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        try:
            for piece in pieces(answer) if bytewise and len(answer) < 1_000 else [answer]:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        finally:  # what comes after an answer may find the connection closed already
            written.set()
        if isinstance(meaning, str) or name.startswith("the end of the connection"):
            return
        await wire.request(reader)
        writer.write(OK)
        await reader.read()

    wire.script = answer_then_ok
    first = await client.send("POST", wire.url, (), b"x", total_s=5)
    if isinstance(meaning, str):
        assert isinstance(first, NoReply)
        assert not first.unsent
        assert meaning in first.reason
        return
    assert isinstance(first, Reply)
    assert (first.status, first.body) == meaning
    await written.wait()  # bytes that come after an answer may come any time before the next request
    wire.script = ok
    assert isinstance(await client.send("POST", wire.url, (), b"x", total_s=5), Reply)
    assert len(wire.connections) == (1 if again else 2)


async def test_an_answer_to_head_has_no_body_whatever_it_says(wire: Wire, client: Outgoing) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
        await reader.read()

    wire.script = answer
    reply = await client.send("HEAD", wire.url, (), b"", total_s=5)
    assert isinstance(reply, Reply)
    assert (reply.status, reply.body) == (200, b"")


async def test_headers_come_back_as_they_were(wire: Wire, client: Outgoing) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nX-eMpTy:\r\nset-cookie:  b\xe9 \r\nContent-Length: 0\r\n\r\n"
        )
        await reader.read()

    wire.script = answer
    reply = await client.send("POST", wire.url, (), b"", total_s=5)
    assert isinstance(reply, Reply)
    assert reply.headers == (("Set-Cookie", "a"), ("X-eMpTy", ""), ("set-cookie", "b\u00e9"), ("Content-Length", "0"))


def pieces(answer: bytes) -> list[bytes]:
    return [answer[at : at + 1] for at in range(len(answer))]


async def ok(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\nx")
    writer.write(OK)
    await reader.read()
