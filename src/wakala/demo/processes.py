"""The demonstration's own children: started, watched, ended. Nothing else on the machine is touched."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from wakala.demo.calls import call, until
from wakala.errors import OperatorError

READY_LIMIT_S: Final = 30  # a cold start on a slow disk; a warm one takes two seconds
GOODBYE_LIMIT_S: Final = 10  # for what is under way; after that a child is ended hard
COMMAND_LIMIT_S: Final = 60
PORTS_TRIED: Final = 50
LAST_LINES: Final = 12  # of a child's log, when it failed


@dataclass(frozen=True, slots=True)
class Child:
    """One running program and where it writes."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


class Children:
    """Programs that end with this object, whatever happens: use it as a context."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self.running: list[Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> Child:
        """Start ``python -m`` with the arguments. Ctrl-C in the terminal reaches only us: we end them in order."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter and our own arguments
                [sys.executable, "-m", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environment or {})},
                process_group=0,
            )
        child = Child(name, process, log)
        self.running.append(child)
        return child

    def wait_until_ready(self, child: Child, url: str) -> None:
        """Until the URL answers 200; says what the child wrote if it does not."""

        def look() -> bool | None:
            self.check()
            return True if call("GET", url).status == 200 else None

        if until(look, READY_LIMIT_S) is None:
            raise OperatorError(
                f"The {child.name} was not ready within {READY_LIMIT_S} s ({url}).\n{last_lines(child.log)}"
            )

    def check(self) -> None:
        """Raises where a child has ended by itself."""
        for child in self.running:
            code = child.process.poll()
            if code is not None:
                raise OperatorError(f"The {child.name} ended by itself (exit {code}).\n{last_lines(child.log)}")

    def end(self) -> None:
        """Ask politely, the last one started first; end hard whoever is still there after the limit."""
        for child in reversed(self.running):
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        deadline_s = time.monotonic() + GOODBYE_LIMIT_S
        for child in reversed(self.running):
            try:
                child.process.wait(max(deadline_s - time.monotonic(), 0.01))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()
        self.running.clear()


def last_lines(log: Path) -> str:
    """The end of a log, indented, with the name of the file."""
    lines = log.read_text(errors="replace").splitlines()[-LAST_LINES:]
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines or ["(empty)"])])


def wakala(*arguments: str) -> str:
    """Run one command of the command line to its end; what it printed on stdout."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and our own arguments
        [sys.executable, "-m", "wakala", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=COMMAND_LIMIT_S,
        env={**os.environ, "COLUMNS": str(shutil.get_terminal_size().columns)},  # it writes to us, not to the terminal
        check=False,
    )
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or "(it said nothing)"
        named = [argument for argument in arguments if argument.isalpha()]
        raise OperatorError(f"`wakala {' '.join(named[:2])}` failed with exit {done.returncode}:\n{said}")
    return done.stdout


def free_port(preferred: int) -> int:
    """The preferred port of the loopback; where it is taken, the next that is free in steps of ten, 8090 for 8080."""
    for port in range(preferred, preferred + PORTS_TRIED * 10, 10):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    taken = f"127.0.0.1:{preferred} is taken, and so are the next {PORTS_TRIED - 1} in steps of ten"
    raise OperatorError(f"{taken}: end what listens there and start again.")
