"""A simulator with its Broker, a merchant that answers in SOAP, and certificates made once."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
import uvicorn
from aiohttp import web

from services.quick_server import QuickServer
from simulator.box import until
from wakala.simulator.app import create_app
from wakala.simulator.broker import certificates
from wakala.simulator.broker.certificates import Certificates
from wakala.simulator.broker.listener import Plan
from wakala.simulator.machine import Simulator, Start

SAMPLES = Path(__file__).parent / "samples"
QUICK = Start(
    seed=7, rules={"result_after_min_seconds": 0.001, "result_after_max_seconds": 0.001, "v1_plain_msisdn": True}
)


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.xml").read_text()


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.provide(tmp_path_factory.mktemp("certificates"))


@dataclass
class Caller:
    """The merchant: its listener with a certificate, what it was sent, and what it answers."""

    url: str = ""
    posts: list[tuple[str, str]] = field(default_factory=list)
    peers: list[object] = field(default_factory=list)
    replies: dict[str, str] = field(default_factory=dict)

    async def answer(self, request: web.Request) -> web.Response:
        self.posts.append((request.path, await request.text()))
        transport = request.transport
        self.peers.append(transport.get_extra_info("peercert") if transport is not None else None)
        text = self.replies.get(request.path, sample("result-ack-01-success"))
        return web.Response(text=text, content_type="text/xml")

    def at(self, path: str) -> list[str]:
        return [body for where, body in self.posts if where == path]

    async def received(self, path: str, count: int = 1) -> list[str]:
        await until(lambda: len(self.at(path)) >= count)
        return self.at(path)


@pytest.fixture
async def caller(made: Certificates) -> AsyncIterator[Caller]:
    caller = Caller()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", caller.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=made.server_context("gateway")).start()
    caller.url = f"https://127.0.0.1:{runner.addresses[0][1]}"
    yield caller
    await runner.cleanup()


@dataclass
class Broker:
    """The simulator from the caller's side."""

    machine: Simulator
    client: httpx2.AsyncClient
    caller: Caller

    async def post(self, path: str, text: str) -> httpx2.Response:
        return await self.client.post(path, content=text.encode(), headers={"Content-Type": "text/xml; charset=utf-8"})

    def filled(self, name: str, **swaps: str) -> str:
        """A sample with this caller's addresses and the numbers of the sandbox."""
        text = sample(name).replace("https://gateway.example:4043", self.caller.url)
        text = text.replace("https://gateway.example", self.caller.url)
        numbers = {"600630": "600998", "600610": "600984", "600640": "600000", "apiops1": "testapi"}
        for old, new in (numbers | swaps).items():
            text = text.replace(old, new)
        return text

    async def ask(self, name: str, **swaps: str) -> httpx2.Response:
        return await self.post("/mminterface/request", self.filled(name, **swaps))


@pytest.fixture
async def broker(made: Certificates, caller: Caller) -> AsyncIterator[Broker]:
    machine = Simulator(QUICK)
    plan = Plan(0, made.folder)
    config = uvicorn.Config(
        create_app(machine, None, plan), port=0, http="httptools", ws="none", lifespan="on", log_level="error"
    )
    server = QuickServer(config)
    await server.begin()
    async with httpx2.AsyncClient(base_url=machine.broker_at, verify=made.client_context("gateway")) as client:
        yield Broker(machine, client, caller)
        machine.clock.advance(24 * 3600)  # wakes whoever still hangs
    await server.end()
