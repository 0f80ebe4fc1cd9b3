"""Stops a shortcode's API operator before M-Pesa locks it (daraja.md 4.2, 5).

M-Pesa locks an operator that it refused a few times, whatever was asked: a payout, a balance, what became of a payment.
So refusals are counted wherever they are told, and after two nothing is sent with those credentials until they are
entered anew. The count stands with the shortcode, for several gateways speak as the same operator.
"""

from collections import deque

from wakala.directory import Directory
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.rules.accounts import INITIATOR_FAILURES_LIMIT, LOCKING_CODES
from wakala.rules.commands import BY_PATH
from wakala.rules.decisions import Change
from wakala.rules.facts import Fact, Refused, Settled, StillOpen
from wakala.rules.payment import Evidence, Payment, State, Step

TOLD_LIMIT_CALLS = 100  # refusals that are known when they are told again, seconds later; two stop an operator
PROOF_US = 60_000_000  # for so long M-Pesa's yes is taken to hold: then questions go side by side
ANSWER_US = 30_000_000  # a question's Result comes in 1 to 10 s (daraja.md 10); after this it is not waited for
TURN_S = 1  # a question that has to wait looks again so soon

NOT_ASKED = (
    "Not asked: M-Pesa refused this shortcode's API operator twice, and would lock it soon. Set its right password "
    "with `wakala shortcode initiator`; then it is asked again by itself."
)
NOT_ASKED_YET = "Not asked yet: other questions of this shortcode's API operator have to be answered first."


class Initiators:
    """Knows which operators M-Pesa refuses."""

    def __init__(self, journal: Journal, directory: Directory, source: Source) -> None:
        self._journal = journal
        self._directory = directory
        self._source = source
        self._told: deque[str] = deque(maxlen=TOLD_LIMIT_CALLS)
        self._proved_us: dict[str, int] = {}
        self._open: dict[str, list[tuple[str, int]]] = {}

    async def is_stopped(self, payment: Payment) -> bool:
        """True while nothing may be sent for this payment. Looks anew: another gateway may have heard of a refusal."""
        if not _is_initiated(payment):
            return False
        await self._directory.refresh()
        return self._failures(payment) >= INITIATOR_FAILURES_LIMIT

    def may_ask(self, payment: Payment) -> bool:
        """True where a question can do no harm, and it is noted. No more are open at once than may be refused.

        Many are due together after an outage, and each would be refused where the password was changed meanwhile.
        """
        if not _is_initiated(payment):
            return True
        of, now_us = payment.scope.shortcode_id, self._source.now_us()
        is_open = [one for one in self._open.get(of, ()) if 0 <= now_us - one[1] < ANSWER_US]
        self._open[of] = is_open
        is_proved = 0 <= now_us - self._proved_us.get(of, 0) < PROOF_US
        if not is_proved and self._failures(payment) + len(is_open) >= INITIATOR_FAILURES_LIMIT:
            return False
        is_open.append((payment.id, now_us))
        return True

    def refuses(self, before: Payment, fact: Fact) -> bool:
        """True where a fact about ``before`` tells of one more refusal. What M-Pesa tells twice is one."""
        if not _is_initiated(before):
            return False
        match fact:
            case Refused(code=code):
                return code in LOCKING_CODES and before.state is State.SENDING
            case Settled(code=code, checkout_request_id=call) if code in LOCKING_CODES:
                was_told = before.kind.moves_money and before.state is State.FAILED and before.result_code == code
                return not was_told and call not in self._told
            case StillOpen(code=code, call=call) if code in LOCKING_CODES:
                return call not in self._told
            case _:
                return False

    async def heard(self, change: Change, fact: Fact, *, is_refusal: bool) -> None:
        """What a change of a payment, on disk by now, says of the operator."""
        payment = change.payment
        if not _is_initiated(payment):
            return
        of, call = payment.scope.shortcode_id, _call(fact)
        if call is not None:
            self._answered(payment)
        if is_refusal:
            self._proved_us.pop(of, None)
            if call:
                self._told.append(call)
        elif call is not None and not self._failures(payment):
            self._proved_us[of] = self._source.now_us()
        if change.step is Step.SUCCEED:
            await self._forget(payment)

    async def _forget(self, payment: Payment) -> None:
        """A success is of the credentials with which it was sent: it says nothing of a refusal that came later."""
        shortcode = self._directory.shortcode(payment.scope.shortcode_id)
        if shortcode is None or not shortcode.initiator_failures or payment.sent_us is None:
            return
        if payment.sent_us > self._directory.refused_us(shortcode.id):
            await self._journal.forget_initiator_failures(shortcode)

    def _answered(self, payment: Payment) -> None:
        is_open = self._open.get(payment.scope.shortcode_id, [])
        mine = next((one for one in is_open if one[0] == payment.id), None)
        if mine is not None:
            is_open.remove(mine)

    def _failures(self, payment: Payment) -> int:
        shortcode = self._directory.shortcode(payment.scope.shortcode_id)
        return shortcode.initiator_failures if shortcode else 0


def _is_initiated(payment: Payment) -> bool:
    command = BY_PATH.get(payment.command)
    return command is not None and command.initiated


def _call(fact: Fact) -> str | None:
    """M-Pesa's own ID of the call that a Result answers; None for what is no Result."""
    match fact:
        case Settled(by=Evidence.RESULT | Evidence.STATUS, checkout_request_id=call):
            return call or ""
        case StillOpen(call=call) if call:
            return call
        case _:
            return None
