"""Endpoints, keys, health and cursors: the same on SQLite and PostgreSQL."""

import asyncio
from contextlib import AsyncExitStack

import pytest
from msgspec.structs import replace

from journal.making import ACCEPTED, NOW_US, SCOPE, after, app, new_id, notification, opening, payment
from wakala.journal.endpoints import Consumer, EndpointEvent
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import PostgresDatabase
from wakala.rules.delivery import DeliveryState
from wakala.rules.endpoints import By, Endpoint, EndpointState, Health, SigningKey, Waiting
from wakala.rules.payment import Scope


def event(of: Endpoint, name: str) -> EndpointEvent:
    return EndpointEvent(new_id("eev"), of.organisation_id, of.app_id, of.shortcode_id, NOW_US, name, "")


async def test_an_endpoint_changes_state_once_and_keeps_its_terms(journal: Journal) -> None:
    await journal.add_organisation("org_1", "demo", NOW_US)
    known = app()
    await journal.add_app(known)
    endpoint = Endpoint(f"end_{known.id}", "org_1", known.id, "", schedule_s=(1, 2.5), answer_limit_s=3)
    paused = (EndpointState.PAUSED, "holiday", event(endpoint, "endpoint.paused"))
    assert await journal.endpoints.set_state(endpoint, *paused)
    assert not await journal.endpoints.set_state(endpoint, *paused)
    moved = replace(endpoint, waiting=Waiting.HOLD)
    await journal.endpoints.move(moved, event(endpoint, "endpoint.moved"), app_url="https://new.example/")
    assert await journal.endpoints.endpoints() == [
        replace(moved, state=EndpointState.PAUSED, reason="holiday"),
    ]
    assert [one.callback_url for one in await journal.apps()] == ["https://new.example/"]
    told = await journal.endpoints.events_of(endpoint, 10)
    assert sorted(one.name for one in told) == ["endpoint.moved", "endpoint.paused"]
    for number, until_us in ((1, NOW_US + 5), (2, NOW_US + 9)):
        key = SigningKey(f"key_{number}", endpoint.id, known.id, "v1", "sealed", NOW_US)
        await journal.endpoints.rotate(endpoint, [key], "v1", until_us, event(endpoint, "endpoint.rotated"))
    assert [(key.id, key.until_us) for key in await journal.endpoints.signing_keys()] == [
        ("key_1", NOW_US + 9),
        ("key_2", None),
    ]


async def test_of_two_who_looked_in_one_moment_each_changes_what_he_came_for(journal: Journal) -> None:
    await journal.add_organisation("org_1", "demo", NOW_US)
    known = app()
    await journal.add_app(known)
    both = Endpoint(f"end_{known.id}.sc_1", "org_1", known.id, "sc_1", url="https://old.example/", rate_limit_per_s=5)
    await journal.endpoints.move(both, event(both, "endpoint.moved"))
    terms = {"schedule_s": (7.0,), "answer_limit_s": 3.0, "rate_limit_per_s": 0.5, "concurrency_limit": 7}
    place = {"url": "https://new.example/", "old_url": both.url, "moved_us": NOW_US, "waiting": Waiting.FINISH_OLD}
    await journal.endpoints.move(replace(both, **place), event(both, "endpoint.moved"))
    await journal.endpoints.set_terms(replace(both, **terms), event(both, "endpoint.terms"))
    assert await journal.endpoints.endpoints() == [replace(both, **place, **terms)]
    await journal.endpoints.move(replace(both, **place), event(both, "endpoint.moved"))
    assert await journal.endpoints.endpoints() == [replace(both, **place, **terms)]


@pytest.mark.parametrize("by", [*By, None])
async def test_who_did_it_stands_in_an_endpoints_history_where_it_is_known(journal: Journal, by: By | None) -> None:
    endpoint = Endpoint("end_app_1", "org_1", "app_1", "")
    told = replace(event(endpoint, "endpoint.paused"), by=by)
    await journal.endpoints.record_event(told)
    assert await journal.endpoints.events_of(endpoint, 10) == [told]


async def test_an_endpoint_is_disabled_where_it_leads_and_nowhere_else(journal: Journal) -> None:
    await journal.add_organisation("org_1", "demo", NOW_US)
    known = app()
    await journal.add_app(known)
    tried = Endpoint(f"end_{known.id}", "org_1", known.id, "")
    moved = replace(tried, moved_us=NOW_US)
    await journal.endpoints.move(moved, event(moved, "endpoint.moved"))
    assert not await journal.endpoints.disable(tried, "gone", event(tried, "endpoint.disabled"))
    assert await journal.endpoints.endpoints() == [moved]
    assert await journal.endpoints.disable(moved, "gone", event(moved, "endpoint.disabled"))
    assert not await journal.endpoints.disable(moved, "gone", event(moved, "endpoint.disabled"))
    assert await journal.endpoints.endpoints() == [replace(moved, state=EndpointState.DISABLED, reason="gone")]
    told = await journal.endpoints.events_of(moved, 10)
    assert sorted(one.name for one in told) == ["endpoint.disabled", "endpoint.moved"]


