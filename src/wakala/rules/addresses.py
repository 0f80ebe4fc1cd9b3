"""Who is really calling, when there are proxies in between; and whether that address may."""

import ipaddress
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from urllib.parse import urlsplit

from wakala.errors import CallerError

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

URL_MAX_CHARS = 2_048  # what every browser, proxy and server takes
HOST_MAX_CHARS = 253  # of a name in the DNS (RFC 1035, 2.3.4)
URL_SHOWN_CHARS = 200  # of one that is refused

UNKNOWN_HOP = "unknown"  # RFC 7239's own word


def is_web_address(url: str) -> bool:
    """True for an http or https address with a host, and a port where one is given; without a user or blanks.

    None is longer than anybody's is.
    """
    if len(url) > URL_MAX_CHARS or not _WEB.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        return 0 < len(parts.hostname or "") <= HOST_MAX_CHARS and parts.port != 0
    except ValueError:  # half a bracket, or a port that is none
        return False


def require_web_address(url: str) -> None:
    """Refuse what cannot be called."""
    if not is_web_address(url):
        advice = f"write a whole address such as https://shop.example/wakala, of at most {URL_MAX_CHARS} characters"
        raise CallerError(f"{url[:URL_SHOWN_CHARS]!r} cannot be called: {advice}.")


_WEB = re.compile(r"https?://[!-\"$-?A-~]+")  # visible ASCII without # and @


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """Networks from ``10.0.0.0/8`` or single addresses."""
    return tuple(ipaddress.ip_network(text.strip(), strict=False) for text in texts if text.strip())


@lru_cache(maxsize=1024)
def contains(nets: tuple[Network, ...], address: str) -> bool:
    """True where ``address`` lies in one of ``nets``; never for what is no address."""
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(given, ipaddress.IPv6Address) and given.ipv4_mapped:
        given = given.ipv4_mapped
    return any(given in net for net in nets if net.version == given.version)


def membership(nets: tuple[Network, ...]) -> Callable[[str], bool]:
    """`contains` for these networks, which are not looked at again for an address that was asked about lately."""
    return lru_cache(maxsize=1024)(partial(contains, nets))


def client_address(peer: str, forwarded: Sequence[str], trusted: tuple[Network, ...]) -> str:
    """The caller: walk from the right over the hops we trust; the first that we do not is the client.

    ``forwarded`` are the addresses of the one forwarding header that is read, left to right. From an untrusted peer
    the header means nothing, whoever wrote it.
    """
    if not contains(trusted, peer):
        return peer
    for hop in reversed(forwarded):
        if not contains(trusted, hop):
            return hop
    return peer


def forwarded_hops(header: str, value: str) -> list[str]:
    """The addresses in ``X-Forwarded-For`` or ``Forwarded`` (RFC 7239), left to right."""
    if header.lower() != "forwarded":
        return [_bare(hop) for hop in value.split(",") if hop.strip()]
    return [_forwarded_for(element) for element in value.split(",") if element.strip()]


def _forwarded_for(element: str) -> str:
    """Whom one proxy forwarded for. One that does not say is a hop all the same, and an unknown one."""
    for pair in element.split(";"):
        name, _, hop = pair.strip().partition("=")
        if name.strip().lower() == "for":
            return _bare(hop)
    return UNKNOWN_HOP


def _bare(hop: str) -> str:
    """An address without quotes, brackets and port."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
