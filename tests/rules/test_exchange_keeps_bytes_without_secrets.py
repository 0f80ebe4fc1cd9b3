import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.rules.exchange import (
    BODY_LIMIT_BYTES,
    MARK,
    SECRET_FIELDS,
    SECRET_HEADERS,
    headers_may_hold_secrets,
    kept,
    redact,
    redact_headers,
    redact_text,
    secrets_of,
    without_echo,
)

SECRET = "sup3r/S3cret+value=="
MAC = "0123456789abcdef" * 2
SPELLED = [
    *SECRET_FIELDS,
    "password",
    "PASSKEY",
    "access_token",
    "access-token",
    "consumer_secret",
    "api_key",
    "app-key",
]


@pytest.mark.parametrize("name", SPELLED)
@pytest.mark.parametrize(
    "template", ['{"%s":"%s"}', '{ "%s" \t:\r\n "%s" }', '{"a":{"%s":"%s"}}', '{"%s":["%s"]}', '{"%s":"%s']
)
def test_a_secret_field_loses_its_value_and_keeps_its_name(name: str, template: str) -> None:
    cleaned = redact((template % (name, SECRET)).encode()).decode()
    assert SECRET not in cleaned
    assert name in cleaned
    assert MARK in cleaned


@pytest.mark.parametrize("name", ["Password", "access_token"])
@pytest.mark.parametrize("value", [SECRET, [SECRET], {"x": {"y": 1}, "z": [SECRET]}])
def test_json_inside_json_is_seen_through(name: str, value: object) -> None:
    once = json.dumps({name: value, "kept": "yes"})
    for _ in range(4):
        assert SECRET not in redact(once.encode()).decode()
        assert "yes" in redact(once.encode()).decode()
        once = json.dumps({"request": once})


@pytest.mark.parametrize(
    "value",
    [
        123456,
        1.5,
        '"a\\"b' + SECRET + '"',
        '["' + SECRET + '"]',
        '{"x":"' + SECRET + '"}',
        '{"x":{"a":[1,"]}"]},"y":"' + SECRET + '"}',
    ],
)
def test_a_secret_value_of_any_type_goes(value: object) -> None:
    cleaned = redact(f'{{"Password":{value},"Amount":150}}'.encode()).decode()
    assert str(value) not in cleaned
    assert SECRET not in cleaned
    assert '"Amount":150' in cleaned


@pytest.mark.parametrize("text", ["Password=%s&a=b", "a=b&access_token=%s", "https://x/?token=%s#f", "?sig=%s"])
def test_a_secret_in_a_form_or_query_goes(text: str) -> None:
    assert SECRET not in redact_text(text % SECRET)


@pytest.mark.parametrize(
    "path",
    [
        f"/callbacks/stk/pay_0197f4b1c2d3aabbccddeeff0011/{MAC}",
        f"https://pay.example/callbacks/c2b_confirmation/sc_1/{MAC}?x=1",
        f"\\/callbacks\\/stk\\/pay_1\\/{MAC}",
        f"/callbacks//stk//pay_1//{MAC}/",
        f"/CALLBACKS/stk/pay_1/{MAC.upper()}",
        f"\\\\\\/callbacks\\\\\\/stk\\\\\\/pay_1\\\\\\/{MAC}",
        f"https%3A%2F%2Fpay.example/callbacks%2Fstk%2Fpay_1%2F{MAC}",
        f"https%3A%2F%2Fpay.example%2Fcallbacks%2Fstk%2Fpay_1%2F{MAC}",
        f"https%253A%252F%252Fpay.example%252Fcallbacks%252Fstk%252Fpay_1%252F{MAC}",
        f"https:&#x2F;&#x2F;pay.example&#x2F;callbacks&#x2F;stk&#x2F;pay_1&#x2F;{MAC}",
        f"https:&#47;&#47;pay.example&#47;callbacks&#47;stk&#47;pay_1&#47;{MAC}",
        f"https:\\u002F\\u002Fpay.example\\u002Fcallbacks\\u002Fstk\\u002Fpay_1\\u002F{MAC}",
    ],
)
def test_the_secret_end_of_a_callback_path_goes(path: str) -> None:
    assert MAC not in redact_text(path).lower()
    assert MAC not in redact(json.dumps({"CallBackURL": path}).encode()).decode().lower()


@pytest.mark.parametrize("left", [4, 12, 30, 31])
def test_a_callback_secret_cut_short_goes_too(left: int) -> None:
    cleaned = redact(f"No such path: /callbacks/stk/pay_1/{MAC[:left]}...".encode())
    assert cleaned == b"No such path: /callbacks/stk/pay_1/[secret]..."


def test_credentials_of_a_header_go_wherever_they_stand() -> None:
    token = "abcdefghijklmnopqrstuvwxyz01"
    for text in (f"Authorization: Bearer {token}", f'"basic {token}"', f"<p>Bearer   {token}</p>", f"BASIC\t{token}"):
        assert token not in redact(text.encode()).decode()
    assert redact(b"Basic information is needed") == b"Basic information is needed"


def test_m_pesas_echo_of_a_token_goes_and_its_fixed_words_stay() -> None:
    assert redact(b'{"errorMessage":"Invalid Access Token - abcDEF123"}').endswith(b'Access Token - [secret]"}')
    fixed = b'{"errorMessage":"Invalid Access Token - Invalid API call as no apiproduct match found"}'
    assert redact(fixed) == fixed


