"""The journal's contract for payments, on SQLite and PostgreSQL alike."""

import asyncio

import pytest
from msgspec.structs import replace

from journal.making import (
    ACCEPTED,
    NOW_US,
    SCHEDULE,
    SCOPE,
    after,
    exchange,
    notification,
    opening,
    paid,
    payment,
    shortcode,
)
from wakala.errors import DatabaseFaultError
from wakala.journal.journal import LAST_ID, ApiAnswer, Journal
from wakala.rules.accounts import Registration
from wakala.rules.decisions import decide
from wakala.rules.delivery import DeliveryState
from wakala.rules.facts import Misfit, Settled
from wakala.rules.payment import Evidence, Flag, Kind, Payment, State


async def opened(journal: Journal, **changes: object) -> Payment:
    changes_made = opening(payment(**changes))  # type: ignore[arg-type]
    assert await journal.open_payment(changes_made, None)
    return changes_made[-1].payment


async def test_a_payment_comes_back_as_it_went_in(journal: Journal) -> None:
    made = payment(
        reference="Ré #1 \U0001f6d2", callback_url="https://shop.example/x?order=1", reference_data='[{"K":1}]'
    )
    changes = opening(made)
    assert await journal.open_payment(changes, exchange(made))
    assert await journal.payment(made.id) == changes[-1].payment


async def test_a_request_id_is_spent_within_its_organisation_and_environment_only(journal: Journal) -> None:
    first = await opened(journal, request_id="ORDER-1")
    assert not await journal.open_payment(opening(payment("ORDER-1")), None)
    elsewhere = replace(first.scope, organisation_id="org_2")
    assert await journal.open_payment(opening(payment("ORDER-1", scope=elsewhere)), None)
    live = replace(first.scope, environment="live")
    assert await journal.open_payment(opening(payment("ORDER-1", scope=live)), None)
    found = await journal.payment_by_request("org_1", "sandbox", "ORDER-1")
    assert found == first


async def test_of_a_hundred_openings_at_once_one_wins_and_the_losers_leave_nothing(journal: Journal) -> None:
    tries = [payment("ORDER-2") for _ in range(100)]
    won = await asyncio.gather(*(journal.open_payment(opening(one), exchange(one)) for one in tries))
    assert sum(won) == 1
    for one, is_winner in zip(tries, won, strict=True):
        assert bool(await journal.events(one.id)) == is_winner
        assert bool(await journal.exchanges(one.id)) == is_winner


async def test_of_two_changes_to_one_version_one_wins_and_stages_its_notification(journal: Journal) -> None:
    before = await opened(journal)
    changes = [after(before, paid("UKN0000001")), after(before, ACCEPTED)]
    owed = [notification(before), notification(before)]
    won = await asyncio.gather(
        *(journal.record_change(before, c, notification=n) for c, n in zip(changes, owed, strict=True))
    )
    assert sorted(won) == [False, True]
    staged = await journal.notifications_of(before.id)
    assert [n.id for n in staged] == [owed[won.index(True)].id]
    assert len(await journal.events(before.id)) == 3


async def test_a_change_on_top_of_one_that_never_got_here_loses(journal: Journal) -> None:
    before = await opened(journal)
    elsewhere = after(before, paid("UKN0000004"))
    imagined = decide(before, ACCEPTED, NOW_US + 1, SCHEDULE).payment  # of the same version as the other gateway's
    assert await journal.record_change(before, elsewhere)
    assert not await journal.record_change(imagined, after(imagined, paid("UKN0000004")))
    assert await journal.payment(before.id) == elsewhere.payment


async def test_many_changes_in_one_batch_each_find_their_own_payment(journal: Journal) -> None:
    payments = [await opened(journal) for _ in range(40)]
    stale = [replace(one, version=99) for one in payments]
    work = [
        journal.record_change(one, after(one, paid(f"UKN1{number:06d}")))
        for pair in zip(payments, stale, strict=True)
        for number, one in [(payments.index(pair[0]), pair[0]), (0, pair[1])]
    ]
    won = await asyncio.gather(*work)
    assert won == [True, False] * 40
    for number, one in enumerate(payments):
        found = await journal.payment(one.id)
        assert found is not None
        assert (found.state, found.receipt) == (State.SUCCEEDED, f"UKN1{number:06d}")


async def test_a_bad_row_fails_alone_and_its_neighbours_are_kept(journal: Journal) -> None:
    owner = await opened(journal)
    assert await journal.record_change(owner, after(owner, paid("UKN0000009")))
    payments = [await opened(journal) for _ in range(20)]
    receipts = [f"UKN2{number:06d}" for number in range(20)]
    receipts[7] = "UKN0000009"  # taken by the owner: the unique index refuses it
    work = (journal.record_change(p, after(p, paid(r))) for p, r in zip(payments, receipts, strict=True))
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert isinstance(outcomes[7], DatabaseFaultError)
    assert [outcome for number, outcome in enumerate(outcomes) if number != 7] == [True] * 19
    untouched = await journal.payment(payments[7].id)
    assert untouched == payments[7]


async def test_events_tell_the_whole_story_in_order(journal: Journal) -> None:
    before = await opened(journal)
    pending = after(before, ACCEPTED)
    assert await journal.record_change(before, pending, exchanges=(exchange(before, name="stk_push"),))
    flagged = decide(pending.payment, Misfit(Flag.AMOUNT_DIFFERS, "KES 10"), NOW_US, SCHEDULE)
    assert await journal.record_change(pending.payment, flagged)
    settled = after(flagged.payment, paid("UKN0000003"))
    assert await journal.record_change(flagged.payment, settled)
    told = [(event.name, event.from_state, event.to_state) for event in await journal.events(before.id)]
    assert told == [
        ("received", None, "received"),
        ("sending", "received", "sending"),
        ("accepted", "sending", "pending"),
        ("quarantined", "pending", "pending"),
        ("succeeded", "pending", "succeeded"),
    ]
    found = await journal.payment(before.id)
    assert found is not None
    assert found.flags == (Flag.AMOUNT_DIFFERS,)


