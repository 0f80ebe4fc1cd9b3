"""Virtual time, and processes that can die in it.

`VirtualLoop` is asyncio's own loop without a selector: where nothing is ready, time jumps to the next timer. Nothing
sleeps and no socket is open, so a run depends on nothing but its seed.

A *process* is a context variable. All that is scheduled under it belongs to it; when it dies, none of that runs any
more: no `finally`, no `except`, no last write, as after SIGKILL.
"""

import asyncio
import heapq
import warnings
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any

START_US = 1_767_225_600_000_000  # 2026-01-01 00:00 UTC: the virtual clock begins here

RESOLUTION_S = 1e-6  # of the virtual clock: what rings within it rings in the same turn


class StandstillError(Exception):
    """Nothing is ready and no timer is set: the run waits for something that can never happen."""


class Process:
    """What dies together. ``dies_after`` counts steps: each time that something of it is scheduled to run."""

    def __init__(self, loop: "VirtualLoop", name: str, on_death: Callable[["Process", str], None]) -> None:
        self.name = name
        self.is_alive = True
        self.steps = 0
        self.dies_after = 0  # 0: not by counting
        self.awake_us = loop.now_us()  # since when it has run without a break
        self.held: list[asyncio.Handle] | None = None  # while it stands still: what it would have run
        self.context = loop.outside()
        self.context.run(_PROCESS.set, self)
        self._loop = loop
        self._on_death = on_death

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run as a part of the process."""
        task: asyncio.Task[None] = self._loop.create_task(work, context=self.context.copy())
        return task

    def die(self, how: str) -> None:
        """At once: whatever is scheduled is dropped, whatever runs stops at its next await."""
        if self.is_alive:
            self.is_alive = False
            self._loop.drop(self)
            self.wake()
            self._on_death(self, how)

    def stand_still(self) -> None:
        """As after SIGSTOP: time and everybody else go on, and it does nothing until `wake`."""
        if self.held is None:
            self.held = []
            self._loop.standing += 1

    def wake(self) -> None:
        """It goes on, with all that came due meanwhile at once, in the order in which it came due."""
        held, self.held = self.held, None
        if held is not None:
            self._loop.standing -= 1
            self.awake_us = self._loop.now_us()
            if self.is_alive:
                self._loop.resume(held)

    async def halt_if_dead(self) -> None:
        """The door to the outside world: the dead do not pass it."""
        if not self.is_alive:
            await self._loop.create_future()


_PROCESS: ContextVar[Process | None] = ContextVar("process", default=None)


class VirtualLoop(asyncio.BaseEventLoop):
    """``now_s`` is the time in seconds since the start of the run."""

    _ready: deque[asyncio.Handle]

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self._timers: list[tuple[float, asyncio.TimerHandle]] = []  # a heap; pairs compare in C, handles in Python
        self._tasks: set[asyncio.Task[Any]] = set()
        self._nobody = copy_context()
        self._is_over = False
        self.standing = 0  # processes that stand still
        self.busy = 0  # tasks of the world (not of a process) that are not done
        self.faults: list[BaseException] = []  # what broke the world itself

    # What the base class asks of a loop.

    def time(self) -> float:
        """Virtual seconds."""
        return self.now_s

    def _run_once(self) -> None:
        """One turn: what is ready runs; where nothing is, time jumps to the next timer."""
        timers, ready = self._timers, self._ready
        while timers and timers[0][1].cancelled():
            heapq.heappop(timers)
        if not ready and not self._stopping:  # type: ignore[attr-defined]
            if not timers:
                raise StandstillError
            self.now_s += max(timers[0][0] - self.now_s, 0.0)
        until_s = self.now_s + RESOLUTION_S
        while timers and timers[0][0] < until_s:
            ready.append(heapq.heappop(timers)[1])
        for _ in range(len(ready)):  # what these make ready is of the next turn
            handle = ready.popleft()
            if not handle.cancelled() and not (self.standing and self._is_held(handle)):
                handle._run()

    def _is_held(self, handle: asyncio.Handle) -> bool:
        """True where it belongs to a process that stands still, which has it when it wakes."""
        process = handle._context.get(_PROCESS)  # type: ignore[attr-defined]
        if process is None or process.held is None:
            return False
        process.held.append(handle)
        return True

    def resume(self, held: list[asyncio.Handle]) -> None:
        """What a process could not run while it stood still."""
        self._ready.extend(held)

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It is passed over when its time comes."""

    def _write_to_self(self) -> None:
        return

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What a collector finds unheard is mostly a dead process's; what is not, `unheard` finds in time."""

    def unheard(self) -> list[BaseException]:
        """Exceptions that ended a task and that nobody has looked at."""
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        found = [task.exception() for task in ended if task._log_traceback]
        return [error for error in found if error is not None]

    # ── the world and its processes ──

    def now_us(self) -> int:
        """Virtual microseconds since 1970 UTC."""
        return START_US + int(self.now_s * 1_000_000)

    def jump_to(self, now_us: int) -> None:
        """Time passes while everything stands still, as when a machine sleeps; timers that it passes ring at once."""
        self.now_s = max(self.now_s, (now_us - START_US) / 1_000_000)

    def outside(self) -> Context:
        """A context that belongs to no process."""
        return self._nobody.copy()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run as a part of the world, whoever asks."""
        task = self.create_task(work, context=self.outside())
        self.busy += 1
        task.add_done_callback(self._one_less, context=self._nobody)

    def _one_less(self, task: asyncio.Task[None]) -> None:
        self.busy -= 1
        if not task.cancelled() and (error := task.exception()) is not None:
            self.faults.append(error)

    def drop(self, process: Process) -> None:
        """Forget what a process had scheduled."""
        for handle in (*self._ready, *(timer for _, timer in self._timers)):
            if handle._context.get(_PROCESS) is process:  # type: ignore[attr-defined]
                handle.cancel()

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        """As the base class; what belongs to a dead process is never run."""
        context = copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        if self._may_run(context):
            self._ready.append(handle)
        else:
            handle.cancel()
        return handle

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """As the base class; what belongs to a dead process is never run."""
        context = copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        if self._may_run(context):
            heapq.heappush(self._timers, (when, handle))
        return handle

    def run_in_executor(  # type: ignore[override]
        self,
        executor: Any,  # noqa: ARG002 - asyncio's own signature
        func: Callable[..., Any],
        *args: Any,
    ) -> Any:
        """There are no threads: the work is done at once, unless it is a dead process's."""
        done = self.create_future()
        if self._may_run(copy_context()):
            try:
                done.set_result(func(*args))
            except OSError as error:
                done.set_exception(error)
        return done

    def create_task(self, coro: Any, *, name: Any = None, context: Context | None = None) -> Any:
        """As the base class; kept to the end, for closing a dead process's coroutine would run code of it."""
        if self._is_over:
            coro.close()  # somebody's last wish
        task = super().create_task(coro, name=name, context=context)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        self._tasks.add(task)
        return task

    def _may_run(self, context: Context) -> bool:
        if self._is_over:
            return False
        process = context.get(_PROCESS)
        if process is None:
            return True
        if process.is_alive:
            process.steps += 1
            if process.steps == process.dies_after:
                process.die("at an await")
        return process.is_alive

    def bury(self) -> None:
        """The run is over: close whatever never ended, and let nothing of it run."""
        self._is_over = True
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "coroutine .* was never awaited")  # what a `finally` would have spawned
            for task in self._tasks:
                if not task.done():
                    with suppress(RuntimeError):  # a coroutine that would wait even while it is closed
                        task.get_coro().close()
        self._tasks.clear()
        self._ready.clear()
        self._timers.clear()
        self.close()
