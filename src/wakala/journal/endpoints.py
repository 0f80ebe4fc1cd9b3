"""The part of the journal that is about endpoints: their terms, keys, health and events, and who has read how far."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec

from wakala.journal.alerts import alert_write
from wakala.journal.database import Database, Operation, Row, Write
from wakala.journal.rows import notification_of
from wakala.rules.alerts import AlertType, of_endpoint
from wakala.rules.delivery import Notification
from wakala.rules.endpoints import By, Endpoint, EndpointState, Health, SigningKey, Waiting
from wakala.rules.payment import Scope

PAGE_ROWS = 200  # of notifications that are looked through at once
READ_ROWS = 1_200  # the same, with those that a reader has seen and may not count as read yet
FIRST_ID = ""  # sorts before every ID


class EndpointEvent(msgspec.Struct, frozen=True):
    """One thing that happened to an endpoint, and why. Who did it was not always written down."""

    id: str
    organisation_id: str
    app_id: str
    shortcode_id: str
    at_us: int
    name: str
    detail: str
    by: By | None = None


class Consumer(msgspec.Struct, frozen=True):
    """Who reads an app's notifications by a cursor that is kept here, up to where, and since when."""

    name: str
    cursor: str
    updated_us: int


class EndpointJournal:
    """One method per thing that can happen to an endpoint or to a reader of notifications."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # ── terms and state ──

    async def endpoints(self) -> list[Endpoint]:
        """All endpoints that differ from the default: the directory keeps them in memory."""
        return [_endpoint_of(row) for row in await self._database.fetch("endpoints_all")]

    async def set_terms(self, endpoint: Endpoint, event: EndpointEvent) -> None:
        """New terms, and nothing else."""
        await self._change(endpoint.app_id, None, [Write("endpoint_terms", _endpoint_row(endpoint))], event)

    async def move(self, endpoint: Endpoint, event: EndpointEvent, *, app_url: str | None = None) -> None:
        """A new URL, and nothing else. ``app_url`` moves the app's own callback URL in the same transaction."""
        writes = [Write("endpoint_move", _endpoint_row(endpoint))]
        if app_url is not None:
            row = (app_url or None, endpoint.organisation_id, endpoint.app_id)
            writes.append(Write("app_callback_url", row))
        await self._change(endpoint.app_id, None, writes, event)

    async def set_state(self, endpoint: Endpoint, state: EndpointState, reason: str, event: EndpointEvent) -> bool:
        """Paused or resumed. False: it was so already, and nothing is told twice."""
        row = (state, reason, endpoint.app_id, endpoint.shortcode_id, state)
        return await self._set(endpoint, Write("endpoint_state", row), event)

    async def disable(self, endpoint: Endpoint, reason: str, event: EndpointEvent) -> bool:
        """Not called any more, for what it did as ``endpoint`` says it was. False: it has moved, or is not called."""
        row = (reason, endpoint.app_id, endpoint.shortcode_id, endpoint.moved_us)
        return await self._set(endpoint, Write("endpoint_disable", row), event)

    async def _set(self, endpoint: Endpoint, guard: Write, event: EndpointEvent) -> bool:
        await self._ensure(endpoint)
        found = [e for e in await self.endpoints() if (e.app_id, e.shortcode_id) == _key(endpoint)]
        return await self._change(found[0].id, guard, [], event)

    async def _ensure(self, endpoint: Endpoint) -> None:
        """A row to change; where there was none it says what was true before."""
        await self._database.commit(Operation(endpoint.id, None, (Write("endpoint_add", _endpoint_row(endpoint)),)))

    async def record_event(self, event: EndpointEvent) -> None:
        """Something to be told that changes nothing."""
        await self._database.commit(Operation(event.id, None, _event_writes(event)))

    async def events_of(self, endpoint: Endpoint, limit: int) -> list[EndpointEvent]:
        """What happened to one endpoint, newest first."""
        row = (endpoint.organisation_id, *_key(endpoint), min(limit, PAGE_ROWS))
        return [_event_of(found) for found in await self._database.fetch("endpoint_events_of", row)]

    async def _change(self, key: str, guard: Write | None, writes: list[Write], event: EndpointEvent) -> bool:
        moved = Write("directory_moved", ())
        return await self._database.commit(Operation(key, guard, (*writes, *_event_writes(event), moved)))

    # ── keys ──

    async def signing_keys(self) -> list[SigningKey]:
        """All keys besides the apps' first ones."""
        return [SigningKey(*row) for row in await self._database.fetch("signing_keys_all")]

    async def rotate(
        self,
        endpoint: Endpoint,
        added: Sequence[SigningKey],
        version: str,
        old_until_us: int,
        event: EndpointEvent,
    ) -> None:
        """New keys of one version come into force; the ones before sign on until ``old_until_us``."""
        await self._ensure(endpoint)
        writes = [
            Write("directory_moved", ()),  # first, for it is one row: who comes second ends the key of who came first
            Write("signing_keys_forget", (endpoint.id, event.at_us)),
            Write("signing_keys_end", (old_until_us, endpoint.id, version, old_until_us)),
            *(Write("signing_key_add", msgspec.structs.astuple(key)) for key in added),
        ]
        await self._database.commit(Operation(endpoint.id, None, (*writes, *_event_writes(event))))

    # ── health ──

    async def health(self) -> list[Health]:
        """How every lane was doing when it was last written down."""
        return [_health_of(row) for row in await self._database.fetch("endpoint_health_all")]

    async def health_of(self, lane: str) -> Health | None:
        """The same of one lane."""
        found = await self._database.fetch("endpoint_health_of", (lane,))
        return _health_of(found[0]) if found else None

    async def save_health(self, health: Health) -> None:
        """As one process sees it."""
        row = (*msgspec.structs.astuple(health)[:-1], json.dumps(health.durations_us))
        write = Write("endpoint_health_save", row)
        await self._database.commit(Operation(health.lane, None, (write,)))

    async def forget_failures(self, lane: str) -> None:
        """Somebody resumed the endpoint or gave it another URL: what it did before no longer counts."""
        await self._database.commit(Operation(lane, None, (Write("endpoint_health_anew", (lane,)),)))

    async def last_success_us(self, lane: str) -> int | None:
        """The newest success that any process has seen."""
        found = await self._database.fetch("endpoint_last_success", (lane,))
        return found[0][0] if found else None

    # ── readers ──

    async def notifications_after(
        self, scope: Scope, after_id: str, until_id: str, limit: int = PAGE_ROWS
    ) -> list[Notification]:
        """An app's notifications between two IDs, oldest first, delivered or not."""
        row = (scope.organisation_id, scope.environment, scope.app_id, after_id, until_id, min(limit, READ_ROWS))
        return [notification_of(found) for found in await self._database.fetch("notifications_after", row)]

    async def notifications_before(self, scope: Scope, before_id: str, limit: int) -> list[Notification]:
        """An app's notifications, newest first."""
        row = (scope.organisation_id, scope.environment, scope.app_id, before_id, min(limit, PAGE_ROWS))
        return [notification_of(found) for found in await self._database.fetch("notifications_before", row)]

    async def consumers(self, app_id: str, environment: str) -> list[Consumer]:
        """All that ever acknowledged a cursor, and were not forgotten; by their names."""
        return [Consumer(*row) for row in await self._database.fetch("consumers_of_app", (app_id, environment))]

    async def forget_consumer(self, scope: Scope, consumer: str) -> None:
        """Nothing is kept for it: it would begin at the beginning."""
        row = (scope.app_id, scope.environment, consumer)
        await self._database.commit(Operation(consumer, None, (Write("consumer_forget", row),)))

    async def cursor(self, app_id: str, environment: str, consumer: str) -> str:
        """How far a consumer has acknowledged."""
        found = await self._database.fetch("consumer_cursor", (app_id, environment, consumer))
        return found[0][0] if found else FIRST_ID

    async def move_cursor(self, scope: Scope, consumer: str, cursor: str, now_us: int) -> None:
        """A consumer has everything up to here; never backwards."""
        row = (scope.app_id, scope.environment, consumer, cursor, now_us)
        await self._database.commit(Operation(consumer, None, (Write("consumer_moved", row),)))

    async def acknowledge(self, notification_id: str, now_us: int) -> bool:
        """The merchant has it. False: it had been delivered or acknowledged before."""
        guard = Write("notification_acknowledge", (now_us, notification_id))
        return await self._database.commit(Operation(notification_id, guard))

    async def replay(self, notification_ids: Sequence[str], now_us: int, moved_us: int = 0) -> int:
        """Owed again; how many were. ``moved_us`` is when their endpoint moved last."""
        times = (moved_us, moved_us, now_us, now_us)
        return await self._all(notification_ids, "notification_replay", lambda one: (*times, one, now_us))

    async def gather(self, lane: str, into: str, shortcode_id: str) -> None:
        """What waits in a lane without a URL of its own, for one shortcode or ("") any, waits in another."""
        row = (into, lane, shortcode_id, shortcode_id, PAGE_ROWS)
        while await self._database.take("notifications_gather", row):
            pass

    async def hold_page(self, lane: str, shortcode_id: str, staged_before_us: int, now_us: int) -> int:
        """Keep a page of what waits in a lane, for one shortcode or ("") any; 0 where nothing waits any more."""
        row = (lane, staged_before_us, shortcode_id, shortcode_id, PAGE_ROWS)
        found = await self._database.fetch("notifications_to_hold", row)
        return await self.hold([one[0] for one in found], staged_before_us, now_us)

    async def hold(self, notification_ids: Sequence[str], staged_before_us: int, now_us: int) -> int:
        """Kept, to be read or replayed; how many were waiting since before that moment."""
        return await self._all(notification_ids, "notification_hold", lambda one: (now_us, one, staged_before_us))

    async def move_lane(self, notification: Notification, lane: str) -> bool:
        """It waits in another lane, where nobody has claimed it. False: it was moved or settled meanwhile."""
        guard = Write("notification_move_lane", (lane, notification.id, notification.lane))
        return await self._database.commit(Operation(notification.id, guard))

    async def _all(self, ids: Sequence[str], statement: str, row_of: Any) -> int:
        """One guard each, riding in shared commits."""
        operations = (self._database.commit(Operation(one, Write(statement, row_of(one)))) for one in ids)
        return sum(await asyncio.gather(*operations))


