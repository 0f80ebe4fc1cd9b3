"""Posting to merchants over HTTP/1.1, with no more ceremony than a callback needs.

Callbacks are most of what a busy simulator does, and a general client would cost several times as much. Nothing is sent
twice by itself: no redirects, no repeats; no cookies, no compression, no proxies from the environment.
"""

import asyncio
import re
import socket
import ssl
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import quote, urlsplit

import httptools
import msgspec

CONNECTIONS_MAX = 256
"""At once; further letters wait for one of them."""

KEEP_ALIVE_SECONDS = 2.0
"""Shorter than any server's, so that no callback is lost to a connection the merchant has just closed."""

CONNECT_LIMIT_SECONDS = 10.0
REPLY_MAX_BYTES = 64 * 1024
"""What is read of a reply; the rest is cut off."""

WIRE_MAX_BYTES = 8 * REPLY_MAX_BYTES
"""Of a whole answer with heads and chunk sizes."""

LENGTH_HEADERS = (b"content-length", b"transfer-encoding")
URL_SAFE = "/%:@!$&'()*+,;=-._~?"
PLAIN_URL = re.compile(r"http://([a-z0-9.-]+):([0-9]{1,5})(/[A-Za-z0-9._~/-]*)")
"""What nearly all callback URLs look like in a test; these need no taking apart with care."""

Origin = tuple[str, str, int]
"""Scheme, host and port."""

Judge = Callable[[str], None]
"""Raises an OSError for an address that may not be called."""


class Reply(msgspec.Struct, frozen=True):
    """What the merchant said."""

    status: int
    body: bytes


class Target(msgspec.Struct, frozen=True):
    """A URL, taken apart for the wire."""

    origin: Origin
    path: str
    host_header: str


