"""Look-ups by key on PostgreSQL: those that are asked for while a question is under way share the next one.

A callback often comes to another process than the one that asked M-Pesa, which then has to look its payment up. A busy
process takes tens of milliseconds from one turn of its loop to the next, so with a question for each caller, and a
connection for each question, a few hundred callbacks a second would wait in line for half a second.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from wakala.journal.database import Row

_Waiting = dict[str, list["asyncio.Future[Sequence[Row]]"]]


class Lookups:
    """``ask`` is given keys and returns a row for each of those that there are, the key in its first column."""

    def __init__(self, ask: Callable[[list[str]], Awaitable[Sequence[Row]]]) -> None:
        self._ask = ask
        self._waiting: _Waiting = {}
        self._asking: asyncio.Task[None] | None = None

    async def find(self, key: str) -> Sequence[Row]:
        """The row of a key, or nothing, as it is after this was called."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[Row]] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._asking is None or self._asking.done():
            self._asking = loop.create_task(self._work())
        return await future

    async def _work(self) -> None:
        """Ask until nobody waits."""
        while self._waiting:
            await asyncio.sleep(0)  # whoever is ready in this turn of the loop asks with us
            asked, self._waiting = self._waiting, {}
            try:
                found = {row[0]: [row] for row in await self._ask(list(asked))}
            except Exception as error:  # noqa: BLE001 - it belongs to those who asked
                for future in _open(asked):
                    future.set_exception(error)
                continue
            for key, futures in asked.items():
                for future in _open({key: futures}):
                    future.set_result(found.get(key, []))


def _open(asked: _Waiting) -> list["asyncio.Future[Sequence[Row]]"]:
    """Those who have not left meanwhile."""
    return [future for futures in asked.values() for future in futures if not future.done()]
