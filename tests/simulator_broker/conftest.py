"""A simulator with its Broker, a caller that answers in SOAP, and certificates made once."""

from collections.abc import AsyncIterator

import httpx2
import pytest
import uvicorn
from aiohttp import web

from services.quick_server import QuickServer
from simulator_broker.soap_box import Broker, Caller
from wakala.simulator.app import create_app
from wakala.simulator.broker import certificates
from wakala.simulator.broker.certificates import Certificates
from wakala.simulator.broker.listener import Plan
from wakala.simulator.machine import Simulator, Start

QUICK = Start(
    seed=7, rules={"result_after_min_seconds": 0.001, "result_after_max_seconds": 0.001, "v1_plain_msisdn": True}
)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.provide(tmp_path_factory.mktemp("certificates"))


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
