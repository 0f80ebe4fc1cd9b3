"""What a worker finds, on both databases: no sooner than it is due, what waits longest first, no more than a page."""

import asyncio

import asyncpg
import pytest

from journal.making import (
    ACCEPTED,
    LATER_US,
    NOW_US,
    SCOPE,
    after,
    exchange,
    new_id,
    notification,
    payment,
    shortcode,
    staged,
)
from wakala.journal import journal as journal_module
from wakala.journal.database import Database, sql
from wakala.journal.journal import Confirmation, Journal, ShortcodeDue
from wakala.rules.accounts import Environment
from wakala.rules.decisions import Change
from wakala.rules.delivery import DeliveryState, Notification, Verdict
from wakala.rules.payment import Kind, Payment, Scope, State, Step

UNTRIED_AMONG_ROWS = 200  # as `notifications_claim_untried` has it


async def entered(journal: Journal, state: State = State.SENDING, **changes: object) -> Payment:
    """A payment as it stands, whatever brought it there."""
    made = payment(state=state, **changes)  # type: ignore[arg-type]
    assert await journal.open_payment([Change(made, Step.CONFIRM, "received", {})], None)
    return made


def of(shortcode_id: str) -> Scope:
    return Scope(SCOPE.organisation_id, SCOPE.app_id, shortcode_id, SCOPE.environment)


# ── payments ──


async def test_payments_are_due_when_their_time_has_come_the_longest_due_first(journal: Journal) -> None:
    late, early, next_one = [await entered(journal, next_check_us=NOW_US + due) for due in (3, 1, 2)]
    await entered(journal, next_check_us=NOW_US + 4)
    await entered(journal, State.SUCCEEDED, next_check_us=None)
    await entered(journal, scope=of("sc_2"), next_check_us=NOW_US)
    assert await journal.payments_due("sc_1", NOW_US + 3, 10) == [early, next_one, late]
    assert await journal.payments_due("sc_1", NOW_US + 3, 2) == [early, next_one]


async def test_a_shortcode_is_due_with_the_first_of_its_payments_and_tells_its_environment(journal: Journal) -> None:
    await journal.add_organisation("org_1", "Duka", NOW_US)
    known = [shortcode(environment=each) for each in (Environment.LIVE, Environment.SANDBOX, Environment.SANDBOX)]
    for place, each in enumerate(known, start=1):
        await journal.add_shortcode(each)
        for more in (5, 0):
            await entered(journal, scope=of(each.id), next_check_us=NOW_US + place + more)
    first, second, _ = known
    assert await journal.shortcodes_due(NOW_US + 2) == [
        ShortcodeDue(first.id, "live", NOW_US + 1),
        ShortcodeDue(second.id, "sandbox", NOW_US + 2),
    ]


