"""Where calls come in: M-Pesa's own go from the parser straight to their API, as in `wakala.reception`, and more so.

Most APIs answer without waiting for anything, so each is begun without a task, and goes on in one only where it waits.
"""

from collections.abc import Coroutine, Generator
from functools import partial
from types import coroutine
from typing import Any

from wakala import reception
from wakala.reception import Leaving, Visit


class Reception(reception.Reception):
    """One caller's connection."""

    def answer(self, visit: Visit, answering: Coroutine[Any, Any, Leaving]) -> None:
        """Let the API answer: at once, or when it has waited for what it waits for."""
        try:
            waits_for = answering.send(None)
        except StopIteration as done:
            self.send(visit, done.value)
        except Exception as broken:  # noqa: BLE001, whatever it is: the caller is answered and the fault is logged
            self.break_off(visit, broken)
        else:
            super().answer(visit, _rest(answering, waits_for))


@coroutine
def _rest(begun: Coroutine[Any, Any, Leaving], waits_for: object) -> Generator[Any, Any, Leaving]:
    """Go on with a coroutine that was begun without a task: as ``await`` does, which can only begin one."""
    while True:
        try:
            woken = yield waits_for
        except BaseException as thrown:  # noqa: BLE001, all of them are for the coroutine, a cancellation too
            step = partial(begun.throw, thrown)
        else:
            step = partial(begun.send, woken)
        try:
            waits_for = step()
        except StopIteration as done:
            result: Leaving = done.value
            return result
