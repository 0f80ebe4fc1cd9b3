"""One call to M-Pesa with its record, and what troubles mean, on both sides alike."""

from collections.abc import Callable

from msgspec.structs import replace

from wakala.identity import Source
from wakala.outgoing import TOO_LATE, NoReply, Outgoing, Reply, TlsTerms
from wakala.rules.exchange import Exchange, secrets_of, without_echo
from wakala.rules.facts import NO_ANSWER, UNREACHABLE, Fact, LostSight, Refused, Unsent, stood_still
from wakala.rules.payment import Evidence, Payment, Scope, State, is_leased
from wakala.wire.daraja_codes import DecodedError
from wakala.wire.daraja_errors import Trouble
from wakala.wire.http import HttpRequest

RETRY_AFTER_S = 10  # when M-Pesa turned us away before taking anything, ask again after this


def retry_us(source: Source) -> int:
    """When to try again what was surely not done."""
    return source.now_us() + RETRY_AFTER_S * 1_000_000


def leaving(subject: Payment | Scope, source: Source) -> Callable[[], bool] | None:
    """Whether a command may leave still: once its lease is over others may have ended it, and told so."""
    if not isinstance(subject, Payment) or subject.state is not State.SENDING:
        return None
    return lambda: is_leased(subject, source.now_us())


async def recorded(
    outgoing: Outgoing,
    source: Source,
    name: str,
    request: HttpRequest,
    *,
    total_s: float,
    scope: Scope | None,
    payment_id: str | None,
    terms: TlsTerms | None = None,
    has_faults_in_200: bool = False,
    may_leave: Callable[[], bool] | None = None,
) -> tuple[Reply | NoReply, Exchange]:
    """Send once; the answer, and the exchange as it is to be stored.

    Some of M-Pesa's complaints repeat what they complain of, and their words go further than their bytes. Daraja's have
    a status of their own, the Broker's have not (broker.md 1.3).
    """
    exchange = Exchange(
        id=source.new_id("xch"),
        name=name,
        direction="out",
        method=request.method,
        url=request.url,
        request_headers=request.headers,
        request_body=request.body,
        started_us=source.now_us(),
        payment_id=payment_id,
        scope=scope,
    )
    reply = await outgoing.send(
        request.method,
        request.url,
        request.headers,
        request.body,
        total_s=total_s,
        terms=terms,
        may_leave=may_leave,
    )
    if isinstance(reply, NoReply):
        return reply, replace(exchange, error=reply.reason, duration_us=reply.duration_us)
    if has_faults_in_200 or reply.status != 200:
        reply = _without_echo(reply, request)
    return reply, replace(
        exchange,
        status=reply.status,
        answer_headers=reply.headers,
        answer_body=reply.body,
        duration_us=reply.duration_us,
    )


def _without_echo(reply: Reply, request: HttpRequest) -> Reply:
    secrets = secrets_of(request.headers, request.body)
    body = without_echo(reply.body, secrets)
    headers = tuple((name, without_echo(value.encode(), secrets).decode()) for name, value in reply.headers)
    return replace(reply, body=body, headers=headers)


def of_trouble(error: DecodedError, retry_at_us: int, by: Evidence) -> Fact:
    """An answer that did not take the command: refused for good, surely not done, or unknown."""
    code, text = error.outcome.code, error.outcome.description
    match error.trouble:
        case Trouble.REFUSED | Trouble.TOKEN:
            return Refused(code, text, by)
        case Trouble.BUSY:
            return Unsent(code, text, retry_at_us)
        case _:
            return LostSight(code, text, error.merchant_request_id, error.checkout_request_id)


def unanswered(reply: NoReply, retry_at_us: int) -> Fact:
    """No answer: unknown, but for what certainly never left."""
    if reply.reason == TOO_LATE:
        return stood_still(retry_at_us)
    if reply.unsent:
        return Unsent(UNREACHABLE, f"M-Pesa could not be reached: {reply.reason}.", retry_at_us)
    return LostSight(NO_ANSWER, f"Sent, but M-Pesa gave no answer: {reply.reason}.")
