"""Brings every payment to an end: sends what was held, asks about what is open, expires what nobody can settle."""

import asyncio
import logging
from collections.abc import Awaitable

from wakala.confirmations import Confirmations
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.payments import Payments
from wakala.rules.payment import Payment

log = logging.getLogger("wakala.finisher")

BATCH_LIMIT_PAYMENTS = 100  # how many are taken in one turn; they are asked about side by side
ASK_LIMIT = 16  # questions to M-Pesa at once, so that a backlog after an outage does not become a spike


class Finisher:
    """One step takes what is due and carries it through the same doors as everything else."""

    def __init__(self, journal: Journal, payments: Payments, confirmations: Confirmations, source: Source) -> None:
        self._journal = journal
        self._payments = payments
        self._confirmations = confirmations
        self._source = source
        self._turns = asyncio.Semaphore(ASK_LIMIT)

    async def step(self) -> bool:
        """True while a full batch was due, and all of it was done."""
        await self._payments.write_late()
        now_us = self._source.now_us()
        due = await self._journal.payments_due(now_us, BATCH_LIMIT_PAYMENTS)
        done = await asyncio.gather(*(self._finish(payment) for payment in due))
        for waiting in await self._journal.confirmations_due(now_us, BATCH_LIMIT_PAYMENTS):
            await _alone(self._confirmations.collect(waiting), waiting.receipt)
        return len(due) == BATCH_LIMIT_PAYMENTS and all(done)

    async def _finish(self, payment: Payment) -> bool:
        async with self._turns:
            return await _alone(self._payments.finish(payment), payment.id)


async def _alone(work: Awaitable[object], what: str) -> bool:
    """One that cannot be finished keeps nobody else from it."""
    try:
        await work
    except Exception:
        log.exception("%s could not be finished in this turn", what)
        return False
    return True