async def test_an_exchange_is_completed_by_its_answer_and_keeps_no_secret(journal: Journal) -> None:
    made = payment()
    asked = exchange(
        made,
        request_headers=(("Authorization", "Basic c2VjcmV0"), ("X-Trace", "1")),
        request_body=b'{"Password":"hunter2","Amount":1}\xff\x00',
    )
    assert await journal.open_payment(opening(made), asked)
    await journal.record_answer(ApiAnswer(asked.id, 202, (("content-type", "application/json"),), b"{}", 1500))
    (kept,) = await journal.exchanges(made.id)
    assert (kept.status, kept.answer_body, kept.duration_us) == (202, b"{}", 1500)
    assert kept.request_headers == (("Authorization", "[secret]"), ("X-Trace", "1"))
    assert kept.request_body == b'{"Password":"[secret]","Amount":1}\xff\x00'


async def test_what_is_due_is_found_and_claimed_by_one(journal: Journal) -> None:
    early = await opened(journal)
    due = await journal.payments_due(SCOPE.shortcode_id, NOW_US + 61_000_000, 10)
    assert early in due
    assert await journal.payments_due(SCOPE.shortcode_id, NOW_US, 10) == []
    claims = await asyncio.gather(*(journal.claim_payment(early, NOW_US + 99_000_000) for _ in range(5)))
    assert sum(claims) == 1
    assert await journal.payments_due(SCOPE.shortcode_id, NOW_US + 61_000_000, 10) == []


async def test_a_confirmation_is_compared_with_pushes_of_its_shortcode_and_amount(journal: Journal) -> None:
    await opened(journal, created_us=NOW_US - 10)
    mine = await opened(journal)
    await opened(journal, amount_cents=20_000)
    await opened(journal, scope=replace(mine.scope, shortcode_id="sc_2"))
    settled = await opened(journal)
    assert await journal.record_change(settled, after(settled, paid("UKN0000004")))
    by_query = await opened(journal, created_us=NOW_US - 1)
    told = Settled(Evidence.STK_QUERY, True, "0", "ok")
    assert await journal.record_change(by_query, after(by_query, told))
    failed = await opened(journal)
    assert await journal.record_change(failed, after(failed, Settled(Evidence.STK_QUERY, False, "1032", "cancelled")))
    found = await journal.pushes_without_receipt("sc_1", 15_000, NOW_US - 1)
    assert [one.id for one in found] == [mine.id, by_query.id]


async def test_lists_run_newest_first_by_cursor_within_the_tenant(journal: Journal) -> None:
    made = [await opened(journal) for _ in range(5)]
    await opened(journal, scope=replace(made[0].scope, organisation_id="org_2"))
    first = await journal.list_payments("org_1", "sandbox", LAST_ID, 3)
    rest = await journal.list_payments("org_1", "sandbox", first[-1].id, 3)
    assert [one.id for one in first + rest] == [one.id for one in reversed(made)]


async def test_text_that_the_database_cannot_hold_fails_alone_without_a_trace(journal: Journal) -> None:
    made = payment(reference="a\x00b")
    try:
        won = await journal.open_payment(opening(made), None)
    except DatabaseFaultError:
        assert await journal.payment(made.id) is None
    else:
        assert won
        assert await journal.payment(made.id) is not None


async def test_a_kept_notification_is_never_due(journal: Journal) -> None:
    before = await opened(journal)
    kept = notification(before, state=DeliveryState.KEPT)
    assert await journal.record_change(before, after(before, paid("UKN0000005")), notification=kept)
    assert await journal.lanes_waiting(NOW_US + 10**9) == []


@pytest.mark.parametrize("size", [0, 70_000])
async def test_a_body_is_kept_up_to_its_limit(journal: Journal, size: int) -> None:
    made = payment()
    assert await journal.open_payment(opening(made), exchange(made, request_body=b"x" * size))
    (kept,) = await journal.exchanges(made.id)
    assert len(kept.request_body) == min(size, 65_536)


async def test_what_mpesa_took_for_a_shortcode_is_known_with_the_outcome_or_not_at_all(journal: Journal) -> None:
    """Nobody can be killed between the two."""
    await journal.add_organisation("org_1", "Duka", NOW_US)
    mine = shortcode(id=SCOPE.shortcode_id)
    await journal.add_shortcode(mine)
    before = await opened(journal, kind=Kind.SERVICE, command="c2b/registerurl")
    change = after(before, paid("T1"))
    taken = Registration("Cancelled", "https://shop.example/c", "https://shop.example/v", before.scope.app_id)
    version = await journal.directory_version()
    stale = replace(before, version=before.version - 1)
    assert not await journal.record_change(stale, change, registered=taken, billing_url="https://shop.example/b")
    assert (await journal.shortcodes(), await journal.directory_version()) == ([mine], version)
    assert await journal.record_change(before, change, registered=taken, billing_url="https://shop.example/b")
    [found] = await journal.shortcodes()
    assert found.registered_us == change.payment.updated_us
    assert (found.response_type, found.confirmation_url, found.validation_url) == (
        "Cancelled",
        "https://shop.example/c",
        "https://shop.example/v",
    )
    assert (found.bill_url, found.collector_app_id) == ("https://shop.example/b", before.scope.app_id)
    assert await journal.directory_version() > version
