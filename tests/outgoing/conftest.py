"""A server of bytes: each connection is a script, and every byte that arrives is written down."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field

import pytest
import uvloop

from wakala.outgoing import Outgoing

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Each promise twice: on the loop that the gateway runs on, and on the one that its command line uses."""
    return {"uvloop": uvloop.new_event_loop, "asyncio": asyncio.SelectorEventLoop}


@dataclass
class Wire:
    """What arrived, connection by connection."""

    port: int = 0
    script: Script | None = None
    connections: list[bytearray] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def requests(self) -> int:
        """How many requests were begun, over all connections."""
        return sum(bytes(got).count(b" /hook HTTP/1.1\r\n") for got in self.connections)

    async def request(self, reader: asyncio.StreamReader) -> bytes:
        """Read one whole request off the newest connection."""
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            (
                int(line.partition(b":")[2])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length")
            ),
            0,
        )
        whole = head + await reader.readexactly(length)
        self.connections[-1].extend(whole)
        return whole


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    tasks: set[asyncio.Task[None] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        wire.connections.append(bytearray())
        assert wire.script is not None
        try:
            await wire.script(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    wire.port = server.sockets[0].getsockname()[1]
    yield wire
    for task in tasks:
        if task is not None:
            task.cancel()
    server.close()
    await server.wait_closed()
    await asyncio.gather(*(task for task in tasks if task), return_exceptions=True)


@pytest.fixture
async def client() -> AsyncIterator[Outgoing]:
    client = Outgoing(guarded=False)
    await client.open()
    yield client
    await client.close()


@pytest.fixture
async def guarded() -> AsyncIterator[Outgoing]:
    client = Outgoing(guarded=True)
    await client.open()
    yield client
    await client.close()
