"""The Wakala API v1: thin. JSON becomes a command, a payment becomes JSON; what happens is in `payments`."""

import json

from msgspec.structs import replace

from wakala.directory import Directory
from wakala.errors import CallerError, FieldFault, ForbiddenError, InvalidFieldsError, NotFoundError
from wakala.identity import Source
from wakala.journal.journal import LAST_ID, ApiAnswer, Journal
from wakala.payments import Payments
from wakala.rules.abilities import require_able
from wakala.rules.accounts import App, Environment, Shortcode, shortcode_for
from wakala.rules.bodies import StatusBody
from wakala.rules.commands import Ask, Command
from wakala.rules.exchange import Exchange
from wakala.rules.payment import Payment, Scope
from wakala.rules.sides import id_at_mpesa
from wakala.rules.signing import mac
from wakala.web.auth import bought_token, caller
from wakala.web.endpoints import Endpoints
from wakala.web.notifications import Notifications
from wakala.web.paging import BEFORE, LIMIT, read_query
from wakala.web.plumbing import Handler, Incoming
from wakala.wire import api as wire
from wakala.wire.api import HttpAnswer
from wakala.wire.trace import trace_view
from wakala.wire.view import payment_view

TOKEN_LIFE_S = 3_600  # as Daraja's (proxyapi.md 2.1 names no other)


