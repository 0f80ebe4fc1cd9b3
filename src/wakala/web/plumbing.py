"""From ASGI to one record in and one answer out. Every endpoint goes through here, so every error has one shape."""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

import msgspec
from msgspec.structs import replace
from starlette.types import Message, Receive, Scope, Send

from wakala.errors import CallerError, MethodNotAllowedError, PayloadTooLargeError, StoppingError, WakalaError
from wakala.reception import Call, Leaving, Pairs, header_lines
from wakala.rules.addresses import Network, client_address, contains, forwarded_hops
from wakala.rules.exchange import BODY_LIMIT_BYTES, Headers
from wakala.wire.api import HttpAnswer, problem

log = logging.getLogger("wakala.web")


class Incoming(msgspec.Struct, frozen=True):
    """One HTTP request, whole. ``peer`` is the caller after the proxies that are trusted."""

    method: str
    path: str
    query: str
    parameters: dict[str, str]
    headers: tuple[tuple[str, str], ...]
    body: bytes
    peer: str
    started_us: int
    started_ns: int
    was_kept: bool = False  # while the database was away

    def header(self, name: str) -> str | None:
        """The first header of that name (lower case)."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def elapsed_us(self) -> int:
        """Since the first byte was in our hands."""
        return (time.perf_counter_ns() - self.started_ns) // 1000


CUT_SHORT = (
    "This gateway was stopped while it worked on your request. Send it again in a moment with the same RequestID: "
    "nothing is done twice."
)
Handler = Callable[[Incoming], Awaitable[HttpAnswer]]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the plumbing must know of the outside."""

    public_url: str
    trusted_proxies: tuple[Network, ...]
    forwarded_header: str
    now_us: Callable[[], int]


