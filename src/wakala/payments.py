"""The story of a payment: accept, send, settle, finish.

Write, commit, call, write: the intent is on disk before a byte leaves, and no call to anyone happens inside a
transaction. Whatever brings news of a payment (M-Pesa's answer, its callback, a C2B confirmation, the answer to a
query) becomes a fact and goes through `settle`, so there is one place where a payment changes.
"""

import asyncio
import json
import logging
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from wakala.directory import Directory
from wakala.errors import (
    DatabaseAwayError,
    DatabaseFaultError,
    InitiatorStoppedError,
    RequestIdSpentError,
    RequestInFlightError,
)
from wakala.identity import Source
from wakala.initiators import NOT_ASKED, NOT_ASKED_YET, TURN_S, Initiators
from wakala.journal.journal import ApiAnswer, Claim, Journal
from wakala.rules.accounts import App, Registration, Shortcode, require_collector
from wakala.rules.commands import BILL_OPT_INS, SPENDING, Ask
from wakala.rules.decisions import Change, Schedule, decide
from wakala.rules.delivery import TWIN, Notification
from wakala.rules.exchange import Exchange
from wakala.rules.facts import (
    DATABASE_AWAY,
    INTERRUPTED,
    Fact,
    GaveUp,
    LostSight,
    Misfit,
    Refused,
    Sending,
    Settled,
    StillOpen,
    Unsent,
    stood_still,
)
from wakala.rules.payment import (
    NEVER_LEFT,
    NOT_TAKEN,
    Evidence,
    Face,
    Flag,
    Kind,
    Payment,
    Scope,
    State,
    Step,
    is_leased,
)
from wakala.rules.repeats import STOPPED, Repeat, in_place_of_an_answer, repeat_of
from wakala.rules.sides import side_of
from wakala.rules.signing import fingerprint, mac
from wakala.rules.vault import NONCE_LENGTH_BYTES
from wakala.upstream.door import Asked, Callback, Upstream
from wakala.upstream.facts import retry_us

log = logging.getLogger("wakala.payments")

RECENT_LIMIT_PAYMENTS = 4_096  # about 4 MB; at 100 payments a second more than half a minute of them

_STAYED = "The database did not answer, so it was not sent."
_OF_SHORTCODE = frozenset({"c2b_confirmation", "c2b_validation", "bill_payment"})
_DECIDES_WHO_IS_TOLD = frozenset({"c2b/registerurl"}) | BILL_OPT_INS

Answered = Callable[[Payment], ApiAnswer]
"""What the merchant is told about a payment; stored in the transaction that makes it true."""


class Outbox(Protocol):
    """Where what a change owes the merchant goes; see `deliveries` and `workers.courier`."""

    def stage(self, change: Change, now_us: int) -> Notification:
        """The notification that a change owes, to be written in the commit that makes the change true."""

    def offer(self, owed: Sequence[Notification]) -> None:
        """They are written, and may be brought."""

    def doubt(self, owed: Sequence[Notification]) -> None:
        """Whether they are written is not known, and they may be yet: a database that hung does what it was given."""


@dataclass(frozen=True, slots=True)
class Terms:
    """Numbers from the configuration that the story needs."""

    schedule: Schedule
    public_url: str
    hold_limit_us: int
    match_window_us: int
    confirmation_wait_us: int


