"""HTTP by hand, as small as the demonstration needs it: to this machine only, no redirects followed, bounded."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

ANSWER_LIMIT_S: Final = 45  # an order waits for the gateway, which waits for M-Pesa
PAUSE_S: Final = 0.05  # between two looks: quick enough for a person, slow enough for two cores

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def call(method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """One request; OSError where nobody is there."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ANSWER_LIMIT_S)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(method, path or "/", body or None, dict(headers or {}))
        answer = connection.getresponse()
        lowered = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, lowered, answer.read())
    except http.client.HTTPException as broken:
        raise ConnectionError(f"{url} broke off: {broken!r}") from broken
    finally:
        connection.close()


def until(look: Callable[[], Found | None], within_s: float) -> Found | None:
    """Looks until there is something to see; None when the time is over. A refused connection is nothing yet."""
    deadline_s = time.monotonic() + within_s
    while time.monotonic() < deadline_s:
        try:
            found = look()
        except OSError:
            found = None
        if found is not None:
            return found
        time.sleep(PAUSE_S)
    return None
