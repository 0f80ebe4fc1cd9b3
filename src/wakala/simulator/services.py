"""What M-Pesa offers beside payments, as one object that hangs on the simulator: each part keeps its own state."""

import asyncio
import uuid
from collections.abc import Coroutine
from typing import Any

from wakala.simulator import lines, sandbox
from wakala.simulator.bills import Bills
from wakala.simulator.c2b import Collections
from wakala.simulator.callbacks import Courier
from wakala.simulator.checkouts import Checkouts
from wakala.simulator.errands import Errands
from wakala.simulator.faults import Faults
from wakala.simulator.lines import Line
from wakala.simulator.prompts import Prompts
from wakala.simulator.standing_orders import StandingOrders
from wakala.simulator.world import World


class Services:
    """Bill Manager, standing orders, checkouts of tills, Pull's registrations and the lines of phones."""

    def __init__(
        self, world: World, courier: Courier, faults: Faults, collections: Collections, prompts: Prompts
    ) -> None:
        self._world = world
        self._tasks: set[asyncio.Task[None]] = set()
        errands = Errands(world, prompts)
        self.bills = Bills(world, courier, faults, self.run)
        self.standing_orders = StandingOrders(world, courier, collections, errands)
        self.checkouts = Checkouts(world, courier, errands)
        self.pulling: set[str] = set()
        self.lines: dict[str, Line] = {}
        collections.watchers.append(self.bills.notice)
        self.reset()

    def reset(self) -> None:
        """Forget everything; tills are answered for as at the start."""
        self.drop_all()
        self.bills.clear()
        self.standing_orders.clear()
        self.checkouts.clear()
        self.checkouts.nominated.update(sandbox.NOMINATED)
        self.pulling.clear()
        self.lines.clear()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something in the background that a reset may stop."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def drop_all(self) -> None:
        """Stop what is under way and what waits for its day."""
        for task in self._tasks:
            task.cancel()
        self.standing_orders.quiet()

    def resume(self) -> None:
        """Take up what a former run of the program left open."""
        self.standing_orders.resume()
        self.checkouts.resume()

    def line(self, msisdn: str) -> Line:
        """What the network knows of a number."""
        return self.lines.get(msisdn) or lines.made_up(msisdn)

    def set_line(self, msisdn: str, line: Line) -> None:
        """Give a number another past; of too many the oldest is forgotten."""
        while len(self.lines) >= lines.LINES_MAX:
            del self.lines[next(iter(self.lines))]
        self.lines[msisdn] = line

    def new_uuid(self) -> str:
        """A UUID out of the seeded chance."""
        return str(uuid.UUID(int=self._world.random.getrandbits(128), version=4))
