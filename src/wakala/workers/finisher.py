"""Brings every payment to an end: sends what was held, asks about what is open, expires what nobody can settle."""

import asyncio

from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.payments import Payments
from wakala.rules.payment import Payment

BATCH_LIMIT_PAYMENTS = 100  # how many are taken in one turn; they are asked about side by side
ASK_LIMIT = 16  # questions to M-Pesa at once, so that a backlog after an outage does not become a spike


class Finisher:
    """One step takes what is due and carries it through the same doors as everything else."""

    def __init__(self, journal: Journal, payments: Payments, source: Source) -> None:
        self._journal = journal
        self._payments = payments
        self._source = source
        self._turns = asyncio.Semaphore(ASK_LIMIT)

    async def step(self) -> bool:
        """True while a full batch was due."""
        now_us = self._source.now_us()
        due = await self._journal.payments_due(now_us, BATCH_LIMIT_PAYMENTS)
        await asyncio.gather(*(self._finish(payment) for payment in due))
        for waiting in await self._journal.confirmations_due(now_us, BATCH_LIMIT_PAYMENTS):
            await self._payments.collect(waiting)
        return len(due) == BATCH_LIMIT_PAYMENTS

    async def _finish(self, payment: Payment) -> None:
        async with self._turns:
            await self._payments.finish(payment)
