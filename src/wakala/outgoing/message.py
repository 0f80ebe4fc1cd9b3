"""Our side of an exchange: a URL, headers and a body become the bytes of one request, or are refused. Pure.

Whoever gets a line break into a header or a path writes requests of their own, so nothing is repaired here: what does
not fit is not sent.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from wakala.outgoing.tls import TlsTerms

_PORTS = {"http": 80, "https": 443}
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_METHODS_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS"})  # the others say Content-Length: 0 for an empty one
# These say where a message ends or whom it is for; two opinions on that are how requests are smuggled.
_OUR_OWN = frozenset(
    {"connection", "content-length", "expect", "host", "te", "trailer", "transfer-encoding", "upgrade"}
)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")  # all but the tab
_CONTROLS_AND_BLANKS = re.compile(r"[\x00-\x20\x7f]")
_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
# No user before the host: it would be a secret in a place where addresses are shown.
_URL = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^/?#@:\[\]\\]+)(:(?P<port>[0-9]{1,5})?)?"
    r"(?P<path>/[^?#]*)?(?P<query>(\?[^#]*)?)(#.*)?",
    re.IGNORECASE,
)
_NAME_LIMIT_CHARS = 253
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?")
# The two standards of international names disagree on these letters, that is, on which domain is meant.
_AMBIGUOUS = re.compile("[\u00df\u03c2\u200c\u200d]")


class UnsentError(Exception):
    """Certainly not one byte of the request has left; the message is the sentence that says why."""


class Origin(NamedTuple):
    """Where a connection leads, and what may share it. ``host`` is in lower case, ASCII, without brackets."""

    scheme: str
    host: str
    port: int
    terms: TlsTerms | None = None


class Message(msgspec.Struct, frozen=True):
    """One request, ready for the wire. ``to_head``: its answer has a head and no body, whatever the head says."""

    origin: Origin
    wire: bytes
    to_head: bool


class _Target(NamedTuple):
    origin: Origin
    host_header: str
    path: str


def compose(
    method: str, url: str, headers: Iterable[tuple[str, str]], body: bytes, terms: TlsTerms | None = None
) -> Message:
    """Write a request. Raises `UnsentError` for what cannot be written, or not without changing its meaning."""
    if method not in _METHODS:
        raise UnsentError("not a method that is sent")
    target = _target(url)
    lines = [f"{method} {target.path} HTTP/1.1", f"Host: {target.host_header}"]
    lines += [_line(name, value) for name, value in headers]
    if body or method not in _METHODS_WITHOUT_BODY:
        lines.append(f"Content-Length: {len(body)}")
    lines.append("\r\n")
    try:
        origin = target.origin._replace(terms=terms) if terms else target.origin
        return Message(origin, "\r\n".join(lines).encode() + body, method == "HEAD")
    except UnicodeEncodeError:
        raise UnsentError("a header with half a character in it") from None


def _line(name: str, value: str) -> str:
    _require_name(name)
    if not value.isprintable() and _CONTROLS.search(value):
        raise UnsentError(f"the header {name} has a control character in it")
    return f"{name}: {value}"


@lru_cache(maxsize=256)  # a dozen names are ever sent
def _require_name(name: str) -> None:
    if not _TOKEN.fullmatch(name):
        raise UnsentError("a header whose name is none")
    if name.lower() in _OUR_OWN:
        raise UnsentError(f"the header {name} is not the caller's to set")


@lru_cache(maxsize=1024)  # a gateway has a few addresses of M-Pesa and one an app
def _target(url: str) -> _Target:
    parts = None if _CONTROLS_AND_BLANKS.search(url) else _URL.fullmatch(url)
    try:
        if parts is not None:
            origin = _origin(parts["scheme"].lower(), parts["host"], parts["port"])
            return _Target(origin, _host_header(origin), quote((parts["path"] or "/") + parts["query"], safe=_VISIBLE))
    except ValueError:  # a name that DNS cannot spell, an address that is none, half a character
        pass
    raise UnsentError("not an http or https address")


def _origin(scheme: str, host: str, port: str | None) -> Origin:
    number = int(port) if port else _PORTS[scheme]
    if not 0 < number < 65_536:
        raise ValueError(port)
    if host.startswith("["):
        return Origin(scheme, str(ipaddress.IPv6Address(host[1:-1])), number)
    return Origin(scheme, _name(host), number)


def _name(host: str) -> str:
    """The host as DNS spells it. Numbers in disguise are left as they are: the address that they lead to is judged."""
    name = host.lower()
    if not name.isascii():
        name = "" if _AMBIGUOUS.search(name) else name.encode("idna").decode().lower()
    if len(name) > _NAME_LIMIT_CHARS or not _NAME.fullmatch(name):
        raise ValueError(host)
    return name


def _host_header(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == _PORTS[origin.scheme] else f"{host}:{origin.port}"
