"""How long a commit is waited for, and how soon the next one begins."""

import asyncio

import asyncpg
import pytest

from journal.making import exchange
from wakala.errors import DatabaseAwayError
from wakala.journal import database as database_module
from wakala.journal import postgres
from wakala.journal.database import (
    ANSWER_LIMIT_S,
    ENOUGH_OPERATIONS,
    PROBE_LIMIT_S,
    Database,
    Operation,
    Pace,
    Patience,
    tell,
)
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import PostgresDatabase

MANY = range(ENOUGH_OPERATIONS)
FEW = range(ENOUGH_OPERATIONS - 1)
A_MOMENT_S = 0.05


def commit() -> asyncio.Future[bool]:
    return asyncio.get_running_loop().create_future()


async def test_who_waits_in_vain_is_told_and_the_next_ones_wait_for_less() -> None:
    patience = Patience()
    assert (patience.limit_s, patience.has_failed_lately()) == (ANSWER_LIMIT_S, False)
    patience.limit_s = 0.0
    waiting = commit()
    patience.watch(waiting)
    with pytest.raises(DatabaseAwayError, match="did not answer a commit within 0 s"):
        await waiting
    assert (patience.limit_s, patience.has_failed_lately()) == (PROBE_LIMIT_S, True)
    patience.answered()
    assert patience.limit_s == PROBE_LIMIT_S, "a question was"
    patience.committed()
    assert patience.limit_s == ANSWER_LIMIT_S
    assert patience.has_failed_lately(), "a full disk takes a small commit and refuses the next"


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_commit_that_somebody_holds_up_is_waited_for_so_long(
    database: Database, journal: Journal, postgres_url: str
) -> None:
    assert isinstance(database, PostgresDatabase)
    stranger = await asyncpg.connect(postgres_url)
    async with stranger.transaction():
        await stranger.execute("LOCK TABLE exchanges IN ACCESS EXCLUSIVE MODE")
        database._patience.limit_s = 0.0
        with pytest.raises(DatabaseAwayError, match="did not answer a commit"):
            await journal.record_exchange(exchange())
        assert database.has_failed_lately()
    await stranger.close()
    database._patience.limit_s = 60.0  # a busy machine takes longer
    await journal.record_exchange(exchange())
    assert database._patience.limit_s == ANSWER_LIMIT_S, "it is well again"


async def test_a_commit_that_the_server_gives_up_is_the_databases_trouble(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(postgres.WRITER, "statement_timeout", "50ms")
    committing, batches = postgres._Writer.commit, list[int]()

    async def commit(writer: postgres._Writer, operations: list[Operation]) -> list[bool]:
        batches.append(len(operations))
        return await committing(writer, operations)

    monkeypatch.setattr(postgres._Writer, "commit", commit)
    store = PostgresDatabase(postgres_url)
    await store.open()
    await migrate(store)
    stranger = await asyncpg.connect(postgres_url)
    async with stranger.transaction():
        await stranger.execute("LOCK TABLE exchanges IN ACCESS EXCLUSIVE MODE")
        asked = (Journal(store).record_exchange(exchange()) for _ in range(3))
        told = await asyncio.gather(*asked, return_exceptions=True)
        assert [type(each) for each in told] == [DatabaseAwayError] * 3
    assert store.has_failed_lately()
    assert store._patience.limit_s == PROBE_LIMIT_S, "the next ones are told sooner"
    assert batches == [3], "none of them would fare better alone"
    await stranger.close()
    await store.close()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_question_that_is_answered_says_that_it_is_well(database: Database, journal: Journal) -> None:
    assert isinstance(database, PostgresDatabase)
    database._patience.limit_s = 60.0
    await journal.organisations()
    assert database._patience.limit_s == ANSWER_LIMIT_S


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_server_that_answers_questions_and_hangs_in_commits_is_not_waited_for_anew_by_each(
    database: Database, journal: Journal, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one whose log lies on a disk that hangs, or whose standby is gone for which each commit has to wait."""
    assert isinstance(database, PostgresDatabase)
    monkeypatch.setattr(database_module, "PROBE_LIMIT_S", 0.2)
    stranger = await asyncpg.connect(postgres_url)
    async with stranger.transaction():
        await stranger.execute("LOCK TABLE exchanges IN ACCESS EXCLUSIVE MODE")
        database._patience.limit_s = 0.0
        with pytest.raises(DatabaseAwayError, match="a commit within 0 s"):
            await journal.record_exchange(exchange())
        await journal.organisations()
        with pytest.raises(DatabaseAwayError, match=r"a commit within 0\.2 s"):
            await journal.record_exchange(exchange())
    await stranger.close()
    database._patience.limit_s = 60.0  # a busy machine takes longer
    await journal.record_exchange(exchange())
    assert database._patience.limit_s == ANSWER_LIMIT_S, "it is well again"


async def test_a_question_that_is_not_answered_says_nothing_of_commits() -> None:
    patience = Patience()
    assert "a question within 8 s" in str(patience.exhausted().sentence)
    assert (patience.limit_s, patience.has_failed_lately()) == (PROBE_LIMIT_S, False)


async def test_a_failure_is_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    patience = Patience()
    patience.failed()
    assert patience.has_failed_lately()
    monkeypatch.setattr(database_module, "DISTRUST_S", -1.0)
    assert not patience.has_failed_lately()


async def test_commits_begin_with_a_pause_between_them_unless_enough_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    pace = Pace()
    await pace.wait(FEW)  # nothing was written lately
    monkeypatch.setattr(database_module, "COMMIT_PAUSE_S", 3_600.0)
    for _ in range(2):
        await pace.wait(MANY)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(pace.wait(FEW), A_MOMENT_S)


async def test_each_caller_is_told_his_own_outcome_and_who_left_is_passed_over() -> None:
    won, left, lost, failed = commit(), commit(), commit(), commit()
    left.cancel()
    fault = DatabaseAwayError()
    tell([(None, one) for one in (won, left, lost, failed)], [True, True, False, fault])
    assert (await won, await lost) == (True, False)
    assert failed.exception() is fault
