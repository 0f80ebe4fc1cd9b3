"""The merchant has answered, and the database does not: what came of the attempt is written once it does."""

from pathlib import Path

import apsw
import pytest

from services.gateway import House, eventually, running_gateway
from services.silence import NEVER, WHENEVER, silence
from wakala import runtime
from wakala.rules.delivery import DeliveryState, Notification

LONG = {"lease_s": 3_600.0, "schedule_s": (0.5, 3_600.0)}
WAKALA = "/wakala"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


async def notified(house: House, state: DeliveryState) -> Notification:
    """The one notification of the one payment, once it is in that state."""
    found: list[Notification] = []

    async def is_so() -> bool:
        [organisation] = await house.gateway.journal.organisations()
        found[:] = await house.gateway.journal.list_notifications(organisation, "sandbox")
        return [one.state for one in found] == [state]

    await eventually(is_so)
    return found[0]


@pytest.mark.parametrize("when", WHENEVER)
async def test_what_the_merchant_took_is_not_sent_again(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=url, deliveries=LONG) as house:
        await house.autopilot("pay")
        silent = silence(house.gateway.database, monkeypatch, "notification_attempted", when)
        await house.push("ORDER-1")
        await eventually(lambda: silent.is_over)
        await silent.end()
        assert (await notified(house, DeliveryState.DELIVERED)).attempts == 1
        assert len(house.merchant.posts) == 1
        deliveries = [one for one in await house.gateway.journal.exchanges_after("") if one.name == "delivery"]
        assert len(deliveries) == 1


@pytest.mark.parametrize("when", WHENEVER)
async def test_what_the_merchant_took_is_written_by_a_stop_at_the_latest(
    tmp_path: Path, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runtime, "COURIER_REST_S", 3_600.0)
    async with running_gateway(tmp_path, deliveries=LONG) as house:
        await house.autopilot("pay")
        silent = silence(house.gateway.database, monkeypatch, "notification_attempted", when)
        await house.push("ORDER-1")
        await eventually(lambda: silent.is_over)
        await silent.end()
    reader = apsw.Connection(str(tmp_path / "wakala.db"))
    assert reader.execute("SELECT state, attempts FROM notifications").fetchall() == [("delivered", 1)]
    assert reader.execute("SELECT count(*) FROM exchanges WHERE name = 'delivery'").fetchall() == [(1,)]
    reader.close()


@pytest.mark.parametrize("when", WHENEVER)
async def test_what_the_merchant_refused_is_tried_again_by_its_schedule(
    tmp_path: Path, url: str | None, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=url, deliveries=LONG) as house:
        await house.autopilot("pay")
        house.merchant.replies[WAKALA] = (503, {})
        silent = silence(house.gateway.database, monkeypatch, "notification_attempted", when)
        await house.push("ORDER-1")
        await eventually(lambda: silent.is_over)
        house.merchant.replies.clear()
        await silent.end()
        assert (await notified(house, DeliveryState.DELIVERED)).attempts == 2
        assert len(house.merchant.posts) == 2


async def test_an_attempt_that_was_not_made_as_the_database_went_away_does_not_wait_for_the_end_of_its_lease(
    tmp_path: Path, url: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_gateway(tmp_path, database_url=url, deliveries=LONG) as house:
        await house.autopilot("pay")
        nowhere = await house.add_app("demo", "nowhere")
        silent = silence(house.gateway.database, monkeypatch, "notification_hold", NEVER)
        await house.push("ORDER-1", app=nowhere)
        await eventually(lambda: silent.is_over)
        await notified(house, DeliveryState.KEPT)
