"""One run: build the town, load and break it, let it calm down, hear the witnesses, ask the judge."""

import asyncio
import shutil
import time
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from rich.console import Console

from checker import check
from evidence import Evidence
from processes.books import Books, read_books
from processes.pace import Pace
from processes.plan import Cast, Fault, draw
from processes.report import Result, Ticker
from processes.shops import Shops
from processes.store import Standing, Store
from processes.striker import Striker
from processes.town import Town, is_process, running_town
from processes.witnesses import gather_evidence, write_evidence
from services.postgres import PostgresServer

TICK_S = 5.0
LOOK_AGAIN_S = 0.25
WARM_UP_S = 2.0  # of load before the first fault, so that there is something to break
KILLS_SPARE_S = 60.0  # besides twice the time planned: at most so long until all kills have struck
CALM_SPARE_S = 120.0  # beyond the time after which the last open payment is given up; only a run that fails needs it
SECOND_US = 1_000_000

Draw = Callable[[int, float, Cast], list[Fault]]


@dataclass(frozen=True, slots=True)
class Run:
    """What is to be done."""

    database: str
    seed: int
    seconds: float
    folder: Path
    pace: Pace = field(default_factory=Pace)
    gateway_program: tuple[str, ...] = ()
    draw: Draw = draw
    calm_spare_s: float = CALM_SPARE_S
    has_islands: bool = False
    """Gateways on networks of their own; only for a process that has one to itself (`processes.islands`)."""


async def break_it(run: Run, server: PostgresServer | None, database_url: str, console: Console) -> Result:
    """Everything; the folder of a run that broke nothing is removed at its end."""
    shutil.rmtree(run.folder, ignore_errors=True)
    run.folder.mkdir(parents=True)
    result = Result(run.database, run.seed, run.seconds / 60, folder=str(run.folder))
    program, has_islands = run.gateway_program, run.has_islands
    async with running_town(
        run.folder, run.seed, run.pace, server, database_url, program, has_islands=has_islands
    ) as town:
        store = Store(database_url, town.config.parent)
        shops = Shops(town)
        striker = Striker(town, lambda: shops.counts["accepted"])
        ticker = Ticker(console)
        await _load_and_break(run, result, shops, striker, _ticking(ticker, result, shops, striker, store))
        books, left = await _calm(run, town, shops, store, result)
        for gateway in town.gateways:
            await gateway.end(in_order=True)
        evidence = await gather_evidence(town, shops, store, books, striker.outages, left)
        await _judge(town, shops, store, books, evidence, result)
    if result.is_whole:
        shutil.rmtree(run.folder)
    return result


async def _load_and_break(
    run: Run, result: Result, shops: Shops, striker: Striker, ticking: Callable[[], Coroutine[None, None, None]]
) -> None:
    faults = run.draw(run.seed, run.seconds, striker.town.cast())
    result.planned = len(faults)
    ticks = asyncio.create_task(ticking())
    began_s, closing = time.monotonic(), asyncio.Event()
    trading = asyncio.create_task(shops.trade(closing))
    try:
        await asyncio.sleep(WARM_UP_S)
        await striker.carry_out(faults)
        await striker.has_killed(2 * run.seconds + KILLS_SPARE_S)
        result.seconds = time.monotonic() - began_s
    finally:
        closing.set()
        ticks.cancel()
        await striker.rest()
        trading.cancel()
    result.kills, result.others = striker.kills, striker.others
    if striker.broken:
        raise ExceptionGroup("The breaking machine itself broke.", striker.broken)


def _ticking(
    ticker: Ticker, result: Result, shops: Shops, striker: Striker, store: Store
) -> Callable[[], Coroutine[None, None, None]]:
    began_s = time.monotonic()

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            standing = await store.standing()
            asked = shops.counts["asked"] + shops.counts["paid by hand"]
            ticker.say(
                database=result.database,
                asked=f"{asked} ({asked / (time.monotonic() - began_s):.1f}/s)",
                accepted=shops.counts["accepted"],
                paid=standing.paid if standing else "?",
                kills=striker.kills.total(),
                others=striker.others.total(),
                open=standing.open_count if standing else "? (no database)",
                clients=shops.open_count,
            )

    return tick


async def _calm(run: Run, town: Town, shops: Shops, store: Store, result: Result) -> tuple[Books, tuple[str, ...]]:
    """Everything healed: wait until nothing is open, or until a deadline. What is open then is a finding."""
    began_s = time.monotonic()
    limit_s = run.pace.expire_s + run.calm_spare_s
    await town.calm_down()
    await store.release_list()
    await shops.finish(limit_s)
    while True:
        books, standing = await _look(town), await store.standing()
        left = tuple(unfinished(books, standing, shops.open_count)) if books is not None else ()
        is_late = time.monotonic() - began_s > limit_s
        if books is not None and (is_late or not left):
            break
        if is_late and books is None:
            raise RuntimeError("The simulator cannot be asked for its books.")
        await asyncio.sleep(LOOK_AGAIN_S)
    shops.abandon()
    result.calm_s = time.monotonic() - began_s
    return books, left


async def _look(town: Town) -> Books | None:
    try:
        return await read_books(town)
    except (aiohttp.ClientError, TimeoutError, OSError):
        return None


def unfinished(books: Books, standing: Standing | None, clients: int) -> Iterator[str]:
    """What is open on any side, a sentence each; and M-Pesa's list has to be read up to its last line."""
    if clients:
        yield f"{clients} clients still wait."
    if books.open_count:
        yield f"M-Pesa still has {books.open_count} prompts and commands open."
    if standing is None:
        yield "the database does not answer."
        return
    if standing.open_count:
        yield (
            f"{standing.open_payments} payments, {standing.waiting_notifications} notifications and "
            f"{standing.unclear_confirmations} confirmations are open in the journal."
        )
    if standing.pulled_us <= books.newest_s * SECOND_US:
        yield f"M-Pesa's list is read up to {standing.pulled_us} us; its last payment is of {books.newest_s:.0f} s."


async def _judge(town: Town, shops: Shops, store: Store, books: Books, evidence: Evidence, result: Result) -> None:
    for actor in town.actors.values():
        if is_process(actor):
            result.ends[actor.name] = actor.ends
        sort = actor.name.partition("-")[0]
        result.starts_s.setdefault(sort, []).extend(actor.starts_s)
    result.evidence, result.violations = evidence, check(evidence)
    result.load, result.waits_s = shops.counts, shops.waited_s
    result.paid, result.told = books.paid_count, len(evidence.told)
    if not result.is_whole:
        write_evidence(evidence, books, town.folder)
        await store.dump(town.folder)
