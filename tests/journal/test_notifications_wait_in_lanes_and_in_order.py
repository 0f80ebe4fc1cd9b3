"""The journal's contract for notifications and C2B confirmations, on both databases."""

import asyncio

from msgspec.structs import replace

from journal.making import LATER_US, NOW_US, after, exchange, notification, opening, paid, payment
from wakala.journal.journal import Claim, Confirmation, Journal
from wakala.rules.delivery import DeliveryState, Notification, Verdict
from wakala.rules.payment import Payment


async def staged(
    journal: Journal, lane: str, sequence: int = 1, of: Payment | None = None, due_us: int = NOW_US
) -> Notification:
    before = of
    if before is None:
        changes = opening(payment())
        assert await journal.open_payment(changes, None)
        before = changes[-1].payment
        changed = after(before, paid("UKP" + before.id[-7:].upper()))
        owed = notification(before, lane=lane, sequence=sequence, due_us=due_us)
        assert await journal.record_change(before, changed, notification=owed)
        return owed
    owed = notification(before, lane=lane, sequence=sequence, due_us=due_us)
    current = await journal.payment(before.id)
    assert current is not None
    change = after(current, paid("UKQ0000000"))
    assert await journal.record_change(current, change, notification=owed)
    return owed


async def test_each_lane_with_work_is_named_once(journal: Journal) -> None:
    for lane in ("a", "b", "b", "c shop.example"):
        await staged(journal, lane)
    assert await journal.lanes_waiting(LATER_US) == [("a", True), ("b", True), ("c shop.example", True)]
    assert await journal.lanes_waiting(NOW_US - 1) == [("a", False), ("b", False), ("c shop.example", False)]
    assert [lane for lane, _ in await journal.lanes_waiting(LATER_US, "a", 1)] == ["b"]
    assert await journal.lanes_waiting(LATER_US, "c shop.example") == []


async def claimed(journal: Journal, now_us: int = LATER_US, until_us: int = LATER_US, limit: int = 10) -> list[str]:
    """The IDs of a page of the lane; by default with a lease that is over at once, so that nothing is held."""
    return [one.id for one in await journal.claim_notifications("lane", now_us, until_us, limit)]


async def test_a_later_notification_of_a_payment_waits_for_the_earlier_one(journal: Journal) -> None:
    first = await staged(journal, "lane")
    before = await journal.payment(first.payment_id)
    assert before is not None
    second = await staged(journal, "lane", 2, before)
    assert await claimed(journal) == [first.id]
    done = Verdict(DeliveryState.DELIVERED, LATER_US)
    assert await journal.record_attempt(first, done, exchange(before, status=200), now_us=LATER_US)
    assert await claimed(journal) == [second.id]


async def test_a_page_is_the_oldest_of_one_lane(journal: Journal) -> None:
    owed = [await staged(journal, "lane") for _ in range(5)]
    await staged(journal, "another")
    for place, one in enumerate(owed):
        again = Verdict(DeliveryState.WAITING, LATER_US - place)
        assert await journal.record_attempt(one, again, exchange(status=503), now_us=NOW_US)
    assert await claimed(journal, limit=3) == [owed[4].id, owed[3].id, owed[2].id]


async def test_the_newest_that_was_never_tried_is_claimed_alone_and_overtakes_nothing(journal: Journal) -> None:
    async def untried(until_us: int = LATER_US) -> list[str]:
        return [one.id for one in await journal.claim_untried("lane", LATER_US, until_us)]

    assert await untried() == []
    older, newer, tried = [await staged(journal, "lane", due_us=NOW_US + place) for place in range(3)]
    again = Verdict(DeliveryState.WAITING, NOW_US + 3)
    assert await journal.record_attempt(tried, again, exchange(status=500), now_us=NOW_US)
    before = await journal.payment(tried.payment_id)
    assert before is not None
    await staged(journal, "lane", 2, before, due_us=NOW_US + 4)
    await staged(journal, "another", due_us=NOW_US + 5)
    await staged(journal, "lane", due_us=LATER_US + 1)
    assert await untried() == [newer.id], "the second of a payment waits for its first"
    assert await untried(LATER_US + 10) == [newer.id]
    assert await untried(LATER_US + 10) == [older.id], "the newer one is leased"
    assert await untried(LATER_US + 10) == []


async def test_an_attempt_is_counted_once_whoever_made_it(journal: Journal) -> None:
    owed = await staged(journal, "lane")
    again = Verdict(DeliveryState.WAITING, LATER_US + 5)
    outcomes = await asyncio.gather(
        *(journal.record_attempt(owed, again, exchange(status=500), now_us=LATER_US) for _ in range(4))
    )
    assert sorted(outcomes) == [False, False, False, True]
    kept = await journal.notification(owed.id)
    assert kept is not None
    assert (kept.attempts, kept.due_us, kept.last_status) == (1, LATER_US + 5, 500)
    assert await claimed(journal) == []


