"""The call log: every request in and out with its answer, and a sentence on why it was refused."""

from collections import deque
from collections.abc import Iterator
from datetime import datetime
from typing import Literal

import msgspec

from wakala.simulator.clock import EAT

CALLS_MAX = 2_000
"""Enough for the last minutes of a chaos test; older calls are forgotten first."""

BODY_MAX_CHARS = 4_000
BODY_MAX_BYTES = 4 * BODY_MAX_CHARS
"""Of each body; M-Pesa's own stay below a thousand."""


class Call(msgspec.Struct, frozen=True):
    """One request and its answer. A status of 0 means that no answer came."""

    number: int
    at_seconds: float
    direction: Literal["in", "out"]
    kind: str
    method: str
    target: str
    request_body: bytes
    status: int
    answer_body: bytes
    reason: str
    took_ms: int
    faults: tuple[str, ...]

    @property
    def at(self) -> datetime:
        """When it was answered, in Nairobi's time."""
        return datetime.fromtimestamp(self.at_seconds, EAT)

    @property
    def request(self) -> str:
        """What was asked, as text."""
        return _text(self.request_body)

    @property
    def answer(self) -> str:
        """What was answered, as text."""
        return _text(self.answer_body)


class Calls:
    """The last calls, newest last."""

    def __init__(self) -> None:
        self._kept: deque[Call] = deque(maxlen=CALLS_MAX)
        self._count = 0

    def __iter__(self) -> Iterator[Call]:
        return iter(tuple(self._kept))

    def clear(self) -> None:
        """Forget them; the numbers go on, so that a reader's cursor stays good."""
        self._kept.clear()

    def add(
        self,
        *,
        at_seconds: float,
        direction: Literal["in", "out"],
        kind: str,
        method: str,
        target: str,
        request: bytes,
        status: int,
        answer: bytes,
        reason: str,
        took_ms: int,
        faults: tuple[str, ...] = (),
    ) -> Call:
        """Write one call down."""
        self._count += 1
        call = Call(
            self._count,
            at_seconds,
            direction,
            kind,
            method,
            target,
            request[:BODY_MAX_BYTES],
            status,
            answer[:BODY_MAX_BYTES],
            reason,
            took_ms,
            faults,
        )
        self._kept.append(call)
        return call

    def latest(self, most: int) -> list[Call]:
        """The newest first."""
        return [call for call, _ in zip(reversed(self._kept), range(most), strict=False)]


def _text(body: bytes) -> str:
    return body.decode(errors="replace")[:BODY_MAX_CHARS]
