"""A wrong STK Password is taken apart, and the wrong part is named."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.simulator.passwords import fault_in, password

PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
STAMP = "20260314101501"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_the_published_vector_is_right() -> None:
    vector = "MTc0Mzc5YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIwMjYwMzE0MTAxNTAx"  # noqa: E501 - one value, unbroken
    assert password("174379", PASSKEY, STAMP) == vector
    assert fault_in(vector, "174379", PASSKEY, STAMP) is None


@pytest.mark.parametrize(
    ("given_password", "part"),
    [
        ("174379" + PASSKEY + STAMP, "another shortcode part"),  # plain text that happens to be base64 is no password
        ("not base64!", "not base64"),
        ("\u00e9", "not base64"),
        (encoded("600984" + PASSKEY + STAMP), "another shortcode part"),
        (encoded("174379" + "wrong" + STAMP), "another passkey part"),
        (encoded("174379" + PASSKEY + " " + STAMP), "whitespace"),
        (encoded("174379" + PASSKEY + "20260314101502"), "another timestamp part"),
        (encoded("174379" + PASSKEY), "another"),
        (encoded("174379" + PASSKEY + "2026-03-14 10:15"), "another timestamp part"),
        (encoded("174379" + encoded(PASSKEY) + STAMP), "already encoded"),
        (encoded("174379" + encoded("174379" + PASSKEY + STAMP) + STAMP), "already encoded"),
        (encoded(encoded("174379" + PASSKEY + STAMP)), "encoded twice"),
    ],
)
def test_the_wrong_part_is_named(given_password: str, part: str) -> None:
    fault = fault_in(given_password, "174379", PASSKEY, STAMP)
    assert fault is not None
    assert part in fault or "not base64" in fault
    assert PASSKEY not in fault


digits = st.text("0123456789", min_size=5, max_size=7)
stamps = st.text("0123456789", min_size=14, max_size=14)
keys = st.text("abcdef0123456789", min_size=8, max_size=64)


@given(digits, keys, stamps)
def test_a_right_password_has_no_fault(shortcode: str, passkey: str, stamp: str) -> None:
    assert fault_in(password(shortcode, passkey, stamp), shortcode, passkey, stamp) is None


@given(st.text(), digits, keys, stamps)
def test_any_text_gets_a_sentence_that_keeps_the_passkey(text: str, shortcode: str, passkey: str, stamp: str) -> None:
    fault = fault_in(text, shortcode, passkey, stamp)
    assert fault is not None
    assert passkey not in fault
