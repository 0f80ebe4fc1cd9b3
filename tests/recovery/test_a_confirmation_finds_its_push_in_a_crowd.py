"""A shop that sells one thing at one price: hundreds of prompts of the same amount are open at every moment."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from recovery.test_a_confirmation_is_given_to_who_bears_its_receipt import confirmed, owner, pending
from services.gateway import House, running_gateway
from wakala.journal.journal import CANDIDATE_LIMIT_ROWS
from wakala.rules.decisions import Change, decide
from wakala.rules.facts import Settled
from wakala.rules.payment import Evidence, Payment, Step

PAID = Settled(Evidence.STK_QUERY, True, "0", "The service request is processed successfully.")
UNANSWERED = Settled(Evidence.STK_CALLBACK, False, "1037", "No response from user.")


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


async def stored(house: House, payment_id: str) -> Payment:
    payment = await house.gateway.journal.payment(payment_id)
    assert payment is not None
    return payment


async def ended(house: House, before: Payment, fact: Settled) -> None:
    change = decide(before, fact, house.gateway.source.now_us(), house.gateway.settings.schedule)
    assert await house.gateway.journal.record_change(before, change)


async def crowd(house: House, like: Payment, name: str) -> list[Payment]:
    """As many prompts as a page holds, for the same amount, to others; M-Pesa has said nothing of them yet."""
    source, others = house.gateway.source, []
    for number in range(CANDIDATE_LIMIT_ROWS):
        now_us = source.now_us()
        other = replace(
            like,
            id=source.new_id("pay"),
            request_id=f"{name}-{number}",
            msisdn=f"2547{10_000_000 + number}",
            reference=f"{name}-{number}",
            checkout_request_id=f"ws_CO_{name}_{number}",
            created_us=now_us,
            updated_us=now_us,
            sent_us=now_us,
        )
        assert await house.gateway.journal.open_payment([Change(other, Step.CONFIRM, "received", {})], None)
        others.append(other)
    return others


@pytest.mark.parametrize("are_unanswered", [True, False], ids=["others_end", "others_are_paid_without_a_callback_too"])
async def test_money_whose_callback_was_lost_is_told_once_in_a_crowd(
    tmp_path: Path, url: str | None, are_unanswered: bool
) -> None:
    """It was known by a query alone, which tells no receipt, and the confirmation came among hundreds."""
    async with running_gateway(tmp_path, database_url=url, finisher={"poll_s": 3_600.0}) as house:
        payment_id, _ = await pending(house, "MINE")
        others = await crowd(house, await stored(house, payment_id), "BEFORE")
        entry = await confirmed(house, "TST1ABC234")
        assert entry.payment_id is None, "nobody can tell yet"
        await ended(house, await stored(house, payment_id), PAID)
        for other in others:
            await ended(house, other, UNANSWERED if are_unanswered else PAID)
        await crowd(house, others[0], "LATER")
        await house.gateway.confirmations.collect(entry)
        bearer = await owner(house, "TST1ABC234")
        assert bearer is not None
        assert bearer.id == payment_id, "the same money is told twice: as the push's, and as a payment of its own"


async def test_money_that_may_belong_to_a_push_beyond_those_looked_at_waits(tmp_path: Path, url: str | None) -> None:
    """Queries have settled them all, and none has a receipt yet: a page full of others proves nothing."""
    async with running_gateway(tmp_path, database_url=url, finisher={"poll_s": 3_600.0}) as house:
        payment_id, _ = await pending(house, "MINE")
        for other in (others := await crowd(house, await stored(house, payment_id), "LATER")):
            await ended(house, other, PAID)
        await ended(house, await stored(house, payment_id), PAID)
        assert len(others) == CANDIDATE_LIMIT_ROWS
        entry = await confirmed(house, "TST1ABC234")
        assert entry.payment_id is None, "the same money is told twice"
        await house.gateway.confirmations.collect(entry)
        bearer = await owner(house, "TST1ABC234")
        assert bearer is not None
        assert bearer.id == payment_id
