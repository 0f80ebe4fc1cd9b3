"""The Broker's own port: mutual TLS, beside the simulator's ordinary one and in the same loop."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from wakala.simulator.broker import certificates
from wakala.simulator.broker.door import Broker
from wakala.simulator.machine import Simulator

CLOSING_SECONDS = 1  # a socket that a fault holds open does not hold up the end


@dataclass(frozen=True, slots=True)
class Door:
    """Where the Broker is to listen, and where its certificates lie or are put."""

    port: int
    folder: Path
    host: str = "127.0.0.1"
    server: str = "server"  # which of the certificates it shows


@dataclass(frozen=True, slots=True)
class Listening:
    """A Broker that is served."""

    broker: Broker
    url: str


class _Quiet(uvicorn.Server):
    """Signals are the business of the server beside it."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


@asynccontextmanager
async def listening(simulator: Simulator, door: Door) -> AsyncIterator[Listening]:
    """Serve as long as the block lasts."""
    certificates.write_all(door.folder, datetime.now(UTC))
    simulator.courier.show(certificates.calling_context(door.folder, door.server))
    broker = Broker(simulator)
    config = uvicorn.Config(
        broker.app(),
        http="httptools",
        ws="none",
        lifespan="off",
        log_level="critical",
        access_log=False,
        timeout_graceful_shutdown=CLOSING_SECONDS,
    )
    config.load()
    config.ssl = certificates.server_context(door.folder, door.server)
    with socket.create_server((door.host, door.port), backlog=512) as listener:
        port = listener.getsockname()[1]
        server = _Quiet(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield Listening(broker, f"https://{door.host}:{port}")
        finally:
            server.should_exit = True
            await running
