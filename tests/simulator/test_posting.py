"""A callback is posted once and its answer read, whatever the other side's manners (daraja.md 7.4)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from simulator.box import until
from wakala.simulator import posting
from wakala.simulator.callbacks import must_be_loopback
from wakala.simulator.posting import Poster, Reply

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Listener:
    """A merchant's server in raw bytes: it writes down requests and says what it was given, once a request."""

    def __init__(self, *says: bytes, then_closes: bool = False) -> None:
        self.says = list(says)
        self.then_closes = then_closes
        self.heard: list[bytes] = []
        self.lines_count = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.lines_count += 1
        self.writers.append(writer)
        while head := await _head(reader):
            length = next(int(line[16:]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length: "))
            self.heard.append(head + await reader.readexactly(length))
            writer.write(self.says[min(len(self.heard), len(self.says)) - 1])
            if self.then_closes:
                break
        writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionResetError):
        return b""


@asynccontextmanager
async def listening(listener: Listener) -> AsyncIterator[str]:
    server = await asyncio.start_server(listener.talk, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/told"
    finally:
        server.close()
        for writer in listener.writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


async def post(poster: Poster, url: str, body: bytes = b"{}") -> Reply:
    return await poster.post(url, body, {"Content-Type": "application/json"}, limit_seconds=10)


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    poster = Poster(must_be_loopback)
    yield poster
    poster.close()


async def test_one_line_carries_one_letter_after_the_other(poster: Poster) -> None:
    listener = Listener(OK)
    async with listening(listener) as url:
        replies = [await post(poster, url, b"[%d]" % number) for number in range(3)]
    assert replies == [Reply(200, b"{}")] * 3
    assert listener.lines_count == 1
    assert listener.heard[2].startswith(b"POST /told HTTP/1.1\r\nHost: 127.0.0.1:")
    assert listener.heard[2].endswith(b"\r\nContent-Type: application/json\r\nContent-Length: 3\r\n\r\n[2]")


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", Reply(404, b"")),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", Reply(200, b"{}")),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Reply(200, b"{}")),
        (b"HTTP/1.1 204 No Content\r\n\r\n", Reply(204, b"")),
        (b"HTTP/1.1 301 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n", Reply(301, b"")),
    ],
)
async def test_answers_of_every_kind_are_read(poster: Poster, said: bytes, reply: Reply) -> None:
    listener = Listener(said)
    async with listening(listener) as url:
        assert await post(poster, url) == reply
        assert await post(poster, url) == reply


async def test_an_answer_without_a_length_ends_with_its_connection(poster: Poster) -> None:
    listener = Listener(b"HTTP/1.0 200 OK\r\n\r\nso it is", then_closes=True)
    async with listening(listener) as url:
        assert await post(poster, url) == Reply(200, b"so it is")
        assert await post(poster, url) == Reply(200, b"so it is")
    assert listener.lines_count == 2


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (b"SMTP ready\r\n", "no HTTP answer"),
        (b"", "closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "closed without an answer"),
    ],
)
async def test_no_answer_is_an_error_and_nothing_is_sent_twice(poster: Poster, said: bytes, why: str) -> None:
    listener = Listener(said, then_closes=True)
    async with listening(listener) as url:
        with pytest.raises(ConnectionError, match=why):
            await post(poster, url)
    assert len(listener.heard) == 1


async def test_a_long_answer_is_cut_off(poster: Poster) -> None:
    size = posting.REPLY_MAX_BYTES + 1
    listener = Listener(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, b"x" * size))
    async with listening(listener) as url:
        assert await post(poster, url) == Reply(200, b"x" * posting.REPLY_MAX_BYTES)


async def test_an_endless_head_is_given_up(poster: Poster) -> None:
    listener = Listener(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * posting.WIRE_MAX_BYTES)
    async with listening(listener) as url:
        with pytest.raises(ConnectionError, match="too long"):
            await post(poster, url)


async def test_silence_has_a_limit(poster: Poster) -> None:
    listener = Listener(b"")
    async with listening(listener) as url:
        with pytest.raises(ConnectionError, match="no answer in time"):
            await poster.post(url, b"{}", {}, limit_seconds=0.01)


