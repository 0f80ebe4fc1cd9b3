"""Daraja's paths on our root: any Daraja SDK works by changing its base URL, and gains records, retries and traces.

Thin: `wire.facade` reads and writes Daraja's words, `payments` does what is done for every face.
"""

import hashlib
import json
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl

from msgspec.structs import replace

from wakala.directory import Directory
from wakala.errors import (
    DatabaseFaultError,
    ForbiddenError,
    InitiatorStoppedError,
    NotAllowedHereError,
    OperatorError,
    RequestIdSpentError,
    RequestInFlightError,
    UnauthenticatedError,
    UnwrittenError,
    WakalaError,
)
from wakala.identity import Source
from wakala.journal.journal import ApiAnswer, Journal
from wakala.payments import Payments
from wakala.rules.abilities import require_able
from wakala.rules.accounts import App, Environment, Shortcode, shortcode_for
from wakala.rules.bodies import REQUEST_ID, StatusBody
from wakala.rules.commands import KEPT_BY_GATEWAY, Ask
from wakala.rules.exchange import Exchange
from wakala.rules.payment import Payment, Scope
from wakala.rules.sides import id_at_mpesa
from wakala.rules.signing import same
from wakala.rules.vault import NONCE_LENGTH_BYTES
from wakala.web.auth import bought_token, caller
from wakala.web.plumbing import Handler, Incoming
from wakala.wire import facade as wire
from wakala.wire import facade_answers as answers
from wakala.wire import facade_errors as refusals
from wakala.wire.api import HttpAnswer
from wakala.wire.daraja import stk_password
from wakala.wire.facade import Called
from wakala.wire.facade_errors import RefusedInDarajaError

log = logging.getLogger("wakala.facade")

TOKEN_LIFE_S = 3_599  # as M-Pesa says it (daraja.md 1.2)
BILL_KEY_LIMIT_CHARS = 200


@dataclass(frozen=True, slots=True)
class Manners:
    """What differs between Daraja's APIs before their own work begins; no methods are all methods."""

    methods: tuple[str, ...] = ("POST",)
    spelled: Callable[[RefusedInDarajaError], RefusedInDarajaError] = lambda refusal: refusal


ORDINARY, ANY_METHOD = Manners(), Manners(())
# Documented as GET with a body and called as POST by everyone (daraja.md 2.19).
PULL = Manners(("POST",), refusals.in_words_of_pull)
PULL_QUERY = Manners(("POST", "GET"), refusals.in_words_of_pull)


