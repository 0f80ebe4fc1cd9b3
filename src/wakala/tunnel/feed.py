"""The gateway's end of the tunnel: notifications by cursor, each with the headers of an attempt."""

import base64
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlencode

import aiohttp
import msgspec

from wakala.errors import CallerError, NotFoundError, UnauthenticatedError

WAIT_S = 20  # how long the gateway may hold an answer back; it allows 25
ANSWER_LIMIT_S = WAIT_S + 15.0
ANSWER_LIMIT_BYTES = 16 * 1024 * 1024
PAGE_ROWS = 50
SEEN_LIMIT = 1_000  # the gateway's own

Told = TypeVar("Told")


class DownError(Exception):
    """The gateway cannot be asked now; the message says why in words."""


class Note(msgspec.Struct, frozen=True):
    """One notification: the very bytes that were signed, and what is sent before them."""

    NotificationID: str
    PaymentID: str
    Type: str
    Body: msgspec.Raw
    Headers: dict[str, str] = {}

    @property
    def request_id(self) -> str:
        """The merchant's own ID, where the shape of the body has one."""
        try:
            told = msgspec.json.decode(self.Body)
        except msgspec.DecodeError:
            return self.PaymentID
        data = told.get("data", told) if isinstance(told, dict) else {}
        found = data.get("RequestID") if isinstance(data, dict) else None
        return found if isinstance(found, str) else self.PaymentID


class Page(msgspec.Struct, frozen=True):
    """It begins after ``Cursor``. Nothing can come before ``After`` any more; some of the notes lie beyond it."""

    Notifications: list[Note]
    Cursor: str
    After: str


class Feed:
    """One app's notifications. The secret is held here and shown nowhere."""

    def __init__(self, base_url: str, consumer_key: str, consumer_secret: str, consumer: str) -> None:
        """``base_url`` with the environment in it, such as ``https://pay.example/sandbox/mpesa/v1``."""
        self._url = f"{base_url.rstrip('/')}/notifications"
        self._consumer = consumer
        pair = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode()
        self._headers = {"Authorization": f"Basic {pair}", "User-Agent": "Wakala/1"}
        self._session: aiohttp.ClientSession | None = None
        self._was_here = False

    async def __aenter__(self) -> Self:
        """Open."""
        limits = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S, connect=10)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=limits, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        if self._session is not None:
            await self._session.close()

    async def page(self, after: str, seen: int, wait_s: int = WAIT_S) -> Page:
        """What comes after a cursor, as soon as there is more than ``seen`` of it; "" is where this reader stopped."""
        query = {"consumer": self._consumer, "wait": wait_s, "limit": PAGE_ROWS, "signed": "true"}
        if after:
            query["after"] = after
        if seen < SEEN_LIMIT:  # else it waits until the cursor may pass them
            query["seen"] = seen
        return await self._asked("GET", f"?{urlencode(query)}", Page)

    async def cursor(self) -> str:
        """Where this reader stopped; "" where it never was here."""
        query = {"consumer": self._consumer, "limit": 1}
        return (await self._asked("GET", f"?{urlencode(query)}", Page)).Cursor

    async def now(self) -> str:
        """A cursor before everything that is still to come."""
        return (await self.page("now", 0, wait_s=0)).After

    async def signed_anew(self, note: Note) -> Note:
        """The same note with headers of now: receivers refuse those of some minutes ago."""
        return await self._asked("GET", f"/{note.NotificationID}?signed=true", Note)

    async def acknowledge(self, cursor: str) -> None:
        """This reader has everything up to there."""
        body = msgspec.json.encode({"Consumer": self._consumer, "Cursor": cursor})
        await self._asked("POST", "/acknowledge", dict, body)

    async def _asked(self, method: str, path: str, kind: type[Told], body: bytes | None = None) -> Told:
        """The gateway's answer; `DownError` for what is none of a gateway's that was here before."""
        if self._session is None:
            raise RuntimeError("Feed is not open")
        status, told = await self._answer(self._session, method, f"{self._url}{path}", body)
        if 200 <= status < 300:
            try:
                answer = msgspec.json.decode(told, type=kind)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise DownError(f"its answer cannot be read: {error}") from error
            self._was_here = True
            return answer
        raise _fault(status, _sentence(told), was_here=self._was_here)

    async def _answer(
        self, session: aiohttp.ClientSession, method: str, url: str, body: bytes | None
    ) -> tuple[int, bytes]:
        try:
            async with session.request(method, url, data=body, allow_redirects=False) as answer:
                told = await answer.content.read(ANSWER_LIMIT_BYTES)
                while not answer.content.at_eof() and len(told) < ANSWER_LIMIT_BYTES:
                    told += await answer.content.read(ANSWER_LIMIT_BYTES)
                return answer.status, told
        except aiohttp.ClientConnectorError as error:
            raise DownError(f"no connection to {error.host}:{error.port}: {error.strerror or error}") from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise DownError(str(error) or type(error).__name__) from error
        except UnicodeError as error:  # a part of a name has 63 characters at most
            raise CallerError(f"{self._url} has a host that is no name: check --gateway.") from error


def _fault(status: int, sentence: str | None, *, was_here: bool) -> Exception:
    """A gateway that says no says it for good. Who speaks in its place, while it is out of order, may go away again."""
    is_no = 400 <= status < 500 and status not in {408, 429}
    if not is_no or (sentence is None and was_here):
        return DownError(f"it answered {status}")
    sentence = sentence or "is this the address of a Wakala gateway?"
    if status in {401, 403}:
        return UnauthenticatedError(f"The gateway turns this app away: {sentence}")
    kind = NotFoundError if status == 404 else CallerError
    return kind(f"The gateway answered {status}: {sentence}")


def _sentence(told: bytes) -> str | None:
    """What a gateway says with a status; None where somebody else said it."""
    try:
        problem: Any = msgspec.json.decode(told)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(problem, dict):
        return None
    detail, errors = problem.get("detail"), problem.get("errors")
    faults = [f"{one.get('pointer')}: {one.get('message')}" for one in errors or [] if isinstance(one, dict)]
    return " ".join(faults) or (str(detail) if detail else None)
