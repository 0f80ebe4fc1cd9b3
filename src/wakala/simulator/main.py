"""Starting the simulator as a program of its own."""

import argparse
import asyncio
import gc
import secrets
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import uvicorn

from wakala.simulator import orders, storage
from wakala.simulator.app import create_app
from wakala.simulator.broker.listener import Door
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.prompts import OUTCOMES, UnknownOutcomeError
from wakala.simulator.reception import Reception
from wakala.simulator.storage import StateFileError
from wakala.simulator.switchboard import Switchboard

DEFAULT_PORT = 8100
SHUTDOWN_SECONDS = 2
"""Hung sockets are faults made on purpose; nobody waits for them at the end."""

COLLECT_AFTER_OBJECTS = (20_000, 20, 20)
"""Most of what it makes stays, so a collector that looked as often as it usually does would mostly look in vain."""

PORT_MAX = 65_535


class CannotListenError(Exception):
    """A port is taken, or the address is none of this machine's."""


REFUSED_AT_START = (UnknownOutcomeError, StateFileError, CannotListenError)
"""What ``serve`` raises before anything runs; each has its sentence."""


class AnnouncedServer(uvicorn.Server):
    """Says at which address it listens, as soon as it does."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[str], object]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        if not self.should_exit:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            shown = f"[{host}]" if ":" in host else host
            self._announce(f"http://{shown}:{port}")

    def run_to_the_end(self) -> None:
        """Serve on a loop of its own until a signal, or ``should_exit``, ends it."""
        with asyncio.Runner(loop_factory=self.config.get_loop_factory()) as runner:
            runner.run(self.serve())


def configure(app: Switchboard, host: str, port: int) -> uvicorn.Config:
    """How the simulator is served, whoever starts it."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=Reception,
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    seed: int | None = None,
    autopilot: str = "off",
    answer_after_ms: int = 0,
    rules: dict[str, float | bool] | None = None,
    allow_callback_hosts: Sequence[str] = (),
    state_file: Path | None = None,
    broker: Door | None = None,
) -> None:
    """Run until a signal ends it. Port 0 takes a free port; without a seed one is drawn and printed.

    ``autopilot`` is ``off``, an outcome (``pay``, ``cancel``, ...) or a result code. ``rules`` names those that differ
    from the defaults. Callbacks go to this machine only, and to the hosts named here; ``*`` allows all. With a state
    file the world outlives the program. ``broker`` opens M-Pesa's SOAP door as well. Raises one of
    ``REFUSED_AT_START`` before anything runs.
    """
    if state_file is not None:
        storage.check(state_file)
    start = Start(
        seed=secrets.randbelow(2**31) if seed is None else seed,
        autopilot=orders.autopilot_outcomes(autopilot),
        answer_after_ms=answer_after_ms,
        rules=dict(rules or {}),
        allowed_hosts=frozenset(allow_callback_hosts),
    )

    gc.set_threshold(*COLLECT_AFTER_OBJECTS)

    def announce(address: str) -> None:
        """One line for people, and for scripts that wait for it."""
        sys.stdout.write(f"M-Pesa simulator ready on {address} (seed {start.seed})\n")
        sys.stdout.flush()

    server = AnnouncedServer(configure(create_app(Simulator(start), state_file, broker), host, port), announce)
    try:
        server.run_to_the_end()
    except SystemExit as ended:
        soap = f" and {broker.host}:{broker.port}, or not write into {broker.folder}" if broker else ""
        sentence = f"It cannot listen on {host}:{port}{soap}. Does another simulator run there? Choose other ports."
        raise CannotListenError(sentence) from ended


def _port(text: str) -> int:
    """The system takes any number, and listens on what is left of it after division by 65,536."""
    if not text.isdecimal() or int(text) > PORT_MAX:
        raise argparse.ArgumentTypeError(f"{text} is no port: take 0 to {PORT_MAX}")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line of ``python -m wakala.simulator``."""
    parser = argparse.ArgumentParser(prog="wakala simulator", description="M-Pesa in a box: pretended money only.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: this machine only)")
    parser.add_argument("--port", type=_port, default=DEFAULT_PORT, help="0 takes a free port (default: %(default)s)")
    parser.add_argument("--seed", type=int, help="repeats a run; drawn and printed when left out")
    parser.add_argument("--autopilot", default="off", help=f"off, {', '.join(OUTCOMES)}, or a result code")
    parser.add_argument("--answer-after-ms", type=int, default=0, help="how long the autopilot thinks")
    parser.add_argument(
        "--allow-callback-host",
        action="append",
        default=[],
        metavar="HOST",
        help="a host besides this machine that callbacks may go to; may be repeated; * is all",
    )
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the world in this file; else it is forgotten")
    parser.add_argument("--broker-port", type=_port, help="serve M-Pesa's SOAP side here too, by mutual TLS")
    parser.add_argument(
        "--broker-certificates",
        type=Path,
        default=Path("broker-certificates"),
        metavar="DIR",
        help="where its certificates are, or are made (default: %(default)s)",
    )
    given = parser.parse_args(arguments)
    try:
        serve(
            given.host,
            given.port,
            seed=given.seed,
            autopilot=given.autopilot,
            answer_after_ms=given.answer_after_ms,
            allow_callback_hosts=given.allow_callback_host,
            state_file=given.state,
            broker=None if given.broker_port is None else Door(given.broker_port, given.broker_certificates),
        )
    except REFUSED_AT_START as wrong:
        parser.error(str(wrong))
