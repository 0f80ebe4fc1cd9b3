"""What the bare path writes down, one record a step, and the promise of a store: durable when ``put`` returns."""

import asyncio
from typing import NamedTuple, Protocol

# What a settled payment's notification says of it: request ID and amount; None where the payment was settled before.
Found = tuple[str, int] | None
BATCH_ROWS_MAX = 512


class Opened(NamedTuple):
    payment: str
    app: str
    request_id: str
    reference: str
    amount: int
    msisdn: str
    at_us: int


class Sent(NamedTuple):
    checkout: str
    at_us: int
    payment: str


class Settled(NamedTuple):
    delivery: str
    state: str
    receipt: str | None
    at_us: int
    payment: str


class Delivered(NamedTuple):
    state: str
    status: int
    delivery: str


class Event(NamedTuple):
    event: str
    payment: str
    kind: str
    at_us: int
    body: str


Step = Opened | Sent | Settled | Delivered
Waiting = tuple[Step, Event | None, "asyncio.Future[Found]"]


class Store(Protocol):
    """One queue; whatever arrived during the last commit rides in the next one."""

    async def start(self) -> None: ...

    def put(self, step: Step, event: Event | None) -> asyncio.Future[Found]: ...


class Batch:
    """The steps of one transaction, sorted by what they write."""

    def __init__(self, waiting: list[Waiting]) -> None:
        self.opened: list[Opened] = []
        self.sent: list[Sent] = []
        self.settled: list[Settled] = []
        self.delivered: list[Delivered] = []
        self.events = [event for _, event, _ in waiting if event]
        for step, _, _ in waiting:
            match step:
                case Opened():
                    self.opened.append(step)
                case Sent():
                    self.sent.append(step)
                case Settled():
                    self.settled.append(step)
                case Delivered():
                    self.delivered.append(step)
