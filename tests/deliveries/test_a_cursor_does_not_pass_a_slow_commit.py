"""A commit may wait for its turn as long as for its answer; until then no reader's cursor passes what it stages."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of, scope_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import noted
from services.gateway import House, eventually, running_gateway
from wakala.errors import DatabaseAwayError
from wakala.journal.database import ANSWER_LIMIT_S, Operation, Write
from wakala.journal.rows import notification_row
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.delivery import DeliveryState, Notification


async def staged(house: House, model: Notification, note_id: str = "") -> str:
    note_id = note_id or house.gateway.source.new_id("ntf")
    row = notification_row(replace(model, id=note_id, payment_id=note_id))
    await house.gateway.database.commit(Operation(note_id, None, (Write("notification_stage", row),)))
    return note_id


async def test_what_is_committed_late_is_still_ahead_of_the_cursor(tmp_path: Path, postgres_url: str) -> None:
    async with running_gateway(tmp_path, database_url=postgres_url) as house:
        await house.autopilot("pay")
        await house.push("MODEL")
        model = await noted(house, "MODEL", DeliveryState.DELIVERED)
        index = await asyncpg.connect(postgres_url)  # somebody makes one, which lets others read and not write
        try:
            transaction = index.transaction()
            await transaction.start()
            await index.execute("LOCK TABLE notifications IN SHARE MODE")
            writing = []
            for _ in range(3):  # the writer's, its stand-in's, and one that waits for either
                writing.append(asyncio.create_task(staged(house, model)))
                await asyncio.sleep(0.03)
            await asyncio.sleep(2 * ANSWER_LIMIT_S - 0.4)
            cursor = desk_of(house).settled_id()
            before = await desk_of(house).after(scope_of(house), "")
            await transaction.rollback()
        finally:
            await index.close()
        for one in writing:
            with pytest.raises(DatabaseAwayError):
                await one
        await asyncio.sleep(0.3)
        everything = await desk_of(house).after_with_young(scope_of(house), "", 50)
        late = [one.id for one in everything if one.id not in {known.id for known in before}]
        assert late
        assert all(one > cursor for one in late)


async def test_a_commit_that_the_disk_holds_up_for_an_hour_is_still_ahead_of_the_cursor(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, desk, hour_s = house.gateway.database, desk_of(house), 3_600.0
    assert isinstance(database, SqliteDatabase)
    await house.push("MODEL")
    model = await noted(house, "MODEL", DeliveryState.DELIVERED)
    run, begun, release = database._disk.run, threading.Event(), threading.Event()

    def run_slowly(job: Callable[..., Any], *arguments: Any) -> Any:
        def held_up(*arguments: Any) -> Any:
            begun.set()
            release.wait()
            return job(*arguments)

        return run(held_up, *arguments)

    monkeypatch.setattr(database._disk, "run", run_slowly)
    late = house.gateway.source.new_id("ntf")
    writing = asyncio.create_task(staged(house, model, late))
    await eventually(begun.is_set)
    monkeypatch.undo()
    try:
        assert database._began_s is not None
        database._began_s -= hour_s
        clock.advance(hour_s)
        assert desk.settled_id() < late
        assert late not in [one.id for one in await desk.after(scope_of(house), "")]
    finally:
        release.set()
    assert await writing == late
    clock.advance(hour_s)
    assert desk.settled_id() > late
    assert late in [one.id for one in await desk.after(scope_of(house), "")]
