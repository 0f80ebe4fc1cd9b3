"""New connections: a name becomes addresses, an address is judged, and that very address is connected to."""

import asyncio
import ipaddress
import itertools
import socket
import ssl
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any, TypeVar

from wakala.outgoing.connection import Connection, words
from wakala.outgoing.guard import PRIVATE
from wakala.outgoing.message import Origin, UnsentError
from wakala.outgoing.tls import TlsTerms, trust_of_the_system

CONNECT_LIMIT_S = 5.0  # TCP and TLS together, over all addresses; looking up the name counts into the call's own limit
TERMS_LIMIT = 64  # one for each shortcode that speaks to the Broker, and their predecessors for a while
ADDRESSES_LIMIT = 4  # tried in turn; each gets its share of the time, so more of them would get too little
# Names looked up at once. One whose servers are down takes a thread for ten seconds and more; the loop's own look-ups
# are two at a time (libuv), for this client and for everybody else.
LOOKUPS_LIMIT = 128
GOODBYE_LIMIT_S = 1.0  # for the other side's half of TLS's goodbye, which nobody waits for

# Why an address may not be called, or None.
Judge = Callable[[str], str | None]

Made = TypeVar("Made", bound=Connection)


class UntrustedError(UnsentError):
    """The other side's certificate proves nothing; not one byte of the request has left."""


class Dialler:
    """Makes connections. ``judge`` is asked about every address before it is connected to."""

    def __init__(self, judge: Judge) -> None:
        self.judge = judge
        self._lookups: dict[tuple[str, int], asyncio.Task[list[str]]] = {}
        self._threads = ThreadPoolExecutor(LOOKUPS_LIMIT, "wakala-names")
        self._of_terms: OrderedDict[TlsTerms, ssl.SSLContext] = OrderedDict()

    def close(self) -> None:
        """Let the threads go, also those whose names nobody answers for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        """Of whoever has no terms of their own. Read at the first connection by TLS, for it takes 0.03 s."""
        return trust_of_the_system()

    async def dial(
        self,
        origin: Origin,
        on_lost: Callable[[Connection], None],
        make: Callable[[Origin, Callable[[Connection], None]], Made],
    ) -> Made:
        """A new connection as ``make`` makes it, or `UnsentError`. ``on_lost`` is handed on to it."""
        addresses = self._allowed(origin, await self.addresses(origin))
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + CONNECT_LIMIT_S
        trouble = ""
        for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
            try:
                async with asyncio.timeout((deadline_s - loop.time()) / left):
                    return await self._connect(origin, address, lambda: make(origin, on_lost))
            except ssl.SSLCertVerificationError as error:  # the other addresses are the same server's
                trouble = f"the certificate of {origin.host} is not trusted: {error.verify_message}"
                raise UntrustedError(trouble) from error
            except TimeoutError:  # also the system's own, which is no sooner over
                trouble = f"no connection to {address} within the time there was"
            except OSError as error:
                trouble = f"no connection to {address}: {words(error)}"
        raise UnsentError(trouble)

    async def _connect(self, origin: Origin, address: str, make: Callable[[], Made]) -> Made:
        secure: dict[str, Any] = {}
        if origin.scheme == "https":
            # The name, not the address: it is what the certificate must prove. The dot at the end is DNS's alone.
            name = (origin.terms.server_name if origin.terms else "") or origin.host.rstrip(".")
            secure = {
                "ssl": self._context(origin.terms),
                "server_hostname": name,
                "ssl_shutdown_timeout": GOODBYE_LIMIT_S,
            }
        _, connection = await asyncio.get_running_loop().create_connection(
            make,
            address,
            origin.port,
            flags=socket.AI_NUMERICHOST,  # what was judged is an address; nothing may look it up again
            **secure,
        )
        return connection

    def _context(self, terms: TlsTerms | None) -> ssl.SSLContext:
        if terms is None:
            return self._trust
        context = self._of_terms.pop(terms, None)
        if context is None:
            try:
                context = terms.context()
            except (OSError, ValueError, TypeError) as error:  # OpenSSL's own errors are OSErrors
                raise UnsentError(f"our certificate, its key or the authority cannot be used: {error}") from error
        self._of_terms[terms] = context  # the latest used last
        if len(self._of_terms) > TERMS_LIMIT:
            self._of_terms.popitem(last=False)
        return context

    def _allowed(self, origin: Origin, addresses: list[str]) -> list[str]:
        """Where a name leads is not said: whoever gave us the name may not learn our network by it."""
        if not addresses:
            raise UnsentError("the name has no address")
        allowed = [address for address in addresses if self.judge(address) is None]
        if not allowed and addresses[0] == origin.host:
            raise UnsentError(self.judge(origin.host) or "")
        if not allowed:
            raise UnsentError(f"{origin.host} leads to {PRIVATE}")
        return _in_turn(allowed)[:ADDRESSES_LIMIT]

    async def addresses(self, origin: Origin) -> list[str]:
        """Those behind a name, not yet judged."""
        try:
            return [str(ipaddress.ip_address(origin.host))]
        except ValueError:
            pass
        try:
            return await asyncio.shield(self._lookup(origin.host, origin.port))
        except (OSError, UnicodeError) as error:
            raise UnsentError(f"{origin.host} was not found: {_lookup_words(error)}") from error

    def _lookup(self, host: str, port: int) -> "asyncio.Task[list[str]]":
        """One look-up at a time a name: a burst of calls shares its answer, and a slow name takes a single thread.

        Nothing is kept: the next connection asks again.
        """
        task = self._lookups.get((host, port))
        if task is None:
            task = asyncio.get_running_loop().create_task(resolve(host, port, self._threads))
            self._lookups[host, port] = task
            task.add_done_callback(lambda done: self._forget((host, port), done))
        return task

    def _forget(self, key: tuple[str, int], done: "asyncio.Task[list[str]]") -> None:
        del self._lookups[key]
        if not done.cancelled():
            done.exception()  # seen, even if all who asked have left


async def resolve(host: str, port: int, threads: Executor | None = None) -> list[str]:
    """The addresses behind a name, in the system's order of preference."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(threads, look_up)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def _in_turn(addresses: Iterable[str]) -> list[str]:
    """Both families by turns, the preferred one first: a machine may have IPv6 in name only (RFC 8305, section 4)."""
    families: dict[bool, list[str]] = {}
    for address in addresses:
        families.setdefault(":" in address, []).append(address)
    return [address for turn in itertools.zip_longest(*families.values()) for address in turn if address is not None]


def _lookup_words(error: OSError | UnicodeError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