async def test_health_is_kept_and_a_success_is_not_forgotten(journal: Journal) -> None:
    well = Health("lane", 3, 3, NOW_US, None, None, 200, None, (1, 2, 3))
    await journal.endpoints.save_health(well)
    assert await journal.endpoints.health() == [well]
    await journal.endpoints.save_health(Health("lane", -1, 4, None, NOW_US, NOW_US, 500, None, ()))
    assert await journal.endpoints.last_success_us("lane") == NOW_US
    await journal.endpoints.forget_failures("lane")
    (anew,) = await journal.endpoints.health()
    assert (anew.streak, anew.failing_since_us, anew.attempts) == (0, None, 4)


async def test_notifications_are_read_acknowledged_replayed_and_held(journal: Journal) -> None:
    made = payment()
    assert await journal.open_payment(opening(made), None)
    sending = opening(made)[-1].payment
    note = notification(made)
    assert await journal.record_change(sending, after(sending, ACCEPTED), notification=note)
    scope = Scope(SCOPE.organisation_id, SCOPE.app_id, "", SCOPE.environment)
    assert [one.id for one in await journal.endpoints.notifications_after(scope, "", "~")] == [note.id]
    assert await journal.endpoints.acknowledge(note.id, NOW_US)
    assert not await journal.endpoints.acknowledge(note.id, NOW_US)
    assert await journal.endpoints.replay([note.id], NOW_US + 1) == 1
    assert await journal.endpoints.replay([note.id], NOW_US + 2) == 1, "it waits already: due at once, staged as it was"
    replayed = await journal.notification(note.id)
    assert replayed is not None
    assert (replayed.created_us, replayed.due_us) == (NOW_US + 1, NOW_US + 2)
    assert await journal.bring_forward(note.lane, NOW_US + 1) == 1
    assert await journal.bring_forward(note.lane, NOW_US + 1) == 0
    assert await journal.endpoints.move_lane(note, "elsewhere")
    assert not await journal.endpoints.move_lane(note, "elsewhere")
    assert await journal.endpoints.hold_page("elsewhere", "another", NOW_US + 1, NOW_US) == 0
    assert await journal.endpoints.hold_page("elsewhere", note.scope.shortcode_id, NOW_US + 2, NOW_US) == 1
    assert await journal.endpoints.hold_page("elsewhere", "", NOW_US + 1, NOW_US) == 0
    kept = await journal.notification(note.id)
    assert kept is not None
    assert kept.state is DeliveryState.KEPT
    await journal.endpoints.move_cursor(scope, "ledger", "ntf_2", NOW_US)
    await journal.endpoints.move_cursor(scope, "ledger", "ntf_1", NOW_US)
    assert await journal.endpoints.cursor(scope.app_id, scope.environment, "ledger") == "ntf_2"
    ledger = Consumer("ledger", "ntf_2", NOW_US)
    assert await journal.endpoints.consumers(scope.app_id, scope.environment) == [ledger]
    await journal.endpoints.forget_consumer(replace(scope, app_id="another"), "ledger")
    assert await journal.endpoints.consumers(scope.app_id, scope.environment) == [ledger]
    await journal.endpoints.forget_consumer(scope, "ledger")
    assert await journal.endpoints.consumers(scope.app_id, scope.environment) == []


async def test_what_waits_since_before_a_move_is_staged_anew_when_it_is_replayed(journal: Journal) -> None:
    made = payment()
    assert await journal.open_payment(opening(made), None)
    sending = opening(made)[-1].payment
    note = notification(made, attempts=3, created_us=NOW_US)
    assert await journal.record_change(sending, after(sending, ACCEPTED), notification=note)
    for moved_us, attempts, created_us in ((0, 3, NOW_US), (NOW_US, 3, NOW_US), (NOW_US + 1, 0, NOW_US + 2)):
        assert await journal.endpoints.replay([note.id], NOW_US + 2, moved_us) == 1
        replayed = await journal.notification(note.id)
        assert replayed is not None
        assert (replayed.attempts, replayed.created_us, replayed.due_us) == (attempts, created_us, NOW_US + 2)


async def test_where_two_processes_make_a_key_in_one_moment_one_of_them_is_in_force(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        stores = [PostgresDatabase(postgres_url) for _ in range(2)]
        for store in stores:
            await store.open()
            stack.push_async_callback(store.close)
        await migrate(stores[0])
        one, other = (Journal(store) for store in stores)
        await one.add_organisation("org_1", "demo", NOW_US)
        known = app()
        await one.add_app(known)
        endpoint = Endpoint(f"end_{known.id}", "org_1", known.id, "")

        async def rotated(journal: Journal) -> None:
            key = SigningKey(new_id("key"), endpoint.id, known.id, "v1", "sealed", NOW_US)
            await journal.endpoints.rotate(endpoint, [key], "v1", NOW_US + 5, event(endpoint, "endpoint.rotated"))

        for _ in range(10):
            await asyncio.gather(rotated(one), rotated(other))
            keys = await one.endpoints.signing_keys()
            assert [key.until_us for key in keys].count(None) == 1
