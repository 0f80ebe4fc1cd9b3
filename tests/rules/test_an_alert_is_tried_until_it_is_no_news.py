"""When an alert is told again that nobody took, and when it is given up."""

import pytest

from wakala.rules.alerts import GIVE_UP_S, SCHEDULE_S, Alert, AlertType, attempted
from wakala.rules.payment import Scope

BEGAN_US = 1_795_000_000_000_000
FRESH = Alert(
    "alr_1",
    Scope("org_1", "app_1", "", ""),
    None,
    AlertType.ENDPOINT_DISABLED,
    "It answered 410 Gone.",
    BEGAN_US,
    BEGAN_US,
)


def test_one_that_was_taken_is_told_and_never_due_again() -> None:
    told = attempted(FRESH, None, BEGAN_US + 7)
    assert (told.told_us, told.due_us, told.attempts, told.last_error) == (BEGAN_US + 7, None, 1, None)


def test_one_that_was_not_taken_rests_longer_each_time_and_an_hour_at_most() -> None:
    alert, now_us, rests_s = FRESH, BEGAN_US, []
    for _ in range(len(SCHEDULE_S) + 3):
        alert = attempted(alert, "it answered 500", now_us)
        assert alert.due_us is not None
        rests_s.append((alert.due_us - now_us) / 1_000_000)
        now_us = alert.due_us
    assert rests_s == [5, 30, 120, 600, 1800, 3600, 3600, 3600, 3600]
    assert (alert.told_us, alert.last_error) == (None, "it answered 500")


@pytest.mark.parametrize(("age_s", "is_given_up"), [(GIVE_UP_S - 1, False), (GIVE_UP_S, True)])
def test_after_three_days_it_is_no_news(age_s: float, is_given_up: bool) -> None:
    after = attempted(FRESH, "it answered 500", BEGAN_US + int(age_s * 1_000_000))
    assert (after.due_us is None) is is_given_up
    assert after.told_us is None
