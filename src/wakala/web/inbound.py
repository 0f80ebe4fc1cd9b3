"""M-Pesa calls us. Raw bytes first: nothing is answered before what came is on disk.

A callback is believed only when all agree: the source address, the secret in the path, a payment that we know, its
amount and M-Pesa's own ID. What does not fit is kept in quarantine and shown, never dropped, never believed; only what
came on a path that M-Pesa was never given ages out like any other exchange.
"""

import logging
from collections import Counter
from typing import NoReturn

from msgspec.structs import replace

from wakala.confirmations import Confirmations
from wakala.deliveries import Validations
from wakala.directory import Directory
from wakala.errors import DatabaseAwayError, MalformedUpstreamError, NotFoundError
from wakala.identity import Source
from wakala.journal.journal import Journal
from wakala.payments import Payments
from wakala.rules.accounts import Environment, Shortcode
from wakala.rules.addresses import Network, membership
from wakala.rules.exchange import PATH_GUESSED, PATH_UNKNOWN, Exchange
from wakala.rules.facts import Fact, Misfit, Settled, TimedOut
from wakala.rules.matching import Confirmation as Notice
from wakala.rules.payment import Evidence, Flag, Kind, Payment, collecting_scope
from wakala.rules.signing import same
from wakala.web.dialects import DARAJA, Dialect
from wakala.web.plumbing import Incoming
from wakala.wire import daraja
from wakala.wire.api import JSON, HttpAnswer
from wakala.wire.daraja import C2bNotice, StkCallback
from wakala.wire.daraja_results import (
    read_billmanager_payment,
    read_express_callback,
    read_standing_order_callback,
)
from wakala.wire.loose_json import mended
from wakala.wire.result_facts import result_fact, status_fact

log = logging.getLogger("wakala.inbound")

STRANGERS_LIMIT_PER_MINUTE = 600  # unknown paths that are kept; a flood beyond it would fill the disk
GUESSED_LIMIT_BYTES_PER_MINUTE = 1_048_576  # of those who guess paths; M-Pesa's calls have a kilobyte or two


