"""A call is answered the same in whatever manner it comes: in pieces, in chunks, before the last was answered."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partialmethod
from typing import Any

import pytest

from simulator.box import CUSTOMER, PATIENCE_SECONDS, Box, Merchant, password, running_box, sample, until
from wakala.simulator import mishaps
from wakala.simulator.exchange import BODY_MAX_BYTES, Incoming
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.reception import Reception

PATH = "/mpesa/stkpush/v1/processrequest"


class Caller:
    """One connection in raw bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, box: Box) -> None:
        self.reader, self.writer, self.box = reader, writer, box

    def head(self, *lines: str, path: str = PATH, version: str = "1.1") -> bytes:
        fixed = [f"POST {path} HTTP/{version}", "Host: mpesa", f"Authorization: Bearer {self.box.bearer}"]
        return "\r\n".join([*fixed, "Content-Type: application/json", *lines, "", ""]).encode()

    def push(self, phone: str = CUSTOMER, *lines: str, version: str = "1.1") -> bytes:
        body = self.body(phone)
        return self.head(f"Content-Length: {len(body)}", *lines, version=version) + body

    def body(self, phone: str = CUSTOMER) -> bytes:
        asked = {**sample("stk_push_request_paybill"), "Password": password("174379"), "PhoneNumber": phone}
        return json.dumps({**asked, "CallBackURL": f"{self.box.merchant.url}/stk"}).encode()

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.rstrip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(status.split()[1]), headers, json.loads(body) if body.startswith(b"{") else body

    async def ended(self) -> bool:
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.reader.read(1) == b""


@pytest.fixture
async def caller(box: Box) -> AsyncIterator[Caller]:
    async with calling(box) as caller:
        yield caller


@asynccontextmanager
async def calling(box: Box) -> AsyncIterator[Caller]:
    box.bearer = (await box.token()).json()["access_token"]
    host, _, port = box.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        yield Caller(reader, writer, box)
    finally:
        writer.close()


def accepted(answer: tuple[int, dict[str, str], Any]) -> str:
    status, headers, body = answer
    assert (status, body["ResponseCode"]) == (200, "0")
    assert headers["content-type"] == "application/json;charset=UTF-8"
    assert headers["date"]
    checkout: str = body["CheckoutRequestID"]
    return checkout


async def test_in_pieces_of_one_byte(caller: Caller) -> None:
    for byte in caller.push():
        caller.writer.write(bytes([byte]))
        await caller.writer.drain()
        await asyncio.sleep(0)
    accepted(await caller.answer())


async def test_in_chunks(caller: Caller) -> None:
    body = caller.body()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:]))
    caller.writer.write(caller.head("Transfer-Encoding: chunked") + chunks + b"0\r\n\r\n")
    accepted(await caller.answer())


async def test_with_a_query_or_a_slash_behind_the_path(caller: Caller) -> None:
    body = caller.body()
    caller.writer.write(caller.head(f"Content-Length: {len(body)}", path=PATH + "/?from=here") + body)
    accepted(await caller.answer())


async def test_after_asking_whether_to_go_on(caller: Caller) -> None:
    body = caller.body()
    caller.writer.write(caller.head(f"Content-Length: {len(body)}", "Expect: 100-continue"))
    status, _, _ = await caller.answer()
    assert status == 100
    caller.writer.write(body)
    accepted(await caller.answer())


@pytest.mark.parametrize(("line", "version"), [("Connection: close", "1.1"), ("X: y", "1.0")])
async def test_by_a_caller_who_leaves_afterwards(caller: Caller, line: str, version: str) -> None:
    caller.writer.write(caller.push(CUSTOMER, line, version=version))
    accepted(await caller.answer())
    assert await caller.ended()


async def test_several_at_once_are_answered_in_their_order(caller: Caller) -> None:
    phones = [f"25471200000{number}" for number in range(5)]
    caller.writer.write(b"".join(map(caller.push, phones)))
    assert [accepted(await caller.answer())[-9:] for _ in phones] == [phone[-9:] for phone in phones]


async def test_a_slow_one_holds_up_the_next_on_its_connection_only(caller: Caller) -> None:
    await caller.box.fault("stk_push", "slow", delay_ms=60_000)
    caller.writer.write(caller.push("254712000001") + caller.push("254712000002"))
    await until(lambda: caller.box.machine.clock.waiting_count > 1)
    await caller.box.pushed(phone="254712000003")
    await caller.box.advance(61)
    assert [accepted(await caller.answer())[-9:] for _ in range(2)] == ["712000001", "712000002"]


async def test_a_caller_who_hangs_up_in_the_middle_made_nothing(caller: Caller) -> None:
    caller.writer.write(caller.push()[:-5])
    await caller.writer.drain()
    caller.writer.close()
    await caller.box.pushed(phone="254712000003")
    assert len(await caller.box.payments()) == 1


async def test_a_caller_who_does_not_wait_for_a_slow_answer_has_its_prompt(caller: Caller) -> None:
    await caller.box.control("autopilot", {"mode": "pay"})
    await caller.box.fault("stk_push", "slow", delay_ms=60_000)
    caller.writer.write(caller.push())
    await until(lambda: caller.box.machine.clock.waiting_count)
    caller.writer.close()
    await caller.box.advance(61)
    assert len(await caller.box.merchant.received("/stk")) == 1


async def test_a_body_that_is_too_long_counts_as_none(caller: Caller) -> None:
    body = b'{"a":"' + b"x" * BODY_MAX_BYTES + b'"}'
    caller.writer.write(caller.head(f"Content-Length: {len(body)}") + body)
    status, _, said = await caller.answer()
    assert (status, said["errorCode"]) == (400, "400.002.05")


@pytest.mark.parametrize("waits", [False, True])
async def test_a_fault_of_the_simulator_is_answered_and_logged(
    caller: Caller, waits: bool, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(_: Simulator, call: Incoming, __: str) -> None:
        if waits:
            await asyncio.sleep(0)
        raise ZeroDivisionError(call.path)

    monkeypatch.setattr(mishaps, "before_prompt", breaks)
    caller.writer.write(caller.push())
    status, headers, said = await caller.answer()
    assert (status, headers["connection"], said) == (500, "close", b"Internal Server Error")
    assert await caller.ended()
    assert "ZeroDivisionError" in caplog.text


async def test_a_silent_caller_is_hung_up_on_and_one_who_waits_is_not(
    merchant: Merchant, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Reception, "__init__", partialmethod(_impatient, Reception.__init__))
    async with running_box(merchant, start) as box, calling(box) as waits, calling(box) as silent:
        await box.fault("stk_push", "slow", delay_ms=60_000)
        waits.writer.write(waits.push("254712000001"))
        await until(lambda: box.machine.clock.waiting_count > 1)
        silent.writer.write(silent.push("254712000002"))
        accepted(await silent.answer())
        assert await silent.ended()
        await box.advance(61)
        accepted(await waits.answer())
        assert await waits.ended()


def _impatient(reception: Reception, begin: Callable[..., None], *args: Any, **kwargs: Any) -> None:
    begin(reception, *args, **kwargs)
    reception.timeout_keep_alive = 0.02  # type: ignore[assignment]  # uvicorn means whole seconds, for no reason