async def test_only_a_push_that_left_and_may_still_be_paid_is_compared_with_a_confirmation(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    possible = [
        await entered(journal, state, created_us=NOW_US + place, sent_us=NOW_US + place)
        for place, state in enumerate(State)
    ]
    possible = [one for one in possible if one.state not in {State.RECEIVED, State.FAILED, State.EXPIRED}]
    await entered(journal, kind=Kind.PAYOUT, sent_us=NOW_US)
    await entered(journal, State.HELD)  # it has not left
    found = await journal.pushes_without_receipt("sc_1", 15_000, NOW_US)
    assert found == possible[::-1], "the newest first"
    monkeypatch.setattr(journal_module, "CANDIDATE_LIMIT_ROWS", 2)
    assert await journal.pushes_without_receipt("sc_1", 15_000, NOW_US) == found[:2]


async def test_what_was_being_sent_when_the_one_process_died_is_due_at_its_next_start(journal: Journal) -> None:
    sending = await entered(journal, next_check_us=LATER_US + 1)
    earlier = await entered(journal, next_check_us=LATER_US - 1)
    asked = await entered(journal, State.PENDING, next_check_us=LATER_US + 1)
    await journal.release_leases(LATER_US)
    for one, due_us in ((sending, LATER_US), (earlier, LATER_US - 1), (asked, LATER_US + 1)):
        found = await journal.payment(one.id)
        assert found is not None
        assert found.next_check_us == due_us


async def test_payments_are_listed_by_a_cursor_that_is_not_shown_again(journal: Journal) -> None:
    made = [await entered(journal) for _ in range(4)]
    assert await journal.list_payments("org_1", "sandbox", made[3].id, 2) == [made[2], made[1]]


# ── exchanges ──


async def test_a_trace_has_both_sides_bytes_in_order_and_no_more_than_its_limit(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await entered(journal)
    seen = [exchange(made, name=name) for name in ("api_request", "api_read", "stk_push", "stk_callback")]
    for one in reversed(seen):
        await journal.record_exchange(one)
    assert [one.name for one in await journal.exchanges(made.id)] == ["api_request", "stk_push", "stk_callback"]
    monkeypatch.setattr(journal_module, "TRACE_LIMIT_EXCHANGES", 2)
    assert [one.name for one in await journal.exchanges(made.id)] == ["api_request", "stk_push"]


async def test_the_quarantine_is_listed_newest_first_by_a_cursor_that_is_not_shown_again(journal: Journal) -> None:
    misfits = [exchange(verdict="quarantined: the amount differs") for _ in range(4)]
    for one in (*misfits, exchange()):
        await journal.record_exchange(one)
    assert [one.id for one in await journal.quarantined()] == [one.id for one in misfits[::-1]]
    assert [one.id for one in await journal.quarantined(misfits[3].id, 2)] == [misfits[2].id, misfits[1].id]


async def test_exchanges_are_read_on_after_a_cursor(journal: Journal) -> None:
    made = [exchange() for _ in range(5)]
    for one in made:
        await journal.record_exchange(one)
    ids = [one.id for one in made]
    assert [one.id for one in await journal.exchanges_after(ids[0], 2)] == ids[1:3]
    assert await journal.exchange_ids(ids[0], 2) == ids[3:], "the newest, oldest first"
    assert await journal.exchange_ids(ids[0], 10) == ids[1:]


# ── confirmations ──


async def test_confirmations_are_due_when_their_time_has_come_the_longest_due_first(journal: Journal) -> None:
    for receipt, due in (("LATE", 3), ("EARLY", 1), ("NEXT", 2), ("TO COME", 4)):
        waiting = Confirmation("org_1", "sandbox", receipt, "app_1", "sc_1", None, "{}", NOW_US, NOW_US + due)
        assert await journal.record_confirmation(waiting, exchange())
    found = [one.receipt for one in await journal.confirmations_due(NOW_US + 3, 10)]
    assert found == ["EARLY", "NEXT", "LATE"]
    assert [one.receipt for one in await journal.confirmations_due(NOW_US + 3, 2)] == ["EARLY", "NEXT"]


# ── notifications ──


async def test_a_lane_waits_with_the_first_of_what_waits_in_it(journal: Journal) -> None:
    await staged(journal, lane="b", due_us=NOW_US + 5)
    await staged(journal, lane="b", due_us=NOW_US)
    await staged(journal, lane="c", due_us=NOW_US + 1)
    for lane in ("a", "c", "d"):
        await staged(journal, lane=lane, state=DeliveryState.DELIVERED, due_us=NOW_US - 1)
    assert await journal.lanes_waiting(NOW_US) == [("b", True), ("c", False)]
    assert await journal.lanes_waiting(NOW_US, "", 1) == [("b", True)]


async def test_of_a_claim_that_was_not_answered_what_bears_its_lease_is_ours(journal: Journal) -> None:
    ours, other = await staged(journal), await staged(journal)
    doubtful_us, others_us = LATER_US + 10, LATER_US + 20
    assert len(await journal.claim_notifications("lane", NOW_US, doubtful_us, 1)) == 1
    assert len(await journal.claim_notifications("lane", NOW_US, others_us, 1)) == 1
    held = {one.lease_us: one.id for one in [await read(journal, each.id) for each in (ours, other)]}
    again = await journal.claim_notifications("lane", NOW_US, LATER_US + 30, 10, [others_us - 1, doubtful_us])
    assert [one.id for one in again] == [held[doubtful_us]]
    assert [one.id for one in await journal.claim_untried("lane", NOW_US, LATER_US + 40, [others_us])] == [
        held[others_us]
    ]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
@pytest.mark.parametrize("statement", ["notifications_claim", "notifications_claim_untried"])
async def test_what_another_gateway_is_claiming_is_neither_waited_for_nor_claimed_too(
    database: Database, journal: Journal, postgres_url: str, statement: str
) -> None:
    owed = [await staged(journal, due_us=NOW_US + place) for place in range(2)]
    claim = {
        "notifications_claim": ("lane", LATER_US, LATER_US, ",", 1, LATER_US + 10),
        "notifications_claim_untried": ("lane", LATER_US, LATER_US, ",", LATER_US + 10),
    }[statement]
    another = await asyncpg.connect(postgres_url)
    async with another.transaction():
        [theirs] = await another.fetch(sql(statement, "postgres"), *claim)
        page = await journal.claim_notifications("lane", LATER_US, LATER_US, 10)
        untried = await journal.claim_untried("lane", LATER_US, LATER_US)
    await another.close()
    ours = [one.id for one in owed if one.id != theirs["id"]]
    assert ([one.id for one in page], [one.id for one in untried]) == (ours, ours)


async def test_a_notification_is_due_in_the_moment_and_its_lease_is_over_in_the_moment(journal: Journal) -> None:
    owed = await staged(journal, due_us=LATER_US)
    assert await journal.claim_notifications("lane", LATER_US - 1, NOW_US, 10) == []
    assert await journal.claim_untried("lane", LATER_US - 1, NOW_US) == []
    for claim_us, until_us in ((LATER_US, LATER_US + 1), (LATER_US + 1, LATER_US + 2)):
        [one] = await journal.claim_notifications("lane", claim_us, until_us, 10)
        assert (one.id, one.lease_us) == (owed.id, until_us)
        assert await journal.claim_notifications("lane", until_us - 1, until_us + 9, 10) == []
    [one] = await journal.claim_untried("lane", LATER_US + 2, LATER_US + 3)
    assert one.id == owed.id


async def test_the_newest_untried_one_is_claimed_though_its_payments_earlier_one_was_taken(journal: Journal) -> None:
    before = await entered(journal)
    for sequence, state in ((1, DeliveryState.DELIVERED), (2, DeliveryState.WAITING)):
        change = after(before, ACCEPTED)
        owed = notification(before, sequence=sequence, state=state, lane="lane")
        assert await journal.record_change(before, change, notification=owed)
        before = change.payment
    assert [one.sequence for one in await journal.claim_untried("lane", LATER_US, LATER_US)] == [2]


async def test_the_newest_untried_one_is_looked_for_among_the_newest(journal: Journal) -> None:
    older = [staged(journal, due_us=NOW_US + place, attempts=1) for place in range(UNTRIED_AMONG_ROWS)]
    oldest, *_ = await asyncio.gather(staged(journal, due_us=NOW_US - 1), *older)
    assert await journal.claim_untried("lane", LATER_US, LATER_US) == [], "a long backlog is not looked through"
    newest = await staged(journal, due_us=LATER_US)
    assert [one.id for one in await journal.claim_untried("lane", LATER_US, LATER_US)] == [newest.id]
    [first] = await journal.claim_notifications("lane", LATER_US, LATER_US, 1)
    assert first.id == oldest.id


async def test_notifications_are_listed_by_a_cursor_that_is_not_shown_again(journal: Journal) -> None:
    ids = [(await staged(journal)).id for _ in range(5)]
    read_on = await journal.endpoints.notifications_after(SCOPE, ids[0], ids[4], 2)
    assert [one.id for one in read_on] == ids[1:3]
    assert [one.id for one in await journal.endpoints.notifications_after(SCOPE, ids[2], ids[4])] == [ids[3]]
    back = await journal.endpoints.notifications_before(SCOPE, ids[4], 2)
    assert [one.id for one in back] == [ids[3], ids[2]]
    listed = await journal.list_notifications("org_1", "sandbox", ids[4], 2)
    assert [one.id for one in listed] == [ids[3], ids[2]]


async def test_what_a_payment_owed_is_told_in_the_order_of_its_story(journal: Journal) -> None:
    before = await entered(journal)
    for sequence in (2, 1, 3):
        change = after(before, ACCEPTED)
        owed = notification(before, sequence=sequence)
        assert await journal.record_change(before, change, notification=owed)
        before = change.payment
    assert [one.sequence for one in await journal.notifications_of(before.id)] == [1, 2, 3]


async def test_the_newest_notification_is_known_by_its_id(journal: Journal) -> None:
    assert await journal.newest_notification_id() == ""
    ids = [(await staged(journal, id=one)).id for one in sorted([new_id("ntf"), new_id("ntf")], reverse=True)]
    assert await journal.newest_notification_id() == ids[0]


# ── what a clock that was wrong put off ──


async def test_what_is_put_off_beyond_every_limit_is_due_now_and_the_rest_keeps_its_time(journal: Journal) -> None:
    check_us, lease_us, due_us = 10, 20, 30
    checks = [await entered(journal, next_check_us=NOW_US + more) for more in (check_us, check_us + 1)]
    for more in (check_us, check_us + 1):
        waiting = Confirmation("org_1", "sandbox", f"R{more}", "app_1", "sc_1", None, "{}", NOW_US, NOW_US + more)
        assert await journal.record_confirmation(waiting, exchange())
    honest, leased, put_off, done = (
        await staged(journal, due_us=NOW_US + due_us, lease_us=NOW_US + lease_us),
        await staged(journal, due_us=NOW_US + due_us, lease_us=NOW_US + lease_us + 1),
        await staged(journal, due_us=NOW_US + due_us + 1),
        await staged(journal, due_us=NOW_US + due_us + 1, state=DeliveryState.DELIVERED),
    )
    for name, cursor in (("honest", "ntf_5"), ("ahead", "ntf_6")):
        await journal.endpoints.move_cursor(SCOPE, name, cursor, NOW_US)

    await journal.retention.pull_in(NOW_US, check_us, lease_us, due_us, "ntf_5")
    found = [await journal.payment(one.id) for one in checks]
    assert [one and one.next_check_us for one in found] == [NOW_US + check_us, NOW_US]
    told = {one.receipt: one.due_us for one in await journal.confirmations_due(LATER_US, 10)}
    assert told == {f"R{check_us}": NOW_US + check_us, f"R{check_us + 1}": NOW_US}
    seen = [await read(journal, one.id) for one in (honest, leased, put_off, done)]
    assert [(one.due_us - NOW_US, one.lease_us and one.lease_us - NOW_US) for one in seen] == [
        (due_us, lease_us),
        (due_us, 0),
        (0, 0),
        (due_us + 1, 0),
    ]
    cursors = {one.name: one.cursor for one in await journal.endpoints.consumers("app_1", "sandbox")}
    assert cursors == {"honest": "ntf_5", "ahead": "ntf_5"}


async def read(journal: Journal, notification_id: str) -> Notification:
    found = await journal.notification(notification_id)
    assert found is not None
    return found


# ── whose store it is ──


async def test_a_store_is_used_once_it_has_an_organisation_or_a_payment(journal: Journal) -> None:
    assert not await journal.is_used()
    await entered(journal)
    assert await journal.is_used()


async def test_an_organisation_alone_makes_a_store_a_used_one(journal: Journal) -> None:
    await journal.add_organisation("org_1", "Duka", NOW_US)
    assert await journal.is_used()


async def test_a_crowd_of_attempts_is_counted_each_for_its_own(journal: Journal) -> None:
    owed = [await staged(journal) for _ in range(5)]
    again = [Verdict(DeliveryState.WAITING, LATER_US + place) for place in range(5)]
    work = (
        journal.record_attempt(one, verdict, exchange(status=500 + place), now_us=NOW_US)
        for place, (one, verdict) in enumerate(zip(owed, again, strict=True))
    )
    assert await asyncio.gather(*work) == [True] * 5
    seen = [await read(journal, one.id) for one in owed]
    assert [(one.due_us, one.last_status) for one in seen] == [(LATER_US + place, 500 + place) for place in range(5)]
