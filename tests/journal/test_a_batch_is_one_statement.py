"""Group commit on PostgreSQL: what may ride together does, in the order in which it was asked for."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from journal.making import ACCEPTED, NOW_US, after, exchange, notification, opening, paid, payment
from services.waiting import until
from wakala.journal.database import BATCH_LIMIT_OPERATIONS, Database, Operation, Write, sql
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import WRITER, PostgresDatabase, _Writer
from wakala.journal.together import GUARDS, WRITES, Plan, is_joinable, statement, take
from wakala.rules.payment import Payment, State

Waiting = tuple[Operation, "asyncio.Future[bool]"]


def asked(key: str, name: str = "payment_claim") -> Waiting:
    return Operation(key, Write(name, (1, key, 0))), asyncio.get_running_loop().create_future()


def keys(batch: list[Waiting]) -> list[str]:
    return [operation.key for operation, _ in batch]


async def test_one_thing_is_in_a_batch_once_and_what_follows_keeps_its_place() -> None:
    waiting = deque(asked(key) for key in ("a", "b", "a", "c", "a", "b"))
    batch, is_one = take(waiting)
    assert (keys(batch), is_one) == (["a", "b", "c"], True)
    assert keys(list(waiting)) == ["a", "a", "b"]


async def test_what_another_commit_has_under_way_keeps_its_place() -> None:
    waiting = deque(asked(key) for key in ("a", "b", "a", "c"))
    assert keys(take(waiting, {"a"})[0]) == ["b", "c"]
    assert keys(list(waiting)) == ["a", "a"]
    assert take(waiting, {"a"}) == ([], True)
    assert keys(take(waiting)[0]) == ["a"]


async def test_what_cannot_be_joined_goes_by_itself_and_holds_up_nothing_that_came_before() -> None:
    waiting = deque([asked("a"), asked("directory", "app_add"), asked("b")])
    assert [(keys(batch), is_one) for batch, is_one in (take(waiting) for _ in range(2))] == [
        (["a", "b"], True),
        (["directory"], False),
    ]


async def test_who_gave_up_is_not_carried_out() -> None:
    impatient = asked("a")
    impatient[1].cancel()
    assert keys(take(deque([impatient, asked("b")]))[0]) == ["b"]


async def test_only_what_is_written_on_the_way_of_a_payment_is_joined() -> None:
    made = payment()
    event = Write("event_add", ())
    assert is_joinable(Operation(made.id, Write("payment_open", ()), (event,)))
    assert is_joinable(Operation(made.id, None, (event,)))
    assert not is_joinable(Operation(made.id, Write("payment_open", ()), (Write("app_add", ()),)))
    assert not is_joinable(Operation(made.id, Write("confirmation_add", ()), (event,)))


def test_a_statement_of_another_kind_is_refused_and_not_guessed_at() -> None:
    with pytest.raises(ValueError, match="payment_by_id"):
        statement(Plan(("payment_by_id",), ()), {"payment_by_id": ("text",)})


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("crowd", [1, 2 * BATCH_LIMIT_OPERATIONS])
async def test_nobody_waits_behind_a_commit_that_is_held_up(
    database: Database, journal: Journal, postgres_url: str, crowd: int
) -> None:
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    stranger = await asyncpg.connect(postgres_url)
    async with stranger.transaction():
        await stranger.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE", before.id)
        held_up = asyncio.create_task(journal.record_change(before, after(before, ACCEPTED)))
        await until(lambda: is_waited_for(stranger), "a commit that waits for the row")
        follows = asyncio.create_task(journal.claim_payment(after(before, ACCEPTED).payment, NOW_US))
        others = [payment() for _ in range(crowd)]
        assert all(await asyncio.gather(*(journal.open_payment(opening(each), None) for each in others)))
        assert not held_up.done()
        assert not follows.done()
    assert await held_up
    await follows
    await stranger.close()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_what_did_not_fit_beside_one_that_is_held_up_waits_for_nobody_else_to_come(
    database: Database, journal: Journal, postgres_url: str
) -> None:
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    stranger = await asyncpg.connect(postgres_url)
    async with stranger.transaction():
        await stranger.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE", before.id)
        held_up = asyncio.create_task(journal.record_change(before, after(before, ACCEPTED)))
        others = [payment() for _ in range(BATCH_LIMIT_OPERATIONS + 5)]
        opened = [asyncio.create_task(journal.open_payment(opening(each), None)) for each in others]
        assert all(await asyncio.gather(*opened[BATCH_LIMIT_OPERATIONS:]))
        assert not held_up.done()
    assert await held_up
    assert all(await asyncio.gather(*opened))
    await stranger.close()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_who_waits_for_what_the_second_writer_has_in_hand_is_next(
    database: Database, journal: Journal, postgres_url: str
) -> None:
    async with AsyncExitStack() as stack:
        openings = [opening(payment()) for _ in range(2)]
        for changes in openings:
            assert await journal.open_payment(changes, None)
        befores = [changes[-1].payment for changes in openings]
        watcher, *strangers = [await asyncpg.connect(postgres_url) for _ in range(3)]
        locks = [stranger.transaction() for stranger in strangers]
        held_up = []
        for stranger, lock, before in zip(strangers, locks, befores, strict=True):
            stack.push_async_callback(stranger.close)
            await lock.start()
            await stranger.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE", before.id)
            held_up.append(asyncio.create_task(journal.record_change(before, after(before, ACCEPTED))))
            await until(lambda: are_waited_for(watcher, len(held_up)), "a commit that waits for the row")
        stack.push_async_callback(watcher.close)
        follows = asyncio.create_task(journal.claim_payment(after(befores[1], ACCEPTED).payment, NOW_US))
        for lock, task in zip(locks, held_up, strict=True):
            await lock.rollback()
            assert await task
        assert await follows


async def are_waited_for(connection: asyncpg.Connection, count: int) -> bool:
    return bool(await connection.fetchval(WAITING) == count)


async def is_waited_for(connection: asyncpg.Connection) -> bool:
    asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await connection.fetchval(asked))


@pytest.fixture
async def writer(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[_Writer]:
    assert isinstance(database, PostgresDatabase)
    made = _Writer(request.getfixturevalue("postgres_url"), WRITER)
    yield made
    await made.close()


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_the_one_statement_searches_by_indexes_whatever_is_in_it(writer: _Writer) -> None:
    plan = Plan(GUARDS, WRITES)
    prepared = await writer._prepare(plan)
    connection = writer._connection
    assert isinstance(connection, asyncpg.Connection)
    text = prepared.get_query()
    values = ", ".join(["NULL"] * len(set(re.findall(r"\$\d+", text))))
    await connection.execute(f"PREPARE joined AS {text}")
    steps = [str(row[0]) for row in await connection.fetch(f"EXPLAIN EXECUTE joined({values})")]
    assert not [step for step in steps if "Seq Scan" in step or "Bitmap" in step], steps
    searched = [place for place, step in enumerate(steps) if "Index Scan" in step]
    assert not [steps[place] for place in searched if "Index Cond" not in steps[place + 1]], steps  # none is read whole
    updated = {name for name in (*GUARDS, *WRITES) if sql(name, "postgres").startswith("UPDATE")}
    assert sum("Index Scan" in step for step in steps) >= len(updated)  # a partition each


async def test_the_second_change_of_a_payment_may_be_asked_for_before_the_first_is_committed(journal: Journal) -> None:
    changes = opening(payment())
    accepted = after(changes[-1].payment, ACCEPTED)
    settled = after(accepted.payment, paid("UKN7000001"))
    owed = notification(settled.payment)
    won = await asyncio.gather(
        journal.open_payment(changes, exchange(changes[-1].payment)),
        journal.record_change(changes[-1].payment, accepted),
        journal.record_change(accepted.payment, settled, notification=owed),
    )
    assert won == [True, True, True]
    found = await journal.payment(settled.payment.id)
    assert found is not None
    assert found.state is State.SUCCEEDED
    events = await journal.events(found.id)
    assert [event.name for event in events] == ["received", "sending", "accepted", "succeeded"]
    assert [one.id for one in await journal.notifications_of(found.id)] == [owed.id]


async def test_a_loser_leaves_nothing_while_its_neighbours_of_every_kind_win(journal: Journal) -> None:
    taken, free = payment("ORDER-77"), payment()
    assert await journal.open_payment(opening(taken), None)
    repeat, stranger = payment("ORDER-77"), exchange(name="callback")
    won = await asyncio.gather(
        journal.open_payment(opening(repeat), exchange(repeat)),
        journal.open_payment(opening(free), exchange(free)),
        journal.record_exchange(stranger),
    )
    assert won == [False, True, None]
    assert await journal.events(repeat.id) == []
    assert await journal.exchanges(repeat.id) == []
    assert len(await journal.events(free.id)) == 2
    assert len(await journal.exchanges(free.id)) == 1


@pytest.mark.parametrize(
    "text", ["plain", '"\\"\\', "a\nb\tc\x01\x7f", "Mwangaza 😀 \u2028", "null", "{}", "'; --", ""]
)
async def test_whatever_is_written_comes_back_as_it_was(journal: Journal, text: str) -> None:
    made = payment(reference=text, description=text, callback_url=text or None)
    body = bytes(range(256)) + text.encode()
    seen = exchange(made, request_body=body, request_headers=(("x-name", text),), url=f"/{text}", error=text or None)
    assert await journal.open_payment(opening(made), seen)
    kept_payment, (kept_exchange,) = await journal.payment(made.id), await journal.exchanges(made.id)
    assert kept_payment is not None
    assert (kept_payment.reference, kept_payment.description, kept_payment.callback_url) == (text, text, text or None)
    assert (kept_exchange.request_body, kept_exchange.request_headers) == (body, (("x-name", text),))
    assert (kept_exchange.url, kept_exchange.error) == (f"/{text}", text or None)


WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


async def test_two_gateways_that_want_the_same_rows_do_not_wait_in_a_circle(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        stranger, watcher = [await asyncpg.connect(postgres_url) for _ in range(2)]
        stack.push_async_callback(stranger.close)
        stack.push_async_callback(watcher.close)
        one, other = [await opened(stack, postgres_url) for _ in range(2)]
        openings = [opening(payment()) for _ in range(3)]
        for changes in openings:
            assert await one.open_payment(changes, None)
        first, middle, last = (changes[-1].payment for changes in openings)

        async def are_waiting(count: int) -> None:
            async def is_so() -> bool:
                return int(await watcher.fetchval(WAITING) or 0) == count

            await until(is_so, f"{count} who wait for a row")

        async with stranger.transaction():
            await stranger.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE", middle.id)
            winner = asyncio.create_task(all_accepted(one, first, middle, last))
            await are_waiting(1)
            loser = asyncio.create_task(all_accepted(other, last, middle, first))
            await are_waiting(2)
            await stranger.execute("SELECT FROM payments WHERE id = $1 FOR UPDATE NOWAIT", last.id)  # nobody has it yet
        assert (await winner, await loser) == ([True] * 3, [False] * 3)


async def test_nor_for_what_cannot_be_one_statement(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        stranger, watcher = [await asyncpg.connect(postgres_url) for _ in range(2)]
        stack.push_async_callback(stranger.close)
        stack.push_async_callback(watcher.close)
        one, other = [await opened(stack, postgres_url) for _ in range(2)]
        first, middle, last = [await noted(one) for _ in range(3)]

        async def are_waiting(count: int) -> None:
            async def is_so() -> bool:
                return int(await watcher.fetchval(WAITING) or 0) == count

            await until(is_so, f"{count} who wait for a row")

        async with stranger.transaction():
            await stranger.execute("SELECT FROM notifications WHERE id = $1 FOR UPDATE", middle)
            there = asyncio.create_task(one.endpoints.replay([first, middle, last], NOW_US))
            await are_waiting(1)
            back = asyncio.create_task(other.endpoints.replay([last, middle, first], NOW_US))
            await are_waiting(2)
            await stranger.execute("SELECT FROM notifications WHERE id = $1 FOR UPDATE NOWAIT", last)  # nobody has it
        assert (await there, await back) == (3, 3)


async def noted(journal: Journal) -> str:
    """A notification; its ID."""
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    owed = notification(before)
    assert await journal.record_change(before, after(before, ACCEPTED), notification=owed)
    return owed.id


async def opened(stack: AsyncExitStack, url: str) -> Journal:
    """A gateway of its own on the same database."""
    database = PostgresDatabase(url)
    await database.open()
    stack.push_async_callback(database.close)
    await migrate(database)
    return Journal(database)


async def all_accepted(journal: Journal, *payments: Payment) -> list[bool]:
    """In one batch: which of them were not changed by others before."""
    return await asyncio.gather(*(journal.record_change(each, after(each, ACCEPTED)) for each in payments))
