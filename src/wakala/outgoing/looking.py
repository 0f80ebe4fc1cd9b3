"""One request on a connection of its own, and everything that can be learned on the way: for the test of a URL."""

import asyncio
import ssl
import time
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from wakala.deadlines import Deadlines
from wakala.outgoing.answer import AnswerReader, BrokenAnswerError
from wakala.outgoing.connection import Connection
from wakala.outgoing.dialling import Dialler, UntrustedError
from wakala.outgoing.message import Origin, UnsentError, compose


class Stage(StrEnum):
    """How far it got."""

    URL = "url"  # not even an address that could be called
    NAME = "name"
    ADDRESS = "address"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    ANSWER = "answer"


class TlsSeen(msgspec.Struct, frozen=True):
    """Of a connection whose certificate the system trusts. ``expires_s`` in seconds since 1970."""

    version: str
    issuer: str
    expires_s: int


class Look(msgspec.Struct, frozen=True):
    """What was met. ``trouble`` is empty where an answer came; ``refused`` are addresses that may not be called."""

    stage: Stage
    trouble: str = ""
    addresses: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    tls: TlsSeen | None = None
    status: int | None = None
    first_byte_us: int | None = None  # from the last byte of the request on


class WatchedConnection(Connection):
    """Notes when the first byte of the answer came."""

    first_byte_ns = 0

    def data_received(self, data: bytes) -> None:
        """As of every connection, with a look at the clock."""
        self.first_byte_ns = self.first_byte_ns or time.perf_counter_ns()
        super().data_received(data)

    def tls_seen(self) -> TlsSeen | None:
        """None without TLS."""
        secure = self._transport.get_extra_info("ssl_object")
        if secure is None:
            return None
        certificate = secure.getpeercert() or {}
        issuer = dict(pair for part in certificate.get("issuer", ()) for pair in part)
        name = issuer.get("organizationName") or issuer.get("commonName") or "an unnamed authority"
        return TlsSeen(secure.version() or "TLS", name, int(ssl.cert_time_to_seconds(certificate["notAfter"])))


async def look(
    dialler: Dialler, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, total_s: float
) -> Look:
    """Send once. Every address is judged by the dialler, exactly as for any other call."""
    try:
        message = compose(method, url, headers, body)
    except UnsentError as why:
        return Look(Stage.URL, str(why))
    seen = Look(Stage.NAME, f"no address of {message.origin.host} within {total_s:g} s")
    connection: WatchedConnection | None = None
    try:
        async with asyncio.timeout(total_s):
            seen = await _addresses(dialler, message.origin)
            if seen.stage is not Stage.CONNECTION:
                return seen
            connection = await dialler.dial(message.origin, lambda _: None, WatchedConnection)
            seen = msgspec.structs.replace(seen, stage=Stage.ANSWER, trouble="", tls=connection.tls_seen())
            sent_ns = time.perf_counter_ns()
            answer = await connection.exchange(message, total_s, Deadlines())  # `timeout` above is over before
            return _answered(seen, answer, connection.first_byte_ns - sent_ns)
    except UntrustedError as why:
        return msgspec.structs.replace(seen, stage=Stage.CERTIFICATE, trouble=str(why))
    except (UnsentError, BrokenAnswerError) as why:
        return msgspec.structs.replace(seen, trouble=str(why))
    except TimeoutError:
        what = "answer" if seen.stage is Stage.ANSWER else "connection"
        return seen if seen.stage is Stage.NAME else _late(seen, what, total_s)
    finally:
        if connection is not None:
            connection.abort()


async def _addresses(dialler: Dialler, origin: Origin) -> Look:
    try:
        addresses = await dialler.addresses(origin)
    except UnsentError as why:
        return Look(Stage.NAME, str(why))
    refused = tuple(address for address in addresses if dialler.judge(address))
    if len(refused) == len(addresses):
        trouble = dialler.judge(addresses[0]) if addresses else "the name has no address"
        return Look(Stage.ADDRESS, trouble or "", tuple(addresses), refused)
    return Look(Stage.CONNECTION, "", tuple(addresses), refused)


def _answered(seen: Look, answer: AnswerReader, first_byte_ns: int) -> Look:
    return msgspec.structs.replace(seen, status=answer.status, first_byte_us=max(0, first_byte_ns) // 1_000)


def _late(seen: Look, what: str, total_s: float) -> Look:
    return msgspec.structs.replace(seen, trouble=f"no {what} within {total_s:g} s")
