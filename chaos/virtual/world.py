"""One run: a seed becomes a world, the storm passes, the calm comes, and all four witnesses are heard."""

import asyncio
import gc
import logging
import os
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Self

import apsw

from case import Violation
from checker import check
from evidence import Decided, Deed, Done, Evidence, Journal, Owed, Payment
from evidence import MPesa as MPesaEvidence
from virtual.forgetting import forget, forgetful, read_gone, watch
from virtual.house import grant_pull, house, register, switch_validation_on
from virtual.mpesa import MPesa
from virtual.network import GATEWAY, Network
from virtual.node import Node, read_disabled, read_due_us, read_owed, read_pulled_us
from virtual.owners import Api, Owner, Visitor
from virtual.people import HEED_US, Clients, Shops
from virtual.story import Story
from virtual.time import START_US, StandstillError, VirtualLoop
from virtual.weather import LEASE_S, Plan, Weather, plan
from wakala.errors import WakalaError
from wakala.rules.signing import mac

CALM_LIMIT_S = 9 * 86_400.0  # the longest schedule ends after three and a half days
QUIET_LIMIT_TURNS = 200  # nearly half an hour, far longer than any lease; what is still due after it is stuck
TURNS_LIMIT = 2_000  # a history that goes on for ever, as a planted fault may make it, is ended and judged
READ_SHOPS = 1  # of these somebody comes for the notifications
TURN_S = 8.0  # in which every worker takes a turn


@dataclass(frozen=True)
class Run:
    """What came of a seed."""

    plan: Plan
    evidence: Evidence
    violations: list[Violation]
    story: Story
    deaths: int

    @property
    def digest(self) -> str:
        """Equal for two runs that went the same way, to the last line."""
        return self.story.digest


