"""Payments at a steady pace, whatever becomes of those before: an open loop, for delays and not for rates.

What is measured is how long the merchant waits for an answer, and how long after M-Pesa's callback it was told.
"""

import sys
import time
from collections.abc import Iterable

import msgspec
import uvloop

import lean_http
import pushes
from load import Driver, Load, at_pace
from machine import cpu_seconds, rss_mb


class Pace(Load, frozen=True, kw_only=True):
    """``mode`` "full": a gateway is asked. "callback": M-Pesa's simulator itself, which calls back to us."""

    per_s: float


class Paced(msgspec.Struct, kw_only=True):
    """What came of it: answers to the merchant, and whole payments up to the news of their outcome."""

    count: int
    rate_per_s: float
    cpu_us: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    told_p50_ms: float
    told_p99_ms: float


def percentile_ms(waits_s: Iterable[float], percent: float) -> float:
    ordered = sorted(waits_s)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] * 1e3


class Merchant(Driver):
    """Asks the gateway, and notes both waits."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self.answered_s: list[float] = []
        self.told_s: list[float] = []

    async def one(self) -> None:
        """One payment: asked, answered, told."""
        start_s = time.perf_counter()
        notified = await self.open(until_notified=True)
        self.answered_s.append(time.perf_counter() - start_s)
        await notified
        self.told_s.append(time.perf_counter() - start_s)


class ByHand(pushes.Merchant):
    """Asks the simulator without a gateway, and is called back by it."""

    def __init__(self, load: Load) -> None:
        super().__init__(load)
        self.answered_s: list[float] = []
        self.told_s: list[float] = []

    def accepted(self, start_s: float) -> None:
        self.answered_s.append(time.perf_counter() - start_s)

    async def one(self) -> None:
        """One prompt: asked, answered, told."""
        start_s = time.perf_counter()
        await self.push()
        self.told_s.append(time.perf_counter() - start_s)


async def main(load: Pace) -> Paced:
    merchant: Merchant | ByHand = Merchant(load) if load.mode == "full" else ByHand(load)
    await lean_http.serve(load.own_port, merchant.answer)
    if load.warmup_s:
        await at_pace(load.per_s, load.warmup_s, merchant.one)
        merchant.answered_s.clear()
        merchant.told_s.clear()
    start_s, before_s = time.perf_counter(), cpu_seconds(load.gateway_pid)
    await at_pace(load.per_s, load.seconds, merchant.one)
    count = len(merchant.told_s)
    return Paced(
        count=count,
        rate_per_s=count / (time.perf_counter() - start_s),
        cpu_us=(cpu_seconds(load.gateway_pid) - before_s) / count * 1e6,
        p50_ms=percentile_ms(merchant.answered_s, 50),
        p99_ms=percentile_ms(merchant.answered_s, 99),
        rss_mb=rss_mb(load.gateway_pid),
        told_p50_ms=percentile_ms(merchant.told_s, 50),
        told_p99_ms=percentile_ms(merchant.told_s, 99),
    )


if __name__ == "__main__":
    measured = uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Pace)))
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
