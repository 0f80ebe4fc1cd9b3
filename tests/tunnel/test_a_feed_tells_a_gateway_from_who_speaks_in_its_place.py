"""While a gateway is out of order its proxy answers for it: that is a break, and not the end of `wakala listen`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
import uvicorn

from services.ports import free_port
from services.quick_server import QuickServer
from wakala.errors import CallerError, NotFoundError, UnauthenticatedError
from wakala.tunnel import feed as module
from wakala.tunnel.feed import PAGE_ROWS, SEEN_LIMIT, WAIT_S, DownError, Feed, Note
from wakala.web import paging

PAGE = b'{"Notifications":[],"Cursor":"","After":"ntf_1"}'
HTML = b"<html>Sorry</html>"
PROBLEM = b'{"code":"not_found","detail":"There is nothing here."}'


@asynccontextmanager
async def feed(*answers: tuple[int, bytes], asked: list[str] | None = None) -> AsyncIterator[Feed]:
    """At a server that gives these answers in turn, each in two pieces; ``asked`` hears what it was asked."""
    left = list(answers)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        assert scope["type"] == "http"
        if asked is not None:
            told = (await receive())["body"].decode()
            query = sorted(unquote(scope["query_string"].decode()).split("&"))
            asked.append(" ".join((scope["method"], scope["path"], *query, told)).strip())
        status, body = left.pop(0)
        headers = [(b"location", b"/elsewhere")] if 300 <= status < 400 else []
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body[:20], "more_body": True})
        await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": body[20:]})

    config = uvicorn.Config(app, port=0, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
    server = QuickServer(config)
    try:
        async with Feed(f"{await server.begin()}/", "key", "secret", "listen") as found:
            yield found
    finally:
        await server.end()


@pytest.mark.parametrize(
    "there",
    [
        (200, HTML),
        (200, b"\xff"),
        (200, b'{"Notifications":[],"Cursor":"\xff","After":""}'),
        (300, PAGE),
        (302, HTML),
        (403, HTML),
        (404, HTML),
        (404, b"[]"),
        (404, b'"\xff"'),
        (408, HTML),
        (408, PROBLEM),
        (429, PROBLEM),
        (502, PROBLEM),
    ],
)
async def test_a_proxy_in_its_place_is_a_break(there: tuple[int, bytes]) -> None:
    async with feed((200, PAGE), there, (200, PAGE)) as found:
        await found.page("", 0)
        with pytest.raises(DownError):
            await found.page("", 0)
        assert (await found.page("", 0)).After == "ntf_1"


@pytest.mark.parametrize(
    ("there", "fault"),
    [
        ((404, PROBLEM), NotFoundError),
        ((401, PROBLEM), UnauthenticatedError),
        ((403, PROBLEM), UnauthenticatedError),
        ((400, PROBLEM), CallerError),
    ],
)
async def test_a_gateway_that_says_no_says_it_for_good(there: tuple[int, bytes], fault: type[Exception]) -> None:
    async with feed((200, PAGE), there) as found:
        await found.page("", 0)
        with pytest.raises(fault, match=r"There is nothing here\."):
            await found.page("", 0)


async def test_an_address_where_no_gateway_ever_was_is_named_at_once() -> None:
    async with feed((404, HTML)) as found:
        with pytest.raises(CallerError, match="is this the address of a Wakala gateway"):
            await found.page("", 0)


async def test_the_apps_secret_goes_by_no_proxy_that_the_environment_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    async with feed((200, PAGE)) as found:
        assert (await found.page("", 0)).After == "ntf_1"


async def test_what_is_wrong_with_a_question_is_said_in_the_gateways_words() -> None:
    fault = b'{"pointer":"/after","message":"Send `After` of the page before."}'
    problem = b'{"detail":"Correct the fields listed under errors.","errors":[%b,7]}' % fault
    async with feed((422, problem)) as found:
        with pytest.raises(CallerError, match=r"^The gateway answered 422: /after: Send `After` of the page before\.$"):
            await found.page("rubbish", 0)


async def test_a_host_that_is_no_name_is_told_in_a_sentence() -> None:
    async with Feed(f"https://{64 * 'a'}.example", "key", "secret", "listen") as found:
        with pytest.raises(CallerError, match="no name"):
            await found.page("", 0)


async def test_a_page_that_comes_in_many_pieces_is_read_to_its_end() -> None:
    body = b'{"NotificationID":"ntf_1","PaymentID":"pay_1","Type":"t","Body":"%b"}' % (b"x" * 2_000_000)
    async with feed((200, PAGE.replace(b"[]", b"[%b]" % body))) as found:
        (note,) = (await found.page("", 0)).Notifications
    assert len(bytes(note.Body)) == 2_000_002


async def test_an_answer_that_does_not_end_is_a_break(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_LIMIT_BYTES", len(PAGE) - 1)
    async with feed((200, PAGE)) as found:
        with pytest.raises(DownError, match="cannot be read"):
            await found.page("", 0)


async def test_a_connection_that_is_closed_without_a_word_is_a_break() -> None:
    async def close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(close, "127.0.0.1", 0)
    async with server, Feed(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", "k", "s", "listen") as found:
        with pytest.raises(DownError):
            await found.page("", 0)


async def test_what_is_asked_is_what_the_gateway_understands() -> None:
    asked: list[str] = []
    page, note = (200, PAGE), (200, b'{"NotificationID":"ntf_7","PaymentID":"pay_7","Type":"t","Body":{}}')
    async with feed(page, page, page, page, page, note, (200, b"{}"), asked=asked) as found:
        await found.page("", 0)
        await found.page("ntf_1", SEEN_LIMIT - 1)
        await found.page("ntf_1", SEEN_LIMIT)
        assert await found.cursor() == ""
        assert await found.now() == "ntf_1"
        await found.signed_anew(Note("ntf_7", "pay_7", "t", msgspec.Raw(b"{}")))
        await found.acknowledge("ntf_1")
    rows, wait = f"consumer=listen limit={PAGE_ROWS}", f"signed=true wait={WAIT_S}"
    assert asked == [
        f"GET /notifications {rows} seen=0 {wait}",
        f"GET /notifications after=ntf_1 {rows} seen={SEEN_LIMIT - 1} {wait}",
        f"GET /notifications after=ntf_1 {rows} {wait}",
        "GET /notifications consumer=listen limit=1",
        f"GET /notifications after=now {rows} seen=0 signed=true wait=0",
        "GET /notifications/ntf_7 signed=true",
        'POST /notifications/acknowledge  {"Consumer":"listen","Cursor":"ntf_1"}',
    ]
    assert SEEN_LIMIT == paging.SEEN_LIMIT
    assert paging.WAIT.most >= WAIT_S


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b'{"type":"payment.succeeded","data":{"RequestID":"ORDER-1"}}', "ORDER-1"),
        (b'{"RequestID":"ORDER-1"}', "ORDER-1"),
        (b'{"Body":{"stkCallback":{}}}', "pay_1"),
        (b'{"RequestID":7}', "pay_1"),
        (b'{"data":[]}', "pay_1"),
        (b"[]", "pay_1"),
        (b"{", "pay_1"),
    ],
)
def test_a_note_is_shown_by_the_merchants_own_id_where_its_body_has_one(body: bytes, shown: str) -> None:
    assert Note("ntf_1", "pay_1", "t", msgspec.Raw(body)).request_id == shown


async def test_a_gateway_that_is_not_there_is_told_in_words() -> None:
    port = free_port()
    async with Feed(f"http://127.0.0.1:{port}", "key", "secret", "listen") as found:
        with pytest.raises(DownError, match=f"^no connection to 127.0.0.1:{port}: [^\\[]+$"):
            await found.page("", 0)
