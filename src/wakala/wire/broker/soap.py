"""Envelopes: what we write around a message, and how a message is found in theirs.

Elements are compared by local name: prefixes and namespaces differ between messages that are equally valid
(broker.md 17).
"""

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from wakala.errors import InvalidFieldsError, MalformedUpstreamError
from wakala.rules.receipt import us_to_nairobi
from wakala.wire.safe_xml import Element, UnsafeXmlError, read

SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
MM = "http://api-v1.gen.mm.vodafone.com/mminterface"
C2B = "http://cps.huawei.com/cpsinterface/c2bpayment"
CSAPI = "http://www.csapi.org/schema"
HEADER_NAMESPACE = "http://www.huawei.com/schema/osg/common/v2_1"
QUERY_HEADER_NAMESPACE = "http://www.huawei.com.cn/schema/common/v2_1"

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
HEADERS = (("content-type", "text/xml; charset=utf-8"),)
"""Of what we answer."""

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_DECLARATION = re.compile(r"\A[\s\ufeff]*<\?xml\b[^>]*\?>")


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def text(value: str) -> str:
    """A value as XML text. XML has no spelling at all for some characters; they are refused, never dropped."""
    if value.isprintable() and not ("&" in value or "<" in value or ">" in value):  # as nearly all are
        return value
    found = _UNWRITABLE.search(value)
    if found:
        raise InvalidFieldsError(f"M-Pesa's XML cannot carry the character U+{ord(found[0]):04X}. Leave it out.")
    # A bare carriage return would be read as a line feed.
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def leaf(name: str, value: str) -> str:
    """An element with text."""
    return f"<{name}>{text(value)}</{name}>"


def branch(name: str, *children: str) -> str:
    """An element around written ones."""
    return f"<{name}>{''.join(children)}</{name}>"


def pairs(group: str, item: str, values: Iterable[tuple[str, str]]) -> str:
    """Keys and values in M-Pesa's way; nothing where there are none."""
    items = [branch(item, leaf("Key", key), leaf("Value", value)) for key, value in values]
    return branch(group, *items) if items else ""


def document(root: str, namespace: str, *children: str) -> str:
    """An inner document, whole."""
    return f'{DECLARATION}<{root} xmlns="{namespace}">{"".join(children)}</{root}>'


def wrapped(name: str, inner: str) -> str:
    """A document as the text of an element. Written text has no bare ``>``, so it cannot end the section early."""
    return f"<{name}><![CDATA[{inner}]]></{name}>"


def envelope(body: str, header: str = "", **prefixes: str) -> bytes:
    """The bytes of a message."""
    spaces = "".join(f' xmlns:{prefix}="{namespace}"' for prefix, namespace in prefixes.items())
    return (
        f'<soapenv:Envelope xmlns:soapenv="{SOAP}"{spaces}><soapenv:Header>{header}</soapenv:Header>'
        f"<soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    ).encode()


def fault(reason: str) -> bytes:
    """What a caller is told whose message cannot be read (SOAP 1.1, section 4.4)."""
    return envelope(
        branch("soapenv:Fault", leaf("faultcode", "soapenv:Client"), leaf("faultstring", reason)),
    )


# ── who we are ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Provider:
    """A service provider as the Broker knows it (broker.md 2), and the choices where its clients differ (17).

    ``third_party``, ``caller_password`` and ``check_sum`` are the core's; by way of the Broker dummies will do (4.2).
    """

    sp_id: str
    password: str = field(repr=False)
    service_id: str = ""
    upper_case_digest: bool = False
    third_party: str = "wakala"
    caller_password: str = field(default="Password0", repr=False)
    check_sum: str = "CheckSum0"

    def digest(self, stamp: str) -> str:
        """``spPassword``: base64 of the hex text of a SHA-256, not of its bytes (broker.md 2)."""
        hexed = hashlib.sha256((self.sp_id + self.password + stamp).encode()).hexdigest()
        return base64.b64encode((hexed.upper() if self.upper_case_digest else hexed).encode()).decode()

    def header(self, now_us: int) -> str:
        """Authenticates every request but a change of password."""
        stamp = us_to_nairobi(now_us)
        fields = {
            "spId": self.sp_id,
            "spPassword": self.digest(stamp),
            "timeStamp": stamp,
            **({"serviceId": self.service_id} if self.service_id else {}),
        }
        children = "".join(leaf(f"tns:{name}", value) for name, value in fields.items())
        return f'<tns:RequestSOAPHeader xmlns:tns="{HEADER_NAMESPACE}">{children}</tns:RequestSOAPHeader>'

    def query_header(self, now_us: int) -> str:
        """The same in the namespace that the Broker's log was documented with (broker.md 17)."""
        return self.header(now_us).replace(HEADER_NAMESPACE, QUERY_HEADER_NAMESPACE)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def message_in(body: bytes) -> Element:
    """The one element in the body of an envelope. Raises MalformedUpstreamError, whatever the bytes."""
    try:
        root = read(body)
    except UnsafeXmlError as why:
        raise MalformedUpstreamError(f"It is no XML that can be read: {why}.") from why
    inner = root.child("Body") if root.name == "Envelope" else None
    if inner is None or not inner.children:
        raise MalformedUpstreamError("It is no SOAP envelope with a message in its body.")
    return inner.children[0]


def document_in(message: Element) -> Element:
    """The document in a message's text. White space before its declaration was seen in real traffic (broker.md 3)."""
    inner = message.text
    if inner.startswith(("<?", "\ufeff")):
        inner = _DECLARATION.sub("", inner, count=1).strip()
    try:
        return read(inner.encode())
    except UnsafeXmlError as why:
        raise MalformedUpstreamError(f"The document inside {message.name[:40]} cannot be read: {why}.") from why


def value(element: Element, name: str) -> str | None:
    """The text of the first child of this name, in any case: both ID and Id are seen (broker.md 3)."""
    wanted = name.lower()
    for child in element.children:
        if child.name.lower() == wanted:
            return child.text
    return None


def descendants(element: Element, name: str) -> Iterable[Element]:
    """Every element of this name below, however deep."""
    wanted = name.lower()
    for child in element.children:
        if child.name.lower() == wanted:
            yield child
        if child.children:
            yield from descendants(child, wanted)


def keyed(element: Element) -> list[tuple[str, str]]:
    """Keys and values below an element. One printed sample nests them, so any depth counts (broker.md 3)."""
    found: list[tuple[str, str]] = []
    for child in element.children:
        if not child.children:
            continue
        key, told = value(child, "Key"), value(child, "Value")
        if key is not None and told is not None:
            found.append((key, told))
        found += keyed(child)
    return found
