"""Reading XML without trust: no document type, nothing from elsewhere, bounded in bytes, depth and count.

Programs spell namespaces, prefixes and orders in many ways and the Broker takes them all, so only local names are kept
(broker.md 2 and 3).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

BYTES_MAX = 256 * 1024
DEPTH_MAX = 32
ELEMENTS_MAX = 2_000


class NotXmlError(ValueError):
    """It cannot be read, or it asks for more than data; says why."""


@dataclass(slots=True)
class Element:
    """An element by its local name, with its own text trimmed."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def every(self, name: str) -> Iterator["Element"]:
        """Elements of that name at any depth, in any case."""
        for child in self.children:
            if child.name.lower() == name.lower():
                yield child
            yield from child.every(name)

    def first(self, name: str) -> "Element | None":
        """The first of them."""
        return next(self.every(name), None)

    def value(self, name: str) -> str:
        """Its text; "" where there is none."""
        found = self.first(name)
        return found.text if found is not None else ""


def read(raw: bytes) -> Element:
    """The root of a document. Raises `NotXmlError`."""
    if len(raw) > BYTES_MAX:
        raise NotXmlError(f"it has more than {BYTES_MAX} bytes")
    document = raw.lstrip(b"\xef\xbb\xbf \t\r\n")  # programs put line breaks before a declaration within CDATA
    top = Element("")
    open_elements, count = [top], 0

    def start(name: str, _: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(open_elements) > DEPTH_MAX or count > ELEMENTS_MAX:
            raise NotXmlError("it is nested too deeply or has too many elements")
        element = Element(name.rpartition(":")[2])
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_: str) -> None:
        element = open_elements.pop()
        element.text = element.text.strip()

    def data(text: str) -> None:
        open_elements[-1].text += text

    def refuse(*_: object) -> None:
        raise NotXmlError("it declares a document type")

    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(_declared_as_utf8(document), True)
    except expat.ExpatError as error:
        raise NotXmlError(expat.errors.messages[error.code]) from None
    return top.children[0]


def _declared_as_utf8(document: bytes) -> bytes:
    """Declarations say UTF8, utf-8 or nothing; what is sent is UTF-8 whatever they say."""
    if document.startswith(b"<?xml"):
        return document.partition(b"?>")[2].lstrip()
    return document


def inner(message: Element, wrapper: str) -> Element:
    """The document within the CDATA of a message. Raises `NotXmlError`."""
    found = message.first(wrapper)
    if found is None:
        raise NotXmlError(f"it has no {wrapper}")
    if found.children:  # some embed it without CDATA
        return found.children[0]
    return read(found.text.encode())


def pairs(parent: Element, entry: str) -> dict[str, str]:
    """Key and Value of each entry, however deep it stands; the first of a key holds."""
    found: dict[str, str] = {}
    for each in parent.every(entry):
        found.setdefault(each.value("Key"), each.value("Value"))
    return found
