"""Brings every payment to an end: sends what was held, asks about what is open, expires what nobody can settle.

Each payment in hand is a task of its own, so that a turn waits for none that M-Pesa leaves waiting. The hands are
shared out among the live shortcodes that have work; the sandbox as a whole has a share like one of them, for one host
answers for all of it. Whose calls hang keeps its own share and nobody else's.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable

from wakala.confirmations import Confirmations
from wakala.errors import DatabaseAwayError
from wakala.identity import Source
from wakala.journal.journal import Confirmation, Journal
from wakala.journal.rows import ShortcodeDue
from wakala.payments import Payments
from wakala.rules.accounts import Environment
from wakala.rules.payment import Payment

log = logging.getLogger("wakala.finisher")

ASK_LIMIT = 16  # questions to M-Pesa at once, so that a backlog after an outage does not become a spike
CONFIRMATIONS_LIMIT = 100  # how many are collected in one turn
FAILED_REST_MIN_S, FAILED_REST_MAX_S = 60, 900  # of one that fails: as long again as it has waited, within these
LOOK_S = 1.0  # while payments wait for a hand: how soon it is seen that one of another shortcode is due


class Finisher:
    """One step takes in hand what is due and carries it through the same doors as everything else."""

    def __init__(self, journal: Journal, payments: Payments, confirmations: Confirmations, source: Source) -> None:
        self._journal = journal
        self._payments = payments
        self._confirmations = confirmations
        self._source = source
        self._in_hand: dict[asyncio.Task[bool], Payment] = {}
        self._is_stopping = False

    async def step(self) -> bool:
        """True while more is due than there were hands for, and one may be free by now."""
        await self._payments.write_late()
        await self._payments.resolve_doubts()
        now_us = self._source.now_us()
        self._in_hand = {task: payment for task, payment in self._in_hand.items() if not task.done()}
        is_more = await self._begin_due(now_us)
        for waiting in await self._journal.confirmations_due(now_us, CONFIRMATIONS_LIMIT):
            await self._collect(waiting, now_us)
        return is_more and await self._one_ends()

    async def stop(self) -> None:
        """Begin nothing more and finish what is in hand. Who waits no longer cancels, and it is cut short."""
        self._is_stopping = True
        await asyncio.gather(*self._in_hand)

    async def _collect(self, waiting: Confirmation, now_us: int) -> None:
        """One that fails comes back later: a hundred of them would keep all behind them from their turn."""
        try:
            await self._confirmations.collect(waiting)
        except DatabaseAwayError:
            raise
        except Exception:
            log.exception("the confirmation %s could not be given to anybody; it is tried again", waiting.receipt)
            waited_s = (now_us - waiting.received_us) // 1_000_000
            rest_s = min(max(waited_s, FAILED_REST_MIN_S), FAILED_REST_MAX_S)
            put_off = self._journal.put_off_confirmation(waiting, now_us + rest_s * 1_000_000)
            await _alone(put_off, waiting.receipt)

    async def _begin_due(self, now_us: int) -> bool:
        """True where something due found no hand. Of two shortcodes the one with less in hand is first."""
        due = await self._journal.shortcodes_due(now_us)
        running = Counter(payment.scope.shortcode_id for payment in self._in_hand.values())
        at_work = {payment.scope.shortcode_id: payment.scope.environment for payment in self._in_hand.values()}
        at_work |= {shortcode.id: shortcode.environment for shortcode in due}
        in_sandbox = Counter(at_work.values())[Environment.SANDBOX]
        share = _share(ASK_LIMIT, len(at_work) - in_sandbox + min(1, in_sandbox))
        is_more = False
        for shortcode in sorted(due, key=lambda one: (running[one.id], one.due_us)):
            own, room = share, ASK_LIMIT - len(self._in_hand)
            if shortcode.environment == Environment.SANDBOX:
                own, room = _share(share, in_sandbox), min(room, share - self._in_hand_of_the_sandbox())
            room = min(room, own - running[shortcode.id])
            is_more |= room <= 0 or await self._begin(shortcode, now_us, room, running[shortcode.id])
        return is_more

    def _in_hand_of_the_sandbox(self) -> int:
        return sum(payment.scope.environment == Environment.SANDBOX for payment in self._in_hand.values())

    async def _begin(self, shortcode: ShortcodeDue, now_us: int, room: int, running: int) -> bool:
        """Take so many of a shortcode in hand; True where there may be more. What is in hand is perhaps still due."""
        page = await self._journal.payments_due(shortcode.id, now_us, room + running)
        held = {payment.id for payment in self._in_hand.values()}
        others = [payment for payment in page if payment.id not in held]
        for payment in [] if self._is_stopping else others[:room]:
            task = asyncio.create_task(_alone(self._payments.finish(payment), payment.id))
            self._in_hand[task] = payment
        return len(others) >= room

    async def _one_ends(self) -> bool:
        """Wait for a hand, and not for long; False where what ended could not be done, so that a rest is due."""
        if not self._in_hand:
            return False
        ended, _ = await asyncio.wait(self._in_hand, timeout=LOOK_S, return_when=asyncio.FIRST_COMPLETED)
        return all(task.result() for task in ended)


def _share(hands: int, count: int) -> int:
    """Of so many hands, where so many have work; a share is left for one more that comes."""
    return max(1, hands // (count + 1))


async def _alone(work: Awaitable[object], what: str) -> bool:
    """One that cannot be finished keeps nobody else from it."""
    try:
        await work
    except DatabaseAwayError:  # so does the next turn, and says so for all
        return False
    except Exception:
        log.exception("%s could not be finished in this turn", what)
        return False
    return True
