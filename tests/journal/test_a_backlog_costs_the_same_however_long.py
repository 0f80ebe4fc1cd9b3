"""Looking for work and claiming a page of it costs what the page costs, not what else waits.

SQLite counts the instructions of its machine, PostgreSQL the pages that it touches: neither depends on the time of day.
"""

import asyncio
import json

from journal.making import LATER_US, notification, payment
from wakala.journal import rows
from wakala.journal.database import Database, Operation, Row, Write, sql
from wakala.journal.postgres import PostgresDatabase
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.payment import Scope

FEW, MANY = 100, 4_000
PAGE = 20
SLACK = 2  # a tree that is one level deeper, a page that is split; forty or fifty times as much waits


async def let_wait(database: Database, lane: str, count: int, attempts: int = 0) -> None:
    owed = [notification(payment(), lane=lane, attempts=attempts) for _ in range(count)]
    writes = [Operation(one.id, None, (Write("notification_stage", rows.notification_row(one)),)) for one in owed]
    await asyncio.gather(*(database.commit(write) for write in writes))


async def cost(database: Database, statement: str, row: Row) -> int:
    """What one run of a statement costs; it is not undone."""
    if isinstance(database, SqliteDatabase):
        return sqlite_cost(database, statement, row)
    assert isinstance(database, PostgresDatabase)
    async with database._pool.acquire() as connection:
        text = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql(statement, 'postgres')}"
        plan = json.loads((await connection.fetch(text, *row))[0][0])[0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def sqlite_cost(database: SqliteDatabase, statement: str, row: Row) -> int:
    steps = 0

    def one_more() -> bool:
        nonlocal steps
        steps += 1
        return False

    database._writer.set_progress_handler(one_more, 1)
    try:
        database._writer.execute(sql(statement, "sqlite"), row).fetchall()
    finally:
        database._writer.set_progress_handler(None)
    return steps


async def test_lanes_are_looked_up_at_the_same_cost_however_much_waits_in_each(database: Database) -> None:
    for lane in ("a", "b", "c"):
        await let_wait(database, lane, FEW)
    few = await cost(database, "lanes_waiting", ("", 64, LATER_US))
    await let_wait(database, "b", MANY)
    assert await cost(database, "lanes_waiting", ("", 64, LATER_US)) <= SLACK * few


async def test_a_page_of_lanes_costs_the_same_however_many_lanes_there_are(database: Database) -> None:
    for number in range(20):
        await let_wait(database, f"lane-{number:05}", 2)
    few = await cost(database, "lanes_waiting", ("", 10, LATER_US))
    for number in range(20, 1_000):
        await let_wait(database, f"lane-{number:05}", 2)
    assert await cost(database, "lanes_waiting", ("", 10, LATER_US)) <= SLACK * few


async def test_a_page_is_claimed_at_the_same_cost_however_much_waits_behind_it(database: Database) -> None:
    await let_wait(database, "lane", FEW)
    row = ("lane", LATER_US, LATER_US, ",", PAGE, LATER_US + 1)
    few = await cost(database, "notifications_claim", row)
    await let_wait(database, "lane", MANY)
    later = (*row[:1], LATER_US + 2, LATER_US + 2, ",", PAGE, LATER_US + 3)
    assert await cost(database, "notifications_claim", later) <= SLACK * few


async def let_be_due(database: Database, shortcode_id: str, count: int) -> None:
    open_ones = [payment(scope=Scope("org_1", "app_1", shortcode_id, "live")) for _ in range(count)]
    writes = [Operation(one.id, Write("payment_open", rows.payment_row(one))) for one in open_ones]
    await asyncio.gather(*(database.commit(write) for write in writes))


async def test_what_is_due_is_found_at_the_same_cost_however_much_is_due(database: Database) -> None:
    for shortcode_id in ("sc_1", "sc_2", "sc_3"):
        await let_be_due(database, shortcode_id, FEW)
    looks: list[tuple[str, Row]] = [("shortcodes_due", (LATER_US,)), ("payments_due", ("sc_3", LATER_US, PAGE))]
    few = [await cost(database, *look) for look in looks]
    await let_be_due(database, "sc_1", MANY)
    for look, before in zip(looks, few, strict=True):
        assert await cost(database, *look) <= SLACK * before + PAGE, look  # each row may lie on a page of its own


async def test_the_newest_untried_one_is_found_at_the_same_cost_however_many_were_tried(database: Database) -> None:
    await let_wait(database, "lane", 2 * FEW, attempts=1)
    row = ("lane", LATER_US, LATER_US, ",", LATER_US + 1)
    few = await cost(database, "notifications_claim_untried", row)
    await let_wait(database, "lane", MANY, attempts=1)
    assert await cost(database, "notifications_claim_untried", row) <= SLACK * few
