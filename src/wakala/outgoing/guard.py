"""Which addresses may be called."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The standard library's is_global passes several of these (experience.md 6.6), so the list is our own. Of IPv6 nothing
# but 2000::/3 was ever given to anybody (RFC 4291, 2.4); translators hold addresses of IPv4 outside of it, as in
# ::ffff:0:127.0.0.1 (RFC 2765).
_CLOSED = tuple(
    ipaddress.ip_network(net)
    for net in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
        *("192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("224.0.0.0/4", "240.0.0.0/4", "::/3", "4000::/2", "8000::/1"),
        *("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"),
    )
)

PRIVATE = "a private or reserved address; allow its network in the configuration if it is yours"


def refusal(address: str, allowed: Iterable[Network] = ()) -> str | None:
    """Why ``address`` may not be called, or None. Addresses inside addresses (mapped, 6to4, Teredo) count too.

    Only a mapped one is allowed for the sake of what is inside: it is the same address.
    """
    called, *inside = _unwrapped(ipaddress.ip_address(address.partition("%")[0]))
    if any(called in net for net in allowed if net.version == called.version):
        return None
    for one in (called, *inside):
        if any(one in net for net in _CLOSED if net.version == one.version):
            return f"{address} is {PRIVATE}"
    return None


def _unwrapped(address: Address) -> list[Address]:
    found: list[Address] = [address]
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return [address.ipv4_mapped]
        inner = [address.sixtofour, *(address.teredo or ())]
        found += [one for one in inner if one is not None]
    return found
