"""Towards M-Pesa by the Broker: XML over a private line, both ends proving themselves by certificate (broker.md 1).

There is no token to fetch: every request carries its own proof. Nothing is ever sent twice.
"""

import json
from typing import Any

from wakala.errors import CallerError
from wakala.identity import Source
from wakala.outgoing import NoReply, Outgoing, Reply, TlsTerms
from wakala.rules.exchange import Exchange
from wakala.rules.facts import Accepted, Fact, Refused, Settled, StillOpen
from wakala.rules.payment import Evidence, Payment, Scope
from wakala.rules.sides import BrokerAccess, id_at_broker, id_at_mpesa
from wakala.upstream.door import Asked, Callback, Credentials
from wakala.upstream.facts import leaving, of_trouble, recorded, retry_us, unanswered
from wakala.wire.broker import replies, requests
from wakala.wire.broker.replies import Logged
from wakala.wire.broker.soap import Provider
from wakala.wire.daraja_codes import DecodedError
from wakala.wire.daraja_errors import Trouble
from wakala.wire.daraja_results import Ack
from wakala.wire.http import HttpRequest
from wakala.wire.outbound import Outbound
from wakala.wire.result_facts import result_fact

_HEADERS = (("Content-Type", "text/xml; charset=utf-8"), ("SOAPAction", '""'), ("Accept", "text/xml"))
STATUS = "transactionstatus/transactionstatusquery"
REGISTER = "c2b/registerurl"

_KEPT = "The Broker keeps the URLs for later, and will not say when it has taken them: register them again."

PREFIX = "soap_"
"""Before every kind of answer: the Broker calls at doors of its own."""