async def test_a_line_that_the_other_side_closed_is_not_used_again(poster: Poster) -> None:
    listener = Listener(OK)
    async with listening(listener) as url:
        await post(poster, url)
        listener.writers[0].close()
        [line] = next(iter(poster._idle.values()))
        await until(lambda: not line.is_open)
        assert await post(poster, url) == Reply(200, b"{}")
    assert listener.lines_count == 2


async def test_more_letters_than_lines_wait_for_their_turn(poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "CONNECTIONS_MAX", 2)
    listener = Listener(OK)
    async with listening(listener) as url:
        letters = [asyncio.create_task(post(poster, url)) for _ in range(20)]
        await asyncio.sleep(0)
        letters[5].cancel()
        done = await asyncio.gather(*letters, return_exceptions=True)
    assert sum(isinstance(each, Reply) for each in done) == 19
    assert listener.lines_count == 2


def at_once(poster: Poster, url: str, body: bytes = b"{}", limit_seconds: float = 10) -> list[Reply | OSError]:
    """What was told so far, of a letter that was written without waiting for anything."""
    told: list[Reply | OSError] = []
    ready = poster.ready(url)
    assert ready is not None
    poster.post_at_once(ready, body, {}, limit_seconds, told.append)
    return told


async def test_a_letter_is_written_at_once_on_a_line_that_is_open(poster: Poster) -> None:
    listener = Listener(OK)
    async with listening(listener) as url:
        assert poster.ready(url) is None
        await post(poster, url)
        assert poster.ready(url.replace("/told", "/t%C3%B6ld")) is None  # not a plain one, so it takes the long way
        first = at_once(poster, url, b"[1]")
        assert poster.ready(url) is None  # the line is busy
        await until(lambda: first)
        second = at_once(poster, url, b"[2]")
        await until(lambda: second)
    assert (first, second) == ([Reply(200, b"{}")], [Reply(200, b"{}")])
    assert [heard[-3:] for heard in listener.heard[1:]] == [b"[1]", b"[2]"]
    assert listener.lines_count == 1


async def test_silence_after_a_letter_written_at_once_has_a_limit(
    poster: Poster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "SWEEP_SECONDS", 0.01)
    listener = Listener(OK, b"")
    async with listening(listener) as url:
        await post(poster, url)
        told = at_once(poster, url, limit_seconds=0.02)
        await until(lambda: told)
    assert [str(each) for each in told] == ["no answer in time"]
    assert len(listener.heard) == 2


async def test_letters_written_at_once_can_be_dropped(poster: Poster) -> None:
    listener = Listener(OK, b"", OK)
    async with listening(listener) as url:
        await post(poster, url)
        told = at_once(poster, url)
        await until(lambda: len(listener.heard) == 2)
        poster.drop_posted()
        assert await post(poster, url) == Reply(200, b"{}")
    assert told == []
    assert listener.lines_count == 2


async def test_a_letter_written_at_once_waits_its_turn(poster: Poster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "CONNECTIONS_MAX", 1)
    listener = Listener(OK)
    async with listening(listener) as url:
        await post(poster, url)
        told = at_once(poster, url)
        waiting = asyncio.create_task(post(poster, url))
        assert await waiting == Reply(200, b"{}")
        assert told == [Reply(200, b"{}")]
    assert listener.lines_count == 1


@pytest.mark.parametrize(
    ("url", "origin", "path", "host"),
    [
        ("http://127.0.0.1:8080/a/b", ("http", "127.0.0.1", 8080), "/a/b", "127.0.0.1:8080"),
        ("https://pay.example.co.ke/cb?x=1", ("https", "pay.example.co.ke", 443), "/cb?x=1", "pay.example.co.ke"),
        ("http://[::1]:81", ("http", "::1", 81), "/", "[::1]:81"),
        ("http://localhost/nämlich", ("http", "localhost", 80), "/n%C3%A4mlich", "localhost"),
        ("http://mündel.example/", ("http", "xn--mndel-kva.example", 80), "/", "xn--mndel-kva.example"),
    ],
)
def test_a_url_is_taken_apart(url: str, origin: posting.Origin, path: str, host: str) -> None:
    assert posting._taken_apart(url) == posting.Target(origin, path, host)
