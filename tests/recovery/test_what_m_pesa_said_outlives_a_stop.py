"""A stop that waits for nobody cuts requests and callbacks short while their commits queue: M-Pesa said it once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from services.gateway import House, eventually, running_gateway
from wakala.journal.sqlite import SqliteDatabase
from wakala.runtime import Gateway

HOUR_S = 3_600


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """The finisher keeps still, and no answer of M-Pesa's comes before the test lets it."""
    async with running_gateway(tmp_path, finisher={"poll_s": 3_600.0}, daraja={"answer_limit_s": 600}) as house:
        assert (await house.push("FIRST", SenderMSISDN="254712000001")).status_code == 202  # from here on is a token
        yield house


@contextmanager
def written_by_another(house: House) -> Iterator[None]:
    """Somebody else writes to the file, so that a commit is under way and the next ones queue."""
    database = database_of(house)
    visitor = apsw.Connection(str(database._path))
    visitor.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        visitor.close()


async def a_commit_is_under_way(house: House) -> asyncio.Task[Any]:
    reading = asyncio.create_task(house.get("/sandbox/mpesa/v1/requests/FIRST"))
    await eventually(lambda: database_of(house).writing_for_s() > 0)
    return reading


async def one_more_queues(house: House) -> None:
    await eventually(lambda: database_of(house)._line.waiting)


def database_of(house: House) -> SqliteDatabase:
    database = house.gateway.database
    assert isinstance(database, SqliteDatabase)
    return database


def known(house: House, request_id: str) -> tuple[Any, ...]:
    """What is on the disk once the gateway has ended."""
    reader = apsw.Connection(str(database_of(house)._path))
    try:
        found = reader.execute(
            "SELECT state, answer, checkout_request_id FROM payments WHERE request_id = ?", (request_id,)
        ).fetchall()
    finally:
        reader.close()
    return tuple(found[0])


async def test_an_answer_whose_commit_queues_when_nobody_is_waited_for_any_more_is_written(house: House) -> None:
    await house.box.fault("stk_push", "slow", delay_ms=HOUR_S * 1_000)
    asking = asyncio.create_task(house.push("ORDER-1"))
    await eventually(lambda: house.prompts() == 2)
    with written_by_another(house):
        reading = await a_commit_is_under_way(house)
        await house.box.control("clock", {"advance_seconds": HOUR_S})  # and M-Pesa says that it took it
        await one_more_queues(house)
        house.cut_off()
        told = await asking
        assert (told.status_code, told.json()["code"]) == (503, "stopping")
    await house.gateway.stop()
    await asyncio.wait({reading})
    _, answer, checkout_request_id = known(house, "ORDER-1")
    assert (answer, bool(checkout_request_id)) == ("accepted", True)


async def test_an_answer_to_a_question_is_written_too(house: House) -> None:
    await house.box.fault("stk_callback", "lost")
    await house.push("ORDER-1")
    await house.customer("cancel")
    await house.box.fault("stk_query", "slow", delay_ms=HOUR_S * 1_000)
    [organisation] = await house.gateway.journal.organisations()
    payment = await house.gateway.journal.payment_by_request(organisation, "sandbox", "ORDER-1")
    assert payment is not None
    asking = asyncio.create_task(house.gateway.payments.finish(payment))
    await eventually(lambda: house.gateway.payments._under_way)
    await eventually(lambda: not database_of(house)._line.waiting and not database_of(house).writing_for_s())
    with written_by_another(house):
        reading = await a_commit_is_under_way(house)
        await house.box.control("clock", {"advance_seconds": HOUR_S})
        await one_more_queues(house)
        house.cut_off()
        asking.cancel()
        await asyncio.wait({asking})
    await house.gateway.stop()
    await asyncio.wait({reading})
    assert known(house, "ORDER-1")[0] == "failed"


async def test_a_callback_whose_commit_queues_is_handled_before_the_end(house: House) -> None:
    await house.push("ORDER-1")
    with written_by_another(house):
        reading = await a_commit_is_under_way(house)
        await house.customer("approve")
        await one_more_queues(house)
        house.cut_off()
        await eventually(lambda: not house.gateway.spill.is_empty)
    await house.gateway.stop()
    await asyncio.wait({reading})
    assert known(house, "ORDER-1")[0] == "succeeded"


async def test_a_callback_that_the_database_does_not_take_at_the_end_is_handled_after_the_next_start(
    house: House,
) -> None:
    await house.push("ORDER-1")
    with written_by_another(house):
        reading = await a_commit_is_under_way(house)
        await house.customer("approve")
        await one_more_queues(house)
        house.cut_off()
        await eventually(lambda: not house.gateway.spill.is_empty)
        await house.gateway.stop()
    await asyncio.wait({reading})
    await database_of(house).close()  # which the end of the process does
    assert known(house, "ORDER-1")[0] == "pending"
    after = Gateway(house.gateway.settings)
    assert after.app, "its doors are what kept callbacks go through"
    await after.start()
    try:
        await eventually(lambda: known(house, "ORDER-1")[0] == "succeeded")
    finally:
        await after.stop()
