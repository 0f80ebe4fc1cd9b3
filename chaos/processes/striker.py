"""Carries out the plan: each fault at its time, on whoever it names, and counts those that struck."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import aiohttp

from processes.actors import Actor
from processes.ends import Outage
from processes.plan import CABLE, FREEZE, KILL, KILL_AT_START, MOOD, MPESA, RESTART, STOP, STOP_AT_ONCE, Fault
from processes.town import Town, is_process

ORDER_LIMIT_S = 2.0  # a frozen simulator takes no order; that fault is then not counted
WORK_BETWEEN = 5  # requests accepted between two kills, merchants' apart: each strikes a town that works
WORK_LOOK_S = 0.05
AT_START_SHARE = 0.25  # of the time that it was left to serve, so within the first half second of its start
MPESA_TIMES = 2  # calls that each of M-Pesa's faults befalls


class Striker:
    """One for a run."""

    def __init__(self, town: Town, accepted: Callable[[], int]) -> None:
        self.town = town
        self._accepted = accepted
        self._accepted_before = 0
        self._core = asyncio.Lock()
        self._turns = {name: asyncio.Lock() for name in town.actors}
        self._tasks: dict[asyncio.Task[None], Fault] = {}
        self._is_over = False
        self.kills: Counter[str] = Counter()
        self.others: Counter[str] = Counter()
        self.outages: list[Outage] = []
        self.broken: list[Exception] = []

    async def carry_out(self, faults: list[Fault]) -> None:
        """All of them, each begun at its time; those whose victim is still starting wait for it."""
        began_s = time.monotonic()
        for fault in faults:
            await asyncio.sleep(max(0.0, began_s + fault.at_s - time.monotonic()))
            task = asyncio.create_task(self._strike(fault))
            self._tasks[task] = fault
            task.add_done_callback(self._done)

    async def has_killed(self, limit_s: float) -> None:
        """Wait until every kill that was begun has struck: on a busy machine some still wait for their victim."""
        waiting = [task for task, fault in self._tasks.items() if fault.is_kill]
        if waiting:
            await asyncio.wait(waiting, timeout=limit_s)

    async def rest(self) -> None:
        """What has not struck yet never will; what lasts ends now, and who was just killed is started again."""
        self._is_over = True
        for task, fault in self._tasks.items():
            if not fault.is_kill and fault.kind != RESTART:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task)
        broken = None if task.cancelled() else task.exception()
        if isinstance(broken, Exception):
            self.broken.append(broken)

    async def _strike(self, fault: Fault) -> None:
        if fault.is_kill:
            await self._kill(fault, self.town.actors[fault.target])
        elif fault.kind == RESTART:
            await self._restart()
        else:
            with self._noting(fault.target):
                await self._disturb(fault)

    @contextmanager
    def _noting(self, name: str) -> Iterator[None]:
        """Who was away from when to when may explain what others did meanwhile."""
        began_s = time.monotonic()
        try:
            yield
        finally:
            self.outages.append(Outage(name, began_s, time.monotonic()))

    async def _disturb(self, fault: Fault) -> None:
        if fault.kind == FREEZE:
            self.others[f"freeze {_sort(fault.target)}"] += 1
            await self.town.actors[fault.target].freeze(fault.lasts_s)
        elif fault.kind == MOOD:
            await self._sour(fault)
        elif fault.kind == MPESA:
            await self._order(fault)
        elif fault.kind == CABLE:
            self.others[f"cable: {fault.detail}"] += 1
            await self.town.cables[fault.target].suffer(fault.detail, fault.lasts_s)
        else:
            self.others[f"line: {fault.kind}"] += 1
            await self.town.links[fault.target].suffer(fault.kind, fault.lasts_s)

    async def _kill(self, fault: Fault, actor: Actor) -> None:
        """Only who serves is killed: otherwise a run would count the deaths of those who never lived."""
        async with self._turns[fault.target]:
            await actor.up.wait()
            await asyncio.sleep(fault.lasts_s)
            if _sort(fault.target) == "merchant":
                await self._end(fault, actor)
                return
            async with self._core:
                while self._is_idle():  # noqa: ASYNC110 - a count tells nobody that it has grown
                    await asyncio.sleep(WORK_LOOK_S)
                await actor.up.wait()
                self._accepted_before = self._accepted()
                await self._end(fault, actor)

    def _is_idle(self) -> bool:
        """True while next to nothing was accepted since the last kill of anybody but a merchant."""
        return self._accepted() < self._accepted_before + WORK_BETWEEN and not self._is_over

    async def _end(self, fault: Fault, actor: Actor) -> None:
        if self._is_over:
            return
        if fault.kind == STOP:
            assert is_process(actor)
            await actor.restart()
        else:
            with self._noting(fault.target):
                await actor.kill(at_once=fault.kind == STOP_AT_ONCE)
        what = fault.kind if fault.kind in {STOP, STOP_AT_ONCE} else KILL
        self.kills[f"{what} {_sort(fault.target)}"] += 1
        if fault.kind == KILL_AT_START:
            await asyncio.sleep(fault.lasts_s * AT_START_SHARE)
            if not actor.up.is_set():
                await actor.kill()
                self.kills[f"kill {_sort(fault.target)} while it starts"] += 1

    async def _restart(self) -> None:
        simulator = self.town.simulator
        async with self._turns[simulator.name]:
            await simulator.up.wait()
            if self._is_over:
                return
            await simulator.restart()
            self.others["restart simulator"] += 1

    async def _sour(self, fault: Fault) -> None:
        self.others[f"merchant: {fault.detail}"] += 1
        self.town.mood(fault.target, fault.detail)
        try:
            await asyncio.sleep(fault.lasts_s)
        finally:
            self.town.mood(fault.target, "right")

    async def _order(self, fault: Fault) -> None:
        delay_ms = int(fault.lasts_s * 1000) if fault.detail in {"late", "slow"} else 0
        order = {"kind": fault.target, "name": fault.detail, "times": MPESA_TIMES, "delay_ms": delay_ms}
        with suppress(aiohttp.ClientError, TimeoutError, OSError):
            await self.town.control("faults", order, limit_s=ORDER_LIMIT_S)
            self.others[f"M-Pesa: {fault.target} {fault.detail}"] += 1


def _sort(target: str) -> str:
    return target.partition("-")[0]
