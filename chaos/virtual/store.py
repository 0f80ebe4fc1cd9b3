"""The gateway's real SQLite store, with a disk that can fail at each commit.

All of `SqliteDatabase` is used as it is; only its thread is replaced, by a disk that does its one job (COMMIT) at once
or not at all, and says so when the seed wants it to. Whatever happens to a commit happens here:

- it fails, and nothing is written;
- the process dies before it, or after it and before anybody is told;
- it is done, and yet an error comes back (a connection to PostgreSQL that breaks at COMMIT);
- it takes its time, while others queue up behind it.
"""

import asyncio
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random

import apsw

from virtual.core import Core
from virtual.time import Process, VirtualLoop
from virtual.weather import Weather
from wakala.journal.database import Operation, Row, sql
from wakala.journal.disk import DiskThread
from wakala.journal.sqlite import SqliteDatabase

TOLD_S = 0.002  # a usual commit, until its caller knows
SLOW_S = 3.0  # a disk that stalls


class _Disk(DiskThread):
    """Stands where the thread that waits for the disk stands, and has no thread."""

    def __init__(self, process: Process, core: Core, loop: VirtualLoop, chance: Random, weather: Weather) -> None:
        self._process = process
        self._core = core
        self._loop = loop
        self._chance = chance
        self._weather = weather

    def run(self, job: Callable[..., object], *arguments: object) -> "asyncio.Future[None]":
        """Commit, or not; the future is what the gateway learns of it."""
        told: asyncio.Future[None] = self._loop.create_future()
        if arguments != ("COMMIT",) or not self._process.is_alive:
            if self._process.is_alive:  # waiting its turn for the file: nobody holds it longer than a moment
                job(*arguments)
                told.set_result(None)
            return told
        self._core.spend(self._core.prices.commit_s)
        weather = self._weather
        if self._happens(weather.commit_fails):
            job("ROLLBACK")  # at once, so that another process that shares the file does not wait for this one
            told.set_exception(apsw.FullError("database or disk is full"))
        elif self._happens(weather.dies_before_commit):
            self._process.die("before a commit")
        else:
            job(*arguments)
            if self._happens(weather.dies_after_commit):
                self._process.die("after a commit, before anybody was told")
            elif self._happens(weather.word_lost):
                told.set_exception(apsw.IOError("the connection broke at COMMIT"))
            else:
                slow = SLOW_S if self._happens(weather.commit_slow) else TOLD_S
                self._loop.call_later(self._chance.random() * slow, _done, told)
        return told

    def close(self) -> None:
        """There is no thread to end."""

    def _happens(self, likelihood: float) -> bool:
        return likelihood > 0 and self._chance.random() < likelihood


def _now_us(loop: "weakref.ref[VirtualLoop]") -> int:
    living = loop()
    assert living is not None, "who writes is in it"
    return living.now_us()


def _done(told: "asyncio.Future[None]") -> None:
    if not told.done():
        told.set_result(None)


class Store(SqliteDatabase):
    """A gateway's connection to the file of the run.

    ``is_shared``: it calls itself PostgreSQL, so that the gateway behaves as one of several (no lock on the file, no
    leases released at its start); its statements are SQLite's all the same.
    """

    def __init__(
        self,
        path: Path,
        process: Process,
        core: Core,
        loop: VirtualLoop,
        chance: Random,
        weather: Weather,
        *,
        is_shared: bool,
    ) -> None:
        super().__init__(path)
        self.dialect = "postgres" if is_shared else "sqlite"
        self._process = process
        self._core = core
        self._loop = loop
        self._virtual_disk = _Disk(process, core, loop, chance, weather)

    def _connect(self) -> apsw.Connection:
        connection = super()._connect()
        # For who watches there. SQLite holds what it is given where no collector looks, so it is given nothing of ours:
        # a thousand worlds would else be kept in memory.
        connection.create_scalar_function("virtual_now_us", partial(_now_us, weakref.ref(self._loop)), 0)
        return connection

    def _new_disk(self) -> DiskThread:
        return self._virtual_disk

    async def commit(self, operation: Operation) -> bool:
        """As the real one; the dead commit nothing."""
        await self._process.halt_if_dead()
        rows = len(operation.writes) + (operation.guard is not None)
        self._core.spend(rows * self._core.prices.statement_s)
        return await super().commit(operation)

    async def take(self, statement: str, row: Row) -> Sequence[Row]:
        """As the real one; the dead take nothing."""
        await self._process.halt_if_dead()
        taken = await super().take(statement, row)
        self._core.spend((1 + len(taken)) * self._core.prices.statement_s)
        return taken

    async def fetch(self, statement: str, row: Row = ()) -> Sequence[Row]:
        """As the real one, in SQLite's words whatever it calls itself."""
        await self._process.halt_if_dead()
        self._core.spend(self._core.prices.statement_s)
        return self._read_cursor.execute(sql(statement, "sqlite"), row).fetchall()

    def abandon(self) -> None:
        """The process died: its connections are gone, and with them whatever was not committed."""
        for connection in (getattr(self, "_writer", None), getattr(self, "_reader", None)):
            if connection is not None:
                connection.close(True)
