"""The Broker's own log: what it saw of each request, for queryTransaction (broker.md 8.3)."""

from collections import OrderedDict
from dataclasses import dataclass, field

ENTRIES_MAX = 2_000
"""Each holds a few messages of three thousand bytes; older ones are forgotten first."""


@dataclass(slots=True)
class Entry:
    """Whole HTTP messages, the caller's leg before the core's."""

    requests: list[bytes] = field(default_factory=list)
    responses: list[bytes] = field(default_factory=list)
    results: list[bytes] = field(default_factory=list)
    timeouts: list[bytes] = field(default_factory=list)


class Log:
    """The entries by OriginatorConversationID; the first request under an identifier keeps it."""

    def __init__(self) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def clear(self) -> None:
        """Forget them, for a reset."""
        self._entries.clear()

    def open(self, originator_id: str) -> Entry:
        """The entry of that request, new if need be."""
        if originator_id not in self._entries and len(self._entries) >= ENTRIES_MAX:
            self._entries.popitem(last=False)
        return self._entries.setdefault(originator_id, Entry())

    def find(self, originator_id: str) -> Entry | None:
        """The entry, if the Broker ever saw such a request."""
        return self._entries.get(originator_id)


def request_dump(path: str, body: bytes) -> bytes:
    """A request as it went over the wire, as far as anyone looks."""
    head = f"POST {path} HTTP/1.1\r\nContent-Type: text/xml;charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def response_dump(body: bytes) -> bytes:
    """An answer likewise."""
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/xml;charset=UTF-8\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body
