"""Guards of a notification, on both databases: what changed since it was looked at is not changed by who looked."""

import asyncio

import pytest

from journal.making import LATER_US, NOW_US, SCOPE, exchange, staged
from wakala.journal import endpoints as endpoints_module
from wakala.journal import journal as journal_module
from wakala.journal.database import Database, Operation, Write
from wakala.journal.journal import Journal
from wakala.journal.rows import exchange_row
from wakala.rules.delivery import DeliveryState, Notification, Verdict

AGAIN = Verdict(DeliveryState.WAITING, LATER_US)
NOT_WAITING = [state for state in DeliveryState if state is not DeliveryState.WAITING]
EVERY_STATE = pytest.mark.parametrize("state", NOT_WAITING)


async def read(journal: Journal, owed: Notification) -> Notification:
    found = await journal.notification(owed.id)
    assert found is not None
    return found


async def attempted(journal: Journal, owed: Notification, verdict: Verdict = AGAIN) -> bool:
    return await journal.record_attempt(owed, verdict, exchange(status=503), now_us=NOW_US)


@EVERY_STATE
async def test_what_does_not_wait_is_changed_by_no_worker(journal: Journal, state: DeliveryState) -> None:
    owed = await staged(journal, state=state, lease_us=NOW_US, settled_us=NOW_US)
    assert not await attempted(journal, owed)
    assert not await journal.hand_back_notification(owed)
    assert not await journal.endpoints.move_lane(owed, "elsewhere")
    assert await journal.endpoints.hold([owed.id], LATER_US, NOW_US) == 0
    assert await journal.endpoints.hold_page("lane", "", LATER_US, NOW_US) == 0
    await journal.endpoints.gather("lane", "elsewhere", "")
    assert await journal.bring_forward("lane", NOW_US - 1) == 0
    assert await journal.claim_notifications("lane", LATER_US, LATER_US, 10) == []
    assert await journal.claim_untried("lane", LATER_US, LATER_US) == []
    await journal.release_leases(NOW_US)
    assert await read(journal, owed) == owed


async def test_an_attempt_that_was_begun_before_it_was_staged_anew_is_not_counted(journal: Journal) -> None:
    owed = await staged(journal, state=DeliveryState.GIVEN_UP)
    assert await journal.endpoints.replay([owed.id], LATER_US) == 1
    assert not await attempted(journal, owed)
    assert (await read(journal, owed)).attempts == 0


async def test_an_attempt_ends_the_lease_and_says_when_it_was_settled(journal: Journal) -> None:
    owed = await staged(journal, lease_us=LATER_US + 5)
    assert await attempted(journal, owed)
    waiting = await read(journal, owed)
    assert (waiting.attempts, waiting.due_us, waiting.lease_us, waiting.settled_us) == (1, LATER_US, 0, None)
    assert await attempted(journal, waiting, Verdict(DeliveryState.DELIVERED, LATER_US))
    assert (await read(journal, owed)).settled_us == NOW_US


async def test_a_lease_is_given_back_by_its_owner(journal: Journal) -> None:
    await staged(journal)
    [ours] = await journal.claim_notifications("lane", NOW_US, NOW_US + 5, 1)
    [others] = await journal.claim_notifications("lane", NOW_US + 5, LATER_US, 1)
    assert not await journal.hand_back_notification(ours)
    assert (await read(journal, ours)).lease_us == LATER_US
    assert await journal.hand_back_notification(others)
    assert (await read(journal, ours)).lease_us == 0


@pytest.mark.parametrize("state", [DeliveryState.DELIVERED, DeliveryState.ACKNOWLEDGED])
async def test_what_the_merchant_has_is_not_acknowledged_again(journal: Journal, state: DeliveryState) -> None:
    owed = await staged(journal, state=state, settled_us=NOW_US)
    assert not await journal.endpoints.acknowledge(owed.id, LATER_US)
    assert await read(journal, owed) == owed


@pytest.mark.parametrize("state", [DeliveryState.WAITING, DeliveryState.KEPT, DeliveryState.GIVEN_UP])
async def test_what_the_merchant_read_from_us_is_acknowledged_however_it_stood(
    journal: Journal, state: DeliveryState
) -> None:
    owed = await staged(journal, state=state, lease_us=LATER_US)
    assert await journal.endpoints.acknowledge(owed.id, LATER_US)
    found = await read(journal, owed)
    assert (found.state, found.lease_us, found.settled_us) == (DeliveryState.ACKNOWLEDGED, 0, LATER_US)


async def test_of_a_crowd_each_is_told_what_became_of_his_own(journal: Journal) -> None:
    first, second, third = [(await staged(journal)).id for _ in range(3)]
    assert await journal.endpoints.acknowledge(first, NOW_US)
    told = await asyncio.gather(*(journal.endpoints.acknowledge(one, LATER_US) for one in (third, first, second)))
    assert told == [True, False, True]


async def test_what_nothing_guards_is_done(database: Database) -> None:
    writes = (Write("exchange_add", exchange_row(exchange())), Write("directory_moved", ()))
    assert await database.commit(Operation("by itself", None, writes[:1]))
    assert await database.commit(Operation("with what cannot be joined", None, writes[1:]))


# ── replay ──


