"""Bodies, headers, paths and methods that no honest client sends: each gets a 4xx and a sentence, and life goes on."""

import gzip
import json
import resource
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from hostile.conftest import whole_house
from services.gateway import CUSTOMER, SANDBOX, House, basic

PUSH = f"{SANDBOX}/lnm/customerpaybill"
DARAJA_PUSH = "/sandbox/mpesa/stkpush/v1/processrequest"
GOOD = {"RequestID": "R-1", "Amount": 150, "SenderMSISDN": CUSTOMER, "AccountReference": "INV-1"}
DEPTH = 100_000
MEGABYTE = 1_048_576
GROWTH_LIMIT_KB = 60_000

BODIES = {
    "ten megabytes of text": b'"' + b"a" * (10 * MEGABYTE) + b'"',
    "ten megabytes of an object": b'{"Amount": 150, "x": "' + b"a" * (10 * MEGABYTE) + b'"}',
    "arrays in arrays": b"[" * DEPTH + b"]" * DEPTH,
    "objects in objects": b'{"a":' * (DEPTH // 10) + b"1" + b"}" * (DEPTH // 10),
    "an array that never ends": b"[" * 60_000,
    "UTF-16": json.dumps(GOOD).encode("utf-16"),
    "UTF-32": json.dumps(GOOD).encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(GOOD).encode(),
    "bytes that are no UTF-8": b'{"RequestID": "\xff\xfe\x80"}',
    "a lone surrogate": b'{"RequestID": "\\ud800", "Amount": 150}',
    "NUL in the text": b'{"RequestID": "R\\u0000", "Amount": 150, "SenderMSISDN": "254712345678"}',
    "NUL bytes": b"\x00" * 500,
    "compressed": gzip.compress(json.dumps(GOOD).encode()),
    "a number without end": b'{"Amount": ' + b"9" * 60_000 + b"}",
    "an exponent": b'{"RequestID": "R-1", "Amount": 1e400, "SenderMSISDN": "254712345678"}',
    "not a number": b'{"RequestID": "R-1", "Amount": NaN, "SenderMSISDN": "254712345678"}',
    "the same key twice": b'{"Amount": 1, "Amount": "x", "RequestID": "R-1"}',
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "a form": b"RequestID=R-1&Amount=150",
    "nothing": b"",
    "a word": b"null",
    "control characters": b'{"RequestID": "R\x01\x02", "Amount": 150}',
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with whole_house(tmp_path) as house:
        yield house


async def bearer(house: House) -> dict[str, str]:
    path = "/sandbox/oauth/v1/generate?grant_type=client_credentials"
    answer = await house.client.get(path, headers=basic(house.app))
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def says_why(answer: httpx2.Response) -> None:
    """A 4xx with one sentence, in the shape of the face that was asked."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text[:300])
    body = answer.json()
    assert (body.get("detail") or body["errorMessage"]).strip()
    assert "Traceback" not in answer.text
    assert len(answer.content) < 4_096


async def still_serves(house: House, request_id: str) -> None:
    answer = await house.push(request_id, ReceiverShortcode="174379", SenderMSISDN="254700000002")
    assert answer.status_code == 202, answer.text


async def test_a_hostile_body_is_refused_by_the_api(house: House) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name, body in BODIES.items():
        answer = await house.client.post(PUSH, content=body, headers=basic(house.app))
        assert 400 <= answer.status_code < 500, (name, answer.status_code, answer.text[:300])
        says_why(answer)
    await still_serves(house, "AFTER-1")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < GROWTH_LIMIT_KB


async def test_a_hostile_body_is_refused_by_darajas_paths(house: House) -> None:
    headers = await bearer(house) | {"Content-Type": "application/json"}
    for name, body in BODIES.items():
        answer = await house.client.post(DARAJA_PUSH, content=body, headers=headers)
        assert 400 <= answer.status_code < 500, (name, answer.status_code, answer.text[:300])
        says_why(answer)
    await still_serves(house, "AFTER-2")


async def test_a_hostile_body_to_a_callback_is_kept_and_acknowledged(house: House) -> None:
    """M-Pesa is answered 200 whatever it sends to a path that is ours; it is kept as far as the limit, not believed."""
    await still_serves(house, "CALLED")
    shortcode = next(s for s in await house.gateway.journal.shortcodes() if s.number == "174379")
    (payment,) = [
        p
        for p in [await house.gateway.journal.payment_by_request(house.app.app.organisation_id, "sandbox", "CALLED")]
        if p is not None
    ]
    url = house.gateway.payments.callback_url
    kinds = {"stk": payment.id, "result": payment.id, "outcome": payment.id, "status": payment.id}
    kinds |= dict.fromkeys(("c2b_confirmation", "bill_payment"), shortcode.id)
    for kind, subject in kinds.items():
        path = url(kind, subject).removeprefix(house.url)
        for name, body in BODIES.items():
            answer = await house.client.post(path, content=body)
            assert answer.status_code == 200, (kind, name, answer.text[:300])
    state = (await house.request("CALLED"))["State"]
    assert state in {"pending", "unknown"}
    assert await house.count("exchanges WHERE verdict LIKE 'quarantined%'") >= len(kinds) * len(BODIES) - len(kinds)


HEADERS: dict[str, list[tuple[bytes, bytes]]] = {
    "credentials that are no base64": [(b"Authorization", b"Basic %%%%")],
    "credentials that are no text": [(b"Authorization", b"Basic /////////w==")],
    "credentials without a colon": [(b"Authorization", b"Basic YWJj")],
    "an empty scheme": [(b"Authorization", b"")],
    "a scheme nobody knows": [(b"Authorization", b"Negotiate abc")],
    "bytes outside ASCII": [(b"Authorization", b"Basic \xff\xfe\xe9")],
    "two of them": [(b"Authorization", b"Basic YWJjOmRlZg=="), (b"Authorization", b"Bearer x")],
    "a token of dots": [(b"Authorization", b"Bearer " + b"." * 200)],
    "a long token": [(b"Authorization", b"Bearer " + b"a" * 8_000)],
    "a header of 40 KB": [(b"X-Long", b"a" * 40_000)],
    "a hundred headers": [(b"X-%d" % number, b"1") for number in range(100)],
    "forwarding by nobody": [(b"X-Forwarded-For", b"1.2.3.4, ::1, rubbish, \xff")],
    "a host that is not ours": [(b"Host", b"evil.example"), (b"X-Forwarded-Host", b"evil.example")],
}


@pytest.mark.parametrize("path", [PUSH, DARAJA_PUSH, f"{SANDBOX}/requests", "/callbacks/stk/pay_x/secret"])
async def test_hostile_headers_are_refused(house: House, path: str) -> None:
    for name, headers in HEADERS.items():
        has_host = any(key == b"Host" for key, _ in headers)
        lines = [b"POST " + path.encode() + b" HTTP/1.1", *([] if has_host else [b"Host: here"])]
        lines += [key + b": " + value for key, value in headers]
        lines += [b"Content-Length: 2", b"Connection: close", b"", b"{}"]
        answer = await house.raw(b"\r\n".join(lines))
        assert 400 <= answer.status_code < 500, (name, answer.status_code, answer.text)
        assert b"Traceback" not in answer.content
    await still_serves(house, "AFTER-3")


SMUGGLED = {
    "two lengths": b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
    "length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a length that is no number": b"Content-Length: two\r\n\r\n{}",
    "a negative length": b"Content-Length: -1\r\n\r\n{}",
    "chunks of no size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
    "a coding nobody knows": b"Transfer-Encoding: gzip, chunked\r\nTransfer-Encoding: identity\r\n\r\n{}",
    "a folded header": b"X-A: 1\r\n  2\r\nContent-Length: 2\r\n\r\n{}",
    "a header without a name": b": nothing\r\nContent-Length: 2\r\n\r\n{}",
    "a NUL in a header": b"X-A: a\x00b\r\nContent-Length: 2\r\n\r\n{}",
}


@pytest.mark.parametrize("name", SMUGGLED)
async def test_ambiguous_requests_are_refused(house: House, name: str) -> None:
    head = b"POST " + PUSH.encode() + b" HTTP/1.1\r\nHost: here\r\nConnection: close\r\n"
    answer = await house.raw(head + SMUGGLED[name])
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    await still_serves(house, "AFTER-4")


PATHS = [
    "/%00",
    "/..%2f..%2fetc%2fpasswd",
    "/static/..%2f..%2fapp.py",
    "/static/%2e%2e/%2e%2e/config.py",
    f"{SANDBOX}/requests/%ff%fe",
    f"{SANDBOX}/requests/%00",
    f"{SANDBOX}/requests/" + "a" * 10_000,
    f"{SANDBOX}/requests?limit=%F0%9F%98%80&before=%00",
    f"{SANDBOX}/requests?limit=" + "9" * 5_000,
    "/callbacks/stk/%00/%ff",
    "/callbacks/" + "x/" * 2_000,
    "/trace/pay_x/" + "0" * 64,
    "/problems/%3Cscript%3E",
    "//evil.example/%0d%0aSet-Cookie:a=b",
]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "BREW"])
async def test_paths_and_methods_that_are_nothing_are_refused(house: House, method: str) -> None:
    for path in PATHS:
        request = f"{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()
        answer = await house.raw(request)
        assert 400 <= answer.status_code < 500, (path, answer.status_code, answer.text)
        assert "set-cookie" not in answer.headers
        assert b"<script>" not in answer.content.lower()
    await still_serves(house, "AFTER-5")
