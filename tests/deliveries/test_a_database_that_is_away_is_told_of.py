"""Nothing can be written while the database is away, so each gateway tells of it itself, once it has lasted."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from services.gateway import running_gateway
from simulator.box import Merchant, running_merchant
from wakala.errors import DatabaseAwayError
from wakala.identity import Source
from wakala.workers.alerter import Alerter

HOOK = "/hook"
URL = "https://pay.example"


@dataclass
class Night:
    """An alerter whose database and time are in the test's hand."""

    chat: Merchant
    alerter: Alerter
    steady_s: float = 0
    is_away: bool = False

    async def turn(self, seconds: float, *, is_away: bool) -> None:
        """So much later, one turn."""
        self.steady_s += seconds
        self.is_away = is_away
        if is_away:
            with pytest.raises(DatabaseAwayError):
                await self.alerter.step()
        else:
            assert not await self.alerter.step()

    def told(self) -> list[str]:
        return [json.loads(post.body)["type"] for post in self.chat.at(HOOK)]


@pytest.fixture
async def night(tmp_path: Path) -> AsyncIterator[Night]:
    async with running_merchant() as chat, running_gateway(tmp_path, alerts={"url": chat.url + HOOK}) as house:

        def steady_us() -> int:
            return 1 + int(night.steady_s * 1_000_000)

        async def require_database() -> None:
            if night.is_away:
                raise DatabaseAwayError

        own = house.gateway.source
        source = Source(own.now_us, own.random_bytes, steady_us=steady_us)
        alerter = Alerter(house.gateway.journal, house.gateway.alerter._alerting, source, require_database, URL)
        night = Night(chat, alerter)
        yield night


async def test_a_restart_of_the_server_wakes_nobody(night: Night) -> None:
    await night.turn(0, is_away=True)
    await night.turn(59, is_away=True)
    await night.turn(1, is_away=False)
    await night.turn(0, is_away=True)
    await night.turn(59, is_away=True)
    assert night.told() == []


async def test_after_a_minute_it_is_told_once_and_so_is_its_end(night: Night) -> None:
    await night.turn(0, is_away=True)
    await night.turn(61, is_away=True)
    await night.turn(600, is_away=True)
    assert night.told() == ["database.away"]
    await night.turn(5, is_away=False)
    await night.turn(5, is_away=False)
    assert night.told() == ["database.away", "database.back"]
    away, back = [json.loads(post.body)["text"] for post in night.chat.at(HOOK)]
    assert away == (
        "The gateway at https://pay.example has been without its database for a minute. M-Pesa's callbacks are kept, "
        "all else is refused until it is back. See its log, and `wakala doctor` there."
    )
    assert back == (
        "The gateway at https://pay.example has its database again, after 11 min. What was kept is handled now."
    )


async def test_who_does_not_take_it_is_told_again(night: Night) -> None:
    night.chat.replies[HOOK] = (500, {})
    await night.turn(0, is_away=True)
    await night.turn(61, is_away=True)
    night.chat.replies.clear()
    await night.turn(5, is_away=True)
    await night.turn(5, is_away=True)
    assert night.told() == ["database.away", "database.away"]
    night.chat.replies[HOOK] = (500, {})
    await night.turn(5, is_away=False)
    night.chat.replies.clear()
    await night.turn(5, is_away=False)
    await night.turn(5, is_away=False)
    assert night.told()[2:] == ["database.back", "database.back"]
