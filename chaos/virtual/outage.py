"""A merchant is down for an hour and is back: what waited must arrive, and nobody else may notice.

Two merchants of one gateway. First the one that will be absent is paid as fast as it can be told: the steady rate. Then
it refuses everything for an hour of virtual time while its payments come in evenly, a ninth of them with a second
notification behind the first; then it is back. The other one is well and paid all the while.

What the gateway does has its measured price here (`core.py`), so its one core is a thing that can be short, and every
wait in the result is a wait of this world: two runs of one seed give the same figures to the last digit.
"""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any
from urllib.parse import urlsplit

import apsw

from evidence import Attempt
from virtual.core import MEASURED
from virtual.mpesa import Command, Habits, MPesa
from virtual.network import Answer, Request
from virtual.weather import SHORT_SCHEDULE_S, Plan, Rests, Weather
from virtual.world import Run, World, run_world

HOUR_S = 3_600.0
ABSENT, WELL = 0, 1  # the numbers of the two merchants
IN_FLIGHT = 256  # enough to keep the core, or all hands of the lane, busy in spite of the ways between
WELL_SHARE = 0.1  # of the steady rate: what the well merchant is paid before and during the drain
WELL_AT_REST_S = 2.0  # between two of its payments in the hour itself
CALM_S = 20.0  # how long the well merchant's waits are looked at before
NINTH = 9
SECOND_WORD_S = 2.0  # after the first callback, M-Pesa says the contrary
SETTLE_S = 60.0  # after the last arrival, for what nobody should have sent
SILENCE_S = 60.0  # nothing for so long means that nothing will come; the breaker rests for half of it
PATIENCE_S = 30.0
TELL_S = 900.0  # virtual, between two words about how far it is
TENTH = 10

DRAIN_LEAST = 0.8  # of the steady rate
HEALTHY_P99_MOST = 1.5  # times what it was before

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Hour:
    """What is asked: a seed, how many payments come in that hour, and how far apart everybody is."""

    seed: int
    owed: int
    steady: int  # payments by which the steady rate is measured
    hop_s: float
    down_s: float = HOUR_S  # a test that asks for less than an hour has its reason
    schedule_s: tuple[float, ...] = SHORT_SCHEDULE_S

    def plan(self) -> Plan:
        """Fair weather, life's own rests, and a price for everything."""
        return Plan(
            seed=self.seed,
            nodes=1,
            storm_s=0,
            payments=0,
            is_registered=False,
            is_heard=False,
            refusal="",
            schedule_s=self.schedule_s,
            weather=Weather(),
            hop_s=self.hop_s,
            prices=MEASURED,
            rests=Rests(courier=0.5, finisher=3.0, directory=1.0, shelter=1.0, standing=5.0),
        )


@dataclass(slots=True)
class Waits:
    """Of the well merchant, in virtual seconds, from M-Pesa's callback to the notification."""

    calm: list[float] = field(default_factory=list)
    down: list[float] = field(default_factory=list)
    drain: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Promise:
    """A figure and its bound. What is to be at least so much says so."""

    what: str
    value: float
    bound: float
    is_least: bool = False

    @property
    def holds(self) -> bool:
        """Whether it was kept."""
        return self.value >= self.bound if self.is_least else self.value <= self.bound

    def __str__(self) -> str:
        side = "at least" if self.is_least else "at most"
        return f"{self.what}: {self.value:.4g}, {side} {self.bound:g}: {'holds' if self.holds else 'IS BROKEN'}"


@dataclass(frozen=True, slots=True)
class Outage:
    """What came of it. Rates are notifications of the absent merchant a virtual second."""

    run: Run
    steady_per_s: float
    waiting: int  # when it was back
    arrived: int  # of them, and what came with them
    drain_per_s: float
    drain_core: float  # how much of the gateway's core all work took meanwhile
    most_at_once: int  # attempts at the absent merchant
    hands: int  # as the settings allow
    waits: Waits

    @property
    def promises(self) -> list[Promise]:
        """What is promised, with what was seen."""
        calm_s = p99(self.waits.calm)
        return [
            Promise("promises that the judge found broken", len(self.run.violations), 0),
            Promise("lost of what waited", self.waiting - self.arrived, 0),
            Promise("drain rate over steady rate", self.drain_per_s / self.steady_per_s, DRAIN_LEAST, is_least=True),
            Promise("well merchant's p99 in the hour, over before", p99(self.waits.down) / calm_s, HEALTHY_P99_MOST),
            Promise("well merchant's p99 in the drain, over before", p99(self.waits.drain) / calm_s, HEALTHY_P99_MOST),
            Promise("attempts at the absent merchant at once", self.most_at_once, self.hands),
        ]


