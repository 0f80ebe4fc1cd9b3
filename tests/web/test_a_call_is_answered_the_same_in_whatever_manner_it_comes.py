"""In pieces, in chunks, with a query, before the last was answered: the same answer, and the same is kept of it."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest

from services.gateway import PATIENCE_SECONDS, SANDBOX, House, basic, eventually
from wakala.reception import House as Doors
from wakala.reception import Visit
from wakala.rules.exchange import BODY_LIMIT_BYTES
from wakala.web.plumbing import leaving

PATH = f"{SANDBOX}/lnm/customerpaybill"
TOLD = {"Method", "URL", "RequestBody", "Status", "AnswerBody"}
Answer = tuple[int, dict[str, str], dict[str, Any]]


class Caller:
    """One connection in raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, house: House) -> None:
        self.reader, self.writer, self.house = reader, writer, house

    def head(self, *lines: str, path: str = PATH, version: str = "1.1") -> bytes:
        given = [f"{name}: {value}" for name, value in basic(self.house.app).items()]
        fixed = [f"POST {path} HTTP/{version}", "Host: wakala", "Content-Type: application/json", *given]
        return "\r\n".join([*fixed, *lines, "", ""]).encode()

    def body(self, request_id: str, amount: int = 150) -> bytes:
        phone = f"25471234567{request_id[-1]}"  # one that has a prompt already is given no other
        asked = {"RequestID": request_id, "Amount": amount, "SenderMSISDN": phone, "AccountReference": "INV-1"}
        return json.dumps(asked).encode()

    def push(self, request_id: str, *lines: str, path: str = PATH, version: str = "1.1", amount: int = 150) -> bytes:
        body = self.body(request_id, amount)
        return self.head(f"Content-Length: {len(body)}", *lines, path=path, version=version) + body

    async def answer(self) -> Answer:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(status.split()[1]), headers, json.loads(body or b"{}")

    async def ended(self) -> bool:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read(1) == b""


@pytest.fixture
async def caller(house: House) -> AsyncIterator[Caller]:
    reader, writer = await asyncio.open_connection(house.client.base_url.host, house.client.base_url.port)
    yield Caller(reader, writer, house)
    writer.close()


async def kept(house: House, request_id: str) -> str:
    """What the trace keeps of a request, without numbers: they are its own."""
    trace = (await house.get(f"{SANDBOX}/requests/{request_id}/trace")).json()
    exchange = next(one for one in trace["Entries"] if one["Name"] == "api_request")
    told = json.dumps({name: value for name, value in exchange.items() if name in TOLD})
    return re.sub(r"[0-9a-f-]*\d[0-9a-f-]*", "", told)


def accepted(answer: Answer) -> str:
    status, headers, body = answer
    assert (status, body["ResponseCode"]) == (202, "0")
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["content-type"] == "application/json"
    found: str = body["RequestID"]
    return found


async def test_in_pieces_of_one_byte(caller: Caller) -> None:
    for byte in caller.push("A-1"):
        caller.writer.write(bytes([byte]))
        await caller.writer.drain()
        await asyncio.sleep(0)
    assert accepted(await caller.answer()) == "A-1"