class Inbound:
    """M-Pesa's calls in one dialect: results, time-outs, C2B validations and confirmations; STK in Daraja's only."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        payments: Payments,
        confirmations: Confirmations,
        validations: Validations,
        source: Source,
        sources: dict[Environment, tuple[Network, ...]],
        dialect: Dialect = DARAJA,
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._payments = payments
        self._confirmations = confirmations
        self._validations = validations
        self._source = source
        self._is_source = {str(environment): membership(nets) for environment, nets in sources.items()}
        self._dialect = dialect
        self._minute = 0
        self._strangers: Counter[bool] = Counter()  # this minute: those who guess a path, and others
        self._guessed_bytes = 0  # this minute

    # ── STK ──

    async def stk(self, incoming: Incoming) -> HttpAnswer:
        """The result of a push. It finds its payment by the path, even where the answer to our call was lost."""
        exchange, payment = await self._called(incoming, "stk")
        try:
            callback = daraja.read_stk_callback(incoming.body)
        except MalformedUpstreamError:
            return await self._kept(exchange, "it cannot be read", daraja.stk_ack())
        fact = _stk_fact(payment, callback)
        if isinstance(fact, Misfit):
            exchange = replace(exchange, verdict=f"quarantined: {fact.reason}")
        await self._payments.settle(payment, fact, (self._acknowledged(exchange, incoming, daraja.stk_ack()),))
        return 200, JSON, daraja.stk_ack()

    # ── results of every other command ──

    async def result(self, incoming: Incoming) -> HttpAnswer:
        """The Result of a queued command (daraja.md 3.3)."""
        exchange, payment = await self._called(incoming, "result")
        try:
            told = self._dialect.read_result(incoming.body)
        except MalformedUpstreamError:
            return await self._unreadable(exchange)
        return await self._settled(exchange, payment, result_fact(payment, told), incoming)

    async def outcome(self, incoming: Incoming) -> HttpAnswer:
        """The answer of a person who was asked: a standing order, or another business's till."""
        exchange, payment = await self._called(incoming, "outcome")
        is_order = payment.kind is Kind.STANDING_ORDER
        try:
            told = read_standing_order_callback(incoming.body) if is_order else read_express_callback(incoming.body)
        except MalformedUpstreamError:
            return await self._kept(exchange, "it cannot be read", daraja.stk_ack())
        return await self._settled(exchange, payment, result_fact(payment, told, with_ids=False), incoming)

    async def timeout(self, incoming: Incoming) -> HttpAnswer:
        """M-Pesa's queue gave up: unknown, whatever the body says (daraja.md 3.4)."""
        exchange, payment = await self._called(incoming, "timeout")
        timed_out = TimedOut("It timed out in M-Pesa's queue.")
        return await self._settled(exchange, payment, timed_out, incoming, self._dialect.timeout_ack)

    async def status(self, incoming: Incoming) -> HttpAnswer:
        """The answer to our own question what became of a payment (daraja.md 2.12)."""
        exchange, payment = await self._called(incoming, "status")
        try:
            told = self._dialect.read_result(incoming.body)
        except MalformedUpstreamError:
            return await self._unreadable(exchange)
        return await self._settled(exchange, payment, status_fact(payment, told), incoming)

    async def status_timeout(self, incoming: Incoming) -> HttpAnswer:
        """Our question timed out; it is asked again on the schedule."""
        exchange, _ = await self._called(incoming, "status_timeout")
        ack = self._dialect.timeout_ack
        await self._journal.record_exchange(self._acknowledged(exchange, incoming, ack))
        return 200, self._dialect.headers, ack

    async def _called(self, incoming: Incoming, kind: str) -> tuple[Exchange, Payment]:
        """Who calls, and for which payment. Raises `NotFoundError` for somebody who is not believed."""
        payment_id = incoming.parameters["subject"]
        exchange = self._exchange(incoming, f"{kind}_callback")
        if not same(incoming.parameters["secret"], self._mac(kind, payment_id)):
            await self._stranger(incoming, exchange, PATH_GUESSED)
        payment = await self._payments.find(payment_id)
        if payment is None:
            await self._stranger(incoming, exchange, "the path is ours, but there is no such payment")
        exchange = replace(exchange, payment_id=payment.id, scope=payment.scope)
        if not self._may_call(incoming, payment.scope.environment):
            await self._stranger(incoming, exchange, f"{incoming.peer} is not one of M-Pesa's addresses")
        return exchange, payment

    async def _settled(
        self, exchange: Exchange, payment: Payment, fact: Fact, incoming: Incoming, ack: bytes | None = None
    ) -> HttpAnswer:
        ack = ack or self._dialect.result_ack
        if isinstance(fact, Misfit):
            exchange = replace(exchange, verdict=f"quarantined: {fact.reason}")
        await self._payments.settle(payment, fact, (self._acknowledged(exchange, incoming, ack),))
        return 200, self._dialect.headers, ack

    # ── C2B ──

    async def c2b_confirmation(self, incoming: Incoming) -> HttpAnswer:
        """Money that arrived. It cannot be refused, only recorded."""
        exchange = self._exchange(incoming, "c2b_confirmation")
        shortcode = self._known_shortcode(incoming, "c2b_confirmation")
        if isinstance(shortcode, str):
            await self._stranger(incoming, exchange, shortcode)
        exchange = replace(exchange, scope=collecting_scope(shortcode))
        try:
            told = self._dialect.read_c2b(incoming.body)
        except MalformedUpstreamError:
            return await self._unreadable(exchange)
        notice = _notice(told, incoming)
        ack = self._dialect.confirmation_ack(notice.receipt)
        doubt = _doubt(notice, shortcode)
        if doubt:
            return await self._kept(exchange, doubt, ack)
        await self._confirmations.receive(
            notice,
            _payer_name(told),
            shortcode,
            self._acknowledged(exchange, incoming, ack),
            self._dialect.c2b_in_json(incoming.body),
        )
        return 200, self._dialect.headers, ack

    async def bill_payment(self, incoming: Incoming) -> HttpAnswer:
        """A bill was paid: money like any other; the receipt makes it one with its C2B confirmation."""
        exchange = self._exchange(incoming, "bill_payment")
        shortcode = self._known_shortcode(incoming, "bill_payment")
        if isinstance(shortcode, str):
            await self._stranger(incoming, exchange, shortcode)
        exchange = replace(exchange, scope=collecting_scope(shortcode))
        ack = daraja.bill_payment_ack()
        try:
            told = read_billmanager_payment(incoming.body)
        except MalformedUpstreamError:
            return await self._kept(exchange, "it cannot be read", ack)
        notice = Notice(
            receipt=told.receipt,
            shortcode=told.shortcode,
            reference=told.reference,
            amount_cents=told.amount_cents,
            msisdn=told.msisdn,
            paid_us=None,
            received_us=incoming.started_us,
            by=Evidence.BILL_MANAGER,
        )
        doubt = _doubt(notice, shortcode)
        if doubt:
            return await self._kept(exchange, doubt, ack)
        await self._confirmations.receive(
            notice, None, shortcode, self._acknowledged(exchange, incoming, ack), mended(incoming.body)
        )
        return 200, JSON, ack

    async def c2b_validation(self, incoming: Incoming) -> HttpAnswer:
        """May this payment go through? The merchant decides where it can be asked, and the record says who did."""
        exchange = self._exchange(incoming, "c2b_validation")
        shortcode = self._known_shortcode(incoming, "c2b_validation")
        if isinstance(shortcode, str):
            await self._stranger(incoming, exchange, shortcode)
        exchange = replace(exchange, scope=collecting_scope(shortcode))
        relayed = b""
        try:
            told = self._dialect.read_c2b(incoming.body)
            relayed, doubt = self._dialect.c2b_in_json(incoming.body), _doubt(_notice(told, incoming), shortcode)
        except MalformedUpstreamError:
            doubt = "it cannot be read"
        verdict, by = await self._validated(shortcode, relayed, doubt)
        body = self._dialect.validation_answer(verdict)
        decided = replace(
            self._acknowledged(exchange, incoming, body),
            verdict=f"quarantined: {doubt}" if doubt else exchange.verdict,
            error=f"decided by {by}: {'accepted' if verdict.accept else 'rejected'}",
        )
        await self._validations.record(decided)
        return 200, self._dialect.headers, body

    async def _validated(
        self, shortcode: Shortcode, body: bytes, doubt: str | None
    ) -> tuple[daraja.ValidationVerdict, str]:
        """The verdict, and whose it is."""
        if doubt:
            code = "C2B00016" if doubt == "it cannot be read" else "C2B00015"
            return daraja.ValidationVerdict(False, code), "the gateway"
        if not shortcode.validation_url:
            return daraja.ValidationVerdict(True), "the gateway's default"
        return await self._validations.decide(shortcode, body, collecting_scope(shortcode))

    def _mac(self, kind: str, subject: str) -> str:
        return self._payments.callback_mac(self._dialect.prefix + kind, subject)

    # ── while the database is away; ``kind`` is the one in the path ──

    def secret(self, kind: str, subject: str) -> str:
        """The end of the path that M-Pesa was given."""
        return self._payments.callback_mac(kind, subject)

    def gave(self, incoming: Incoming, kind: str) -> bool:
        """True where the caller knows a path that we gave to M-Pesa."""
        return same(incoming.parameters["secret"], self.secret(kind, incoming.parameters["subject"]))

    def may_be_mpesa(self, incoming: Incoming) -> bool:
        """As far as memory tells: whose payment it is says the database, and then the address is looked at again."""
        try:
            shortcode = self._directory.shortcode(incoming.parameters["subject"])
        except DatabaseAwayError:  # since the start: nothing was ever read
            shortcode = None
        environments = self._is_source if shortcode is None else (shortcode.environment,)
        return any(self._may_call(incoming, environment) for environment in environments)

    def acknowledgement(self, kind: str, body: bytes) -> HttpAnswer:
        """What M-Pesa is told once its callback is kept: the same as when it is handled."""
        kind = kind.removeprefix(self._dialect.prefix)
        ack = self._dialect.timeout_ack if kind in {"timeout", "status_timeout"} else self._dialect.result_ack
        if kind == "bill_payment":
            ack = daraja.bill_payment_ack()
        elif kind == "c2b_confirmation":
            try:
                ack = self._dialect.confirmation_ack(self._dialect.read_c2b(body).trans_id)
            except MalformedUpstreamError:
                return self._dialect.unreadable[0], self._dialect.headers, self._dialect.unreadable[1]
        return 200, self._dialect.headers, ack

    def _known_shortcode(self, incoming: Incoming, kind: str) -> Shortcode | str:
        """The shortcode that the path names, or why the caller is not believed."""
        shortcode_id = incoming.parameters["subject"]
        if not same(incoming.parameters["secret"], self._mac(kind, shortcode_id)):
            return PATH_GUESSED
        shortcode = self._directory.shortcode(shortcode_id)
        if shortcode is None:
            return "the path is ours, but there is no such shortcode"
        if not self._may_call(incoming, shortcode.environment):
            return f"{incoming.peer} is not one of M-Pesa's addresses"
        return shortcode

    # ── what does not fit ──

    async def broke(self, incoming: Incoming, kind: str) -> HttpAnswer:
        """A bug of ours met a callback: its bytes stay, in its payment's trace too, and a person can see them."""
        if not self.gave(incoming, kind):
            raise NotFoundError
        exchange = self._exchange(incoming, f"{kind.removeprefix(self._dialect.prefix)}_callback")
        payment = await self._journal.payment(incoming.parameters["subject"])
        if payment is not None:
            exchange = replace(exchange, payment_id=payment.id, scope=payment.scope)
        status, headers, ack = self.acknowledgement(kind, incoming.body)
        await self._kept(exchange, "the gateway could not handle it; its log says why", ack, status)
        return status, headers, ack

    async def unknown(self, incoming: Incoming) -> HttpAnswer:
        """A path below /callbacks/ that we never gave to anyone."""
        return await self._stranger(incoming, self._exchange(incoming, "callback"), PATH_UNKNOWN)

    async def _stranger(self, incoming: Incoming, exchange: Exchange, reason: str) -> NoReturn:
        """Kept, so that a wrong setting can be found; told nothing. No limit for what may have been acknowledged.

        Who guesses paths never takes the place of who was given one.
        """
        minute = exchange.started_us // 60_000_000
        if minute != self._minute:
            self._minute = minute
            self._strangers.clear()
            self._guessed_bytes = 0
        if incoming.was_kept or self._has_room(exchange, is_guess=reason in {PATH_GUESSED, PATH_UNKNOWN}):
            log.warning("callback from %s put in quarantine: %s", exchange.peer, reason)
            await self._journal.record_exchange(replace(exchange, verdict=f"quarantined: {reason}", status=404))
        raise NotFoundError

    def _has_room(self, exchange: Exchange, *, is_guess: bool) -> bool:
        """Count a stranger; False for those of this minute that are too many, of whom the log hears once."""
        had_room = self._is_room(is_guess)
        self._strangers[is_guess] += 1
        if is_guess:
            head = sum(len(name) + len(value) for name, value in exchange.request_headers)
            self._guessed_bytes += len(exchange.url) + head + len(exchange.request_body)
        has_room = self._is_room(is_guess)
        if had_room and not has_room:
            log.warning("too many strangers call, as %s: none is kept before the next minute", exchange.peer)
        return has_room

    def _is_room(self, is_guess: bool) -> bool:
        fits = self._guessed_bytes <= GUESSED_LIMIT_BYTES_PER_MINUTE or not is_guess
        return fits and self._strangers[is_guess] <= STRANGERS_LIMIT_PER_MINUTE

    async def _kept(self, exchange: Exchange, reason: str, ack: bytes, status: int = 200) -> HttpAnswer:
        """From M-Pesa as far as we can tell, but unusable: acknowledged, kept whole, not believed."""
        log.warning("callback from %s put in quarantine: %s", exchange.peer, reason)
        verdict = f"quarantined: {reason}"
        await self._journal.record_exchange(replace(exchange, verdict=verdict, status=status, answer_body=ack))
        return status, self._dialect.headers, ack

    async def _unreadable(self, exchange: Exchange) -> HttpAnswer:
        status, ack = self._dialect.unreadable
        return await self._kept(exchange, "it cannot be read", ack, status)

    def _acknowledged(self, exchange: Exchange, incoming: Incoming, ack: bytes) -> Exchange:
        """What M-Pesa will be told once the commit has happened; the duration is up to the commit."""
        headers, took_us = self._dialect.headers, incoming.elapsed_us()
        return replace(exchange, status=200, answer_headers=headers, answer_body=ack, duration_us=took_us)

    def _may_call(self, incoming: Incoming, environment: str) -> bool:
        return self._is_source[environment](incoming.peer)

    def _exchange(self, incoming: Incoming, name: str) -> Exchange:
        return Exchange(
            id=self._source.new_id("xch"),
            name=name,
            direction="in",
            method=incoming.method,
            url=incoming.path,
            request_headers=incoming.headers,
            request_body=incoming.body,
            started_us=incoming.started_us,
            peer=incoming.peer,
        )