def p99(waits_s: list[float]) -> float:
    """A hundredth of them is longer."""
    return sorted(waits_s)[int(len(waits_s) * 0.99)]


def most_at_once(attempts: Iterable[Attempt]) -> int:
    """How many were under way together; one that ends in the moment in which another begins is over by then."""
    steps = sorted(step for one in attempts for step in ((one.from_us, 1), (one.until_us, -1)))
    most = now = 0
    for _, change in steps:
        now += change
        most = max(most, now)
    return most


class _PromptMPesa(MPesa):
    """Customers pay at once. A ninth of what is asked in the hour is contradicted later, and flagged."""

    def __init__(self, world: World, chance: Random) -> None:
        habits = Habits(think_s=0.06, pays=1.0, tells_s=0.0)
        super().__init__(world.network, chance, world.weather, None, habits)
        self.called_s: dict[str, float] = {}
        self.contradicts = False
        self._numbers = count(1)

    async def _customer(self, push: Command) -> None:
        """As any other; and then M-Pesa may say the contrary of what it said."""
        says_more = self.contradicts and push.request_id.startswith("owed") and next(self._numbers) % NINTH == 0
        await super()._customer(push)
        if not says_more:
            return
        await asyncio.sleep(SECOND_WORD_S)
        self.books.contradicted.add(push.request_id)
        words = {"ResultCode": 1032, "ResultDesc": "Request cancelled by user"}
        words |= {"MerchantRequestID": push.merchant_id, "CheckoutRequestID": push.checkout_id}
        await self._call(push.result_url, {"Body": {"stkCallback": words}}, push.request_id, paid=False, receipt=None)

    async def _call(
        self, url: str, body: dict[str, Any], request_id: str | None, *, paid: bool | None, receipt: str | None
    ) -> bool:
        self.called_s.setdefault(request_id or "", self._now_s())
        return await super()._call(url, body, request_id, paid=paid, receipt=receipt)


