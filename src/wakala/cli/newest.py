"""The newest rows of several organisations as one list, looked through a page at a time and no further than a limit.

What the journal has no index for is picked out here, so one answer looks at so many rows and then says where to go on.
"""

import heapq
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

PAGE_ROWS = 100  # many organisations have a page each in memory
LOOK_LIMIT_ROWS = 20_000  # a second or two; the answer says how to look further


class Row(Protocol):
    """Something that the journal lists: its ID sorts by time."""

    @property
    def id(self) -> str: ...  # noqa: D102 - the class says it


Found = TypeVar("Found", bound=Row)
Ask = Callable[[str, int], Awaitable[Sequence[Found]]]
"""A page of one organisation, newest first: those before an ID, so many of them."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Found]):
    """What was found; where to go on, "" at the end; and whether it ended there for having looked at so many."""

    rows: list[Found]
    before: str = ""
    is_cut: bool = False


async def newest(
    asked: Sequence[Ask[Found]], before: str, since: str, limit: int, holds: Callable[[Found], bool]
) -> Page[Found]:
    """At most ``limit`` rows for which ``holds`` is true, with IDs from ``since`` up to ``before``."""
    found: list[Found] = []
    looked, last = 0, before
    async for row in _merged([_rows(ask, before) for ask in asked]):
        if row.id < since:
            break
        if len(found) == limit or looked == LOOK_LIMIT_ROWS:
            return Page(found, last, is_cut=len(found) < limit)
        looked, last = looked + 1, row.id
        if holds(row):
            found.append(row)
    return Page(found)


async def _rows(ask: Ask[Found], before: str) -> AsyncIterator[Found]:
    while True:
        page = await ask(before, PAGE_ROWS)
        for row in page:
            yield row
        if len(page) < PAGE_ROWS:
            return
        before = page[-1].id


async def _merged(streams: Sequence[AsyncIterator[Found]]) -> AsyncIterator[Found]:
    heads: list[tuple[int, int, Found]] = []
    for number, stream in enumerate(streams):
        async for row in stream:
            heads.append((_age(row.id), number, row))
            break
    heapq.heapify(heads)
    while heads:
        _, number, row = heads[0]
        yield row
        async for following in streams[number]:
            heapq.heapreplace(heads, (_age(following.id), number, following))
            break
        else:
            heapq.heappop(heads)


def _age(row_id: str) -> int:
    """The newest has the least."""
    return -int(row_id.partition("_")[2].ljust(28, "0"), 16)
