"""Where time, IDs and randomness come from: handed down from `runtime`, so that tests can set them.

IDs sort by time, and whoever reads by a cursor relies on it: an ID that sorted before one that was read already would
never be read. So the moment that IDs carry never goes back. While the clock relives a time that was, they go on from
where they were, at half the pace, until it has caught up; beyond a day it was the clock before that was wrong.
"""

import os
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

DRAUGHT_BYTES = 4_096
RELIVED_LIMIT_US = 86_400_000_000
MILLISECOND_US = 1_000  # what IDs tell of their moment
PAST_MOMENTS = 16  # one every five seconds: more than a minute
_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

Clock = Callable[[], int]
"""Microseconds since 1970 UTC."""


class CommonClock:
    """The clock of the database that gateways share, carried on by one of this machine that nobody sets.

    Leases, schedules and the order of notifications are moments that one gateway writes and another one reads. So all
    of them go by one clock, and what becomes of the machines' own is of no account. Until it is first heard, and where
    nobody shares a database, it is the machine's own.
    """

    __slots__ = ("_ahead_us", "_own_us", "steady_us")

    def __init__(self, own_us: Clock, steady_us: Clock) -> None:
        self.steady_us = steady_us
        self._own_us = own_us
        self._ahead_us: int | None = None

    def __call__(self) -> int:
        """The moment, in microseconds."""
        return self._own_us() if self._ahead_us is None else self._ahead_us + self.steady_us()

    def hear(self, shown_us: int, asked_us: int, told_us: int) -> None:
        """The database's clock showed this, at some moment between these two of the steady one.

        What we have stays where it fits between the two, so that answers which take long do not shake it.
        """
        least_us, most_us = shown_us - told_us, shown_us - asked_us
        if self._ahead_us is None:
            self._ahead_us = (least_us + most_us) // 2
        self._ahead_us = min(max(self._ahead_us, least_us), most_us)

    @property
    def own_is_ahead_us(self) -> int:
        """By how much the machine's own clock is ahead of this one; negative where it is behind."""
        return self._own_us() - self()


class _Floor:
    """The latest moment that an ID carried; and, while the clock is earlier, when that was on one that nobody sets."""

    __slots__ = ("_at_us", "_steady_us")

    def __init__(self) -> None:
        self.lower()

    def lower(self) -> None:
        """Begin anew at any moment."""
        self._at_us = 0
        self._steady_us: int | None = None

    def raised(self, now_us: int, steady_us: Clock) -> int:
        """The clock's moment, or where we are by now if that is later."""
        if self._at_us <= now_us or now_us + RELIVED_LIMIT_US < self._at_us:
            self._at_us, self._steady_us = now_us, None
            return now_us
        before_us, self._steady_us = self._steady_us, steady_us()
        if before_us is not None:
            self._at_us += (self._steady_us - before_us) // 2
        return self._at_us


@dataclass(frozen=True, slots=True)
class Source:
    """A clock and a well of randomness; and the processor's time that this thread has used, 0 where nobody counts.

    ``steady_us`` are microseconds that go on whatever becomes of the clock; 0 where there are none.
    """

    now_us: Clock
    random_bytes: Callable[[int], bytes]
    cpu_s: Callable[[], float] = float
    steady_us: Clock = int
    _floor: _Floor = field(default_factory=_Floor, init=False, repr=False, compare=False)
    _past: deque[tuple[int, int]] = field(
        default_factory=lambda: deque(maxlen=PAST_MOMENTS), init=False, repr=False, compare=False
    )

    def id_us(self) -> int:
        """The moment that an ID carries which is made now: by it, and not by the clock, IDs are compared."""
        return self._floor.raised(self.now_us(), self.steady_us)

    def remember(self) -> None:
        """Note what moment it is, to know later what moment it was; to be called every few seconds."""
        self._past.append((self.steady_us(), self.id_us()))

    def settled_us(self, settle_us: int) -> int:
        """Whatever was made so long ago, here or by another gateway, carries an earlier moment than this.

        A clock that leaps ahead does not take this along at once: what was made before the leap may still be under way.
        """
        settled_us, steady_us = self.id_us() - settle_us, self.steady_us()
        if not self._past or not steady_us:
            return settled_us
        before_us = steady_us - settle_us
        noted_us, shown_us = next((one for one in reversed(self._past) if one[0] <= before_us), self._past[0])
        return min(settled_us, shown_us - max(0, noted_us - before_us))

    def begin_anew(self) -> None:
        """The clock was set, and no ID made before is written down anywhere."""
        self._floor.lower()
        self._past.clear()

    def go_on_after(self, newest_id: str) -> None:
        """No ID is made before this one, which an earlier process left; unless it lies more than a day ahead."""
        made_us = made_at_us(newest_id) + MILLISECOND_US
        if made_us < self.now_us() + RELIVED_LIMIT_US:
            self._floor.raised(max(made_us, self.id_us()), self.steady_us)

    def new_id(self, prefix: str) -> str:
        """``prefix_`` and 28 hex digits: 48 bits of milliseconds, then 64 random ones. IDs sort by time."""
        return f"{prefix}_{self.id_us() // 1000:012x}{self.random_bytes(8).hex()}"

    def chance(self) -> float:
        """A number from 0 up to 1."""
        return int.from_bytes(self.random_bytes(4)) / 2**32


def first_id(prefix: str, at_us: int) -> str:
    """Sorts before every ID that is made from that moment on."""
    return f"{prefix}_{max(0, at_us) // 1000:012x}"


def made_at_us(made_id: str) -> int:
    """The moment that an ID of `Source.new_id` carries, to the millisecond; 0 where it is none."""
    digits = made_id.partition("_")[2][:12]
    try:
        return int(digits, 16) * 1000
    except ValueError:
        return 0


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


def common_clock() -> CommonClock:
    """To be set by the clock of a database; the machine's own till then."""
    return CommonClock(_own_us, _steady_us)


def system_source(clock: Clock | None = None) -> Source:
    """The machine's own clock, or the one given, and its randomness. Not to be shared between threads."""
    return Source(clock or _own_us, _Well().draw, time.thread_time, _steady_us)


def _own_us() -> int:
    return time.time_ns() // 1000


def _steady_us() -> int:
    """Nobody sets it; where the system has such a clock, it goes on while a machine sleeps."""
    return time.clock_gettime_ns(_STEADY) // 1000
