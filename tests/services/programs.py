"""Programs of this project as processes of their own: started, watched, ended by their own process ID."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from services.waiting import until

COMMAND_LIMIT_S = 60
WAKALA = ("-m", "wakala")
WRONG_CLOCK = str(Path(__file__).with_name("wrong_clock.py"))
"""``wakala`` too; its first argument says by how many seconds the machine's clock is ahead."""


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, without the settings of an installation of the person who runs the tests; ``A__B`` sets ``a.b``."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WAKALA")}
    return ours | {f"WAKALA__{name}": value for name, value in settings.items()}


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


async def command(*arguments: str) -> Done:
    """Run a short ``wakala`` command to its end."""

    def work() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *WAKALA, *arguments],
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_LIMIT_S,
            env=environment({}),
            stdin=subprocess.DEVNULL,
        )

    done = await asyncio.to_thread(work)
    return Done(done.returncode, done.stdout, done.stderr)


class Program:
    """A running process with a log file."""

    def __init__(self, arguments: Sequence[str], settings: Mapping[str, str], log: Path) -> None:
        self.log = log
        with log.open("ab") as file:
            self.process = subprocess.Popen(
                [sys.executable, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment({name.upper(): value for name, value in settings.items()}),
            )

    @property
    def said(self) -> str:
        """Everything it printed."""
        return self.log.read_text()

    def has_ended(self) -> bool:
        return self.process.poll() is not None

    def send(self, number: signal.Signals) -> None:
        if not self.has_ended():
            self.process.send_signal(number)

    async def ended(self) -> int:
        """Its exit code, once it has one; a signal is a negative number."""
        await until(self.has_ended, lambda: f"process {self.process.pid} ended. It said:\n{self.said}")
        code: int = self.process.returncode
        return code

    async def terminate(self) -> int:
        self.send(signal.SIGTERM)
        return await self.ended()

    async def kill(self) -> None:
        self.send(signal.SIGKILL)
        await self.ended()
