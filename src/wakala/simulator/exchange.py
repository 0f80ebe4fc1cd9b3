"""One call to Daraja from the first byte to the last: read it, let its API answer, write it down, send the answer."""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from wakala.reception import Call, Leaving, header_lines
from wakala.simulator import refusals
from wakala.simulator.machine import Simulator
from wakala.simulator.messages import JSON_TYPE
from wakala.simulator.refusals import Refusal

BODY_MAX_BYTES = 64 * 1024
"""A Daraja request has a few hundred bytes."""

BULK_MAX_BYTES = 1024 * 1024
"""Bill Manager's thousand invoices have more (daraja.md 2.16)."""

BULK_KINDS = ("billmanager_invoices", "billmanager_cancel")

REASON_HEADER = "X-Simulator-Reason"
JSON_HEADERS = {"Content-Type": JSON_TYPE}
JSON_LINE = f"content-type: {JSON_TYPE}\r\n".encode()


class BodyTooLargeError(Exception):
    """More bytes than anyone needs."""


class Incoming(msgspec.Struct):
    """A call as its API sees it. The API notes here which faults struck it."""

    kind: str
    method: str
    path: str
    authorization: str
    content_type: str
    app_key: str  # a header of Bill Manager's (daraja.md 1.3)
    query: dict[str, str] = {}
    body: bytes = b""
    faults: list[str] = []


class Answer(msgspec.Struct, frozen=True):
    """What is sent back; ``after`` runs when the last byte has left. The reason goes to the call log only."""

    body: dict[str, Any]
    after: Callable[[], object] | None = None
    reason: str = ""


Api = Callable[[Simulator, Incoming], Awaitable[Answer]]


class Sent(msgspec.Struct, frozen=True):
    """What goes out, byte for byte."""

    status: int
    body: bytes
    headers: dict[str, str]

    @property
    def head(self) -> bytes:
        """The headers as they stand on the wire."""
        return JSON_LINE if self.headers is JSON_HEADERS else header_lines(_pairs(self.headers))


After = Callable[[], object]
Called = Callable[[Scope, Receive, Send], Awaitable[None]]


class HungUpError(Exception):
    """The caller left in the middle of its request."""


class Endpoint:
    """One API as its callers meet it: each call is answered and written down. An ASGI application as well."""

    def __init__(self, simulator: Simulator, kind: str, api: Api) -> None:
        self._simulator = simulator
        self._kind = kind
        self._api = api
        self.body_max_bytes = BULK_MAX_BYTES if kind in BULK_KINDS else BODY_MAX_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Read a call, answer it, and then do what comes after."""
        query = scope["query_string"]
        call = self.incoming(scope["method"], scope["path"], dict(scope["headers"]))
        call.query = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True)) if query else {}
        try:
            call.body = await _body(receive, self.body_max_bytes)
        except HungUpError:
            return
        sent, after = await self.answer(call)
        await _send(send, sent)
        if after is not None:
            after()

    async def take(self, call: Call) -> Leaving:
        """A call that came whole."""
        incoming = self.incoming("POST", call.url.decode("ascii"), dict(call.headers))
        incoming.body = call.body
        sent, after = await self.answer(incoming)
        return Leaving(sent.status, sent.head, sent.body, after)

    def incoming(self, method: str, path: str, headers: Mapping[bytes, bytes]) -> Incoming:
        """A call whose body is still to come; the headers' names are in small letters."""
        return Incoming(
            self._kind,
            method,
            path,
            headers.get(b"authorization", b"").decode("latin-1"),
            headers.get(b"content-type", b"").decode("latin-1").lower(),
            headers.get(b"appkey", b"").decode("latin-1"),
        )

    async def answer(self, call: Incoming) -> tuple[Sent, After | None]:
        """What is sent, already written down, and what to do when it has left."""
        simulator = self._simulator
        started = time.monotonic()
        after: After | None
        try:
            answer = await self._api(simulator, call)
        except Refusal as refusal:
            sent, reason, after = _refused(refusal, simulator.world.next_request_id()), refusal.reason, refusal.after
        else:
            sent, reason, after = _answered(answer), answer.reason, answer.after
        simulator.calls.add(
            at_seconds=simulator.clock.seconds(),
            direction="in",
            kind=self._kind,
            method=call.method,
            target=call.path,
            request=call.body,
            status=sent.status,
            answer=sent.body,
            reason=reason,
            took_ms=int((time.monotonic() - started) * 1000),
            faults=tuple(call.faults),
        )
        return sent, after


async def read_body(request: Request, max_bytes: int = BODY_MAX_BYTES) -> bytes:
    """The body, or BodyTooLargeError as soon as it is longer; the server itself sets no limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise BodyTooLargeError
    return bytes(body)


async def _body(receive: Receive, max_bytes: int) -> bytes:
    """The body; nothing as soon as it is longer, for nobody means such a one."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HungUpError
        body += message.get("body", b"")
        if len(body) > max_bytes:
            return b""
        if not message.get("more_body", False):
            return bytes(body)


async def _send(send: Send, sent: Sent) -> None:
    headers = [*_pairs(sent.headers), (b"content-length", b"%d" % len(sent.body))]
    await send({"type": "http.response.start", "status": sent.status, "headers": headers})
    await send({"type": "http.response.body", "body": sent.body})


def _pairs(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


OWN_PATHS = ("/simulator", "/page/", "/static/", "/favicon.ico")
"""Not M-Pesa's: a wrong one among them is no call of a merchant's."""


async def no_such_path(request: Request, _: Exception) -> Response:
    """A path that belongs to no part of the simulator; answered as Daraja does, without asking for a token."""
    simulator: Simulator = request.app.state.simulator
    refusal = refusals.resource_not_found(request.url.path)
    sent = _refused(refusal, simulator.world.next_request_id())
    if not request.url.path.startswith(OWN_PATHS):
        simulator.calls.add(
            at_seconds=simulator.clock.seconds(),
            direction="in",
            kind="unknown",
            method=request.method,
            target=request.url.path,
            request=b"",
            status=sent.status,
            answer=sent.body,
            reason=refusal.reason,
            took_ms=0,
        )
    return Response(sent.body, sent.status, sent.headers)


def _answered(answer: Answer) -> Sent:
    return Sent(200, msgspec.json.encode(answer.body), JSON_HEADERS)


def _refused(refusal: Refusal, request_id: str) -> Sent:
    reason = {REASON_HEADER: refusal.reason.encode("ascii", "replace").decode().replace("\n", " ")}
    if refusal.page:
        return Sent(refusal.status, refusal.page.encode(), reason | {"Content-Type": "text/html; charset=utf-8"})
    if refusal.body is not None:
        return Sent(refusal.status, msgspec.json.encode(refusal.body), reason | JSON_HEADERS)
    if not refusal.code:
        return Sent(refusal.status, b"", reason)
    envelope = {"requestId": request_id, "errorCode": refusal.code, "errorMessage": refusal.message}
    return Sent(refusal.status, msgspec.json.encode(envelope), reason | JSON_HEADERS)
