"""A whole gateway inside the test: real sockets, real database, the simulator as M-Pesa, a merchant that listens.

`running_gateway` serves `wakala.runtime.Gateway` on a free port of this machine, in the test's own event loop. Nothing
is mocked: a test turns M-Pesa's faults on in the simulator and reads what the merchant was sent.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import uvicorn

from services.quick_server import QuickServer
from simulator.box import NO_TLS, Box, Merchant, running_box, running_merchant
from wakala.administration import Administration, NewApp, ShortcodeDetails
from wakala.cli.visits import prepare
from wakala.config import Settings, master_key, write_private
from wakala.identity import Source
from wakala.one_write import Answering
from wakala.rules.accounts import BodyFormat, Environment, Product, Shortcode, ShortcodeKind
from wakala.rules.signing import app_digest
from wakala.runtime import Gateway
from wakala.simulator.machine import Start
from wakala.simulator.sandbox import APP_KEY, APP_SECRET, INITIATOR_PASSWORD, INITIATORS, PASSKEY

PATIENCE_SECONDS = 60.0  # conditions end when they are met; a busy machine takes longer
CUSTOMER = "254712345678"
SANDBOX = "/sandbox/mpesa/v1"
LIVE = "/mpesa/v1"
PAYBILL = "174379"
STORE, TILL = "600991", "600992"

PROBLEM_FIELDS = {"type", "title", "status", "detail", "code", "ResponseCode", "ResponseDesc"}

Headers = dict[str, str]


def basic(app: NewApp) -> Headers:
    """The standard header of an app."""
    pair = f"{app.app.consumer_key}:{app.consumer_secret}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


def proxyapi_basic(app: NewApp) -> Headers:
    """Proxy API's header: the SHA3-256 of the pair in hex."""
    return {"X-Authorization": "Basic " + app_digest(app.app.consumer_key, app.consumer_secret)}


def is_problem(answer: httpx2.Response, status: int | None = None, code: str | None = None) -> dict[str, Any]:
    """Check that an answer is one of our problems, and return it."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) >= PROBLEM_FIELDS, body
    assert body["status"] == answer.status_code
    assert body["detail"].strip()
    assert body["ResponseDesc"].strip()
    assert body["ResponseCode"].strip()
    assert status is None or answer.status_code == status, body
    assert code is None or body["code"] == code, body
    return body


@dataclass
class House:
    """The gateway from outside, with a hand on its parts."""

    url: str
    gateway: Gateway
    client: httpx2.AsyncClient
    merchant: Merchant
    box: Box
    admin: Administration
    app: NewApp
    server: uvicorn.Server
    secrets: dict[str, str] = field(default_factory=dict)

    async def raw(self, request: bytes) -> httpx2.Response:
        """Send bytes that no honest client would, on a socket of their own; the answer as a client would see it."""
        reader, writer = await asyncio.open_connection(self.client.base_url.host, self.client.base_url.port)
        try:
            writer.write(request)
            await writer.drain()
            async with asyncio.timeout(PATIENCE_SECONDS):
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
            await writer.wait_closed()
        status, *lines = head.split(b"\r\n")
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(b":") for line in lines)]
        return httpx2.Response(int(status.split()[1]), headers=headers, content=body)

    async def attempts_ended(self) -> None:
        """Wait until the last attempt is written and noted in its endpoint's account; then a clock may be moved."""
        await eventually(lambda: not self.gateway.courier._in_hand)

    def cut_off(self) -> None:
        """What a second signal does: nobody is waited for any more. `Gateway.stop` follows."""
        self.gateway.hurry()
        for task in self.server.server_state.tasks:
            task.cancel()

    async def settle_directory(self) -> None:
        """Have the gateway see what an administrator changed, without waiting for its next look."""
        await self.gateway.directory.refresh()

    async def add_app(self, organisation: str, name: str, **more: Any) -> NewApp:
        body_format = more.get("body_format", BodyFormat.WAKALA)
        app = await self.admin.add_app(organisation, name, more.get("callback_url"), body_format)
        await self.settle_directory()
        return app

    async def add_shortcode(self, organisation: str = "demo", number: str = PAYBILL, **more: Any) -> Shortcode:
        details = ShortcodeDetails(
            number=number,
            kind=ShortcodeKind.TILL if more.get("till") else ShortcodeKind.PAYBILL,
            environment=more.get("environment", Environment.SANDBOX),
            till=more.get("till"),
            consumer_key=more.get("consumer_key", APP_KEY),
            consumer_secret=more.get("consumer_secret", APP_SECRET),
            passkey=more.get("passkey", PASSKEY),
        )
        shortcode = await self.admin.add_shortcode(organisation, details)
        await self.settle_directory()
        return shortcode

    async def grant(self, shortcode: Shortcode, *products: Product) -> None:
        """An API operator that the simulator knows, and what M-Pesa has granted the shortcode."""
        pem = (await self.box.client.get("/simulator/certificate")).text
        await self.admin.set_initiator(shortcode, INITIATORS[0], INITIATOR_PASSWORD, pem)
        for product in products:
            await self.admin.add_product(shortcode, product)
        await self.settle_directory()

    async def push(self, request_id: str, *, app: NewApp | None = None, **changes: Any) -> httpx2.Response:
        """Ask for a payment; ``path`` and ``headers`` may be given too, ``...`` leaves a field out."""
        path = changes.pop("path", f"{SANDBOX}/lnm/customerpaybill")
        headers = changes.pop("headers", None) or basic(app or self.app)
        body = {"RequestID": request_id, "Amount": 150, "SenderMSISDN": CUSTOMER, "AccountReference": "INV-1"} | changes
        content = json.dumps({name: value for name, value in body.items() if value is not ...})
        return await self.client.post(path, content=content, headers=headers)

    async def get(self, path: str, *, app: NewApp | None = None) -> httpx2.Response:
        return await self.client.get(path, headers=basic(app or self.app))

    async def request(self, request_id: str) -> dict[str, Any]:
        """One request as the API shows it."""
        view: dict[str, Any] = (await self.get(f"{SANDBOX}/requests/{request_id}")).json()
        return view

    async def request_in(self, request_id: str, *states: str) -> dict[str, Any]:
        """The same once it is in one of these states."""
        view: dict[str, Any] = {}

        async def is_there() -> bool:
            view.update(await self.request(request_id))
            return view.get("State") in states

        await eventually(is_there)
        return view

    async def count(self, table: str) -> int:
        """The rows of a table, by the gateway's own reader (SQLite)."""
        reader = self.gateway.database._reader  # type: ignore[attr-defined]
        found: int = reader.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        return found

    async def customer(self, action: str, msisdn: str = CUSTOMER) -> None:
        """Let a customer answer the prompt: ``approve``, ``cancel``, ..."""
        await self.box.control(f"phones/{msisdn}/{action}", {})

    async def autopilot(self, mode: str) -> None:
        """Let prompts be answered by themselves."""
        await self.box.control("autopilot", {"mode": mode})

    def prompts(self) -> int:
        """How many prompts M-Pesa was asked for."""
        return len(self.box.machine.world.payments)


