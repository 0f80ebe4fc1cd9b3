"""The one reader of M-Pesa's XML: no document type, no entities of its own, bounded size and depth.

Built on the standard library's expat, whose handlers refuse a document type before anything it declares is
read, so neither expansion nor outside references can begin (broker.md 3). Only local names are kept: the
Broker's namespaces vary between equally valid messages (broker.md 17).
"""

from __future__ import annotations

import re
from xml.parsers import expat

import msgspec

SIZE_LIMIT_BYTES = 1_048_576
"""A result is about 3 kB; the largest printed message, the Broker's own log, is 13 kB."""
DEPTH_LIMIT_ELEMENTS = 32
"""The deepest message has fewer than ten levels."""
ELEMENTS_LIMIT = 10_000
"""Bounds the memory that small elements can claim within the size limit."""

_NAMESPACE_SEPARATOR = " "
# A spelling that was seen, and that expat does not know (broker.md 3).
_UTF8_ALIAS = re.compile(rb"""\A(<\?xml[^>]{0,60}encoding=["'])utf8(["'])""", re.IGNORECASE)
_UTF8 = rb"\1UTF-8\2"


class UnsafeXmlError(ValueError):
    """The document is malformed, too large or uses what no M-Pesa message does; the text says which."""


class Element(msgspec.Struct, eq=False):
    """An element by its local name, its own text trimmed when asked for."""

    name: str
    children: list[Element] = []
    pieces: list[str] = []

    @property
    def text(self) -> str:
        """What stands directly inside, trimmed: printed messages carry stray spaces (broker.md 3)."""
        return "".join(self.pieces).strip()

    def child(self, name: str) -> Element | None:
        """The first child of this local name, its position not relied on."""
        return next((child for child in self.children if child.name == name), None)


def read(document: bytes) -> Element:
    """The root of a document, or UnsafeXmlError."""
    if len(document) > SIZE_LIMIT_BYTES:
        raise UnsafeXmlError(f"the document is larger than {SIZE_LIMIT_BYTES} bytes")
    builder = _Builder()
    parser = expat.ParserCreate(namespace_separator=_NAMESPACE_SEPARATOR)
    parser.buffer_text = True  # otherwise every line of a text is a piece of its own
    parser.ordered_attributes = True  # a list, which costs less than a dictionary; nobody reads it
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.characters
    try:
        parser.Parse(_UTF8_ALIAS.sub(_UTF8, document, count=1) if document.startswith(b"<?") else document, True)
    except (expat.ExpatError, LookupError, ValueError) as fault:
        raise UnsafeXmlError(str(fault)) from fault
    return builder.root()


def _refuse_doctype(name: str, system_id: str | None, public_id: str | None, internal: bool) -> None:
    del name, system_id, public_id, internal
    raise UnsafeXmlError("a document type is not accepted")


class _Builder:
    """Gathers expat's events into a tree and counts what may not grow without bound."""

    def __init__(self) -> None:
        self._top = Element("")
        self._open = [self._top]
        self._count = 0

    def start(self, name: str, _: list[str]) -> None:
        """An element begins; no message means anything by its attributes."""
        self._count += 1
        if self._count > ELEMENTS_LIMIT:
            raise UnsafeXmlError(f"the document has more than {ELEMENTS_LIMIT} elements")
        inside = self._open
        if len(inside) > DEPTH_LIMIT_ELEMENTS:
            raise UnsafeXmlError(f"elements are nested deeper than {DEPTH_LIMIT_ELEMENTS}")
        element = Element(name.rpartition(_NAMESPACE_SEPARATOR)[2])
        inside[-1].children.append(element)
        inside.append(element)

    def end(self, _: str) -> None:
        """It ends."""
        self._open.pop()

    def characters(self, data: str) -> None:
        self._open[-1].pieces.append(data)

    def root(self) -> Element:
        return self._top.children[0]
