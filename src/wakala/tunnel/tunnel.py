"""The loop of the tunnel: a page, each note in order until it is taken, then the cursor.

The gateway's cursor stays some seconds behind, because a notification may be committed late and come between others.
What lies beyond it is forwarded at once and remembered, so that it is not forwarded twice; what a break makes us forget
comes again with the same ``webhook-id``. So nothing is lost, and a note is repeated only across a break.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import msgspec

from wakala.errors import NotFoundError
from wakala.tunnel.feed import DownError, Note, Page

Found = TypeVar("Found")

PAUSE_MIN_S = 0.5
PAUSE_MAX_S = 10.0  # a person waits for his program to be back
FRESH_S = 60.0  # receivers refuse a signature of five minutes ago
FORWARD_LIMIT_S = 30.0  # a program under a debugger is slow
FORGOTTEN = "the gateway has forgotten it meanwhile, as it was old"
START, NOW = "start", "now"  # in the place of a cursor
OLDEST = "0"  # as a cursor: sorts before every ID; none at all would be where this reader stopped


class Source(Protocol):
    """See `feed.Feed`."""

    async def cursor(self) -> str:
        """Where this reader stopped."""

    async def now(self) -> str:
        """Before everything that is still to come."""

    async def page(self, after: str, seen: int) -> Page:
        """Notes after a cursor."""

    async def signed_anew(self, note: Note) -> Note:
        """The same note with fresh headers."""

    async def acknowledge(self, cursor: str) -> None:
        """All up to there is done."""


class Took(msgspec.Struct, frozen=True):
    """How the local program took one try. ``status`` is None where there was no answer; ``error`` says why."""

    note: Note
    attempt: int
    status: int | None
    error: str
    took_ms: float

    @property
    def is_taken(self) -> bool:
        """Only 2xx counts, as for the gateway."""
        return self.status is not None and 200 <= self.status < 300


class Teller(Protocol):
    """Where the tunnel says what happens."""

    def took(self, took: Took) -> None:
        """One try ended."""

    def down(self, reason: str) -> None:
        """The gateway cannot be asked; it is asked again."""

    def up(self) -> None:
        """It can be asked again."""


class Target(Protocol):
    """The local program."""

    async def take(self, note: Note, attempt: int) -> Took:
        """Bring it one note."""


class Tunnel:
    """``after`` is where to begin; ``attempts_limit`` 0 tries one note until it is taken."""

    def __init__(self, source: Source, target: Target, teller: Teller, after: str, attempts_limit: int = 0) -> None:
        self.after = after
        self._source = source
        self._target = target
        self._teller = teller
        self._attempts_limit = attempts_limit
        self._beyond: set[str] = set()  # forwarded, and not yet behind the cursor

    async def run(self) -> None:
        """Until cancelled. Raises only what the gateway says for good: a wrong key, a wrong address."""
        while True:
            await self.step()

    async def step(self) -> None:
        """One page."""
        loop = asyncio.get_running_loop()
        asked_s = loop.time()
        page = await self._insisted(self._source.page, self.after, len(self._beyond))
        fetched_s = loop.time()
        fresh = [note for note in page.Notifications if note.NotificationID not in self._beyond]
        for note in fresh:
            await self._bring(note, fetched_s)
            self._beyond.add(note.NotificationID)
        if not fresh and fetched_s - asked_s < PAUSE_MIN_S:  # a gateway that is ending lets nobody wait
            await asyncio.sleep(PAUSE_MIN_S)
        if page.After != self.after:
            self.after = page.After
            self._beyond = {one for one in self._beyond if one > self.after}
            await self._insisted(self._source.acknowledge, self.after)

    async def _bring(self, note: Note, fetched_s: float) -> None:
        """In order: the next one waits until this one is taken."""
        pause_s, attempt = PAUSE_MIN_S, 1
        loop = asyncio.get_running_loop()
        while True:
            try:
                if loop.time() - fetched_s > FRESH_S:
                    note, fetched_s = await self._insisted(self._source.signed_anew, note), loop.time()
            except NotFoundError:
                self._teller.took(Took(note, attempt, None, FORGOTTEN, 0))
                return
            took = await self._target.take(note, attempt)
            self._teller.took(took)
            if took.is_taken or attempt == self._attempts_limit:
                return
            await asyncio.sleep(pause_s)
            pause_s, attempt = min(PAUSE_MAX_S, 2 * pause_s), attempt + 1

    async def _insisted(self, ask: Callable[..., Awaitable[Found]], *given: object) -> Found:
        return await insisted(self._teller, ask, *given)


async def begin(source: Source, teller: Teller, wanted: str) -> str:
    """The cursor to begin after: the wanted one, or where this reader stopped; a new one begins with what comes."""
    if wanted == START:
        return OLDEST
    cursor = wanted if wanted not in {"", NOW} else ""
    if not wanted:
        cursor = await insisted(teller, source.cursor)
    if not cursor:
        cursor = await insisted(teller, source.now)
        await insisted(teller, source.acknowledge, cursor)  # so that a break before the first one is none
    return cursor


async def insisted(teller: Teller, ask: Callable[..., Awaitable[Found]], *given: object) -> Found:
    """Ask until the gateway answers."""
    pause_s, was_down = PAUSE_MIN_S, False
    while True:
        try:
            found = await ask(*given)
        except DownError as error:
            if not was_down:
                teller.down(str(error))
            was_down = True
            await asyncio.sleep(pause_s)
            pause_s = min(PAUSE_MAX_S, 2 * pause_s)
        else:
            if was_down:
                teller.up()
            return found
