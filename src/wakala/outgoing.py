"""The one HTTP client: what leaves, leaves here.

A request is never sent twice by itself, not on a reused connection either: for an STK push that would be a second
prompt on a customer's phone. No redirects, no decompression, no proxies from the environment, no cookies; caps on head,
body and time. The address is judged at the moment of connecting, so neither names, odd spellings nor a DNS answer that
changes can get around it.
"""

import asyncio
import errno
import ipaddress
import socket
import time
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import aiohttp
import msgspec

CONNECT_LIMIT_S = 5.0
READ_LIMIT_BYTES = 65_536
HEAD_LINE_LIMIT_BYTES = 8_190
CONNECTIONS_LIMIT = 1_000  # across all targets; a target's own share is decided by who calls
KEEP_ALIVE_S = 4.0  # shorter than the 5 s after which common servers hang up on an idle connection

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The standard library's is_global passes several of these (experience.md 6.6), so the list is our own.
_CLOSED = tuple(
    ipaddress.ip_network(net)
    for net in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4", "::/96", "100::/64", "2001::/23", "2001:db8::/32", "3fff::/20", "5f00::/16"),
        *("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8"),
    )
)


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


class _RefusedTargetError(OSError):
    """The address may not be called."""


class Outgoing:
    """``guarded`` judges every address; ``allowed`` are the private networks that the configuration lets through."""

    def __init__(self, *, guarded: bool, allowed: Iterable[str] = ()) -> None:
        self._guarded = guarded
        self.allowed = tuple(ipaddress.ip_network(net, strict=False) for net in allowed)
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pool."""
        connector = aiohttp.TCPConnector(
            limit=CONNECTIONS_LIMIT,
            keepalive_timeout=KEEP_ALIVE_S,
            socket_factory=self._judged_socket if self._guarded else None,
            use_dns_cache=not self._guarded,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
            max_line_size=HEAD_LINE_LIMIT_BYTES,
            max_field_size=HEAD_LINE_LIMIT_BYTES,
        )

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()

    async def send(
        self, method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, *, total_s: float
    ) -> Reply | NoReply:
        """Send once and read the answer, or say whether a byte may have left."""
        if self._session is None:
            raise RuntimeError("Outgoing is not open")
        started = time.perf_counter_ns()
        timeout = _timeout(total_s)
        try:
            async with self._session.request(
                method,
                url,
                headers=list(headers),
                data=body or None,
                timeout=timeout,
                allow_redirects=False,
            ) as response:
                content = await _read_capped(response)
                heads = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers)
                return Reply(response.status, heads, content, _since_us(started))
        except _RefusedTargetError as error:
            return NoReply(True, error.strerror or _words(error), _since_us(started))
        except aiohttp.ClientConnectorError as error:
            return NoReply(True, _refused_words(error.os_error) or _words(error), _since_us(started))
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
            return NoReply(True, "not an http or https address", _since_us(started))
        except aiohttp.ConnectionTimeoutError:
            return NoReply(True, f"no connection within {min(CONNECT_LIMIT_S, total_s):g} s", _since_us(started))
        except TimeoutError:
            return NoReply(False, f"no answer within {total_s:g} s", _since_us(started))
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return NoReply(False, _words(error), _since_us(started))

    def _judged_socket(self, address: Any) -> socket.socket:
        family, kind, protocol, _, target = address
        verdict = refusal(target[0], self.allowed)
        if verdict:
            raise _RefusedTargetError(errno.EACCES, verdict)
        return socket.socket(family, kind, protocol)


def refusal(address: str, allowed: Iterable[Network] = ()) -> str | None:
    """Why ``address`` may not be called, or None. Addresses inside addresses (mapped, 6to4, Teredo) count too."""
    given = ipaddress.ip_address(address.partition("%")[0])
    for one in _unwrapped(given):
        if any(one in net for net in allowed if net.version == one.version):
            return None
    for one in _unwrapped(given):
        if any(one in net for net in _CLOSED if net.version == one.version):
            return f"{address} is a private or reserved address; allow its network in the configuration if it is yours"
    return None


def _unwrapped(address: Address) -> list[Address]:
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return [address.ipv4_mapped]
        inner = [address.sixtofour, *(address.teredo or ())]
        found += [one for one in inner if one is not None]
    return found


async def _read_capped(response: aiohttp.ClientResponse) -> bytes:
    if response.content_length is not None and response.content_length <= READ_LIMIT_BYTES:
        return await response.read()
    chunks: list[bytes] = []
    size = 0
    while size < READ_LIMIT_BYTES:
        chunk = await response.content.read(READ_LIMIT_BYTES - size)
        if not chunk:
            break
        chunks.append(chunk)
        size += len(chunk)
    return b"".join(chunks)


@lru_cache
def _timeout(total_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=min(CONNECT_LIMIT_S, total_s))


def _since_us(started_ns: int) -> int:
    return (time.perf_counter_ns() - started_ns) // 1000


def _refused_words(error: OSError) -> str | None:
    """Our own sentence, without the errno that an OSError must have."""
    return error.strerror if isinstance(error, _RefusedTargetError) else None


def _words(error: BaseException) -> str:
    return str(error) or type(error).__name__


async def resolve(host: str, port: int) -> list[str]:
    """The addresses behind a name, for `doctor` and the URL test."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted({str(item[4][0]) for item in found})
