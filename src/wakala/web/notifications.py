"""Notifications for apps that come and get them: by cursor, one by one, acknowledged, replayed."""

import datetime as dt
import re
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from wakala.deliveries.desk import Desk, Window
from wakala.directory import Directory
from wakala.errors import FieldFault, ForbiddenError, InvalidFieldsError, NotFoundError
from wakala.journal.endpoints import PAGE_ROWS
from wakala.journal.journal import Journal
from wakala.rules.accounts import Environment
from wakala.rules.delivery import DeliveryState, Notification
from wakala.rules.payment import Scope
from wakala.web.auth import caller
from wakala.web.plumbing import Handler, Incoming
from wakala.wire.api import HttpAnswer, plain
from wakala.wire.view import time_text

DEFAULT_ROWS = 50
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_LIMIT = re.compile(r"[1-9][0-9]{0,5}")


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


class Notifications:
    """Endpoints of the API about notifications, of the calling app and no other."""

    def __init__(self, journal: Journal, directory: Directory, desk: Desk) -> None:
        self._journal = journal
        self._directory = directory
        self._desk = desk

    def listed(self, environment: Environment) -> Handler:
        """``GET .../notifications?after=&consumer=&limit=``: oldest first, delivered or not."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            scope = self._scope(incoming, environment)
            given = dict(parse_qsl(incoming.query, encoding="latin-1"))
            after, consumer, limit = given.get("after", ""), given.get("consumer", ""), given.get("limit", "")
            faults = [
                FieldFault(f"/{name}", "Send 1 to 64 letters, digits, underscores, dots or hyphens.")
                for name, value in (("after", after), ("consumer", consumer))
                if value and not _NAME.fullmatch(value)
            ]
            if limit and not _LIMIT.fullmatch(limit):
                faults.append(FieldFault("/limit", f"Send a whole number from 1 to {PAGE_ROWS}."))
            if faults:
                raise InvalidFieldsError(faults=tuple(faults))
            if consumer and not after:
                after = await self._journal.endpoints.cursor(scope.app_id, environment, consumer)
            found = await self._desk.after(scope, after, min(int(limit or DEFAULT_ROWS), PAGE_ROWS))
            return plain(
                200, {"Notifications": [_view(one) for one in found], "After": found[-1].id if found else after}
            )

        return handle

    def one(self, environment: Environment) -> Handler:
        """``GET .../notifications/{NotificationID}``."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            return plain(200, _view(await self._own(incoming, environment)))

        return handle

    def acknowledge(self, environment: Environment) -> Handler:
        """``POST .../notifications/{NotificationID}/acknowledge``: nothing is tried any more."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            notification = await self._own(incoming, environment)
            await self._desk.acknowledge(notification)
            return plain(200, _view(await self._own(incoming, environment)))

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
            asked = _read(ReplayBody, incoming.body)
            if asked.After and not _NAME.fullmatch(asked.After):
                raise InvalidFieldsError(faults=(FieldFault("/After", "Send After of the answer before."),))
            window = Window(_us(asked.From), _us(asked.To), frozenset(asked.States), asked.Type, asked.After)
            count, after = await self._desk.replay_window(scope, window, dry_run=asked.DryRun)
            return plain(200, {"DryRun": asked.DryRun, "Count": count, "After": after})

        return handle

    def read_up_to(self, environment: Environment) -> Handler:
        """``POST .../notifications/acknowledge``: a consumer's cursor moves forward."""

        async def handle(incoming: Incoming) -> HttpAnswer:
            scope = self._scope(incoming, environment)
            asked = _read(ReadBody, incoming.body)
            for name, value in (("Consumer", asked.Consumer), ("Cursor", asked.Cursor)):
                if not _NAME.fullmatch(value):
                    message = "Send 1 to 64 letters, digits, underscores, dots or hyphens."
                    raise InvalidFieldsError(faults=(FieldFault(f"/{name}", message),))
            await self._desk.acknowledge_up_to(scope, asked.Consumer, asked.Cursor)
            cursor = await self._journal.endpoints.cursor(scope.app_id, environment, asked.Consumer)
            return plain(200, {"Consumer": asked.Consumer, "Cursor": cursor})

        return handle

    def _scope(self, incoming: Incoming, environment: Environment) -> Scope:
        app = caller(incoming, self._directory)
        if environment is Environment.LIVE and app.live_shortcode_id is None:
            raise ForbiddenError("This app is not bound to a live shortcode, so it reads the sandbox only.")
        return Scope(app.organisation_id, app.id, "", environment)

    async def _own(self, incoming: Incoming, environment: Environment) -> Notification:
        scope = self._scope(incoming, environment)
        notification_id = incoming.parameters["notification_id"]
        if not _NAME.fullmatch(notification_id):
            raise NotFoundError
        return await self._desk.own(scope, notification_id)


def _read(kind: type[Any], body: bytes) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidFieldsError(faults=(FieldFault("", f"{error}."),)) from None


def _us(moment: dt.datetime) -> int:
    """Microseconds; a time without a zone is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1_000_000)


def _view(notification: Notification) -> dict[str, Any]:
    return {
        "NotificationID": notification.id,
        "PaymentID": notification.payment_id,
        "Type": notification.type,
        "State": notification.state.value,
        "Attempts": notification.attempts,
        "CreatedAt": time_text(notification.created_us),
        "NextAttemptAt": time_text(notification.due_us) if notification.state is DeliveryState.WAITING else None,
        "LastStatus": notification.last_status,
        "LastError": notification.last_error,
        "Body": msgspec.Raw(notification.body),
    }
