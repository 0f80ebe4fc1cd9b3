"""The real gateway, which kills itself with SIGKILL at the N-th point around its commits and calls.

usage: crashing_gateway.py CONFIG POINT. A point is passed before and after every commit and every HTTP call that
carries a payment further; without a positive POINT they are only counted, a line each on standard error.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from wakala import runtime
from wakala.config import load
from wakala.journal.database import Operation
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.outgoing import Outgoing

TARGET = int(sys.argv[2])
_passed = 0


def point(name: str) -> None:
    global _passed  # noqa: PLW0603 - one counter for the whole process
    _passed += 1
    sys.stderr.write(f"point {_passed} {name}\n")
    sys.stderr.flush()
    if _passed == TARGET:
        os.kill(os.getpid(), signal.SIGKILL)


def carries_a_payment(operation: Operation) -> bool:
    return operation.key.startswith(("pay_", "ntf_"))


def watched(database: type[Any]) -> None:
    commit = database.commit

    async def watching(self: Any, operation: Operation) -> bool:
        if not carries_a_payment(operation):
            return bool(await commit(self, operation))
        point(f"before commit {operation.guard.statement if operation.guard else ''}")
        won = await commit(self, operation)
        point(f"after commit {operation.guard.statement if operation.guard else ''}")
        return bool(won)

    database.commit = watching


def main() -> None:
    watched(SqliteDatabase)
    watched(PostgresDatabase)
    send = Outgoing.send

    async def watching(self: Outgoing, method: str, url: str, *rest: Any, **more: Any) -> Any:
        what = url.rpartition("/")[2]
        point(f"before call {what}")
        reply = await send(self, method, url, *rest, **more)
        point(f"after call {what}")
        return reply

    Outgoing.send = watching  # type: ignore[method-assign]
    runtime.serve(load(Path(sys.argv[1])))


main()