async def test_a_claim_has_one_owner_until_its_lease_ends_or_is_released(journal: Journal) -> None:
    owed = {(await staged(journal, "lane")).id for _ in range(20)}
    pages = await asyncio.gather(*(claimed(journal, until_us=LATER_US + 10, limit=8) for _ in range(4)))
    taken = [one for page in pages for one in page]
    assert len(taken) == len(set(taken))
    assert set(taken) <= owed
    while more := await claimed(journal, until_us=LATER_US + 10):  # what another passed over, for it was locked
        taken += more
    assert sorted(taken) == sorted(owed)
    assert len(await claimed(journal, LATER_US + 11, LATER_US + 11, 20)) == 20
    await journal.release_leases(LATER_US)
    assert len(await claimed(journal, limit=20)) == 20


async def test_a_claim_carries_its_lease_and_the_attempts_before_it(journal: Journal) -> None:
    owed = await staged(journal, "lane")
    again = Verdict(DeliveryState.WAITING, LATER_US)
    assert await journal.record_attempt(owed, again, exchange(status=503), now_us=NOW_US)
    (one,) = await journal.claim_notifications("lane", LATER_US, LATER_US + 10, 1)
    assert (one.id, one.attempts, one.lease_us, one.last_status) == (owed.id, 1, LATER_US + 10, 503)
    assert not await journal.record_attempt(owed, again, exchange(status=503), now_us=LATER_US), "counted before"


async def test_what_waits_for_a_later_step_is_brought_forward_but_not_what_was_put_off(journal: Journal) -> None:
    hour_us = LATER_US + 3_600_000_000
    failed, busy, elsewhere = [await staged(journal, lane) for lane in ("lane", "lane", "another")]
    for one, status in ((failed, 503), (busy, 429), (elsewhere, 503)):
        again = Verdict(DeliveryState.WAITING, hour_us)
        assert await journal.record_attempt(one, again, exchange(status=status), now_us=LATER_US)
    assert await journal.bring_forward("lane", LATER_US) == 1
    assert await journal.bring_forward("lane", LATER_US) == 0
    assert await claimed(journal) == [failed.id]
    kept = [await journal.notification(one.id) for one in (failed, busy, elsewhere)]
    assert [one and one.due_us for one in kept] == [failed.created_us, hour_us, hour_us]


def confirmation(receipt: str, **changes: object) -> Confirmation:
    made = Confirmation("org_1", "sandbox", receipt, "app_1", "sc_1", None, "{}", NOW_US, LATER_US)
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_a_confirmation_enters_once_and_is_claimed_once(journal: Journal) -> None:
    entered = await asyncio.gather(
        *(journal.record_confirmation(confirmation("UKN7777777"), exchange()) for _ in range(5))
    )
    assert sum(entered) == 1
    assert [one.receipt for one in await journal.confirmations_due(LATER_US, 10)] == ["UKN7777777"]
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    change = after(before, paid("UKN7777777"))
    assert await journal.record_change(before, change, claims=Claim("UKN7777777"))
    known = await journal.confirmation("org_1", "sandbox", "UKN7777777")
    assert known is not None
    assert known.payment_id == before.id
    assert await journal.confirmations_due(LATER_US, 10) == []


async def test_a_confirmation_of_another_amount_is_not_claimed_by_its_receipt_alone(journal: Journal) -> None:
    other = confirmation("UKN7777777", notice='{"amount_cents": 14900}')
    assert await journal.record_confirmation(other, exchange())
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    change = after(changes[-1].payment, paid("UKN7777777"))
    assert await journal.record_change(changes[-1].payment, change, claims=Claim("UKN7777777", 15_000))
    assert [one.receipt for one in await journal.confirmations_due(LATER_US, 10)] == ["UKN7777777"]
    confirmed = after(change.payment, paid("UKN7777777"))
    assert await journal.record_change(change.payment, confirmed, claims=Claim("UKN7777777", 14_900))
    assert await journal.confirmations_due(LATER_US, 10) == []


async def test_a_claimed_confirmation_cannot_become_a_payment_of_its_own(journal: Journal) -> None:
    waiting = confirmation("UKN8888888")
    assert await journal.record_confirmation(waiting, exchange())
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    assert await journal.record_change(before, after(before, paid("UKN8888888")), claims=Claim("UKN8888888"))
    alone = opening(payment("c2b:UKN8888888"))[0]
    assert not await journal.collect_confirmation(waiting, alone, None)
    assert await journal.payment(alone.payment.id) is None


async def test_the_directory_version_moves_with_every_change(journal: Journal) -> None:
    before = await journal.directory_version()
    await journal.add_organisation("org_1", "demo", NOW_US)
    assert await journal.directory_version() == before + 1
    assert await journal.organisations() == {"org_1": "demo"}
