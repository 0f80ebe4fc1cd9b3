"""A merchant's nameserver is down: the look-up hangs for many seconds, and those of others do not wait for it."""

import asyncio
import socket
import threading
from typing import Any

import pytest

from outgoing.conftest import OK, Wire
from wakala.outgoing import Outgoing, Reply

HANGING = 50  # more than the loop has threads of its own


async def test_many_names_that_hang_keep_no_other_waiting(
    wire: Wire, client: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await wire.request(reader)
        writer.write(OK)
        await writer.drain()

    wire.script = answer
    is_back = threading.Event()

    def look_up(host: str, port: int, **_: Any) -> Any:
        if host.startswith("dead"):
            is_back.wait(20)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    urls = [f"http://dead-{number}.example/hook" for number in range(HANGING)]
    hanging = [asyncio.create_task(client.send("POST", url, (), b"x", total_s=20)) for url in urls]
    await asyncio.sleep(0.1)
    try:
        reply = await client.send("POST", f"http://well.example:{wire.port}/hook", (), b"x", total_s=5)
        assert isinstance(reply, Reply)
    finally:
        is_back.set()
        await asyncio.gather(*hanging)
