"""The story of a C2B confirmation: money arrived, and somebody has to be told whose it is.

It is the second source of a push that we know, or a payment that nobody asked for. Where that is not certain at once it
waits a little: the push's own callback names the receipt.
"""

import json
from collections.abc import Awaitable
from dataclasses import asdict
from typing import Any

from msgspec.structs import replace

from wakala.directory import Directory
from wakala.errors import DatabaseAwayError
from wakala.identity import Source
from wakala.journal.journal import CANDIDATE_LIMIT_ROWS, NO_END_US, Confirmation, Journal
from wakala.payments import Outbox, Payments, Terms, wants_twin
from wakala.rules.accounts import Shortcode
from wakala.rules.decisions import Change, decide
from wakala.rules.delivery import COLLECTED, Notification
from wakala.rules.exchange import Exchange
from wakala.rules.facts import Fact, Misfit, Settled
from wakala.rules.matching import CLOCK_SLACK_US, Ambiguous, Candidate, Match, Matched, match
from wakala.rules.matching import Confirmation as Notice
from wakala.rules.payment import Evidence, Face, Flag, Kind, Payment, State, Step, collecting_scope
from wakala.rules.signing import fingerprint

_CONFIRMED_BY = {
    Evidence.C2B_CONFIRMATION: "Confirmed by M-Pesa.",
    Evidence.BILL_MANAGER: "Confirmed by M-Pesa's Bill Manager.",
    Evidence.PULL: "Found in M-Pesa's list of payments.",
}

LAST_LOOK_PAGES = 50  # ten thousand pushes of one price in the window; the look at the arrival has one page


