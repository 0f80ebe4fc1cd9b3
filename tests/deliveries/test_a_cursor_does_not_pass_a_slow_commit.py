"""A commit may wait for its turn as long as for its answer; until then no reader's cursor passes what it stages."""

import asyncio
from pathlib import Path

import asyncpg
import pytest
from msgspec.structs import replace

from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of, scope_of
from deliveries.test_an_endpoint_that_moves_or_returns_begins_anew import noted
from services.gateway import House, running_gateway
from wakala.errors import DatabaseAwayError
from wakala.journal.database import ANSWER_LIMIT_S, Operation, Write
from wakala.journal.rows import notification_row
from wakala.rules.delivery import DeliveryState, Notification


async def staged(house: House, model: Notification) -> str:
    note_id = house.gateway.source.new_id("ntf")
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
