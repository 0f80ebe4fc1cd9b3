"""The processes of a run: each is started again the moment it ends, whoever ended it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from processes.nursery import Child
from services.postgres import PostgresServer
from services.waiting import until

LOOK_AGAIN_S = 0.1
START_REST_S = 0.2  # after one that ended by itself, so that a broken program is not started a hundred times a second
ORDERLY_LIMIT_S = 30.0
DATABASE_TRIES = 200
DATABASE_REST_S = 0.1


@dataclass(frozen=True, slots=True)
class End:
    """How one life of a program ended; moments are monotonic seconds. ``code`` is negative where a signal killed it."""

    name: str
    order: signal.Signals | None
    """What it was told; None where it ended by itself."""
    code: int
    has_served: bool
    began_s: float
    told_s: float
    """When it was told to end, or else when its end was seen."""
    ended_s: float


class Actor(Protocol):
    """Somebody who can be struck."""

    name: str
    up: asyncio.Event
    """Set while it serves."""
    starts_s: list[float]

    async def start(self) -> None:
        """Start it, and return when it serves."""

    async def kill(self, *, at_once: bool = False) -> None:
        """End it without asking; ``at_once`` asks a database to stop without finishing anything."""

    async def freeze(self, seconds: float) -> None:
        """Let it stand still, and go on."""

    def thaw(self) -> None:
        """Let it go on now."""

    async def end(self) -> None:
        """End it for good."""


class Process:
    """One program of ours."""

    def __init__(
        self,
        name: str,
        launch: Callable[[], Awaitable[Child]],
        is_ready: Callable[[], Awaitable[bool]],
        crash: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """``crash`` has it kill itself, where a signal from us would come in the middle of what must not be lost."""
        self.name = name
        self.up = asyncio.Event()
        self.launched = asyncio.Event()
        self.starts_s: list[float] = []
        self.ends: list[End] = []
        self._launch = launch
        self._is_ready = is_ready
        self._crash = crash
        self._program: Child | None = None
        self._order: signal.Signals | None = None
        self._told_s = 0.0
        self._is_ending = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and from then on whenever it has ended."""
        self._task = asyncio.create_task(self._supervise())
        await self.up.wait()

    async def kill(self, *, at_once: bool = False) -> None:  # noqa: ARG002 - it is always at once
        """SIGKILL, and wait until the next one has been launched."""
        await self._end_and_follow(signal.SIGKILL)

    async def restart(self) -> None:
        """SIGTERM: it ends in order, and is launched again. What does not end is killed, and its code tells."""
        program = self._program
        restarting = asyncio.create_task(self._end_and_follow(signal.SIGTERM))
        await asyncio.wait({restarting}, timeout=ORDERLY_LIMIT_S)
        if program is not None and not restarting.done():
            program.send(signal.SIGKILL)
        await restarting

    async def freeze(self, seconds: float) -> None:
        """SIGSTOP now, SIGCONT later; the process may have been killed meanwhile. One that is told to end is let be."""
        program = self._program
        if program is None or self._order is not None:
            return
        program.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            program.send(signal.SIGCONT)

    def thaw(self) -> None:
        """Never leave it frozen."""
        if self._program is not None:
            self._program.send(signal.SIGCONT)

    async def end(self, *, in_order: bool = False) -> None:
        """For good; in order means that it may finish what it has in hand."""
        self._is_ending = True
        program = self._program
        if program is not None:
            self._tell(program, signal.SIGTERM if in_order else signal.SIGKILL)
            deadline_s = time.monotonic() + ORDERLY_LIMIT_S
            while not program.has_ended():
                if time.monotonic() > deadline_s:
                    program.send(signal.SIGKILL)
                await asyncio.sleep(LOOK_AGAIN_S)
        if self._task is not None:
            await self._task

    async def _end_and_follow(self, number: signal.Signals) -> None:
        program = self._program
        if program is None or program.has_ended():
            return
        self.launched.clear()
        if number is signal.SIGKILL and self._crash is not None:
            self._note(program, number)
            await self._crash()
        else:
            self._tell(program, number)
        await self.launched.wait()

    def _tell(self, program: Child, number: signal.Signals) -> None:
        self._note(program, number)
        program.send(number)

    def _note(self, program: Child, number: signal.Signals) -> None:
        """It is about to end, by our order, and has to be awake for it."""
        self._order, self._told_s = number, time.monotonic()
        program.send(signal.SIGCONT)

    async def _supervise(self) -> None:
        while not self._is_ending:
            began_s = time.monotonic()
            self._order, has_served = None, False
            self._program = program = await self._launch()
            self.launched.set()
            while not program.has_ended():
                if not self.up.is_set() and await self._is_ready() and not program.has_ended():
                    self.starts_s.append(time.monotonic() - began_s)
                    self.up.set()
                    has_served = True
                await asyncio.sleep(LOOK_AGAIN_S)
            self.up.clear()
            ended_s, order = time.monotonic(), self._order
            told_s = ended_s if order is None else self._told_s
            self.ends.append(End(self.name, order, await program.code, has_served, began_s, told_s, ended_s))
            if order is None and not self._is_ending:
                await asyncio.sleep(START_REST_S)


class Database:
    """PostgreSQL with its sessions: one postmaster, and children that have to be frozen and freed with it."""

    def __init__(self, server: PostgresServer) -> None:
        self.name = "database"
        self.up = asyncio.Event()
        self.starts_s: list[float] = []
        self._server = server

    async def start(self) -> None:
        """It runs already."""
        self.up.set()

    async def kill(self, *, at_once: bool = False) -> None:
        """SIGKILL to the postmaster (its sessions notice and end), or an immediate stop; then start it again."""
        self.up.clear()
        self.thaw()
        sessions = self._children()
        if at_once:
            await asyncio.to_thread(self._server.stop_at_once)
        else:
            os.kill(self._server.pid, signal.SIGKILL)
        await until(lambda: not any(map(_lives, sessions)), "the end of PostgreSQL's sessions")  # they hold its memory
        await self._start_again()
        self.up.set()

    async def freeze(self, seconds: float) -> None:
        """The postmaster and every session stand still."""
        self._tell(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            self.thaw()

    def thaw(self) -> None:
        """Let all of them go on."""
        self._tell(signal.SIGCONT)

    async def end(self) -> None:
        """Whoever started the server ends it."""
        self.thaw()

    async def _start_again(self) -> None:
        """Tried again, for a session that began in the last moment may still hold that memory."""
        began_s = time.monotonic()
        for _ in range(DATABASE_TRIES):
            with suppress(RuntimeError):
                await asyncio.to_thread(self._server.start)
                self.starts_s.append(time.monotonic() - began_s)
                return
            await asyncio.sleep(DATABASE_REST_S)
        raise RuntimeError(f"PostgreSQL does not start again: see {self._server.folder / 'log'}.")

    def _tell(self, number: signal.Signals) -> None:
        with suppress(OSError, ValueError, IndexError):
            for pid in (self._server.pid, *self._children()):
                with suppress(ProcessLookupError):
                    os.kill(pid, number)

    def _children(self) -> list[int]:
        postmaster = self._server.pid
        return [int(pid) for pid in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()]


def _lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()