def settings_in(folder: Path, port: int, simulator_url: str, **overrides: dict[str, Any]) -> Settings:
    """Settings for a test: quick finisher, loopback allowed, everything in ``folder``. Override a table by its name."""
    given: dict[str, dict[str, Any]] = {
        "server": {"port": port, "graceful_stop_s": 1},
        "daraja": {"sandbox_url": simulator_url, "live_url": simulator_url, "answer_limit_s": 10},
        "callbacks": {"live_sources": ["127.0.0.0/8"], "spill_limit_mib": 0.25},
        "deliveries": {"private_targets": ["127.0.0.0/8", "::1/128"], "answer_limit_s": 2},
        "finisher": {"poll_s": 0.02},
    }
    for table, values in overrides.items():
        given[table] = given.get(table, {}) | values
    return msgspec.convert({**given, "home": str(folder)}, Settings, strict=False)


def new_key(folder: Path) -> str:
    """Write a key file and say what it holds."""
    value = secrets.token_hex(32)
    write_private(folder / "wakala.key", value + "\n")
    return value


@asynccontextmanager
async def served(gateway: Gateway, listener: socket.socket) -> AsyncIterator[uvicorn.Server]:
    """The gateway's application on a listening socket, as `wakala.serving` serves it."""
    config = uvicorn.Config(
        gateway.app,
        http=Answering,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=1,
    )
    server = QuickServer(config)
    await server.begin(listener)
    try:
        yield server
    finally:
        await server.end()


@asynccontextmanager
async def running_gateway(
    folder: Path,
    *,
    start: Start | None = None,
    source: Source | None = None,
    database_url: str | None = None,
    **overrides: dict[str, Any],
) -> AsyncIterator[House]:
    """Simulator, merchant and gateway, with the organisation ``demo``, its paybill and one app."""
    key = new_key(folder)
    if database_url:
        overrides["database"] = {"url": database_url}
    async with running_merchant() as merchant, running_box(merchant, start or Start(seed=7)) as box:
        with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
            port = listener.getsockname()[1]
            settings = settings_in(folder, port, box.url, **overrides)
            await prepare(settings)
            gateway = Gateway(settings, source)
            await gateway.start()
            admin = Administration(gateway.journal, master_key(settings), gateway.source)
            try:
                async with served(gateway, listener) as server, _client(f"http://127.0.0.1:{port}") as client:
                    app = await admin.add_app("demo", "shop", f"{merchant.url}/wakala", BodyFormat.WAKALA)
                    house = House(str(client.base_url).rstrip("/"), gateway, client, merchant, box, admin, app, server)
                    house.secrets["master key"] = key
                    await house.add_shortcode()
                    yield house
            finally:
                await gateway.stop()


def _client(url: str) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, trust_env=False, verify=NO_TLS)


async def eventually(condition: Callable[[], Any]) -> None:
    """Wait for a condition, which may be a coroutine function."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.005)


def sha3(text: str) -> str:
    """SHA3-256 in hex, written anew so that a test does not trust the code it checks."""
    return hashlib.sha3_256(text.encode()).hexdigest()
