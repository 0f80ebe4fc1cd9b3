"""Everybody who takes part in a payment, joined by real HTTP: a simulator, gateways and a merchant.

Simulator and gateways are processes started by the command line, as an operator starts them. `Town` is what a test
holds in its hand: it sends requests as a shop does, tells the simulator what goes wrong, and reads what became of it.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from services.broker import access
from services.merchant import Merchant, running_merchant
from services.ports import free_port
from services.programs import WAKALA, Done, Program, command
from services.waiting import until
from wakala.administration import ShortcodeDetails
from wakala.cli.commands import init
from wakala.cli.visits import administration
from wakala.config import load
from wakala.rules.accounts import BodyFormat, Environment, Product, ShortcodeKind, Side
from wakala.rules.sides import BrokerAccess

PAYBILL, STORE, TILL, PAYER = "174379", "600991", "600992", "600984"
OPERATOR, OPERATOR_PASSWORD = "testapi", "Safaricom999!*!"  # the sandbox's own, quoted in every tutorial
CERTIFICATES = "broker-certificates"
PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"  # printed in Safaricom's documentation
SEED = "20260314"
FINAL = frozenset({"succeeded", "failed", "expired"})
PAGE_LIMIT = 200

# The finisher looks often, so that a test need not wait for minutes; the hours of the rest stay as delivered.
QUICK = {
    "finisher__poll_s": "0.05",
    "finisher__schedule_s": "0.4,0.8,1.5,3,6,12,24",
    "finisher__expire_s": "60",
    "deliveries__schedule_s": "0.1,0.2,0.4,0.8,1.5,3,6",
    "callbacks__spill_limit_mib": "1",  # many towns, one disk
}


@dataclass
class Gateway:
    """One gateway process and its address."""

    url: str
    program: Program

    @property
    def api(self) -> str:
        return f"{self.url}/sandbox/mpesa/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said to a shop."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str]


@dataclass
class Town:
    """See the module."""

    folder: Path
    session: aiohttp.ClientSession
    merchant: Merchant
    simulator_url: str
    port: int
    side: Side = Side.DARAJA
    broker_port: int = 0
    credentials: dict[str, str] = field(default_factory=dict)
    gateways: list[Gateway] = field(default_factory=list)

    # ── the operator ──

    async def run(self, *arguments: str) -> Done:
        """A command of the installation's operator."""
        return await command("-c", str(self.folder / "wakala.toml"), *arguments)

    async def told(self, *arguments: str) -> Any:
        """The JSON that a command prints."""
        done = await self.run(*arguments, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)

    async def settle_down(self, *, database_url: str, pays_out: bool = False) -> None:
        """What an operator does before the first payment. With ``pays_out`` a third shortcode has B2C and an operator.

        By which of M-Pesa's sides the shortcodes go is said here once; nothing above the connector is told.
        """
        # What `wakala init`, `wakala shortcode add` and `wakala app create` do, without a process for each of them.
        where = {"port": self.port, "sandbox_url": self.simulator_url, "database_url": database_url}
        await asyncio.to_thread(init, self.folder, **where)
        async with administration(load(self.folder / "wakala.toml")) as desk:
            shortcodes = [
                await desk.add_shortcode("default", _shortcode(PAYBILL, ShortcodeKind.PAYBILL, None)),
                await desk.add_shortcode("default", _shortcode(STORE, ShortcodeKind.TILL, TILL)),
            ]
            if pays_out:
                payer = await desk.add_shortcode("default", _shortcode(PAYER, ShortcodeKind.PAYBILL, None))
                await desk.set_initiator(payer, OPERATOR, OPERATOR_PASSWORD, await self._certificate())
                await desk.add_product(payer, Product.B2C)
                shortcodes.append(payer)
            for shortcode in shortcodes if self.side is Side.BROKER else ():
                await desk.use_broker(shortcode, self._broker())
            new = await desk.add_app("default", "shop", self.merchant.url, BodyFormat.WAKALA)
        basic = aiohttp.encode_basic_auth(new.app.consumer_key, new.consumer_secret)
        self.credentials = {"Authorization": basic}
        self.merchant.secret = new.webhook_secret

    async def _certificate(self) -> str:
        async with self.session.get(f"{self.simulator_url}/simulator/certificate") as answer:
            return await answer.text()

    def _broker(self) -> BrokerAccess:
        return access(f"https://127.0.0.1:{self.broker_port}", self.folder / CERTIFICATES)

    async def register(self, *numbers: str) -> None:
        """From now on M-Pesa confirms every payment to these shortcodes from a second source."""
        for number in numbers:
            await self.told("shortcode", "register", number)

    def launch(self, program: Iterable[str] | None = None, port: int | None = None, **settings: str) -> Gateway:
        """Start a gateway process and do not wait for it."""
        port = port or self.port
        url = f"http://127.0.0.1:{port}"
        config = ("-c", str(self.folder / "wakala.toml"))
        arguments = list(program) if program else [*WAKALA, *config, "serve"]
        here = {"server__port": str(port), "server__public_url": url}
        log = self.folder / f"gateway-{len(self.gateways)}.log"
        gateway = Gateway(url, Program(arguments, {**QUICK, **here, **settings}, log))
        self.gateways.append(gateway)
        return gateway

    async def serve(self, port: int | None = None, **settings: str) -> Gateway:
        """Start a gateway and wait until it serves."""
        gateway = self.launch(None, port, **settings)
        await self.is_serving(gateway)
        return gateway

    async def is_serving(self, gateway: Gateway) -> None:
        async def look() -> bool:
            assert not gateway.program.has_ended(), gateway.program.said
            try:
                async with self.session.get(f"{gateway.url}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientConnectionError:
                return False

        await until(look, lambda: f"a gateway that serves. It said:\n{gateway.program.said}")

    # ── the shop ──

    async def ask(self, gateway: Gateway, path: str, body: Any = None) -> Answer:
        """One request of the shop; a body makes it a POST."""
        method = "GET" if body is None else "POST"
        url = f"{gateway.api}/{path}"
        async with self.session.request(method, url, json=body, headers=self.credentials) as answer:
            return Answer(answer.status, await answer.json(content_type=None), dict(answer.headers))

    async def pay(self, gateway: Gateway, request_id: str, *, till: bool = False, **changes: Any) -> Answer:
        """Ask for a payment."""
        body = {"RequestID": request_id, "Amount": 150, "SenderMSISDN": "0712345678", "AccountReference": "INV-1"}
        return await self.ask(gateway, f"lnm/{'customerbuygoods' if till else 'customerpaybill'}", {**body, **changes})

    async def pay_out(self, gateway: Gateway, request_id: str, **changes: Any) -> Answer:
        """Ask for a payout."""
        body = {"RequestID": request_id, "SenderShortcode": PAYER, "Amount": 150, "ReceiverMSISDN": "0712345678"}
        return await self.ask(gateway, "b2c/businesspayment", {**body, **changes})

    async def pay_many(self, gateways: Iterable[Gateway], orders: list[dict[str, Any]], at_once: int) -> None:
        """Ask for many payments, so many at a time, in turn at each gateway; each has to be accepted."""
        turns = asyncio.Semaphore(at_once)
        doors = list(gateways)

        async def one(place: int, order: dict[str, Any]) -> None:
            async with turns:
                answer = await self.pay(doors[place % len(doors)], order["RequestID"], **order)
                assert answer.status == 202, answer

        await asyncio.gather(*(one(place, order) for place, order in enumerate(orders)))

    async def payment(self, gateway: Gateway, request_id: str) -> dict[str, Any]:
        """A payment as the gateway shows it."""
        answer = await self.ask(gateway, f"requests/{request_id}")
        assert answer.status == 200, answer
        return answer.body

    async def trace(self, gateway: Gateway, request_id: str) -> dict[str, Any]:
        """A payment's whole story, with the bytes."""
        return (await self.ask(gateway, f"requests/{request_id}/trace")).body

    async def all_payments(self, gateway: Gateway) -> dict[str, dict[str, Any]]:
        """Every payment that the gateway knows, by request ID."""
        found: dict[str, dict[str, Any]] = {}
        before = ""
        while True:
            page = (await self.ask(gateway, f"requests?limit={PAGE_LIMIT}&before={before}")).body
            found |= {payment["RequestID"]: payment for payment in page["Requests"]}
            if page["Before"] is None:
                return found
            before = page["Before"]

    async def is_told(self, *request_ids: str) -> None:
        """Wait until the merchant knows how each of these ended."""
        wanted = set(request_ids)
        missing = lambda: sorted(wanted - self.merchant.settled)  # noqa: E731 - a word for a set, used twice
        await until(lambda: not missing(), lambda: f"an outcome of {len(missing())}: {missing()[:5]}")

    async def is_delivered(self, gateway: Gateway, request_id: str) -> None:
        """Wait until the gateway has written down that everything it owed for a request was taken."""

        async def look() -> bool:
            owed = (await self.trace(gateway, request_id))["Notifications"]
            return bool(owed) and all(each["State"] == "delivered" for each in owed)

        await until(look, f"every notification of {request_id} delivered")

    async def trace_with(self, gateway: Gateway, request_id: str, names: Iterable[str]) -> dict[str, Any]:
        """The trace, once it holds an entry of each of these names."""
        wanted = set(names)
        seen: set[str] = set()

        async def look() -> dict[str, Any] | None:
            trace = await self.trace(gateway, request_id)
            seen.update(entry["Name"] for entry in trace["Entries"])
            return trace if wanted <= seen else None

        return await until(look, lambda: f"{sorted(wanted - seen)} in the trace of {request_id}; there are {seen}")

    async def trace_counting(self, gateway: Gateway, request_id: str, **counts: int) -> None:
        """Wait until the trace holds so many exchanges of each name, no fewer; more is an error at once."""

        async def look() -> bool:
            names = [entry["Name"] for entry in (await self.trace(gateway, request_id))["Entries"]]
            assert all(names.count(name) <= count for name, count in counts.items()), (names, counts)
            return all(names.count(name) == count for name, count in counts.items())

        await until(look, f"{counts} in the trace of {request_id}")

    async def has_note(self, kind: str, request_id: str) -> None:
        """Wait until the merchant was told this of a request."""
        notes = self.merchant.by_request
        await until(lambda: any(n.type == kind for n in notes[request_id]), f"{kind} of {request_id}")

    # ── the other side ──

    async def control(self, path: str, body: Any = None) -> Any:
        """The simulator's control API; a body makes it a POST."""
        method = "GET" if body is None else "POST"
        async with self.session.request(method, f"{self.simulator_url}/simulator/{path}", json=body) as answer:
            told = await answer.json()
            assert answer.status == 200, told
            return told

    async def approve(self, msisdn: str) -> None:
        """The shopper enters the PIN."""
        await self.control(f"phones/{msisdn}/approve", {})

    async def autopilot(self, answer_after_ms: int = 0, **outcomes: float) -> None:
        """Who answers prompts from now on: outcomes and their weights, underscores for dashes."""
        weights = {name.replace("_", "-"): weight for name, weight in outcomes.items()}
        await self.control("autopilot", {"outcomes": weights, "answer_after_ms": answer_after_ms})

    async def fault(self, kind: str, name: str, **more: Any) -> None:
        """Let something go wrong; see the simulator's catalogue."""
        await self.control("faults", {"kind": kind, "name": name, **more})

    async def commands(self) -> list[dict[str, Any]]:
        """Every command of businesses that the simulator ever accepted, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.control(f"commands?after={found[-1]['number'] if found else 0}&limit=1000")
            if not page["commands"]:
                return found
            found += page["commands"]

    async def prompts(self) -> list[dict[str, Any]]:
        """Every payment that the simulator ever opened, oldest first."""
        found: list[dict[str, Any]] = []
        while True:
            page = await self.control(f"payments?after={found[-1]['number'] if found else 0}&limit=1000")
            if not page["payments"]:
                return found
            found += page["payments"]


def _shortcode(number: str, kind: ShortcodeKind, till: str | None) -> ShortcodeDetails:
    return ShortcodeDetails(
        number=number,
        kind=kind,
        environment=Environment.SANDBOX,
        till=till,
        consumer_key="sandbox-key",
        consumer_secret="sandbox-secret",
        passkey=PASSKEY,
    )


@asynccontextmanager
async def running_town(
    folder: Path, database_url: str, side: Side = Side.DARAJA, *, pays_out: bool = False
) -> AsyncIterator[Town]:
    """A town with its installation made and no gateway started yet. At the end every process of it has ended."""
    folder.mkdir(exist_ok=True)  # noqa: ASYNC240 - once, before anything runs
    simulator_port, port = free_port(), free_port()
    arguments = ("simulator", "--port", str(simulator_port), "--seed", SEED, "--autopilot", "pay")
    broker_port = free_port() if side is Side.BROKER else 0
    if broker_port:
        broker = ("--broker-port", str(broker_port), "--broker-certificates", str(folder / CERTIFICATES))
        arguments = (*arguments, *broker)
    simulator = Program([*WAKALA, *arguments], {}, folder / "simulator.log")
    limits = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(limit=256, force_close=True)  # a gateway that was killed leaves dead connections
    town: Town | None = None
    try:
        async with (
            running_merchant() as merchant,
            aiohttp.ClientSession(timeout=limits, connector=connector) as session,
        ):
            town = Town(folder, session, merchant, f"http://127.0.0.1:{simulator_port}", port, side, broker_port)
            await until(lambda: "simulator ready on" in simulator.said, lambda: f"a simulator:\n{simulator.said}")
            await town.settle_down(database_url=database_url, pays_out=pays_out)
            yield town
    finally:
        for gateway in town.gateways if town else []:
            await gateway.program.kill()
        await simulator.kill()
