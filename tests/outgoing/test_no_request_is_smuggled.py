"""What a caller hands over is one request on the wire, or nothing at all."""

import string
from typing import Any

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outgoing.conftest import Wire
from wakala.outgoing import NoReply, Outgoing
from wakala.outgoing.message import Origin, UnsentError, compose

URL = "http://merchant.example/hook"
BREAKS = ["\r\nX-Evil: 1", "\nX-Evil: 1", "\rX-Evil: 1", "\0", "\x0b", "\x1f", "\x7f"]


class Read:
    """What an independent parser makes of the bytes."""

    def __init__(self, wire: bytes) -> None:
        self.path = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""
        self.messages = 0
        self._parser = httptools.HttpRequestParser(self)
        self._parser.feed_data(wire)

    @property
    def method(self) -> bytes:
        return self._parser.get_method()

    def on_url(self, url: bytes) -> None:
        self.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.messages += 1


@pytest.mark.parametrize("text", BREAKS)
@pytest.mark.parametrize("where", ["name", "value", "path", "query", "host", "method"])
async def test_a_line_break_or_a_control_character_is_never_sent(
    wire: Wire, client: Outgoing, text: str, where: str
) -> None:
    url = {"path": f"{wire.url}/a{text}b", "query": f"{wire.url}?a{text}b", "host": f"http://127.0.0.1{text}:1/"}
    headers = {"name": [(f"X{text}", "a")], "value": [("X", f"a{text}b")]}
    method = f"POST{text}" if where == "method" else "POST"
    reply = await client.send(method, url.get(where, wire.url), headers.get(where, ()), b"x", total_s=3)
    assert isinstance(reply, NoReply)
    assert reply.unsent
    assert text not in reply.reason
    assert wire.connections == []


@pytest.mark.parametrize("name", ["Content-Length", "transfer-encoding", "HOST", "Connection", "Expect", "Upgrade"])
def test_where_a_request_ends_and_whom_it_is_for_is_not_the_callers_to_say(name: str) -> None:
    with pytest.raises(UnsentError, match="not the caller's"):
        compose("POST", URL, [(name, "5")], b"x")


@pytest.mark.parametrize("name", ["", " X", "X ", "X:", "X Y", "X\u00e9", "\ud800"])
def test_a_header_without_a_proper_name_is_not_sent(name: str) -> None:
    with pytest.raises(UnsentError):
        compose("POST", URL, [(name, "5")], b"x")


@pytest.mark.parametrize(
    "url",
    [
        "http://user@merchant.example/",
        "http://user:secret@merchant.example/",
        "http://merchant.example\\@evil.example/",
        "http://merchant.example/ a",
        "http://merchant.example:0/",
        "http://merchant.example:65536/",
        "http://merchant.example:+80/",
        "http://merchant.example:\u0668\u0660/",
        "http://[::1/",
        "http://[::1]evil/",
        "http://[fe80::1%25eth0]/",
        "http://[v1.a]/",
        "http://::1/",
        "http://a..b/",
        "http://.a/",
        "http://" + "a" * 64 + ".example/",
        "http://" + "a." * 130 + "example/",
        "http://fa\u00df.example/",
        "http://\ud800.example/",
        "http://a.example/\ud800",
        "https:/merchant.example",
        "//merchant.example/",
        "javascript:alert(1)",
    ],
)
def test_what_is_no_plain_address_is_refused(url: str) -> None:
    with pytest.raises(UnsentError, match="not an http or https address"):
        compose("GET", url, (), b"")


@pytest.mark.parametrize(
    ("url", "origin", "host", "path"),
    [
        ("http://a.example", ("http", "a.example", 80), b"a.example", b"/"),
        ("HTTPS://A.Example/", ("https", "a.example", 443), b"a.example", b"/"),
        ("https://a.example:8443/b?c=d&e", ("https", "a.example", 8443), b"a.example:8443", b"/b?c=d&e"),
        ("https://a.example:443/", ("https", "a.example", 443), b"a.example", b"/"),
        ("http://a.example:/", ("http", "a.example", 80), b"a.example", b"/"),
        ("http://a.example?b", ("http", "a.example", 80), b"a.example", b"/?b"),
        ("http://a.example/b#c", ("http", "a.example", 80), b"a.example", b"/b"),
        ("http://a.example/%2e%2e/b%zz", ("http", "a.example", 80), b"a.example", b"/%2e%2e/b%zz"),
        ("http://a.example/\u00e9?\u00e9", ("http", "a.example", 80), b"a.example", b"/%C3%A9?%C3%A9"),
        ("http://b\u00fccher.example/", ("http", "xn--bcher-kva.example", 80), b"xn--bcher-kva.example", b"/"),
        ("http://my_service:8080/", ("http", "my_service", 8080), b"my_service:8080", b"/"),
        ("http://[2606:4700::0001]:81/", ("http", "2606:4700::1", 81), b"[2606:4700::1]:81", b"/"),
        ("https://[2606:4700::1]/", ("https", "2606:4700::1", 443), b"[2606:4700::1]", b"/"),
        ("https://a.example./", ("https", "a.example.", 443), b"a.example.", b"/"),
    ],
)
def test_an_address_leads_where_it_says(url: str, origin: tuple[str, str, int], host: bytes, path: bytes) -> None:
    message = compose("GET", url, (), b"")
    read = Read(message.wire)
    assert message.origin == Origin(*origin)
    assert (read.path, read.headers) == (path, [(b"Host", host)])


@pytest.mark.parametrize(("method", "length"), [("GET", None), ("HEAD", None), ("POST", b"0"), ("DELETE", b"0")])
def test_an_empty_body_has_a_length_where_one_is_expected(method: str, length: bytes | None) -> None:
    assert dict(Read(compose(method, URL, (), b"").wire).headers).get(b"Content-Length") == length


def test_a_method_that_changes_the_connection_is_not_sent() -> None:
    for method in ("CONNECT", "post", "", "POST /x"):
        with pytest.raises(UnsentError):
            compose(method, URL, (), b"")


names = st.text(string.ascii_letters + string.digits + "-_.!", min_size=1, max_size=20)
values = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=40)


@given(st.lists(st.tuples(names, values), max_size=8), st.binary(max_size=200))
def test_headers_and_body_arrive_as_they_were_handed_over(headers: list[tuple[str, str]], body: bytes) -> None:
    try:
        message = compose("POST", URL, headers, body)
    except UnsentError as why:
        assert "not the caller's" in str(why)  # noqa: PT017 - the only reason there may be
        return
    read = Read(message.wire)
    ours = [(b"Host", b"merchant.example")]
    theirs = [(name.encode(), value.encode().lstrip(b" \t")) for name, value in headers]
    assert read.headers == [*ours, *theirs, (b"Content-Length", b"%d" % len(body))]
    assert (read.messages, read.method, read.body) == (1, b"POST", body)


anything = st.text(max_size=30)


@given(anything, anything, st.lists(st.tuples(anything, anything), max_size=3), st.binary(max_size=30), st.data())
def test_whatever_is_handed_over_is_one_request_or_none(
    path: str, query: str, headers: list[tuple[str, str]], body: bytes, data: Any
) -> None:
    url = data.draw(st.sampled_from([f"{URL}/{path}?{query}", f"http://{path}/{query}", path]))
    try:
        message = compose("POST", url, headers, body)
    except UnsentError:
        return
    read = Read(message.wire)
    assert (read.messages, read.body, len(read.headers)) == (1, body, len(headers) + 2)
