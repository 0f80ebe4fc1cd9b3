"""A gateway with a fault planted in it, to see whether the breaking machine finds it.

planted_gateway.py CONFIG FAULT
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from wakala import serving
from wakala.config import load
from wakala.journal.database import Operation
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.payments import Payments
from wakala.pulling import Pulling
from wakala.rules.payment import Payment, State

COMMIT_LATE_S = 0.3
SKIP_EVERY = 15

_late: set[asyncio.Task[bool]] = set()


def acknowledge_before_commit() -> None:
    """Callers and M-Pesa get their answers a moment before anything is on disk."""
    for database in (SqliteDatabase, PostgresDatabase):
        _patch_commit(database)


def _patch_commit(database: type[Any]) -> None:
    commit = database.commit

    async def later(self: Any, operation: Operation) -> bool:
        await asyncio.sleep(COMMIT_LATE_S)
        return bool(await commit(self, operation))

    async def answer_first(self: Any, operation: Operation) -> bool:
        if operation.guard is None or operation.guard.statement != "payment_advance":
            return bool(await commit(self, operation))
        task = asyncio.create_task(later(self, operation))
        _late.add(task)
        task.add_done_callback(_late.discard)
        return True

    database.commit = answer_first


def skip_a_commit() -> None:
    """Now and then a change of a payment is called done and is not written."""
    turns = itertools.count(1)
    for database in (SqliteDatabase, PostgresDatabase):
        _patch_skipping(database, turns)


def _patch_skipping(database: type[Any], turns: "itertools.count[int]") -> None:
    commit = database.commit

    async def forgetful(self: Any, operation: Operation) -> bool:
        is_change = operation.guard is not None and operation.guard.statement == "payment_advance"
        if is_change and next(turns) % SKIP_EVERY == 0:
            return True
        return bool(await commit(self, operation))

    database.commit = forgetful


def resend_on_unknown() -> None:
    """What may have gone out is sent again instead of asked about."""
    finish = Payments.finish

    async def resend(self: Payments, payment: Payment) -> Payment:
        if payment.state not in {State.SENDING, State.UNKNOWN}:
            return await finish(self, payment)
        lease_us = self._source.now_us() + int(self._terms.schedule.send_lease_s * 1_000_000)
        if not await self._journal.claim_payment(payment, lease_us):
            return payment
        return await self._push(replace(payment, next_check_us=lease_us), None)

    Payments.finish = resend  # type: ignore[method-assign]


def forget_the_list() -> None:
    """M-Pesa's list of payments is read to its end, and what nobody told of is not entered."""

    async def enter(*_: object) -> bool:
        return False

    Pulling._enter = enter  # type: ignore[assignment]


def stop_out_of_order() -> None:
    """Told to stop, it drops everything and ends as if it had failed."""

    def told(_: object) -> None:
        os._exit(1)

    serving._Server._told = told  # type: ignore[assignment]


FAULTS = {
    "acknowledge-before-commit": acknowledge_before_commit,
    "skip-a-commit": skip_a_commit,
    "resend-on-unknown": resend_on_unknown,
    "forget-the-list": forget_the_list,
    "stop-out-of-order": stop_out_of_order,
}

if __name__ == "__main__":
    FAULTS[sys.argv[2]]()
    serving.serve(load(Path(sys.argv[1])))
