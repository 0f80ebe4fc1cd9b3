"""kill -9 before and after every commit and call of a payment: it ends once, final, told, never prompted twice."""

import pytest

from crash.scenes import SHORT, Scenes, points_of_a_payment
from services.town import PAYBILL, Town

# Before and after each of: opening, token, intent, push, M-Pesa's answer, its callback, delivery, the record of it.
COLD = (
    *("commit payment_open", "call generate", "commit payment_advance", "call processrequest"),
    *("commit payment_advance", "commit payment_advance", "call wakala", "commit notification_attempted"),
)
# With a token in hand opening and intent are one commit.
WARM = ("commit payment_open", "call processrequest", *COLD[4:])
ANSWERED = 10  # the last point before the shop has its answer
SENT_UNRECORDED = (8, 9)  # the prompt is out, and M-Pesa's answer not on disk


@pytest.mark.parametrize(("token", "steps"), [("cold", COLD), ("warm", WARM)])
async def test_the_points_are_all_there_are(town: Town, token: str, steps: tuple[str, ...]) -> None:
    scenes = Scenes(town, token, settings={"finisher__schedule_s": "600", "finisher__expire_s": "900"})
    wanted = [f"{side} {step}" for step in steps for side in ("before", "after")]
    assert await points_of_a_payment(scenes) == wanted


@pytest.mark.timeout(300)
async def test_killed_anywhere_a_payment_ends_once(town: Town) -> None:
    states = await Scenes(town).killed_at(range(1, 2 * len(COLD) + 1))
    # Between the intent on disk and M-Pesa's answer on disk nobody can know whether the prompt went out: it expires.
    assert {point for point, state in states.items() if state == "expired"} <= set(range(6, ANSWERED + 1))
    assert states[7] == states[8] == "expired"


@pytest.mark.timeout(300)
async def test_killed_with_a_token_in_hand_a_payment_ends_once(town: Town) -> None:
    await Scenes(town, "warm").killed_at(range(1, 7))


@pytest.mark.timeout(300)
async def test_a_customer_who_answers_when_the_gateway_is_back_settles_the_payment(town: Town) -> None:
    patient = SHORT | {"finisher__expire_s": "600"}
    states = await Scenes(town, settings=patient, answers_late=True).killed_at((2, 5, *SENT_UNRECORDED, ANSWERED))
    assert set(states.values()) == {"succeeded"}


@pytest.mark.timeout(300)
async def test_killed_around_a_c2b_confirmation_a_payment_ends_once(town: Town) -> None:
    await town.register(PAYBILL)
    await town.fault("stk_callback", "lost", times=100)  # so that only the confirmation can tell
    states = await Scenes(town).killed_at(range(ANSWERED + 1, 2 * len(COLD) + 1))
    assert set(states.values()) == {"succeeded"}
