"""A simulator and a merchant, each on a free port of this machine, joined by real HTTP; the fixtures hand them out."""

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from aiohttp import web

from services.quick_server import QuickServer
from wakala.simulator.app import create_app
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.main import configure
from wakala.simulator.sandbox import PASSKEY

SAMPLES = Path(__file__).parent / "samples"
PATIENCE_SECONDS = 60.0  # only a test that fails ever waits this long
CUSTOMER = "254712345678"
TIMESTAMP = "20260314101501"

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nothing here speaks TLS. A client without a context of its own loads all authorities, for 25 ms each time."""


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def password(shortcode: str, passkey: str = PASSKEY, timestamp: str = TIMESTAMP) -> str:
    return base64.b64encode(f"{shortcode}{passkey}{timestamp}".encode()).decode()


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition that another task brings about."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():  # noqa: ASYNC110 - the condition is foreign state that sets no event
            await asyncio.sleep(0.002)


@dataclass
class Posted:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Merchant:
    """Writes down what it is sent; answers 200, or what a test put under the path; ``silent`` paths never answer.

    A reply that is a function is asked what to say to a body.
    """

    url: str = ""
    posts: list[Posted] = field(default_factory=list)
    replies: dict[str, tuple[int, Any]] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)

    async def answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.posts.append(Posted(request.path, dict(request.headers), body))
        if request.path in self.silent:
            await asyncio.Event().wait()
        status, reply = self.replies.get(request.path, (200, {"ResultCode": 0, "ResultDesc": "Accepted"}))
        return web.json_response(reply(json.loads(body)) if callable(reply) else reply, status=status)

    def at(self, path: str) -> list[Posted]:
        return [post for post in self.posts if post.path == path]

    async def received(self, path: str, count: int = 1) -> list[Posted]:
        await until(lambda: len(self.at(path)) >= count)
        return self.at(path)


@dataclass
class Box:
    """The simulator from a merchant's side, with a hand on its clock and control API."""

    url: str
    machine: Simulator
    client: httpx2.AsyncClient
    merchant: Merchant
    bearer: str = ""

    async def token(self, key: str = "sandbox-key", secret: str = "sandbox-secret") -> httpx2.Response:
        return await self.client.get("/oauth/v1/generate?grant_type=client_credentials", auth=(key, secret))

    async def post(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        if not self.bearer:
            self.bearer = (await self.token()).json()["access_token"]
        return await self.client.post(path, json=body, headers={"Authorization": f"Bearer {self.bearer}", **headers})

    async def push(self, **changes: Any) -> httpx2.Response:
        shortcode = str(changes.get("BusinessShortCode", "174379"))
        phone = changes.pop("phone", CUSTOMER)
        body = {
            **sample("stk_push_request_paybill"),
            "Password": password(shortcode),
            "PartyA": phone,
            "PhoneNumber": phone,
            "CallBackURL": f"{self.merchant.url}/stk",
            **changes,
        }
        present = {name: value for name, value in body.items() if value is not ...}
        return await self.post("/mpesa/stkpush/v1/processrequest", present)

    async def pushed(self, **changes: Any) -> str:
        answer = await self.push(**changes)
        assert answer.status_code == 200, answer.text
        checkout: str = answer.json()["CheckoutRequestID"]
        return checkout

    async def till_push(self, **changes: Any) -> httpx2.Response:
        till = {"BusinessShortCode": "600991", "PartyB": "600992", "TransactionType": "CustomerBuyGoodsOnline"}
        return await self.push(**{**till, **changes})

    async def query(self, checkout: str, **changes: Any) -> httpx2.Response:
        body = {
            "BusinessShortCode": "174379",
            "Password": password("174379"),
            "Timestamp": TIMESTAMP,
            "CheckoutRequestID": checkout,
            **changes,
        }
        return await self.post("/mpesa/stkpushquery/v1/query", body)

    async def register(self, shortcode: str = "600984", version: str = "v2", **changes: Any) -> httpx2.Response:
        body = {
            "ShortCode": shortcode,
            "ResponseType": "Completed",
            "ConfirmationURL": f"{self.merchant.url}/confirm",
            "ValidationURL": f"{self.merchant.url}/validate",
            **changes,
        }
        return await self.post(f"/mpesa/c2b/{version}/registerurl", body)

    async def control(self, path: str, body: Any = None, method: str = "POST") -> Any:
        answer = await self.client.request(method, f"/simulator/{path}", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def fault(self, kind: str, name: str, **more: Any) -> None:
        await self.control("faults", {"kind": kind, "name": name, **more})

    async def advance(self, seconds: float) -> None:
        await self.control("clock", {"advance_seconds": seconds})

    async def payments(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = (await self.control("payments", method="GET"))["payments"]
        return listed

    async def payment(self) -> dict[str, Any]:
        return (await self.payments())[-1]

    async def ended_payment(self) -> dict[str, Any]:
        """The latest payment, once it has ended."""
        await until(lambda: self.machine.world.payments and [*self.machine.world.payments.values()][-1].result)
        return await self.payment()


@asynccontextmanager
async def running_merchant() -> AsyncIterator[Merchant]:
    merchant = Merchant()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", merchant.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    merchant.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield merchant
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running_box(merchant: Merchant, start: Start, state_file: Path | None = None) -> AsyncIterator[Box]:
    machine = Simulator(start)
    server = QuickServer(configure(create_app(machine, state_file), "127.0.0.1", 0))
    url = await server.begin()
    try:
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_SECONDS, verify=NO_TLS) as client:
            yield Box(url, machine, client, merchant)
    finally:
        if state_file is None:  # a world that is kept keeps its time
            machine.clock.advance(24 * 3600)  # wakes whoever still hangs
        await server.end()