class Facade:
    """Daraja's endpoints, for one environment at a time."""

    def __init__(self, journal: Journal, directory: Directory, payments: Payments, source: Source) -> None:
        self._journal = journal
        self._directory = directory
        self._payments = payments
        self._source = source

    async def token(self, incoming: Incoming) -> HttpAnswer:
        """``GET /oauth/v1/generate``: the app's own key and secret (daraja.md 1.2)."""
        try:
            _require_method(incoming, "GET")
            token, life_s = self._bought_token(incoming)
            query = dict(parse_qsl(incoming.query, keep_blank_values=True, encoding="latin-1"))
            _require_grant(query.get("grant_type"))
        except RefusedInDarajaError as refusal:
            return refusals.refusal_answer(refusal, self._source.new_id("req"))
        return answers.token_answer(token, life_s)

    def refuse(self, error: WakalaError) -> HttpAnswer:
        """What goes wrong around an API, in Daraja's envelope as well."""
        return refusals.refusal_answer(refusals.of_plumbing(error.status), self._source.new_id("req"))

    def _bought_token(self, incoming: Incoming) -> tuple[str, int]:
        try:
            return bought_token(incoming, self._directory, TOKEN_LIFE_S)
        except UnauthenticatedError:
            raise refusals.bad_authentication() from None

    def command(self, path: str, environment: Environment) -> Handler:
        """The handler of one of Daraja's paths."""

        async def carry(incoming: Incoming, app: App, exchange: Exchange) -> HttpAnswer:
            called = wire.read_call(path, incoming.body, incoming.header("content-type") or "", incoming.query)
            shortcode = self._shortcode(app, environment, called)
            self._check_password(shortcode, called.password, called.timestamp)
            try:
                require_able(called.ask.command, shortcode)
            except NotAllowedHereError as error:
                raise _unable(called, error) from None
            called = await self._resolved(called, app, environment)
            return await self._carry(called, app, shortcode, exchange, incoming)

        return self._handler(environment, carry, _MANNERS.get(path, ORDINARY))

    def unknown(self, environment: Environment) -> Handler:
        """A path that no API of Daraja's has; even here the token is asked for first."""

        async def nothing(_: Incoming, _app: App, _exchange: Exchange) -> HttpAnswer:
            raise refusals.no_such_path()

        return self._handler(environment, nothing, ANY_METHOD)

    def stk_query(self, environment: Environment) -> Handler:
        """What became of a push: from the journal once it is final, else by asking M-Pesa (daraja.md 2.2)."""

        async def query(incoming: Incoming, app: App, exchange: Exchange) -> HttpAnswer:
            asked = wire.read_stk_query(incoming.body, incoming.header("content-type") or "")
            shortcode = next(
                (
                    one
                    for one in self._directory.shortcodes_of(app.organisation_id, environment)
                    if one.number == asked.shortcode
                ),
                None,
            )
            if shortcode is None:
                raise refusals.no_such_merchant()
            self._check_password(shortcode, asked.password, asked.timestamp)
            payment = await self._journal.payment_by_checkout(
                app.organisation_id, environment, asked.checkout_request_id
            )
            if payment is None or payment.scope.shortcode_id != shortcode.id:
                raise refusals.no_such_transaction()
            answer = answers.query_answer(payment)
            seen = replace(exchange, payment_id=payment.id, scope=payment.scope)
            await self._journal.record_exchange(_answered(seen, answer, incoming))
            return answer

        return self._handler(environment, query)

    def _handler(
        self,
        environment: Environment,
        work: Callable[[Incoming, App, Exchange], Awaitable[HttpAnswer]],
        manners: Manners = ORDINARY,
    ) -> Handler:
        """Token first, then method, then the work; every no in Daraja's envelope, and on record."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            exchange: Exchange | None = None
            try:
                app = self._admitted(incoming)
                exchange = self._exchange(incoming, app, environment)
                _require_method(incoming, *manners.methods)
                return await work(incoming, app, exchange)
            except RefusedInDarajaError as refusal:
                answer = refusals.refusal_answer(manners.spelled(refusal), self._source.new_id("req"))
            except WakalaError as error:
                answer = refusals.refusal_answer(_in_daraja(error), self._source.new_id("req"))
                if isinstance(error, OperatorError):
                    log.warning("%s: %s", incoming.path, error.sentence)
                    return answer  # the journal is what is missing
            if exchange is not None:
                await self._journal.record_exchange(_answered(exchange, answer, incoming))
            return answer

        return handle

    def _admitted(self, incoming: Incoming) -> App:
        scheme, _, value = (incoming.header("authorization") or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise refusals.missing_token()
        try:
            return caller(incoming, self._directory)
        except UnauthenticatedError:
            raise refusals.invalid_token() from None

    def _shortcode(self, app: App, environment: Environment, called: Called) -> Shortcode:
        shortcodes = self._directory.shortcodes_of(app.organisation_id, environment)
        named = called.shortcode or None
        if named is None and environment is Environment.SANDBOX:
            shortcodes = tuple(one for one in shortcodes if one.kind in called.ask.command.kinds)[:1]
        try:
            return shortcode_for(app, environment, named, shortcodes)
        except WakalaError as error:
            if isinstance(error, ForbiddenError) and _is_unbound(app, environment):
                raise refusals.no_such_product(error.sentence) from None
            raise refusals.no_such_shortcode(called.named_by, error.sentence) from None

    async def _resolved(self, called: Called, app: App, environment: Environment) -> Called:
        """A status question names a request as its caller was told it; the Broker was told another name."""
        if called.ask.command.body is not StatusBody:
            return called
        details = json.loads(called.ask.details)
        named = details.get("OriginalConversationID", "")
        found = await self._journal.payment_by_request(app.organisation_id, environment, named) if named else None
        shortcode = found and self._directory.shortcode(found.scope.shortcode_id)
        if found is None or not shortcode:
            return called
        details["OriginalConversationID"] = id_at_mpesa(found, shortcode.number)
        return replace(called, ask=replace(called.ask, details=json.dumps(details)))

    def _check_password(self, shortcode: Shortcode, password: str | None, timestamp: str) -> None:
        if password is None:
            return
        passkey = self._directory.credentials(shortcode.id).passkey
        if not same(password, stk_password(shortcode.number, passkey, timestamp)):
            raise refusals.wrong_password()

    async def _carry(
        self, called: Called, app: App, shortcode: Shortcode, exchange: Exchange, incoming: Incoming
    ) -> HttpAnswer:
        key = (incoming.header("idempotency-key") or "").strip()
        request_id = called.ask.request_id or (_request_id(key) if key else self._source.new_id("req"))
        ask = replace(called.ask, request_id=request_id)
        await self._adopt_bill_key(ask, shortcode, incoming)

        def answered(payment: Payment) -> ApiAnswer:
            status, headers, body = self._answer(payment)
            return ApiAnswer(exchange.id, status, headers, body, incoming.elapsed_us())

        try:
            payment, is_repeat = await self._payments.accept(ask, app, shortcode, exchange, answered)
        except DatabaseFaultError as fault:
            raise UnwrittenError(fault.sentence) from fault
        if is_repeat and not key:
            raise refusals.duplicate()
        answer = self._answer(payment)
        if is_repeat:
            repeated = replace(exchange, payment_id=payment.id, scope=payment.scope)
            await self._journal.record_exchange(_answered(repeated, answer, incoming))
        return answer

    async def _adopt_bill_key(self, ask: Ask, shortcode: Shortcode, incoming: Incoming) -> None:
        """Who opted in before there was this gateway brings the key along; it is kept from then on."""
        key = (incoming.header("appkey") or "").strip()
        if shortcode.bill_key or not ask.command.path.startswith("billmanager/") or key in {"", KEPT_BY_GATEWAY}:
            return
        await self._directory.keep_bill_key(
            shortcode.id, key[:BILL_KEY_LIMIT_CHARS], self._source.random_bytes(NONCE_LENGTH_BYTES)
        )

    def _answer(self, payment: Payment) -> HttpAnswer:
        try:
            return answers.command_answer(payment)
        except RefusedInDarajaError as refusal:
            return refusals.refusal_answer(refusal, payment.id)

    def _exchange(self, incoming: Incoming, app: App, environment: Environment) -> Exchange:
        return Exchange(
            id=self._source.new_id("xch"),
            name="api_request",
            direction="in",
            method=incoming.method,
            url=incoming.path,
            request_headers=incoming.headers,
            request_body=incoming.body,
            started_us=incoming.started_us,
            peer=incoming.peer,
            scope=Scope(app.organisation_id, app.id, "", environment),
        )


def _require_method(incoming: Incoming, *methods: str) -> None:
    if methods and incoming.method not in methods:
        raise refusals.wrong_method()


def _request_id(key: str) -> str:
    """An Idempotency-Key as a request ID: itself where it is one, else its digest, so that no two keys become one."""
    return key if re.fullmatch(REQUEST_ID, key) else "key-" + hashlib.sha256(key.encode()).hexdigest()[:40]


def _unable(called: Called, error: NotAllowedHereError) -> RefusedInDarajaError:
    """What the shortcode cannot do. A push of the other type is called by the field that says so (daraja.md 6)."""
    refusal = refusals.invalid("TransactionType") if called.password is not None else refusals.no_such_product()
    refusal.reason = error.sentence
    return refusal


_MANNERS = {"/pulltransactions/v1/register": PULL, "/pulltransactions/v1/query": PULL_QUERY}


def _require_grant(grant: str | None) -> None:
    if grant != "client_credentials":
        raise refusals.bad_grant_type()


def _is_unbound(app: App, environment: Environment) -> bool:
    return environment is Environment.LIVE and app.live_shortcode_id is None


def _in_daraja(error: WakalaError) -> RefusedInDarajaError:
    """Our own no, in the words that come nearest."""
    match error:
        case RequestIdSpentError() | RequestInFlightError():
            return refusals.duplicate()
        case NotAllowedHereError():
            return refusals.no_such_product(error.sentence)
        case InitiatorStoppedError():
            return RefusedInDarajaError(500, "500.001.1001", error.sentence)
        case ForbiddenError():
            return refusals.no_such_merchant()
        case UnwrittenError():
            return refusals.broken()
        case OperatorError():
            return refusals.busy()
        case _:
            return refusals.unreadable()


def _answered(exchange: Exchange, answer: HttpAnswer, incoming: Incoming) -> Exchange:
    status, headers, body = answer
    return replace(exchange, status=status, answer_headers=headers, answer_body=body, duration_us=incoming.elapsed_us())
