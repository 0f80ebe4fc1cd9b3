"""The network: every call of anyone to anyone, with what can happen to it on the way.

The gateway sees it as its own HTTP client (`Wire`); M-Pesa, merchants and clients are coroutines behind host names; a
call to the gateway goes to its real ASGI application.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from itertools import count
from random import Random
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message

from evidence import Attempt
from virtual.core import Core
from virtual.story import Story
from virtual.time import Process, VirtualLoop
from virtual.weather import Weather
from wakala.outgoing import TOO_LATE, NoReply, Outgoing, Reply, TlsTerms
from wakala.outgoing.looking import Look, Stage

GATEWAY = "http://gateway.test"
SLOW_S = 40.0  # a slow answer takes up to this long, which is longer than anybody waits
HEADERS = (("content-type", "application/json"),)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request on its way."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """The header of that name in lower case, or ""."""
        return next((value for key, value in self.headers if key.lower() == name), "")


Answer = tuple[int, bytes]
Server = Callable[[Request], Awaitable[Answer | None]]
"""Answers, or None where it never does."""


class Network:
    """Who can be reached, and how well."""

    def __init__(self, loop: VirtualLoop, chance: Random, weather: Weather, story: Story, hop_s: float) -> None:
        self.loop = loop
        self.servers: dict[str, Server] = {}
        self.listening: dict[Process, tuple[ASGIApp, Core]] = {}
        self.attempts: list[Attempt] = []
        self.under_way: dict[Process, int] = {}  # calls of a gateway that have not come back
        self._open: dict[Process, list[asyncio.Future[Answer | None]]] = {}
        self._serving: dict[Process, list[asyncio.Task[None]]] = {}
        self._attempting: dict[Process, dict[int, Attempt]] = {}
        self._numbers = count()
        self._chance = chance
        self._weather = weather
        self._story = story
        self._hop_s = hop_s

    def happens(self, likelihood: float) -> bool:
        """Throw the dice; a fault that cannot happen costs none."""
        return likelihood > 0 and self._chance.random() < likelihood

    def tell(self, words: str) -> None:
        """A line of the story."""
        self._story.tell(self.loop.now_s, words)

    # ── out of a gateway ──

    async def carry_out(self, process: Process, request: Request, total_s: float) -> Reply | NoReply:
        """A call of a gateway to M-Pesa or a merchant."""
        await process.halt_if_dead()
        started_s = self.loop.now_s
        future: asyncio.Future[Reply | NoReply] = self.loop.create_future()
        number = self._begin(process, request, total_s)
        self.loop.spawn(self._journey(request, future, lambda: self._came_back(process, number)))
        try:
            async with asyncio.timeout(total_s):
                return await future
        except TimeoutError:
            self.tell(f"{process.name}: no answer from {request.url} within {total_s:g} s")
            return NoReply(False, f"no answer within {total_s:g} s", int((self.loop.now_s - started_s) * 1e6))
        finally:
            self._end(process, number)

    def _begin(self, process: Process, request: Request, total_s: float) -> int:
        self.under_way[process] = self.under_way.get(process, 0) + 1
        number = next(self._numbers)
        notification_id = request.header("webhook-id")
        if notification_id:
            now_us = self.loop.now_us()
            until_us = now_us + int(total_s * 1_000_000)
            attempt = Attempt(notification_id, now_us, until_us, request.url, process.awake_us)
            self._attempting.setdefault(process, {})[number] = attempt
        return number

    def _came_back(self, process: Process, number: int) -> None:
        """The answer is there, though a process that stands still will see it only when it wakes."""
        begun = self._attempting.get(process, {})
        if number in begun:
            begun[number] = self._ended(begun[number])

    def _ended(self, attempt: Attempt) -> Attempt:
        return replace(attempt, until_us=min(attempt.until_us, self.loop.now_us()))

    def _end(self, process: Process, number: int) -> None:
        if not process.is_alive:  # its coroutines are closed when the run is over
            return
        self.under_way[process] -= 1
        self._finish(process, number)

    def _finish(self, process: Process, number: int) -> None:
        begun = self._attempting.get(process, {}).pop(number, None)
        if begun is not None:
            self.attempts.append(self._ended(begun))

    async def _journey(
        self, request: Request, future: asyncio.Future[Reply | NoReply], came_back: Callable[[], None]
    ) -> None:
        weather = self._weather
        host = urlsplit(request.url).netloc
        what = f"{request.method} {_short(request.url)}"

        def no_reply(reason: str, *, unsent: bool = False) -> None:
            self.tell(f"{what}: {reason}")
            came_back()
            _settle(future, NoReply(unsent, reason, 1_000))

        await self._hop()
        server = self.servers.get(host)
        if server is None or self.happens(weather.refused):
            return no_reply("the connection was refused", unsent=True)
        if self.happens(weather.lost_before):
            return self.tell(f"{what}: lost before it arrived")
        if self.happens(weather.cut_before):
            return no_reply("the connection was closed without an answer")
        if request.header("webhook-id") and self.happens(weather.doubled):
            self.loop.spawn(self._again(server, request))
        answer = await server(request)
        if answer is None or self.happens(weather.lost_after):
            return self.tell(f"{what}: its answer is lost")
        if self.happens(weather.slow):
            await asyncio.sleep(self._chance.random() * SLOW_S)
        await self._hop()
        if self.happens(weather.cut_after):
            return no_reply("the connection was closed without an answer")
        self.tell(f"{what}: {answer[0]}")
        came_back()
        return _settle(future, Reply(answer[0], HEADERS, answer[1], 1_000))

    async def _again(self, server: Server, request: Request) -> None:
        """The same bytes once more, a little later."""
        await asyncio.sleep(self._chance.random() * 2)
        self.tell(f"{request.method} {_short(request.url)}: arrives twice")
        await server(request)

    # ── into a gateway ──

    async def call(self, request: Request, patience_s: float) -> Answer | None:
        """A call of anyone to the gateway; None where no answer came."""
        weather = self._weather
        what = f"{request.method} {_short(request.url)}"
        await self._hop()
        if not self.listening or self.happens(weather.refused):
            self.tell(f"{what}: nobody listens")
            return None
        if self.happens(weather.lost_before) or self.happens(weather.cut_before):
            self.tell(f"{what}: lost before it arrived")
            await asyncio.sleep(self._chance.random() * patience_s)
            return None
        if self.happens(weather.doubled):
            self.loop.spawn(self._call_again(request))
        answer = await self._serve(request, patience_s)
        await self._hop()
        if answer is not None and (self.happens(weather.lost_after) or self.happens(weather.cut_after)):
            self.tell(f"{what}: {answer[0]}, lost on its way")
            return None
        self.tell(f"{what}: {answer[0] if answer else 'no answer'}")
        return answer

    async def _call_again(self, request: Request) -> None:
        await asyncio.sleep(self._chance.random() * 2)
        self.tell(f"{request.method} {_short(request.url)}: arrives twice")
        if self.listening:
            await self._serve(request, SLOW_S)

    async def _serve(self, request: Request, patience_s: float) -> Answer | None:
        nodes = list(self.listening)
        process = nodes[0] if len(nodes) == 1 else self._chance.choice(nodes)
        future: asyncio.Future[Answer | None] = self.loop.create_future()
        self._open.setdefault(process, []).append(future)
        app, core = self.listening[process]
        self._serving.setdefault(process, []).append(process.spawn(_asgi(app, core, request, process, future)))
        try:
            async with asyncio.timeout(patience_s):
                return await future
        except TimeoutError:
            return None

    def cut_short(self, process: Process) -> None:
        """A gateway stops and waits for nobody: nobody listens, and what it was asked is cancelled."""
        self.listening.pop(process, None)
        for task in self._serving.pop(process, []):
            task.cancel()

    def cut_off(self, process: Process) -> None:
        """A gateway died: nobody listens, and whoever waited for it hears that the connection is gone."""
        self.listening.pop(process, None)
        self.under_way.pop(process, None)
        for number in list(self._attempting.get(process, {})):
            self._finish(process, number)
        for future in self._open.pop(process, []):
            if not future.done():
                future.set_result(None)

    async def _hop(self) -> None:
        await asyncio.sleep(self._chance.random() * 2 * self._hop_s)


class Wire(Outgoing):
    """The gateway's HTTP client, with the same door as the real one and the virtual network behind it."""

    def __init__(self, network: Network, process: Process, core: Core) -> None:
        super().__init__(guarded=False)
        self._network = network
        self._core = core
        self._process = process

    async def open(self) -> None:
        """There is nothing to open."""

    async def close(self) -> None:
        """There is nothing to close."""

    async def send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        total_s: float,
        terms: TlsTerms | None = None,  # noqa: ARG002 - the network is virtual, and so is its TLS
        may_leave: Callable[[], bool] | None = None,
    ) -> Reply | NoReply:
        """As `Outgoing.send`."""
        if may_leave is not None and not may_leave():
            return NoReply(True, TOO_LATE, 0)
        self._core.spend(self._core.prices.call_s)
        return await self._network.carry_out(self._process, Request(method, url, tuple(headers), body), total_s)

    async def look(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, *, total_s: float
    ) -> Look:
        """As `Outgoing.look`: the test of a URL."""
        reply = await self.send(method, url, headers, body, total_s=total_s)
        if isinstance(reply, NoReply):
            return Look(Stage.ANSWER, reply.reason, ("192.0.2.1",))
        return Look(Stage.ANSWER, "", ("192.0.2.1",), status=reply.status, first_byte_us=reply.duration_us)


