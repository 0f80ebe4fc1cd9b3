"""The pure rules of an endpoint, for any course of events: breaker, rate limit, percentiles, where an attempt goes."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from wakala.errors import InvalidFieldsError
from wakala.rules.delivery import Attempted
from wakala.rules.endpoints import (
    ANSWER_LIMIT_MAX_S,
    ANSWER_LIMIT_MIN_S,
    ASKING_FAILURES,
    BREAKER_FAILURES,
    BREAKER_REST_MAX_US,
    BREAKER_REST_MIN_US,
    CONCURRENCY_LIMIT_MAX,
    DAY_S,
    FINISH_LIMIT_S,
    FORWARD_AFTER_S,
    LANE_HOST_MAX_CHARS,
    RATE_LIMIT_MAX_PER_S,
    RATE_LIMIT_MIN_PER_S,
    SAMPLES_LIMIT,
    SCHEDULE_LIMIT_STEPS,
    STEP_LIMIT_S,
    Bucket,
    Endpoint,
    Health,
    Record,
    Target,
    Waiting,
    asking_lane,
    full_bucket,
    lane_of,
    owner_of,
    percentile,
    require_sane,
    target_of,
    worst_notice,
)

SECOND_US = 1_000_000
WELL, ILL = Attempted(200, None), Attempted(503, None)

COURSE = st.lists(st.tuples(st.booleans(), st.integers(0, 120 * SECOND_US)), max_size=60)


@given(COURSE, st.sampled_from(["app_1", asking_lane("sc_1")]))
def test_the_breaker_is_open_after_so_many_failures_in_a_row_and_never_else(
    course: list[tuple[bool, int]], lane: str
) -> None:
    record, now_us, failures = Record(Health(lane)), 0, 0
    limit = ASKING_FAILURES if lane.startswith("/") else BREAKER_FAILURES
    for is_well, pause_us in course:
        now_us += pause_us
        record.note(WELL if is_well else ILL, 1_000, now_us)
        failures = 0 if is_well else failures + 1
        is_open = failures >= limit
        assert record.health.is_resting is is_open
        assert record.may_begin(31, now_us) is not is_open
        # Closed again for one, no later than the longest rest after the last failure; never for two at once.
        assert record.may_begin(0, now_us + BREAKER_REST_MAX_US)
        assert record.may_begin(1, now_us + 10**12) is not is_open


def test_the_oldest_and_the_newest_untried_one_look_in_turns_while_the_breaker_is_open() -> None:
    record, turns = Record(Health("lane")), []
    for number in range(BREAKER_FAILURES + 6):
        record.note(ILL, 1_000, number)
        turns.append(record.asks_the_newest)
    assert turns == [False] * (BREAKER_FAILURES - 1) + [True, False] * 3 + [True]


@given(st.integers(BREAKER_FAILURES, 200), st.integers(0, 90 * SECOND_US))
def test_it_rests_as_long_as_it_has_failed_however_many_attempts_failed(failures: int, failing_us: int) -> None:
    record = Record(Health("lane"))
    for number in range(failures):
        record.note(ILL, 1_000, failing_us if number else 0)
    rest_us = record.health.rest_ends_us() - failing_us
    assert rest_us == min(BREAKER_REST_MAX_US, max(BREAKER_REST_MIN_US, failing_us))


@given(st.integers(1, 40), st.integers(0, 120 * SECOND_US))
def test_what_waits_is_hurried_after_a_minute_of_failures_and_not_sooner(failures: int, failing_us: int) -> None:
    record = Record(Health("lane"))
    for _ in range(failures):
        record.note(ILL, 1_000, 0)
    is_long = failures >= BREAKER_FAILURES and failing_us >= FORWARD_AFTER_S * SECOND_US
    assert record.note(WELL, 1_000, failing_us) is is_long
    assert not record.note(WELL, 1_000, failing_us), "once"


@given(COURSE)
def test_a_record_adds_up(course: list[tuple[bool, int]]) -> None:
    record, now_us, last_us = Record(Health("lane")), 1, dict[bool, int]()
    for is_well, pause_us in course:
        now_us += pause_us
        record.note(WELL if is_well else ILL, pause_us, now_us)
        last_us[is_well] = now_us
    health = record.health
    assert health.attempts == len(course)
    assert len(health.durations_us) == min(len(course), SAMPLES_LIMIT)
    assert (health.failing_since_us is None) is (not course or course[-1][0])
    assert (health.last_success_us, health.last_failure_us) == (last_us.get(True), last_us.get(False))
    assert health.last_status == ({True: 200, False: 503}[course[-1][0]] if course else None)
    record.forget_failures()
    assert record.may_begin(31, now_us)
    assert record.health.failing_since_us is None
    assert record.health.last_failure_us == health.last_failure_us
    assert record.streak == max(0, health.streak)


def test_of_many_attempts_the_newest_are_remembered() -> None:
    record = Record(Health("lane"))
    for number in range(5 * SAMPLES_LIMIT // 2):
        record.note(WELL, number, number)
    assert sorted(record.health.durations_us) == list(range(3 * SAMPLES_LIMIT // 2, 5 * SAMPLES_LIMIT // 2))


def test_the_newest_attempts_are_those_of_before_a_start_too() -> None:
    record = Record(Health("app_1"))
    for number in range(3 * SAMPLES_LIMIT):
        if number % (SAMPLES_LIMIT // 3) == 0:  # written down and read again, wherever it stood
            record = Record(record.health)
        record.note(Attempted(200, None), number, 1_000_000 + number)
    assert record.health.durations_us == tuple(range(2 * SAMPLES_LIMIT, 3 * SAMPLES_LIMIT))


def test_where_the_clock_was_put_back_nobody_rests_until_it_is_as_late_again() -> None:
    record = Record(Health("lane"))
    for _ in range(BREAKER_FAILURES):
        record.note(ILL, 1_000, DAY_S * SECOND_US)
    assert not record.may_begin(0, DAY_S * SECOND_US)
    assert record.may_begin(0, DAY_S * SECOND_US - 1)
    assert not record.may_begin(1, DAY_S * SECOND_US - 1)


def test_a_failure_is_told_from_the_hour_on_and_from_the_day_on() -> None:
    moments = (0, 3_599.9, 3_600, DAY_S - 0.1, DAY_S, 10 * DAY_S)
    assert [worst_notice(seconds) for seconds in moments] == [0, 0, 3_600, 3_600, DAY_S, DAY_S]


def test_what_was_to_finish_at_an_old_url_that_is_todays_again_goes_to_the_endpoint_itself() -> None:
    there = "https://a.example/x"
    endpoint = Endpoint("e", "org_1", "app_1", "", old_url=there, moved_us=10, waiting=Waiting.FINISH_OLD)
    assert target_of(endpoint, None, there, 5, 20) == Target(there, "app_1", is_own=True)
    assert not target_of(endpoint, None, "https://b.example/", 5, 20).is_own


def test_failing_begins_anew_where_nothing_was_tried_for_two_days() -> None:
    record = Record(Health("lane"))
    record.note(ILL, 1_000, SECOND_US)
    record.note(ILL, 1_000, 2 * DAY_S * SECOND_US)
    assert record.health.failing_since_us == SECOND_US
    record.note(ILL, 1_000, 5 * DAY_S * SECOND_US)
    assert record.health.failing_since_us == 5 * DAY_S * SECOND_US


@given(
    st.floats(0.01, 1_000),
    st.lists(st.integers(0, 3 * SECOND_US), max_size=200),
)
def test_a_bucket_never_lets_through_more_than_its_rate(rate_per_s: float, pauses_us: list[int]) -> None:
    bucket, now_us, passed = Bucket(max(1.0, rate_per_s), 0), 0, 0
    for pause_us in pauses_us:
        now_us += pause_us
        bucket = bucket.refilled(rate_per_s, now_us)
        if (taken := bucket.taken()) is not None:
            bucket, passed = taken, passed + 1
        assert 0 <= bucket.tokens <= max(1.0, rate_per_s)
        assert bucket.is_full(rate_per_s, now_us) is (bucket == full_bucket(rate_per_s, now_us))
    assert passed <= max(1.0, rate_per_s) + rate_per_s * now_us / SECOND_US + 1e-6


@given(st.floats(0.01, 1_000), st.integers(-10 * SECOND_US, 0))
def test_a_clock_that_goes_back_gives_no_tokens(rate_per_s: float, back_us: int) -> None:
    bucket = Bucket(0, 0).refilled(rate_per_s, back_us)
    assert bucket.tokens == 0


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=300).map(tuple), st.integers(1, 100))
def test_a_percentile_is_one_of_the_values_with_so_many_at_or_below(values: tuple[int, ...], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) >= math.ceil(len(values) * percent / 100)
    assert sum(value < found for value in values) < math.ceil(len(values) * percent / 100)
    assert percentile((), percent) is None


@pytest.mark.parametrize(
    ("field", "most", "least"),
    [
        ("answer_limit_s", ANSWER_LIMIT_MAX_S, 0),
        ("rate_limit_per_s", RATE_LIMIT_MAX_PER_S, 0),
        ("rate_limit_per_s", RATE_LIMIT_MIN_PER_S, 0),
        ("answer_limit_s", ANSWER_LIMIT_MIN_S, 0),
        ("concurrency_limit", CONCURRENCY_LIMIT_MAX, 0),
        ("schedule_s", (STEP_LIMIT_S,) * SCHEDULE_LIMIT_STEPS, ()),
    ],
)
def test_terms_at_their_limits_are_taken(field: str, most: Any, least: Any) -> None:
    for value in (most, least):
        require_sane(replace(Endpoint("end_1", "org_1", "app_1", ""), **{field: value}))


@pytest.mark.parametrize(
    ("field", "pointer", "value"),
    [
        ("answer_limit_s", "/AnswerLimitSeconds", ANSWER_LIMIT_MAX_S + 0.1),
        ("answer_limit_s", "/AnswerLimitSeconds", -0.1),
        ("rate_limit_per_s", "/RateLimitPerSecond", RATE_LIMIT_MAX_PER_S + 0.1),
        ("rate_limit_per_s", "/RateLimitPerSecond", -0.1),
        ("rate_limit_per_s", "/RateLimitPerSecond", RATE_LIMIT_MIN_PER_S / 2),
        ("rate_limit_per_s", "/RateLimitPerSecond", math.nan),
        ("answer_limit_s", "/AnswerLimitSeconds", ANSWER_LIMIT_MIN_S / 2),
        ("concurrency_limit", "/ConcurrencyLimit", CONCURRENCY_LIMIT_MAX + 1),
        ("concurrency_limit", "/ConcurrencyLimit", -1),
        ("schedule_s", "/ScheduleSeconds", (1,) * (SCHEDULE_LIMIT_STEPS + 1)),
        ("schedule_s", "/ScheduleSeconds", (1, STEP_LIMIT_S + 1)),
        ("schedule_s", "/ScheduleSeconds", (1, 0)),
    ],
)
def test_terms_beyond_their_limits_are_refused(field: str, pointer: str, value: Any) -> None:
    with pytest.raises(InvalidFieldsError) as refused:
        require_sane(replace(Endpoint("end_1", "org_1", "app_1", ""), **{field: value}))
    (fault,) = refused.value.faults
    assert fault.pointer == pointer


def test_a_host_of_thousands_of_characters_has_a_lane_that_any_index_takes() -> None:
    endpoint = Endpoint("end_1", "org_1", "app_1", "")
    lanes = {lane_of(endpoint, f"https://{letter * 5_000}/") for letter in "ab"}
    assert len(lanes) == 2
    assert all(len(lane) <= len("app_1 ") + LANE_HOST_MAX_CHARS for lane in lanes)
    longest = "h" * LANE_HOST_MAX_CHARS
    assert lane_of(endpoint, f"https://{longest}/x") == f"app_1 {longest}"


URLS = st.sampled_from(["https://a.example/x", "https://b.example/y?z=1", "http://c.example:8080/"])
ENDPOINTS = st.builds(
    Endpoint,
    id=st.just("end_1"),
    organisation_id=st.just("org_1"),
    app_id=st.just("app_1"),
    shortcode_id=st.sampled_from(["", "sc_1"]),
    url=st.just("") | URLS,
    old_url=st.just("") | URLS,
    moved_us=st.integers(0, 10**12),
    waiting=st.sampled_from(Waiting),
)
TIMES = st.integers(0, 2 * 10**12)


@given(ENDPOINTS, st.none() | URLS, st.none() | URLS, TIMES, TIMES)
def test_an_attempt_goes_to_one_place_and_waits_in_a_lane_of_its_endpoint(
    endpoint: Endpoint, own_url: str | None, app_url: str | None, staged_us: int, now_us: int
) -> None:
    target = target_of(endpoint, own_url, app_url, staged_us, now_us)
    today = endpoint.url or app_url
    assert owner_of(target.lane) == ("app_1", endpoint.shortcode_id)
    if own_url:
        assert (target.url, target.lane, target.is_own) == (own_url, lane_of(endpoint, own_url), False)
    elif target.is_own:
        is_held = endpoint.waiting is Waiting.HOLD and staged_us < endpoint.moved_us
        assert (target.url, target.lane) == (None if is_held else today, endpoint.lane)
    else:
        assert target.url == endpoint.old_url != today
        assert endpoint.waiting is Waiting.FINISH_OLD
        assert staged_us < endpoint.moved_us
        assert now_us < endpoint.moved_us + FINISH_LIMIT_S * SECOND_US
        assert target.lane != endpoint.lane, "a dead old URL must not hold up the new one"


@given(ENDPOINTS, URLS, TIMES, TIMES)
def test_what_is_staged_after_a_move_goes_to_the_new_url(
    endpoint: Endpoint, app_url: str, later_us: int, now_us: int
) -> None:
    target = target_of(endpoint, None, app_url, endpoint.moved_us + later_us, now_us)
    assert (target.url, target.is_own) == (endpoint.url or app_url, True)
