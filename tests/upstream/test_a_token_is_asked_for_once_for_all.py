"""Who needs a token while one is asked for is given what that brought; nobody waits for a second answer."""

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from services.gateway import eventually
from wakala.identity import Source
from wakala.outgoing import Outgoing
from wakala.rules.exchange import Exchange
from wakala.rules.facts import Fact, Unsent
from wakala.upstream.daraja import Daraja
from wakala.upstream.door import Credentials

MANY = 30
TOKEN = b'{"access_token":"t","expires_in":"3599"}'
WELL = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(TOKEN), TOKEN)
HANGS_UP = b""

Prepared = tuple[Fact | None, tuple[Exchange, ...]]


class TokenEndpoint:
    """Says nothing until it is told what to say; an answer is for one call that waits, or for the next one."""

    def __init__(self) -> None:
        self.calls = 0
        self.answers: asyncio.Queue[bytes] = asyncio.Queue()
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.calls += 1
            writer.write(await self.answers.get())
        finally:
            writer.close()


@pytest.fixture
async def endpoint() -> AsyncIterator[TokenEndpoint]:
    endpoint = TokenEndpoint()
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    yield endpoint
    server.close()


@pytest.fixture
async def daraja() -> AsyncIterator[Daraja]:
    outgoing = Outgoing(guarded=False)
    await outgoing.open()
    yield Daraja(outgoing, Source(lambda: time.time_ns() // 1000, os.urandom), answer_limit_s=600)
    await outgoing.close()


def credentials(endpoint: TokenEndpoint, key: str = "key") -> Credentials:
    return Credentials("sc_1", endpoint.url, "600100", "600100", False, key, "secret", "passkey")


async def all_wait(daraja: Daraja, endpoint: TokenEndpoint) -> list[asyncio.Task[Prepared]]:
    """The first of them has called, and the others have had their turn before it could."""
    tasks = [asyncio.create_task(daraja.prepare(credentials(endpoint))) for _ in range(MANY)]
    await eventually(lambda: endpoint.calls == 1)
    return tasks


async def test_a_failure_is_the_answer_to_all_who_wait_and_is_recorded_once(
    daraja: Daraja, endpoint: TokenEndpoint
) -> None:
    tasks = await all_wait(daraja, endpoint)
    endpoint.answers.put_nowait(HANGS_UP)

    outcomes = await asyncio.gather(*tasks)

    assert all(isinstance(trouble, Unsent) for trouble, _ in outcomes)
    assert [len(exchanges) for _, exchanges in outcomes] == [1] + [0] * (MANY - 1)
    assert endpoint.calls == 1


async def test_who_comes_after_a_failure_asks_anew(daraja: Daraja, endpoint: TokenEndpoint) -> None:
    endpoint.answers.put_nowait(HANGS_UP)
    trouble, _ = await daraja.prepare(credentials(endpoint))
    assert trouble is not None

    endpoint.answers.put_nowait(WELL)
    assert (await daraja.prepare(credentials(endpoint)))[0] is None
    assert endpoint.calls == 2


async def test_a_token_is_for_all_who_wait(daraja: Daraja, endpoint: TokenEndpoint) -> None:
    tasks = await all_wait(daraja, endpoint)
    endpoint.answers.put_nowait(WELL)

    assert [trouble for trouble, _ in await asyncio.gather(*tasks)] == [None] * MANY
    assert endpoint.calls == 1


async def test_who_is_cut_short_while_he_asks_leaves_it_to_the_next(daraja: Daraja, endpoint: TokenEndpoint) -> None:
    first, *others = await all_wait(daraja, endpoint)
    first.cancel()
    await eventually(lambda: endpoint.calls == 2)
    for _ in range(2):  # to the call that was given up, perhaps, and to the one that was made instead
        endpoint.answers.put_nowait(WELL)

    assert [trouble for trouble, _ in await asyncio.gather(*others)] == [None] * (MANY - 1)
    assert first.cancelled()
    assert endpoint.calls == 2


async def test_keys_that_were_changed_do_not_wait_for_what_the_old_ones_bring(
    daraja: Daraja, endpoint: TokenEndpoint
) -> None:
    [first, *others] = await all_wait(daraja, endpoint)
    changed = asyncio.create_task(daraja.prepare(credentials(endpoint, "new key")))
    await eventually(lambda: endpoint.calls == 2)
    for task in (first, *others, changed):
        task.cancel()
    await asyncio.wait({first, *others, changed})