class Broker:
    """One call, one answer. ``answer_limit_s`` bounds each; clients of the Broker wait 40 to 120 s (broker.md 1.3)."""

    def __init__(self, outgoing: Outgoing, source: Source, *, answer_limit_s: float = 40) -> None:
        self._outgoing = outgoing
        self._source = source
        self._answer_limit_s = answer_limit_s

    def is_ready(self, credentials: Credentials, payment: Payment) -> bool:
        """Always: nothing has to be fetched first."""
        del credentials, payment
        return True

    async def prepare(self, credentials: Credentials, payment: Payment) -> tuple[Fact | None, tuple[Exchange, ...]]:
        """Nothing to do; a shortcode that has lost its access cannot send."""
        del payment
        return (None if credentials.broker else _no_access()), ()

    async def carry(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """Take a command to the Broker. Sent at most once."""
        access = credentials.broker
        if access is None:
            return Asked(_no_access(), ())
        try:
            path, body = self._written(credentials, access, payment, callback)
        except CallerError as why:  # a text that XML cannot carry, a requester who has no phone
            return Asked(Refused(why.code, why.sentence, Evidence.GATEWAY), ())
        reply, exchange = await self._call(access, path, body, payment.command.replace("/", "_"), payment)
        if isinstance(reply, NoReply):
            return Asked(unanswered(reply, retry_us(self._source)), (exchange,))
        own_id = id_at_broker(credentials.number, payment.request_id)
        return Asked(self._answer_fact(payment, reply, own_id), (exchange,))

    def _written(
        self, credentials: Credentials, access: BrokerAccess, payment: Payment, callback: Callback
    ) -> tuple[str, bytes]:
        now_us = self._source.now_us()
        details: dict[str, Any] = json.loads(payment.details)
        if payment.command == REGISTER:
            return access.register_path, requests.register_urls(
                id_at_broker(credentials.number, payment.request_id),
                _provider(access),
                now_us,
                shortcode=credentials.number,
                response_type=details.get("ResponseType") or "Completed",
                confirmation_url=callback(f"{PREFIX}c2b_confirmation"),
                validation_url=callback(f"{PREFIX}c2b_validation"),
            )
        out = self._outbound(credentials, callback, payment.request_id, details, payment)
        return access.request_path, requests.command(payment.command, out, _provider(access), payment.reference_data)

    def _outbound(
        self,
        credentials: Credentials,
        callback: Callback,
        request_id: str,
        details: dict[str, Any],
        payment: Payment,
        answers: str = "result timeout",
    ) -> Outbound:
        result, timeout = answers.split()
        return Outbound(
            request_id=request_id,
            amount_cents=payment.amount_cents,
            msisdn=payment.msisdn,
            reference=payment.reference,
            description=payment.description,
            details=details,
            shortcode=credentials.number,
            till=None,  # the Broker goes by store numbers alone
            initiator=credentials.initiator,
            security_credential=credentials.security_credential(),
            result_url=callback(PREFIX + result),
            timeout_url=callback(PREFIX + timeout),
            callback_url="",
            now_us=self._source.now_us(),
        )

    def _answer_fact(self, payment: Payment, reply: Reply, own_id: str) -> Fact:
        """Accepted is not done (broker.md 5); only a registration ends with the answer, which the Broker gives."""
        answer = replies.read_ack(reply.status, reply.body, own_id)
        if isinstance(answer, DecodedError):
            return of_trouble(answer, retry_us(self._source), Evidence.ANSWER)
        if payment.command != REGISTER:
            return Accepted(answer.originator_conversation_id, answer.conversation_id, answer.description)
        if not replies.is_accepted(answer.code):
            return Refused("kept_for_later", _KEPT, Evidence.ANSWER)
        results = {"ResponseCode": answer.code, "ResponseDescription": answer.description}
        return Settled(
            by=Evidence.ANSWER, paid=True, code="0", description=answer.description, results=json.dumps(results)
        )

    # ── asking ──

    async def ask(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """What became of it: by the Broker's log where no answer to our request arrived, then by the core's enquiry.

        A question that was not answered is asked again under an ID of its own.
        """
        access = credentials.broker
        if access is None:
            return Asked(StillOpen("The shortcode has no access to the Broker any more.", processing=False), ())
        logged: tuple[Exchange, ...] = ()
        if payment.merchant_request_id is None:
            fact, exchange = await self._ask_log(access, credentials, payment)
            if fact is not None:
                return Asked(fact, (exchange,))
            logged = (exchange,)
        asked = await self._ask_core(access, credentials, payment, callback)
        return Asked(asked.fact, (*logged, *asked.exchanges))

    async def _ask_log(
        self, access: BrokerAccess, credentials: Credentials, payment: Payment
    ) -> tuple[Fact | None, Exchange]:
        """Did the request get through, and what did the core say? Answered at once (broker.md 8.3)."""
        own_id = id_at_broker(credentials.number, payment.request_id)
        sent_us = payment.sent_us or payment.created_us
        body = requests.query_transaction(own_id, sent_us, _provider(access), self._source.now_us())
        reply, exchange = await self._call(access, access.query_path, body, "query_transaction", payment)
        if isinstance(reply, NoReply):
            return None, exchange
        return _logged_fact(payment, replies.read_log(reply.status, reply.body, own_id)), exchange

    async def _ask_core(
        self, access: BrokerAccess, credentials: Credentials, payment: Payment, callback: Callback
    ) -> Asked:
        """By the status query for what moves money, its answer a Result of its own; a question is simply repeated."""
        number = payment.checks + 1
        details: dict[str, Any] = json.loads(payment.details)
        if payment.kind.moves_money:
            details = {"OriginalConversationID": id_at_mpesa(payment, credentials.number)}
        out = self._outbound(
            credentials,
            callback,
            f"_{number}_{payment.request_id}",  # no caller's ID begins so: each is spent for ever
            details,
            payment,
            "status status_timeout" if payment.kind.moves_money else "result timeout",
        )
        path = STATUS if payment.kind.moves_money else payment.command
        body = requests.command(path, out, _provider(access))
        reply, exchange = await self._call(access, access.request_path, body, path.replace("/", "_"), payment)
        return Asked(_asked_again(reply), (exchange,))

    # ── the account itself ──

    async def register(
        self, credentials: Credentials, scope: Scope, response_type: str, confirmation_url: str, validation_url: str
    ) -> tuple[str | None, tuple[Exchange, ...]]:
        """Tell the Broker our C2B URLs (broker.md 10.1): None, or why it did not take them."""
        access = credentials.broker
        if access is None:
            return _no_access().description, ()
        body = requests.register_urls(
            id_at_broker(credentials.number, self._source.new_id("reg")),
            _provider(access),
            self._source.now_us(),
            shortcode=credentials.number,
            response_type=response_type,
            confirmation_url=confirmation_url,
            validation_url=validation_url,
        )
        reply, exchange = await self._call(access, access.register_path, body, "register_url", scope)
        if isinstance(reply, NoReply):
            return f"The Broker gave no answer: {reply.reason}.", (exchange,)
        answer = replies.read_ack(reply.status, reply.body, "")
        if isinstance(answer, Ack) and not replies.is_accepted(answer.code):
            return _KEPT, (exchange,)
        return _refusal(answer), (exchange,)

    async def prove(self, credentials: Credentials, scope: Scope) -> tuple[str | None, tuple[Exchange, ...]]:
        """Does the Broker know us? Asks its log about a request that never was: None, or what keeps us out."""
        access = credentials.broker
        if access is None:
            return _no_access().description, ()
        now_us = self._source.now_us()
        never = id_at_broker(credentials.number, self._source.new_id("never"))
        body = requests.query_transaction(never, now_us, _provider(access), now_us)
        reply, exchange = await self._call(access, access.query_path, body, "query_transaction", scope)
        if isinstance(reply, NoReply):
            return f"The Broker gave no answer: {reply.reason}.", (exchange,)
        return _refusal(replies.read_plain_answer(reply.status, reply.body)), (exchange,)

    async def change_password(
        self, access: BrokerAccess, scope: Scope, new_password: str, key: bytes, vector: bytes
    ) -> tuple[str | None, tuple[Exchange, ...]]:
        """Give the Broker a new spPassword (broker.md 8.4): None, or why it did not take it."""
        if not access.password_path:
            return "The path for a new password was never published; set password_path to what Safaricom says.", ()
        body = requests.change_password(_provider(access), new_password, key, vector, self._source.now_us())
        reply, exchange = await self._call(access, access.password_path, body, "change_password", scope)
        if isinstance(reply, NoReply):
            holds = "the old password holds" if reply.unsent else "either password may hold now"
            return f"The Broker gave no answer: {reply.reason}; {holds}.", (exchange,)
        answer = replies.read_plain_answer(reply.status, reply.body)
        if isinstance(answer, DecodedError) and answer.trouble is Trouble.UNKNOWN:
            said = answer.outcome
            return f"Its answer was {said.code}: {said.description}; either password may hold now.", (exchange,)
        return _refusal(answer), (exchange,)

    async def _call(
        self, access: BrokerAccess, path: str, body: bytes, name: str, subject: Payment | Scope
    ) -> tuple[Reply | NoReply, Exchange]:
        return await recorded(
            self._outgoing,
            self._source,
            name,
            HttpRequest("POST", access.url.rstrip("/") + path, _HEADERS, body),
            total_s=self._answer_limit_s,
            scope=subject.scope if isinstance(subject, Payment) else subject,
            payment_id=subject.id if isinstance(subject, Payment) else None,
            terms=_terms(access),
            has_faults_in_200=True,
            may_leave=leaving(subject, self._source),
        )


def _provider(access: BrokerAccess) -> Provider:
    return Provider(
        sp_id=access.sp_id,
        password=access.sp_password,
        service_id=access.service_id,
        upper_case_digest=access.upper_case_digest,
        third_party=access.third_party,
        caller_password=access.caller_password,
    )


def _terms(access: BrokerAccess) -> TlsTerms | None:
    """None over plain HTTP, with which an integration begins (broker.md 1.2)."""
    if not access.is_by_tls:
        return None
    return TlsTerms(access.certificate, access.key, access.authority, access.server_name)


def _no_access() -> Refused:
    return Refused("no_broker_access", "This shortcode has no access to the Broker.", Evidence.GATEWAY)


def _refusal(answer: Ack | DecodedError) -> str | None:
    if isinstance(answer, Ack):
        return None
    return f"{answer.outcome.cause.en} {answer.outcome.next_step.en}"


def _logged_fact(payment: Payment, logged: Logged | DecodedError) -> Fact | None:
    """The log is evidence where it holds the core's own words; that it holds nothing yet proves nothing.

    None, too, for a Result that does not fit or settles nothing, tomorrow as today: the core is asked.
    """
    if isinstance(logged, DecodedError):
        return None
    if logged.result is not None:
        fact = result_fact(payment, logged.result)
        return fact if isinstance(fact, Settled) and fact.paid is not None else None
    answer = logged.answer
    if isinstance(answer, Ack) and answer.conversation_id:
        return Accepted(answer.originator_conversation_id, answer.conversation_id, answer.description)
    return None


def _asked_again(reply: Reply | NoReply) -> Fact:
    """A question went out, or did not; its answer comes as a Result of its own."""
    if isinstance(reply, NoReply):
        return StillOpen(f"The Broker gave no answer to the question: {reply.reason}.", processing=False)
    answer = replies.read_ack(reply.status, reply.body, "")
    if isinstance(answer, DecodedError):
        said = answer.outcome
        return StillOpen(f"The Broker answered: {said.description}", processing=False, code=said.code)
    return StillOpen("Asked M-Pesa; its answer comes as a Result.", processing=False)