class Api:
    """Endpoints of one installation, for both environments."""

    def __init__(
        self,
        journal: Journal,
        directory: Directory,
        payments: Payments,
        source: Source,
        public_url: str,
        trace_key: bytes,
        notifications: Notifications,
        endpoints: Endpoints,
    ) -> None:
        self.notifications = notifications
        self.endpoints = endpoints
        self._journal = journal
        self._directory = directory
        self._payments = payments
        self._source = source
        self._public_url = public_url
        self._trace_key = trace_key

    # ── commands ──

    def command(self, command: Command, environment: Environment) -> Handler:
        """The handler of one command in one environment."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app = caller(incoming, self._directory)
            exchange = self._exchange(incoming, "api_request", app, environment)
            try:
                ask = wire.read(command, incoming.body)
                shortcode = self._shortcode(app, environment, ask.shortcode, command)
                ask = await self._resolved(ask, app, environment)
                return await self._carry(ask, app, shortcode, exchange, incoming)
            except CallerError as error:  # at any other the journal has the exchange already, or is what is missing
                answer = wire.problem(error, self._public_url, incoming.path)
                await self._journal.record_exchange(_answered(exchange, answer, incoming))
                return answer

        return handle

    def _shortcode(self, app: App, environment: Environment, named: str | None, command: Command) -> Shortcode:
        shortcodes = self._directory.shortcodes_of(app.organisation_id, environment)
        if environment is Environment.SANDBOX and named is None:
            shortcodes = tuple(s for s in shortcodes if s.kind in command.kinds) or shortcodes
        shortcode = shortcode_for(app, environment, named, shortcodes)
        require_able(command, shortcode)
        return shortcode

    async def _resolved(self, ask: Ask, app: App, environment: Environment) -> Ask:
        """A status question names a receipt, or a request of the same organisation; M-Pesa wants its own ID of it."""
        if ask.command.body is not StatusBody:
            return ask
        details = json.loads(ask.details)
        original = details.pop("OriginalRequestID", None)
        if (original is None) == ("TransactionID" not in details):
            message = "Send either TransactionID, M-Pesa's receipt, or OriginalRequestID, your own."
            raise InvalidFieldsError(faults=(FieldFault("/TransactionID", message),))
        if original is not None:
            found = await self._journal.payment_by_request(app.organisation_id, environment, original)
            if found is None:
                raise NotFoundError(f"No request {original} was ever received here in {environment}.")
            details["OriginalConversationID"] = id_at_mpesa(found, self._number(found))
        return replace(ask, details=json.dumps(details))

    async def _carry(
        self, ask: Ask, app: App, shortcode: Shortcode, exchange: Exchange, incoming: Incoming
    ) -> HttpAnswer:
        made: tuple[Payment, HttpAnswer] | None = None

        def answered(payment: Payment) -> ApiAnswer:
            nonlocal made
            status, headers, body = answer = wire.command_answer(payment, self._public_url)
            made = payment, answer
            return ApiAnswer(exchange.id, status, headers, body, incoming.elapsed_us())

        payment, is_repeat = await self._payments.accept(ask, app, shortcode, exchange, answered)
        if made is not None and made[0] is payment:
            return made[1]
        answer = wire.command_answer(payment, self._public_url)
        if is_repeat:
            status, headers, body = answer
            answer = (status, (*headers, ("idempotent-replayed", "true")), body)
            repeated = replace(exchange, payment_id=payment.id, scope=payment.scope)
            await self._journal.record_exchange(_answered(repeated, answer, incoming))
        return answer

    # ── reads ──

    async def auth(self, incoming: Incoming) -> HttpAnswer:
        """A bearer token for an hour, for the app's key and secret."""
        return wire.token_answer(*bought_token(incoming, self._directory, TOKEN_LIFE_S))

    def request(self, environment: Environment) -> Handler:
        """``GET .../requests/{RequestID}``: one payment as it stands."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            payment = await self._own_payment(incoming, environment)
            view = payment_view(payment, self._number(payment))
            view["TraceURL"] = self.trace_url(payment.id)
            return wire.plain(200, view)

        return handle

    def trace(self, environment: Environment) -> Handler:
        """``GET .../requests/{RequestID}/trace``: everything about it, with both sides' bytes."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            payment = await self._own_payment(incoming, environment)
            view = await story(self._journal, payment, self._number(payment), masked=False)
            view["TraceURL"] = self.trace_url(payment.id)
            return wire.plain(200, view)

        return handle

    def requests(self, environment: Environment) -> Handler:
        """``GET .../requests?before=&limit=``: newest first, by cursor."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            app = self._reader(incoming, environment)
            given, numbers = read_query(incoming.query, [LIMIT], [BEFORE])
            before, limit = given.get("before", LAST_ID), numbers["limit"]
            found = await self._journal.list_payments(app.organisation_id, environment, before, limit)
            body = {
                "Requests": [payment_view(payment, self._number(payment)) for payment in found],
                "Before": found[-1].id if len(found) == limit else None,
            }
            return wire.plain(200, body)

        return handle

    async def _own_payment(self, incoming: Incoming, environment: Environment) -> Payment:
        app = self._reader(incoming, environment)
        request_id = incoming.parameters["request_id"]
        if not request_id.isprintable():  # no RequestID has control characters, and PostgreSQL takes no NUL
            raise NotFoundError
        payment = await self._journal.payment_by_request(app.organisation_id, environment, request_id)
        if payment is None:
            raise NotFoundError(f"No request {request_id} was ever received here in {environment}.")
        exchange = replace(
            self._exchange(incoming, "api_read", app, environment), payment_id=payment.id, scope=payment.scope
        )
        await self._journal.record_exchange(replace(exchange, status=200, duration_us=incoming.elapsed_us()))
        return payment

    def _reader(self, incoming: Incoming, environment: Environment) -> App:
        """Who may read here: live payments are for apps that went live, not for one that still tries things out."""
        app = caller(incoming, self._directory)
        if environment is Environment.LIVE and app.live_shortcode_id is None:
            raise ForbiddenError("This app is not bound to a live shortcode, so it reads the sandbox only.")
        return app

    def _number(self, payment: Payment) -> str:
        shortcode = self._directory.shortcode(payment.scope.shortcode_id)
        return shortcode.number if shortcode else ""

    def trace_url(self, payment_id: str) -> str:
        """The page of a payment: whoever holds the link may look, with phone numbers masked."""
        return f"{self._public_url}/trace/{payment_id}/{mac(self._trace_key, 'trace', payment_id)}"

    def _exchange(self, incoming: Incoming, name: str, app: App, environment: Environment) -> Exchange:
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
            scope=Scope(app.organisation_id, app.id, "", environment),
        )


async def story(journal: Journal, payment: Payment, shortcode: str, *, masked: bool) -> dict[str, object]:
    """The trace of a payment out of the journal."""
    events = await journal.events(payment.id)
    return trace_view(
        payment,
        shortcode,
        [(e.at_us, e.name, e.from_state, e.to_state, e.detail) for e in events],
        await journal.exchanges(payment.id),
        await journal.notifications_of(payment.id),
        masked=masked,
    )


def _answered(exchange: Exchange, answer: HttpAnswer, incoming: Incoming) -> Exchange:
    status, headers, body = answer
    return replace(exchange, status=status, answer_headers=headers, answer_body=body, duration_us=incoming.elapsed_us())
