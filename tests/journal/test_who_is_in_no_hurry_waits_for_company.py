"""How an attempt ended rides in a commit that others need; nobody waits for it, and it never waits for long."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from journal.making import ACCEPTED, NOW_US, after, exchange, notification, opening, payment
from wakala.errors import DatabaseAwayError
from wakala.journal import line
from wakala.journal.database import ENOUGH_OPERATIONS, Database
from wakala.journal.journal import Journal
from wakala.journal.line import Line
from wakala.rules.delivery import DeliveryState, Verdict

TURNS = 5  # of the loop: then it stands in line
LONG_S = 0.2  # a commit that were due would have come; where it is not, however long makes no difference


class Bell:
    def __init__(self) -> None:
        self.rings = 0
        self.rang = asyncio.Event()

    def ring(self) -> None:
        self.rings += 1
        self.rang.set()


@pytest.fixture
async def bell() -> Bell:
    return Bell()


@pytest.fixture
async def waiting(bell: Bell) -> Line[str]:
    return Line(asyncio.get_running_loop(), bell.ring)


def for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "CALM_S", 3_600.0)


async def test_a_commit_is_due_once_somebody_is_in_a_hurry(
    waiting: Line[str], bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever(monkeypatch)
    waiting.join("calm", is_calm=True)
    assert not waiting.is_due
    assert bell.rings == 0
    waiting.join("hurried", is_calm=False)
    assert waiting.is_due
    assert bell.rings == 1
    assert [asked for asked, _ in waiting.waiting] == ["calm", "hurried"]


async def test_a_commit_is_due_once_many_wait_who_are_in_no_hurry(
    waiting: Line[str], bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever(monkeypatch)
    for _ in range(ENOUGH_OPERATIONS - 1):
        waiting.join("calm", is_calm=True)
    assert not waiting.is_due
    waiting.join("calm", is_calm=True)
    assert waiting.is_due
    assert bell.rings == 1


async def test_a_commit_is_due_once_the_calm_have_waited(
    waiting: Line[str], bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(line, "CALM_S", 0.0)
    for _ in range(2):  # an alarm may follow another
        waiting.join("calm", is_calm=True)
        bell.rang.clear()
        await asyncio.wait_for(bell.rang.wait(), 30)
        assert waiting.is_due
        waiting.waiting.clear()
        waiting.taken()
        assert not waiting.is_due


async def test_who_is_left_by_one_commit_is_due_in_the_next(
    waiting: Line[str], bell: Bell, monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever(monkeypatch)
    waiting.join("hurried", is_calm=False)
    waiting.join("calm", is_calm=True)
    waiting.waiting.popleft()
    waiting.taken()
    assert waiting.is_due
    waiting.join("calm", is_calm=True)
    assert bell.rings == 3


async def test_a_line_that_is_too_long_is_told_so(waiting: Line[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "QUEUE_LIMIT_OPERATIONS", 1)
    waiting.join("first", is_calm=False)
    with pytest.raises(DatabaseAwayError):
        waiting.join("second", is_calm=False)


@pytest.fixture
async def attempted(journal: Journal) -> Callable[[], Awaitable[bool]]:
    """An attempt that has been made and is to be written."""
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    owed = notification(before)
    assert await journal.record_change(before, after(before, ACCEPTED), notification=owed)

    async def write() -> bool:
        return await journal.record_attempt(owed, Verdict(DeliveryState.DELIVERED, 0), exchange(before), now_us=NOW_US)

    return write


async def test_an_attempt_alone_is_written_all_the_same(attempted: Callable[[], Awaitable[bool]]) -> None:
    assert await asyncio.wait_for(attempted(), 30)


async def test_an_attempt_rides_along_with_whoever_is_in_a_hurry(
    journal: Journal, attempted: Callable[[], Awaitable[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever(monkeypatch)
    told = asyncio.ensure_future(attempted())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(told), LONG_S)
    await journal.record_exchange(exchange())
    assert await asyncio.wait_for(told, 30)


async def test_the_calm_are_written_before_the_database_is_closed(
    database: Database, attempted: Callable[[], Awaitable[bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for_ever(monkeypatch)
    told = asyncio.ensure_future(attempted())
    for _ in range(TURNS):
        await asyncio.sleep(0)
    await database.close()
    assert await told
