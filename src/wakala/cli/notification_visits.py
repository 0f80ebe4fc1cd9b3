"""Visits to the desk where notifications are read, replayed and acknowledged, as the API does it."""

import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from wakala.cli.endpoint_visits import directory_of
from wakala.cli.list_visits import whose_is
from wakala.cli.narrowing import Narrowed, us_of
from wakala.cli.visits import opened
from wakala.config import Settings, master_key
from wakala.deliveries.deliveries import url_of_its_own
from wakala.deliveries.desk import Desk, Window
from wakala.directory import Directory
from wakala.errors import CallerError, NotFoundError
from wakala.identity import Source, made_at_us
from wakala.journal.journal import Journal
from wakala.rules.accounts import App
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.endpoints import By, Endpoint, EndpointState, Target, target_of
from wakala.rules.exchange import Exchange
from wakala.rules.naming import told_names, typed_endpoint, typed_names
from wakala.rules.payment import Scope
from wakala.wire.notification import notification_view
from wakala.wire.trace import hidden
from wakala.wire.view import time_text

NOBODYS = "No app is told of payments to this shortcode, so nobody is sent it: it is kept."
TAKEN = frozenset({DeliveryState.DELIVERED, DeliveryState.ACKNOWLEDGED})


@dataclass(frozen=True, slots=True)
class Reach:
    """What a replay would send: how many, how many of them the merchants have already, and what stands in their way.

    ``until_us`` is the end of the window, so that what is replayed is what was counted.
    """

    count: int
    taken: int
    obstacles: tuple[str, ...]
    until_us: int


@dataclass(frozen=True, slots=True)
class AtDesk:
    """The desk, and what is known around it."""

    settings: Settings
    journal: Journal
    source: Source
    desk: Desk
    directory: Directory
    apps: Sequence[App]
    organisations: dict[str, str]

    async def found(self, notification_id: str) -> Notification:
        """Any app's."""
        found = await self.journal.notification(notification_id)
        if found is None:
            raise NotFoundError(f"There is no notification {notification_id} here: see `wakala notifications`.")
        return found

    async def target(self, notification: Notification) -> Target:
        """Where an attempt goes that begins now."""
        own_url = await url_of_its_own(self.journal, self.directory, notification)
        app = self.directory.app(notification.scope.app_id)
        app_url = app.callback_url if app else None
        return target_of(
            self._endpoint(notification.scope), own_url, app_url, notification.created_us, self.source.now_us()
        )

    def _endpoint(self, scope: Scope) -> Endpoint:
        found = self.directory.endpoint(scope.app_id, scope.shortcode_id)
        return found or Endpoint("", scope.organisation_id, scope.app_id, "")

    async def obstacle(self, notification: Notification) -> str:
        """Why it would not go out if it were owed from now on; "" where it would."""
        anew = replace(notification, created_us=self.source.now_us())
        return self._obstacle(self._endpoint(anew.scope), (await self.target(anew)).url)

    def obstacles(self, whose: Scope) -> list[str]:
        """The same of all that an app's endpoints are sent, or the one of a shortcode."""
        if whose.shortcode_id:
            endpoints = [self._endpoint(whose)]
        else:
            endpoints = [one for one in self.directory.endpoints if one.app_id == whose.app_id]
        found = [self._obstacle(one, self.directory.url_of(one) or None) for one in endpoints]
        return [sentence for sentence in found if sentence]

    def _obstacle(self, endpoint: Endpoint, url: str | None) -> str:
        if not endpoint.app_id:
            return NOBODYS
        told = told_names(self.apps, self.organisations)[endpoint.app_id]
        shortcode = self.directory.shortcode(endpoint.shortcode_id) if endpoint.shortcode_id else None
        typed = typed_endpoint(typed_names(self.apps)[endpoint.app_id], shortcode)
        of = f"{told} for {shortcode.number}" if shortcode else told
        if endpoint.state is EndpointState.ACTIVE:
            kept = f"{of} has no callback URL, so what brings none of its own is kept again."
            return "" if url else f"{kept} First name one: `wakala endpoint move {typed} URL`."
        why = f" ({endpoint.reason.rstrip('.')})" if endpoint.reason else ""
        return (
            f"The endpoint of {of} is {endpoint.state}{why}: what is owed waits there until "
            f"`wakala endpoint resume {typed}`."
        )


@asynccontextmanager
async def notification_desk(settings: Settings) -> AsyncIterator[AtDesk]:
    """The desk, for notifications of every app."""
    async with opened(settings) as (journal, source):
        desk = Desk(journal, master_key(settings), source, By.OPERATOR)
        directory = await directory_of(settings, journal)
        yield AtDesk(settings, journal, source, desk, directory, await journal.apps(), await journal.organisations())


async def read_notification(settings: Settings, notification_id: str) -> dict[str, Any]:
    """One of them whole, phone numbers masked: what, where, each attempt, and what comes next."""
    async with notification_desk(settings) as at:
        found = await at.found(notification_id)
        return await _whole(at, found)


async def acknowledge(settings: Settings, notification_id: str) -> tuple[bool, dict[str, Any]]:
    """The merchant has it. False: it was taken already. Then as it is now."""
    async with notification_desk(settings) as at:
        changed = await at.desk.acknowledge(await at.found(notification_id))
        return changed, await _whole(at, await at.found(notification_id))


