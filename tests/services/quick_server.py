"""A web server for tests that ends at once; what is served does not notice."""

import asyncio
import socket

import uvicorn

from services.waiting import until


class QuickServer(uvicorn.Server):
    """uvicorn looks ten times a second whether it should end, and then as often whether it has: 0.2 s a server.

    This one is told, and looks every few turns of the event loop; that all requests have ended is waited for as well.
    """

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._told_to_end = asyncio.Event()
        self._listening: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._running: asyncio.Task[None] | None = None

    async def begin(self, *sockets: socket.socket) -> str:
        """Serve in the background, on these sockets or as configured; the address, as soon as it listens."""
        self._running = asyncio.create_task(self.serve(list(sockets) or None))
        await asyncio.wait((self._running, self._listening), return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            raise AssertionError("The server ended before it listened.") from self._running.exception()
        listening = (*sockets, *self.servers[0].sockets)
        return f"http://127.0.0.1:{listening[0].getsockname()[1]}"

    async def end(self) -> None:
        """Stop, after the requests under way."""
        self._told_to_end.set()
        if self._running is not None:
            await self._running

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._listening.set_result(None)

    async def main_loop(self) -> None:
        """Set the headers of all answers once, then wait for ``end``."""
        await self.on_tick(0)
        await self._told_to_end.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As uvicorn's, without its pauses. Without a limit, a request that never ends fails the test."""
        for server in self.servers:
            server.close()
        for listening in sockets or ():
            listening.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        await asyncio.sleep(0)  # idle connections are gone one turn later: without a look at the clock
        try:
            async with asyncio.timeout(self.config.timeout_graceful_shutdown):
                await until(self._has_ended, "the last request's end")
        except TimeoutError:
            for task in self.server_state.tasks:
                task.cancel()
        await self.lifespan.shutdown()

    def _has_ended(self) -> bool:
        return not self.server_state.connections and not self.server_state.tasks
