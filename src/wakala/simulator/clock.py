"""The simulator's time: East Africa's, and movable.

Everything that waits (a prompt on a phone, a late callback, a hung socket) waits on this clock. Moving it forward
rings what has become due, so a test of a minute takes no time.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

EAT = timezone(timedelta(hours=3), "EAT")
"""Every time M-Pesa prints is East Africa Time, which knows no summer time (daraja.md 5)."""


class Alarm:
    """One action that waits for its time. Cancelling it twice, or after it rang, is harmless."""

    __slots__ = ("_clock", "action", "due_seconds", "handle")

    def __init__(self, clock: "Clock", due_seconds: float, action: Callable[[], object]) -> None:
        self._clock = clock
        self.due_seconds = due_seconds
        self.action = action
        self.handle: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        """Make sure that the action never runs."""
        if self.handle is not None:
            self.handle.cancel()
        self._clock.forget(self)


class Clock:
    """The time that all parts of one simulator share."""

    def __init__(self, read: Callable[[], float] = time.time) -> None:
        self._read = read
        self._ahead_seconds = 0.0
        self._stood_still_at: float | None = None
        self._alarms: set[Alarm] = set()

    def seconds(self) -> float:
        """Seconds since 1970, plus how far the clock was moved."""
        at = self._read() if self._stood_still_at is None else self._stood_still_at
        return at + self._ahead_seconds

    def now(self) -> datetime:
        """The time of day in Nairobi."""
        at = self._read() if self._stood_still_at is None else self._stood_still_at
        return datetime.fromtimestamp(at + self._ahead_seconds, EAT)

    @property
    def ahead_seconds(self) -> float:
        """How far the clock was moved since it started; below zero if it stood still for longer."""
        return self._ahead_seconds

    @property
    def waiting_count(self) -> int:
        """How many actions wait for their time."""
        return len(self._alarms)

    @property
    def stopped(self) -> bool:
        """Whether it stands still until someone moves it or lets it go."""
        return self._stood_still_at is not None

    def stop(self) -> None:
        """Stand still: nothing rings any more but what is due when the clock is moved."""
        if self._stood_still_at is None:
            self._stood_still_at = self._read()
            for alarm in self._alarms:
                if alarm.handle is not None and alarm.due_seconds > self.seconds():
                    alarm.handle.cancel()

    def go(self) -> None:
        """Go on from the time that it shows."""
        if self._stood_still_at is not None:
            self._ahead_seconds -= self._read() - self._stood_still_at
            self._stood_still_at = None
            for alarm in self._alarms:
                self._arm(alarm)

    def reset(self) -> None:
        """Show the true time again. Whoever still sleeps wakes up: nothing that waits outlives a reset."""
        self.go()
        for alarm in tuple(self._alarms):
            if alarm.handle is not None:
                alarm.handle.cancel()
            self._ring(alarm)
        self._ahead_seconds = 0.0

    def after(self, delay_seconds: float, action: Callable[[], object]) -> Alarm:
        """Run the action once, after the delay on this clock."""
        alarm = Alarm(self, self.seconds() + delay_seconds, action)
        self._alarms.add(alarm)
        self._arm(alarm)
        return alarm

    async def sleep(self, delay_seconds: float) -> None:
        """Wait on this clock; moving it ends the wait early."""
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not woken.done():  # whoever slept may have been cancelled in this very turn
                woken.set_result(None)

        alarm = self.after(delay_seconds, wake)
        try:
            await woken
        finally:
            alarm.cancel()

    def advance(self, by_seconds: float) -> None:
        """Move the clock forward and ring, in their order, the alarms that are due by then."""
        self._ahead_seconds += by_seconds
        for alarm in sorted(self._alarms, key=lambda alarm: alarm.due_seconds):
            if alarm not in self._alarms:  # an earlier one of this round cancelled it
                continue
            if alarm.due_seconds <= self.seconds():
                if alarm.handle is not None:
                    alarm.handle.cancel()
                self._ring(alarm)
            else:
                self._arm(alarm)

    def forget(self, alarm: Alarm) -> None:
        """Drop an alarm that was cancelled."""
        self._alarms.discard(alarm)

    def _arm(self, alarm: Alarm) -> None:
        delay_seconds = max(0.0, alarm.due_seconds - self.seconds())
        if alarm.handle is not None:
            alarm.handle.cancel()
        if self.stopped and delay_seconds:
            return
        alarm.handle = asyncio.get_running_loop().call_later(delay_seconds, self._ring, alarm)

    def _ring(self, alarm: Alarm) -> None:
        self._alarms.discard(alarm)
        alarm.action()
