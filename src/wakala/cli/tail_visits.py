"""Following the exchanges of an installation; reads only, so a gateway may be running meanwhile, or none."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from wakala.administration import Administration
from wakala.cli.visits import opened
from wakala.config import Settings, master_key
from wakala.errors import CallerError, DatabaseFaultError, NotFoundError
from wakala.identity import Clock, Source, first_id
from wakala.journal.journal import PAGE_LIMIT_ROWS, Journal
from wakala.rules.accounts import Environment
from wakala.rules.exchange import Exchange
from wakala.rules.tailing import WINDOW_ROWS, WINDOW_S, Filter, Follower, require_kind
from wakala.wire.trace import exchange_view, hidden

LOOK_AGAIN_S = 0.3  # a person sees no difference to at once
BEHIND_S = 10  # longer than one look takes: who is so far behind the window may have more there than a look takes
PREFIX = "xch"
START = "start"
_PLACE = re.compile(rf"{PREFIX}_[0-9a-f]{{12,28}}")

Show = Callable[[dict[str, Any]], None]
Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command was asked for, in its own words."""

    app: str
    request: str
    environment: Environment
    kind: str
    is_failed: bool


async def followed(settings: Settings, wanted: Wanted, after: str, show: Show, warn: Warn, ended: asyncio.Event) -> str:
    """Show what ends until ``ended``; the cursor to go on after. A database that is away for a while is waited for."""
    if after not in {"", START} and not _PLACE.fullmatch(after):  # any other word stands behind all, or before
        raise CallerError(f"{after} is no cursor: give the one that was printed, or {START} for the oldest.")
    require_kind(wanted.kind)
    async with opened(settings) as (journal, source):
        tail = _Tail(journal, await _filter(settings, journal, source, wanted), show, warn, source.now_us)
        warn("Following what goes in and out; Ctrl-C ends it.")
        begin_us = 0 if after == START else source.now_us()
        return await tail.follow(after if _PLACE.fullmatch(after) else first_id(PREFIX, begin_us), ended)


async def _filter(settings: Settings, journal: Journal, source: Source, wanted: Wanted) -> Filter:
    """A RequestID is an organisation's own: without an app those of all that have used it are followed."""
    app_id, organisations = "", list(await journal.organisations())
    if wanted.app:
        app = await Administration(journal, master_key(settings), source).app(wanted.app)
        app_id, organisations = app.id, [app.organisation_id]
    if not wanted.request:
        return Filter(app_id, frozenset(), wanted.kind, wanted.is_failed)
    found = [await journal.payment_by_request(one, wanted.environment, wanted.request) for one in organisations]
    payment_ids = frozenset(payment.id for payment in found if payment)
    if not payment_ids:
        raise NotFoundError(f"No request {wanted.request} was ever received here in {wanted.environment}.")
    return Filter(app_id, payment_ids, wanted.kind, wanted.is_failed)


class _Tail:
    def __init__(self, journal: Journal, wanted: Filter, show: Show, warn: Warn, now_us: Clock) -> None:
        self._journal = journal
        self._wanted = wanted
        self._show = show
        self._warn = warn
        self._is_warned = False
        self._requests: dict[str, str] = {}
        self._now_us = now_us

    async def follow(self, cursor: str, ended: asyncio.Event) -> str:
        follower = Follower(cursor)
        while not ended.is_set():
            try:
                if self._is_behind(follower) and await self._catch_up(follower):
                    continue
                await self._look(follower)
                self._is_warned = False
            except DatabaseFaultError as fault:
                if not self._is_warned:
                    self._warn(f"The database does not answer ({fault.__cause__ or fault.code}). Still following.")
                self._is_warned = True
            with suppress(TimeoutError):
                await asyncio.wait_for(ended.wait(), LOOK_AGAIN_S)
        return follower.cursor

    def _is_behind(self, follower: Follower) -> bool:
        """True where it has yet to see what lies before the window: from the start, or it stood still for a while."""
        return follower.cursor < first_id(PREFIX, self._now_us() - (WINDOW_S + BEHIND_S) * 1_000_000)

    async def _look(self, follower: Follower) -> None:
        """What has ended in the window."""
        start = self._window_start()
        for exchange_id in follower.unseen(await self._journal.exchange_ids(follower.cursor, WINDOW_ROWS)):
            exchange = await self._journal.exchange(exchange_id)
            if exchange is None:
                continue
            view = await self._view(exchange)  # before it counts as shown: the database may go away in between
            if follower.show(exchange, start):
                self._tell(view)
        follower.move(start)

    async def _catch_up(self, follower: Follower) -> bool:
        """A page of what lies before the window, where all is complete; True while there is more."""
        start = self._window_start()
        page = [one for one in await self._journal.exchanges_after(follower.cursor) if one.id < start]
        for exchange in page:
            if follower.unseen([exchange.id]):
                self._tell(await self._view(exchange))
            follower.move(exchange.id)
        await asyncio.sleep(0)  # SQLite answers without a pause, and Ctrl-C wants its turn
        return len(page) == PAGE_LIMIT_ROWS

    def _window_start(self) -> str:
        return first_id(PREFIX, self._now_us() - WINDOW_S * 1_000_000)

    def _tell(self, view: dict[str, Any] | None) -> None:
        if view is not None:
            self._show(view)

    async def _view(self, exchange: Exchange) -> dict[str, Any] | None:
        """None for what nobody asked for."""
        if not self._wanted.holds(exchange):
            return None
        return {"ID": exchange.id, "RequestID": await self._request_of(exchange), **hidden(exchange_view(exchange))}

    async def _request_of(self, exchange: Exchange) -> str | None:
        if exchange.payment_id is None:
            return None
        if exchange.payment_id not in self._requests:
            if len(self._requests) > WINDOW_ROWS:
                self._requests.clear()
            payment = await self._journal.payment(exchange.payment_id)
            self._requests[exchange.payment_id] = payment.request_id if payment else exchange.payment_id
        return self._requests[exchange.payment_id]
