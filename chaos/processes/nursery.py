"""What starts the programs of a run; see `nursery_program`."""

import asyncio
import json
import os
import select
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from services.programs import environment

PROGRAM = str(Path(__file__).with_name("nursery_program.py"))


class Child:
    """A program that was forked elsewhere, held by a descriptor: its number may be another's once it has ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.code: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        """How it ended, once somebody said so; negative where a signal killed it."""
        try:
            self._descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._descriptor = -1

    def has_ended(self) -> bool:
        """True once it is gone."""
        if self._descriptor < 0:
            return True
        if not select.select([self._descriptor], [], [], 0)[0]:
            return False
        os.close(self._descriptor)
        self._descriptor = -1
        return True

    def send(self, number: signal.Signals) -> None:
        """A signal, if it still lives."""
        if not self.has_ended():
            try:
                signal.pidfd_send_signal(self._descriptor, number)
            except ProcessLookupError:
                return


class Nursery:
    """One for a run."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._turn = asyncio.Lock()
        self._started: asyncio.Queue[Child | None] = asyncio.Queue()
        self._living: dict[int, Child] = {}

    async def open(self) -> None:
        """Import everything once."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                PROGRAM,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=environment({}),
                start_new_session=True,  # what ends the run from a keyboard is for the run to hand on, in order
            )
        self._listening = asyncio.create_task(self._listen())

    async def launch(
        self, arguments: Sequence[str], settings: Mapping[str, str], log: Path, network: str = ""
    ) -> Child:
        """Start a program; ``settings`` are a gateway's, by the names of its configuration.

        ``network`` is the file of the network namespace that it lives in, where that is not ours.
        """
        variables = environment({name.upper(): value for name, value in settings.items()})
        order = {"arguments": list(arguments), "environment": variables, "log": str(log), "network": network}
        stdin = self._process.stdin
        assert stdin is not None
        async with self._turn:
            stdin.write(json.dumps(order).encode() + b"\n")
            await stdin.drain()
            child = await self._started.get()
        if child is None:
            raise RuntimeError(f"Programs cannot be started: see {self._log}.")
        return child

    async def _listen(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        async for line in stdout:
            what, pid, *code = line.split()
            if what == b"started":
                child = self._living[int(pid)] = Child(int(pid))
                self._started.put_nowait(child)
            elif not (ended := self._living.pop(int(pid)).code).done():
                ended.set_result(int(code[0]))
        self._started.put_nowait(None)

    async def close(self) -> None:
        """Nobody is started any more."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.close()
        await self._process.wait()
        await self._listening
