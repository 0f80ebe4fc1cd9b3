"""Kept connections: at most so many, none for long, and none that may have been given up by the other side."""

import asyncio

from wakala.outgoing.connection import Connection
from wakala.outgoing.dialling import Dialler
from wakala.outgoing.message import Origin, UnsentError

CONNECTIONS_LIMIT = 1_000  # across all targets; a target's own share is decided by who calls
KEEP_ALIVE_S = 4.0  # shorter than the 5 s after which common servers hang up on an idle connection
CLOSE_LIMIT_S = 5.0  # for exchanges that are under way when everything ends


class Pool:
    """Lends connections: to one caller at a time, the latest used first.

    They are kept by origin. Each is bound to the one address that was judged when it was made, so what DNS says later
    moves nothing; the next new connection asks again.
    """

    def __init__(self, dialler: Dialler) -> None:
        self._dialler = dialler
        self._slots = asyncio.Semaphore(CONNECTIONS_LIMIT)
        self._idle: dict[Origin, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False

    async def take_kept(self, origin: Origin) -> Connection | None:
        """As `take`, but at once or not at all, so that the caller needs no clock."""
        if self._slots.locked():
            return None
        await self._slots.acquire()
        connection = self._kept(origin)
        if connection is None:
            self._slots.release()
        return connection

    async def take(self, origin: Origin) -> Connection:
        """A connection that is `give_back`'s in the end; `UnsentError` where there is none."""
        await self._slots.acquire()
        try:
            return self._kept(origin) or await self._new(origin)
        except BaseException:
            self._slots.release()
            raise

    def give_back(self, connection: Connection) -> None:
        """Keep it if it can carry another exchange, else close it."""
        self._slots.release()
        if not connection.rest() or self._closed:
            connection.abort()
            return
        connection.idle_since_s = asyncio.get_running_loop().time()
        self._idle.setdefault(connection.origin, []).append(connection)
        if self._sweeper is None:
            self._sweep_later()

    async def close(self) -> None:
        """No new ones; those under way may end, for a limited time."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        for connection in self._idle_ones():
            connection.close()
        if not await self._all_lost():
            for connection in self._open:
                connection.abort()
            await self._all_lost()

    def _kept(self, origin: Origin) -> Connection | None:
        kept = self._idle.get(origin)
        oldest_s = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        while kept:
            connection = kept.pop()
            if connection.idle_since_s > oldest_s and connection.is_quiet():
                return connection
            connection.close()
        return None

    async def _new(self, origin: Origin) -> Connection:
        self._make_room()
        connection = await self._dialler.dial(origin, self._lost, Connection)
        if self._closed:
            connection.abort()
            raise UnsentError("the gateway is ending")
        if connection.is_lost:
            raise UnsentError(f"{origin.host} hung up at once")
        self._open.add(connection)
        return connection

    def _make_room(self) -> None:
        """The slots bound what is lent; what is kept goes first when both together would be too many."""
        if len(self._open) >= CONNECTIONS_LIMIT:
            idle = self._idle_ones()
            if idle:
                min(idle, key=lambda connection: connection.idle_since_s).close()

    def _idle_ones(self) -> list[Connection]:
        return [connection for kept in self._idle.values() for connection in kept]

    def _lost(self, connection: Connection) -> None:
        self._open.discard(connection)
        kept = self._idle.get(connection.origin)
        if kept is not None and connection in kept:
            kept.remove(connection)
        if not kept:
            self._idle.pop(connection.origin, None)

    def _sweep_later(self) -> None:
        self._sweeper = asyncio.get_running_loop().call_later(KEEP_ALIVE_S, self._sweep)

    def _sweep(self) -> None:
        """Close what has rested too long. `_kept` never lends it; this frees its socket."""
        self._sweeper = None
        oldest_s = asyncio.get_running_loop().time() - KEEP_ALIVE_S
        idle = self._idle_ones()
        for connection in idle:
            if connection.idle_since_s <= oldest_s:
                connection.close()
        if idle:
            self._sweep_later()

    async def _all_lost(self) -> bool:
        waiting = [asyncio.ensure_future(connection.wait_lost()) for connection in self._open]
        if not waiting:
            return True
        _, pending = await asyncio.wait(waiting, timeout=CLOSE_LIMIT_S)
        for task in pending:
            task.cancel()
        return not pending
