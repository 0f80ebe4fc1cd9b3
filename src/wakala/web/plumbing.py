"""From ASGI to one record in and one answer out. Every endpoint goes through here, so every error has one shape."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import quote

import msgspec
from starlette.types import Message, Receive, Scope, Send

from wakala.errors import MethodNotAllowedError, PayloadTooLargeError, StoppingError, WakalaError
from wakala.rules.addresses import Network, client_address, contains, forwarded_hops
from wakala.rules.exchange import BODY_LIMIT_BYTES
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
    """An ASGI endpoint around one handler. Bad input never becomes a 500; a bug becomes one, with a sentence."""

    def __init__(
        self,
        handler: Handler,
        surroundings: Surroundings,
        *,
        method: str | None = None,
        truncates: bool = False,
        body_limit_bytes: int = BODY_LIMIT_BYTES,
        refuse: Callable[[WakalaError], HttpAnswer] | None = None,
    ) -> None:
        self._body_limit_bytes = body_limit_bytes
        self._refuse = refuse
        self._handler = handler
        self._methods = {"GET": ("GET", "HEAD"), None: None}.get(method, (method,))
        self._surroundings = surroundings
        self._truncates = truncates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read, handle, answer."""
        try:
            self._check_method(scope["method"])
            incoming = await self._read(scope, receive)
            answer = await self._handler(incoming)
        except WakalaError as error:
            if error.status >= 500:
                log.warning("%s %s: %s", scope["method"], _template(scope["path"]), error.sentence)
            answer = self._refused(error, scope["path"])
        except asyncio.CancelledError:  # the process ends and waits no longer; this is the last that the caller hears
            answer = self._refused(StoppingError(CUT_SHORT), scope["path"])
        except Exception:
            log.exception("%s %s broke", scope["method"], _template(scope["path"]))
            answer = self._refused(WakalaError(), scope["path"])
        await respond(send, answer)

    def _refused(self, error: WakalaError, path: str) -> HttpAnswer:
        if self._refuse is not None:
            return self._refuse(error)
        return problem(error, self._surroundings.public_url, _instance(path))

    def _check_method(self, method: str) -> None:
        if self._methods is not None and method not in self._methods:
            raise MethodNotAllowedError

    async def _read(self, scope: Scope, receive: Receive) -> Incoming:
        surroundings = self._surroundings
        started_ns, started_us = time.perf_counter_ns(), surroundings.now_us()
        message = await receive()
        body = message.get("body", b"")
        if message.get("more_body"):
            body = await self._read_rest(body, receive)
        if len(body) > self._body_limit_bytes:
            if not self._truncates:
                raise PayloadTooLargeError
            body = body[: self._body_limit_bytes]
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
        peer = scope["client"][0] if scope.get("client") else ""
        if surroundings.trusted_proxies and contains(surroundings.trusted_proxies, peer):
            name = surroundings.forwarded_header
            hops = [hop for key, value in headers if key == name for hop in forwarded_hops(name, value)]
            peer = client_address(peer, hops, surroundings.trusted_proxies)
        return Incoming(
            method=scope["method"],
            path=_visible(scope["path"]),
            query=scope["query_string"].decode("latin-1"),
            parameters=scope.get("path_params", {}),
            headers=headers,
            body=body,
            peer=peer,
            started_us=started_us,
            started_ns=started_ns,
        )

    async def _read_rest(self, body: bytes, receive: Receive) -> bytes:
        chunks, size = [body], len(body)
        while True:
            message: Message = await receive()
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= self._body_limit_bytes + len(chunk):
                chunks.append(chunk)
            if not message.get("more_body") or size > 16 * self._body_limit_bytes:
                return b"".join(chunks)


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


async def respond(send: Send, answer: HttpAnswer) -> None:
    """Put an answer on the wire."""
    status, headers, body = answer
    raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers]
    raw.append((b"content-length", b"%d" % len(body)))
    raw.append((b"x-content-type-options", b"nosniff"))
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": body})