@EVERY_STATE
async def test_what_is_replayed_has_the_whole_schedule_before_it(journal: Journal, state: DeliveryState) -> None:
    owed = await staged(journal, state=state, attempts=7, settled_us=NOW_US, lease_us=LATER_US + 9)
    assert await journal.endpoints.replay([owed.id], LATER_US) == 1
    found = await read(journal, owed)
    assert (found.state, found.attempts, found.settled_us) == (DeliveryState.WAITING, 0, None)
    assert (found.created_us, found.due_us, found.lease_us) == (LATER_US, LATER_US, 0)


async def test_what_is_on_its_way_is_not_replayed_before_its_lease_is_over(journal: Journal) -> None:
    owed = await staged(journal, lease_us=LATER_US, attempts=2, due_us=LATER_US + 50)
    assert await journal.endpoints.replay([owed.id], LATER_US - 1) == 0
    assert await read(journal, owed) == owed
    assert await journal.endpoints.replay([owed.id], LATER_US) == 1
    found = await read(journal, owed)
    assert (found.attempts, found.due_us, found.lease_us) == (2, LATER_US, 0), "it waits already: its attempts count"


# ── what an endpoint takes along, keeps or brings forward ──


async def test_what_moves_to_another_lane_was_in_the_one_it_was_seen_in_and_is_free_there(journal: Journal) -> None:
    owed = await staged(journal, lease_us=LATER_US)
    assert await journal.endpoints.move_lane(owed, "elsewhere")
    assert not await journal.endpoints.move_lane(owed, "a third")
    [found] = await journal.claim_notifications("elsewhere", NOW_US, LATER_US, 10)
    assert found.id == owed.id


async def test_an_endpoint_gathers_what_has_no_url_of_its_own(journal: Journal) -> None:
    mine = await staged(journal, lease_us=LATER_US)
    other = await staged(journal, lane="another")
    addressed = await staged(journal, url="https://shop.example/order")
    await journal.endpoints.gather("lane", "own", "sc_9")
    assert [(await read(journal, one)).lane for one in (mine, other, addressed)] == ["lane", "another", "lane"]
    await journal.endpoints.gather("lane", "own", SCOPE.shortcode_id)
    assert [(await read(journal, one)).lane for one in (mine, other, addressed)] == ["own", "another", "lane"]
    assert (await read(journal, mine)).lease_us == LATER_US, "it may be on its way"
    await journal.endpoints.gather("own", "lane", "")
    assert (await read(journal, mine)).lane == "lane"


async def test_an_endpoint_keeps_what_was_staged_before_and_has_no_url_of_its_own(journal: Journal) -> None:
    mine = await staged(journal, lease_us=LATER_US)
    addressed = await staged(journal, url="https://shop.example/order")
    other, young = await staged(journal, lane="another"), await staged(journal, created_us=NOW_US + 1)
    assert await journal.endpoints.hold_page("lane", "", NOW_US, LATER_US) == 0, "staged in that moment"
    assert await journal.endpoints.hold([mine.id], NOW_US, LATER_US) == 0
    assert await journal.endpoints.hold_page("lane", "sc_9", NOW_US + 1, LATER_US) == 0
    assert await journal.endpoints.hold_page("lane", "", NOW_US + 1, LATER_US) == 1
    found = await read(journal, mine)
    assert (found.state, found.lease_us, found.settled_us) == (DeliveryState.KEPT, 0, LATER_US)
    for one in (addressed, other, young):
        assert await read(journal, one) == one


async def test_what_was_taken_hides_nothing_that_waits_behind_it(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (endpoints_module, journal_module):
        monkeypatch.setattr(module, "PAGE_ROWS" if module is endpoints_module else "PAGE_LIMIT_ROWS", 2)
    for _ in range(3):
        await staged(journal, state=DeliveryState.DELIVERED, due_us=LATER_US)
    waiting = [await staged(journal, due_us=LATER_US) for _ in range(5)]
    assert await journal.bring_forward("lane", NOW_US) == 5, "page by page"
    await journal.endpoints.gather("lane", "own", "")
    assert {(await read(journal, one)).lane for one in waiting} == {"own"}
    held = [await journal.endpoints.hold_page("own", "", LATER_US, NOW_US) for _ in range(4)]
    assert held == [2, 2, 1, 0], "a page at a time, until nothing waits"


async def test_what_is_brought_forward_was_staged_by_then_and_is_not_due_yet(journal: Journal) -> None:
    due, to_come, another = (
        await staged(journal, due_us=LATER_US, created_us=NOW_US),
        await staged(journal, due_us=LATER_US + 9, created_us=LATER_US + 1),
        await staged(journal, due_us=LATER_US + 9, lane="another"),
    )
    put_off = [
        await staged(journal, due_us=LATER_US + 9, created_us=LATER_US, last_status=status) for status in (None, 503)
    ]
    busy = await staged(journal, due_us=LATER_US + 9, last_status=429)
    assert await journal.bring_forward("lane", LATER_US) == 2
    assert [(await read(journal, one)).due_us for one in put_off] == [LATER_US, LATER_US], "when they were staged"
    for one in (due, to_come, another, busy):
        assert await read(journal, one) == one
    assert await journal.bring_forward("lane", LATER_US, is_elsewhere=True) == 1, "nobody there has put it off"
    assert (await read(journal, busy)).due_us == NOW_US


async def test_what_waits_again_is_not_thrown_away(journal: Journal) -> None:
    taken, again = [await staged(journal, state=DeliveryState.DELIVERED) for _ in range(2)]
    await journal.endpoints.replay([again.id], LATER_US)
    await journal.retention.forget_notifications([taken.id, again.id])
    assert await journal.notification(taken.id) is None
    assert (await read(journal, again)).state is DeliveryState.WAITING