@pytest.mark.parametrize(
    "name", ["Authorization", "X-Authorization", "Cookie", "Set-Cookie", "Proxy-Authorization", "X-Api-Key", "apikey"]
)
def test_a_secret_header_keeps_its_name_only(name: str) -> None:
    assert redact_headers(((name, SECRET), (name.lower(), SECRET), ("Accept", "*/*"))) == (
        (name, MARK),
        (name.lower(), MARK),
        ("Accept", "*/*"),
    )


@pytest.mark.parametrize("path", ["/callbacks/stk/pay_1/", "/CALLBACKS/stk/pay_1/", "%2Fcallbacks%2Fstk%2Fpay_1%2F"])
def test_a_referer_to_a_callback_path_loses_its_secret(path: str) -> None:
    ((_, value),) = redact_headers((("referer", f"http://x{path}{MAC}"),))
    assert MAC not in value


_CARRIERS = [
    f"http://x/callbacks/stk/pay_1/{MAC}",
    f"http://x/?next=%2FCallbacks%2Fstk%2Fpay_1%2F{MAC}",
    f"Basic {SECRET * 2}",
    f"Bearer {SECRET * 2}",
    f"BEARER {SECRET * 2}",
    f"basic\t{SECRET * 2}",
]
_SECRET_PAIRS = [*((spelled(name), "v") for name in sorted(SECRET_HEADERS) for spelled in (str, str.title, str.upper))]


@pytest.mark.parametrize("pair", [*_SECRET_PAIRS, *(("x", value) for value in _CARRIERS)])
def test_no_header_that_loses_anything_is_passed_over_at_a_glance(pair: tuple[str, str]) -> None:
    headers = (("host", "shop.example"), pair)
    assert redact_headers(headers) != headers
    assert headers_may_hold_secrets(json.dumps(headers))


@given(st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9) | st.sampled_from(_CARRIERS)), max_size=5))
def test_what_a_glance_passes_over_loses_nothing(drawn: list[tuple[str, str]]) -> None:
    headers = tuple(drawn)
    assert redact_headers(headers) == headers or headers_may_hold_secrets(json.dumps(headers))


def test_ordinary_headers_are_seen_through_at_a_glance() -> None:
    ordinary = (("content-type", "application/json"), ("host", "shop.example"), ("webhook-id", "ntf_1"))
    assert not headers_may_hold_secrets(json.dumps(ordinary))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\x00\xfe",
        b'{"Amount":150,"AccountReference":"PIN-NUMBER","Description":"secret santa"}',
        b'{"Body":{"stkCallback":{"ResultCode":0,"ResultDesc":"The key is turned"}}}',
        b"a token of thanks; the password is not here",
    ],
)
def test_honest_bytes_stay_as_they_are(body: bytes) -> None:
    assert redact(body) == body


@given(st.binary(max_size=300))
def test_cleaning_twice_is_cleaning_once(body: bytes) -> None:
    assert redact(redact(body)) == redact(body)


@given(st.text("abcdefABCDEF0123456789+/=.-_", min_size=8, max_size=60), st.integers(0, 60))
def test_a_value_cut_off_anywhere_is_still_hidden(secret: str, cut: int) -> None:
    body = json.dumps({"Password": secret, "x": 1}).encode()
    assert secret.encode() not in redact(body[: len(body) - min(cut, len(body) - 13)])


def test_a_secret_across_the_cap_is_hidden() -> None:
    for start in range(BODY_LIMIT_BYTES - 40, BODY_LIMIT_BYTES, 7):
        stored = kept(b"{" + b" " * start + b'"Password":"' + SECRET.encode() * 3 + b'"}')
        assert len(stored) <= BODY_LIMIT_BYTES
        assert SECRET.encode() not in stored


def test_what_we_sent_is_not_believed_back_into_our_records() -> None:
    headers = (("Authorization", f"Bearer {SECRET}"), ("Accept", "*/*"))
    secrets = secrets_of(headers, b'{"Password":"c2VjcmV0cGFzcw==","Amount":150,"Pin":"1"}')
    assert set(secrets) == {SECRET.encode(), b"c2VjcmV0cGFzcw=="}
    answer = f"You said {SECRET} and c2VjcmV0cGFzcw== for 150".encode()
    assert without_echo(answer, secrets) == b"You said [secret] and [secret] for 150"
    assert without_echo(b"150", ()) == b"150"


SLOW = {
    "callbacks": b"/callbacks/" * 6_000,
    "callbacks and spelled slashes": (b"callbacks/" + b"\\u002f" * 100) * 100,
    "callbacks and halves of them": (b"callbacks/" + b"u002f" * 100) * 120,
    "callback and hex": b"/callbacks/" + b"0" * 31 + b"/" * 60_000,
    "backslashes": b'pass "' + b"\\" * 65_000,
    "backslashes and quotes": b'pass\\"' + b'\\\\\\"' * 16_000,
    "names": b'"password":' * 6_000,
    "open names": b'"password": "' * 5_000,
    "brackets": b'"password":[' * 5_400,
    "spaces": b'"password"' + b" " * 65_000,
    "bearer": b"bearer " * 9_000,
    "bearer and spaces": b"bearer" + b" " * 60_000,
    "forms": b"&pin=" * 13_000,
    "echo": b"Invalid Access Token - " * 2_800,
}


@pytest.mark.parametrize("name", SLOW)
def test_a_body_made_to_be_slow_is_cleaned_as_any_other(name: str) -> None:
    cleaned = redact(SLOW[name])
    assert redact(cleaned) == cleaned
