"""One connection: a socket that carries one exchange at a time."""

import asyncio
import os
import select
import ssl
from collections.abc import Callable
from typing import cast

from wakala.deadlines import Deadlines
from wakala.outgoing.answer import AnswerReader, BrokenAnswerError
from wakala.outgoing.message import Message, Origin, UnsentError

AGE_LIMIT_S = 300.0  # under constant load a connection never rests; this is how long a change in DNS may go unseen


class Connection(asyncio.Protocol):
    """Made by `dialling`, lent out by the pool. ``idle_since_s`` is the pool's note on the loop's clock."""

    def __init__(self, origin: Origin, on_lost: Callable[["Connection"], None]) -> None:
        """``on_lost`` is called once, when the socket is closed, whoever closed it."""
        self.origin = origin
        self.idle_since_s = 0.0
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._made_s = self._loop.time()
        self._reader: AnswerReader | None = None
        self._settled: asyncio.Future[None] | None = None
        self._lost = self._loop.create_future()
        self._poll = select.poll()

    async def exchange(self, message: Message, limit_s: float, deadlines: Deadlines) -> AnswerReader:
        """Send and read. Raises `UnsentError`, `BrokenAnswerError`, or `TimeoutError` after ``limit_s``.

        After anything but an answer, a cancellation too, the connection is good for nothing but closing.
        """
        if self._transport.is_closing():
            raise UnsentError("the connection was closed before it could be used")
        reader = self._reader = AnswerReader(to_head=message.to_head)
        settled = self._settled = self._loop.create_future()
        deadlines.watch(settled, limit_s, TimeoutError)
        self._transport.write(message.wire)
        await settled
        return reader

    def rest(self) -> bool:
        """End an exchange. True where the next may follow on this connection: both sides have said all they had to."""
        reader, self._reader, self._settled = self._reader, None, None
        return (
            reader is not None
            and reader.reusable
            and not self._transport.is_closing()
            and self._transport.get_write_buffer_size() == 0
            and self._loop.time() - self._made_s < AGE_LIMIT_S
        )

    def is_quiet(self) -> bool:
        """True while the other side has neither hung up nor said anything unasked.

        The goodbye may lie in the socket before the loop has read it, so the socket itself is asked. What is written
        after it would be lost, and nobody could say whether it was.
        """
        return not self._transport.is_closing() and not self._poll.poll(0)

    @property
    def is_lost(self) -> bool:
        """True once the socket is closed."""
        return self._lost.done()

    def close(self) -> None:
        """Hang up in order; TLS says goodbye."""
        self._transport.close()

    def abort(self) -> None:
        """Hang up at once, whatever is still under way."""
        self._transport.abort()

    async def wait_lost(self) -> None:
        """Until the socket is closed."""
        await asyncio.shield(self._lost)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected, TLS included."""
        self._transport = cast("asyncio.Transport", transport)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer; of none, when nobody asked."""
        if self._reader is None:
            self.abort()
            return
        try:
            self._reader.feed(data)
        except BrokenAnswerError as trouble:
            self._settle(trouble)
        else:
            if self._reader.complete:
                self._settle()

    def eof_received(self) -> None:
        """The other side will say no more; what it was saying may be complete by that. The transport then closes."""
        self._hear_the_end()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, by whom ever."""
        if exc is None:
            self._hear_the_end()
        else:
            self._settle(BrokenAnswerError(f"the connection broke: {words(exc)}"))
        self._lost.set_result(None)
        self._on_lost(self)

    def _hear_the_end(self) -> None:
        if self._reader is None:
            return
        try:
            self._reader.end()
        except BrokenAnswerError as trouble:
            self._settle(trouble)
        else:
            self._settle()

    def _settle(self, trouble: BrokenAnswerError | None = None) -> None:
        if self._settled is None or self._settled.done():
            return
        if trouble is None:
            self._settled.set_result(None)
        else:
            self._settled.set_exception(trouble)


def words(error: BaseException) -> str:
    """A fault in the system's own words, without the number and the arguments that Python adds."""
    if isinstance(error, ssl.SSLError):  # its numbers are OpenSSL's, not the system's
        return f"TLS: {error.reason}"
    if isinstance(error, OSError) and error.errno and error.errno > 0:
        return os.strerror(error.errno)
    return str(error) or type(error).__name__
