"""One gateway process: it starts, serves, dies as the seed wants it, and is started again."""

import asyncio
import fcntl
import os
import shutil
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import apsw
from msgspec.structs import replace

from virtual.core import Core
from virtual.network import Wire
from virtual.store import Store
from virtual.time import Process
from virtual.weather import LONG_REST_S
from wakala.errors import WakalaError
from wakala.identity import Source
from wakala.runtime import Gateway, pruner

if TYPE_CHECKING:
    from virtual.world import World

DOWN_S = 20.0  # how long a dead process stays away at most
STEPS = (50, 4_000)  # a process that dies at an await dies within so many steps of work


class Node:
    """The supervisor of one gateway."""

    def __init__(self, world: "World", number: int) -> None:
        self.deaths = 0
        self.ahead_us = 0  # of its machine's clock: the processes change, the machine does not
        self._world = world
        self.name = f"gateway-{number}"
        self._chance = world.chance(self.name)
        self._hurry = world.chance(f"hurry of {self.name}")
        self._process: Process | None = None
        self._stores: list[Store] = []
        self._gateways: list[Gateway] = []
        self._spill = world.path.with_suffix(f".spill-{number}")
        shutil.rmtree(self._spill, ignore_errors=True)
        self._spill.mkdir()
        callbacks = replace(world.settings.callbacks, spill_folder=str(self._spill))
        self._settings = replace(world.settings, callbacks=callbacks)

    def start(self) -> None:
        """A new process on the same store."""
        world = self._world
        self._process = process = Process(world.loop, self.name, self._died)
        if world.network.happens(world.weather.dies_at_await):
            process.dies_after = self._chance.randint(*STEPS)
        process.spawn(self._boot(process))

    async def _boot(self, process: Process) -> None:
        world = self._world
        core = Core(world.loop, world.plan.prices)
        is_shared = world.plan.nodes > 1
        store = Store(world.path, process, core, world.loop, self._chance, world.weather, is_shared=is_shared)
        self._stores.append(store)
        now_us = world.loop.now_us
        source = Source(lambda: now_us() + self.ahead_us, self._chance.randbytes, lambda: core.used_s, now_us)
        gateway = Gateway(self._settings, source, store=store, client=partial(_wire, world, process, core))
        self._gateways.append(gateway)
        for worker in gateway._loops:
            worker._rest_s = getattr(world.plan.rests, worker.name, LONG_REST_S)
        try:
            await gateway.start()
        except WakalaError as error:
            world.network.tell(f"{self.name} does not start: {error}")
            process.die("at its start")
            return
        world.network.tell(f"{self.name} listens")
        world.network.listening[process] = (gateway.app, core)
        if world.plan.is_hurried:
            process.spawn(self._stop_in_a_hurry(process, gateway))

    async def _stop_in_a_hurry(self, process: Process, gateway: Gateway) -> None:
        """At some moment of the storm it is told to stop, and told again: it writes what it has heard, and ends."""
        left_s = self._hurry.random() * 2 * self._world.plan.storm_s - self._world.loop.now_s
        if left_s < 0:
            return
        await asyncio.sleep(left_s)
        self._world.network.tell(f"{self.name} is told to stop, twice")
        gateway.leave()
        gateway.hurry()
        self._world.network.cut_short(process)
        await gateway.stop()
        process.die("at the end of its stop")

    def _died(self, process: Process, how: str) -> None:
        world = self._world
        self.deaths += 1
        world.network.tell(f"{self.name} dies {how}")
        self._stores[-1].abandon()
        _unlock_all(self._spill)
        world.network.cut_off(process)
        world.loop.spawn(self._start_again(self._chance.random() * DOWN_S))

    async def _start_again(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        self.start()

    def forget(self) -> None:
        """What is old goes, as `wakala retention` has it."""
        process = self._process
        if process is not None and process in self._world.network.listening:
            process.spawn(self._forget(self._gateways[-1]))

    async def _forget(self, gateway: Gateway) -> None:
        try:
            gone = await pruner(self._settings, gateway.database, gateway.source).run(dry_run=False)
        except WakalaError as error:
            self._world.network.tell(f"{self.name} forgets no further: {error}")
        else:
            self._world.network.tell(
                f"{self.name} forgets {gone.exchanges} exchanges and {gone.notifications} notifications"
            )

    async def stand_still(self, seconds: float) -> None:
        """As a process that is stopped, or a machine that is moved; whatever it had begun goes on afterwards."""
        process = self._process
        if process is None or not process.is_alive:
            return
        self._world.network.tell(f"{self.name} stands still for {seconds:.0f} s")
        process.stand_still()
        await asyncio.sleep(seconds)
        self._world.network.tell(f"{self.name} goes on")
        process.wake()

    def calm_down(self) -> None:
        """It lives on from now, and its clock is right."""
        self.ahead_us = 0
        if self._process is not None:
            self._process.dies_after = 0
            self._process.wake()

    @property
    def is_busy(self) -> bool:
        """True while it is down, starting, or waiting for somebody's answer."""
        network = self._world.network
        process = self._process
        if process is None or process not in network.listening:
            return True
        return network.under_way.get(process, 0) > 0 or not self._gateways[-1].spill.is_empty

    def end(self) -> None:
        """The run is over; the store is let go."""
        if self._process is not None:
            self._process.is_alive = False
        for store in self._stores:
            store.abandon()
        for gateway in self._gateways:
            if gateway.spill._own is not None:
                gateway.spill._own.close(remove=False)
        shutil.rmtree(self._spill)


def _unlock_all(folder: Path) -> None:
    """What the system does for a dead process: its locks on files are gone. Here it lives on in a larger process."""
    inside = f"{folder}/"
    for link in os.scandir("/proc/self/fd"):
        with suppress(OSError):  # the descriptor of this listing itself
            if os.readlink(link).startswith(inside):  # noqa: PTH115 - a path each would take longer than the rest
                fcntl.flock(int(link.name), fcntl.LOCK_UN)


def _wire(world: "World", process: Process, core: Core, **_: object) -> Wire:
    return Wire(world.network, process, core)


def read_due_us(reader: apsw.Connection) -> int | None:
    """When the journal next wants something done; None where nothing is open.

    What waits behind an earlier one of its payment, or at an endpoint that is not called, is due at no time: counted,
    it would keep time from jumping to what it waits for.
    """
    found: list[tuple[Any, ...]] = reader.execute(
        "SELECT min(due) FROM ("
        " SELECT min(next_check_us) AS due FROM payments"
        " UNION ALL SELECT min(max(due_us, lease_us)) FROM notifications AS n WHERE state = 'waiting'"
        "  AND app_id NOT IN (SELECT app_id FROM endpoints WHERE state <> 'active')"
        "  AND NOT EXISTS (SELECT 1 FROM notifications AS earlier WHERE earlier.payment_id = n.payment_id"
        "   AND earlier.sequence < n.sequence AND earlier.state = 'waiting')"
        " UNION ALL SELECT min(due_us) FROM confirmations)"
    ).fetchall()
    due: int | None = found[0][0]
    return due


def read_disabled(reader: apsw.Connection) -> set[str]:
    """The apps whose endpoint the gateway has given up calling."""
    return {row[0] for row in reader.execute("SELECT app_id FROM endpoints WHERE state = 'disabled'")}


def read_owed(reader: apsw.Connection, app_id: str) -> int:
    """How many notifications an app is owed, or was."""
    return int(reader.execute("SELECT count(*) FROM notifications WHERE app_id = ?", (app_id,)).get)


def read_pulled_us(reader: apsw.Connection) -> int | None:
    """Up to when M-Pesa's list was read; None before the first time."""
    pulled_us: int | None = reader.execute("SELECT pulled_us FROM shortcodes").get
    return pulled_us