class _Street(World):
    """The world of that hour."""

    def __init__(self, hour: Hour, tell: Tell) -> None:
        super().__init__(hour.plan())
        self._hour = hour
        self._tell = tell
        self._amounts = self.chance("amounts")
        self._told: dict[str, asyncio.Event] = {}
        self._arrived_s: list[float] = []  # what the absent merchant took, of anything
        self.waits = Waits()
        self._listed = self.waits.calm
        self.steady_per_s = self.drain_per_s = self.drain_core = 0.0
        self.waiting = 0
        for number in (ABSENT, WELL):
            self.network.servers[f"shop-{number}.test"] = self._receive

    def _new_mpesa(self) -> MPesa:
        self._bank = _PromptMPesa(self, self.chance("m-pesa"))
        return self._bank

    # ── the course of the hour ──

    async def live(self) -> None:
        """From the first payment to the last notification."""
        self.nodes[0].start()
        await self._until(lambda: bool(self.network.listening))
        await self._measure_steady_rate()
        self._tell(f"steady: {self.steady_per_s:,.0f} notifications a second")
        per_s = WELL_SHARE * self.steady_per_s
        await self._pay_evenly(WELL, "calm", int(per_s * CALM_S), CALM_S)
        await self._rest()

        self._listed = self.waits.down
        absent = self.shops.shops[ABSENT]
        absent.mood, self._bank.contradicts = "500", True
        over_s = self._hour.down_s
        async with asyncio.TaskGroup() as hour:
            hour.create_task(self._pay_evenly(ABSENT, "owed", self._hour.owed, over_s))
            hour.create_task(self._pay_evenly(WELL, "well", int(over_s / WELL_AT_REST_S), over_s))
            hour.create_task(self._say_how_far(over_s))
        await asyncio.sleep(2 * SECOND_WORD_S)
        self._bank.contradicts = False

        self._listed = self.waits.drain
        self.waiting = self._owed()
        self._tell(f"back: {self.waiting:,} wait")
        absent.mood = "well"
        await self._drain(per_s)
        await asyncio.sleep(SETTLE_S)
        await self._rest()

    async def _measure_steady_rate(self) -> None:
        """As many in flight as keep it busy; the middle half of the arrivals counts, without run-up and end."""
        left = iter(range(self._hour.steady))

        async def customer() -> None:
            for number in left:
                await self._pay(ABSENT, f"steady-{number}", waits=True)

        async with asyncio.TaskGroup() as customers:
            for _ in range(IN_FLIGHT):
                customers.create_task(customer())
        self.steady_per_s = _rate(self._arrived_s, 0.25, 0.75)
        self._arrived_s.clear()
        await self._rest()

    async def _drain(self, per_s: float) -> None:
        """Until all that waited has arrived; the well merchant is paid as in the calm."""
        number = count()
        core = next(iter(self.network.listening.values()))[1]
        back_s = self.loop.now_s
        began_s, used_s = 0.0, 0.0
        while len(self._arrived_s) < self.waiting:
            if self.loop.now_s > (self._arrived_s[-1] if self._arrived_s else back_s) + SILENCE_S:
                break
            if self._arrived_s and not began_s:
                began_s, used_s = self.loop.now_s, core.used_s
                self.waits.drain.clear()  # until here nothing was drained, while the breaker rested
            serial = next(number)
            if serial % int(TENTH * per_s) == 0:
                self._tell(f"back: {len(self._arrived_s):,} of {self.waiting:,} arrived")
            self.loop.spawn(self._pay(WELL, f"drain-{serial}"))
            await asyncio.sleep(1 / per_s)
        self.drain_core = (core.used_s - used_s) / (self.loop.now_s - began_s)
        self.drain_per_s = _rate(self._arrived_s, 0, 1)

    async def _rest(self) -> None:
        """Until nothing is under way any more."""
        await self._until(lambda: not self.loop.busy and not self.nodes[0].is_busy)

    async def _until(self, is_so: Callable[[], bool]) -> None:
        while not is_so():  # noqa: ASYNC110 - this second passes at once
            await asyncio.sleep(1)

    async def _say_how_far(self, over_s: float) -> None:
        since_s = self.loop.now_s
        while (passed_s := self.loop.now_s - since_s) < over_s:
            self._tell(f"down: {passed_s / 60:.0f} minutes of {over_s / 60:.0f}")
            await asyncio.sleep(TELL_S)

    # ── payments ──

    async def _pay_evenly(self, shop: int, name: str, payments: int, over_s: float) -> None:
        for number in range(payments):
            self.loop.spawn(self._pay(shop, f"{name}-{number}"))
            await asyncio.sleep(over_s / payments)

    async def _pay(self, shop: int, request_id: str, *, waits: bool = False) -> None:
        """One push, as the shop's program asks for it."""
        amount = self._amounts.randint(1, 500)
        body: dict[str, str | int] = {"RequestID": request_id, "Amount": amount, "SenderMSISDN": "254700000100"}
        body |= {"AccountReference": "INV", "Description": request_id}
        told = self._told[request_id] = asyncio.Event()
        await self.clients.ask("/lnm/customerpaybill", shop, request_id, body)
        if waits:
            async with asyncio.timeout(PATIENCE_S):
                await told.wait()

    async def _receive(self, request: Request) -> Answer | None:
        """A notification arrives at one of the two."""
        answer = await self.shops.serve(request)
        if answer is None or answer[0] != 200:
            return answer
        request_id = json.loads(request.body)["data"]["RequestID"]
        if urlsplit(request.url).netloc == f"shop-{ABSENT}.test":
            self._arrived_s.append(self.loop.now_s)
        else:
            self._listed.append(self.loop.now_s - self._bank.called_s[request_id])
        if told := self._told.pop(request_id, None):
            told.set()
        return answer

    def _owed(self) -> int:
        """What waits, by the journal's own word."""
        reader = apsw.Connection(str(self.path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            return int(reader.execute("SELECT count(*) FROM notifications WHERE state = 'waiting'").get)
        finally:
            reader.close()

    def outcome(self, run: Run) -> Outage:
        """What came of it."""
        payments = {payment.id: payment.request_id for payment in run.evidence.journal.payments}
        absent = {one.id for one in run.evidence.journal.owed if not _is_well(payments[one.payment_id])}
        return Outage(
            run=run,
            steady_per_s=self.steady_per_s,
            waiting=self.waiting,
            arrived=len(self._arrived_s),
            drain_per_s=self.drain_per_s,
            drain_core=self.drain_core,
            most_at_once=most_at_once(one for one in run.evidence.attempts if one.notification_id in absent),
            hands=self.settings.deliveries.lane_limit,
            waits=self.waits,
        )


def _is_well(request_id: str) -> bool:
    return request_id.startswith(("calm", "well", "drain"))


def _rate(arrived_s: list[float], start: float, end: float) -> float:
    """Arrivals a second in a part of them all; 0 where there are none to speak of."""
    if len(arrived_s) <= 1:
        return 0.0
    first, last = int(start * (len(arrived_s) - 1)), int(end * (len(arrived_s) - 1))
    return (last - first) / (arrived_s[last] - arrived_s[first])


def outage(hour: Hour, tell: Tell = lambda _: None) -> Outage:
    """The whole of it, judged like every other run. ``tell`` is told now and then how far it is."""
    street = _Street(hour, tell)
    return street.outcome(run_world(street))