async def _whole(at: AtDesk, notification: Notification) -> dict[str, Any]:
    payment = await at.journal.payment(notification.payment_id)
    exchanges = await at.journal.exchanges(notification.payment_id)
    scope, shortcode = notification.scope, at.directory.shortcode(notification.scope.shortcode_id)
    app = at.directory.app(scope.app_id)
    view = {
        **notification_view(notification, made_at_us(notification.id)),
        "Organisation": at.organisations.get(scope.organisation_id),
        "App": app.name if app else None,
        "Shortcode": shortcode.number if shortcode else None,
        "Environment": scope.environment,
        "RequestID": payment.request_id if payment else None,
        "OwedSince": time_text(notification.created_us),
        "SettledAt": time_text(notification.settled_us),
        "URL": (await at.target(notification)).url,
        "Next": await _next(at, notification),
        "Body": notification.body.decode(errors="replace"),
        "DeliveryAttempts": [_attempt(one) for one in exchanges if one.notification_id == notification.id],
    }
    shown: dict[str, Any] = hidden(view)
    return shown


async def _next(at: AtDesk, notification: Notification) -> str:
    """What becomes of it, in a sentence."""
    again = f"`wakala notifications replay {notification.id}` sends it"
    match notification.state:
        case DeliveryState.DELIVERED:
            return f"Nothing: the merchant took it. {again} again."
        case DeliveryState.ACKNOWLEDGED:
            return f"Nothing: the merchant, or an operator, said that it was received. {again} again."
        case DeliveryState.GIVEN_UP:
            return f"Nothing: its schedule ended, or its URL said that nobody lives there. {again} again."
        case DeliveryState.KEPT if not notification.scope.app_id:
            return NOBODYS
        case DeliveryState.KEPT:
            return f"Nothing: it is kept, for want of a URL or because a move was to hold it. {again}."
        case DeliveryState.WAITING:
            now_us = at.source.now_us()
            if notification.lease_us > now_us:
                return "It is on its way right now."
            if sentence := await at.obstacle(notification):
                return sentence
            if notification.due_us <= now_us:
                return "It is due: a gateway that runs sends it when its turn comes."
            return f"It is tried again at {time_text(notification.due_us)}."


def _attempt(exchange: Exchange) -> dict[str, Any]:
    return {
        "At": time_text(exchange.started_us),
        "URL": exchange.url,
        "Status": exchange.status,
        "Error": exchange.error,
        "DurationMs": exchange.duration_us / 1_000 if exchange.duration_us is not None else None,
        "AnswerBody": exchange.answer_body.decode(errors="replace"),
    }


async def reach_of_one(settings: Settings, notification_id: str) -> Reach:
    """What a replay of one would send."""
    async with notification_desk(settings) as at:
        found = await at.found(notification_id)
        if not found.scope.app_id:  # it would wait in a lane that nobody looks at
            raise CallerError(NOBODYS)
        sentence = await at.obstacle(found)
        return Reach(1, int(found.state in TAKEN), (sentence,) if sentence else (), 0)


async def replay_one(settings: Settings, notification_id: str) -> int:
    """0 where it is on its way right now."""
    async with notification_desk(settings) as at:
        return int(await at.desk.replay(await at.found(notification_id)))


async def reach_of(settings: Settings, wanted: Narrowed) -> Reach:
    """What a replay of a window would send."""
    async with notification_desk(settings) as at:
        until_us = us_of(wanted.until) if wanted.until else at.source.now_us()
        count = taken = 0
        obstacles: list[str] = []
        for scope, window in await _windows(at, wanted, until_us):
            theirs = await _replayed(at, scope, window, dry_run=True)
            count += theirs
            if theirs:
                obstacles += at.obstacles(scope)
                states = (window.states & TAKEN) if window.states else TAKEN
                if states:
                    taken += await _replayed(at, scope, dataclasses.replace(window, states=states), dry_run=True)
        return Reach(count, taken, tuple(obstacles), until_us)


async def replay_all(settings: Settings, wanted: Narrowed, until_us: int) -> int:
    """Owed again; how many were."""
    async with notification_desk(settings) as at:
        windows = await _windows(at, wanted, until_us)
        return sum([await _replayed(at, scope, window, dry_run=False) for scope, window in windows])


async def _windows(at: AtDesk, wanted: Narrowed, until_us: int) -> list[tuple[Scope, Window]]:
    """An app's window each, as the API has them."""
    whose = await whose_is(at.settings, at.journal, at.source, wanted)
    window = Window(
        us_of(wanted.since) if wanted.since else 0,
        until_us,
        frozenset(DeliveryState(state) for state in wanted.states),
        wanted.type,
        shortcode_id=whose.shortcode_id,
    )
    theirs = [app for app in at.apps if app.organisation_id in whose.organisations and whose.app_id in {"", app.id}]
    scopes = [Scope(app.organisation_id, app.id, whose.shortcode_id, wanted.environment) for app in theirs]
    return [(scope, window) for scope in scopes]


async def _replayed(at: AtDesk, scope: Scope, window: Window, *, dry_run: bool) -> int:
    """All of a window, call by call."""
    count, after = await at.desk.replay_window(scope, window, dry_run=dry_run)
    while after is not None:
        more, after = await at.desk.replay_window(scope, dataclasses.replace(window, after=after), dry_run=dry_run)
        count += more
    return count