class Payments:
    """Accepts, sends, settles and finishes payments."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        upstream: Upstream,
        source: Source,
        terms: Terms,
        callback_key: bytes,
        outbox: Outbox,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._upstream = upstream
        self._source = source
        self._terms = terms
        self._callback_key = callback_key
        self._outbox = outbox
        self._initiators = Initiators(journal, directory, source)
        self._recent: OrderedDict[str, Payment] = OrderedDict()
        self._under_way: dict[str, Payment] = {}
        self._unwritten: deque[tuple[Payment, Asked]] = deque()
        self._stayed: OrderedDict[str, Payment] = OrderedDict()  # as they are on disk, perhaps; and they did not leave
        self._owned: OrderedDict[str, Payment] = OrderedDict()  # perhaps, until their time; and nobody is at them

    # ── accept ──

    async def accept(
        self, ask: Ask, app: App, shortcode: Shortcode, exchange: Exchange, answered: Answered
    ) -> tuple[Payment, bool]:
        """Open the payment and carry it to M-Pesa's first answer. A repeat is given the first answer (True).

        Raises `RequestIdSpentError` for other content under the same ID, `RequestInFlightError` until there is an
        answer to repeat.
        """
        now_us = self._source.now_us()
        if ask.command.path in _DECIDES_WHO_IS_TOLD:
            require_collector(shortcode, app)
        received = self._received(ask, app, shortcode, now_us)
        if await self._initiators.is_stopped(received):
            if (first := await self._first_of(received)) is None:
                raise InitiatorStoppedError
            return await self._repeat(first, received), True
        exchange = replace(exchange, payment_id=received.id, scope=received.scope)
        opening = Change(received, Step.CONFIRM, "received", {})
        ready = self._upstream.is_ready(self._directory.credentials(shortcode.id), received)
        sent_us = self._source.now_us()  # after the look at the operator, of which its success then speaks
        changes = [opening, decide(received, Sending(), sent_us, self._terms.schedule)] if ready else [opening]
        with _InDoubt(changes[-1].payment, self._stayed):
            is_new = await self._journal.open_payment(changes, exchange)
        if not is_new:
            return await self._repeat(await self._first_of(received), received), True
        payment = changes[-1].payment
        self._remember(payment)
        if payment.state is State.SENDING:
            return await self._push(payment, answered), False
        return await self.send(payment, answered), False

    def _received(self, ask: Ask, app: App, shortcode: Shortcode, now_us: int) -> Payment:
        meaning: tuple[str, ...] = (
            "push" if ask.command.kind is Kind.PUSH else ask.command.path,
            shortcode.number,
            str(ask.amount_cents),
            ask.msisdn,
            ask.reference,
            ask.description,
            ask.reference_data,
            ask.callback_url or "",
        )
        if ask.details != "{}":
            meaning = (*meaning, ask.details)
        return Payment(
            id=self._source.new_id("pay"),
            scope=Scope(app.organisation_id, app.id, shortcode.id, shortcode.environment),
            kind=ask.command.kind,
            request_id=ask.request_id or self._source.new_id("req"),
            fingerprint=fingerprint(*meaning),
            state=State.RECEIVED,
            version=1,
            amount_cents=ask.amount_cents,
            msisdn=ask.msisdn,
            reference=ask.reference,
            description=ask.description,
            reference_data=ask.reference_data,
            callback_url=ask.callback_url,
            command=ask.command.path,
            face=ask.face,
            details=ask.details,
            side=side_of(ask.command, shortcode),
            created_us=now_us,
            updated_us=now_us,
            next_check_us=now_us + int(self._terms.schedule.send_lease_s * 1_000_000),
        )

    async def _first_of(self, received: Payment) -> Payment | None:
        """What was asked first under this request ID."""
        scope = received.scope
        return await self._journal.payment_by_request(scope.organisation_id, scope.environment, received.request_id)

    async def _repeat(self, first: Payment | None, again: Payment) -> Payment:
        if first is None:
            raise DatabaseFaultError
        match repeat_of(first, again.fingerprint):
            case Repeat.SPENT:
                raise RequestIdSpentError
            case Repeat.IN_FLIGHT if first.state.is_final or self._is_abandoned(first):
                return await self.settle(first, in_place_of_an_answer(first))
            case Repeat.IN_FLIGHT:
                raise RequestInFlightError
            case Repeat.SAME:
                return first

    def _is_abandoned(self, first: Payment) -> bool:
        """True where it went out, other news came, and whoever waited for M-Pesa's answer must have died by now."""
        if first.sent_us is None or first.state in NOT_TAKEN:
            return False
        return self._source.now_us() > first.sent_us + int(self._terms.schedule.send_lease_s * 1_000_000)

    # ── send ──

    async def send(self, payment: Payment, answered: Answered | None = None) -> Payment:
        """Take a payment that has not left yet to M-Pesa: a token first, then the intent on disk, then the call."""
        credentials = self._directory.credentials(payment.scope.shortcode_id)
        with _InDoubt(payment, self._owned):
            trouble, exchanges = await self._upstream.prepare(credentials, payment)
            if trouble is None and await self._initiators.is_stopped(payment):
                stopped = InitiatorStoppedError()
                trouble = Unsent(stopped.code, stopped.sentence, retry_us(self._source))
            if trouble is not None:
                return await self.settle(payment, trouble, exchanges, answered=answered, is_of_this_version=True)
            change = decide(payment, Sending(), self._source.now_us(), self._terms.schedule)
            with _InDoubt(change.payment, self._stayed):
                is_ours = await self._journal.record_change(payment, change, exchanges=exchanges)
            if not is_ours:
                return await self._reread(payment)  # another worker has it
        return await self._push(change.payment, answered)

    async def _push(self, payment: Payment, answered: Answered | None) -> Payment:
        now_us = self._source.now_us()
        if not is_leased(payment, now_us):  # others may have ended it by now, and what leaves after its end is money
            return await self.settle(payment, stood_still(now_us), answered=answered, is_of_this_version=True)
        credentials = self._directory.credentials(payment.scope.shortcode_id)
        with _Calling(payment, self._under_way):
            asked = await self._upstream.carry(credentials, payment, self._callback_urls(payment))
        return await self._heard(payment, asked, answered)

    async def _heard(self, payment: Payment, asked: Asked, answered: Answered | None = None) -> Payment:
        """What a call brought, written at once, once the database is back, or at the end of a stop that cut it."""
        try:
            return await self._carried(payment, asked, answered)
        except (DatabaseAwayError, asyncio.CancelledError):
            if len(self._unwritten) < RECENT_LIMIT_PAYMENTS:
                self._unwritten.append((payment, asked))
            raise

    async def _carried(
        self, payment: Payment, asked: Asked, answered: Answered | None = None, *, is_of_this_version: bool = False
    ) -> Payment:
        """What a call brought. Bill Manager's key is kept first: M-Pesa tells it once."""
        if asked.bill_key:
            nonce = self._source.random_bytes(NONCE_LENGTH_BYTES)
            await self._directory.keep_bill_key(payment.scope.shortcode_id, asked.bill_key, nonce)
        return await self.settle(
            payment, asked.fact, asked.exchanges, answered=answered, is_of_this_version=is_of_this_version
        )

    async def write_late(self) -> None:
        """What M-Pesa answered while the database was away. A process that ends before it is back asks instead."""
        while self._unwritten:
            payment, asked = self._unwritten.popleft()
            try:
                if not await self._is_written(asked):
                    # It may be held on the disk already, and sent again by somebody since, whose sending stands.
                    is_unsent = isinstance(asked.fact, Unsent)
                    await self._carried(payment, asked, is_of_this_version=is_unsent)
            except (DatabaseAwayError, asyncio.CancelledError):
                self._unwritten.appendleft((payment, asked))
                raise

    async def _is_written(self, asked: Asked) -> bool:
        """True where the database carried out what it did not answer for: a call is written with what it brought."""
        return bool(asked.exchanges) and await self._journal.exchange(asked.exchanges[-1].id) is not None

    def _callback_urls(self, payment: Payment) -> Callback:
        """Where M-Pesa answers this command; each path has a secret of its own."""

        def url(kind: str) -> str:
            return self.callback_url(
                kind, payment.scope.shortcode_id if kind.removeprefix("soap_") in _OF_SHORTCODE else payment.id
            )

        return url

    def callback_url(self, kind: str, subject: str) -> str:
        """Where M-Pesa calls back: unguessable, and free of the words it refuses (daraja.md 7.2)."""
        return f"{self._terms.public_url}/callbacks/{kind}/{subject}/{self.callback_mac(kind, subject)}"

    def callback_mac(self, kind: str, subject: str) -> str:
        """The secret end of a callback path."""
        return mac(self._callback_key, f"callback {kind}", subject)

    # ── settle ──

    async def settle(
        self,
        payment: Payment,
        fact: Fact,
        exchanges: tuple[Exchange, ...] = (),
        *,
        answered: Answered | None = None,
        claims: str | None = None,
        is_of_this_version: bool = False,
    ) -> Payment:
        """What a fact does to a payment, durably, with what the merchant is owed for it, in one transaction.

        ``claims`` is the receipt of a C2B confirmation that this answers for, whether or not the fact brings it. A fact
        ``is_of_this_version`` where it says nothing of what another worker has made of the payment meanwhile: that it
        could not be sent here does not hold up what was sent there, or it would be sent twice.
        """
        newest = self._recent.get(payment.id)
        if newest is not None and newest.version > payment.version:
            if is_of_this_version:
                return await self._passed_over(newest, exchanges)
            payment = newest
        while True:
            now_us = self._source.now_us()
            change = decide(payment, self._impatient(payment, fact, now_us), now_us, self._terms.schedule)
            notification = self._outbox.stage(change, now_us) if change.notify else None
            claimed = _claimed(fact, claims, change.payment)
            twin = None
            if claimed is not None:
                change, twin, claimed = await self._with_twin(change, claimed, now_us)
            owed = [one for one in (notification, twin) if one is not None]
            self._remember(change.payment)
            is_success = change.payment.state is State.SUCCEEDED and not payment.state.is_final
            registers = is_success and payment.command == "c2b/registerurl"
            bills = is_success and payment.command in BILL_OPT_INS
            is_refusal = self._initiators.refuses(payment, fact)
            try:
                won = await self._journal.record_change(
                    payment,
                    change,
                    exchanges=exchanges,
                    notification=notification,
                    also=twin,
                    answer=answered(change.payment) if answered else None,
                    claims=claimed,
                    registered=_registration(payment) if registers else None,
                    billing_url=(payment.callback_url or "") if bills else None,
                    refuses_initiator=is_refusal,
                )
            except (DatabaseFaultError, asyncio.CancelledError) as fault:
                self._recent.pop(payment.id, None)
                if isinstance(fault, DatabaseAwayError | asyncio.CancelledError):
                    self._outbox.doubt(owed)
                    raise
                fact = await self._without_taken_receipt(payment, fact)
                continue
            if won:
                self._outbox.offer(owed)  # before anything else is asked of the database, which may go away
                if registers or bills:
                    await self._directory.refresh()  # the next payment may be on its way
                await self._initiators.heard(change, fact, is_refusal=is_refusal)
                return change.payment
            payment = await self._reread(payment)
            if is_of_this_version:
                return await self._passed_over(payment, exchanges)

    async def _passed_over(self, payment: Payment, exchanges: tuple[Exchange, ...]) -> Payment:
        """What happened changes nothing any more; its bytes are kept."""
        for exchange in exchanges:
            await self._journal.record_exchange(exchange)
        return payment

    async def _with_twin(
        self, change: Change, claimed: Claim, now_us: int
    ) -> tuple[Change, Notification | None, Claim | None]:
        """The C2B confirmation of a push, told beside the push's own outcome, as M-Pesa does (daraja.md 2.1).

        Only where a caller of Daraja's paths registered its URL, and once: when the confirmation is given to the push.
        So one that is not there yet is not given to it here: it may be written before this is, and would not be told.
        """
        payment = change.payment
        shortcode = self._directory.shortcode(payment.scope.shortcode_id)
        if shortcode is None or not wants_twin(payment, shortcode):
            return change, None, claimed
        place = (payment.scope.organisation_id, payment.scope.environment, claimed.receipt)
        waiting = await self._journal.confirmation(*place)
        if waiting is None or waiting.payment_id is not None:
            return change, None, None
        notice = json.loads(waiting.notice)
        words = notice.get("words")
        if not words or claimed.amount_cents not in {None, notice["amount_cents"]}:
            return change, None, claimed
        after = replace(payment, notifications=payment.notifications + 1)
        told = Change(replace(after, callback_url=shortcode.confirmation_url), Step.CONFIRM, "confirmed", {}, TWIN)
        return replace(change, payment=after), replace(self._outbox.stage(told, now_us), body=words.encode()), claimed

    async def find(self, payment_id: str) -> Payment | None:
        """A payment by its ID, from memory where it was open a moment ago.

        What is remembered may be older than the journal, or newer by a change that is being committed (a callback often
        overtakes the commit of the answer to our call): every change compares versions, and the loser reads again.
        """
        return self._recent.get(payment_id) or await self._journal.payment(payment_id)

    def _remember(self, payment: Payment) -> None:
        """Open payments only, and a bounded number: their callbacks come within seconds."""
        if payment.state.is_final:
            self._recent.pop(payment.id, None)
            return
        self._recent[payment.id] = payment
        if len(self._recent) > RECENT_LIMIT_PAYMENTS:
            self._recent.popitem(last=False)

    def _impatient(self, payment: Payment, fact: Fact, now_us: int) -> Fact:
        """A payment that could not leave for too long fails: the shopper has gone. A service waits for nothing."""
        if not isinstance(fact, Unsent | LostSight):
            return fact
        is_direct = payment.kind is Kind.SERVICE and (isinstance(fact, Unsent) or payment.command not in SPENDING)
        is_facade = payment.face is Face.DARAJA and isinstance(fact, Unsent)  # an SDK does its own trying again
        if is_direct or is_facade:
            return Refused(fact.code, fact.reason, Evidence.GATEWAY)
        never_left = payment.state in NEVER_LEFT  # else M-Pesa may have spoken of it meanwhile
        is_late = now_us - payment.created_us > self._terms.hold_limit_us
        if isinstance(fact, Unsent) and never_left and is_late:
            return GaveUp(f"It could not be sent in time: {fact.reason}")
        return fact

    async def _without_taken_receipt(self, payment: Payment, fact: Fact) -> Fact:
        """A receipt pays one payment only. Where it is another's, the outcome stands without it, and is flagged."""
        if not isinstance(fact, Settled) or fact.receipt is None:
            raise DatabaseFaultError
        owner = await self._journal.payment_by_receipt(payment.scope, fact.receipt)
        if owner is None or owner.id == payment.id:
            raise DatabaseFaultError
        reason = f"Receipt {fact.receipt} already belongs to request {owner.request_id}."
        return Misfit(Flag.EVIDENCE_CONFLICT, reason)

    async def _reread(self, payment: Payment) -> Payment:
        found = await self._journal.payment(payment.id)
        if found is None:
            raise DatabaseFaultError
        self._remember(found)
        return found

    # ── finish ──

    async def finish(self, payment: Payment) -> Payment:
        """One due payment: send it, ask about it, or end it. Takes the same doors as everything else."""
        now_us = self._source.now_us()
        lease_us = now_us + int(self._terms.schedule.send_lease_s * 1_000_000)
        claimed = replace(payment, next_check_us=lease_us)
        with _InDoubt(claimed, self._owned):
            if not await self._journal.claim_payment(payment, lease_us):
                return payment
            return await self._finish(claimed, now_us)

    async def _finish(self, payment: Payment, now_us: int) -> Payment:
        if payment.state in NEVER_LEFT:
            return await self._send_late(payment, now_us)
        if payment.state is State.SENDING:
            return await self._interrupted(payment)
        is_stopped = await self._initiators.is_stopped(payment)
        if self._terms.schedule.has_run_out(payment, now_us):
            reason = payment.reason or (NOT_ASKED if is_stopped else "M-Pesa gave no outcome")
            return await self.settle(payment, GaveUp(f"No evidence by the end of the schedule. Last known: {reason}"))
        if is_stopped:
            return await self.settle(payment, StillOpen(NOT_ASKED, processing=False))
        if not self._initiators.may_ask(payment):
            return await self._ask_later(payment, now_us)
        credentials = self._directory.credentials(payment.scope.shortcode_id)
        with _Calling(payment, self._under_way):
            asked = await self._upstream.ask(credentials, payment, self._callback_urls(payment))
        return await self._heard(payment, asked)

    async def _interrupted(self, payment: Payment) -> Payment:
        """Its sending was begun and not ended: whether it left is not known, unless it is one that stayed here."""
        stayed = self._stayed.get(payment.id)
        if stayed is None or (stayed.version, stayed.updated_us) != (payment.version, payment.updated_us):
            return await self.settle(payment, LostSight(INTERRUPTED, STOPPED))
        return await self._take_back(stayed)

    async def _take_back(self, stayed: Payment) -> Payment:
        """It is on disk that it left, and it did not: it leaves now, unless others know more of it by now."""
        fact = Unsent(DATABASE_AWAY, _STAYED, self._source.now_us())
        payment = await self.settle(stayed, fact, is_of_this_version=True)
        self._stayed.pop(stayed.id, None)
        return payment

    async def resolve_doubts(self) -> None:
        """What the database did not answer for, once it answers; it may do seconds later what it was given.

        After the end of its lease a payment is found as any other that is due.
        """
        now_us = self._source.now_us()
        stayed = [self._look(one) for one in self._stayed.values() if is_leased(one, now_us)]
        for payment in [one for one in self._owned.values() if not is_leased(one, now_us)]:
            del self._owned[payment.id]
        owned = [self._let_go(one, now_us) for one in self._owned.values()]
        for fault in await asyncio.gather(*stayed, *owned, return_exceptions=True):
            if isinstance(fault, DatabaseFaultError) and not isinstance(fault, DatabaseAwayError):
                log.warning("what became of a payment is looked at again: %s", fault.sentence)
            elif fault is not None:
                raise fault

    async def _look(self, stayed: Payment) -> None:
        found = await self._journal.payment(stayed.id)
        if found is not None and found.version >= stayed.version:
            await self._take_back(stayed)

    async def _let_go(self, payment: Payment, now_us: int) -> None:
        if await self._journal.claim_payment(payment, now_us):
            self._owned.pop(payment.id, None)

    async def _ask_later(self, payment: Payment, now_us: int) -> Payment:
        """When others were answered; but its schedule goes on, and comes to its end."""
        if self._terms.schedule.due_us(payment, payment.checks + 1, now_us) <= now_us:
            return await self.settle(payment, StillOpen(NOT_ASKED_YET, processing=False))
        await self._journal.claim_payment(payment, now_us + TURN_S * 1_000_000)
        return payment

    async def hand_back(self) -> None:
        """End the claims on payments whose call to M-Pesa was cut short: whoever is next asks about them at once."""
        now_us = self._source.now_us()
        for payment in list(self._under_way.values()):
            await self._journal.claim_payment(payment, now_us)
        self._under_way.clear()

    async def _send_late(self, payment: Payment, now_us: int) -> Payment:
        if now_us - payment.created_us > self._terms.hold_limit_us:
            return await self.settle(payment, GaveUp(payment.reason or "It could not be sent in time."))
        return await self.send(payment)


