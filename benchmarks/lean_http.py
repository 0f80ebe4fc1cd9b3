"""The leanest HTTP/1.1 that Python allows: asyncio transports and httptools.

No redirects, no limits, no repeats. It is the floor that real clients are compared with, and the load driver's own
voice, so that the driver does not become the thing that is measured. Not a client to ship.
"""

import asyncio
import itertools
from collections.abc import Callable, Sequence
from typing import cast

import httptools

HOST = "127.0.0.1"
ANSWER_TIMEOUT_S = 20
JSON = b"Content-Type: application/json\r\n"

# Path and body in; status and body out. A server here is one plain function.
Handler = Callable[[bytes, bytes], tuple[int, bytes]]


class Connection(asyncio.Protocol):
    """A kept connection that carries one request at a time."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[tuple[int, bytes]] | None = None
        self.body: list[bytes] = []
        self.keep = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.answer and not self.answer.done():
            self.answer.set_exception(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        self.keep = self.parser.should_keep_alive()
        answer, self.answer = self.answer, None
        if answer and not answer.done():
            answer.set_result((self.parser.get_status_code(), b"".join(self.body)))

    def give_up(self) -> None:
        if self.answer and not self.answer.done():
            self.answer.set_exception(TimeoutError(f"no answer within {ANSWER_TIMEOUT_S} s"))
        if self.transport is not None:
            self.transport.abort()

    def send(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        assert self.transport is not None
        self.parser = httptools.HttpResponseParser(self)
        self.body = []
        self.answer = self.loop.create_future()
        self.transport.write(request)
        return self.answer


class Client:
    """Kept connections to one port; as many as there are requests at once."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.host_line = b"Host: %b:%d\r\n" % (HOST.encode(), port)
        self.free: list[Connection] = []

    async def post(self, path: bytes, headers: bytes, body: bytes) -> tuple[int, bytes]:
        connection = await self._take()
        alarm = connection.loop.call_later(ANSWER_TIMEOUT_S, connection.give_up)
        request = b"POST %b HTTP/1.1\r\n%b%bContent-Length: %d\r\n\r\n%b"
        try:
            answer = await connection.send(request % (path, self.host_line, headers, len(body), body))
        finally:
            alarm.cancel()
        if connection.keep and connection.transport is not None:
            self.free.append(connection)
        return answer

    async def _take(self) -> Connection:
        while self.free:
            connection = self.free.pop()
            if connection.transport is not None:
                return connection
        _, connection = await asyncio.get_running_loop().create_connection(Connection, HOST, self.port)
        return connection


class Turns:
    """One client after the other, as a load balancer would."""

    def __init__(self, clients: Sequence[Client]) -> None:
        self.post = clients[0].post if len(clients) == 1 else self.in_turn
        self.turns = itertools.cycle(clients)

    async def in_turn(self, path: bytes, headers: bytes, body: bytes) -> tuple[int, bytes]:
        return await next(self.turns).post(path, headers, body)


class Peer(asyncio.Protocol):
    """One connection of a server that answers with a plain function."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.url = b""
        self.body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_begin(self) -> None:
        self.url, self.body = b"", []

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_body(self, data: bytes) -> None:
        self.body.append(data)

    def on_message_complete(self) -> None:
        status, answer = self.handler(self.url, b"".join(self.body))
        self.transport.write(b"HTTP/1.1 %d X\r\n%bContent-Length: %d\r\n\r\n%b" % (status, JSON, len(answer), answer))


async def serve(port: int, handler: Handler) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(lambda: Peer(handler), HOST, port)
