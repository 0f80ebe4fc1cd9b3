"""The one core that a gateway process runs on. While it does one thing it does no other, so time passes for all.

Most runs look for what is lost and what comes twice; for them everything is done at once. Where it matters how long
somebody waits, what a gateway does has a price, as it was measured on a real one (benchmarks/README.md).
"""

from dataclasses import dataclass

from virtual.time import VirtualLoop


@dataclass(frozen=True, slots=True)
class Prices:
    """Seconds of the processor, each time."""

    request_s: float = 0.0  # somebody asks: read, judged, answered
    call_s: float = 0.0  # we ask somebody: written, and what came back read
    statement_s: float = 0.0  # one row of the store
    commit_s: float = 0.0


FREE = Prices()
MEASURED = Prices(request_s=130e-6, call_s=110e-6, statement_s=12e-6, commit_s=60e-6)
"""A whole push asks twice and is asked twice, with some fourteen rows: 650 us, as in the benchmark's `full_loop`."""


class Core:
    """``used_s`` is what the process has had of it."""

    def __init__(self, loop: VirtualLoop, prices: Prices) -> None:
        self.prices = prices
        self.used_s = 0.0
        self._loop = loop

    def spend(self, seconds: float) -> None:
        """Nothing else of this world happens meanwhile; what comes due is late by as much."""
        self.used_s += seconds
        self._loop.now_s += seconds
