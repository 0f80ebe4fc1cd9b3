"""One call to Daraja from the first byte to the last: read it, let its API answer, write it down, send the answer."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

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


class BodyTooLargeError(Exception):
    """More bytes than anyone needs."""


@dataclass(slots=True)
class Incoming:
    """A call as its API sees it. The API notes here which faults struck it."""

    kind: str
    method: str
    path: str
    query: dict[str, str]
    authorization: str
    content_type: str
    body: bytes
    app_key: str = ""  # a header of Bill Manager's (daraja.md 1.3)
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back; ``after`` runs when the last byte has left. The reason goes to the call log only."""

    body: dict[str, Any]
    after: Callable[[], object] | None = None
    reason: str = ""


Api = Callable[[Simulator, Incoming], Awaitable[Answer]]


def daraja(kind: str, api: Api) -> Callable[[Request], Awaitable[Response]]:
    """The Starlette endpoint of one API."""

    async def endpoint(request: Request) -> Response:
        simulator: Simulator = request.app.state.simulator
        started = time.monotonic()
        call = await _read(kind, request)
        try:
            answer = await api(simulator, call)
        except Refusal as refusal:
            response = _refused(refusal, simulator.world.next_request_id())
            response.background = _afterwards(refusal.after)
            reason = refusal.reason
        else:
            response = Response(msgspec.json.encode(answer.body), media_type=JSON_TYPE)
            response.background = _afterwards(answer.after)
            reason = answer.reason
        simulator.calls.add(
            at=simulator.clock.now(),
            direction="in",
            kind=kind,
            method=call.method,
            target=request.url.path,
            request=call.body,
            status=response.status_code,
            answer=bytes(response.body),
            reason=reason,
            took_ms=int((time.monotonic() - started) * 1000),
            faults=tuple(call.faults),
        )
        return response

    return endpoint


async def read_body(request: Request, max_bytes: int = BODY_MAX_BYTES) -> bytes:
    """The body, or BodyTooLargeError as soon as it is longer; the server itself sets no limit."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > max_bytes:
            raise BodyTooLargeError
    return bytes(body)


async def _read(kind: str, request: Request) -> Incoming:
    try:
        body = await read_body(request, BULK_MAX_BYTES if kind in BULK_KINDS else BODY_MAX_BYTES)
    except BodyTooLargeError:
        body = b""
    return Incoming(
        kind=kind,
        method=request.method,
        path=request.url.path,
        query=dict(request.query_params),
        authorization=request.headers.get("authorization", ""),
        content_type=request.headers.get("content-type", "").lower(),
        body=body,
        app_key=request.headers.get("appkey", ""),
    )


OWN_PATHS = ("/simulator", "/page/", "/static/", "/favicon.ico")
"""Not M-Pesa's: a wrong one among them is no call of a merchant's."""


async def no_such_path(request: Request, _: Exception) -> Response:
    """A path that belongs to no part of the simulator; answered as Daraja does, without asking for a token."""
    simulator: Simulator = request.app.state.simulator
    refusal = refusals.resource_not_found(request.url.path)
    response = _refused(refusal, simulator.world.next_request_id())
    if not request.url.path.startswith(OWN_PATHS):
        simulator.calls.add(
            at=simulator.clock.now(),
            direction="in",
            kind="unknown",
            method=request.method,
            target=request.url.path,
            request=b"",
            status=response.status_code,
            answer=bytes(response.body),
            reason=refusal.reason,
            took_ms=0,
        )
    return response


def _refused(refusal: Refusal, request_id: str) -> Response:
    headers = {REASON_HEADER: refusal.reason.encode("ascii", "replace").decode().replace("\n", " ")}
    if refusal.page:
        return Response(refusal.page, refusal.status, headers, media_type="text/html")
    if refusal.body is not None:
        body = msgspec.json.encode(refusal.body)
    elif refusal.code:
        body = msgspec.json.encode(
            {"requestId": request_id, "errorCode": refusal.code, "errorMessage": refusal.message}
        )
    else:
        return Response(status_code=refusal.status, headers=headers)
    return Response(body, refusal.status, headers, media_type=JSON_TYPE)


def _afterwards(action: Callable[[], object] | None) -> BackgroundTask | None:
    if action is None:
        return None

    async def run() -> None:  # asynchronous, else Starlette would run it on a thread
        action()

    return BackgroundTask(run)
