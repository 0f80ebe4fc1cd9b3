"""It refuses everything for an hour and is back: what waited arrives, in order and soon, and nobody else notices.

The real code on a virtual clock, with a measured price for what it does, so that waits are waits of that world and the
same on every machine. A hundred thousand payments: ``make outage``.
"""

from dataclasses import replace

import pytest

import planted
from chaos.histories import the_hour
from virtual.outage import Hour, Outage

pytestmark = pytest.mark.timeout(600)  # each of these worlds is half a minute of a core's work, on a busy machine two

ACROSS_THE_INTERNET_S, NEXT_DOOR_S = 0.02, 0.001
MINUTES_S = 300.0  # are enough to see what is the same, and what is broken
HOUR = Hour(seed=1, owed=3_000, steady=1_000, hop_s=ACROSS_THE_INTERNET_S)
SHORT = replace(HOUR, down_s=MINUTES_S)  # half as much would be sent in two seconds, too few for a rate
PUT_OFF = replace(SHORT, schedule_s=(2 * MINUTES_S, 4 * MINUTES_S))  # whatever was tried is due after the end
CROWDED = Hour(seed=2, owed=6_000, steady=800, hop_s=NEXT_DOOR_S, down_s=MINUTES_S)


def broken(seen: Outage) -> list[str]:
    return [str(promise) for promise in seen.promises if not promise.holds]


@pytest.mark.parametrize("hour", [HOUR, CROWDED])
def test_all_that_waited_arrives_soon_and_a_merchant_who_is_well_keeps_its_pace(hour: Hour) -> None:
    seen = the_hour(hour)

    assert seen.waiting >= hour.owed + hour.owed // 9, "a ninth of them is owed a second notification"
    assert len(seen.waits.down) == hour.down_s // 2
    assert min(len(seen.waits.calm), len(seen.waits.drain)) > 200, "too few for a p99"
    assert broken(seen) == []


def test_the_same_seed_gives_the_same_hour_to_the_last_digit() -> None:
    one, again = the_hour(SHORT), the_hour(SHORT)

    assert one.run.story.lines == again.run.story.lines
    assert (one.steady_per_s, one.drain_per_s, one.waits) == (again.steady_per_s, again.drain_per_s, again.waits)
    assert broken(one) == []


def test_what_was_put_off_for_long_arrives_with_the_rest() -> None:
    assert broken(the_hour(PUT_OFF)) == []


@pytest.mark.parametrize(
    ("fault", "promise", "hour"),
    [
        ("deliver out of order", "the judge", SHORT),
        ("leave what was tried to its schedule", "drain rate", PUT_OFF),
        ("send a backlog at once", "p99 in the drain", replace(CROWDED, owed=2_500)),
        ("forget a lane that is being filled", "at once", SHORT),
    ],
)
def test_a_gateway_that_is_broken_on_purpose_is_found_out(fault: str, promise: str, hour: Hour) -> None:
    found = broken(the_hour(hour, fault))

    assert any(promise in one for one in found), found


def test_every_fault_of_the_hour_is_planted_here() -> None:
    [mark] = test_a_gateway_that_is_broken_on_purpose_is_found_out.pytestmark  # type: ignore[attr-defined]
    assert {case[0] for case in mark.args[1]} >= set(planted.FAULTS_OF_THE_HOUR)
