"""A database that hung carries out what it was given when its caller has long been told that it did not answer.

What such a commit staged is leased to this gateway, whose courier was never handed it.
"""

import itertools
import math
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from deliveries.conftest import Clock
from deliveries.test_what_cannot_be_sent_now_is_leased_to_nobody import staged
from services.gateway import House, eventually, running_gateway
from wakala.rules.decisions import decide
from wakala.rules.facts import Settled
from wakala.rules.payment import Evidence, State
from wakala.workers import doubts


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


async def test_a_notification_whose_commit_comes_late_does_not_wait_for_the_end_of_its_lease(
    tmp_path: Path, url: str | None
) -> None:
    quiet, long = {"poll_s": 3_600.0}, {"lease_s": 3_600.0}
    async with running_gateway(tmp_path, database_url=url, finisher=quiet, deliveries=long) as house:
        await house.push("ORDER-1")
        gateway = house.gateway
        [organisation] = await gateway.journal.organisations()
        payment = await gateway.journal.payment_by_request(organisation, "sandbox", "ORDER-1")
        assert payment is not None
        assert payment.state is State.PENDING

        now_us = gateway.source.now_us()
        paid = Settled(by=Evidence.STK_CALLBACK, paid=True, code="0", description="", receipt="UKU1234567")
        change = decide(payment, paid, now_us, gateway.settings.schedule)
        owed = gateway.outbox.stage(change, now_us)
        assert owed.lease_us > now_us
        gateway.outbox.doubt([owed])
        await gateway.doubts.step()  # it is not there yet
        assert await gateway.journal.record_change(payment, change, notification=owed)

        await eventually(lambda: house.merchant.posts)
        await house.attempts_ended()
        found = await gateway.journal.notification(owed.id)
        assert found is not None
        assert (found.state, found.attempts) == ("delivered", 1)


async def test_what_never_comes_is_looked_for_less_and_less_often_and_not_after_its_lease(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, journal, asked = house.gateway, house.gateway.journal, []
    (loop,) = [loop for loop in gateway._loops if loop.name == "doubts"]
    await loop.stop()
    hand_back = journal.hand_back_notification

    async def counted(notification: Any) -> bool:
        asked.append(clock.now_us() / 1_000_000)
        return await hand_back(notification)

    monkeypatch.setattr(journal, "hand_back_notification", counted)
    _, _, owed = await staged(house, "NEVER")
    gateway.outbox.doubt([owed, replace(owed, id="ntf_unleased", lease_us=0)])
    lease_s = gateway.settings.deliveries.lease_s
    for _ in range(int(3 * lease_s)):
        await gateway.doubts.step()
        clock.advance(1)
    rests_s = [later - earlier for earlier, later in itertools.pairwise(asked)]
    assert all(rest_s >= 0.9 * 2**number for number, rest_s in enumerate(rests_s)), rests_s
    assert asked[-1] - asked[0] >= lease_s - 60
    assert len(asked) <= 2 + math.log2(lease_s)


async def test_what_is_given_back_is_looked_for_no_more(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, journal, given = house.gateway, house.gateway.journal, list[bool]()
    (loop,) = [loop for loop in gateway._loops if loop.name == "doubts"]
    await loop.stop()
    await gateway.courier.stop()
    hand_back = journal.hand_back_notification

    async def counted(notification: Any) -> bool:
        given.append(await hand_back(notification))
        return given[-1]

    monkeypatch.setattr(journal, "hand_back_notification", counted)
    before, change, owed = await staged(house, "THERE")
    owed = replace(owed, lease_us=clock.now_us() + 60_000_000)
    assert await journal.record_change(before, change, notification=owed)
    gateway.outbox.doubt([owed])
    for _ in range(30):  # its lease would last twice as long
        await gateway.doubts.step()
        clock.advance(1)
    assert given == [True]


async def test_no_more_is_looked_for_than_memory_has_room_for(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, journal, asked = house.gateway, house.gateway.journal, list[str]()
    (loop,) = [loop for loop in gateway._loops if loop.name == "doubts"]
    await loop.stop()
    monkeypatch.setattr(doubts, "DOUBTS_LIMIT", 2)

    async def counted(notification: Any) -> bool:
        asked.append(notification.id)
        return False

    monkeypatch.setattr(journal, "hand_back_notification", counted)
    _, _, owed = await staged(house, "MANY")
    gateway.outbox.doubt([replace(owed, id=f"ntf_{number}") for number in range(5)])
    await gateway.doubts.step()
    assert asked == ["ntf_0", "ntf_1"], "what is beyond waits for the end of its lease"


async def test_a_lease_that_comes_into_doubt_while_the_one_before_is_given_back_is_looked_for_too(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway, journal = house.gateway, house.gateway.journal
    (loop,) = [loop for loop in gateway._loops if loop.name == "doubts"]
    await loop.stop()
    before, change, owed = await staged(house, "TWICE")
    assert await journal.record_change(before, change, notification=owed)
    gateway.outbox.doubt([owed])
    hand_back, until_us = journal.hand_back_notification, 2 * owed.lease_us

    async def slowly(notification: Any) -> bool:
        is_given = await hand_back(notification)
        monkeypatch.undo()
        (again,) = await journal.claim_notifications(owed.lane, gateway.source.now_us(), until_us, 1)
        gateway.doubts.add([again])  # its attempt was not made, for the database went away
        return is_given

    monkeypatch.setattr(journal, "hand_back_notification", slowly)
    await gateway.courier.stop()
    await gateway.doubts.step()
    found = await journal.notification(owed.id)
    assert found is not None
    assert found.lease_us == until_us
    await gateway.doubts.step()
    found = await journal.notification(owed.id)
    assert found is not None
    assert found.lease_us == 0
