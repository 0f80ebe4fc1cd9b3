"""Whatever comes, the answer is a problem that says what to do, and nothing was half done."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway import LIVE, SANDBOX, House, basic, is_problem, running_gateway

PUSH = f"{SANDBOX}/lnm/customerpaybill"
SIMULATE = f"{SANDBOX}/c2b/customerpaybill"
GOOD: dict[str, Any] = {
    "RequestID": "BAD-1",
    "Amount": 150,
    "SenderMSISDN": "0712345678",
    "AccountReference": "INV-1",
}
BODY_LIMIT_BYTES = 65_536


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    async with running_gateway(folder) as house:
        yield house


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def nothing_happened(house: House) -> None:
    assert await house.count("payments") == 0
    assert await house.count("notifications") == 0
    assert house.prompts() == 0


async def send(house: House, body: bytes, path: str = PUSH) -> httpx2.Response:
    return await house.client.post(path, content=body, headers=basic(house.app))


def with_field(name: str, value: bytes) -> bytes:
    rest = {key: kept for key, kept in GOOD.items() if key != name}
    return json.dumps(rest).encode()[:-1] + b", " + json.dumps(name).encode() + b": " + value + b"}"


NOT_A_REQUEST = {
    "nothing": b"",
    "blank": b"   ",
    "text": b"hello",
    "html": b"<html></html>",
    "form": b"RequestID=A&Amount=1",
    "null": b"null",
    "number": b"1",
    "huge number": b"9" * 5_000,
    "list": b"[]",
    "empty": b"{}",
    "cut off": b'{"RequestID": "A", "Amount": 15',
    "two": json.dumps(GOOD).encode() * 2,
    "NaN": with_field("Amount", b"NaN"),
    "Infinity": with_field("Amount", b"-Infinity"),
    "deep list": b"[" * 60_000,
    "deep object": b'{"a":' * 10_000,
    "deep field": with_field("ReferenceData", b"[" * 30_000),
    "deep unknown field": with_field("Else", b"[" * 30_000 + b"]" * 30_000),
    "bytes": bytes(range(256)),
    "not UTF-8": with_field("AccountReference", b'"\xff\xfe"'),
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "lone surrogate": with_field("AccountReference", b'"\\ud800"'),
    "lone surrogate as a name": with_field("AccountReference", b'"x", "\\udfff": 1'),
    "NUL inside": b'{"RequestID"\x00: "A"}',
    "comment": b'{"RequestID": "A" /* mine */}',
    "gzip": bytes.fromhex("1f8b0800000000000003") + b"\0" * 40,
}


@pytest.mark.parametrize("path", [PUSH, f"{SANDBOX}/lnm/customerbuygoods", SIMULATE, f"{LIVE}/lnm/customerpaybill"])
@pytest.mark.parametrize("name", NOT_A_REQUEST)
async def test_what_is_no_request_is_refused(house: House, name: str, path: str) -> None:
    is_problem(await send(house, NOT_A_REQUEST[name], path))
    await nothing_happened(house)


BAD_FIELDS: list[tuple[str, bytes]] = [
    *(("Amount", value) for value in (b"0", b"-1", b"0.5", b"250001", b"1e400", b"-1e400", b"1e22", b"9" * 400)),
    *(
        ("Amount", value)
        for value in (b"true", b"null", b'"x"', b'""', b'"1 000"', b'"NaN"', b'"1e3"', b"[150]", b"{}")
    ),
    *(
        ("Amount", value)
        for value in (b'"\\u0661\\u0665\\u0660"', b'"150.001"', b'"\\u0000"', b"0.1e-400", b"18446744073709551616")
    ),
    *(
        ("SenderMSISDN", value)
        for value in (b'"0612345678"', b'""', b"0.5", b"-254712345678", b"1e400", b'"07123456789"')
    ),
    *(("SenderMSISDN", value) for value in (b'"254712345678; DROP"', b'"\\u0000"', b"null", b"[1]", b"9" * 60)),
    *(("RequestID", value) for value in (b'""', b'"a b"', b'"a\\n"', b'"-a"', b'"a/b"', b'"c2b:X"', b"1", b"null")),
    *(("RequestID", value) for value in (b'"' + b"a" * 65 + b'"', b'"a\\u0000"', '"é"'.encode(), b'"../../etc"')),
    *(("AccountReference", value) for value in (b'""', b'" a"', b'"a\\n"', b'"\\u0000"', b'"\\u007f"', b"5", b"null")),
    *(("AccountReference", value) for value in (b'"' + b"a" * 65 + b'"', b'"a\\r\\nX-Header: 1"')),
    *(("Description", value) for value in (b"5", b'"\\u001b[31m"', b'"' + b"d" * 65 + b'"', b'" "')),
    *(
        ("ReceiverShortcode", value)
        for value in (b"174379", b'"1743"', b'"17437a"', b'"\\u0661\\u0662\\u0663\\u0664\\u0665"', b'"174379\\n"')
    ),
    *(("ReferenceData", value) for value in (b"{}", b"[1]", b'[{"Key": "a"}]', b'[{"Key": "", "Value": "b"}]')),
    *(("ReferenceData", value) for value in (b'[{"Key": "a", "Value": 1}]', b'[{"Key": "a", "Value": "b", "C": 1}]')),
    ("ReferenceData", json.dumps([{"Key": "a", "Value": "b"}] * 21).encode()),
    ("ReferenceData", json.dumps([{"Key": "a", "Value": "b" * 257}]).encode()),
    *(
        ("CallbackUrl", value)
        for value in (b'"ftp://a/"', b'"http://"', b'"http://["', b'"http://a\\n"', b'"http:///x"')
    ),
    *(
        ("CallbackUrl", value)
        for value in (b'"http://a:99999/"', b'"http://a:x/"', b'"http://u:p@a/"', b'"http://a\\u0000"')
    ),
    *(
        ("CallbackUrl", value)
        for value in (b'"javascript:alert(1)"', b'"//a/b"', b'"http://a/#f"', b'"http://a b/"', b"1")
    ),
    ("CallbackUrl", b'"http://' + b"a" * 2_048 + b'"'),
    ("Else", b"1"),
    ("requestid", b'"a"'),
    ("Password", b'"x"'),
    ("a/b~c", b"1"),
    ("", b"1"),
    ("\x00", b"1"),
    ("x" * 5_000, b"1"),
]


@pytest.mark.parametrize(("name", "value"), BAD_FIELDS, ids=lambda value: repr(value[:24]))
async def test_a_wrong_field_is_named(house: House, name: str, value: bytes) -> None:
    problem = is_problem(await send(house, with_field(name, value)), 422, "invalid_fields")
    (fault,) = problem["errors"]
    escaped = name.replace("~", "~0").replace("/", "~1")
    assert fault["pointer"] == f"/{escaped}" or fault["pointer"].startswith(f"/{name}/")
    assert fault["message"].endswith(".")
    await nothing_happened(house)


async def test_all_wrong_values_are_named_at_once(house: House) -> None:
    body = {**GOOD, "Amount": "x", "SenderMSISDN": "0612", "AccountReference": " a", "CallbackUrl": "http://["}
    problem = is_problem(await send(house, json.dumps(body).encode()), 422)
    assert [fault["pointer"] for fault in problem["errors"]] == [
        "/Amount",
        "/SenderMSISDN",
        "/AccountReference",
        "/CallbackUrl",
    ]


@pytest.mark.parametrize("name", GOOD)
async def test_a_missing_field_is_named(house: House, name: str) -> None:
    body = {key: value for key, value in GOOD.items() if key != name}
    (fault,) = is_problem(await send(house, json.dumps(body).encode()), 422)["errors"]
    assert fault == {"pointer": f"/{name}", "message": "This field is required."}


@pytest.mark.parametrize(
    "body",
    [
        with_field("Amount", b'150, "Amount": 1'),
        with_field("Amount", b'150, "Amount": 150'),
        with_field("Amount", b'150, "\\u0041mount": 1'),
        with_field("ReferenceData", b'[{"Key": "a", "Value": "b", "Key": "c"}]'),
    ],
)
async def test_a_field_that_stands_twice_has_no_meaning(house: House, body: bytes) -> None:
    problem = is_problem(await send(house, body), 422, "invalid_fields")
    assert "twice" in problem["errors"][0]["message"]
    await nothing_happened(house)


@pytest.mark.parametrize("size_bytes", [BODY_LIMIT_BYTES + 1, 100_000, 3_000_000])
async def test_more_bytes_than_any_honest_request_has_are_refused(house: House, size_bytes: int) -> None:
    for path in (PUSH, SIMULATE):
        is_problem(await send(house, b" " * size_bytes, path), 413, "payload_too_large")
    is_problem(await send(house, with_field("Description", b'"' + b"d" * size_bytes + b'"')), 413)
    await nothing_happened(house)


async def test_a_chunked_body_is_counted_too(house: House) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 50_000

    answer = await house.client.post(PUSH, content=endless(), headers=basic(house.app))
    is_problem(answer, 413, "payload_too_large")


READS = [
    f"{SANDBOX}/requests?limit=0",
    f"{SANDBOX}/requests?limit=-1",
    f"{SANDBOX}/requests?limit=x",
    f"{SANDBOX}/requests?limit=1e3",
    f"{SANDBOX}/requests?limit=%B2",
    f"{SANDBOX}/requests?limit=201",
    f"{SANDBOX}/requests?limit=" + "9" * 5_000,
    f"{SANDBOX}/requests?before=%00",
    f"{SANDBOX}/requests?before=%FF",
    f"{SANDBOX}/requests?before=yesterday",
]


@pytest.mark.parametrize("path", READS, ids=lambda path: path[20:50])
async def test_a_cursor_that_is_none_is_refused(house: House, path: str) -> None:
    is_problem(await house.get(path), 422, "invalid_fields")


ODD_NAMES = [
    "%00",
    "a%00b",
    "%FF%FE",
    "%0A",
    "%2e%2e%2f",
    "..%2f..",
    "a" * 8_000,
    "%",
    "%zz",
    "%C3%A9",
    "'%20OR%201=1--",
    "~",
]


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: name[:20])
async def test_odd_names_in_a_path_find_nothing(house: House, name: str) -> None:
    for path in (f"{SANDBOX}/requests/{name}", f"{SANDBOX}/requests/{name}/trace"):
        answer = await house.raw(get(path, house))
        is_problem(answer, 404, "not_found")
    for path in (f"/static/{name}", f"/callbacks/{name}", f"/{name}"):
        assert 400 <= (await house.raw(get(path, house))).status_code < 500
    for path in (f"/trace/{name}/{name}", f"/problems/{name}"):
        answer = await house.raw(get(path, house))
        assert answer.status_code == 404
        assert "<script" not in answer.text.replace('<script src="/static', "")


def get(path: str, house: House) -> bytes:
    authorization = basic(house.app)["Authorization"]
    return f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {authorization}\r\n\r\n".encode(
        "latin-1"
    )


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /\xff\xfe HTTP/1.1",
        b"GET /\x00 HTTP/1.1",
        b"GET nothing HTTP/1.1",
        b"PRI * HTTP/2.0",
        b"FETCH / HTTP/1.1",
        b"GET / HTTP/9.9",
        b"\x16\x03\x01\x02\x00",
    ],
)
async def test_what_is_no_http_gets_a_4xx(house: House, request_line: bytes) -> None:
    answer = await house.raw(request_line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert 400 <= answer.status_code < 500
    assert (await house.client.get("/livez")).status_code == 200


@pytest.mark.parametrize(
    "host", [b"[", b"", b"a b", b"\xff", b"x" * 5_000, b"evil.example\r\nX-Forwarded-For: 1.2.3.4"]
)
async def test_no_host_header_breaks_a_path_that_is_not_there(house: House, host: bytes) -> None:
    answer = await house.raw(b"GET /nowhere HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n")
    assert is_problem(answer, 404, "not_found")["instance"] == "/nowhere"
    assert b"evil" not in answer.content


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", PUSH),
        ("PUT", PUSH),
        ("DELETE", f"{SANDBOX}/requests/A"),
        ("POST", f"{SANDBOX}/auth"),
        ("POST", "/openapi.json"),
        ("PATCH", "/livez"),
        ("GET", "/callbacks/stk/a/b"),
    ],
)
async def test_a_wrong_method_is_named(house: House, method: str, path: str) -> None:
    is_problem(await house.client.request(method, path, headers=basic(house.app)), 405, "method_not_allowed")


@pytest.mark.parametrize(
    "path", [f"{PUSH}/", f"{SANDBOX}/lnm", f"{SANDBOX}/b2c/businesspayments", "/", f"{LIVE}/c2b/customerpaybill"]
)
async def test_a_path_that_is_not_there_is_no_redirect(house: House, path: str) -> None:
    is_problem(await send(house, json.dumps(GOOD).encode(), path), 404, "not_found")
    await nothing_happened(house)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], database=None
)


@RELAXED
@given(body=st.binary(max_size=400), path=st.sampled_from([PUSH, SIMULATE]))
async def test_no_bytes_break_it(house: House, body: bytes, path: str) -> None:
    is_problem(await send(house, body, path))
    await nothing_happened(house)


@RELAXED
@given(
    name=st.sampled_from([*GOOD, "Description", "ReferenceData", "CallbackUrl", "ReceiverShortcode"]), value=JSON_VALUES
)
async def test_no_value_of_any_type_breaks_it(house: House, name: str, value: Any) -> None:
    """Amount 0 keeps the good ones from being sent."""
    body = json.dumps({**GOOD, name: value, **({"Amount": 0} if name != "Amount" else {"SenderMSISDN": ""})})
    is_problem(await send(house, body.encode()))
    await nothing_happened(house)


@RELAXED
@given(request_id=st.text(min_size=1, max_size=60), query=st.text(max_size=40))
async def test_no_path_or_query_breaks_a_read(house: House, request_id: str, query: str) -> None:
    for path in (f"{SANDBOX}/requests/", f"{SANDBOX}/requests?before=", f"{SANDBOX}/requests?limit=", "/problems/"):
        text = request_id if path.endswith("/") else query
        quoted = "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass"))
        answer = await house.raw(get(path + quoted, house))
        assert answer.status_code < 500, (path, text, answer.text)


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("endpoints/callbackurl", {}, "/CallbackUrl"),
        ("endpoints/callbackurl", {"CallbackUrl": "https://shop.example/", "Waiting": "rest"}, "/Waiting"),
        ("endpoints/pause", {"Because": "of rain"}, "/Because"),
        ("notifications/replay", {"From": "2026-11-30"}, "/From"),
        ("notifications/acknowledge", {"Consumer": "listen"}, "/Cursor"),
        ("notifications/forget", {"Consumer": 1}, "/Consumer"),
    ],
)
async def test_a_wrong_field_of_any_body_is_named(
    house: House, path: str, body: dict[str, object], pointer: str
) -> None:
    answer = await send(house, json.dumps(body).encode(), f"{SANDBOX}/{path}")
    [fault] = is_problem(answer, 422, "invalid_fields")["errors"]
    assert fault["pointer"] == pointer
    assert "`$" not in fault["message"]


@pytest.mark.parametrize("path", ["endpoints/callbackurl", "notifications/replay", "notifications/forget"])
async def test_a_body_that_is_no_json_is_called_so_wherever_it_is_sent(house: House, path: str) -> None:
    is_problem(await send(house, b"{CallbackUrl", f"{SANDBOX}/{path}"), 400, "bad_request")
