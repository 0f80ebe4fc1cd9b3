"""The other side of a gateway in one process: merchant, M-Pesa and the merchant's notification receiver.

Closed loop: so many payments in flight, each started when another is done. Bounded in time and in count, and on
loopback only. ``run.py`` starts it on its own core with a ``Load`` as JSON and reads one JSON line back.
"""

import asyncio
import itertools
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import uvloop

import lean_http
from machine import cpu_seconds, rss_mb
from targets import Target

CALLBACK_DELAY_S = 0.03  # a shopper is slower; shorter would let callbacks overtake the push's own answer
PAYMENT_TIMEOUT_S = 30
TOKEN = b'{"access_token":"0123456789abcdefghijklmnopqr","expires_in":"3599"}'
PENDING = b'{"ResponseCode":"0","ResultCode":"4999","ResultDesc":"The transaction is still under processing"}'


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What to do.

    ``full``: a payment is done when its notification has arrived. ``intake``: when it was accepted, and M-Pesa never
    calls back. ``callback``: ``payments`` are opened first, unmeasured; then M-Pesa's callbacks for them all come.
    """

    mode: Literal["hello", "full", "intake", "callback"]
    gateway_port: int
    own_port: int = 0
    path: str = "/"
    headers: str = ""
    in_flight: int = 32
    seconds: float = 2
    warmup_s: float = 0.7
    payments: int = 10**9
    callbacks_per_s: float = 0  # an open loop of them, for delays; 0 is one after another, as fast as they are answered
    gateway_pid: int
    database_pid: int = 0
    ends: Literal["notification", "callback"] = "notification"  # a gateway tells its merchant; a library needs not
    second_port: int = 0  # another process on the same database, which takes every second request and callback
    second_pid: int = 0
    by_simulator: bool = False  # M-Pesa is a simulator of its own and not this process


class Measured(msgspec.Struct, kw_only=True):
    """What came of it. CPU covers all that was done for the payments counted, also what went on after the answer."""

    count: int
    rate_per_s: float
    cpu_us: float
    database_cpu_us: float
    p50_ms: float
    p99_ms: float
    rss_mb: float
    driver_cores: float  # how busy this driver was; near 1 it would be the driver that is measured


class Push(msgspec.Struct):
    """What the driver needs of a push request."""

    CallBackURL: str
    PhoneNumber: int | str
    Amount: int | float | str
    AccountReference: str = ""


decode_push = msgspec.json.Decoder(Push).decode


class Meter:
    """Clock and CPU from the first payment to the last thing done for them."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.waits_s: list[float] = []
        self.start_s = time.perf_counter()
        self.end_s = 0.0
        self.driver_s = 0.0
        self.driver_before_s = time.process_time()
        self.before_s = self._cpu()

    def _cpu(self) -> tuple[float, float]:
        load = self.load
        pids = [pid for pid in (load.gateway_pid, load.second_pid) if pid]
        return sum(map(cpu_seconds, pids)), cpu_seconds(load.database_pid) if load.database_pid else 0.0

    def stop_clock(self) -> None:
        self.end_s = time.perf_counter()
        self.driver_s = time.process_time() - self.driver_before_s

    def result(self) -> Measured:
        gateway_s, database_s = (after - before for after, before in zip(self._cpu(), self.before_s, strict=True))
        waits_s, count = sorted(self.waits_s), len(self.waits_s)
        if not count:
            raise RuntimeError("Not one payment was done.")
        return Measured(
            count=count,
            rate_per_s=count / (self.end_s - self.start_s),
            cpu_us=gateway_s / count * 1e6,
            database_cpu_us=database_s / count * 1e6,
            p50_ms=waits_s[count // 2] * 1e3,
            p99_ms=waits_s[count * 99 // 100] * 1e3,
            rss_mb=rss_mb(self.load.gateway_pid),
            driver_cores=self.driver_s / (self.end_s - self.start_s),
        )


class Driver:
    """Merchant, M-Pesa and receiver."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.target = Target(load.path.encode(), load.headers.encode())
        ports = [port for port in (load.gateway_port, load.second_port) if port]
        self.gateway = lean_http.Turns([lean_http.Client(port) for port in ports])
        self.loop = asyncio.get_running_loop()
        # Counts from the clock, 50,000 a second, which is faster than any run uses them up: so no receipt and no
        # request ID comes twice on one store, whichever run asks.
        self.serials = itertools.count(time.time_ns() // 20_000 % 10**9)
        self.waiting: dict[str, asyncio.Future[None]] = {}
        self.pushed_count = 0
        self.opened_count = 0
        self.callbacks: list[tuple[bytes, bytes, str]] = []
        self.by_reference: dict[str, str] = {}
        self.tasks: set[asyncio.Task[None]] = set()

    # M-Pesa and the receiver

    def answer(self, url: bytes, body: bytes) -> tuple[int, bytes]:
        if url.startswith(b"/mpesa/stkpush/"):
            return self.answer_push(body)
        if url.startswith(b"/notifications"):
            self.finish(self.target.request_id(body))
            return 200, b"{}"
        if url.startswith(b"/oauth/"):
            return 200, TOKEN
        if url.startswith(b"/mpesa/stkpushquery/"):
            return 200, PENDING
        return 404, b"{}"

    def answer_push(self, body: bytes) -> tuple[int, bytes]:
        push = decode_push(body)
        serial = next(self.serials)
        self.pushed_count += 1
        ids = b'"MerchantRequestID":"29115-34620561-%d","CheckoutRequestID":"ws_CO_23112026102115%012d"' % (
            serial,
            serial,
        )
        callback = (
            b'{"Body":{"stkCallback":{%b,"ResultCode":0,"ResultDesc":"The service request is processed successfully.",'
            b'"CallbackMetadata":{"Item":[{"Name":"Amount","Value":%d.00},{"Name":"MpesaReceiptNumber","Value":"T%09d"}'
            b',{"Name":"TransactionDate","Value":20261123102115},{"Name":"PhoneNumber","Value":%b}]}}}}'
        ) % (ids, int(push.Amount), serial, str(push.PhoneNumber).encode())
        there = urlsplit(push.CallBackURL)
        path = (there.path + ("?" + there.query if there.query else "")).encode()
        if self.load.mode == "callback":
            self.callbacks.append((path, callback, push.AccountReference))
        elif self.load.mode == "full":
            self.loop.call_later(CALLBACK_DELAY_S, self.spawn_callback, path, callback, push.AccountReference)
        description = b'"ResponseDescription":"Success. Request accepted for processing"'
        return 200, (
            b'{%b,"ResponseCode":"0",%b,"CustomerMessage":"Success. Request accepted for processing"}'
            % (ids, description)
        )

    def spawn_callback(self, path: bytes, body: bytes, reference: str) -> None:
        task = self.loop.create_task(self.call_back(path, body, reference))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def call_back(self, path: bytes, body: bytes, reference: str) -> None:
        status, answer = await self.gateway.post(path, lean_http.JSON, body)
        if status != 200:
            raise RuntimeError(f"The callback was answered {status}: {answer.decode(errors='replace')}")
        if self.load.ends == "callback":
            self.finish(self.by_reference.pop(reference, ""))

    def finish(self, request_id: str) -> None:
        done = self.waiting.pop(request_id, None)  # a notification may come twice; the second finds nobody waiting
        if done is not None and not done.done():
            done.set_result(None)

    # The merchant

    async def open(self, *, until_notified: bool) -> asyncio.Future[None]:
        serial = next(self.serials)
        request_id = f"bench-{serial}"
        notified: asyncio.Future[None] = self.loop.create_future()
        if until_notified:
            self.waiting[request_id] = notified
            if self.load.ends == "callback":
                self.by_reference[f"INV-{serial % 10**8}"] = request_id
        body = self.target.body(request_id, serial)
        status, answer = await self.gateway.post(self.target.path, self.target.headers, body)
        if status not in (200, 201, 202):
            raise RuntimeError(f"The payment was answered {status}: {answer.decode(errors='replace')}")
        self.opened_count += 1
        return notified

    async def merchants(self, meter: Meter, deadline_s: float, count: int) -> None:
        full = self.load.mode == "full"

        async def merchant() -> None:
            nonlocal count
            while count > 0 and (start_s := time.perf_counter()) < deadline_s:
                count -= 1
                notified = await self.open(until_notified=full)
                if full:
                    await asyncio.wait_for(notified, PAYMENT_TIMEOUT_S)
                meter.waits_s.append(time.perf_counter() - start_s)

        await together(merchant() for _ in range(self.load.in_flight))

    async def until_pushed(self) -> None:
        """A gateway may answer the merchant first and ask M-Pesa later: that work belongs to the payment too."""
        if self.load.by_simulator:  # of which nothing is seen here; the news of the outcome came after it
            return
        deadline_s = time.perf_counter() + PAYMENT_TIMEOUT_S
        while self.pushed_count < self.opened_count:
            if time.perf_counter() > deadline_s:
                raise RuntimeError(f"Only {self.pushed_count} of {self.opened_count} payments were sent to M-Pesa.")
            await asyncio.sleep(0.002)

    async def payments(self) -> Measured:
        load = self.load
        if load.warmup_s:
            await self.merchants(Meter(load), time.perf_counter() + load.warmup_s, load.payments)
            await self.until_pushed()
        meter = Meter(load)
        await self.merchants(meter, time.perf_counter() + load.seconds, load.payments)
        await self.until_pushed()
        meter.stop_clock()
        return meter.result()

    async def ingest(self) -> Measured:
        load = self.load
        left = load.payments
        notified: list[asyncio.Future[None]] = []

        async def merchant() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                notified.append(await self.open(until_notified=True))

        await together(merchant() for _ in range(load.in_flight))
        await self.until_pushed()
        meter = Meter(load)

        async def call_back() -> None:
            path, body, reference = self.callbacks.pop()
            start_s = time.perf_counter()
            await self.call_back(path, body, reference)
            meter.waits_s.append(time.perf_counter() - start_s)

        async def mpesa() -> None:
            while self.callbacks:
                await call_back()

        if load.callbacks_per_s:
            await at_pace(load.callbacks_per_s, len(self.callbacks) / load.callbacks_per_s, call_back)
        else:
            await together(mpesa() for _ in range(load.in_flight))
        meter.stop_clock()
        await asyncio.wait_for(asyncio.gather(*notified), PAYMENT_TIMEOUT_S)
        return meter.result()


async def at_pace(per_s: float, seconds: float, one: Callable[[], Awaitable[None]]) -> None:
    """Start one after the other by the clock, and wait for the last."""
    start_s, count = time.perf_counter(), round(per_s * seconds)
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            wait_s = start_s + number / per_s - time.perf_counter()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            group.create_task(_until_done(one))


async def _until_done(one: Callable[[], Awaitable[None]]) -> None:
    await asyncio.wait_for(one(), PAYMENT_TIMEOUT_S)


async def together(steps: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All at once; the first that fails ends the run, and speaks for the others that fail with it."""
    try:
        async with asyncio.TaskGroup() as group:
            for step in steps:
                group.create_task(step)
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None


async def hello(load: Load) -> Measured:
    client = lean_http.Client(load.gateway_port)
    for seconds in (load.warmup_s, load.seconds):
        meter = Meter(load)
        deadline_s = meter.start_s + seconds

        async def ask(meter: Meter = meter, deadline_s: float = deadline_s) -> None:
            while (start_s := time.perf_counter()) < deadline_s:
                await client.post(b"/", b"", b"")
                meter.waits_s.append(time.perf_counter() - start_s)

        await together(ask() for _ in range(load.in_flight))
        meter.stop_clock()
    return meter.result()


async def main(load: Load) -> None:
    if load.mode == "hello":
        measured = await hello(load)
    else:
        driver = Driver(load)
        await lean_http.serve(load.own_port, driver.answer)
        measured = await (driver.ingest() if load.mode == "callback" else driver.payments())
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")


if __name__ == "__main__":
    uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Load)))
