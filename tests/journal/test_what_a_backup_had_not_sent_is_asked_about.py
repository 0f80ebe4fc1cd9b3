"""A database that is as it was at an earlier moment: what may have been sent since counts as sent in that moment."""

import pytest
from msgspec.structs import replace

from journal.making import ACCEPTED, LATER_US, NOW_US, after, notification, payment
from wakala.journal.journal import Journal
from wakala.rules.decisions import Change
from wakala.rules.payment import Payment, State, Step


async def entered(journal: Journal, state: State, **changes: object) -> Payment:
    made = payment(state=state, **changes)  # type: ignore[arg-type]
    assert await journal.open_payment([Change(made, Step.CONFIRM, "received", {})], None)
    return made


@pytest.mark.parametrize("state", [State.RECEIVED, State.HELD])
@pytest.mark.parametrize("sent_us", [None, NOW_US - 5])
async def test_what_had_not_been_sent_counts_as_sent(journal: Journal, state: State, sent_us: int | None) -> None:
    made = await entered(journal, state, sent_us=sent_us, next_check_us=LATER_US + 9)
    await journal.after_restore(LATER_US)
    assert await journal.payment(made.id) == replace(
        made,
        state=State.SENDING,
        version=made.version + 1,
        updated_us=LATER_US,
        sent_us=LATER_US if sent_us is None else sent_us,
        next_check_us=LATER_US,
    )
    [_, told] = await journal.events(made.id)
    assert (told.sequence, told.at_us, told.name, told.from_state, told.to_state) == (
        made.version + 1,
        LATER_US,
        "restored",
        state,
        State.SENDING,
    )


async def test_what_had_been_sent_or_has_ended_is_as_it_was(journal: Journal) -> None:
    made = [await entered(journal, state, next_check_us=LATER_US + 9) for state in (State.PENDING, State.UNKNOWN)]
    made += [await entered(journal, state, next_check_us=None) for state in State if state.is_final]
    sending = await entered(journal, State.SENDING, next_check_us=LATER_US + 9)
    await journal.after_restore(LATER_US)
    for one in made:
        assert await journal.payment(one.id) == one
        assert len(await journal.events(one.id)) == 1
    assert await journal.payment(sending.id) == replace(sending, next_check_us=LATER_US), "nothing is on its way"


async def test_nobody_owns_what_is_owed(journal: Journal) -> None:
    before = await entered(journal, State.SENDING)
    owed = notification(before, lease_us=LATER_US + 9)
    assert await journal.record_change(before, after(before, ACCEPTED), notification=owed)
    await journal.after_restore(LATER_US)
    assert await journal.notification(owed.id) == replace(owed, lease_us=0)
