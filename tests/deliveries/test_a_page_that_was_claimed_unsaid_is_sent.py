"""The database gives the courier a page of notifications, at once or late, and does not say so."""

from pathlib import Path

import pytest

from deliveries.test_an_endpoint_is_paced_paused_and_signed_for import desk_of
from services.gateway import eventually, running_gateway
from services.silence import DONE, LATE, silence


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@pytest.mark.parametrize("when", [DONE, LATE])
async def test_a_page_that_was_claimed_unsaid_does_not_wait_for_the_end_of_its_lease(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=url, deliveries={"lease_s": 3_600.0}) as house:
        await house.autopilot("pay")
        desk = desk_of(house)
        await desk.pause(await desk.endpoint(house.app.app))
        await house.gateway._refresh()
        await house.push("ORDER-1")
        await house.request_in("ORDER-1", "succeeded")
        silent = silence(house.gateway.database, monkeypatch, "notifications_claim", when)
        await desk.resume(await desk.endpoint(house.app.app))
        await house.gateway._refresh()
        await eventually(lambda: silent.is_over)
        await silent.end()
        await eventually(lambda: house.merchant.posts)
        await house.attempts_ended()
        assert len(house.merchant.posts) == 1
