"""The witness on M-Pesa's line to the gateways: which callbacks were acknowledged, byte for byte.

The simulator counts answers of any status, so it cannot say which of its callbacks it may forget. Who listens on the
line can: a callback that was answered 2xx must be in the journal, whether or not the answer arrived.
"""

import collections
import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import httptools

from processes.links import Listener


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One callback that the gateway took: its path without the secret end, and its body."""

    path: str
    body: bytes

    @property
    def key(self) -> str:
        """What the journal's copy is found by."""
        return digest(self.body)


def digest(body: bytes) -> str:
    """Equal for equal bytes."""
    return hashlib.sha256(body).hexdigest()


class Ear(Listener):
    """Listens to one connection on which requests and answers take turns."""

    def __init__(self, heard: list[Acknowledged]) -> None:
        self._heard = heard
        self._waiting: collections.deque[Acknowledged] = collections.deque()
        self._path = b""
        self._body = b""
        self._request = httptools.HttpRequestParser(_Names(self._begin, self._read_path, self._read_body, self._end))
        self._answer = httptools.HttpResponseParser(_Names(on_message_complete=self._hear_answer))
        self._is_deaf = False

    def asked(self, data: bytes) -> None:
        """A piece of a request."""
        self._feed(self._request, data)

    def answered(self, data: bytes) -> None:
        """A piece of an answer."""
        self._feed(self._answer, data)

    def _feed(self, parser: httptools.HttpRequestParser | httptools.HttpResponseParser, data: bytes) -> None:
        if self._is_deaf:
            return
        try:
            parser.feed_data(data)
        except httptools.HttpParserError:
            self._is_deaf = True  # cut off in the middle; what was acknowledged before stands

    def _begin(self) -> None:
        self._path, self._body = b"", b""

    def _read_path(self, piece: bytes) -> None:
        self._path += piece

    def _read_body(self, piece: bytes) -> None:
        self._body += piece

    def _end(self) -> None:
        path = self._path.decode("latin-1").rpartition("/")[0]
        self._waiting.append(Acknowledged(path, self._body))

    def _hear_answer(self) -> None:
        status = self._answer.get_status_code()
        if self._waiting and status >= 200:
            callback = self._waiting.popleft()
            if status < 300:
                self._heard.append(callback)


@dataclass
class _Names:
    """The names that httptools calls."""

    on_message_begin: Callable[[], None] = lambda: None
    on_url: Callable[[bytes], None] = lambda _: None
    on_body: Callable[[bytes], None] = lambda _: None
    on_message_complete: Callable[[], None] = lambda: None
