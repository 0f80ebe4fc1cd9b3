"""A URL's host names the lane in which notifications wait, so its length has a bound; and the lane's has another."""

import pytest

from wakala.errors import CallerError
from wakala.rules.addresses import HOST_MAX_CHARS, URL_MAX_CHARS, is_web_address, require_web_address
from wakala.rules.endpoints import Endpoint, lane_of, owner_of

ENDPOINT = Endpoint("end_1", "org_1", "app_1", "sc_1")


def url_of(chars: int) -> str:
    return "https://h/".ljust(chars, "x")


def test_a_url_has_at_most_2048_characters_and_its_host_253() -> None:
    assert is_web_address(url_of(URL_MAX_CHARS))
    assert not is_web_address(url_of(URL_MAX_CHARS + 1))
    assert is_web_address(f"https://{'h' * HOST_MAX_CHARS}:8443/x")
    assert not is_web_address(f"https://{'h' * (HOST_MAX_CHARS + 1)}:8443/x")


def test_who_is_refused_one_is_told_what_to_send_in_a_sentence() -> None:
    with pytest.raises(CallerError, match="at most 2048 characters") as refused:
        require_web_address(url_of(100_000))
    assert len(refused.value.sentence) < 500


def test_a_lane_fits_into_an_index_whatever_its_host() -> None:
    long, other = (f"https://{letter * 4_000}.example/cb" for letter in "ab")
    assert lane_of(ENDPOINT, f"https://{'h' * HOST_MAX_CHARS}:65535/x").endswith(":65535")
    assert len(lane_of(ENDPOINT, long)) < 500
    assert lane_of(ENDPOINT, long) == lane_of(ENDPOINT, long.upper().replace("HTTPS", "https"))
    assert lane_of(ENDPOINT, long) != lane_of(ENDPOINT, other)
    assert owner_of(lane_of(ENDPOINT, long)) == ("app_1", "sc_1")
