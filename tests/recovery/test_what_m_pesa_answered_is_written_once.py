"""M-Pesa answers and the database does not: what was answered is written once, and holds up nobody else."""

from pathlib import Path

import pytest

from recovery.test_a_refused_operator_is_stopped_before_m_pesa_locks_it import counted, paid, paying, refused
from services.gateway import House, eventually, running_gateway
from services.silence import DONE, NEVER, WHENEVER, silence
from wakala.rules.payment import Payment

LONG = {"send_lease_s": 3_600.0}


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


async def payment_of(house: House, request_id: str) -> Payment:
    [organisation] = await house.gateway.journal.organisations()
    payment = await house.gateway.journal.payment_by_request(organisation, "sandbox", request_id)
    assert payment is not None
    return payment


@pytest.mark.parametrize("when", WHENEVER)
async def test_an_answer_that_was_written_and_not_said_to_be_fails_no_turn_of_the_finisher(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = LONG | {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, database_url=url, finisher=quiet) as house:
        payments, finisher = house.gateway.payments, house.gateway.finisher
        assert (await house.push("FIRST")).status_code == 202  # from here on there is a token
        silent = silence(house.gateway.database, monkeypatch, "payment_advance", when)
        assert (await house.push("ORDER-1", SenderMSISDN="254712000001")).status_code == 503
        await silent.end()
        assert payments._unwritten
        await finisher.step()
        assert not payments._unwritten
        events = await house.gateway.journal.events((await payment_of(house, "ORDER-1")).id)
        assert [event.name for event in events] == ["received", "sending", "accepted"]


@pytest.mark.parametrize("when", [DONE, NEVER])
async def test_a_question_whose_answer_was_not_written_is_not_asked_again(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    soon = LONG | {"schedule_s": (2.0, 3_600.0), "expire_s": 7_200.0}
    async with running_gateway(tmp_path, database_url=url, finisher=soon) as house:
        await house.box.fault("stk_callback", "lost")
        assert (await house.push("ORDER-1")).status_code == 202
        await house.customer("cancel")
        silent = silence(house.gateway.database, monkeypatch, "payment_advance", when)
        await eventually(lambda: silent.is_over)
        await house.request_in("ORDER-1", "failed")
        exchanges = await house.gateway.journal.exchanges((await payment_of(house, "ORDER-1")).id)
        names = [exchange.name for exchange in exchanges]
        assert names.count("stk_query") == 1


async def test_what_a_payout_owes_is_brought_though_the_database_goes_away_right_after_it(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with paying(tmp_path, url, LONG) as house:
        await refused(house, "PAYOUT-1")
        await eventually(lambda: len(house.merchant.posts) == 1)
        assert await counted(house) == 1
        await house.settle_directory()
        silent = silence(house.gateway.database, monkeypatch, "shortcode_initiator_works", NEVER)
        await paid(house, "PAYOUT-2")
        await eventually(lambda: silent.is_over)
        await eventually(lambda: len(house.merchant.posts) == 2)
