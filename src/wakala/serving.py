"""The process around a gateway: uvicorn in front, signals, and a stop that ends in time whatever hangs."""

import asyncio
import gc
import logging
import os
import resource
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from wakala.config import Settings
from wakala.errors import ConfigurationError
from wakala.one_write import Answering
from wakala.runtime import STOP_LIMIT_S, Gateway

log = logging.getLogger("wakala")

REQUESTS_SHARE = 0.5  # of the time once the intake has ended: requests that wait for M-Pesa; the rest is the workers'
FILES_LIMIT = 65_536  # each connection is one; systems begin with 1,024, which idle callers fill, and allow far more
OWN_FILES = 512  # of those, for what we open: the database, calls to M-Pesa and merchants; where there are few, a half
COLLECT_AFTER = (50_000, 20, 50)  # our records hold no cycles, so looking for them seldom is enough


class _Server(uvicorn.Server):
    """Stops in order on the first signal and at once on the second.

    uvicorn raises a caught signal again at its end, which would kill us before the workers have stopped.
    """

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._settings = gateway.settings.server
        self._ends_s: float | None = None
        self.has_stopped = False

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """SIGTERM and SIGINT end the intake; what follows is ours."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so. uvicorn logs the system's own words and would end the process without ours."""
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            await super().startup(sockets)
        except SystemExit as ended:
            raise ConfigurationError(
                f"This gateway cannot listen on {where}; the log says why. Where the port is taken, stop what listens "
                "there, or choose another: server.port, or --port."
            ) from ended
        log.info("Wakala listens on http://%s", where)

    def _told(self) -> None:
        loop = asyncio.get_running_loop()
        if self._ends_s is None:
            log.info("told to stop: readiness says no, then the intake ends, then the workers")
            self._ends_s = loop.time() + self._settings.graceful_stop_s
            self._gateway.leave()
            loop.call_later(self._settings.leave_s, self._end_intake)
            _last_resort(self._settings.graceful_stop_s, self)
            return
        log.info("told again: whatever is under way is cut short")
        self._end_intake()
        self.force_exit = True
        self._gateway.hurry()
        for task in self.server_state.tasks:
            task.cancel()

    def _end_intake(self) -> None:
        self.should_exit = True

    def left_s(self) -> float:
        """What is left of the time for stopping, with a second to spare."""
        if self._ends_s is None:
            return STOP_LIMIT_S
        return max(1.0, self._ends_s - asyncio.get_running_loop().time() - 1)


def _last_resort(limit_s: float, server: _Server) -> None:
    """Whatever hangs, even a thread of the system's resolver, the process ends. What was open is on the disk."""

    def end() -> None:
        if not server.has_stopped:
            log.error("not everything ended in time; the next start finishes what was open")
        os._exit(0 if server.has_stopped else 1)

    timer = threading.Timer(limit_s, end)
    timer.daemon = True
    timer.start()


def serve(settings: Settings) -> None:
    """Run one gateway until SIGTERM or SIGINT, then stop in order: intake, workers, attempts, database."""
    with asyncio.Runner(loop_factory=_fast_loop) as runner:
        runner.run(_serve(settings))


def _take_files() -> int:
    """As many open files as the system allows without asking, within reason; how many callers may have one."""
    given, allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_LIMIT if allowed == resource.RLIM_INFINITY else min(FILES_LIMIT, allowed)
    if given != resource.RLIM_INFINITY and given < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, allowed))
    files = max(wanted, FILES_LIMIT if given == resource.RLIM_INFINITY else given)
    return files - min(OWN_FILES, files // 2)


def _fast_loop() -> asyncio.AbstractEventLoop:
    import uvloop  # noqa: PLC0415 - the command line's other commands start faster without it

    return uvloop.new_event_loop()


async def _serve(settings: Settings) -> None:
    places = _take_files()
    gateway = Gateway(settings)
    gc.freeze()  # what was imported and made for good never becomes garbage
    gc.set_threshold(*COLLECT_AFTER)
    await gateway.start()
    after_leaving_s = settings.server.graceful_stop_s - settings.server.leave_s
    config = uvicorn.Config(
        gateway.app,
        host=settings.server.host,
        port=settings.server.port,
        loop="none",
        http=Answering,
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        backlog=2048,
        limit_concurrency=places,
        timeout_graceful_shutdown=max(1, int(after_leaving_s * REQUESTS_SHARE)),
    )
    server = _Server(config, gateway)
    try:
        await server.serve()
    finally:
        await gateway.stop(server.left_s())
        server.has_stopped = True
        log.info("Wakala stopped")