@dataclass(slots=True)
class _InDoubt:
    """What is done to a payment here. Where the database goes away nobody knows how it stands there, now or later."""

    payment: Payment
    doubts: OrderedDict[str, Payment]

    def __enter__(self) -> None:
        """Nothing is known of it yet."""

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None and issubclass(kind, DatabaseAwayError):
            self.doubts[self.payment.id] = self.payment
            if len(self.doubts) > RECENT_LIMIT_PAYMENTS:
                self.doubts.popitem(last=False)


@dataclass(slots=True)
class _Calling:
    """While M-Pesa is called. What is cut short at a stop stays known, to be handed back."""

    payment: Payment
    under_way: dict[str, Payment]

    def __enter__(self) -> None:
        self.under_way[self.payment.id] = self.payment

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None or issubclass(kind, Exception):
            self.under_way.pop(self.payment.id, None)  # a second call, begun by a callback, may have ended first


def _registration(payment: Payment) -> Registration:
    """What M-Pesa took; the URLs are the caller's, and only Daraja's own paths have any."""
    details: dict[str, str] = json.loads(payment.details)
    is_daraja = payment.face is Face.DARAJA
    return Registration(
        response_type=details.get("ResponseType", "Completed"),
        confirmation_url=details.get("ConfirmationURL", "") if is_daraja else "",
        validation_url=details.get("ValidationURL", "") if is_daraja else "",
        app_id=payment.scope.app_id,
    )


def _claimed(fact: Fact, claims: str | None, after: Payment) -> Claim | None:
    """The confirmation that goes to this payment: only of a receipt that it bears, or nobody is told of that money.

    One of another amount goes on waiting until it is looked at by itself, which flags the payment.
    """
    receipt = claims or (fact.receipt if isinstance(fact, Settled) else None)
    if receipt is None or receipt != after.receipt:
        return None
    return Claim(receipt, None if claims else after.amount_cents)


def wants_twin(payment: Payment, shortcode: Shortcode) -> bool:
    """True where the C2B confirmation of a push is told too, beside the push's own outcome."""
    return payment.kind is Kind.PUSH and bool(shortcode.confirmation_url)
