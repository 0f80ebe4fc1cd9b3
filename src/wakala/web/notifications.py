"""Notifications for apps that come and get them: by cursor, one by one, acknowledged, replayed."""

import asyncio
import datetime as dt
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from wakala.deliveries.bell import Bell
from wakala.deliveries.deliveries import signed_headers
from wakala.deliveries.desk import OLDEST, Desk, Window
from wakala.directory import Directory
from wakala.errors import FieldFault, ForbiddenError, InvalidFieldsError, NotFoundError
from wakala.identity import made_at_us
from wakala.journal.endpoints import Consumer
from wakala.journal.journal import Journal
from wakala.rules.accounts import Environment
from wakala.rules.delivery import TYPES, DeliveryState, Notification
from wakala.rules.payment import Scope
from wakala.web.auth import caller
from wakala.web.endpoints import read_body
from wakala.web.paging import (
    AFTER,
    CONSUMER,
    LIMIT,
    NAME,
    NAME_WANTED,
    NOW,
    PLACE,
    PLACE_WANTED,
    SEEN,
    SEEN_LIMIT,
    START,
    WAIT,
    read_query,
)
from wakala.web.plumbing import Handler, Incoming
from wakala.wire.api import HttpAnswer, plain
from wakala.wire.notification import notification_view
from wakala.wire.view import time_text

_NAME = re.compile(NAME)
_PLACE = re.compile(PLACE)


class ReplayBody(msgspec.Struct, forbid_unknown_fields=True):
    """Which notifications to send again. ``DryRun`` only counts them; ``After`` goes on where a call stopped."""

    From: dt.datetime
    To: dt.datetime
    States: tuple[DeliveryState, ...] = ()
    Type: str = ""
    After: str = ""
    DryRun: bool = True


class ReadBody(msgspec.Struct, forbid_unknown_fields=True):
    """A consumer has everything up to ``Cursor``."""

    Consumer: str
    Cursor: str


class ForgetBody(msgspec.Struct, forbid_unknown_fields=True):
    """A consumer that will not come again."""

    Consumer: str