async def test_in_chunks_or_with_a_query_it_is_kept_and_answered_as_at_once(caller: Caller) -> None:
    caller.writer.write(caller.push("A-1"))
    whole = await caller.answer()
    body = caller.body("A-2")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    caller.writer.write(caller.head("Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    chunked = await caller.answer()
    caller.writer.write(caller.push("A-3", path=f"{PATH}?from=here"))
    asked = await caller.answer()
    assert [accepted(answer) for answer in (whole, chunked, asked)] == ["A-1", "A-2", "A-3"]
    assert whole[1] == chunked[1] == asked[1]
    first, second, third = [await kept(caller.house, name) for name in ("A-1", "A-2", "A-3")]
    assert first == second == third
    assert "AnswerBody" in first


async def test_after_asking_whether_to_go_on(caller: Caller) -> None:
    body = caller.body("A-1")
    caller.writer.write(caller.head(f"Content-Length: {len(body)}", "Expect: 100-continue"))
    assert (await caller.answer())[0] == 100
    caller.writer.write(body)
    accepted(await caller.answer())


@pytest.mark.parametrize(("line", "version"), [("Connection: close", "1.1"), ("X: y", "1.0")])
async def test_by_a_caller_who_leaves_afterwards(caller: Caller, line: str, version: str) -> None:
    caller.writer.write(caller.push("A-1", line, version=version))
    accepted(await caller.answer())
    assert await caller.ended()


MANY = 1_500  # calls at once: more than functions may stand in each other
OFFER = (
    *("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c"),
    "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA",
)
"""What Java's `HttpClient` sends with each call over plain HTTP."""


async def test_a_caller_who_offers_another_protocol_is_answered_in_this_one(caller: Caller) -> None:
    caller.writer.write(caller.push("A-1", *OFFER) + caller.push("A-2") + caller.push("A-5", *OFFER))
    head, _, body = caller.push("A-3", *OFFER).partition(b"\r\n\r\n")
    assert [accepted(await caller.answer()) for _ in range(3)] == ["A-1", "A-2", "A-5"]
    caller.writer.write(head + b"\r\n\r\n")
    await caller.writer.drain()
    await asyncio.sleep(0)
    for byte in body:
        caller.writer.write(bytes([byte]))
        await caller.writer.drain()
    assert accepted(await caller.answer()) == "A-3"
    caller.writer.write(caller.push("A-4", "Connection: upgrade, close", "Upgrade: websocket"))
    assert accepted(await caller.answer()) == "A-4"
    assert await caller.ended()


async def test_one_who_asks_without_a_body_and_offers_may_go_on_as_well(caller: Caller) -> None:
    ask = "\r\n".join(["GET /livez HTTP/1.1", "Host: wakala", *OFFER, "", ""]).encode()
    caller.writer.write(ask * MANY)
    for _ in range(MANY):
        assert (await caller.answer())[::2] == (200, {"Alive": True})
    caller.writer.write(caller.push("A-1"))
    assert accepted(await caller.answer()) == "A-1"


async def test_several_at_once_are_answered_in_their_order(caller: Caller) -> None:
    names = [f"A-{number}" for number in range(5)]
    caller.writer.write(b"".join(map(caller.push, names)))
    assert [accepted(await caller.answer()) for _ in names] == names


@pytest.mark.parametrize("path", [PATH, f"{PATH}?from=here"])
@pytest.mark.parametrize("is_apart", [False, True])
async def test_bytes_that_are_no_call_take_nothing_from_the_answer_to_the_one_before(
    caller: Caller, path: str, *, is_apart: bool
) -> None:
    caller.writer.write(caller.push("A-1", path=path))
    if is_apart:
        await caller.writer.drain()
        await asyncio.sleep(0)
    caller.writer.write(b"\0")  # as devices send it that count the end of a string
    answer = await caller.answer()
    assert accepted(answer) == "A-1"
    assert answer[1]["connection"] == "close"
    assert await caller.ended()


async def test_bytes_that_are_no_call_are_told_so(caller: Caller) -> None:
    caller.writer.write(caller.head("Transfer-Encoding: chunked") + b"no chunk")
    head = await caller.reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")


async def test_a_refusal_is_the_same_problem(caller: Caller) -> None:
    caller.writer.write(caller.push("A-1", amount=-1))
    whole = await caller.answer()
    caller.writer.write(caller.push("A-1", path=f"{PATH}?from=here", amount=-1))
    asked = await caller.answer()
    assert whole == asked
    assert (whole[0], whole[1]["content-type"]) == (422, "application/problem+json")


async def test_a_body_that_is_too_long_is_refused(caller: Caller) -> None:
    body = b'{"a":"' + b"x" * BODY_LIMIT_BYTES + b'"}'
    caller.writer.write(caller.head(f"Content-Length: {len(body)}") + body)
    status, _, said = await caller.answer()
    assert (status, said["code"]) == (413, "payload_too_large")


async def test_a_caller_who_hangs_up_in_the_middle_asked_for_nothing(caller: Caller) -> None:
    caller.writer.write(caller.push("A-1")[:-5])
    await caller.writer.drain()
    caller.writer.close()
    accepted_later = await caller.house.push("A-2")
    assert accepted_later.status_code == 202
    assert (await caller.house.get(f"{SANDBOX}/requests/A-1")).status_code == 404


async def test_a_caller_who_hangs_up_before_the_last_chunk_asked_for_nothing(caller: Caller) -> None:
    body = caller.body("A-1")
    caller.writer.write(caller.head("Transfer-Encoding: chunked") + b"%x\r\n%b\r\n" % (len(body), body))
    await caller.writer.drain()
    caller.writer.close()
    await asyncio.sleep(0.5)
    assert (await caller.house.get(f"{SANDBOX}/requests/A-1")).status_code == 404


async def test_a_caller_who_does_not_wait_for_the_answer_has_its_payment(caller: Caller) -> None:
    caller.writer.write(caller.push("A-1"))
    await caller.writer.drain()
    caller.writer.close()
    await eventually(caller.house.prompts)
    assert (await caller.house.request_in("A-1", "pending"))["RequestID"] == "A-1"


async def test_a_bug_of_ours_is_a_500_with_a_sentence(
    caller: Caller, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caller.house.gateway.payments, "_received", None)
    for path in (PATH, f"{PATH}?from=here"):
        with caplog.at_level(logging.ERROR):
            caller.writer.write(caller.push("A-1", path=path))
            status, headers, said = await caller.answer()
        assert (status, headers["content-type"], said["status"]) == (500, "application/problem+json", 500)
        assert said["detail"]
        assert "TypeError" in caplog.text
        caplog.clear()


def test_no_header_of_ours_can_write_another() -> None:
    with pytest.raises(ValueError, match="line break"):
        leaving((200, (("x", "y\r\nset-cookie: z"),), b""))


async def test_only_plain_paths_have_a_door(house: House) -> None:
    door = cast("Doors", house.gateway.app).door
    with_doors = (
        PATH,
        "/mpesa/stkpush/v1/processrequest",
        "/callbacks/stk/pay_1/0f",
        "/callbacks/soap_result/pay_1/0f",
    )
    assert [door(path.encode()) is not None for path in with_doors] == [True] * len(with_doors)
    without = (
        *(f"{PATH}?a=b", "/callbacks/stk/pay_1/0f?a=b", "/callbacks/stk/pay%5F1/0f", "/callbacks/stk/pay_1/é"),
        *("/callbacks/other/pay_1/0f", "/callbacks/stk/pay_1", "/callbacks/stk/a/b/c", "/livez", "/", "*"),
        *(f"http://wakala{PATH}", "//callbacks/stk/pay_1/0f"),
    )
    assert [path for path in without if door(path.encode()) is not None] == []


def test_a_visit_looks_to_uvicorn_like_one_of_its_own() -> None:
    """What its connection asks of a cycle: see `HttpToolsProtocol.connection_lost` and `shutdown`."""
    visit = Visit(cast("Any", None), b"/", [])
    assert (visit.keep_alive, visit.disconnected, visit.response_complete) == (True, False, False)
    visit.message_event.set()
