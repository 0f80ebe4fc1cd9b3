"""The load: careful clients that ask for payments at a steady rate, and repeat what they got no clear answer to.

Everything asked and answered is written down as it happens; see `evidence.Asked`.
"""

import asyncio
import itertools
import json
import time
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import aiohttp

from evidence import Asked
from processes.town import PAYBILL, PAYER, Town

ANSWER_LIMIT_S = 5.0
REPEAT_REST_S, REPEAT_REST_MAX_S = 0.3, 5.0  # doubled each time, with jitter, as careful clients do
AT_ONCE_LIMIT = 80  # requests under way; while nobody answers, the load waits instead of growing without end
TWINS_CHANCE, AGAIN_CHANCE, OTHER_CHANCE = 0.05, 0.1, 0.02
CLEAR = frozenset({200, 202, 400, 401, 403, 404, 422})


@dataclass(frozen=True, slots=True)
class Order:
    """One thing a shop wants: what it sends to where."""

    path: str
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def request_id(self) -> str:
        """The shop's own number of it."""
        return str(self.body["RequestID"])

    def with_other_amount(self) -> "Order":
        """What no honest shop sends: other content under a spent ID."""
        return Order(self.path, {**self.body, "Amount": self.body["Amount"] + 1}, self.headers)


class Shops:
    """All clients of a run."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._random = Random(f"{town.seed} shops")
        self._number = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._turns = asyncio.Semaphore(AT_ONCE_LIMIT)
        self.asked: list[Asked] = []
        self.counts: Counter[str] = Counter()
        self.waited_s: list[float] = []
        self.waiting: set[str] = set()
        """Requests without a clear answer so far."""

    @property
    def open_count(self) -> int:
        """Orders that have no clear answer yet."""
        return len(self._tasks)

    async def trade(self, closing: asyncio.Event) -> None:
        """Begin orders at the pace of the run, evenly, until the shops close."""
        pace = self._town.pace
        rest_s = 1 / pace.per_s
        kinds = ("push", "payout", "collection")
        weights = (pace.pushes_per_s, pace.payouts_per_s, pace.collections_per_s)
        began_s = time.monotonic()
        for place in itertools.count():
            await asyncio.sleep(max(0.0, began_s + place * rest_s - time.monotonic()))
            await self._turns.acquire()
            if closing.is_set():
                self._turns.release()
                return
            (kind,) = self._random.choices(kinds, weights)
            work = self._customer_pays() if kind == "collection" else self._carry(self._order(kind))
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._finished)

    async def finish(self, limit_s: float) -> bool:
        """Wait until every order has a clear answer."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)
        return not self._tasks

    def abandon(self) -> None:
        """Shops that still wait go home."""
        for task in self._tasks:
            task.cancel()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._turns.release()
        if not task.cancelled() and task.exception() is not None:
            self.counts["broken clients"] += 1
            raise task.exception()  # type: ignore[misc]  # the loop's handler prints it

    def _order(self, kind: str) -> Order:
        self._number += 1
        number, amount = self._number, self._random.randint(1, 500)
        headers = self._random.choice(self._town.credentials)
        if kind == "push":
            body = {
                "RequestID": f"ORDER-{number}",
                "Amount": amount,
                "SenderMSISDN": f"2547{number:08d}",
                "AccountReference": f"A{number}",
                "ReceiverShortcode": PAYBILL,
            }
            return Order("lnm/customerpaybill", body, headers)
        body = {
            "RequestID": f"PAYOUT-{number}",
            "Amount": amount,
            "ReceiverMSISDN": f"2541{number:08d}",
            "SenderShortcode": PAYER,
        }
        return Order("b2c/businesspayment", body, headers)

    async def _carry(self, order: Order) -> None:
        """Ask until there is a clear answer; some ask twice at the same moment, some again when all is said."""
        self.counts["asked"] += 1
        self.waiting.add(order.request_id)
        began_s = time.monotonic()
        twins = 3 if self._random.random() < TWINS_CHANCE else 1
        statuses = await asyncio.gather(*(self._ask(order) for _ in range(twins)))
        rest_s = REPEAT_REST_S
        while not any(status in CLEAR for status in statuses):
            await asyncio.sleep(rest_s * self._random.uniform(0.5, 1.0))
            rest_s = min(REPEAT_REST_MAX_S, 2 * rest_s)
            self.counts["repeated"] += 1
            statuses = [await self._ask(order)]
        self.waiting.discard(order.request_id)
        self.waited_s.append(time.monotonic() - began_s)
        self.counts["accepted" if 202 in statuses else "refused"] += 1
        if self._random.random() < AGAIN_CHANCE:
            self.counts["asked again"] += 1
            await self._ask(order)
        if self._random.random() < OTHER_CHANCE:
            self.counts["asked otherwise"] += 1
            await self._ask(order.with_other_amount())

    async def _ask(self, order: Order) -> int | None:
        """One request; its status, None where no answer came."""
        url = f"{self._town.shops_url}/sandbox/mpesa/v1/{order.path}"
        limit = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)
        status, told = None, {}
        try:
            async with self._town.session.post(url, json=order.body, headers=order.headers, timeout=limit) as answer:
                told = await answer.json(content_type=None)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            self.counts["unanswered"] += 1
        told = told if isinstance(told, dict) else {}
        content = json.dumps(order.body, sort_keys=True)
        payment_id = told.get("PaymentID")
        words = json.dumps(told, sort_keys=True) if payment_id is not None else ""
        self.asked.append(Asked(order.request_id, content, order.body["Amount"] * 100, status, payment_id, words))
        return status

    async def _customer_pays(self) -> None:
        """A customer pays from the phone's menu: nobody asked for it. M-Pesa may be frozen; its own books tell."""
        self._number += 1
        self.counts["paid by hand"] += 1
        order = {
            "number": PAYBILL,
            "msisdn": f"2547{90_000_000 + self._number % 10_000_000:08d}",
            "amount": self._random.randint(1, 500),
            "account": f"C{self._number}",
        }
        try:
            await self._town.control("c2b/pay", order)
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.counts["menus that hung"] += 1