async def _asgi(
    app: ASGIApp, core: Core, request: Request, process: Process, future: "asyncio.Future[Answer | None]"
) -> None:
    """One request through the gateway's own application, as its HTTP server would bring it."""
    core.spend(core.prices.request_s)
    parts = urlsplit(request.url)
    scope: dict[str, Any] = {
        "type": "http",
        "method": request.method,
        "path": parts.path,
        "query_string": parts.query.encode(),
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers],
        "client": ("127.0.0.1", 1),
    }
    answer: list[Any] = [0, b""]

    async def receive() -> Message:
        return {"type": "http.request", "body": request.body, "more_body": False}

    async def send(message: Message) -> None:
        await process.halt_if_dead()
        if message["type"] == "http.response.start":
            answer[0] = message["status"]
        elif not future.done():
            answer[1] += message.get("body", b"")
            future.set_result((answer[0], answer[1]))

    await app(scope, receive, send)


def _settle(future: "asyncio.Future[Reply | NoReply]", reply: Reply | NoReply) -> None:
    if not future.done():
        future.set_result(reply)


def _short(url: str) -> str:
    """A URL without its host and without its secret end."""
    parts = urlsplit(url)
    path = parts.path.rpartition("/")[0] if "/callbacks/" in parts.path else parts.path
    return f"{parts.netloc.partition('.')[0]} {path}"
