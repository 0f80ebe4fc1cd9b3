"""What waits for an app is found in all of its lanes, and in nobody else's, however many there are."""

import asyncio
import os

import pytest

from journal.making import NOW_US, SCOPE, app, staged
from wakala.deliveries.desk import Desk
from wakala.identity import Source
from wakala.journal.journal import PAGE_LIMIT_ROWS, Journal
from wakala.rules.delivery import DeliveryState
from wakala.rules.endpoints import By, Waiting
from wakala.rules.vault import MasterKey


@pytest.mark.parametrize(("waiting", "state"), [(Waiting.HOLD, "kept"), (Waiting.SEND, "waiting")])
async def test_what_waits_in_the_last_of_many_lanes_is_moved_like_that_in_the_first(
    journal: Journal, waiting: Waiting, state: str
) -> None:
    own = app(id=SCOPE.app_id, callback_url="https://old.example/")
    await journal.add_organisation(own.organisation_id, "Duka", NOW_US)
    await journal.add_app(own)
    names = [f"{own.id} host-{number:03}" for number in range(PAGE_LIMIT_ROWS + 1)]
    mine = await asyncio.gather(*(staged(journal, lane=name, created_us=NOW_US - 1) for name in [own.id, *names]))
    others = [await staged(journal, lane=lane, created_us=NOW_US - 1) for lane in ("app_0", "app_2", "app_2 host")]
    desk = Desk(journal, MasterKey(bytes(32)), Source(lambda: NOW_US, os.urandom), By.APP)
    held = await desk.set_url(own, await desk.endpoint(own), "https://new.example/", waiting)
    assert held == (len(mine) if waiting is Waiting.HOLD else 0)
    found = [await journal.notification(one.id) for one in mine]
    assert {one and (one.state.value, one.lane if waiting is Waiting.SEND else own.id) for one in found} == {
        (state, own.id)
    }
    for other in others:
        kept = await journal.notification(other.id)
        assert kept is not None
        assert (kept.state, kept.lane) == (DeliveryState.WAITING, other.lane)
