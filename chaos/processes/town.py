"""Everybody who takes part, as processes with lines between them that can be cut.

Shops call gateways by one line, M-Pesa calls them back by another; each gateway has a line of its own to the simulator
and to PostgreSQL, and there is one to each merchant. Where networks can be made, each gateway is on an island besides,
and cables lead from it to where these lines begin and end.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeGuard

import aiohttp

from processes import pace
from processes.acknowledgements import Acknowledged, Ear
from processes.actors import Actor, Database, Process
from processes.islands import Cable, Island, Way, settle_the_mainland
from processes.links import LOOPBACK, Link
from processes.nursery import Child, Nursery
from processes.pace import Pace
from processes.plan import Cast
from services.ports import free_port, kept_port
from services.postgres import PostgresServer
from services.programs import WAKALA, WRONG_CLOCK, command
from wakala.administration import ShortcodeDetails
from wakala.cli.visits import administration, register_urls
from wakala.config import load
from wakala.rules.accounts import BodyFormat, Environment, Product, ShortcodeKind
from wakala.simulator.sandbox import APP_KEY, APP_SECRET, INITIATOR_PASSWORD, INITIATORS, PASSKEY

PAYBILL, PAYER = "174379", "600998"
MERCHANTS = ("merchant-0", "merchant-1", "merchant-2")
GATEWAYS_ON_POSTGRESQL, GATEWAYS_ON_SQLITE = 3, 1
FLOAT_CENTS = 1_000_000_000_00  # payouts never fail for want of money: then a failure is M-Pesa's or ours
LOOK_LIMIT_S = 1.0
CONTROL_LIMIT_S = 15.0
CONTROL_REST_S = 0.2
CLOCK_OFF_MOST_S = 86_400
MERCHANT_PROGRAM = str(Path(__file__).with_name("merchant_program.py"))


@dataclass
class Town:
    """The processes, the lines, and what was heard on M-Pesa's line to the gateways."""

    folder: Path
    seed: int
    pace: Pace
    session: aiohttp.ClientSession
    server: PostgresServer | None
    database_url: str
    nursery: Nursery
    gateway_program: tuple[str, ...] = ()
    has_islands: bool = False
    islands: dict[str, Island] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)
    links: dict[str, Link] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    acknowledged: list[Acknowledged] = field(default_factory=list)
    credentials: list[dict[str, str]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        """The installation's settings."""
        return self.folder / "home" / "wakala.toml"

    @property
    def gateways(self) -> list[Process]:
        """By their number."""
        return [actor for name, actor in self.actors.items() if name.startswith("gateway") and is_process(actor)]

    @property
    def simulator(self) -> Process:
        """M-Pesa in a box."""
        actor = self.actors["simulator"]
        assert is_process(actor)
        return actor

    @property
    def simulator_url(self) -> str:
        """Where it is since its last start."""
        return f"http://127.0.0.1:{self.ports['simulator']}"

    @property
    def shops_url(self) -> str:
        """Where shops find the gateways."""
        return self.links["shops to gateways"].url

    @property
    def cables(self) -> dict[str, Cable]:
        """By name; none where everybody is on loopback."""
        return {name: cable for island in self.islands.values() for name, cable in island.cables.items()}

    def cast(self) -> Cast:
        """Who can be struck."""
        return Cast(
            gateways=tuple(each.name for each in self.gateways),
            merchants=MERCHANTS,
            links=tuple(self.links),
            simulator="simulator",
            database="database" if self.server else "",
            cables=tuple(self.cables),
        )

    def mood(self, merchant: str, mood: str) -> None:
        """How a merchant answers from now on."""
        (self.folder / f"{merchant}.mood").write_text(mood)

    async def control(self, path: str, body: Any = None, *, method: str = "", limit_s: float = CONTROL_LIMIT_S) -> Any:
        """The simulator's control API, by no line that is cut; a body makes it a POST."""
        method = method or ("GET" if body is None else "POST")
        limit = aiohttp.ClientTimeout(total=limit_s)
        url = f"{self.simulator_url}/simulator/{path}"
        async with self.session.request(method, url, json=body, timeout=limit) as answer:
            told = await answer.json()
            if answer.status != 200:
                raise RuntimeError(f"The simulator refused {path}: {told}")
            return told

    async def is_serving(self, url: str) -> bool:
        """Whether somebody answers there with 200."""
        limit = aiohttp.ClientTimeout(total=LOOK_LIMIT_S)
        try:
            async with self.session.get(url, timeout=limit) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False

    # ── building it ──

    async def build(self, gateways: int) -> None:
        """Start everything but the load."""
        await self._start_simulator()
        names = [f"gateway-{number}" for number in range(gateways)]
        if self.has_islands:
            await self._settle_islands(names)
        await self._link("shops to gateways", names)
        await self._link("M-Pesa to gateways", names, listens=True)
        for name in MERCHANTS:
            await self._link(f"gateways to {name}", [name], way=Way.MERCHANTS)
        await self._settle_down()
        for name in MERCHANTS:
            await self._start(self._merchant(name))
        for name in names:
            await self._start(await self._gateway(name))

    async def _settle_islands(self, names: list[str]) -> None:
        await settle_the_mainland()
        for number, name in enumerate(names):
            self.islands[name] = island = Island(name, number, has_database=self.server is not None)
            await island.open()

    def _host(self, name: str) -> str:
        return self.islands[name].address if name in self.islands else LOOPBACK

    def _place(self, name: str) -> tuple[str, int]:
        return self._host(name), self.ports[name]

    def _new_port(self, name: str) -> int:
        """For one start: while a program is down somebody else may take the port that it had."""
        self.ports[name] = free_port()
        return self.ports[name]

    async def _start(self, actor: Actor) -> None:
        self.actors[actor.name] = actor
        await actor.start()

    async def _link(self, name: str, targets: list[str], *, listens: bool = False, way: Way = Way.CALLERS) -> Link:
        """``way`` is the one that gateways take to it."""
        random = Random(f"{self.seed} {name}")
        places = [partial(self._place, target) for target in targets]
        witness = (lambda: Ear(self.acknowledged)) if listens else lambda: None
        host = (self.has_islands and way.address) or LOOPBACK
        link = Link(name, kept_port(), places, random, witness, host)
        await link.open()
        self.links[name] = link
        return link

    async def _start_simulator(self) -> None:
        state, log = str(self.folder / "world.json"), self.folder / "simulator.log"

        async def launch() -> Child:
            own = ("--port", str(self._new_port("simulator")), "--seed", str(self.seed), "--state", state)
            return await self.nursery.launch([*WAKALA, "simulator", *own], {}, log)

        is_ready = lambda: self.is_serving(f"{self.simulator_url}/simulator/healthz")  # noqa: E731 - it is one sentence
        await self._start(Process("simulator", launch, is_ready, self._crash_simulator))
        await self.control("rules", pace.RULES)
        await self.control("autopilot", {"outcomes": pace.OUTCOMES, "answer_after_ms": pace.THINKS_MS})
        await self.control(f"shortcodes/{PAYER}/accounts", {"accounts": {"Utility Account": FLOAT_CENTS}})

    async def _crash_simulator(self) -> None:
        """M-Pesa's server dies and its ledger does not; the order has no answer."""
        with suppress(aiohttp.ClientError):
            await self.control("crash", {})

    async def _settle_down(self) -> None:
        """What an operator does before the first payment: two shortcodes, three apps, URLs at M-Pesa."""
        made = await command(
            *("init", str(self.config.parent), "--port", "1"),
            *("--public-url", self.links["M-Pesa to gateways"].url),
            *("--sandbox-url", self.simulator_url, "--database-url", self.database_url),
        )
        if made.code:
            raise RuntimeError(f"wakala init failed: {made.err or made.out}")
        settings = load(self.config)
        async with self.session.get(f"{self.simulator_url}/simulator/certificate") as answer:
            certificate = await answer.text()
        async with administration(settings) as desk:
            await desk.add_shortcode("default", _shortcode(PAYBILL, Product.PULL))
            payer = await desk.add_shortcode("default", _shortcode(PAYER, Product.B2C))
            await desk.set_initiator(payer, INITIATORS[0], INITIATOR_PASSWORD, certificate)
            for name in MERCHANTS:
                url = f"{self.links[f'gateways to {name}'].url}/notifications"
                new = await desk.add_app("default", name, url, BodyFormat.WAKALA)
                _write_private(self.folder / f"{name}.secret", new.webhook_secret)
                basic = aiohttp.encode_basic_auth(new.app.consumer_key, new.consumer_secret)
                self.credentials.append({"Authorization": basic})
        await register_urls(settings, PAYBILL, Environment.SANDBOX)

    def _merchant(self, name: str) -> Process:
        async def launch() -> Child:
            own = (MERCHANT_PROGRAM, str(self._new_port(name)), str(self.folder), name)
            return await self.nursery.launch(own, {}, self.folder / f"{name}.log")

        return Process(name, launch, lambda: _is_listening(self.ports[name]))

    async def _gateway(self, name: str) -> Process:
        island = self.islands.get(name)
        upstream = await self._link(f"{name} to M-Pesa", ["simulator"], way=Way.MPESA)
        settings = {**self.pace.settings(), "daraja__sandbox_url": upstream.url, **(island.settings if island else {})}
        if self.server is not None:
            self.ports["database"] = self.server.port
            line = await self._link(f"{name} to database", ["database"], way=Way.DATABASE)
            there = f"{LOOPBACK}:{self.server.port}/"
            settings["database__url"] = self.database_url.replace(there, f"{line.host}:{line.port}/")
        chance = Random(f"{self.seed} clock of {name}")

        async def launch() -> Child:
            arguments = self._serving_by(chance)
            own = {**settings, "server__port": str(self._new_port(name))}
            where = island.namespace if island else ""
            return await self.nursery.launch(arguments, own, self.folder / f"{name}.log", where)

        return Process(name, launch, lambda: self.is_serving(f"http://{self._host(name)}:{self.ports[name]}/readyz"))

    def _serving_by(self, chance: Random) -> list[str]:
        """Each start is on another machine, whose clock is wrong: those who share a database share its clock."""
        serve = ("-c", str(self.config), "serve")
        if self.gateway_program:
            return [str(self.config) if word == "CONFIG" else word for word in self.gateway_program]
        if self.server is None:
            return [*WAKALA, *serve]
        return [WRONG_CLOCK, str(chance.randint(-CLOCK_OFF_MOST_S, CLOCK_OFF_MOST_S)), *serve]

    # ── ending it ──

    async def calm_down(self) -> None:
        """Every line whole, everybody awake and well; what M-Pesa still had in mind is forgotten."""
        for link in self.links.values():
            await link.heal()
        for cable in self.cables.values():
            await cable.heal()
        for actor in self.actors.values():
            actor.thaw()
        for name in MERCHANTS:
            self.mood(name, "right")
        for actor in self.actors.values():
            await actor.up.wait()
        await self.control("faults", method="DELETE")

    async def end(self, *, in_order: bool = False) -> None:
        """Gateways first, so that nobody writes to the store any more."""
        for actor in reversed(self.actors.values()):
            if is_process(actor):
                await actor.end(in_order=in_order and actor.name.startswith("gateway"))
            else:
                await actor.end()
        for link in self.links.values():
            await link.close()
        for island in self.islands.values():
            await island.close()


def is_process(actor: Actor) -> TypeGuard[Process]:
    """One of our own programs, and not the database."""
    return isinstance(actor, Process)


async def _is_listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _write_private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _shortcode(number: str, product: Product) -> ShortcodeDetails:
    return ShortcodeDetails(
        number=number,
        kind=ShortcodeKind.PAYBILL,
        environment=Environment.SANDBOX,
        till=None,
        consumer_key=APP_KEY,
        consumer_secret=APP_SECRET,
        passkey=PASSKEY,
        products=(product,),
    )


@asynccontextmanager
async def running_town(
    folder: Path,
    seed: int,
    pace: Pace,
    server: PostgresServer | None,
    database_url: str,
    gateway_program: tuple[str, ...] = (),
    *,
    has_islands: bool = False,
) -> AsyncIterator[Town]:
    """Everything started but the load; at the end every process of it has ended."""
    connector = aiohttp.TCPConnector(limit=0, force_close=True)  # a killed gateway leaves dead connections behind
    async with aiohttp.ClientSession(connector=connector) as session:
        nursery = Nursery(folder / "nursery.log")
        town = Town(folder, seed, pace, session, server, database_url, nursery, gateway_program, has_islands)
        await nursery.open()
        try:
            if server is not None:
                await town._start(Database(server))
            await town.build(GATEWAYS_ON_POSTGRESQL if server else GATEWAYS_ON_SQLITE)
            yield town
        finally:
            await town.end()
            await nursery.close()
