"""A notification is given up when its schedule is over, by its steps and by its time; for any course of attempts."""

from hypothesis import given
from hypothesis import strategies as st

from wakala.rules.delivery import JITTER, SCHEDULE_S, Attempted, DeliveryState, judge

SECOND_US = 1_000_000
ILL = Attempted(500, None)
CHANCES = st.lists(st.floats(0, 1), min_size=len(SCHEDULE_S) + 1, max_size=len(SCHEDULE_S) + 1)


@given(CHANCES, st.integers(0, 30 * SECOND_US))
def test_each_step_is_waited_for_once_and_then_it_is_over(chances: list[float], took_us: int) -> None:
    now_us = 0
    for number, chance in enumerate(chances, start=1):
        now_us += took_us
        verdict = judge(ILL, number, now_us, chance, staged_us=0)
        if number > len(SCHEDULE_S):
            assert verdict.state is DeliveryState.GIVEN_UP
            return
        wait_s = (verdict.due_us - now_us) / SECOND_US
        assert (1 - JITTER) * SCHEDULE_S[number - 1] - 1e-5 <= wait_s <= (1 + JITTER) * SCHEDULE_S[number - 1] + 1e-5
        now_us = verdict.due_us


@given(st.lists(st.integers(0, 86_400), max_size=200), st.floats(0, 1))
def test_attempts_that_were_brought_forward_use_up_no_step(sooner_s: list[int], chance: float) -> None:
    now_us = attempts = 0
    for pause_s in sooner_s:
        now_us, attempts = now_us + pause_s * SECOND_US, attempts + 1
        verdict = judge(ILL, attempts, now_us, chance, staged_us=0)
        if verdict.state is DeliveryState.GIVEN_UP:
            assert attempts > len(SCHEDULE_S)
            assert now_us >= (1 - JITTER) * sum(SCHEDULE_S) * SECOND_US - len(SCHEDULE_S)
            return


def test_a_hurried_one_waits_for_the_step_that_it_has_come_to() -> None:
    verdict = judge(ILL, 12, 16 * SECOND_US, 0.5, staged_us=0)
    assert verdict == judge(ILL, 2, 16 * SECOND_US, 0.5, staged_us=0)
    assert verdict.due_us == (16 + 30) * SECOND_US


def test_what_is_staged_anew_has_the_whole_schedule_before_it() -> None:
    week_us = 7 * 86_400 * SECOND_US
    assert judge(ILL, 12, week_us, 0.5, staged_us=0).state is DeliveryState.GIVEN_UP
    assert judge(ILL, 1, week_us, 0.5, staged_us=week_us).due_us == week_us + 5 * SECOND_US


def test_by_a_clock_that_was_set_back_the_attempts_count() -> None:
    assert judge(ILL, 12, 0, 0.5, staged_us=SECOND_US).state is DeliveryState.GIVEN_UP
    assert judge(ILL, 3, 0, 0.5, staged_us=SECOND_US).due_us == 120 * SECOND_US
