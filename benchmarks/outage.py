"""Two merchants behind one gateway: one is well all the time, the other has been down and much waits for it.

The well one is paid at a steady pace from the first moment to the last. The absent one refuses everything, and is back
after a while; then all that was owed to it must arrive, in order within each payment.
"""

import asyncio
import sys
import time
from statistics import median_high

import msgspec
import uvloop

import lean_http
from load import at_pace
from machine import cpu_seconds, rss_mb
from paced import Merchant, Pace, percentile_ms

ABSENT = b"/notifications/absent"
SILENCE_LIMIT_S = 60  # the breaker rests for half of it; nothing for so long means that nothing will come any more


class Outage(Pace, frozen=True, kw_only=True):
    """``owed`` notifications wait for the absent merchant, who is back after ``down_s``; 0: nobody is absent.

    ``seconds`` is how long is looked at the well merchant's waits at a time: a p99 of a minute is not one of a second.
    """

    owed: int = 0
    down_s: float = 0


class Seen(msgspec.Struct, kw_only=True):
    """What both saw. Waits are those of the well merchant, from M-Pesa's callback to its notification."""

    count: int  # of what was owed and arrived
    rate_per_s: float  # at which it did
    cpu_us: float
    rss_mb: float
    p50_ms: float
    p99_ms: float  # in the middle one of the windows of that many seconds
    worst_p99_ms: float  # in the worst of them
    down_p99_ms: float
    twice: int
    out_of_order: int
    healthy: int  # payments of the well merchant that the waits are of


class Told(msgspec.Struct):
    RequestID: str


class Owed(msgspec.Struct):
    type: str
    data: Told


decode_owed = msgspec.json.Decoder(Owed).decode


class Both(Merchant):
    """The well merchant, the absent one, and M-Pesa."""

    def __init__(self, load: Outage) -> None:
        super().__init__(load)
        self.back_s = time.perf_counter() + load.down_s
        self.called_s: dict[str, float] = {}
        self.waits: list[tuple[float, float]] = []  # when, and how long
        self.arrived: set[tuple[str, str]] = set()
        self.arrivals_s: list[float] = []
        self.twice = self.out_of_order = 0

    def answer(self, url: bytes, body: bytes) -> tuple[int, bytes]:
        if not url.startswith(ABSENT):
            return super().answer(url, body)
        now_s = time.perf_counter()
        if now_s < self.back_s:
            return 503, b"{}"
        note = decode_owed(body)
        request_id, kind = note.data.RequestID, note.type
        if not request_id.startswith("OWED-"):
            return 200, b"{}"
        self.arrivals_s.append(now_s)
        self.twice += (request_id, kind) in self.arrived
        self.out_of_order += kind == "payment.flagged" and (request_id, "payment.succeeded") not in self.arrived
        self.arrived.add((request_id, kind))
        return 200, b"{}"

    async def call_back(self, path: bytes, body: bytes, reference: str) -> None:
        self.called_s[reference.removeprefix("INV-")] = time.perf_counter()
        await super().call_back(path, body, reference)

    def finish(self, request_id: str) -> None:
        called_s = self.called_s.pop(str(int(request_id.removeprefix("bench-")) % 10**8), None)
        if called_s is not None:
            now_s = time.perf_counter()
            self.waits.append((now_s, now_s - called_s))
        super().finish(request_id)

    def waits_between(self, start_s: float, end_s: float) -> list[float]:
        return [wait_s for when_s, wait_s in self.waits if start_s <= when_s <= end_s]

    def p99s_ms_between(self, start_s: float, end_s: float, window_s: float) -> list[float]:
        """One for each of the windows that fit, of equal length."""
        count = max(1, int((end_s - start_s) / window_s))
        width_s = (end_s - start_s) / count
        starts_s = [start_s + number * width_s for number in range(count)]
        waits = [self.waits_between(from_s, from_s + width_s) for from_s in starts_s]
        return [percentile_ms(waits_s, 99) for waits_s in waits if waits_s]


async def main(load: Outage) -> Seen:
    both = Both(load)
    await lean_http.serve(load.own_port, both.answer)
    await at_pace(load.per_s, load.warmup_s, both.one)
    both.back_s = time.perf_counter() + load.down_s
    start_s, before_s = time.perf_counter(), cpu_seconds(load.gateway_pid)
    if load.owed:
        await _until_drained(load, both)
    else:
        await at_pace(load.per_s, load.seconds, both.one)
    first_s, last_s = (both.arrivals_s[0], both.arrivals_s[-1]) if load.owed else (start_s, time.perf_counter())
    waits_s = both.waits_between(first_s, last_s)
    p99s_ms = both.p99s_ms_between(first_s, last_s, load.seconds)
    down_s = both.waits_between(start_s, both.back_s) or [0.0]
    count = len(both.arrived) or len(waits_s)
    return Seen(
        count=count,
        rate_per_s=count / (last_s - first_s),
        cpu_us=(cpu_seconds(load.gateway_pid) - before_s) / count * 1e6,
        rss_mb=rss_mb(load.gateway_pid),
        p50_ms=percentile_ms(waits_s, 50),
        p99_ms=median_high(p99s_ms),
        worst_p99_ms=max(p99s_ms),
        down_p99_ms=percentile_ms(down_s, 99),
        twice=both.twice,
        out_of_order=both.out_of_order,
        healthy=len(waits_s),
    )


async def _until_drained(load: Outage, both: Both) -> None:
    drained = asyncio.Event()

    async def well() -> None:
        while not drained.is_set():
            await at_pace(load.per_s, 1, both.one)

    async with asyncio.TaskGroup() as group:
        group.create_task(well())
        while len(both.arrived) < load.owed:
            last_s = both.arrivals_s[-1] if both.arrivals_s else both.back_s
            if time.perf_counter() > last_s + SILENCE_LIMIT_S:
                raise RuntimeError(f"Only {len(both.arrived):,} of {load.owed:,} arrived, then nothing more.")
            await asyncio.sleep(0.05)
        drained.set()


if __name__ == "__main__":
    seen = uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Outage)))
    sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")
