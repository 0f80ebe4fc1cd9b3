"""The short cuts of redaction find what the patterns find that look at every byte."""

from hypothesis import given
from hypothesis import strategies as st

from wakala.rules import exchange
from wakala.rules.markup_secrets import ELEMENT, marked, places_of, without_elements

PIECES = st.lists(
    st.sampled_from(
        [
            *("<", "</", "&lt;", ">", "&gt;", "/>", "&", '"', "'", "=", ":", " ", "\n", "\\", "?", "{", "]"),
            *("Password", "spPassword", "NEWPASSWORD", "SecurityCredential", "originRequest", "submitApiResult"),
            *("AccessToken", "access_token", "X-Authorization", "pin", "key", "sig", "Secret"),
            *("a:", "a" * 40 + ":", "a" * 41 + ":", ' at="x"', " " * 301, "hunter2", "é"),
            *("/callbacks/", "/callbacks%2fa/b/", "0123456789abcdef" * 2, "x" * 64),
        ]
    ),
    max_size=24,
).map(lambda pieces: "".join(pieces).encode())


@given(PIECES)
def test_elements_of_xml(body: bytes) -> None:
    assert without_elements(body) == ELEMENT.sub(rb"\1[secret]", body)


@given(PIECES)
def test_our_own_paths(body: bytes) -> None:
    places = places_of(b"callbacks", body.lower())
    assert marked(body, exchange._PATH, places) == exchange._PATH.sub(rb"\1[secret]", body)


@given(PIECES)
def test_what_is_skipped_is_no_form(body: bytes) -> None:
    if not exchange._may_be_form(body.lower()):
        assert exchange._FORM.search(body) is None


@given(PIECES)
def test_what_is_kept_of_a_short_body_is_what_is_kept_of_any(body: bytes) -> None:
    assert exchange.kept(body) == exchange.redact(body)
