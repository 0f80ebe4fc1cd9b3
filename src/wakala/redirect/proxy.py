"""The proxy itself. It listens on loopback and knows three ways in.

- ``CONNECT sandbox.safaricom.co.ke:443`` and then TLS, as proxies are used;
- TLS at once and a whole URL in the request line, as axios before 0.19 uses them (its issue 925);
- TLS at once for Daraja's name, from clients whose connections were led here.
"""

import asyncio
import contextlib
import socket
import ssl

import h11

from wakala.redirect.messages import Answering, RefusedError, Whole, forward, read_whole, sentence, written

LISTEN_HOST = "127.0.0.1"
"""Never anything else: who reaches this port is answered as Daraja."""

TLS_HANDSHAKE = b"\x16"
CONNECTION_LIMIT = 200
FIRST_BYTE_LIMIT_S = 10.0
CLOSE_LIMIT_S = 2.0


class Proxy:
    """One listening socket."""

    def __init__(self, answering: Answering, tls: ssl.SSLContext) -> None:
        self._answering = answering
        self._tls = tls
        self._socket: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, port: int) -> str:
        """Listen; port 0 takes a free one. Returns the proxy's URL."""
        listening = socket.create_server((LISTEN_HOST, port), backlog=128)
        listening.setblocking(False)
        self._socket = listening
        self._accepting = asyncio.create_task(self._accept(listening))
        return f"http://{LISTEN_HOST}:{listening.getsockname()[1]}"

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._accepting is not None:
            self._accepting.cancel()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_LIMIT_S)
        if self._socket is not None:
            self._socket.close()

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listening)
            if len(self._tasks) >= CONNECTION_LIMIT:
                client.close()
                continue
            task = asyncio.create_task(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, client: socket.socket) -> None:
        """One connection from its first byte to its last."""
        with client, contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(FIRST_BYTE_LIMIT_S):
                first = await _peek(client)
            if not first:
                return
            reader, writer = await _streams(client, self._tls if first == TLS_HANDSHAKE else None)
            try:
                if first == TLS_HANDSHAKE:
                    await self._answer_all(reader, writer, None)
                else:
                    await self._tunnel(reader, writer)
            finally:
                writer.close()
                with contextlib.suppress(OSError, TimeoutError):
                    await asyncio.wait_for(writer.wait_closed(), CLOSE_LIMIT_S)

    async def _tunnel(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """``CONNECT`` and what it leads to."""
        connection = h11.Connection(h11.SERVER)
        try:
            asked = await _read(connection, reader)
            if asked is None:
                return
            host = self._tunnelled_host(asked.head)
        except RefusedError as refused:
            writer.write(_refusal(connection, refused))
            await writer.drain()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await writer.drain()
        await writer.start_tls(self._tls)
        await self._answer_all(reader, writer, host)

    def _tunnelled_host(self, head: h11.Request) -> str:
        if head.method != b"CONNECT":
            raise RefusedError(403, "This proxy takes CONNECT for Daraja's two hosts, and nothing in the clear.")
        host = head.target.decode("latin-1")
        self._answering.url(host)
        return host

    async def _answer_all(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, tunnel_host: str | None
    ) -> None:
        """Request after request, until the client has had enough."""
        connection = h11.Connection(h11.SERVER)
        while True:
            try:
                request = await _read(connection, reader)
                if request is None:
                    return
                answer = await forward(request, self._answering, tunnel_host)
            except RefusedError as refused:
                writer.write(_refusal(connection, refused))
                await writer.drain()
                return
            writer.write(written(connection, answer))
            await writer.drain()
            if connection.our_state is h11.MUST_CLOSE or connection.their_state is not h11.DONE:
                return
            connection.start_next_cycle()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> Whole[h11.Request] | None:
    try:
        return await read_whole(connection, reader, h11.Request)
    except h11.RemoteProtocolError as broken:
        raise RefusedError(400, f"That is no HTTP request: {broken}.") from broken


def _refusal(connection: h11.Connection, refused: RefusedError) -> bytes:
    try:
        return written(connection, sentence(refused.status, str(refused)))
    except h11.LocalProtocolError:  # its side of the conversation is beyond an answer by the rules
        return written(h11.Connection(h11.SERVER), sentence(refused.status, str(refused)))


async def _peek(client: socket.socket) -> bytes:
    """The first byte, left where it is; nothing when the other side hung up."""
    loop = asyncio.get_running_loop()
    client.setblocking(False)
    while True:
        try:
            return client.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            readable = loop.create_future()
            loop.add_reader(client, _set, readable)
            try:
                await readable
            finally:
                loop.remove_reader(client)


def _set(readable: "asyncio.Future[None]") -> None:
    if not readable.done():
        readable.set_result(None)


async def _streams(
    client: socket.socket, tls: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    loop = asyncio.get_running_loop()
    connected: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = loop.create_future()
    reader = asyncio.StreamReader()
    # A protocol with a callback is the server's side; so ``start_tls`` knows which half of the handshake is ours.
    protocol = asyncio.StreamReaderProtocol(reader, lambda r, w: connected.set_result((r, w)))
    await loop.connect_accepted_socket(lambda: protocol, client, ssl=tls)
    return await connected
