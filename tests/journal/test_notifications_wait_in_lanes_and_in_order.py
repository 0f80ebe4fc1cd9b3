"""The journal's contract for notifications and C2B confirmations, on both databases."""

import asyncio

from msgspec.structs import replace

from journal.making import NOW_US, after, exchange, notification, opening, paid, payment
from wakala.journal.journal import Confirmation, Journal
from wakala.rules.delivery import DeliveryState, Notification, Verdict
from wakala.rules.payment import Payment

LATER_US = NOW_US + 1_000_000


async def staged(journal: Journal, lane: str, sequence: int = 1, of: Payment | None = None) -> Notification:
    before = of
    if before is None:
        changes = opening(payment())
        assert await journal.open_payment(changes, None)
        before = changes[-1].payment
        changed = after(before, paid("UKP" + before.id[-7:].upper()))
        owed = notification(before, lane=lane, sequence=sequence)
        assert await journal.record_change(before, changed, notification=owed)
        return owed
    owed = notification(before, lane=lane, sequence=sequence)
    current = await journal.payment(before.id)
    assert current is not None
    change = after(current, paid("UKQ0000000"))
    assert await journal.record_change(current, change, notification=owed)
    return owed


async def test_each_lane_with_work_is_named_once(journal: Journal) -> None:
    for lane in ("a", "b", "b", "c shop.example"):
        await staged(journal, lane)
    assert await journal.lanes_due(LATER_US) == ["a", "b", "c shop.example"]
    assert await journal.lanes_due(NOW_US - 1) == []


async def test_a_later_notification_of_a_payment_waits_for_the_earlier_one(journal: Journal) -> None:
    first = await staged(journal, "lane")
    before = await journal.payment(first.payment_id)
    assert before is not None
    second = await staged(journal, "lane", 2, before)
    assert [n.id for n in await journal.notifications_due("lane", LATER_US, 10)] == [first.id]
    done = Verdict(DeliveryState.DELIVERED, LATER_US)
    assert await journal.record_attempt(first, done, exchange(before, status=200), now_us=LATER_US)
    assert [n.id for n in await journal.notifications_due("lane", LATER_US, 10)] == [second.id]


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
    assert await journal.notifications_due("lane", LATER_US, 10) == []


async def test_a_claim_has_one_owner_until_its_lease_ends_or_is_released(journal: Journal) -> None:
    owed = await staged(journal, "lane")
    claims = await asyncio.gather(*(journal.claim_notification(owed, LATER_US + 10) for _ in range(4)))
    assert sorted(claims) == [False, False, False, True]
    assert await journal.notifications_due("lane", LATER_US, 10) == []
    assert len(await journal.notifications_due("lane", LATER_US + 11, 10)) == 1
    await journal.release_leases(LATER_US)
    assert len(await journal.notifications_due("lane", LATER_US, 10)) == 1


async def test_a_claim_of_what_was_attempted_meanwhile_is_lost(journal: Journal) -> None:
    seen_by_another = await staged(journal, "lane")
    assert await journal.claim_notification(seen_by_another, LATER_US + 10)
    again = Verdict(DeliveryState.WAITING, LATER_US + 5)
    assert await journal.record_attempt(seen_by_another, again, exchange(status=503), now_us=LATER_US)
    assert not await journal.claim_notification(seen_by_another, LATER_US + 20)


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
    assert await journal.record_change(before, change, claims_receipt="UKN7777777")
    known = await journal.confirmation("org_1", "sandbox", "UKN7777777")
    assert known is not None
    assert known.payment_id == before.id
    assert await journal.confirmations_due(LATER_US, 10) == []


async def test_a_claimed_confirmation_cannot_become_a_payment_of_its_own(journal: Journal) -> None:
    waiting = confirmation("UKN8888888")
    assert await journal.record_confirmation(waiting, exchange())
    changes = opening(payment())
    assert await journal.open_payment(changes, None)
    before = changes[-1].payment
    assert await journal.record_change(before, after(before, paid("UKN8888888")), claims_receipt="UKN8888888")
    alone = opening(payment("c2b:UKN8888888"))[0]
    assert not await journal.collect_confirmation(waiting, alone, None)
    assert await journal.payment(alone.payment.id) is None


async def test_the_directory_version_moves_with_every_change(journal: Journal) -> None:
    before = await journal.directory_version()
    await journal.add_organisation("org_1", "demo", NOW_US)
    assert await journal.directory_version() == before + 1
    assert await journal.organisations() == {"org_1": "demo"}
