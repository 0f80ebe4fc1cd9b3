"""Reading XML that a stranger wrote: no DTD, bounded in size, depth and count, names compared without namespace.

Programs in the field differ in prefixes, namespaces, order and case of the root (broker.md 3), so a reader looks for
local names and for nothing else.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from xml.parsers import expat

DOCUMENT_MAX_BYTES = 64 * 1024
"""The longest sample of a message has thirteen thousand; a request has three."""

DEPTH_MAX = 32
ELEMENTS_MAX = 2_000
"""A request has some fifty elements in six levels."""

DECLARATION = re.compile(r"\s*<\?xml[^>]*\?>")
BOM = "\ufeff"
SPLITTER = "\n"  # stands in no namespace, so it cuts name from namespace


class UnreadableError(ValueError):
    """No XML that anyone needs; the text says why."""


@dataclass(slots=True)
class Element:
    """One element with what stands in it."""

    name: str
    namespace: str = ""
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def child(self, name: str) -> "Element | None":
        """The first child of that local name, whatever the case of its letters."""
        wanted = name.casefold()
        return next((each for each in self.children if each.name.casefold() == wanted), None)

    def find(self, *path: str) -> "Element | None":
        """The element at the end of a path of local names."""
        found: Element | None = self
        for name in path:
            found = found.child(name) if found is not None else None
        return found

    def value(self, *path: str) -> str:
        """The trimmed text at the end of a path; empty when there is no such element."""
        found = self.find(*path)
        return found.text.strip() if found is not None else ""

    def everything(self) -> Iterator["Element"]:
        """This element and all below it."""
        yield self
        for each in self.children:
            yield from each.everything()

    def pairs(self) -> dict[str, str]:
        """Everything below that has a Key and a Value, however deep it was nested (broker.md 3)."""
        return {each.value("Key"): each.value("Value") for each in self.everything() if each.child("Key") is not None}


def read(document: bytes) -> Element:
    """The root of a document that says itself how it is encoded. Raises UnreadableError."""
    if len(document) > DOCUMENT_MAX_BYTES:
        raise UnreadableError(f"It has more than {DOCUMENT_MAX_BYTES} bytes.")
    if not document.strip():
        raise UnreadableError("It is empty.")
    return _Builder().build(document.lstrip())


def read_inner(text: str) -> Element:
    """The root of a document that travelled as text inside another; what it says of its encoding is past."""
    return read(DECLARATION.sub("", text.lstrip(BOM), count=1).strip().encode())


class _Builder:
    def __init__(self) -> None:
        self._open: list[Element] = []
        self._root: Element | None = None
        self._count = 0

    def build(self, document: bytes) -> Element:
        parser = expat.ParserCreate(namespace_separator=SPLITTER)
        parser.buffer_text = True
        parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        parser.StartDoctypeDeclHandler = _no_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text
        try:
            parser.Parse(document, True)
        except (expat.ExpatError, LookupError, UnicodeError) as broken:
            raise UnreadableError(f"It is no well-formed XML: {broken}.") from None
        if self._root is None:
            raise UnreadableError("It has no element.")
        return self._root

    def _start(self, spelled: str, _: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) >= DEPTH_MAX or self._count > ELEMENTS_MAX:
            raise UnreadableError(f"It has more than {DEPTH_MAX} levels or {ELEMENTS_MAX} elements.")
        namespace, _cut, name = spelled.rpartition(SPLITTER)
        element = Element(name, namespace)
        if self._open:
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _: str) -> None:
        self._open.pop()

    def _text(self, text: str) -> None:
        self._open[-1].text += text


def _no_doctype(*_: Any) -> NoReturn:
    raise UnreadableError("It declares a document type, and with one come entities.")
