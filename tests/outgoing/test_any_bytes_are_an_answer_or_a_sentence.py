"""Whatever a server says, and however its bytes are cut: an answer or a sentence, never a crash and never a wait."""

import asyncio
import itertools
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from wakala.outgoing import READ_LIMIT_BYTES, NoReply, Outgoing, Reply
from wakala.outgoing.answer import AnswerReader, BrokenAnswerError

Meaning = tuple[int, tuple[tuple[str, str], ...], bytes, bool] | str

FRAGMENTS = [
    *(b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 \r\n", b"HTTP/"),
    *(b"HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", b"HTTP/2.0 200 OK\r\n", b"HTTP/1.1 304 N\r\n"),
    *(b"Content-Length: 2\r\n", b"Content-Length: 0\r\n", b"Content-Length: 99999999999\r\n", b"content-length:\r\n"),
    *(
        b"Transfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: gzip\r\n",
        b"Connection: close\r\n",
        b"X: y\r\n",
        b"A:\r\n",
    ),
    *(
        b"\r\n",
        b"\n",
        b"\r",
        b"\0",
        b" ",
        b":",
        b"ok",
        b"2\r\nok\r\n",
        b"0\r\n\r\n",
        b"0\r\nT: u\r\n\r\n",
        b"fffffffff\r\n",
    ),
]
wild = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=6), max_size=12).map(b"".join) | st.binary(max_size=300)
cuts = st.lists(st.integers(min_value=0, max_value=400), max_size=8)


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(data)) for place in places), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(edges) if start < end]


def read(pieces: Sequence[bytes], *, to_head: bool = False, closed: bool = True) -> Meaning | None:
    """What the pieces mean; None while more is waited for."""
    reader = AnswerReader(to_head=to_head)
    try:
        for piece in pieces:
            reader.feed(piece)
        if closed and not reader.complete:
            reader.end()
    except BrokenAnswerError as why:
        return str(why)
    if not reader.complete:
        return None
    return reader.status, reader.headers, reader.body, reader.reusable


@given(wild, cuts, st.booleans())
@example(b"HTTP/1.1 200 OK\r\nA:\r\nContent-Length: 2\r\n\r\nok", [19, 20, 21], False)
@example(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\n", [39], False)
def test_where_the_bytes_are_cut_changes_nothing(data: bytes, places: list[int], to_head: bool) -> None:
    for closed in (True, False):
        whole = read([data], to_head=to_head, closed=closed)
        assert read(cut(data, places), to_head=to_head, closed=closed) == whole
        assert read([data[at : at + 1] for at in range(len(data))], to_head=to_head, closed=closed) == whole
    assert whole is None or isinstance(whole, str) or 200 <= whole[0] <= 999


@given(wild, cuts)
def test_a_sentence_can_be_kept_and_shown(data: bytes, places: list[int]) -> None:
    meaning = read(cut(data, places))
    assert meaning is not None
    if isinstance(meaning, str):
        assert meaning.isprintable()
        assert meaning.isascii()


tokens = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=12)
texts = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_categories=["Cc"]), max_size=20)
OURS = {"content-length", "transfer-encoding", "connection", "upgrade", "keep-alive", "proxy-connection"}
fields = st.lists(st.tuples(tokens.filter(lambda name: name.lower() not in OURS), texts), max_size=6)
statuses = st.integers(min_value=200, max_value=599).filter(lambda status: status not in {204, 304})


@given(statuses, fields, st.binary(max_size=400), st.sampled_from(["length", "chunks", "close"]), cuts, st.data())
def test_a_proper_answer_is_read_as_it_was_written(
    status: int, headers: list[tuple[str, str]], body: bytes, framing: str, places: list[int], data: st.DataObject
) -> None:
    head = b"HTTP/1.1 %d Whatever\r\n" % status
    head += b"".join(name.encode() + b": " + value.encode("latin-1") + b"\r\n" for name, value in headers)
    if framing == "length":
        written = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    elif framing == "close":
        written = head + b"\r\n" + body
    else:
        chunks = [piece for piece in cut(body, data.draw(cuts)) if piece]
        written = head + b"Transfer-Encoding: chunked\r\n\r\n"
        written += b"".join(b"%x\r\n" % len(chunk) + chunk + b"\r\n" for chunk in chunks) + b"0\r\n\r\n"
    meaning = read(cut(written, places))
    assert not isinstance(meaning, str)
    assert meaning is not None
    assert (meaning[0], meaning[2], meaning[3]) == (status, body, framing != "close")
    assert [pair for pair in meaning[1] if pair[0].lower() not in OURS] == headers


@given(st.integers(min_value=READ_LIMIT_BYTES - 2, max_value=READ_LIMIT_BYTES + 2), st.booleans())
@settings(max_examples=20)
def test_a_body_about_as_long_as_the_limit_is_read_or_cut(size: int, chunked: bool) -> None:
    framing = b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: %d\r\n\r\n" % size
    body = b"1\r\na\r\n" * size + b"0\r\n\r\n" if chunked else b"a" * size
    meaning = read([b"HTTP/1.1 200 OK\r\n" + framing + body])
    assert isinstance(meaning, tuple)
    assert meaning[2] == b"a" * min(size, READ_LIMIT_BYTES)
    assert not meaning[3] or size < READ_LIMIT_BYTES


@given(st.lists(st.tuples(wild, cuts), min_size=1, max_size=4))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_over_a_socket_every_call_ends(answers: list[tuple[bytes, list[int]]]) -> None:
    """Calls one after another, so that what one answer leaves behind would meet the next call."""
    asyncio.run(call_each(answers))


async def call_each(answers: list[tuple[bytes, list[int]]]) -> None:
    scripts = iter(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\nx")
            for piece in cut(*next(scripts)):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = Outgoing(guarded=False)
    await client.open()
    async with asyncio.timeout(30):
        for data, _ in answers:
            reply = await client.send("POST", f"http://127.0.0.1:{port}/", (), b"x", total_s=20)
            check(reply, data)
    await client.close()
    server.close()
    await server.wait_closed()


def check(reply: Reply | NoReply, data: bytes) -> None:
    meaning = read([data])
    if isinstance(meaning, tuple) and isinstance(reply, Reply):
        assert (reply.status, reply.headers, reply.body) == meaning[:3]
    elif isinstance(reply, NoReply):
        # A reset by a server that did not read may overtake its bytes, so a sentence is always possible.
        assert not reply.unsent
        assert "within" not in reply.reason, "it waited for what cannot come"
    else:
        pytest.fail(f"{data!r} was taken for an answer")
