"""Where calls come in. An ordinary POST goes from the parser straight to its door, the answer straight to the socket.

uvicorn's protocol serves all the rest by ASGI: whatever has no door here, and every call that is out of the ordinary
(another method, a query, a body without a length, the next call before the last was answered). To put a call into
ASGI's messages and take it out again is work that no ordinary call needs.
"""

import asyncio
import heapq
import time
from collections.abc import Callable, Coroutine, Iterable
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple, Protocol, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

LENGTH_MAX_CHARS = 9
"""Of a Content-Length; which length a door takes is asked of the door."""

ARRIVAL_LIMIT_S = 30.0
"""Of silence before the first call, or in the middle of one; else callers who have vanished would fill all places."""

WHOLE_LIMIT_S = 180.0
"""Of one call, from its first byte to its last: a megabyte by the slowest of networks. Who sends a byte every half
minute is never silent, and would keep a place for good."""

LEAVING_LIMIT_S = 60.0
"""Of an answer that stands still, for its caller does not read; it would be kept in memory for good."""

HEAD_LIMIT_BYTES = 65_536
"""Of a call's first line and headers, and of what stands after a body in chunks. Ours have a kilobyte, and no server in
front lets more by; the parser has no limit of its own."""

YIELDING_S = 3.0
"""Of silence, after which a caller to whom nothing is owed gives his place to one who comes while all are taken: a
merchant who opens lines and forgets them must not keep M-Pesa out, who calls once."""

YIELDING_SHARE = 64
"""One in so many places is cleared at a time: it would be dear to look through all callers for each who comes."""

SEARCH_REST_S = 0.25
"""Until it is looked again, where nobody had been silent for so long."""

CROWDED_REST_S = 60.0
"""From one line of the log about callers who were turned away, or sent away for others, to the next."""

NO_HTTP = "Invalid HTTP request received."
TOO_LONG = f"The head of a request has at most {HEAD_LIMIT_BYTES} bytes."
CROWDED = "Every place for a caller is taken. Try again in a moment with the same RequestID: nothing is done twice."
OFFERS = frozenset({b"connection", b"upgrade", b"http2-settings"})
"""Headers by which another protocol is offered; of the first, what else it says stays."""

Pairs = list[tuple[bytes, bytes]]


class Call(NamedTuple):
    """One call, whole. ``headers`` have their names in small letters; ``client`` is the address at the other end."""

    url: bytes
    headers: Pairs
    body: bytes
    client: str


class Leaving(NamedTuple):
    """What goes out. ``head`` is header lines, without the body's length; ``after`` runs when it has left."""

    status: int
    head: bytes
    body: bytes
    after: Callable[[], object] | None = None


class Door(Protocol):
    """Takes calls of one kind."""

    @property
    def body_max_bytes(self) -> int:
        """What is longer goes the other way."""

    def take(self, call: Call) -> Coroutine[Any, Any, Leaving]:
        """Answer a call. What this raises is a bug, and the caller is told so much."""


class House(Protocol):
    """An ASGI application that has doors."""

    def door(self, url: bytes) -> Door | None:
        """Where a POST to this leads, as it stands in the request; None where ASGI is to find out."""


class Visit:
    """One call that is under way here; for uvicorn, which asks it as it asks its own."""

    __slots__ = (
        *("body", "disconnected", "door", "headers", "keep_alive", "message_event", "more_body"),
        *("response_complete", "url"),
    )

    def __init__(self, door: Door, url: bytes, headers: Pairs) -> None:
        self.door = door
        self.url = url
        self.headers = headers
        self.body = bytearray()  # which grows by a byte at a time without being copied each time
        self.keep_alive = True
        self.disconnected = False
        self.more_body = True
        self.response_complete = False
        self.message_event = UNHEARD


UNHEARD = asyncio.Event()
"""uvicorn rings when a caller has left; nobody waits for it here."""


