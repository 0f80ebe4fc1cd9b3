import re
from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.errors import InvalidMsisdnError
from wakala.rules import msisdn as phones
from wakala.rules.msisdn import Likeness, could_be, hash_of, mask, parse

MSISDN = st.from_regex(r"254[17][0-9]{8}", fullmatch=True)
OWN = "254700000142"


@given(MSISDN, st.sampled_from(["", "0", "254", "+254", "00254", "+254 (0) ", "254-0-", "00254 0"]), st.data())
def test_every_spelling_is_one_number(msisdn: str, prefix: str, data: st.DataObject) -> None:
    between = st.sampled_from(["", "", " ", ".", "-", "\u00a0", "\u2011", ") ", " ("])
    spelled = prefix + "".join(digit + data.draw(between) for digit in msisdn[3:])
    if len(spelled) <= phones.SPELLING_MAX_CHARS:
        assert parse(spelled) == msisdn
        assert parse(f"\u202a{spelled.strip()}\u202c"[: phones.SPELLING_MAX_CHARS]) == msisdn or len(spelled) > 38


@given(MSISDN)
def test_numbers_are_read_as_numbers_too(msisdn: str) -> None:
    assert parse(int(msisdn)) == parse(int(msisdn[3:])) == msisdn


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0712",
        "+0712345678",
        "+712345678",
        "0612345678",
        "0201234567",
        "07123456789",
        "255712345678",
        "25471234567",
        "+00254712345678",
        "0712345678x",
        "07\uff112345678",
        "0712345678" + " " * 40,
        -712345678,
        0,
        10**5000,
        "6f0c1d9a2b7e43855ac0918f2e44d7b30b6a9f1c5e8d2a7740c3b1e6f9d80a52",
    ],
    ids=lambda value: repr(value)[:20] if isinstance(value, str) else "number",
)
def test_what_is_no_kenyan_mobile_number_is_refused(text: str | int) -> None:
    with pytest.raises(InvalidMsisdnError):
        parse(text)


@given(st.text())
def test_reading_gives_twelve_digits_or_refuses_and_nothing_else(text: str) -> None:
    with suppress(InvalidMsisdnError):
        assert re.fullmatch(r"254[17][0-9]{8}", parse(text))


def test_an_unallotted_or_moved_number_is_not_refused() -> None:
    assert phones.first_operator("254722000000") == "Safaricom"
    assert phones.first_operator("254110000000") == "Safaricom"
    assert phones.first_operator("254747000000") == "Faiba"
    assert phones.first_operator("254199000000") is None
    assert parse("0199000000") == "254199000000"


@given(MSISDN)
def test_a_mask_shows_seven_digits(msisdn: str) -> None:
    assert mask(msisdn) == f"{msisdn[:4]}*****{msisdn[9:]}"
    assert could_be(mask(msisdn), msisdn) is Likeness.COMPATIBLE


@pytest.mark.parametrize("text", ["", "512345", "AKINYI", "6f0c1d9a2b7e43855ac0918f2e44d7b3"])
def test_a_mask_shows_nothing_of_what_is_no_number(text: str) -> None:
    assert mask(text) == "*****"


def test_the_hash_is_mpesas() -> None:
    assert hash_of(OWN) == sha256(b"254700000142").hexdigest()


@pytest.mark.parametrize("given_", [OWN, "0700 000 142", "+254700000142", "700000142", " 254700000142 "])
def test_a_full_number_is_the_same_in_any_spelling(given_: str) -> None:
    assert could_be(given_, OWN) is Likeness.SAME
    assert could_be(given_, "254700000143") is Likeness.DIFFERENT


def test_a_hash_is_certain() -> None:
    assert could_be(hash_of(OWN), OWN) is Likeness.SAME
    assert could_be(hash_of(OWN).upper(), OWN) is Likeness.SAME
    assert could_be(hash_of(OWN), "254700000143") is Likeness.DIFFERENT


def test_a_hash_with_stars_in_its_middle_is_as_certain_as_what_it_shows() -> None:
    whole = hash_of(OWN)
    assert could_be(f"{whole[:32]} ***** {whole[32:]}", OWN) is Likeness.SAME
    assert could_be(f"{whole[:28]} ***** {whole[36:]}", OWN) is Likeness.COMPATIBLE
    assert could_be(f"{whole[:32]} ***** {whole[32:]}", "254700000143") is Likeness.DIFFERENT


@pytest.mark.parametrize(
    "given_",
    [
        "2547 ***** 142",
        "25470****142",
        "2547*****142",
        "0700***142",
        "+2547** *** 142",
        "254 (0) 70****142",
        "254***",
        "*******142",
        "2547xxxxx142",
        "7000****42",
    ],
)
def test_a_mask_that_fits_is_no_proof(given_: str) -> None:
    assert could_be(given_, OWN) is Likeness.COMPATIBLE


@pytest.mark.parametrize("given_", ["2547 ***** 143", "2541****142", "0711***142", "512345", "25470****999"])
def test_a_mask_or_a_shortcode_that_does_not_fit_excludes(given_: str) -> None:
    assert could_be(given_, OWN) is Likeness.DIFFERENT


@pytest.mark.parametrize("given_", ["", "*****", "AKINYI", "2547**0**142", "n/a", "*" * 5000])
def test_what_says_nothing_excludes_nothing(given_: str) -> None:
    assert could_be(given_, OWN) is Likeness.UNREADABLE


@given(st.text(), MSISDN)
def test_comparing_never_fails(text: str, msisdn: str) -> None:
    assert could_be(text, msisdn) in Likeness


@given(MSISDN, MSISDN, st.integers(0, 11), st.integers(0, 11))
def test_a_mask_never_hides_a_contradiction(own: str, other: str, start: int, end: int) -> None:
    shown = f"{own[:start]}***{own[12 - end :] if end else ''}"
    if start + end <= 12 and start >= 4:
        fits = other.startswith(own[:start]) and (not end or other.endswith(own[12 - end :]))
        assert (could_be(shown, other) is Likeness.DIFFERENT) is not fits