class Notifications:
    """Endpoints of the API about notifications, of the calling app and no other."""

    def __init__(
        self, journal: Journal, directory: Directory, desk: Desk, bell: Bell, now_us: Callable[[], int]
    ) -> None:
        self._journal = journal
        self._directory = directory
        self._desk = desk
        self._bell = bell
        self._now_us = now_us

    def listed(self, environment: Environment) -> Handler:
        """``GET .../notifications?after=&consumer=&limit=``: oldest first, delivered or not.

        ``wait`` holds the answer back until there is something; ``seen`` includes those too young for the cursor.
        """

        async def handle(incoming: Incoming) -> HttpAnswer:
            scope = self._scope(incoming, environment)
            asked = _feed(incoming.query)
            after = await self._start(scope, asked)
            found, cursor = await self._page_in_time(scope, asked, after)
            notes = [self._view(one, is_signed=asked.is_signed) for one in found]
            return plain(200, {"Notifications": notes, "Cursor": after, "After": cursor})

        return handle

    async def _start(self, scope: Scope, asked: "Feed") -> str:
        if asked.after == NOW:
            return await self._desk.end_id()
        if asked.after == START:
            return OLDEST
        if asked.consumer and not asked.after:
            return await self._journal.endpoints.cursor(scope.app_id, scope.environment, asked.consumer)
        return asked.after

    async def _page_in_time(self, scope: Scope, asked: "Feed", after: str) -> tuple[list[Notification], str]:
        """As soon as there is something, or when the caller will wait no longer; and where to go on."""
        clock = asyncio.get_running_loop().time
        ends_s = clock() + asked.wait_s
        while True:
            rung = self._bell.times_rung(scope.app_id)
            sure, end = self._desk.settled_id(), await self._desk.end_id()
            found = await self._page(scope, asked, after)
            left_s = ends_s - clock()
            if len(found) > asked.seen or left_s <= 0 or self._bell.is_closed:
                read = max((one.id for one in found if one.id < sure), default=after)
                is_whole = len(found) < asked.rows  # else there may be more: no further than what is in this page
                return found, max(after, read, min(sure, end) if is_whole else after)
            await self._bell.wait(scope.app_id, rung, left_s)

    async def _page(self, scope: Scope, asked: "Feed", after: str) -> list[Notification]:
        if asked.has_seen:
            return await self._desk.after_with_young(scope, after, asked.rows)
        return await self._desk.after(scope, after, asked.rows)

    def one(self, environment: Environment) -> Handler:
        """``GET .../notifications/{NotificationID}``."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            is_signed = dict(parse_qsl(incoming.query, encoding="latin-1")).get("signed") == "true"
            return plain(200, self._view(await self._own(incoming, environment), is_signed=is_signed))

        return handle

    def acknowledge(self, environment: Environment) -> Handler:
        """``POST .../notifications/{NotificationID}/acknowledge``: nothing is tried any more."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            notification = await self._own(incoming, environment)
            await self._desk.acknowledge(notification)
            return plain(200, self._view(await self._own(incoming, environment), is_signed=False))

        return handle

    def replay(self, environment: Environment) -> Handler:
        """``POST .../notifications/{NotificationID}/replay``: owed again."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            replayed = await self._desk.replay(await self._own(incoming, environment))
            return plain(200, {"Replayed": int(replayed)})

        return handle

    def replay_window(self, environment: Environment) -> Handler:
        """``POST .../notifications/replay``: by time, state and type; counts only, unless DryRun is false."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            scope = self._scope(incoming, environment)
            asked = read_body(ReplayBody, incoming.body)
            if asked.After and not _PLACE.fullmatch(asked.After):
                raise InvalidFieldsError(faults=(FieldFault("/After", "Send After of the answer before."),))
            if asked.Type and asked.Type not in TYPES:
                raise InvalidFieldsError(faults=(FieldFault("/Type", f"Send one of {', '.join(TYPES)}, or none."),))
            from_us, until_us = _us(asked.From), _us(asked.To)
            if until_us <= from_us:
                raise InvalidFieldsError(faults=(FieldFault("/To", "Send a moment that is later than From."),))
            window = Window(from_us, until_us, frozenset(asked.States), asked.Type, asked.After)
            count, after = await self._desk.replay_window(scope, window, dry_run=asked.DryRun)
            return plain(200, {"DryRun": asked.DryRun, "Count": count, "After": after})

        return handle

    def read_up_to(self, environment: Environment) -> Handler:
        """``POST .../notifications/acknowledge``: a consumer's cursor moves forward."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            scope = self._scope(incoming, environment)
            asked = read_body(ReadBody, incoming.body)
            _require_names(Consumer=asked.Consumer)
            if not _PLACE.fullmatch(asked.Cursor):  # behind all of them, a word would pass over what was never read
                raise InvalidFieldsError(faults=(FieldFault("/Cursor", PLACE_WANTED),))
            await self._desk.acknowledge_up_to(scope, asked.Consumer, asked.Cursor)
            cursor = await self._journal.endpoints.cursor(scope.app_id, environment, asked.Consumer)
            return plain(200, {"Consumer": asked.Consumer, "Cursor": cursor})

        return handle

    def consumers(self, environment: Environment) -> Handler:
        """``GET .../notifications/consumers``: who reads by a cursor that is kept here, and how far each has come."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            known = await self._desk.consumers(self._scope(incoming, environment))
            return plain(200, {"Consumers": [_consumer(one) for one in known]})

        return handle

    def forget(self, environment: Environment) -> Handler:
        """``POST .../notifications/forget``: a consumer's cursor is dropped, and its name is free."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            scope = self._scope(incoming, environment)
            asked = read_body(ForgetBody, incoming.body)
            _require_names(Consumer=asked.Consumer)
            await self._desk.forget_consumer(scope, asked.Consumer)
            return plain(200, {"Consumer": asked.Consumer, "Cursor": None})

        return handle

    def _scope(self, incoming: Incoming, environment: Environment) -> Scope:
        app = caller(incoming, self._directory)
        if environment is Environment.LIVE and app.live_shortcode_id is None:
            raise ForbiddenError("This app is not bound to a live shortcode, so it reads the sandbox only.")
        return Scope(app.organisation_id, app.id, "", environment)

    def _view(self, notification: Notification, *, is_signed: bool) -> dict[str, Any]:
        """``Headers`` are those of an attempt that would begin now.

        Whoever holds the app's key may have them: they prove nothing but a notification that is the app's own, which
        the same key can have sent again anyway. The secret itself, which could sign anything, stays here.
        """
        view = _view(notification)
        endpoint = self._directory.endpoint(notification.scope.app_id, notification.scope.shortcode_id)
        if is_signed and endpoint is not None:
            signers = self._directory.signers(endpoint)
            shortcode = self._directory.shortcode(notification.scope.shortcode_id)
            number = shortcode.number if shortcode else ""
            headers = signed_headers(signers, notification.id, notification.body, self._now_us(), number)
            view["Headers"] = dict(headers)
        return view

    async def _own(self, incoming: Incoming, environment: Environment) -> Notification:
        scope = self._scope(incoming, environment)
        notification_id = incoming.parameters["notification_id"]
        if not _NAME.fullmatch(notification_id):
            raise NotFoundError
        return await self._desk.own(scope, notification_id)


def _require_names(**given: str) -> None:
    for name, value in given.items():
        if not _NAME.fullmatch(value):
            raise InvalidFieldsError(faults=(FieldFault(f"/{name}", NAME_WANTED),))


def _consumer(consumer: Consumer) -> dict[str, Any]:
    """``UpTo`` is the moment that its cursor stands for; None at the beginning."""
    stands_for_us = made_at_us(consumer.cursor) if consumer.cursor.startswith("ntf_") else None
    return {
        "Consumer": consumer.name,
        "Cursor": consumer.cursor,
        "UpTo": time_text(stands_for_us),
        "AcknowledgedAt": time_text(consumer.updated_us),
    }


def _us(moment: dt.datetime) -> int:
    """Microseconds; a time without a zone is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1_000_000)


def _view(notification: Notification) -> dict[str, Any]:
    view = notification_view(notification, made_at_us(notification.id))
    return view | {"Body": msgspec.Raw(notification.body)}


@dataclass(frozen=True, slots=True)
class Feed:
    """How notifications are asked for. ``seen`` is how many after the cursor the caller has already."""

    after: str
    consumer: str
    limit: int
    wait_s: int
    seen: int
    has_seen: bool
    is_signed: bool

    @property
    def rows(self) -> int:
        """In one page."""
        return self.limit + self.seen


def _feed(query: str) -> Feed:
    given, numbers = read_query(query, [LIMIT, WAIT, SEEN], [AFTER, CONSUMER])
    seen = numbers.get("seen", SEEN_LIMIT + 1)
    has_seen = seen <= SEEN_LIMIT
    return Feed(
        after=given.get("after", ""),
        consumer=given.get("consumer", ""),
        limit=numbers["limit"],
        wait_s=numbers["wait"],
        seen=seen if has_seen else 0,
        has_seen=has_seen,
        is_signed=given.get("signed") == "true",
    )