class Endpoint:
    """ASGI and a door around one handler. Bad input never becomes a 500; a bug becomes one, with a sentence.

    ``named`` are the parameters at the end of the path, one a part.
    """

    def __init__(
        self,
        handler: Handler,
        surroundings: Surroundings,
        *,
        method: str | None = None,
        truncates: bool = False,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
        refuse: Callable[[WakalaError], HttpAnswer] | None = None,
        named: tuple[str, ...] = (),
    ) -> None:
        self.body_max_bytes = body_limit_bytes
        self.takes_post = method in {"POST", None}
        self._refuse = refuse
        self._handler = handler
        self._methods = {"GET": ("GET", "HEAD"), None: None}.get(method, (method,))
        self._surroundings = surroundings
        self._truncates = truncates
        self._named = named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, handle, answer."""
        method, path = scope["method"], scope["path"]
        await respond(send, await self._answered(self._read_and_handle(scope, receive), method, path))

    async def take(self, call: Call) -> Leaving:
        """A POST that came whole, to a path without escapes."""
        path = call.url.decode("latin-1")
        return leaving(await self._answered(self._handle(call, path), "POST", path))

    async def _answered(self, work: Awaitable[HttpAnswer], method: str, path: str) -> HttpAnswer:
        try:
            return await work
        except WakalaError as error:
            if error.status >= 500:
                log.warning("%s %s: %s", method, _template(path), error.sentence)
            return self._refused(error, path)
        except asyncio.CancelledError:  # the process ends and waits no longer; this is the last that the caller hears
            return self._refused(StoppingError(CUT_SHORT), path)
        except Exception:
            log.exception("%s %s broke", method, _template(path))
            return self._refused(WakalaError(), path)

    def _refused(self, error: WakalaError, path: str) -> HttpAnswer:
        if self._refuse is not None:
            return self._refuse(error)
        return problem(error, self._surroundings.public_url, _instance(path))

    def _check_method(self, method: str) -> None:
        if self._methods is not None and method not in self._methods:
            raise MethodNotAllowedError

    async def _handle(self, call: Call, path: str) -> HttpAnswer:
        incoming = self._incoming("POST", path, call.headers, call.body, call.client, time.perf_counter_ns())
        return await self._handler(incoming)

    async def _read_and_handle(self, scope: Scope, receive: Receive) -> HttpAnswer:
        self._check_method(scope["method"])
        started_ns, started_us = time.perf_counter_ns(), self._surroundings.now_us()
        message = await self._piece(receive)
        body = message.get("body", b"")
        if message.get("more_body"):
            body = await self._read_rest(body, receive)
        if len(body) > self.body_max_bytes:
            if not self._truncates:
                raise PayloadTooLargeError
            body = body[: self.body_max_bytes]
        client = scope["client"][0] if scope.get("client") else ""
        incoming = self._incoming(scope["method"], scope["path"], scope["headers"], body, client, started_ns)
        query, parameters = scope["query_string"].decode("latin-1"), scope.get("path_params") or incoming.parameters
        return await self._handler(replace(incoming, started_us=started_us, query=query, parameters=parameters))

    def _incoming(self, method: str, path: str, raw: Pairs, body: bytes, peer: str, started_ns: int) -> Incoming:
        surroundings = self._surroundings
        headers = _texts(tuple(raw))
        if surroundings.trusted_proxies and contains(surroundings.trusted_proxies, peer):
            name = surroundings.forwarded_header
            hops = [hop for key, value in headers if key == name for hop in forwarded_hops(name, value)]
            peer = client_address(peer, hops, surroundings.trusted_proxies)
        named = self._named
        return Incoming(
            method=method,
            path=_visible(path),
            query="",
            parameters=dict(zip(named, path.split("/")[-len(named) :], strict=True)) if named else {},
            headers=headers,
            body=body,
            peer=peer,
            started_us=surroundings.now_us(),
            started_ns=started_ns,
        )

    async def _piece(self, receive: Receive) -> Message:
        """Of the body. Who hangs up before its end has asked for nothing; of a callback is kept what there is."""
        message = await receive()
        if message["type"] == "http.disconnect" and not self._truncates:
            raise CallerError
        return message

    async def _read_rest(self, body: bytes, receive: Receive) -> bytes:
        chunks, size = [body], len(body)
        while True:
            message = await self._piece(receive)
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= self.body_max_bytes + len(chunk):
                chunks.append(chunk)
            if not message.get("more_body") or size > 16 * self.body_max_bytes:
                return b"".join(chunks)


@lru_cache(maxsize=64)  # a caller's heads are much the same
def _texts(raw: tuple[tuple[bytes, bytes], ...]) -> Headers:
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw])


def _visible(path: str) -> str:
    """A path as it can be kept and shown: control characters in their percent form. PostgreSQL has no NUL in text."""
    return path if path.isprintable() else "".join(char if char.isprintable() else quote(char) for char in path)


def _template(path: str) -> str:
    """A path for logs and errors: callback and trace paths end in a secret."""
    for start, shown_parts in _SECRET_PATHS:
        if path.startswith(start):
            return "/".join(path.split("/")[:shown_parts]) + "/[secret]"
    return path


def _instance(path: str) -> str:
    """A path as a URI reference (RFC 9457), which repeats nothing that a browser could take for markup."""
    return quote(_template(path), safe="/:@[]")


_SECRET_PATHS = (("/callbacks/", 4), ("/trace/", 3))  # how many parts, with the empty first, come before the secret


NO_SNIFFING = (b"x-content-type-options", b"nosniff")


async def respond(send: Send, answer: HttpAnswer) -> None:
    """Put an answer on the wire."""
    status, headers, body = answer
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    raw.append((b"content-length", b"%d" % len(body)))
    raw.append(NO_SNIFFING)
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})


def leaving(answer: HttpAnswer) -> Leaving:
    """The same, for what came by a door."""
    status, headers, body = answer
    return Leaving(status, _lines(headers), body)


@lru_cache(maxsize=64)  # most answers have one of a few heads
def _lines(headers: Headers) -> bytes:
    pairs = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    if any(_CONTROLS.search(part) for pair in pairs for part in pair):
        raise ValueError("a header with a line break in it")  # who writes it writes answers of their own
    return header_lines([*pairs, NO_SNIFFING])


_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
