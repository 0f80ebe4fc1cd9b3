"""C2B Hakikisha: before a customer pays, M-Pesa asks the merchant whose account a number is (daraja.md 2.8).

The merchant hosts both ends: one gives a token for Basic credentials, the other a name for that token. No document says
how the token is asked for; POST is what merchants' programs that were published serve.
"""

import base64
import re

import msgspec

from wakala.simulator.callbacks import POST_LIMIT_SECONDS, Courier
from wakala.simulator.posting import Reply
from wakala.simulator.reading import decode

TOKEN, LOOK_UP = "c2b_hakikisha_token", "c2b_hakikisha"
"""What the call log names the two calls."""

BEARER = re.compile(r"[!-~]{1,4096}")
"""What may stand in a header; anything else would be a header of the merchant's own making."""

REFUSING = (401, 422)


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose account is it, and where and as whom the merchant is asked. Both URLs are called as they stand."""

    token_url: str
    url: str
    username: str
    password: str
    account_number: str
    shortcode: str


class Said(msgspec.Struct, frozen=True):
    """What one end of the merchant's answered; status 0 is nothing."""

    status: int = 0
    body: str = ""


class Found(msgspec.Struct, frozen=True):
    """The account's name, "" for none, and a sentence on what the merchant said; ``request`` is empty if not sent."""

    verdict: str
    token: Said
    account_name: str = ""
    request: dict[str, str] = {}
    answer: Said = Said()


async def look_up(courier: Courier, question: Question, request_id: str, now_seconds: float) -> Found:
    """Fetch a token, ask with it, and judge both answers. The merchant has ten seconds for each."""
    credentials = base64.b64encode(f"{question.username}:{question.password}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}"}
    reply, trouble = await courier.ask_and_tell(TOKEN, question.token_url, b"", POST_LIMIT_SECONDS, headers)
    if reply is None:
        return Found(f"There is no token. {trouble}", Said())
    token = _token_in(reply)
    if token is None:
        return Found(f"The answer with status {reply.status} holds no access_token.", _said(reply))
    request = {
        "requestId": request_id,
        "timestamp": str(int(now_seconds)),
        "accountNumber": question.account_number,
        "shortcode": question.shortcode,
    }
    body, bearer = msgspec.json.encode(request), {"Authorization": f"Bearer {token}"}
    answer, trouble = await courier.ask_and_tell(LOOK_UP, question.url, body, POST_LIMIT_SECONDS, bearer)
    if answer is None:
        return Found(f"There is no name. {trouble}", _said(reply), request=request)
    name, verdict = judged(request, answer)
    return Found(verdict, _said(reply), name, request, _said(answer))


def judged(request: dict[str, str], answer: Reply) -> tuple[str, str]:
    """The name in an answer, "" for none, and whether it is one of those that are documented."""
    if answer.status in REFUSING:
        return "", f"The merchant refused the question with {answer.status}."
    said = _texts(answer)
    if answer.status == 200:
        echoed = {name: request[name] for name in ("requestId", "accountNumber", "shortcode")}
        wrong = [name for name, value in echoed.items() if said.get(name) != value]
        wrong += [name for name in ("timestamp", "accountName") if not said.get(name)]
        if not wrong:
            return said["accountName"], f"The account is known as {said['accountName']}."
        return "", f"Not as documented: {', '.join(wrong)} must be there, as text, and what was asked about echoed."
    if answer.status == 400:
        if said.get("requestId") == request["requestId"] and said.get("errorMessage"):
            return "", f"The merchant does not know the account: {said['errorMessage']}"
        return "", "Not as documented: a 400 holds the requestId that was asked with, and an errorMessage."
    return "", f"Not as documented: the merchant answered {answer.status}, and not 200, 400, 401 or 422."


def _token_in(reply: Reply) -> str | None:
    token = _texts(reply).get("access_token", "")
    return token if reply.status == 200 and BEARER.fullmatch(token) else None


def _texts(reply: Reply) -> dict[str, str]:
    """The fields of an answer that are text; none where it is no JSON object."""
    try:
        fields = decode(reply.body, dict[str, object])
    except msgspec.DecodeError:
        return {}
    return {name: value for name, value in fields.items() if isinstance(value, str)}


def _said(reply: Reply) -> Said:
    return Said(reply.status, reply.body.decode(errors="replace"))
