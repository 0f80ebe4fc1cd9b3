"""HTTP/1.1 between a client that believes it speaks to Daraja, and the program that answers instead. By h11."""

import asyncio
from dataclasses import dataclass
from typing import Generic, TypeVar
from urllib.parse import urlsplit

import h11

from wakala.redirect import LIVE_HOST, SANDBOX_HOST

BODY_LIMIT_BYTES = 1_048_576
"""Daraja's messages have some hundred bytes; more than this is not one of them."""

READ_BYTES = 65_536
ANSWER_LIMIT_S = 120.0
"""Longer than any SDK waits: which of both gives up first is the SDK's business."""

_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authorization", b"proxy-connection", b"te", b"transfer-encoding", b"upgrade"}
)


class RefusedError(Exception):
    """Not one of Daraja's two hosts, or no request at all; the text is the answer."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status = status
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Answering:
    """Who answers for each host: base URLs of plain HTTP, without a slash at the end."""

    by_host: dict[str, str]

    def url(self, host: str) -> str:
        """The base URL for a host. Raises RefusedError for any host but Daraja's two."""
        name, _, port = host.lower().partition(":")
        if name not in self.by_host or port not in {"", "443"}:
            raise RefusedError(403, f"This proxy answers for {SANDBOX_HOST} and {LIVE_HOST} only, not for {host}.")
        return self.by_host[name]


Head = TypeVar("Head", h11.Request, h11.Response)


@dataclass(frozen=True, slots=True)
class Whole(Generic[Head]):
    """A request or an answer with all of its body."""

    head: Head
    body: bytes


async def read_whole(connection: h11.Connection, reader: asyncio.StreamReader, kind: type[Head]) -> Whole[Head] | None:
    """The next message; None where the other side hung up between two."""
    head: Head | None = None
    body: list[bytes] = []
    size = 0
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, kind):
            head = event
        elif isinstance(event, h11.Data):
            size += len(event.data)
            if size > BODY_LIMIT_BYTES:
                raise RefusedError(413, f"More than {BODY_LIMIT_BYTES} bytes is no message of Daraja's.")
            body.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Whole(head, b"".join(body))
        elif event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
            return None


async def forward(request: Whole[h11.Request], answering: Answering, tunnel_host: str | None) -> Whole[h11.Response]:
    """Carry a request to the program that answers for its host, and bring the answer.

    ``tunnel_host`` is the host that CONNECT named; without one the request itself names it.
    """
    head = request.head
    target = urlsplit(head.target.decode("latin-1"))
    base = urlsplit(answering.url(_host_of(head, target.netloc, tunnel_host)))
    path = base.path + (target.path or "/") + (f"?{target.query}" if target.query else "")
    headers = [(b"Host", base.netloc.encode()), (b"Connection", b"close")]
    headers += _passed_on(head, b"host")
    if not any(name.lower() == b"content-length" for name, _ in headers) and (request.body or head.method == b"POST"):
        headers.append((b"Content-Length", str(len(request.body)).encode()))
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return await _exchange(base.hostname or "", base.port or 80, head.method, path, headers, request.body)
    except (OSError, h11.RemoteProtocolError, TimeoutError) as trouble:
        said = str(trouble) or type(trouble).__name__
        raise RefusedError(502, f"Nobody answers for {base.netloc}: {said}. Is it running?") from trouble


def _host_of(head: h11.Request, target_host: str, tunnel_host: str | None) -> str:
    named = dict(head.headers).get(b"host", b"").decode("latin-1")
    host = tunnel_host or target_host or named
    if tunnel_host and named and named.lower().partition(":")[0] != tunnel_host.lower().partition(":")[0]:
        raise RefusedError(403, f"The tunnel leads to {tunnel_host}; the request in it is for {named}.")
    return host


async def _exchange(
    host: str, port: int, method: bytes, path: str, headers: list[tuple[bytes, bytes]], body: bytes
) -> Whole[h11.Response]:
    reader, writer = await asyncio.open_connection(host, port)
    connection = h11.Connection(h11.CLIENT)
    try:
        for event in (
            h11.Request(method=method, target=path, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            if not isinstance(event, h11.Data) or body:
                writer.write(connection.send(event) or b"")
        await writer.drain()
        answer = await read_whole(connection, reader, h11.Response)
    finally:
        writer.close()
    if answer is None:
        raise h11.RemoteProtocolError("it hung up without an answer")
    return answer


def written(connection: h11.Connection, answer: Whole[h11.Response]) -> bytes:
    """An answer as bytes, with a length of its own."""
    head = answer.head
    headers = _passed_on(head, b"content-length")
    headers.append((b"Content-Length", str(len(answer.body)).encode()))
    parts = [connection.send(h11.Response(status_code=head.status_code, headers=headers, reason=head.reason))]
    if answer.body:
        parts.append(connection.send(h11.Data(data=answer.body)))
    parts.append(connection.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)


def _passed_on(head: h11.Request | h11.Response, but: bytes) -> list[tuple[bytes, bytes]]:
    """Headers as they were spelled, without those that concern one connection only."""
    return [(name, value) for name, value in head.headers.raw_items() if name.lower() not in _HOP_BY_HOP | {but}]


def sentence(status: int, text: str) -> Whole[h11.Response]:
    """An answer of the proxy's own."""
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Connection", "close")]
    return Whole(h11.Response(status_code=status, headers=headers), f"wakala redirect: {text}\n".encode())