def _stk_fact(payment: Payment, callback: StkCallback) -> Fact:
    """The callback as a fact, or as a misfit where it does not agree with what was asked."""
    if payment.checkout_request_id and callback.checkout_request_id != payment.checkout_request_id:
        return Misfit(Flag.EVIDENCE_CONFLICT, "the CheckoutRequestID is not the one M-Pesa gave us")
    if callback.amount_cents is not None and callback.amount_cents != payment.amount_cents:
        told, asked = callback.amount_cents / 100, payment.amount_cents / 100
        return Misfit(Flag.AMOUNT_DIFFERS, f"it says KES {told:.2f}, asked for were KES {asked:.2f}")
    if callback.result.paid and callback.amount_cents is None:
        return Misfit(Flag.AMOUNT_DIFFERS, "it says paid and names no amount")
    return Settled(
        by=Evidence.STK_CALLBACK,
        paid=callback.result.paid,
        code=callback.result.outcome.code,
        description=callback.result.outcome.description,
        receipt=callback.receipt,
        paid_us=callback.paid_us,
        merchant_request_id=callback.merchant_request_id,
        checkout_request_id=callback.checkout_request_id,
    )


def _notice(told: C2bNotice, incoming: Incoming) -> Notice:
    return Notice(
        receipt=told.trans_id,
        shortcode=told.business_short_code,
        reference=told.bill_ref_number,
        amount_cents=told.amount_cents,
        msisdn=told.msisdn,
        paid_us=told.paid_us,
        received_us=incoming.started_us,
    )


def _doubt(notice: Notice, shortcode: Shortcode) -> str | None:
    if notice.shortcode not in {shortcode.number, shortcode.till}:
        return f"it names shortcode {notice.shortcode}, the path belongs to {shortcode.number}"
    return None


def _payer_name(told: C2bNotice) -> str | None:
    return " ".join(part for part in (told.first_name, told.middle_name, told.last_name) if part) or None