class World:
    """All parts of one run."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.house = house()
        self.story = Story()
        self.loop = VirtualLoop()
        self.name = f"run-{os.getpid()}.db"
        self.settings = self.house.at(self.name, self.plan.schedule_s)
        self.path: Path = self.settings.sqlite_path or Path()
        if plan.is_heard:
            register(self.path)
        if plan.is_forgetful:
            watch(self.path)
            self.settings = forgetful(self.settings)
        if plan.validation:
            switch_validation_on(self.path, plan.validation)
        if plan.is_listed:
            grant_pull(self.path)
        self.weather = self.plan.weather
        self.network = Network(self.loop, self.chance("network"), self.weather, self.story, plan.hop_s)
        self.mpesa = self._new_mpesa()
        self.network.servers["mpesa.test"] = self.mpesa.serve
        self.shops = Shops(self.network, self.chance("shops"), self.house, self.plan)
        self.clients = Clients(self.network, self.chance("clients"), self.house, self.plan, self.mpesa)
        self.nodes = [Node(self, number) for number in range(self.plan.nodes)]
        apis = [Api(self.network, self.house, shop.number) for shop in self.shops.shops]
        self.owners = [
            Owner(api, self.chance(f"owner of shop-{shop.number}"), shop, plan)
            for api, shop in zip(apis, self.shops.shops, strict=True)
            if plan.is_looked_after
        ]
        self.visitors = [
            Visitor(api, self.chance(f"{name} of {number}"), name, is_named=name == "named")
            for number, api in enumerate(apis)
            for name in ("named", "nameless")
            if plan.is_read and number < READ_SHOPS
        ]
        self.resumed: list[Done] = []
        self.is_over = True  # nothing more is due

    def chance(self, name: str) -> Random:
        """A die of its own for each part, so that a change in one does not change the luck of all."""
        return Random(f"{self.plan.seed} {name}")

    def _new_mpesa(self) -> MPesa:
        confirmation_url = self._c2b_url("confirmation") if self.plan.is_registered else None
        is_heard, is_listed = self.plan.is_heard, self.plan.is_listed
        chance = self.chance("m-pesa")
        mpesa = MPesa(self.network, chance, self.weather, confirmation_url, is_heard=is_heard, is_listed=is_listed)
        mpesa.differs = self.plan.differs
        mpesa.validation_url = self._c2b_url("validation") if self.plan.validation else ""
        return mpesa

    def _c2b_url(self, kind: str) -> str:
        secret = mac(self.house.master.derive("callback"), f"callback c2b_{kind}", self.house.shortcode_id)
        return f"{GATEWAY}/callbacks/c2b_{kind}/{self.house.shortcode_id}/{secret}"

    # ── the course of a run ──

    async def live(self) -> None:
        """The storm, then the calm."""
        for node in self.nodes:
            node.start()
        self.clients.start()
        self.loop.spawn(self.shops.moods(self.plan.storm_s))
        for owner in self.owners:
            self.loop.spawn(owner.live())
        for visitor in self.visitors:
            self.loop.spawn(visitor.live(self.plan.storm_s))
        if self.plan.is_forgetful:
            self.loop.spawn(forget(self, self.chance("forgetting")))
        if self.plan.stand_s:
            self.loop.spawn(self._stand_still(self.chance("standstill")))
        if self.plan.leap_s:
            self.loop.spawn(self._leap(self.chance("leap of a clock")))
        await asyncio.sleep(self.plan.storm_s)
        self._calm_down()
        reader = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            await self._wait_for_the_end(reader)
            await self.clients.ask_again()
            await self._wait_for_the_end(reader)
            for owner in self.owners:
                await owner.end()
            if self.owners:
                await self._wait_for_the_end(reader)
            await self._come_back(read_disabled(reader))
            self.is_over = await self._wait_for_the_end(reader)
            for visitor in self.visitors:
                await visitor.end(read_owed(reader, visitor.api.app_id))
        finally:
            reader.close()

    async def _stand_still(self, chance: Random) -> None:
        """One after another, now and then, each for seconds or for longer than any lease."""
        while self.loop.now_s < self.plan.storm_s:
            await asyncio.sleep(chance.random() * self.plan.storm_s / 3)
            await chance.choice(self.nodes).stand_still(chance.random() ** 2 * self.plan.stand_s)

    async def _leap(self, chance: Random) -> None:
        """The clock of one machine is wrong from some moment of the storm on."""
        await asyncio.sleep(chance.random() * self.plan.storm_s)
        node = chance.choice(self.nodes)
        node.ahead_us = int(self.plan.leap_s * 1_000_000)
        self.story.tell(self.loop.now_s, f"the clock of {node.name} leaps by {self.plan.leap_s:+g} s")

    def _calm_down(self) -> None:
        self.story.tell(self.loop.now_s, "the storm is over")
        for name in Weather.__dataclass_fields__:
            setattr(self.weather, name, 0)
        self.mpesa.differs = 0.0
        for node in self.nodes:
            node.calm_down()

    async def _wait_for_the_end(self, reader: apsw.Connection) -> bool:
        """Let everything that is due happen; between two things that are due, time jumps. False where it is no use."""
        turns, quiet_turns, lines = 0, 0, 0
        while self.loop.now_s < CALM_LIMIT_S and quiet_turns < QUIET_LIMIT_TURNS and turns < TURNS_LIMIT:
            await asyncio.sleep(TURN_S)
            turns += 1
            quiet_turns = quiet_turns + 1 if lines == len(self.story.lines) else 0
            lines = len(self.story.lines)
            if self.loop.busy or any(node.is_busy for node in self.nodes):
                continue
            due_us = read_due_us(reader)
            if self.plan.is_listed and (pull_us := self._pull_due_us(reader)) is not None:
                due_us = pull_us if due_us is None else min(due_us, pull_us)
            if due_us is None:
                return True
            self.loop.jump_to(due_us)
        return False

    def _pull_due_us(self, reader: apsw.Connection) -> int | None:
        """When M-Pesa's list is read next; None once all of it was."""
        read_us = read_pulled_us(reader)
        if read_us is not None and read_us > START_US + int(self.mpesa.shown_s * 1_000_000):
            return None
        pull = self.settings.pull
        return (read_us or START_US) + int((pull.interval_s + pull.settle_s) * 1_000_000)

    async def _come_back(self, disabled: set[str]) -> None:
        """A merchant whose endpoint was disabled mends its server and resumes: then what waited must arrive.

        Nobody else is mended here. Where an endpoint is still called, waiting on is a breach.
        """
        for shop in self.shops.shops:
            if self.house.apps[shop.number].app.id in disabled:
                shop.mood, shop.refusal = "well", ""
                asked_us = self.loop.now_us()
                await self.clients.resume(shop.number)
                app_id = self.house.apps[shop.number].app.id
                self.resumed.append(Done(app_id, Deed.RESUME, asked_us, self.loop.now_us()))

    # ── the evidence ──

    def evidence(self, broke: list[str]) -> Evidence:
        """What all four know."""
        books = self.mpesa.books
        journal, app_of = read_journal(self.path, is_watched=self.plan.is_forgetful)
        deaf = {self.house.apps[shop.number].app.id for shop in self.shops.shops if shop.was_deaf}
        return Evidence(
            asked=tuple(self.clients.asked),
            mpesa=MPesaEvidence(
                tuple(books.prompts),
                tuple(books.money),
                tuple(books.calls),
                frozenset(books.contradicted),
                self.plan.is_listed,
                tuple(books.validations),
            ),
            journal=replace(journal, default=self.plan.validation == "Completed"),
            told=tuple(self.shops.heard(journal)),
            # What is leased beyond every honest lease, by a clock that has leapt back, is attempted anew.
            attempts=tuple(self.network.attempts) if self.plan.leap_s >= -LEASE_S else (),
            broke=tuple(broke),
            unfinished=() if self.is_over else (f"after {self.loop.now_s:,.0f} s something is still due.",),
            unreachable=frozenset(payment_id for payment_id, app_id in app_of.items() if app_id in deaf),
            unanswered=frozenset(self.clients.waiting),
            done=(*(done for owner in self.owners for done in owner.done), *self.resumed),
            readers=tuple(visitor.evidence for visitor in self.visitors),
            heed_us=HEED_US,
            verdicts=tuple(self.shops.verdicts),
        )


