"""However late their rows come, each exchange is shown once, and the cursor never passes one that is still to come."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import wakala
from wakala.errors import CallerError
from wakala.rules.exchange import Exchange
from wakala.rules.payment import Scope
from wakala.rules.tailing import KINDS, WINDOW_S, Filter, Follower, has_failed, require_kind


def name_of(second: int, number: int = 0) -> str:
    return f"xch_{second * 1000:012x}{number:04x}"


def start_of(second: int) -> str:
    return f"xch_{max(0, second) * 1000:012x}"


def exchange(exchange_id: str, **more: object) -> Exchange:
    return Exchange(exchange_id, "delivery", "out", "POST", "https://a/", (), b"", 0, **more)  # type: ignore[arg-type]


# Begun at a second, its row there some seconds later, ended some seconds after that (or never).
COURSE = st.lists(
    st.tuples(st.integers(0, 200), st.integers(0, WINDOW_S - 2), st.none() | st.integers(0, 20)), max_size=40
)


@given(COURSE, st.lists(st.integers(1, 9), min_size=60, max_size=60))
def test_each_is_shown_once_and_none_is_missed(course: list[tuple[int, int, int | None]], steps: list[int]) -> None:
    rows = {
        name_of(began, number): (
            began + late,
            None if lasted is None else min(began + WINDOW_S - 1, began + late + lasted),
        )
        for number, (began, late, lasted) in enumerate(course)
    }
    follower, shown, second = Follower(start_of(0)), [], 0
    for step in steps:
        second += step
        start = start_of(second - WINDOW_S)
        there = sorted(one for one, (row_at, _) in rows.items() if row_at <= second and one > follower.cursor)
        for one in follower.unseen(there):
            ended_at = rows[one][1]
            has_ended = ended_at is not None and ended_at <= second
            if follower.show(exchange(one, status=200 if has_ended else None), start):
                shown.append(one)
        follower.move(start)
    whole = [one for one, (row_at, _) in rows.items() if one < follower.cursor and one > start_of(0)]
    assert len(shown) == len(set(shown))
    assert set(whole) <= set(shown)


def test_the_filters() -> None:
    well = exchange("xch_1", status=200, payment_id="pay_1", scope=Scope("org", "app_1", "sc", "sandbox"))
    assert not has_failed(well)
    for failed in ({"status": 404}, {"error": "no answer"}, {"status": 200, "verdict": "quarantined"}):
        assert has_failed(exchange("xch_2", **failed))
    for holds in (Filter(), Filter("app_1", frozenset({"pay_1", "pay_3"}), "delivery")):
        assert holds.holds(well)
    for other in (
        Filter("app_2"),
        Filter(payment_ids=frozenset({"pay_2"})),
        Filter(kind="api_request"),
        Filter(is_failed=True),
    ):
        assert not other.holds(well)


# How the gateway names what it writes down, as its source has it.
WRITTEN = (
    r'name="([a-z0-9_]+)",\s+(?:direction|method|answer_body)=',
    r'_exchange\(incoming, "([a-z0-9_]+)"',
    r'_exchange\(\s*"([a-z0-9_]+)", request',
    r'_call\([^"()]*?"([a-z0-9_]+)"',
    r'name="([a-z0-9_]+)", answer_body',
)


def test_each_name_that_an_exchange_is_given_is_a_kind_that_can_be_asked_for() -> None:
    sources = [path.read_text() for path in Path(wakala.__file__).parent.rglob("*.py") if "simulator" not in path.parts]
    names = {name for text in sources for pattern in WRITTEN for name in re.findall(pattern, text)}
    names |= {f"{one}_callback" for text in sources for one in re.findall(r'_called\(incoming, "(\w+)"', text)}
    assert len(names) > 20
    assert names - KINDS == set()
    require_kind("")
    for name in names:
        require_kind(name)


def test_a_kind_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(CallerError, match=r"no kind stk\. .*stk_callback, .*b2c_businesspayment"):
        require_kind("stk")
