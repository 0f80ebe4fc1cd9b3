from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.rules.receipt import date_hint, is_placeholder, is_receipt, nairobi_to_us, us_to_nairobi

DAYS = st.dates(date(2006, 1, 1), date(2031, 12, 31))


def spelled(day: date) -> str:
    """The first three characters of that day's receipts, worked out apart from the code."""
    return "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[day.year - 2006] + "ABCDEFGHIJKL"[day.month - 1] + base_32(day.day)


def base_32(number: int) -> str:
    return str(number) if number < 10 else chr(ord("A") + number - 10)


@given(DAYS, st.from_regex(r"[0-9A-Z]{7}", fullmatch=True).filter(lambda tail: tail != "0000000"))
def test_a_receipt_tells_its_date(day: date, tail: str) -> None:
    assert is_receipt(spelled(day) + tail)
    assert date_hint(spelled(day) + tail) == day


@pytest.mark.parametrize(
    ("receipt", "day"),
    [("UE4K7P2QX1", date(2026, 5, 4)), ("TAH1234567", date(2025, 1, 17)), ("UCE4K7P2QX", date(2026, 3, 14))],
)
def test_receipts_whose_day_is_known(receipt: str, day: date) -> None:
    assert date_hint(receipt) == day


@pytest.mark.parametrize(
    "text", ["", "UCE4K7P2Q", "UCE4K7P2QXX", "uce4k7p2qx", "UCE4K7P-QX", "UCE4K7P2Q\n", "\uff35CE4K7P2QX"]
)
def test_what_is_no_receipt_has_no_date(text: str) -> None:
    assert not is_receipt(text)
    assert date_hint(text) is None


@pytest.mark.parametrize("text", ["UBV1234567", "UZE1234567", "0CE1234567", "UC01234567", "UCW1234567"])
def test_a_receipt_with_an_impossible_day_is_still_a_receipt(text: str) -> None:
    assert is_receipt(text)
    assert date_hint(text) is None


@given(DAYS)
def test_the_placeholder_that_many_payments_share_is_no_receipt(day: date) -> None:
    assert is_placeholder(spelled(day) + "0000000")
    assert not is_receipt(spelled(day) + "0000000")


@given(st.text())
def test_any_text_may_be_asked_for_its_date(text: str) -> None:
    assert date_hint(text) is None or is_receipt(text)


@given(st.datetimes(datetime(2006, 1, 1), datetime(2099, 12, 31)).map(lambda moment: moment.replace(microsecond=0)))  # noqa: DTZ001
def test_a_clock_reading_survives_the_way_there_and_back(moment: datetime) -> None:
    stamp = moment.strftime("%Y%m%d%H%M%S")
    us = nairobi_to_us(stamp)
    assert us is not None
    assert us_to_nairobi(us) == stamp
    assert nairobi_to_us(int(stamp)) == nairobi_to_us(float(stamp)) == us
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us, hours=3) == moment.replace(tzinfo=UTC)


def test_nairobi_is_three_hours_ahead() -> None:
    assert nairobi_to_us("20260314101528") == int(datetime(2026, 3, 14, 7, 15, 28, tzinfo=UTC).timestamp()) * 1_000_000
    assert us_to_nairobi(1_773_472_528_999_999) == "20260314101528"


@pytest.mark.parametrize(
    "stamp",
    [
        *("00010101000000", "99991231235959", 10101000000),  # dates of programs that have none
        *(None, "", "2026", "20261314101528", "20260230101528", "20260314241528", "14.03.2026 10:15:28"),
        *(True, -1, 10**5000, 1.5, float("nan"), float("inf"), [], {}, b"20260314101528", "٢٠٢٦٠٣١٤١٠١٥٢٨"),
    ],
    ids=lambda stamp: repr(stamp)[:20] if not isinstance(stamp, int) else "number",
)
def test_what_cannot_be_read_is_nothing_and_no_error(stamp: object) -> None:
    assert nairobi_to_us(stamp) is None


@given(st.text() | st.integers() | st.floats() | st.none() | st.binary())
def test_any_value_may_be_read_as_a_clock(stamp: object) -> None:
    assert isinstance(nairobi_to_us(stamp), int | None)
