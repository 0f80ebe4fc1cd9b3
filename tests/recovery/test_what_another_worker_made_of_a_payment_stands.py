"""A worker that stood still, as on a machine that was paused, comes back to a payment that another one has by now."""

from pathlib import Path

import pytest

from services.gateway import House, running_gateway
from wakala.rules.decisions import decide
from wakala.rules.facts import Sending
from wakala.rules.payment import Payment, State


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