class Line(asyncio.Protocol):
    """One connection that carries one exchange at a time."""

    def __init__(self) -> None:
        self.idle_since_seconds = 0.0
        self.reusable = False
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Reply] | None = None

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """A piece of the answer; without a question it spoils the line."""
        self._wire_bytes += len(data)
        if self._answer is None or self._wire_bytes > WIRE_MAX_BYTES:
            self._fail("the answer is too long")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as broken:
            self._fail(f"what came is no HTTP answer ({broken})")

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, which is also how an answer without a length ends."""
        if self._status >= 200 and not self._has_length and exc is None:
            self._finish()
        self._transport, self.reusable = None, False
        if self._answer is not None:
            self._fail(str(exc or "the connection was closed without an answer"))

    # What the parser calls

    def on_header(self, name: bytes, _: bytes) -> None:
        """Whether the answer says where it ends."""
        self._has_length = self._has_length or name.lower() in LENGTH_HEADERS

    def on_headers_complete(self) -> None:
        """The status is known."""
        self._status = self._parser.get_status_code()

    def on_body(self, data: bytes) -> None:
        """A piece of the body, as far as anyone wants to read it."""
        self._body += data
        if len(self._body) > REPLY_MAX_BYTES:
            self._finish()

    def on_message_complete(self) -> None:
        """The end, or that of an informational answer: then the real one follows."""
        if self._status >= 200:
            self.reusable = self._parser.should_keep_alive()
            self._finish()

    # What the poster calls

    @property
    def is_open(self) -> bool:
        """Whether it may carry another exchange."""
        return self.reusable and self._transport is not None and not self._transport.is_closing()

    def send(self, message: bytes) -> asyncio.Future[Reply]:
        """Write a request; the reply comes in its time."""
        if self._transport is None:
            raise ConnectionResetError("the connection was closed before anything was sent")
        self._parser = httptools.HttpResponseParser(self)
        self._status, self._body, self._wire_bytes = 0, b"", 0
        self._has_length = self.reusable = False
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return self._answer

    def give_up(self) -> None:
        """Wait no longer."""
        self._fail("no answer in time")

    def close(self) -> None:
        """Hang up."""
        self.reusable = False
        if self._transport is not None:
            self._transport.abort()

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_result(Reply(self._status, self._body[:REPLY_MAX_BYTES]))

    def _fail(self, why: str) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and not answer.done():
            answer.set_exception(ConnectionResetError(why))
        self.close()

    _status = 0
    _has_length = False
    _wire_bytes = 0
    _body = b""
    _parser: httptools.HttpResponseParser


class Poster:
    """Keeps lines to whoever was called lately. ``judge`` is asked for each address before it is called."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._idle: defaultdict[Origin, list[Line]] = defaultdict(list)
        self._busy_count = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._trusted: ssl.SSLContext | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], limit_seconds: float | None) -> Reply:
        """The merchant's answer. Raises OSError, of which TimeoutError is one, when there is none."""
        target = _taken_apart(url)
        message = _message(target, body, headers)
        await self._take_slot()
        try:
            line = self._kept(target.origin) or await self._dial(target.origin)
            alarm = asyncio.get_running_loop().call_later(limit_seconds, line.give_up) if limit_seconds else None
            try:
                return await line.send(message)
            finally:
                if alarm is not None:
                    alarm.cancel()
                self._put_back(target.origin, line)
        finally:
            self._give_slot()

    def trust(self, context: ssl.SSLContext) -> None:
        """Whom to believe over TLS, and what to show, instead of the public authorities and nothing."""
        self._trusted = context

    def close(self) -> None:
        """Hang up everywhere."""
        for lines in self._idle.values():
            for line in lines:
                line.close()
        self._idle.clear()

    async def _take_slot(self) -> None:
        while self._busy_count >= CONNECTIONS_MAX:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            try:
                await turn
            except asyncio.CancelledError:
                if turn.done() and not turn.cancelled():  # its turn had come: the next one gets it
                    self._wake_one()
                raise
        self._busy_count += 1

    def _give_slot(self) -> None:
        self._busy_count -= 1
        self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # whoever waited may have been cancelled
                turn.set_result(None)
                return

    def _kept(self, origin: Origin) -> Line | None:
        lines, now_seconds = self._idle[origin], asyncio.get_running_loop().time()
        while lines:
            line = lines.pop()
            if line.is_open and now_seconds - line.idle_since_seconds < KEEP_ALIVE_SECONDS:
                return line
            line.close()
        return None

    def _put_back(self, origin: Origin, line: Line) -> None:
        if line.is_open:
            line.idle_since_seconds = asyncio.get_running_loop().time()
            self._idle[origin].append(line)
        else:
            line.close()

    async def _dial(self, origin: Origin) -> Line:
        """A new line, to the first address that answers. The address is judged after its name was resolved."""
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        secured = self._trust() if scheme == "https" else None
        failed: OSError = ConnectionError(f"{host} has no address")
        for _, _, _, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            found = str(address[0]).partition("%")[0]
            self._judge(found)
            try:
                async with asyncio.timeout(CONNECT_LIMIT_SECONDS):
                    _, line = await loop.create_connection(
                        Line, found, port, ssl=secured, server_hostname=host if secured else None
                    )
            except OSError as trouble:
                failed = trouble
            else:
                return line
        raise failed

    def _trust(self) -> ssl.SSLContext:
        self._trusted = self._trusted or ssl.create_default_context()
        return self._trusted


def _taken_apart(url: str) -> Target:
    plain = PLAIN_URL.fullmatch(url)
    if plain is not None:
        host, port, path = plain.groups()
        return Target(("http", host, int(port)), path, f"{host}:{port}")
    return _taken_apart_with_care(url)


def _taken_apart_with_care(url: str) -> Target:
    parts = urlsplit(url)
    host = (parts.hostname or "").encode("idna").decode()
    port = parts.port or (443 if parts.scheme == "https" else 80)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    if not (path.isascii() and path.isprintable()):
        path = quote(path, safe=URL_SAFE)
    shown = f"[{host}]" if ":" in host else host
    return Target((parts.scheme, host, port), path, shown if parts.port is None else f"{shown}:{port}")


def _message(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = ""
    for name, value in headers.items():
        lines += f"{name}: {value}\r\n"
    head = (
        f"POST {target.path} HTTP/1.1\r\nHost: {target.host_header}\r\nUser-Agent: Wakala-Simulator\r\n"
        f"Accept-Encoding: identity\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("latin-1") + body
