"""Starting the simulator as a program of its own."""

import argparse
import asyncio
import secrets
import socket
import sys
from collections.abc import Sequence

import uvicorn

from wakala.simulator import orders
from wakala.simulator.app import create_app
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.prompts import OUTCOMES, UnknownOutcomeError

DEFAULT_PORT = 8100
SHUTDOWN_SECONDS = 2
"""Hung sockets are faults made on purpose; nobody waits for them at the end."""


class AnnouncedServer(uvicorn.Server):
    """Prints its address, and the seed, once it listens: one line for people and for scripts that wait for it."""

    def __init__(self, config: uvicorn.Config, seed: int) -> None:
        super().__init__(config)
        self._seed = seed

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        sys.stdout.write(f"M-Pesa simulator ready on http://{shown}:{port} (seed {self._seed})\n")
        sys.stdout.flush()


def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    seed: int | None = None,
    autopilot: str = "off",
    answer_after_ms: int = 0,
    rules: dict[str, float | bool] | None = None,
    allow_callback_hosts: Sequence[str] = (),
) -> None:
    """Run until a signal ends it. Port 0 takes a free port; without a seed one is drawn and printed.

    ``autopilot`` is ``off``, an outcome (``pay``, ``cancel``, ...) or a result code. ``rules`` names those that differ
    from the defaults. Callbacks go to this machine only, and to the hosts named here; ``*`` allows all.
    """
    start = Start(
        seed=secrets.randbelow(2**31) if seed is None else seed,
        autopilot=orders.autopilot_outcomes(autopilot),
        answer_after_ms=answer_after_ms,
        rules=dict(rules or {}),
        allowed_hosts=frozenset(allow_callback_hosts),
    )
    config = uvicorn.Config(
        create_app(Simulator(start)),
        host=host,
        port=port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = AnnouncedServer(config, start.seed)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve())


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of ``python -m wakala.simulator``."""
    parser = argparse.ArgumentParser(prog="wakala simulator", description="M-Pesa in a box: pretended money only.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 takes a free port (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="repeats a run; drawn and printed when left out")
    parser.add_argument("--autopilot", default="off", help=f"off, {', '.join(OUTCOMES)}, or a result code")
    parser.add_argument("--answer-after-ms", type=int, default=0, help="how long the autopilot thinks")
    parser.add_argument(
        "--allow-callback-hosts",
        default="",
        metavar="HOSTS",
        help="hosts besides this machine that callbacks may go to, with commas between; * is all",
    )
    given = parser.parse_args(arguments)
    try:
        serve(
            given.host,
            given.port,
            seed=given.seed,
            autopilot=given.autopilot,
            answer_after_ms=given.answer_after_ms,
            allow_callback_hosts=tuple(filter(None, given.allow_callback_hosts.split(","))),
        )
    except UnknownOutcomeError as unknown:
        parser.error(str(unknown))
