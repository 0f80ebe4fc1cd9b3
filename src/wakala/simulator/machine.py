"""The simulator as one object: every part, put together in one place."""

from dataclasses import dataclass, field, fields
from random import Random

from wakala.simulator import sandbox
from wakala.simulator.c2b import Collections
from wakala.simulator.callbacks import Courier
from wakala.simulator.calls import Calls
from wakala.simulator.certificate import Certificate
from wakala.simulator.clock import Clock
from wakala.simulator.faults import Faults
from wakala.simulator.office import Office
from wakala.simulator.prompts import Prompts
from wakala.simulator.services import Services
from wakala.simulator.world import Autopilot, Rules, World


@dataclass(frozen=True, slots=True)
class Start:
    """How a simulator begins, and begins again at each reset."""

    seed: int = 1
    autopilot: dict[str, float] = field(default_factory=dict)
    answer_after_ms: int = 0
    rules: dict[str, float | bool] = field(default_factory=dict)  # only those that differ from the defaults
    allowed_hosts: frozenset[str] = frozenset()  # further hosts that callbacks may go to; "*" is all


class Simulator:
    """M-Pesa in a box. Start it inside a running event loop, close it there too."""

    def __init__(self, start: Start, clock: Clock | None = None) -> None:
        self.start_with = start
        self.clock = clock or Clock()
        self.faults = Faults(start.seed)
        self.calls = Calls()
        self.random = Random(start.seed)  # noqa: S311, a run must be repeatable
        self.world = World(self.clock, self.random, self._populate)
        self.courier = Courier(self.clock, self.faults, self.calls, start.allowed_hosts)
        self.collections = Collections(self.world, self.courier)
        self.prompts = Prompts(self.world, self.courier, self.collections)
        self.certificate = Certificate()  # outlives a reset: merchants keep the copy they fetched
        self.office = Office(self.world, self.courier, self.certificate)
        self.services = Services(self.world, self.courier, self.faults, self.collections, self.prompts)

    def close(self) -> None:
        """Stop what is under way."""
        self.collections.drop_all()
        self.office.drop_all()
        self.services.drop_all()
        self.courier.close()

    def reset(self) -> None:
        """Begin again from the start: same seed, same world, true time, no payments, no faults."""
        for payment in (*self.world.payments.values(), *self.world.live.values()):
            payment.quiet()
        self.collections.drop_all()
        self.office.drop_all()
        self.courier.drop_all()
        self.services.drop_all()
        self.clock.reset()
        self.faults.clear()
        self.calls.clear()
        self.random.seed(self.start_with.seed)
        self.world.reset()
        self.services.reset()

    def _populate(self, world: World) -> None:
        sandbox.populate(world)
        world.rules = Rules(**self.start_with.rules)  # type: ignore[arg-type]  # names and types are checked at the door
        world.autopilot = Autopilot(dict(self.start_with.autopilot), self.start_with.answer_after_ms)


RULE_NAMES = tuple(each.name for each in fields(Rules))
"""Every rule that may be set at the start or later."""
