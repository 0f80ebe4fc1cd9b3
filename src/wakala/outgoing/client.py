"""The door: one call, one answer or the reason why there is none."""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable

import msgspec

from wakala.deadlines import Deadlines
from wakala.outgoing.answer import BrokenAnswerError
from wakala.outgoing.connection import Connection
from wakala.outgoing.dialling import Dialler
from wakala.outgoing.guard import refusal
from wakala.outgoing.looking import Look, look
from wakala.outgoing.message import UnsentError, compose
from wakala.outgoing.pool import Pool
from wakala.outgoing.tls import TlsTerms

TOO_LATE = "it was not to leave any more once there was a connection"


class Reply(msgspec.Struct, frozen=True):
    """What came back. ``body`` is cut at `READ_LIMIT_BYTES`."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    duration_us: int


class NoReply(msgspec.Struct, frozen=True):
    """Nothing came back. ``unsent`` is True only where certainly not one byte of the request left."""

    unsent: bool
    reason: str
    duration_us: int


class Outgoing:
    """``guarded`` judges every address; ``allowed`` are the private networks that the configuration lets through."""

    def __init__(self, *, guarded: bool, allowed: Iterable[str] = ()) -> None:
        self._guarded = guarded
        self.allowed = tuple(ipaddress.ip_network(net, strict=False) for net in allowed)
        self._pool: Pool | None = None
        self._dialler: Dialler | None = None
        self._deadlines = Deadlines()

    async def open(self) -> None:
        """Make the pool."""
        self._dialler = Dialler(self._judge)
        self._pool = Pool(self._dialler)

    async def close(self) -> None:
        """Close every connection. Calls that are under way may end first, for a few seconds."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()
        if self._dialler is not None:
            self._dialler.close()

    async def send(
        self,
        method: str,
        url: str,
        headers: Iterable[tuple[str, str]],
        body: bytes,
        *,
        total_s: float,
        terms: TlsTerms | None = None,
        may_leave: Callable[[], bool] | None = None,
    ) -> Reply | NoReply:
        """Send once and read the answer, or say whether a byte may have left. ``terms`` are for https alone.

        ``may_leave`` is asked last of all, when the next thing that happens is a byte on the wire.
        """
        pool = self._pool
        if pool is None:
            raise RuntimeError("Outgoing is not open")
        started_ns = time.perf_counter_ns()
        connection: Connection | None = None
        try:
            message = compose(method, url, headers, body, terms)
            connection = await pool.take_kept(message.origin)
            if connection is None:
                async with asyncio.timeout(total_s):
                    connection = await pool.take(message.origin)
            if may_leave is not None and not may_leave():
                return NoReply(True, TOO_LATE, _since_us(started_ns))
            answer = await connection.exchange(message, total_s - _since_us(started_ns) / 1_000_000, self._deadlines)
            return Reply(answer.status, answer.headers, answer.body, _since_us(started_ns))
        except UnsentError as why:
            return NoReply(True, str(why), _since_us(started_ns))
        except BrokenAnswerError as why:
            return NoReply(False, str(why), _since_us(started_ns))
        except TimeoutError:
            missing = "connection" if connection is None else "answer"
            return NoReply(connection is None, f"no {missing} within {total_s:g} s", _since_us(started_ns))
        finally:
            if connection is not None:
                pool.give_back(connection)

    async def look(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, *, total_s: float
    ) -> Look:
        """Send once on a connection of its own, and say what was met on the way. The addresses are judged as ever."""
        if self._dialler is None:
            raise RuntimeError("Outgoing is not open")
        return await look(self._dialler, method, url, headers, body, total_s)

    def _judge(self, address: str) -> str | None:
        return refusal(address, self.allowed) if self._guarded else None


def _since_us(started_ns: int) -> int:
    return (time.perf_counter_ns() - started_ns) // 1000
