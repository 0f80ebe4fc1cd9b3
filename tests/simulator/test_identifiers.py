"""Identifiers look like M-Pesa's (daraja.md 7.9)."""

import re
from datetime import datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.simulator import identifiers
from wakala.simulator.clock import EAT

times = st.datetimes(datetime(2006, 1, 1), datetime(2031, 12, 31), timezones=st.just(EAT))  # noqa: DTZ001


def test_receipts_begin_with_their_day() -> None:
    assert identifiers.receipt(datetime(2026, 5, 4, tzinfo=EAT), Random(1)).startswith("UE4")
    assert identifiers.receipt(datetime(2025, 1, 17, tzinfo=EAT), Random(1)).startswith("TAH")


@given(times, st.integers())
def test_a_receipt_has_ten_characters_and_tells_its_date(at: datetime, seed: int) -> None:
    receipt = identifiers.receipt(at, Random(seed))
    assert re.fullmatch(r"[A-Z][A-L][1-9A-V][0-9A-Z]{7}", receipt)
    assert ord(receipt[0]) - ord("A") == at.year - 2006
    assert ord(receipt[1]) - ord("A") + 1 == at.month


@given(times, st.integers())
def test_every_receipt_is_known_for_one(at: datetime, seed: int) -> None:
    assert identifiers.is_receipt(identifiers.receipt(at, Random(seed)))
    assert identifiers.is_receipt(identifiers.no_receipt(at))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NLA00TEST",
        "LKXXXX1234",
        "UE40000000X",
        "ue4k7p2qxa",
        "UBU1234567",
        "UM41234567",
        "9E41234567",
        "UE412345-7",
    ],
)
def test_what_names_no_day_or_has_another_length_is_no_receipt(text: str) -> None:
    assert not identifiers.is_receipt(text)


@given(times)
def test_a_checkout_id_holds_its_time_and_the_phones_last_nine_digits(at: datetime) -> None:
    checkout = identifiers.checkout_id(at, "254712345678")
    assert checkout == f"ws_CO_{at:%d%m%Y%H%M%S}{at.microsecond // 1000:03d}712345678"


@given(times, st.integers())
def test_a_conversation_id_holds_its_date(at: datetime, seed: int) -> None:
    assert re.fullmatch(rf"AG_{at:%Y%m%d}_[0-9a-f]{{20}}", identifiers.conversation_id(at, Random(seed)))


@given(st.integers())
def test_a_node_is_a_uuid_without_its_first_group(seed: int) -> None:
    assert re.fullmatch(r"[0-9a-f]{4}-4[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}", identifiers.node(Random(seed)))
