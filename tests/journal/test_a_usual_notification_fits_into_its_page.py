"""SQLite: what is leased, tried and settled is written anew each time, so a usual row has no page beside its own."""

from pathlib import Path

from journal.making import LATER_US, after, exchange, notification, opening, paid, payment
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.sqlite import SqliteDatabase
from wakala.rules.delivery import DeliveryState, Notification, Verdict

BEFORE = 7  # the last schema in which each had one
USUAL_BODY = b"x" * 950  # the news of a paid push has some 770, and the other IDs here are shorter than real ones
BEYOND = "SELECT count(*) FROM dbstat WHERE name = 'notifications' AND pagetype = 'overflow'"


def beyond_their_pages(store: SqliteDatabase) -> int:
    found: int = store._reader.execute(BEYOND).fetchall()[0][0]
    return found


async def owed(journal: Journal, count: int) -> list[Notification]:
    made = []
    for _ in range(count):
        changes = opening(payment())
        assert await journal.open_payment(changes, None)
        before = changes[-1].payment
        one = notification(before, lane="lane", body=USUAL_BODY)
        changed = after(before, paid("UKP" + before.id[-7:].upper()))
        assert await journal.record_change(before, changed, notification=one)
        made.append(one)
    return made


async def test_staged_leased_and_tried_it_stays_there(tmp_path: Path) -> None:
    store = SqliteDatabase(tmp_path / "journal.db")
    await store.open()
    await migrate(store)
    journal = Journal(store)
    staged = await owed(journal, 20)
    assert len(await journal.claim_notifications("lane", LATER_US, LATER_US, 20)) == 20
    for one in staged:
        delivered = Verdict(DeliveryState.DELIVERED, LATER_US)
        assert await journal.record_attempt(one, delivered, exchange(status=200), now_us=LATER_US)
    assert beyond_their_pages(store) == 0
    await store.close()


async def test_what_an_older_version_kept_is_all_there_and_fits_as_well(tmp_path: Path) -> None:
    store = SqliteDatabase(tmp_path / "journal.db")
    await store.open()
    await migrate(store, up_to=BEFORE)
    journal = Journal(store)
    staged = await owed(journal, 20)
    assert beyond_their_pages(store) == 20
    await migrate(store)
    assert beyond_their_pages(store) == 0
    assert [await journal.notification(one.id) for one in staged] == staged
    assert [one.id for one in await journal.claim_notifications("lane", LATER_US, LATER_US, 50)] == [
        one.id for one in staged
    ]
    await store.close()