def _key(endpoint: Endpoint) -> tuple[str, str]:
    return endpoint.app_id, endpoint.shortcode_id


def _event_writes(event: EndpointEvent) -> tuple[Write, ...]:
    """The event, and an alert where a person is to be told of such."""
    told = Write("endpoint_event_add", msgspec.structs.astuple(event))
    if event.name not in _ALERTS:
        return (told,)
    scope = Scope(event.organisation_id, event.app_id, event.shortcode_id, "")
    return told, alert_write(of_endpoint(scope, event.id, _ALERTS[event.name], event.detail, event.at_us))


_ALERTS = {one.value: one for one in (AlertType.ENDPOINT_FAILING, AlertType.ENDPOINT_DISABLED)}


def _event_of(row: Sequence[Any]) -> EndpointEvent:
    columns = [*row[:7], By(row[7]) if row[7] else None]
    return EndpointEvent(*columns)


def _endpoint_row(e: Endpoint) -> Row:
    return (
        e.id,
        e.organisation_id,
        e.app_id,
        e.shortcode_id,
        e.url,
        e.state,
        e.reason,
        json.dumps(e.schedule_s),
        float(e.answer_limit_s),
        float(e.rate_limit_per_s),
        e.concurrency_limit,
        e.old_url,
        e.moved_us,
        e.waiting,
        e.created_us,
    )


def _endpoint_of(row: Sequence[Any]) -> Endpoint:
    columns = list(row)
    columns[5], columns[13] = EndpointState(row[5]), Waiting(row[13])
    columns[7] = tuple(json.loads(row[7]))
    return Endpoint(*columns)


def _health_of(row: Sequence[Any]) -> Health:
    columns = [*row[:8], tuple(json.loads(row[8]))]
    return Health(*columns)
