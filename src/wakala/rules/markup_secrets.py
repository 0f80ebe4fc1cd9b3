"""Secrets in M-Pesa's XML, found by their names and not by reading every element: a Result has fifty and no secret."""

import re
from collections.abc import Iterable, Iterator

MARK = b"[secret]"

# In a CDATA section or escaped; and what the Broker hands back of our own envelopes in base64, where the same secrets
# and our callback paths stand unseen (broker.md 8.2, 8.3).
ELEMENT = re.compile(
    rb"((?:<|&lt;)(?:[\w.-]{1,40}:)?(?:spPassword|newPassword|Password|SecurityCredential|originRequest"
    rb"|submitApi(?:Request|Response|Result))(?:\s[^<>&]{0,300})?(?:>|&gt;))(?=[^<&\s])[^<&]*",
    re.IGNORECASE,
)
_NAMES = (b"password", b"securitycredential", b"originrequest", b"submitapi")
"""Each of the elements has one of these in its name."""

_BEFORE_NAME_MAX = 48
"""What may stand between an element's beginning and that: ``&lt;``, a prefix and its colon, ``new``."""


def without_elements(body: bytes) -> bytes:
    """The document without the text of its secret elements."""
    lower = body.lower()
    return marked(body, ELEMENT, sorted({*_beginnings(lower)}))


def marked(body: bytes, pattern: re.Pattern[bytes], places: Iterable[int]) -> bytes:
    """What ``pattern.sub`` makes of the body, where its matches can begin at these ascending places only.

    The first group stays, the rest of a match gives way to the mark.
    """
    parts: list[bytes] = []
    end = 0
    for place in places:
        match = pattern.match(body, place) if place >= end else None
        if match is not None:
            parts += body[end : match.end(1)], MARK
            end = match.end()
    return b"".join((*parts, body[end:])) if parts else body


def places_of(word: bytes, lower: bytes) -> Iterator[int]:
    """Where a word stands."""
    place = lower.find(word)
    while place >= 0:
        yield place
        place = lower.find(word, place + 1)


def _beginnings(lower: bytes) -> Iterator[int]:
    """Where an element begins whose name may be one of them."""
    for name in _NAMES:
        for place in places_of(name, lower):
            first = max(0, place - _BEFORE_NAME_MAX)
            beginning = max(lower.rfind(b"<", first, place), lower.rfind(b"&lt;", first, place))
            if beginning >= 0:
                yield beginning