class Confirmations:
    """Receives confirmations, and collects those that waited."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        payments: Payments,
        source: Source,
        terms: Terms,
        outbox: Outbox,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._payments = payments
        self._source = source
        self._terms = terms
        self._outbox = outbox

    async def receive(
        self, notice: Notice, payer_name: str | None, shortcode: Shortcode, exchange: Exchange, words: bytes = b""
    ) -> None:
        """Money has arrived: it settles the push it belongs to, waits where that is not certain, or stands alone.

        ``words`` are what a caller of Daraja's paths will be told of it: M-Pesa's own.
        """
        while True:
            pushes = await self._candidates(notice, shortcode)  # first, so that no push slips through between the two
            known = await self._journal.payment_by_receipt(collecting_scope(shortcode), notice.receipt)
            if known is not None:
                if words and notice.by is Evidence.C2B_CONFIRMATION and wants_twin(known, shortcode):
                    await self._enter_twin(known, notice, payer_name, shortcode, exchange, words)
                else:
                    await self._confirm_known(known, notice, payer_name, (exchange,))
                return
            if await self._enter_confirmation(pushes, notice, payer_name, shortcode, exchange, words):
                return
            entry = await self._journal.confirmation(shortcode.organisation_id, shortcode.environment, notice.receipt)
            if entry is not None:  # the same one again
                await self._journal.record_exchange(replace(exchange, payment_id=entry.payment_id))
                return

    async def _candidates(
        self, notice: Notice, shortcode: Shortcode, until_us: int = NO_END_US, pages: int = 1
    ) -> list[Payment]:
        """The pushes it may belong to: those that left, and have no receipt yet.

        One that a query called paid is among them: queries carry no receipt (daraja.md 2.2), so the confirmation brings
        it, however late. Otherwise the same money would be told twice.
        """
        paid_us = notice.received_us if notice.paid_us is None else min(notice.paid_us, notice.received_us)
        since_us = paid_us - self._terms.match_window_us - CLOCK_SLACK_US
        found: dict[str, Payment] = {}
        for _ in range(pages):
            page = await self._journal.pushes_without_receipt(shortcode.id, notice.amount_cents, since_us, until_us)
            found |= {push.id: push for push in page}
            if len(page) < CANDIDATE_LIMIT_ROWS:
                break
            until_us = page[-1].created_us  # which others may share
        return list(found.values())

    def _match(
        self, notice: Notice, pushes: list[Payment], shortcode: Shortcode, *, among_equals: bool = False
    ) -> tuple[Match, Payment | None]:
        candidates = [_candidate(push, shortcode) for push in pushes]
        found = match(notice, candidates, self._terms.match_window_us, among_equals=among_equals)
        wanted = found.payment_id if isinstance(found, Matched) else None
        return found, next((push for push in pushes if push.id == wanted), None)

    async def _confirm_known(
        self, known: Payment, notice: Notice, payer_name: str | None, exchanges: tuple[Exchange, ...]
    ) -> None:
        exchanges = tuple([replace(exchange, payment_id=known.id, scope=known.scope) for exchange in exchanges])
        fact: Fact = _confirmed(notice, payer_name)
        if notice.amount_cents != known.amount_cents:
            verdict = "quarantined: the amount differs from the payment's"
            exchanges = tuple([replace(exchange, verdict=verdict) for exchange in exchanges])
            fact = Misfit(Flag.AMOUNT_DIFFERS, "The C2B confirmation names another amount.")
        await self._payments.settle(known, fact, exchanges, claims=notice.receipt)

    async def _enter_confirmation(
        self,
        pushes: list[Payment],
        notice: Notice,
        payer_name: str | None,
        shortcode: Shortcode,
        exchange: Exchange,
        words: bytes,
    ) -> bool:
        found, push = self._match(notice, pushes, shortcode)
        if len(pushes) == CANDIDATE_LIMIT_ROWS:  # and more that were not looked at: it may belong to one of them
            found, push = Ambiguous(()), None
        entry = self._confirmation(notice, payer_name, shortcode, words)
        now_us = self._source.now_us()
        is_told_twice = words and notice.by is Evidence.C2B_CONFIRMATION
        if push is not None and is_told_twice and wants_twin(push, shortcode):
            return await self._enter_twin(push, notice, payer_name, shortcode, exchange, words)
        if push is not None:
            change = decide(push, _confirmed(notice, payer_name), now_us, self._terms.schedule)
            exchange = replace(exchange, payment_id=push.id, scope=push.scope)
            return await self._record(replace(entry, payment_id=push.id), exchange, push, change)
        open_pushes = [push for push in pushes if not push.state.is_final]
        if open_pushes or isinstance(found, Ambiguous):  # or close to one without fitting: a callback names the receipt
            wait_us = now_us + self._terms.confirmation_wait_us
            detail = "ambiguous" if isinstance(found, Ambiguous) else "no certain match"
            entry = replace(entry, due_us=wait_us)
            return await self._journal.record_confirmation(entry, replace(exchange, error=f"waits: {detail}"))
        change = self._collection(notice, payer_name, shortcode, now_us, (), words)
        exchange = replace(exchange, payment_id=change.payment.id, scope=change.payment.scope)
        return await self._record(replace(entry, payment_id=change.payment.id), exchange, None, change)

    async def _enter_twin(
        self,
        owner: Payment,
        notice: Notice,
        payer_name: str | None,
        shortcode: Shortcode,
        exchange: Exchange,
        words: bytes,
    ) -> bool:
        """Written down as waiting first, so that whoever gives it to its push tells it too, after a crash as well.

        False: this receipt was written down before, and told.
        """
        exchange = replace(exchange, payment_id=owner.id, scope=owner.scope)
        entry = replace(self._confirmation(notice, payer_name, shortcode, words), due_us=self._source.now_us())
        is_new = await self._journal.record_confirmation(entry, exchange)
        if not (is_new or await self._rewords(entry, owner, exchange)):
            if owner.receipt == notice.receipt:
                await self._journal.record_exchange(exchange)  # the same one again
            return False
        await self._confirm_known(owner, notice, payer_name, ())
        return True

    async def _rewords(self, told: Confirmation, owner: Payment, exchange: Exchange) -> bool:
        """True where M-Pesa's list or Bill Manager spoke of it first: in their words nobody could be told of it."""
        place = (told.organisation_id, told.environment, told.receipt)
        known = await self._journal.confirmation(*place)
        if known is None or known.payment_id != owner.id:
            return False
        by_another_way = _spoken_by(json.loads(known.notice)) is not Evidence.C2B_CONFIRMATION
        return by_another_way and await self._journal.reword_confirmation(known, told, exchange)

    async def _record(self, entry: Confirmation, exchange: Exchange, before: Payment | None, change: Change) -> bool:
        notification = self._outbox.stage(change, self._source.now_us()) if change.notify else None
        written = self._journal.record_confirmation(
            entry, exchange, before=before, change=change, notification=notification
        )
        return await self._told(written, [] if notification is None else [notification])

    async def _told(self, written: Awaitable[bool], owed: list[Notification]) -> bool:
        """Whether it was written; then what is owed for it goes its way."""
        try:
            won = await written
        except DatabaseAwayError:
            self._outbox.doubt(owed)
            raise
        if won:
            self._outbox.offer(owed)
        return won

    def _confirmation(
        self, notice: Notice, payer_name: str | None, shortcode: Shortcode, words: bytes = b""
    ) -> Confirmation:
        is_told = words and shortcode.confirmation_url and notice.by is Evidence.C2B_CONFIRMATION
        kept = {"words": words.decode(errors="replace")} if is_told else {}
        return Confirmation(
            organisation_id=shortcode.organisation_id,
            environment=shortcode.environment,
            receipt=notice.receipt,
            app_id=shortcode.collector_app_id or "",
            shortcode_id=shortcode.id,
            payment_id=None,
            notice=json.dumps({**asdict(notice), "payer_name": payer_name, **kept}),
            received_us=notice.received_us,
            due_us=None,
        )

    def _collection(
        self,
        notice: Notice,
        payer_name: str | None,
        shortcode: Shortcode,
        now_us: int,
        flags: tuple[Flag, ...],
        raw: bytes = b"",
    ) -> Change:
        """A payment that M-Pesa told us of: it begins and ends with the confirmation.

        Where a caller of Daraja's paths registered its URL, that is told of it, in M-Pesa's own ``raw`` words.
        """
        url = shortcode.bill_url if notice.by is Evidence.BILL_MANAGER else shortcode.confirmation_url
        is_told_raw = url and raw and notice.by is not Evidence.PULL  # a row of a list has another shape
        payment = Payment(
            id=self._source.new_id("pay"),
            scope=collecting_scope(shortcode),
            kind=Kind.COLLECTION,
            request_id=f"c2b:{notice.receipt}",  # the colon keeps it out of the merchants' own IDs
            fingerprint=fingerprint("collection", notice.receipt),
            state=State.SUCCEEDED,
            version=1,
            amount_cents=notice.amount_cents,
            msisdn=notice.msisdn,
            reference=notice.reference,
            description="",
            reference_data="[]",
            callback_url=url or None,
            face=Face.DARAJA if url else Face.WAKALA,
            results=raw.decode(errors="replace") if is_told_raw else "{}",
            created_us=now_us,
            updated_us=now_us,
            settled_us=now_us,
            receipt=notice.receipt,
            paid_us=notice.paid_us,
            payer_name=payer_name,
            result_code="0",
            result_desc=_CONFIRMED_BY[notice.by],
            evidence=notice.by,
            flags=flags,
            notifications=1,
        )
        detail = {"receipt": notice.receipt, "by": notice.by.value}
        return Change(payment, Step.SUCCEED, "collected", detail, notify=COLLECTED)

    async def collect(self, waiting: Confirmation) -> None:
        """A confirmation that waited goes to its push where that is certain by now; else it is a payment of its own.

        That one is flagged for a person.
        """
        shortcode = self._directory.shortcode(waiting.shortcode_id)
        if shortcode is None:
            raise LookupError(f"the shortcode {waiting.shortcode_id} is not known here")
        now_us = self._source.now_us()
        told = json.loads(waiting.notice)
        payer_name, words = told.pop("payer_name"), told.pop("words", "")
        notice = Notice(**{**told, "by": _spoken_by(told)})
        # All from before it came: where hundreds of one price are open at a time, the newest ones fill a page.
        pushes = await self._candidates(notice, shortcode, notice.received_us, LAST_LOOK_PAGES)
        _, push = self._match(notice, pushes, shortcode, among_equals=True)
        known = await self._journal.payment_by_receipt(collecting_scope(shortcode), waiting.receipt)
        owner = known or push  # a callback came with the receipt in the same moment, or those in doubt are fewer by now
        if owner is not None:
            await self._confirm_known(owner, notice, payer_name, ())
            return
        change = self._collection(notice, payer_name, shortcode, now_us, (Flag.AMBIGUOUS,), words.encode())
        notification = self._outbox.stage(change, now_us)
        await self._told(self._journal.collect_confirmation(waiting, change, notification), [notification])


def _spoken_by(kept: dict[str, Any]) -> Evidence:
    """Who told us of a confirmation that was kept; one of an earlier version does not say, and was M-Pesa's own."""
    return Evidence(kept.get("by", Evidence.C2B_CONFIRMATION))


def _confirmed(notice: Notice, payer_name: str | None) -> Settled:
    return Settled(
        by=notice.by,
        paid=True,
        code="0",
        description=_CONFIRMED_BY[notice.by],
        receipt=notice.receipt,
        paid_us=notice.paid_us,
        payer_name=payer_name,
    )


def _candidate(push: Payment, shortcode: Shortcode) -> Candidate:
    return Candidate(
        payment_id=push.id,
        shortcode=shortcode.number,
        till=shortcode.till,
        reference=push.reference,
        amount_cents=push.amount_cents,
        msisdn=push.msisdn,
        created_us=push.created_us,
        receipt=push.receipt,
        is_paid=push.state is State.SUCCEEDED,
    )
