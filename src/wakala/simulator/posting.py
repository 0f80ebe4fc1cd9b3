"""Posting to merchants over HTTP/1.1, with no more ceremony than a callback needs.

Callbacks are most of what a busy simulator does, and a general client would cost several times as much. Nothing is sent
twice by itself: no redirects, no repeats; no cookies, no compression, no proxies from the environment.
"""

import asyncio
import re
import socket
import ssl
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from functools import partial
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

SWEEP_SECONDS = 0.5
"""How often letters that were posted at once are looked at; so one is given up half a second late at most. An alarm for
each would cost as much as writing it."""


class Reply(msgspec.Struct, frozen=True):
    """What the merchant said."""

    status: int
    body: bytes


Told = Callable[[Reply | OSError], object]
"""Takes what became of a letter."""


class Target(msgspec.Struct, frozen=True):
    """A URL, taken apart for the wire."""

    origin: Origin
    path: str
    host_header: str


class Line(asyncio.Protocol):
    """One connection that carries one exchange at a time."""

    def __init__(self) -> None:
        self.idle_since_seconds = 0.0
        self.due_seconds = 0.0  # when whoever posted at once gives up
        self.reusable = False
        self._transport: asyncio.Transport | None = None
        self._tell: Told | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._status = 0
        self._has_length = False
        self._wire_bytes = 0
        self._body = b""

    # What the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The line is open."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """A piece of the answer; without a question it spoils the line."""
        self._wire_bytes += len(data)
        if self._tell is None or self._wire_bytes > WIRE_MAX_BYTES:
            self._fail("the answer is too long")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as broken:
            self._fail(f"what came is no HTTP answer ({broken})")

    def connection_lost(self, exc: Exception | None) -> None:
        """The end, which is also how an answer without a length ends."""
        self._transport, self.reusable = None, False
        if self._status >= 200 and not self._has_length and exc is None:
            self._finish()
        if self._tell is not None:
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

    def send(self, message: bytes, tell: Told) -> None:
        """Write a request; what became of it is told in its time."""
        if self._transport is None:
            raise ConnectionResetError("the connection was closed before anything was sent")
        self._status, self._body, self._wire_bytes = 0, b"", 0
        self._has_length = self.reusable = False
        self._tell = tell
        self._transport.write(message)

    def give_up(self) -> None:
        """Wait no longer."""
        self._fail("no answer in time")

    def close(self, *, silently: bool = False) -> None:
        """Hang up; ``silently`` tells nobody."""
        self.reusable = False
        if silently:
            self._tell = None
        if self._transport is not None:
            self._transport.abort()

    def _finish(self) -> None:
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(Reply(self._status, self._body[:REPLY_MAX_BYTES]))

    def _fail(self, why: str) -> None:
        tell, self._tell = self._tell, None
        self.close()
        if tell is not None:
            tell(ConnectionResetError(why))


class Poster:
    """Keeps lines to whoever was called lately. ``judge`` is asked for each address before it is called."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._idle: defaultdict[Origin, list[Line]] = defaultdict(list)
        self._busy_count = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._posted: set[Line] = set()  # the lines whose letters were posted at once
        self._sweeper: asyncio.TimerHandle | None = None
        self._trusted: ssl.SSLContext | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str], limit_seconds: float | None) -> Reply:
        """The merchant's answer. Raises OSError, of which TimeoutError is one, when there is none."""
        target = _taken_apart(url)
        message = _message(target, body, headers)
        await self._take_slot()
        try:
            line = self._kept(target.origin) or await self._dial(target.origin)
            loop = asyncio.get_running_loop()
            told: asyncio.Future[Reply] = loop.create_future()
            alarm = loop.call_later(limit_seconds, line.give_up) if limit_seconds else None
            try:
                line.send(message, partial(_tell, told))
                return await told
            finally:
                if alarm is not None:
                    alarm.cancel()
                self._put_back(target.origin, line)
        finally:
            self._give_slot()

    def ready(self, url: str) -> tuple[Target, Line] | None:
        """A line that may carry a letter to this plain URL now; without one ``post`` opens it, or waits its turn."""
        if self._waiting or self._busy_count >= CONNECTIONS_MAX:
            return None
        target = _plain(url)
        line = self._kept(target.origin) if target is not None else None
        if target is None or line is None:
            return None
        return target, line

    def post_at_once(
        self,
        ready: tuple[Target, Line],
        body: bytes,
        headers: Mapping[str, str],
        limit_seconds: float,
        tell: Told,
    ) -> None:
        """Write on a line that is ready. The reply is told, or the OSError that came instead of it."""
        target, line = ready
        message = _message(target, body, headers)

        def told(reply: Reply | OSError) -> None:
            self._posted.discard(line)
            self._put_back(target.origin, line)
            self._give_slot()
            tell(reply)

        self._busy_count += 1
        self._posted.add(line)
        line.due_seconds = time.monotonic() + limit_seconds
        line.send(message, told)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

    def drop_posted(self) -> None:
        """Hang up on the letters that were posted at once. Nobody is told what became of them."""
        for line in self._posted:
            line.close(silently=True)
            self._give_slot()
        self._posted.clear()

    def trust(self, context: ssl.SSLContext) -> None:
        """Whom to believe over TLS, and what to show, instead of the public authorities and nothing."""
        self._trusted = context

    def close(self) -> None:
        """Hang up everywhere."""
        self.drop_posted()
        if self._sweeper is not None:
            self._sweeper.cancel()
        for lines in self._idle.values():
            for line in lines:
                line.close()
        self._idle.clear()

    def _sweep(self) -> None:
        """Give up what has waited too long."""
        self._sweeper = None
        now_seconds = time.monotonic()
        for line in tuple(self._posted):
            if line.due_seconds <= now_seconds:
                line.give_up()
        if self._posted:
            self._sweeper = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep)

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
        lines, now_seconds = self._idle[origin], time.monotonic()
        while lines:
            line = lines.pop()
            if line.is_open and now_seconds - line.idle_since_seconds < KEEP_ALIVE_SECONDS:
                return line
            line.close()
        return None

    def _put_back(self, origin: Origin, line: Line) -> None:
        if line.is_open:
            line.idle_since_seconds = time.monotonic()
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


def _tell(told: asyncio.Future[Reply], reply: Reply | OSError) -> None:
    if told.done():  # whoever waited may have been cancelled
        return
    if isinstance(reply, OSError):
        told.set_exception(reply)
    else:
        told.set_result(reply)


def _taken_apart(url: str) -> Target:
    return _plain(url) or _taken_apart_with_care(url)


def _plain(url: str) -> Target | None:
    plain = PLAIN_URL.fullmatch(url)
    if plain is None:
        return None
    host, port, path = plain.groups()
    return Target(("http", host, int(port)), path, f"{host}:{port}")


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