def read_journal(path: Path, *, is_watched: bool = False) -> tuple[Journal, dict[str, str]]:
    """The journal by plain SQL, not by the gateway's own readers; and the app of each payment.

    Where somebody watched, what was forgotten is in it all the same.
    """
    database = apsw.Connection(str(path))
    try:
        rows: list[tuple[Any, ...]] = database.execute(
            "SELECT id, request_id, kind, state, amount_cents, receipt, evidence, flags, notifications,"
            " checkout_request_id, msisdn || reference, app_id FROM payments ORDER BY id"
        ).fetchall()
        payments = tuple(_payment(row) for row in rows)
        owed = tuple(
            Owed(identity, payment_id, sequence, kind, state, app_id, made_at_us(identity))
            for identity, payment_id, sequence, kind, state, app_id in database.execute(
                "SELECT id, payment_id, sequence, type, state, app_id FROM notifications ORDER BY payment_id, sequence"
            )
        )
        kept = frozenset(
            row[0].decode() for row in database.execute("SELECT request_body FROM exchanges WHERE direction = 'in'")
        )
        gone = tuple(read_gone(database)) if is_watched else ()
        owed += tuple(
            Owed(one.id, one.payment_id, one.sequence, one.kind, one.state, one.app, made_at_us(one.id))
            for one in gone
            if one.what == "notification"
        )
        kept |= {one.body.decode() for one in gone if one.body is not None and one.kind == "in"}
        decided = tuple(
            Decided(body.decode(), by, verdict == "accepted")
            for body, by, verdict in (
                (body, *said.removeprefix("decided by ").rsplit(": ", 1))
                for body, said in database.execute(
                    "SELECT request_body, error FROM exchanges WHERE name = 'c2b_validation' ORDER BY id"
                )
            )
        )
    finally:
        database.close()
    return Journal(payments, owed, kept, decided, gone), {row[0]: row[11] for row in rows}


def made_at_us(notification_id: str) -> int:
    """The moment that an ID carries, in its first twelve digits as milliseconds."""
    return int(notification_id.partition("_")[2][:12], 16) * 1_000


def _payment(row: tuple[Any, ...]) -> Payment:
    identity, request_id, kind, state, amount_cents, receipt, evidence, flags, notifications, checkout_id, who, _ = row
    return Payment(
        id=identity,
        request_id=request_id,
        kind=kind,
        state=state,
        amount_cents=amount_cents,
        receipt=receipt,
        evidence=evidence,
        flags=frozenset(flags.split(",")) - {""},
        notifications=notifications,
        is_askable=checkout_id is not None or kind in {"payout", "transfer"},
        words=f"{kind} {amount_cents} {who}",
    )


def run(seed: int) -> Run:
    """One seed from its first to its last line."""
    return run_world(World(plan(seed)))


def run_world(world: World) -> Run:
    """A world from its first to its last line, and what the judge says."""
    log = _Log(world)
    main = world.loop.create_task(world.live())
    was_collecting = gc.isenabled()
    gc.disable()  # a collection would close coroutines of the dead, at moments that no seed decides
    try:
        with log:
            world.loop.run_until_complete(main)
    except StandstillError:
        log.broke.append("everything waits for something that will never happen")
    finally:
        for node in world.nodes:
            node.end()
        faults = [*world.loop.faults, *(e for e in world.loop.unheard() if not isinstance(e, WakalaError))]
        log.broke += [f"{type(fault).__name__} ended a task: {fault}" for fault in faults]
        evidence = world.evidence(log.broke)
        logging.disable()  # in whatever order the dead are buried, nobody listens
        world.loop.bury()
        logging.disable(logging.NOTSET)
        if was_collecting:
            gc.enable()
    for violation in (violations := check(evidence)):
        world.story.tell(world.loop.now_s, f"BROKEN {violation}")
    return Run(world.plan, evidence, violations, world.story, sum(node.deaths for node in world.nodes))


class _Log(logging.Handler):
    """What the gateway logs becomes lines of the story; what it calls broken becomes evidence."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world
        self.broke: list[str] = []

    def __enter__(self) -> Self:
        self._logger = logging.getLogger("wakala")
        self._before = (self._logger.level, self._logger.propagate, self._logger.handlers[:])
        self._logger.setLevel(logging.WARNING)
        self._logger.propagate = False
        self._logger.handlers[:] = [self]
        return self

    def __exit__(self, *_: object) -> None:
        level, self._logger.propagate, self._logger.handlers[:] = self._before
        self._logger.setLevel(level)

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        error = record.exc_info[1] if record.exc_info else None
        words = record.getMessage()
        self._world.story.tell(self._world.loop.now_s, f"log: {words}")
        if error is not None and not isinstance(error, WakalaError):
            self.broke.append(f"{words} ({type(error).__name__}: {error})")


__all__ = ["START_US", "Run", "World", "run", "run_world"]
