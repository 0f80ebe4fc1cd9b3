"""The real gateway, which kills itself with SIGKILL at the N-th point around its commits and calls once it is told to.

usage: crashing_gateway.py CONFIG ORDER. On SIGUSR1 it reads the file ORDER, two words: the point at which to die (0 is
never) and ``cold`` or ``warm``, without or with an access token in hand. Then it says ``armed`` and counts: a point
lies before and after every commit of a payment or notification, and before and after every HTTP call.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from wakala import runtime, serving
from wakala.config import load
from wakala.journal.database import Operation
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.outgoing import NoReply, Outgoing, Reply

CONFIG, ORDER = Path(sys.argv[1]), Path(sys.argv[2])


class Fate:
    """The count of points, and the one that is the last."""

    def __init__(self) -> None:
        self.is_armed = False
        self.target = 0
        self.passed = 0

    def point(self, name: str) -> None:
        if not self.is_armed:
            return
        self.passed += 1
        say(f"point {self.passed} {name}")
        if self.passed == self.target:
            os.kill(os.getpid(), signal.SIGKILL)


FATE = Fate()
tasks: set[asyncio.Task[None]] = set()


def say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def watch_commits(database: type[Any]) -> None:
    commit = database.commit

    async def watching(self: Any, operation: Operation) -> bool:
        if operation.guard is None or not operation.key.startswith(("pay_", "ntf_")):
            return bool(await commit(self, operation))
        FATE.point(f"before commit {operation.guard.statement}")
        won = await commit(self, operation)
        FATE.point(f"after commit {operation.guard.statement}")
        return bool(won)

    database.commit = watching


def watch_calls() -> None:
    send = Outgoing.send

    async def watching(self: Outgoing, method: str, url: str, *rest: Any, **more: Any) -> Reply | NoReply:
        what = url.partition("?")[0].rpartition("/")[2]
        FATE.point(f"before call {what}")
        reply = await send(self, method, url, *rest, **more)
        FATE.point(f"after call {what}")
        return reply

    Outgoing.send = watching  # type: ignore[method-assign]


def watch_for_orders() -> None:
    start = runtime.Gateway.start

    async def arm(gateway: runtime.Gateway) -> None:
        point, token = ORDER.read_text().split()  # noqa: ASYNC240 - two words
        gateway.daraja._tokens.clear()
        if token == "warm":
            for shortcode in await gateway.journal.shortcodes():
                await gateway.daraja.prepare(gateway.directory.credentials(shortcode.id))
        FATE.passed, FATE.target, FATE.is_armed = 0, int(point), True
        say("armed")

    async def starting(self: runtime.Gateway) -> None:
        await start(self)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGUSR1, lambda: tasks.add(loop.create_task(arm(self))))

    runtime.Gateway.start = starting  # type: ignore[method-assign]


if __name__ == "__main__":
    watch_commits(SqliteDatabase)
    watch_commits(PostgresDatabase)
    watch_calls()
    watch_for_orders()
    serving.serve(load(CONFIG))
