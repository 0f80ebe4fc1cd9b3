"""What a lane has in memory: the fresh and the backlog take turns, and what may be somebody else's is dropped."""

from journal.making import NOW_US, notification, payment
from wakala.rules.delivery import Notification
from wakala.workers.lanes import Lane


def leased(until_us: int = NOW_US + 1) -> Notification:
    return notification(payment(), lease_us=until_us)


def test_the_fresh_and_the_backlog_take_turns() -> None:
    lane, fresh, backlog = Lane(), [leased() for _ in range(3)], [leased() for _ in range(5)]
    lane.fresh.extend(fresh)
    lane.backlog.extend(backlog)
    order = [lane.pop(NOW_US) for _ in range(9)]
    turns = [one for pair in zip(fresh, backlog, strict=False) for one in pair]
    assert order == [*turns, *backlog[3:], None]


def test_what_is_not_leased_any_more_is_passed_over() -> None:
    lane, ours = Lane(), leased()
    lane.fresh.extend([leased(NOW_US), leased(NOW_US - 1)])
    lane.backlog.extend([leased(NOW_US), ours, leased(NOW_US)])
    assert lane.pop(NOW_US) == ours
    assert lane.pop(NOW_US) is None
    assert not lane.has_work


def test_a_lane_is_idle_where_nothing_is_in_memory_under_way_or_being_fetched() -> None:
    lane = Lane()
    assert lane.is_idle
    lane.running = 1
    assert not lane.is_idle
    lane.running, lane.is_filling = 0, True
    assert not lane.is_idle
    lane.is_filling = False
    lane.backlog.append(leased())
    assert not lane.is_idle
    assert lane.clear()
    assert lane.is_idle
