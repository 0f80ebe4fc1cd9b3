"""Towards M-Pesa by Daraja. Every call ends as a fact about the payment, with the bytes of both sides beside it."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace as replace_fields

from wakala.errors import MalformedUpstreamError
from wakala.identity import Source
from wakala.outgoing import NoReply, Outgoing, Reply
from wakala.rules.commands import BILL_OPT_INS, BILL_PREFIX, BY_PATH, KEPT_BY_GATEWAY, RELAYED_PATHS, Mode
from wakala.rules.exchange import Exchange
from wakala.rules.facts import UNREACHABLE, Accepted, Fact, Refused, Settled, StillOpen, Unsent
from wakala.rules.payment import Evidence, Kind, Payment, Scope
from wakala.rules.receipt import us_to_nairobi_text
from wakala.upstream.door import Asked, Callback, Credentials
from wakala.upstream.facts import leaving, of_trouble, recorded, retry_us, unanswered
from wakala.wire import daraja
from wakala.wire.daraja_codes import DecodedError, decode_error
from wakala.wire.daraja_commands import ENCODERS, NEEDS_APP_KEY, Outbound, path_below
from wakala.wire.daraja_errors import Trouble
from wakala.wire.daraja_results import PulledPayment, read_ack, read_direct, read_pull
from wakala.wire.http import HttpRequest
from wakala.wire.loose_json import read_object
from wakala.wire.stk_results import ResultClass

REFRESH_EARLY_S = 60  # a token is renewed a minute before M-Pesa forgets it (daraja.md 1.2)
BILL_KEY = "app_key"
PULL = "pulltransactions/query"
HTTP_OK = 200


@dataclass(slots=True)
class _Token:
    value: str
    refresh_us: int


class Daraja:
    """One cached token a shortcode, asked for by one caller for all who want it, renewed early and once on refusal."""

    def __init__(
        self, outgoing: Outgoing, source: Source, *, answer_limit_s: float = 30, bill_prefix: str = BILL_PREFIX
    ) -> None:
        self._outgoing = outgoing
        self._source = source
        self._answer_limit_s = answer_limit_s
        self._bill_prefix = bill_prefix
        self._tokens: dict[str, _Token] = {}
        self._asking: dict[Credentials, asyncio.Future[Fact | None]] = {}

    def is_ready(self, credentials: Credentials) -> bool:
        """True when the next call needs no token first."""
        token = self._tokens.get(credentials.shortcode_id)
        return token is not None and self._source.now_us() < token.refresh_us

    async def prepare(
        self, credentials: Credentials, scope: Scope | None = None, payment_id: str | None = None
    ) -> tuple[Fact | None, tuple[Exchange, ...]]:
        """Have a token in hand: None when it is there, otherwise why not, as a fact that sent nothing."""
        exchanges: list[Exchange] = []
        trouble = await self._fetch_token(credentials, exchanges, scope, payment_id)
        return trouble, tuple(exchanges)

    async def carry(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """Take a command to M-Pesa, whichever it is. Sent at most once."""
        if payment.kind is Kind.PUSH:
            return await self._push(credentials, payment, callback("stk"))
        command = BY_PATH[payment.command]
        exchanges: list[Exchange] = []
        reply = await self._call(
            credentials,
            payment,
            command.path.replace("/", "_"),
            self._request(credentials, payment, callback),
            exchanges,
        )
        if not isinstance(reply, Reply):
            return Asked(_unanswered(reply, self._retry_us()), tuple(exchanges))
        if command.mode is Mode.DIRECT:
            fact, bill_key = self._direct_fact(payment, reply)
            return Asked(fact, tuple(exchanges), bill_key)
        return Asked(self._ack_fact(reply), tuple(exchanges))

    def _request(self, credentials: Credentials, payment: Payment, callback: Callback) -> Callable[[str], HttpRequest]:
        """The bytes of any command but a push."""
        is_initiated = BY_PATH[payment.command].initiated
        outbound = Outbound(
            request_id=payment.request_id,
            amount_cents=payment.amount_cents,
            msisdn=payment.msisdn,
            reference=payment.reference,
            description=payment.description,
            details=_details(payment, callback),
            shortcode=credentials.number,
            till=credentials.party_b if credentials.is_till else None,
            initiator=credentials.initiator,
            security_credential=credentials.security_credential() if is_initiated else "",
            result_url=callback("result"),
            timeout_url=callback("timeout"),
            callback_url=callback("bill_payment" if payment.command in BILL_OPT_INS else "outcome"),
            now_us=self._source.now_us(),
        )
        documented, body = _as_it_came(outbound, payment) or ENCODERS[payment.command](outbound)
        path = path_below(self._bill_prefix, documented)
        app_key = credentials.bill_key if payment.command in NEEDS_APP_KEY else ""
        return lambda token: daraja.command_request(credentials.base_url, path, token, body, app_key)

    def _ack_fact(self, reply: Reply) -> Fact:
        answer = read_ack(reply.status, reply.body)
        if isinstance(answer, DecodedError):
            return self._push_trouble(answer, Evidence.ANSWER)
        return Accepted(answer.originator_conversation_id, answer.conversation_id, answer.description)

    def _direct_fact(self, payment: Payment, reply: Reply) -> tuple[Fact, str]:
        """The answer itself is the outcome. Bill Manager's key stays here: whoever reads the answer needs none."""
        if payment.command in RELAYED_PATHS:
            return self._relayed_fact(reply), ""
        answer = read_direct(payment.command, reply.status, reply.body)
        if isinstance(answer, DecodedError):
            return self._push_trouble(answer, Evidence.ANSWER), ""
        bill_key = ""
        if payment.command in BILL_OPT_INS and isinstance(answer.body.get(BILL_KEY), str):
            bill_key = str(answer.body[BILL_KEY])
            answer = replace_fields(answer, body=answer.body | {BILL_KEY: KEPT_BY_GATEWAY})
        fact = Settled(
            by=Evidence.ANSWER,
            paid=answer.is_success,
            code=answer.code,
            description=answer.description,
            results=json.dumps(answer.body, ensure_ascii=False, separators=(",", ":")),
        )
        return fact, bill_key

    def _relayed_fact(self, reply: Reply) -> Fact:
        """Whatever M-Pesa says with status 200 is handed on; its codes are known too little to be judged."""
        body = read_object(reply.body) if reply.status == HTTP_OK else None
        if body is None or "errorCode" in body:
            return self._push_trouble(decode_error(reply.status, reply.body), Evidence.ANSWER)
        told = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return Settled(by=Evidence.ANSWER, paid=True, code="0", description="Answered.", results=told)

    async def ask(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """What became of it? By the query of its kind, where there is one; a question is simply asked again."""
        if payment.kind is Kind.PUSH:
            return await self.query(credentials, payment)
        if BY_PATH[payment.command].mode is not Mode.QUEUED:
            return Asked(StillOpen("M-Pesa has no query for this; waiting for its callback.", processing=False), ())
        if payment.kind.moves_money:
            return await self._ask_status(credentials, payment, callback)
        exchanges: list[Exchange] = []
        request = self._request(credentials, payment, callback)
        reply = await self._call(credentials, payment, payment.command.replace("/", "_"), request, exchanges)
        return Asked(_asked_again(reply), tuple(exchanges))

    async def _ask_status(self, credentials: Credentials, payment: Payment, callback: Callback) -> Asked:
        """By Transaction Status; its answer is a Result of its own (daraja.md 2.12)."""
        enquiry = Outbound(
            request_id="",  # M-Pesa takes none with a question
            amount_cents=0,
            msisdn="",
            reference="",
            description="Status",
            details={"OriginalConversationID": payment.merchant_request_id or payment.request_id},
            shortcode=credentials.number,
            till=credentials.party_b if credentials.is_till else None,
            initiator=credentials.initiator,
            security_credential=credentials.security_credential(),
            result_url=callback("status"),
            timeout_url=callback("status_timeout"),
            callback_url="",
            now_us=self._source.now_us(),
        )
        path, body = ENCODERS["transactionstatus/transactionstatusquery"](enquiry)
        exchanges: list[Exchange] = []
        reply = await self._call(
            credentials,
            payment,
            "transaction_status",
            lambda token: daraja.command_request(credentials.base_url, path, token, body),
            exchanges,
        )
        return Asked(_asked_again(reply), tuple(exchanges))

    async def _push(self, credentials: Credentials, payment: Payment, callback_url: str) -> Asked:
        """Ask for the prompt on the customer's phone (daraja.md 2.1)."""

        def request(token: str) -> HttpRequest:
            return daraja.stk_push_request(
                base_url=credentials.base_url,
                token=token,
                shortcode=credentials.number,
                party_b=credentials.party_b,
                transaction_type="CustomerBuyGoodsOnline" if credentials.is_till else "CustomerPayBillOnline",
                passkey=credentials.passkey,
                now_us=self._source.now_us(),
                amount_cents=payment.amount_cents,
                msisdn=payment.msisdn,
                callback_url=callback_url,
                reference=payment.reference,
                description=payment.description,
            )

        exchanges: list[Exchange] = []
        reply = await self._call(credentials, payment, "stk_push", request, exchanges)
        return Asked(self._push_fact(reply), tuple(exchanges))

    def _push_fact(self, reply: Reply | NoReply | Fact) -> Fact:
        if not isinstance(reply, Reply):
            return _unanswered(reply, self._retry_us())
        answer = daraja.read_stk_answer(reply.status, reply.body)
        if isinstance(answer, DecodedError):
            return self._push_trouble(answer)
        return Accepted(answer.merchant_request_id, answer.checkout_request_id, answer.description)

    def _push_trouble(self, error: DecodedError, by: Evidence = Evidence.STK_ANSWER) -> Fact:
        return of_trouble(error, self._retry_us(), by)

    async def query(self, credentials: Credentials, payment: Payment) -> Asked:
        """Ask what became of a push (daraja.md 2.2). An enquiry: it moves no money and may be repeated."""
        checkout_request_id = payment.checkout_request_id
        if not checkout_request_id:
            reason = "M-Pesa never told us its CheckoutRequestID, so it cannot be asked; waiting for its callback."
            return Asked(StillOpen(reason, processing=False), ())

        def request(token: str) -> HttpRequest:
            return daraja.stk_query_request(
                base_url=credentials.base_url,
                token=token,
                shortcode=credentials.number,
                passkey=credentials.passkey,
                now_us=self._source.now_us(),
                checkout_request_id=checkout_request_id,
            )

        exchanges: list[Exchange] = []
        reply = await self._call(credentials, payment, "stk_query", request, exchanges)
        return Asked(_query_fact(reply, checkout_request_id), tuple(exchanges))

    async def register(
        self, credentials: Credentials, scope: Scope, response_type: str, confirmation_url: str, validation_url: str
    ) -> tuple[str | None, tuple[Exchange, ...]]:
        """Tell M-Pesa our C2B URLs (daraja.md 2.3): None, or why it did not take them."""
        exchanges: list[Exchange] = []

        def request(token: str) -> HttpRequest:
            return daraja.c2b_register_request(
                base_url=credentials.base_url,
                token=token,
                version=2,
                shortcode=credentials.number,
                response_type=response_type,
                confirmation_url=confirmation_url,
                validation_url=validation_url,
            )

        reply = await self._call(credentials, scope, "c2b_register", request, exchanges)
        if not isinstance(reply, Reply):
            return _why(reply), tuple(exchanges)
        answer = daraja.read_c2b_register(reply.status, reply.body)
        return _why(answer) if isinstance(answer, DecodedError) else None, tuple(exchanges)

    async def pull(
        self, credentials: Credentials, scope: Scope, since_us: int, until_us: int, offset_rows: int
    ) -> tuple[tuple[PulledPayment, ...] | str, tuple[Exchange, ...]]:
        """One page of the payments that customers made to a shortcode (daraja.md 2.19), or why there is none."""
        enquiry = Outbound(
            request_id="",
            amount_cents=0,
            msisdn="",
            reference="",
            description="",
            details={
                "StartDate": us_to_nairobi_text(since_us),
                "EndDate": us_to_nairobi_text(until_us),
                "Offset": offset_rows,
            },
            shortcode=credentials.number,
            till=credentials.party_b if credentials.is_till else None,
            initiator="",
            security_credential="",
            result_url="",
            timeout_url="",
            callback_url="",
            now_us=self._source.now_us(),
        )
        path, body = ENCODERS[PULL](enquiry)
        exchanges: list[Exchange] = []
        reply = await self._call(
            credentials,
            scope,
            "pull",
            lambda token: daraja.command_request(credentials.base_url, path, token, body),
            exchanges,
        )
        if not isinstance(reply, Reply):
            return _why(reply), tuple(exchanges)
        answer = read_direct(PULL, reply.status, reply.body)
        if isinstance(answer, DecodedError):
            return _why(answer), tuple(exchanges)
        if not answer.is_success:
            return f"M-Pesa answered {answer.code}: {answer.description}", tuple(exchanges)
        try:
            return read_pull(reply.body), tuple(exchanges)
        except MalformedUpstreamError as error:
            return error.sentence, tuple(exchanges)

    # ── one call: a token, the request, and once again with a new token where the old one was refused ──

    async def _call(
        self,
        credentials: Credentials,
        subject: Payment | Scope,
        name: str,
        request: Callable[[str], HttpRequest],
        exchanges: list[Exchange],
    ) -> Reply | NoReply | Fact:
        scope = subject.scope if isinstance(subject, Payment) else subject
        payment_id = subject.id if isinstance(subject, Payment) else None
        reply: Reply | NoReply | Fact
        may_leave = leaving(subject, self._source)
        for last_try in (False, True):
            trouble = await self._fetch_token(credentials, exchanges, scope, payment_id)
            if trouble is not None:
                return trouble
            token = self._tokens[credentials.shortcode_id].value
            reply = await self._exchange(name, request(token), exchanges, scope, payment_id, may_leave)
            if last_try or not _is_token_refusal(reply):
                break
            self._forget(credentials, token)  # refused at the door, so nothing was carried out
        return reply

    async def _fetch_token(
        self, credentials: Credentials, exchanges: list[Exchange], scope: Scope | None, payment_id: str | None
    ) -> Fact | None:
        """One asks, and whoever waits meanwhile is given the outcome, trouble too; who comes later asks anew.

        So nobody waits for more than one answer. The exchange is with the one who asked.
        """
        while not self.is_ready(credentials):
            asking = self._asking.get(credentials)
            if asking is None:
                return await self._ask_for_all(credentials, exchanges, scope, payment_id)
            await asyncio.wait({asking})
            if not asking.cancelled() and (trouble := asking.result()) is not None:
                return trouble
        return None

    async def _ask_for_all(
        self, credentials: Credentials, exchanges: list[Exchange], scope: Scope | None, payment_id: str | None
    ) -> Fact | None:
        asking = self._asking[credentials] = asyncio.get_running_loop().create_future()
        try:
            trouble = await self._ask_for_token(credentials, exchanges, scope, payment_id)
            asking.set_result(trouble)
        finally:
            del self._asking[credentials]
            asking.cancel()  # where it was cut short: the first of those who wait asks now
        return trouble

    async def _ask_for_token(
        self, credentials: Credentials, exchanges: list[Exchange], scope: Scope | None, payment_id: str | None
    ) -> Fact | None:
        request = daraja.token_request(credentials.base_url, credentials.consumer_key, credentials.consumer_secret)
        reply = await self._exchange("token", request, exchanges, scope, payment_id)
        if isinstance(reply, NoReply):
            return Unsent(UNREACHABLE, f"M-Pesa gave no access token: {reply.reason}.", self._retry_us())
        answer = daraja.read_token(reply.status, reply.body)
        if isinstance(answer, DecodedError):
            return self._token_trouble(answer)
        life_us = (answer.expires_in_s - min(REFRESH_EARLY_S, answer.expires_in_s // 2)) * 1_000_000
        self._tokens[credentials.shortcode_id] = _Token(answer.access_token, self._source.now_us() + life_us)
        return None

    def _token_trouble(self, error: DecodedError) -> Fact:
        """Wrong keys will be wrong in ten seconds too; anything else may pass."""
        outcome = error.outcome
        if error.trouble in {Trouble.REFUSED, Trouble.TOKEN}:
            return Refused(outcome.code, outcome.description)
        return Unsent(outcome.code, outcome.description, self._retry_us())

    def _forget(self, credentials: Credentials, token: str) -> None:
        held = self._tokens.get(credentials.shortcode_id)
        if held is not None and held.value == token:
            del self._tokens[credentials.shortcode_id]

    async def _exchange(
        self,
        name: str,
        request: HttpRequest,
        exchanges: list[Exchange],
        scope: Scope | None,
        payment_id: str | None,
        may_leave: Callable[[], bool] | None = None,
    ) -> Reply | NoReply:
        reply, exchange = await recorded(
            self._outgoing,
            self._source,
            name,
            request,
            total_s=self._answer_limit_s,
            scope=scope,
            payment_id=payment_id,
            may_leave=may_leave,
        )
        exchanges.append(exchange)
        return reply

    def _retry_us(self) -> int:
        return retry_us(self._source)


def _details(payment: Payment, callback: Callback) -> dict[str, object]:
    """The request's own fields; a registration takes our URLs, whose secrets are never stored."""
    details: dict[str, object] = json.loads(payment.details)
    if payment.command == "c2b/registerurl":
        details["ConfirmationURL"] = callback("c2b_confirmation")
        details["ValidationURL"] = callback("c2b_validation")
    return details


def _as_it_came(out: Outbound, payment: Payment) -> tuple[str, object] | None:
    """A body that came by the facade and holds nothing of ours: as it is, but for where M-Pesa answers."""
    body = out.details.get("Daraja")
    if body is None:
        return None
    command = BY_PATH[payment.command]
    if isinstance(body, dict) and (command.mode is Mode.PROMPT or command.path in BILL_OPT_INS):
        body = body | {name: out.callback_url for name in ("CallBackURL", "callbackUrl", "callbackurl") if name in body}
    query = str(out.details.get("Query") or "")
    return command.facade[-1] + (f"?{query}" if query else ""), body


def _unanswered(reply: NoReply | Fact, retry_at_us: int) -> Fact:
    return unanswered(reply, retry_at_us) if isinstance(reply, NoReply) else reply


def _asked_again(reply: Reply | NoReply | Fact) -> Fact:
    """A question went out, or did not; its answer comes as a Result of its own."""
    if isinstance(reply, NoReply):
        return StillOpen(f"M-Pesa gave no answer to the question: {reply.reason}.", processing=False)
    if not isinstance(reply, Reply):
        return StillOpen(f"The question could not be asked. {_why(reply)}", processing=False)
    answer = read_ack(reply.status, reply.body)
    if isinstance(answer, DecodedError):
        said = answer.outcome
        return StillOpen(f"M-Pesa answered: {said.description}", processing=False, code=said.code)
    return StillOpen("Asked M-Pesa; its answer comes as a Result.", processing=False)


def _is_token_refusal(reply: Reply | NoReply) -> bool:
    """Not where M-Pesa has given it an ID all the same: it may have it, and what is sent again may be paid twice."""
    if not isinstance(reply, Reply) or reply.status == HTTP_OK:
        return False
    answers = (daraja.read_stk_answer(reply.status, reply.body), read_ack(reply.status, reply.body))
    return all(isinstance(answer, DecodedError) and answer.trouble is Trouble.TOKEN for answer in answers)


def _why(trouble: NoReply | Fact | DecodedError) -> str:
    """One sentence for a person, whatever kept us from an answer."""
    match trouble:
        case DecodedError(outcome=outcome):
            return f"{outcome.cause.en} {outcome.next_step.en}"
        case NoReply(reason=reason):
            return f"M-Pesa gave no answer: {reason}."
        case Refused(code=code, description=text):
            return f"M-Pesa refused it ({code}): {text}"
        case _:
            return getattr(trouble, "reason", "")


def _query_fact(reply: Reply | NoReply | Fact, checkout_request_id: str) -> Fact:
    if isinstance(reply, NoReply):
        return StillOpen(f"M-Pesa gave no answer to the query: {reply.reason}.", processing=False)
    if not isinstance(reply, Reply):
        return StillOpen(f"The query could not be asked. {_why(reply)}", processing=False)
    answer = daraja.read_stk_query(reply.status, reply.body)
    if isinstance(answer, DecodedError):
        processing = answer.trouble is Trouble.PENDING
        return StillOpen(f"M-Pesa answered: {answer.outcome.description}", processing=processing)
    if answer.checkout_request_id not in {"", checkout_request_id}:
        return StillOpen("M-Pesa answered of another prompt than it was asked about.", processing=False)
    result = answer.result
    if result.kind is ResultClass.PENDING:
        return StillOpen(f"M-Pesa answered: {result.outcome.description}", processing=True)
    return Settled(
        by=Evidence.STK_QUERY,
        paid=result.paid,
        code=result.outcome.code,
        description=result.outcome.description,
    )
