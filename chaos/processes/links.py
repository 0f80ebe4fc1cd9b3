"""A line between two processes that can be cut: a proxy.

It runs wherever the tests run, and it can do what a network that is cut (`processes.islands`) cannot: close one half,
or let a request through and lose its answer.
"""

import asyncio
import itertools
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from random import Random

LOOPBACK = "127.0.0.1"
CHUNK_BYTES = 65_536
CONNECT_LIMIT_S = 2.0
DIAL_REST_S = 0.02  # between two tries to listen again on a port that a dying connection still holds
DIAL_TRIES = 100
SLOW_S = (0.05, 0.4)  # for each piece that passes
# A caller whose network was cut when it died says no goodbye: nobody waits for it longer than this.
KEEP_ALIVE = ((socket.TCP_KEEPIDLE, 10), (socket.TCP_KEEPINTVL, 5), (socket.TCP_KEEPCNT, 4))
VANISHED_S = 60.0  # how long the far side goes on believing in a caller that is gone; in the wild it can be hours

Place = Callable[[], tuple[str, int]]
"""Host and port of somebody, as they are now: after every start it is another port."""

Witness = Callable[[], "Listener | None"]
"""Makes somebody who listens to one connection; see `processes.acknowledgements`."""


class Listener:
    """Hears what passes on one connection, in both directions."""

    def asked(self, data: bytes) -> None:
        """Bytes from the one who connected."""

    def answered(self, data: bytes) -> None:
        """Bytes from the one who was called."""


class _Pair:
    """One connection through the link: the caller's side and the other side's."""

    def __init__(self, near: asyncio.StreamWriter, far: asyncio.StreamWriter) -> None:
        self.near = near
        self.far = far
        self.vanished = asyncio.Event()

    def abort(self) -> None:
        for writer in (self.near, self.far):
            writer.transport.abort()


class Link:
    """Listens on ``host`` and ``port`` and passes bytes on to one of ``targets``, the next that answers."""

    def __init__(
        self,
        name: str,
        port: int,
        targets: Sequence[Place],
        random: Random,
        witness: Witness = lambda: None,
        host: str = LOOPBACK,
    ) -> None:
        self.name = name
        self.host = host
        self.port = port
        self.mode = "open"
        self._targets = targets
        self._turn = itertools.count()
        self._random = random
        self._witness = witness
        self._server: asyncio.Server | None = None
        self._pairs: set[_Pair] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._opening = asyncio.Lock()

    @property
    def url(self) -> str:
        """Where a caller finds it."""
        return f"http://{self.host}:{self.port}"

    async def open(self) -> None:
        """Listen, if it does not; at the end of a run a line may be healed from two sides at once."""
        async with self._opening:
            for _ in range(DIAL_TRIES):
                if self._server is not None:
                    return
                with suppress(OSError):
                    self._server = await asyncio.start_server(self._accept, self.host, self.port, backlog=1024)
                    return
                await asyncio.sleep(DIAL_REST_S)
        raise RuntimeError(f"The line {self.name} cannot listen on port {self.port}.")

    async def close(self) -> None:
        """End it with every connection."""
        self._stop_listening()
        self._abort_all()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # sockets are closed in the loop's next turn

    async def suffer(self, mode: str, lasts_s: float) -> None:
        """Be broken in one of the ways of `plan.CUTS` for a while, then whole again."""
        self.mode = mode
        if mode in {"refuse", "cut"}:
            self._stop_listening()
        if mode == "cut":
            self._abort_all()
        if mode == "hang":
            self._flows.clear()
        if mode == "half-close":
            self._close_halves()
        if mode == "vanish":
            self._vanish()
        try:
            await asyncio.sleep(lasts_s)
        finally:
            await self.heal()

    async def heal(self) -> None:
        """Whole again; what lost an answer stays without it, so those connections end."""
        if self.mode == "lose answers":
            self._abort_all()
        self.mode = "open"
        self._flows.set()
        await self.open()

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _abort_all(self) -> None:
        for pair in list(self._pairs):
            pair.abort()

    def _close_halves(self) -> None:
        """One side of each connection hears that nothing more will come; the other way stays open."""
        for pair in self._pairs:
            writer = self._random.choice((pair.near, pair.far))
            with suppress(OSError, RuntimeError):
                writer.write_eof()

    def _vanish(self) -> None:
        """As if the caller's machine lost its power: it hears the end, the far side hears nothing at all."""
        for pair in self._pairs:
            pair.vanished.set()
            pair.near.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        with suppress(asyncio.CancelledError):  # only `close` does that, and the server calls it an error
            await self._connect(reader, writer)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far = await self._dial()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise
        if far is None:
            writer.transport.abort()
            return
        for each in (writer, far[1]):
            _keep_alive(each)
        pair, listener = _Pair(writer, far[1]), self._witness()
        self._pairs.add(pair)
        try:
            await asyncio.gather(
                self._pass_on(pair, reader, pair.far, listener.asked if listener else None, is_answer=False),
                self._pass_on(pair, far[0], pair.near, listener.answered if listener else None, is_answer=True),
            )
        finally:
            self._pairs.discard(pair)
            try:
                if pair.vanished.is_set():
                    await asyncio.sleep(VANISHED_S)
            finally:
                pair.abort()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(self._turn)
        for place in range(len(self._targets)):
            host, port = self._targets[(first + place) % len(self._targets)]()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_LIMIT_S):
                    return await asyncio.open_connection(host, port)
        return None

    async def _pass_on(
        self,
        pair: _Pair,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        hear: Callable[[bytes], None] | None,
        *,
        is_answer: bool,
    ) -> None:
        """Until one side ends, which the other then hears: an end as an end, a reset as a reset."""
        try:
            while data := await reader.read(CHUNK_BYTES):
                if hear is not None:
                    hear(data)
                if self.mode == "slow":
                    await asyncio.sleep(self._random.uniform(*SLOW_S))
                await self._flows.wait()
                if self.mode == "lose answers" and is_answer:
                    continue
                if pair.vanished.is_set():
                    break
                writer.write(data)
                await writer.drain()
            if not pair.vanished.is_set():
                writer.write_eof()
        except (OSError, RuntimeError):
            if not pair.vanished.is_set():
                pair.abort()


def _keep_alive(writer: asyncio.StreamWriter) -> None:
    accepted: socket.socket = writer.get_extra_info("socket")
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEP_ALIVE:
        accepted.setsockopt(socket.IPPROTO_TCP, option, value)
