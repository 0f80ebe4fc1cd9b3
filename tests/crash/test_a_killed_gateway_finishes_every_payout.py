"""kill -9 before and after every commit and call of a payout, by both sides of M-Pesa: paid once, or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crash.scenes import SHORT, PayoutScenes, points_of_a_payment
from services.town import Town, running_town
from wakala.rules.accounts import Side

# With a token in hand, or without the need of one, both sides have the same points: opening and intent, the call,
# M-Pesa's answer, its Result, the delivery and the record of it.
CALLED = {Side.DARAJA: "call paymentrequest", Side.BROKER: "call request"}
STEPS = ("commit payment_advance", "commit payment_advance", "call wakala", "commit notification_attempted")
RESULT_AFTER_S = 0.2
# Asked often and for long enough: what was sent is found by Transaction Status, what never left is given up at the end.
PATIENT = SHORT | {"finisher__schedule_s": "1,2,3,4,5,6", "finisher__expire_s": "7"}
POINTS = range(1, 2 * (2 + len(STEPS)) + 1)


@pytest.fixture(params=list(Side))
async def town(tmp_path: Path, database_url: str, request: pytest.FixtureRequest) -> AsyncIterator[Town]:
    async with running_town(tmp_path / "town", database_url, request.param, pays_out=True) as running:
        waits = {"result_after_min_seconds": RESULT_AFTER_S, "result_after_max_seconds": RESULT_AFTER_S}
        await running.control("rules", waits)
        yield running


async def test_the_points_are_all_there_are(town: Town) -> None:
    scenes = PayoutScenes(town, settings={"finisher__schedule_s": "600", "finisher__expire_s": "900"})
    steps = ("commit payment_open", CALLED[town.side], *STEPS)
    assert await points_of_a_payment(scenes) == [f"{side} {step}" for step in steps for side in ("before", "after")]


@pytest.mark.timeout(300)
async def test_killed_anywhere_a_payout_is_paid_once_or_not_at_all(town: Town) -> None:
    states = await PayoutScenes(town, settings=PATIENT).killed_at(POINTS)
    never_left, left = {1, 2, 3}, set(POINTS) - {1, 2, 3}
    assert {states[point] for point in left} == {"succeeded"}
    assert states[1] == "succeeded"  # nothing was on disk, so the shop's repeat is the first request
    assert {states[point] for point in never_left - {1}} <= {"failed", "expired"}
