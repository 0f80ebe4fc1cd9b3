"""The Broker's own listener: TLS in which both sides show a certificate (broker.md 1.2)."""

import asyncio
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from wakala.simulator.broker import certificates
from wakala.simulator.broker.desk import create_desk
from wakala.simulator.machine import Simulator

SHUTDOWN_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """Where the Broker is to listen. Port 0 takes a free one; ``shows`` names its certificate in the folder."""

    port: int
    folder: Path
    host: str = "127.0.0.1"
    shows: str = "broker"


class Listener(uvicorn.Server):
    """Listens beside another server, in its event loop and as long as that one does."""

    def __init__(self, simulator: Simulator, plan: Plan) -> None:
        self._simulator = simulator
        self._plan = plan
        self._made = certificates.provide(plan.folder)
        super().__init__(
            uvicorn.Config(
                create_desk(simulator),
                host=plan.host,
                port=plan.port,
                http="httptools",
                ws="none",
                lifespan="off",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                timeout_graceful_shutdown=SHUTDOWN_SECONDS,
                ssl_certfile=self._made.path(plan.shows),
                ssl_keyfile=self._made.path(f"{plan.shows}.key"),
                ssl_ca_certs=str(self._made.path("authority")),
                ssl_cert_reqs=ssl.CERT_REQUIRED,
            )
        )
        self._ticking: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Listen, and show the Broker's certificate to callers' own listeners too."""
        self.config.load()
        self.lifespan = self.config.lifespan_class(self.config)
        await self.startup()
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self._simulator.broker_at = f"https://{shown}:{port}"
        self._simulator.broker_certificates = str(self._plan.folder.resolve())
        self._simulator.courier.show(self._made.client_context())
        sys.stdout.write(f"M-Pesa Broker ready on {self._simulator.broker_at} (certificates in {self._plan.folder})\n")
        sys.stdout.flush()
        self._ticking = asyncio.create_task(self.main_loop())

    async def end(self) -> None:
        """Stop listening."""
        self.should_exit = True
        if self._ticking is not None:
            await self._ticking
        await self.shutdown()
