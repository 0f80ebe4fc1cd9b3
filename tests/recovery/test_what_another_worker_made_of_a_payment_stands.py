"""A worker that stood still, as on a machine that was paused, comes back to a payment that another one has by now."""

import os
from pathlib import Path

import pytest

from deliveries.conftest import Clock
from services.gateway import House, running_gateway
from wakala.identity import Source
from wakala.journal.database import Operation
from wakala.rules.decisions import decide
from wakala.rules.facts import Sending, Unsent
from wakala.rules.payment import Payment, State
from wakala.upstream.door import Asked


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


async def held(house: House) -> Payment:
    """A payment for which there was no token."""
    await house.box.fault("token", "error_503", times=1_000)
    await house.push("ORDER-1")
    [organisation] = await house.gateway.journal.organisations()
    payment = await house.gateway.journal.payment_by_request(organisation, "sandbox", "ORDER-1")
    assert payment is not None
    assert payment.state is State.HELD
    return payment


async def test_what_could_not_be_sent_here_is_not_held_back_where_another_worker_sends_it(
    tmp_path: Path, url: str | None
) -> None:
    quiet = {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, database_url=url, finisher=quiet) as house:
        before = await held(house)
        gateway = house.gateway
        taken = decide(before, Sending(), gateway.source.now_us(), gateway.settings.schedule)
        assert await gateway.journal.record_change(before, taken)
        assert (await gateway.payments.send(before)).state is State.SENDING
        found = await gateway.journal.payment(before.id)
        assert found is not None
        assert (found.state, found.version) == (State.SENDING, taken.payment.version), "held, it would be sent again"
        names = [exchange.name for exchange in await gateway.journal.exchanges(before.id)]
        assert names.count("token") == 2, "what was tried here is in the trace all the same"


async def test_what_was_turned_away_here_is_not_held_back_where_another_worker_sends_it_meanwhile(
    tmp_path: Path, url: str | None
) -> None:
    """The database was away when M-Pesa turned it away, and had written it all the same."""
    quiet = {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, database_url=url, finisher=quiet) as house:
        before = await held(house)
        journal, payments, schedule = house.gateway.journal, house.gateway.payments, house.gateway.settings.schedule
        now_us = house.gateway.source.now_us()
        leaving = decide(before, Sending(), now_us, schedule)
        turned_away = Unsent("busy", "M-Pesa is busy.", now_us)
        back = decide(leaving.payment, turned_away, now_us, schedule)
        again = decide(back.payment, Sending(), now_us, schedule)
        for known, change in ((before, leaving), (leaving.payment, back), (back.payment, again)):
            assert await journal.record_change(known, change)
        payments._unwritten.append((leaving.payment, Asked(turned_away, ())))
        await payments.write_late()
        found = await journal.payment(before.id)
        assert found is not None
        assert (found.state, found.version) == (State.SENDING, again.payment.version), "held, it would be sent again"
        assert not payments._unwritten


LEASE_S = 60


async def pushed_by_who_stands_still(house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the commit that says that the payment leaves, until its lease is over."""
    database = house.gateway.database

    async def commit(operation: Operation) -> bool:
        won = await type(database).commit(database, operation)
        if operation.guard is not None and operation.guard.statement == "payment_open":
            monkeypatch.undo()
            clock.advance(LEASE_S + 1)
        return bool(won)

    assert (await house.push("FIRST")).status_code == 202  # from here on there is a token
    monkeypatch.setattr(database, "commit", commit, raising=False)
    assert (await house.push("ORDER-1", SenderMSISDN="254712000001")).status_code == 202


async def test_what_stood_still_until_its_lease_was_over_does_not_leave_then(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, quiet = Clock(), {"poll_s": 3_600.0}
    source = Source(clock.now_us, os.urandom)
    async with running_gateway(tmp_path, source=source, database_url=url, finisher=quiet) as house:
        await pushed_by_who_stands_still(house, clock, monkeypatch)
        assert (await house.request("ORDER-1"))["State"] == "held"
        assert house.prompts() == 1
        await house.gateway.finisher.step()
        await house.request_in("ORDER-1", "pending")
        assert house.prompts() == 2
