"""Many things go wrong at once when M-Pesa or a merchant does: a person is told of a few, and of how many more."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.gateway import House, running_gateway
from simulator.box import Merchant, running_merchant
from wakala.identity import Source
from wakala.journal.endpoints import EndpointEvent
from wakala.workers.alerter import REST_US, TURN_LIMIT, Alerter

HOOK = "/hook"


@dataclass
class Evening:
    """A gateway that tells nobody by itself, and an alerter whose steady clock is in the test's hand."""

    house: House
    chat: Merchant
    alerter: Alerter
    steady_us: int = 1

    async def goes_wrong(self, times: int) -> None:
        """So many endpoints fail."""
        journal, source = self.house.gateway.journal, self.house.gateway.source
        for _ in range(times):
            app = self.house.app.app
            happened = (source.new_id("eev"), app.organisation_id, app.id, "", source.now_us(), "endpoint.failing")
            await journal.endpoints.record_event(EndpointEvent(*happened, "Nothing but failures for 1 h."))

    def types(self) -> list[str]:
        return [json.loads(post.body)["type"] for post in self.chat.at(HOOK)]


@pytest.fixture
async def evening(tmp_path: Path) -> AsyncIterator[Evening]:
    async with running_merchant() as chat, running_gateway(tmp_path, alerts={"url": chat.url + HOOK}) as house:
        await next(loop for loop in house.gateway._loops if loop.name == "alerter").stop()
        gateway = house.gateway
        source = Source(gateway.source.now_us, gateway.source.random_bytes, steady_us=lambda: evening.steady_us)
        alerter = Alerter(gateway.journal, gateway.alerter._alerting, source, gateway._require_database, house.url)
        evening = Evening(house, chat, alerter)
        yield evening


async def test_the_first_are_told_one_by_one_and_the_others_in_one_sentence(evening: Evening) -> None:
    await evening.goes_wrong(TURN_LIMIT + 7)
    await evening.alerter.step()
    assert evening.types() == ["endpoint.failing"] * TURN_LIMIT + ["alert.many"]
    assert json.loads(evening.chat.at(HOOK)[-1].body)["text"] == (
        "And 7 more at once: 7 endpoint.failing. See `wakala alert list`."
    )
    known = await evening.house.gateway.journal.alerts.newest(100)
    assert len(known) == TURN_LIMIT + 7
    assert all(alert.told_us and alert.due_us is None for alert in known)


async def test_what_comes_next_waits_for_a_minute(evening: Evening) -> None:
    await evening.goes_wrong(1)
    await evening.alerter.step()
    await evening.goes_wrong(1)
    evening.steady_us += REST_US - 1
    await evening.alerter.step()
    assert len(evening.types()) == 1
    evening.steady_us += 1
    await evening.alerter.step()
    assert len(evening.types()) == 2


async def test_a_crowd_that_could_not_be_summed_up_is_told_later(evening: Evening) -> None:
    evening.chat.replies[HOOK] = (503, {})
    await evening.goes_wrong(TURN_LIMIT + 2)
    await evening.alerter.step()
    assert len(evening.types()) == 1, "who did not take the first is not tried with another at once"
    known = await evening.house.gateway.journal.alerts.newest(100)
    assert [alert.attempts for alert in reversed(known)] == [1, *[0] * (TURN_LIMIT + 1)]
    evening.chat.replies.clear()
    await evening.alerter.step()
    told = [alert for alert in await evening.house.gateway.journal.alerts.newest(100) if alert.told_us]
    assert len(told) == TURN_LIMIT + 1
