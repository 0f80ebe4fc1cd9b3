"""A merchant in one process who asks a pretended M-Pesa for STK prompts, as many at once as it is told to.

Closed loop. Where callbacks are expected a push is done when its callback has been answered, else when it was accepted.
``run.py`` starts it on its own core with a ``Load`` as JSON and reads one JSON line back.
"""

import asyncio
import itertools
import sys
import time

import msgspec
import uvloop

import lean_http
from load import PAYMENT_TIMEOUT_S, Load, Measured, Meter, together

SHORTCODE = "174379"
TIMESTAMP = "20260314101501"
ACCEPTED = b'"ResponseCode":"0"'
CALLBACK_PATH = b"/told/"
PHONES = 1_000  # as many customers; none reaches the limit of a day or the end of the money in 200,000 pushes

PUSH = (
    b'{"BusinessShortCode":"174379","Password":"%b","Timestamp":"%b","TransactionType":"CustomerPayBillOnline",'
    b'"Amount":150,"PartyA":"2547%08d","PartyB":"174379","PhoneNumber":"2547%08d",'
    b'"CallBackURL":"http://127.0.0.1:%d/told/%d","AccountReference":"INV-%d","TransactionDesc":"Order"}'
)
PASSWORD = (
    b"MTc0Mzc5YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIwMjYwMzE0MTAxNTAx"
)
"""Of the sandbox's public passkey and the time above (daraja.md 5)."""


class Merchant:
    """Asks, and is told."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.mpesa = lean_http.Client(load.gateway_port)
        self.loop = asyncio.get_running_loop()
        self.serials = itertools.count(1)
        self.waiting: dict[int, asyncio.Future[None]] = {}

    def answer(self, url: bytes, body: bytes) -> tuple[int, bytes]:
        """A callback that paid; anything else would leave its push without an end and stop the run."""
        told = self.waiting.pop(int(url.removeprefix(CALLBACK_PATH)), None)
        if told is not None and b'"ResultCode":0' in body:
            told.set_result(None)
        return 200, b'{"ResultCode":0,"ResultDesc":"Accepted"}'

    async def push(self) -> None:
        """One prompt, on a phone that was not asked for long: M-Pesa prompts a phone once at a time."""
        serial = next(self.serials)
        told: asyncio.Future[None] = self.loop.create_future()
        if self.load.own_port:
            self.waiting[serial] = told
        else:
            told.set_result(None)
        phone = serial % PHONES
        body = PUSH % (PASSWORD, TIMESTAMP.encode(), phone, phone, self.load.own_port, serial, serial)
        start_s = time.perf_counter()
        status, answer = await self.mpesa.post(self.load.path.encode(), self.load.headers.encode(), body)
        self.accepted(start_s)
        if status != 200 or ACCEPTED not in answer.replace(b": ", b":"):
            raise RuntimeError(f"The push was answered {status}: {answer.decode(errors='replace')}")
        await asyncio.wait_for(told, PAYMENT_TIMEOUT_S)

    def accepted(self, start_s: float) -> None:
        """A push was answered; who wants to know how long that took does so here."""

    async def run(self, seconds: float, count: int) -> Meter:
        """So long, or so many, whatever comes first."""
        meter = Meter(self.load)
        deadline_s = meter.start_s + seconds

        async def one_at_a_time() -> None:
            nonlocal count
            while count > 0 and (start_s := time.perf_counter()) < deadline_s:
                count -= 1
                await self.push()
                meter.waits_s.append(time.perf_counter() - start_s)

        await together(one_at_a_time() for _ in range(self.load.in_flight))
        meter.stop_clock()
        return meter


async def main(load: Load) -> Measured:
    merchant = Merchant(load)
    if load.own_port:
        await lean_http.serve(load.own_port, merchant.answer)
    if load.warmup_s:
        await merchant.run(load.warmup_s, load.payments)
    return (await merchant.run(load.seconds, load.payments)).result()


if __name__ == "__main__":
    measured = uvloop.run(main(msgspec.json.decode(sys.argv[1], type=Load)))
    sys.stdout.write(msgspec.json.encode(measured).decode() + "\n")
