"""The database gives the courier a page of notifications, at once or late, and does not say so."""

from pathlib import Path

import pytest

from deliveries.conftest import Clock
from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from services.gateway import House, eventually, running_gateway
from services.silence import DONE, LATE, silence
from wakala.workers.courier import MARK_LIMIT_US


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.mark.parametrize("when", [DONE, LATE])
async def test_a_page_that_was_claimed_unsaid_does_not_wait_for_the_end_of_its_lease(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=url, deliveries={"lease_s": 3_600.0}) as house:
        await house.autopilot("pay")
        await is_sent_though_claimed_unsaid(house, 1, when, monkeypatch)


async def test_nor_does_one_that_is_claimed_so_when_the_lease_of_the_first_is_over(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await is_sent_though_claimed_unsaid(house, 1, DONE, monkeypatch)
    clock.advance(house.gateway.settings.deliveries.lease_s + 2 * MARK_LIMIT_US / 1_000_000)
    await is_sent_though_claimed_unsaid(house, 2, DONE, monkeypatch)


async def test_nor_does_one_that_is_claimed_so_several_times_in_a_row(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where a server hangs in commits and carries them out when it is asked to give them up, or answers are lost."""
    async with running_gateway(tmp_path, database_url=url, deliveries={"lease_s": 3_600.0}) as house:
        await house.autopilot("pay")
        await is_sent_though_claimed_unsaid(house, 1, DONE, monkeypatch, times=3)


async def is_sent_though_claimed_unsaid(
    house: House, number: int, when: str, monkeypatch: pytest.MonkeyPatch, *, times: int = 1
) -> None:
    """The notification of that number of payments, by the lease that nobody spoke of."""
    desk = desk_of(house)
    await desk.pause(await desk.endpoint(house.app.app))
    await house.gateway._refresh()
    await house.push(f"ORDER-{number}")
    await house.request_in(f"ORDER-{number}", "succeeded")
    silent = silence(house.gateway.database, monkeypatch, "notifications_claim", when)
    await desk.resume(await desk.endpoint(house.app.app))
    await house.gateway._refresh()
    await eventually(lambda: silent.is_over)
    for _ in range(times - 1):
        await unsaid_once_more(house, when, monkeypatch)
    await silent.end()
    await eventually(lambda: len(house.merchant.posts) >= number)
    await house.attempts_ended()
    assert len(house.merchant.posts) == number


async def unsaid_once_more(house: House, when: str, monkeypatch: pytest.MonkeyPatch) -> None:
    silent = silence(house.gateway.database, monkeypatch, "notifications_claim", when)
    await eventually(lambda: silent.is_over)