class Reception(HttpToolsProtocol):
    """One caller's connection to a `House`."""

    _said_crowded_seconds: ClassVar[float | None] = None
    _search_seconds: ClassVar[float] = 0.0  # when to look for silent callers again
    _heard_seconds = 0.0
    _is_between = False  # two calls; also before the first and in the middle of one a caller may fall silent
    _timer: asyncio.TimerHandle | None = None
    _visit: Visit | None = None
    _is_offered_another = False  # protocol, by the call whose head was read last
    _begun_seconds = 0.0  # when the first byte of the latest call came
    _read_bytes = 0  # of the latest piece that came
    _bare_bytes = 0  # of those before it which brought neither the end of a head nor any body
    _has_brought = False  # either, the latest piece
    _is_too_long = False
    _is_over = False  # nothing more is taken from this caller
    _refusal: tuple[int, str] | None = None  # for the last call, once those before it are answered
    _waiting_bytes = 0  # to leave, as of the latest look
    _moved_seconds = 0.0  # when those were last seen to change

    def data_received(self, data: bytes) -> None:
        """Bytes of a call, or of several.

        A call that offers to go on in another protocol is answered in this one, as a server may (RFC 9110, 7.8); Java's
        own client makes that offer with each call over plain HTTP. The parser would take the call's body for that
        protocol's, so it is given the call once more, without the offer.
        """
        if self._is_over:
            return
        self._unset_keepalive_if_required()
        self._read_bytes, self._has_brought = len(data), False
        while data:
            data = self._parsed(data)
        self._bare_bytes = 0 if self._has_brought else self._bare_bytes + self._read_bytes
        if self._bare_bytes > HEAD_LIMIT_BYTES and not self._is_over:
            self._turn_away(431, TOO_LONG)

    def _parsed(self, data: bytes) -> bytes:
        """What has to be parsed once more."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self._turn_away(*((431, TOO_LONG) if self._is_too_long else (400, NO_HTTP)))
        except httptools.HttpParserUpgrade as offer:
            if self._is_offered_another:
                return self._head_for_another_parser() + data[offer.args[0] :]
            self._unsupported_upgrade_warning()
        return b""

    def _turn_away(self, status: int, why: str) -> None:
        """Take nothing more; whatever came whole before this is answered first."""
        self._is_over = True
        self.logger.warning(why)
        if self._is_latest_whole():
            self.cycle.keep_alive = False
        elif self.pipeline:
            self._refusal = (status, why)
        else:
            self._refuse(status, why)

    def _refuse(self, status: int, why: str) -> None:
        head = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close" % len(why)
        self.transport.write(b"%b%b\r\n\r\n%b" % (STATUS_LINE[status], head, why.encode()))
        self.transport.close()

    def _head_for_another_parser(self) -> bytes:
        head = self._head_without_offer()
        self._is_offered_another = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's is
        return head

    def _head_without_offer(self) -> bytes:
        lines = [(name, value) for name, value in self.headers if name not in OFFERS]
        for name, value in self.headers:
            tokens = [token.strip() for token in value.split(b",")] if name == b"connection" else []
            lines += [(name, token) for token in tokens if token.lower() not in OFFERS]
        version = self.parser.get_http_version().encode()
        return b"%b %b HTTP/%b\r\n%b\r\n" % (self.parser.get_method(), self.url, version, header_lines(lines))

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request begins; ASGI's view of it is made when it turns out to be wanted."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._begun_seconds = self._heard_seconds

    def on_headers_complete(self) -> None:
        """Decide which way it goes."""
        self._has_brought = True
        if self._bare_bytes + self._read_bytes > HEAD_LIMIT_BYTES:
            self._require_fitting_head()
        self._is_offered_another = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._is_offered_another:
            return
        self._visit = self._received()
        if self._visit is not None:
            self.cycle = cast("RequestResponseCycle", self._visit)
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # a list that the scope has as well
        super().on_headers_complete()
        self.headers = []  # what comes after the body is nobody's: a proxy in front answers for the head alone

    def _require_fitting_head(self) -> None:
        lines = sum(len(name) + len(b": \r\n") + len(value) for name, value in self.headers)
        if len(self.url) + lines > HEAD_LIMIT_BYTES:
            self._is_too_long = True
            raise ValueError(TOO_LONG)

    def on_body(self, body: bytes) -> None:
        """A piece of the body, no longer than was announced."""
        self._has_brought = True
        if self._visit is not None:
            self._visit.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole call is here."""
        self._has_brought = True
        if self._is_offered_another:
            return
        visit = self._visit
        if visit is None:
            super().on_message_complete()
            return
        visit.more_body = False
        client = self.client[0] if self.client else ""
        self.answer(visit, visit.door.take(Call(visit.url, visit.headers, bytes(visit.body), client)))

    # How long it is kept. uvicorn sets an alarm for each answer and takes it back at the next call, which costs more
    # than the answer; here one alarm looks whether the caller has been silent for as long.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A caller. Where all places are taken he gets that of one who is silent, or is turned away at once."""
        super().connection_made(transport)
        self._heard_seconds = self._begun_seconds = time.monotonic()
        if self.limit_concurrency is not None and len(self.connections) >= self.limit_concurrency:
            self._say_crowded()
            if not self._make_room(self.limit_concurrency):
                self._give_up_place()
                self._refuse(503, CROWDED)
                return
        self._timer = self.loop.call_later(self.timeout_keep_alive, self._look)

    def _make_room(self, places: int) -> bool:
        """Send those away who have been silent for longest; False where nobody may be."""
        now_seconds = self._heard_seconds
        if now_seconds < Reception._search_seconds:
            return False
        callers = cast("set[Reception]", self.connections)
        silent = [
            (seconds, caller) for caller in callers if (seconds := caller.silent_seconds(now_seconds)) >= YIELDING_S
        ]
        if not silent:
            Reception._search_seconds = now_seconds + SEARCH_REST_S
            return False
        for _, caller in heapq.nlargest(max(1, places // YIELDING_SHARE), silent, key=itemgetter(0)):
            caller.send_away()
        return True

    def silent_seconds(self, now_seconds: float) -> float:
        """How long nothing has come from this caller; 0 where an answer is owed to him, or has not all left."""
        is_owed = self._is_answering() or self.transport.get_write_buffer_size() > 0
        return 0.0 if is_owed else now_seconds - self._heard_seconds

    def send_away(self) -> None:
        """Hang up, for somebody else."""
        self._give_up_place()
        self.transport.close()

    def _give_up_place(self) -> None:
        """From now on and not once the line is closed, which may be after many others have come."""
        self._is_over = True
        self.connections.discard(self)

    def _say_crowded(self) -> None:
        said_seconds, now_seconds = Reception._said_crowded_seconds, time.monotonic()
        if said_seconds is None or now_seconds - said_seconds >= CROWDED_REST_S:
            Reception._said_crowded_seconds = now_seconds
            self.logger.warning(
                "all %d places for callers are taken; who comes gets the place of one who has been silent for %d s, "
                "or is turned away where nobody has",
                self.limit_concurrency,
                YIELDING_S,
            )

    def connection_lost(self, exc: Exception | None) -> None:
        """The caller has hung up, or we did."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        """An answer has left: the next call may come, or waits already."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            waiting = self.pipeline.pop()
            if self._refusal and not self.pipeline:
                self._refuse(*self._refusal)
            else:
                self._start_asgi_task(*waiting)
            return
        self._heard_seconds, self._is_between = time.monotonic(), True

    def _unset_keepalive_if_required(self) -> None:
        """Something came."""
        self._heard_seconds, self._is_between = time.monotonic(), False

    def _look(self) -> None:
        now_seconds = time.monotonic()
        if self._stands_still(now_seconds):
            self.transport.abort()
            return
        left_seconds = self._left_seconds(now_seconds)
        if left_seconds <= 0:
            self.timeout_keep_alive_handler()
            left_seconds = self.timeout_keep_alive  # until what is still to leave has left
        self._timer = self.loop.call_later(min(self.timeout_keep_alive, left_seconds), self._look)

    def _left_seconds(self, now_seconds: float) -> float:
        """Of the time that this caller has."""
        if self._is_answering():
            return self.timeout_keep_alive
        silent_seconds = now_seconds - self._heard_seconds
        if self._is_between:
            return self.timeout_keep_alive - silent_seconds
        return min(ARRIVAL_LIMIT_S - silent_seconds, WHOLE_LIMIT_S - (now_seconds - self._begun_seconds))

    def _stands_still(self, now_seconds: float) -> bool:
        """True where an answer has not moved for too long."""
        waiting_bytes = self.transport.get_write_buffer_size()
        if waiting_bytes == 0 or waiting_bytes != self._waiting_bytes:
            self._waiting_bytes, self._moved_seconds = waiting_bytes, now_seconds
        return now_seconds - self._moved_seconds >= LEAVING_LIMIT_S

    def _is_answering(self) -> bool:
        """True from the end of a call to the end of its answer."""
        return bool(self.pipeline) or self._is_latest_whole()

    def _is_latest_whole(self) -> bool:
        """True where the latest call has come to its end and its answer has not."""
        return self.cycle is not None and not (self.cycle.response_complete or self.cycle.more_body)

    # What becomes of it

    def _received(self) -> Visit | None:
        """The call, when it is an ordinary one."""
        door = cast("House", self.app).door(self.url)
        if door is None or self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return None
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.flow.write_paused or self.expect_100_continue or not self.parser.should_keep_alive():
            return None
        for name, value in self.headers:
            if name == b"content-length":
                is_fitting = value.isdigit() and len(value) <= LENGTH_MAX_CHARS and int(value) <= door.body_max_bytes
                return Visit(door, self.url, self.headers) if is_fitting else None
        return None

    def answer(self, visit: Visit, answering: Coroutine[Any, Any, Leaving]) -> None:
        """Carry out what a door does with a call, in a task."""
        task = self.loop.create_task(self.answer_later(visit, answering))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def answer_later(self, visit: Visit, answering: Coroutine[Any, Any, Leaving]) -> None:
        """Wait for the answer, then send it."""
        try:
            leaving = await answering
        except Exception as broken:  # noqa: BLE001 - whatever it is, the caller is answered and the fault is logged
            self.break_off(visit, broken)
        else:
            self.send(visit, leaving)

    def send(self, visit: Visit, leaving: Leaving) -> None:
        """The answer; what is to come after it comes one turn later, when it has left."""
        visit.response_complete = True
        if not self.transport.is_closing():
            closing = b"" if visit.keep_alive else b"connection: close\r\n"
            lines = header_lines(self.server_state.default_headers) + leaving.head + closing
            length = len(leaving.body)
            self.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (STATUS_LINE[leaving.status], lines, length, leaving.body))
            if not visit.keep_alive:
                self.transport.close()
        self.on_response_complete()
        if leaving.after is not None:
            self.loop.call_soon(leaving.after)

    def write(self, whole: bytes) -> None:
        """A whole answer to the socket."""
        self.transport.write(whole)

    def break_off(self, visit: Visit, broken: Exception) -> None:
        """A fault of our own."""
        self.logger.error("Exception behind a door\n", exc_info=broken)
        visit.keep_alive = False
        self.send(visit, Leaving(500, b"content-type: text/plain\r\n", b"Internal Server Error"))


def header_lines(pairs: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as they stand on the wire."""
    return b"".join([b"%b: %b\r\n" % pair for pair in pairs])
