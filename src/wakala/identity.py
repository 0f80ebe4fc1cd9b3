"""Where time, IDs and randomness come from: handed down from `runtime`, so that tests can set them."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

DRAUGHT_BYTES = 4_096

Clock = Callable[[], int]
"""Microseconds since 1970 UTC."""


@dataclass(frozen=True, slots=True)
class Source:
    """A clock and a well of randomness; and the processor's time that this thread has used, 0 where nobody counts."""

    now_us: Clock
    random_bytes: Callable[[int], bytes]
    cpu_s: Callable[[], float] = float

    def new_id(self, prefix: str) -> str:
        """``prefix_`` and 28 hex digits: 48 bits of milliseconds, then 64 random ones. IDs sort by time."""
        return f"{prefix}_{self.now_us() // 1000:012x}{self.random_bytes(8).hex()}"

    def chance(self) -> float:
        """A number from 0 up to 1."""
        return int.from_bytes(self.random_bytes(4)) / 2**32


def first_id(prefix: str, at_us: int) -> str:
    """Sorts before every ID that is made from that moment on."""
    return f"{prefix}_{max(0, at_us) // 1000:012x}"


class _Well:
    """The system's randomness, fetched in larger draughts: an ID needs eight bytes and there are many IDs."""

    def __init__(self) -> None:
        self._bytes = b""
        self._place = 0

    def draw(self, length: int) -> bytes:
        """Bytes that were never given out before."""
        start = self._place
        if start + length > len(self._bytes):
            self._bytes, start = os.urandom(max(DRAUGHT_BYTES, length)), 0
        self._place = start + length
        return self._bytes[start : self._place]


def system_source() -> Source:
    """The machine's own clock and randomness. Not to be shared between threads."""
    return Source(lambda: time.time_ns() // 1000, _Well().draw, time.thread_time)
