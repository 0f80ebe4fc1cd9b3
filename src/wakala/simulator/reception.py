"""Where calls come in. M-Pesa's own go from the parser straight to their API, the answer straight to the socket.

uvicorn's protocol serves all the rest: the page, the control API, and every call that is out of the ordinary (another
method, a query, a body without a length, the next call before the last was answered). A load test makes none of these,
and to put a call into ASGI's messages and take it out again would cost half as much as all that M-Pesa does with it.
"""

import asyncio
import math
import time
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from wakala.simulator.exchange import Endpoint, Incoming, Sent, header_lines
from wakala.simulator.switchboard import Switchboard

LENGTH_MAX_CHARS = 9
"""Of a Content-Length; which length an API takes is asked of the API."""

After = Callable[[], object]
Answering = Coroutine[Any, Any, tuple[Sent, After | None]]


class Visit:
    """One call that is under way here; for uvicorn, which asks it as it asks its own."""

    __slots__ = ("body", "disconnected", "endpoint", "incoming", "keep_alive", "message_event", "response_complete")

    def __init__(self, endpoint: Endpoint, incoming: Incoming) -> None:
        self.endpoint = endpoint
        self.incoming = incoming
        self.body = b""
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False
        self.message_event = UNHEARD


UNHEARD = asyncio.Event()
"""uvicorn rings when a caller has left; nobody waits for it here."""


class Reception(HttpToolsProtocol):
    """One caller's connection."""

    _idle_since_seconds = math.inf  # never while a request is under way
    _timer: asyncio.TimerHandle | None = None
    app: Switchboard  # what it is made for: see ``main.configure``
    _visit: Visit | None = None

    # What the parser calls

    def on_message_begin(self) -> None:
        """A request begins; ASGI's view of it is made when it turns out to be wanted."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False

    def on_headers_complete(self) -> None:
        """Decide which way it goes."""
        self._visit = self._received()
        if self._visit is not None:
            self.cycle = cast("RequestResponseCycle", self._visit)
            return
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        self.headers += headers  # a list that the scope has as well
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A piece of the body, no longer than was announced."""
        if self._visit is not None:
            self._visit.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole call is here."""
        if self._visit is not None:
            self._answer(self._visit)
        else:
            super().on_message_complete()

    # How long it is kept. uvicorn sets an alarm for each answer and takes it back at the next call, which costs more
    # than the answer; here one alarm looks whether the caller has been silent for as long.

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
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._idle_since_seconds = time.monotonic()
        if self._timer is None:
            self._timer = self.loop.call_later(self.timeout_keep_alive, self._look)

    def _unset_keepalive_if_required(self) -> None:
        """Something came."""
        self._idle_since_seconds = math.inf

    def _look(self) -> None:
        silent_seconds = time.monotonic() - self._idle_since_seconds
        if silent_seconds >= self.timeout_keep_alive:
            self.timeout_keep_alive_handler()
        else:
            left_seconds = min(self.timeout_keep_alive, self.timeout_keep_alive - silent_seconds)
            self._timer = self.loop.call_later(left_seconds, self._look)

    # What becomes of it

    def _received(self) -> Visit | None:
        """The call, when it is an ordinary one of M-Pesa's."""
        endpoint = self.app.direct.get(self.url)
        if endpoint is None or self.parser.get_method() != b"POST" or self.parser.get_http_version() != "1.1":
            return None
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy or self.flow.write_paused or self.expect_100_continue or not self.parser.should_keep_alive():
            return None
        headers = dict(self.headers)
        length = headers.get(b"content-length", b"")
        if not (length.isdigit() and len(length) <= LENGTH_MAX_CHARS and int(length) <= endpoint.body_max_bytes):
            return None
        return Visit(endpoint, endpoint.incoming("POST", self.url.decode("ascii"), headers))

    def _answer(self, visit: Visit) -> None:
        """Let the API answer: at once, or when it has waited for what it waits for."""
        visit.incoming.body = visit.body
        answering = visit.endpoint.answer(visit.incoming)
        try:
            waits_for = answering.send(None)
        except StopIteration as done:
            self._send(visit, *done.value)
        except Exception as broken:  # noqa: BLE001, whatever it is: the caller is answered and the fault is logged
            self._break_off(visit, broken)
        else:
            task = self.loop.create_task(self._answer_later(visit, _rest(answering, waits_for)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _answer_later(self, visit: Visit, rest: Answering) -> None:
        try:
            sent, after = await rest
        except Exception as broken:  # noqa: BLE001, as above
            self._break_off(visit, broken)
        else:
            self._send(visit, sent, after)

    def _send(self, visit: Visit, sent: Sent, after: After | None) -> None:
        """The answer; what is to come after it comes one turn later, when it has left."""
        visit.response_complete = True
        if not self.transport.is_closing():
            head = STATUS_LINE[sent.status] + header_lines(self.server_state.default_headers) + sent.head
            closing = b"" if visit.keep_alive else b"connection: close\r\n"
            self.transport.write(b"%b%bcontent-length: %d\r\n\r\n%b" % (head, closing, len(sent.body), sent.body))
            if not visit.keep_alive:
                self.transport.close()
        self.on_response_complete()
        if after is not None:
            self.loop.call_soon(after)

    def _break_off(self, visit: Visit, broken: Exception) -> None:
        """A fault of the simulator's own."""
        self.logger.error("Exception in an API of the simulator\n", exc_info=broken)
        visit.keep_alive = False
        self._send(visit, Sent(500, b"Internal Server Error", {"Content-Type": "text/plain"}), None)


@coroutine
def _rest(begun: Answering, waits_for: object) -> Generator[Any, Any, tuple[Sent, After | None]]:
    """Go on with a coroutine that was begun without a task: as ``await`` does, which can only begin one."""
    while True:
        try:
            woken = yield waits_for
        except BaseException as thrown:  # noqa: BLE001, all of them are for the coroutine, a cancellation too
            step = partial(begun.throw, thrown)
        else:
            step = partial(begun.send, woken)
        try:
            waits_for = step()
        except StopIteration as done:
            result: tuple[Sent, After | None] = done.value
            return result
