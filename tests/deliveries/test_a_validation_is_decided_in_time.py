"""M-Pesa waits for a C2B validation, and a customer behind it: whatever the merchant does, somebody decides in time."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from deliveries.conftest import Clock
from services.gateway import PAYBILL, House, eventually, running_gateway
from services.postgres import postgres_server
from wakala.deliveries import validations
from wakala.rules.accounts import Environment, Registration
from wakala.rules.endpoints import ASKING_FAILURES, asking_lane

ASKED = "/c2b/asked"
BODY = {"TransID": "TST1ABC234", "TransAmount": "70.50", "BusinessShortCode": PAYBILL, "BillRefNumber": "A"}


async def behind(house: House, url: str, response_type: str = "Completed") -> str:
    """Let the merchant be asked there; the path that M-Pesa calls."""
    shortcode = await house.admin.shortcode(PAYBILL, Environment.SANDBOX)
    registration = Registration(response_type, validation_url=url)
    await house.gateway.journal.mark_registered(shortcode.id, registration, 1)
    await house.settle_directory()
    return house.gateway.payments.callback_url("c2b_validation", shortcode.id)


async def asked(house: House, path: str) -> str:
    """M-Pesa asks; what it is told."""
    answer = await house.client.post(path, json=BODY)
    assert answer.status_code == 200
    return "accepted" if answer.json()["ResultCode"] == "0" else "rejected"


async def decisions(house: House) -> list[str]:
    rows = house.gateway.database._reader.execute(  # type: ignore[attr-defined]
        "SELECT error FROM exchanges WHERE name = 'c2b_validation' ORDER BY id"
    )
    return [error for (error,) in rows.fetchall()]


@asynccontextmanager
async def saying(
    answer: Callable[[], bytes], release: asyncio.Event, heard: asyncio.Event | None = None
) -> AsyncIterator[str]:
    """A merchant that says exactly this, once it is let."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.set()
        await release.wait()
        writer.write(answer())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        release.set()
        server.close()
        await server.wait_closed()


async def test_the_merchant_is_asked_in_m_pesas_words_and_can_verify_who_asks(house: House) -> None:
    path = await behind(house, f"{house.merchant.url}{ASKED}")
    house.merchant.replies[ASKED] = (200, {"ResultCode": "0", "ResultDesc": "Accepted"})
    assert await asked(house, path) == "accepted"
    (post,) = house.merchant.at(ASKED)
    assert post.json == BODY
    Webhook(house.app.webhook_secret).verify(post.body, dict(post.headers))
    assert await decisions(house) == ["decided by the merchant: accepted"]


BABBLE: list[tuple[bytes, str]] = [
    (b"", "nothing"),
    (b"garbage\xff\r\n\r\n", "no HTTP"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", "no ResultCode"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull", "no object"),
    (b"HTTP/1.1 302 Go\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", "elsewhere"),
    (b'HTTP/1.1 500 No\r\nContent-Length: 18\r\n\r\n{"ResultCode":"0"}', "an error page that says yes"),
    (b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"ResultCode"', "half of it"),
]


@pytest.mark.parametrize("response_type", ["Completed", "Cancelled"])
@pytest.mark.parametrize("answer", [answer for answer, _ in BABBLE], ids=[name for _, name in BABBLE])
async def test_babble_is_no_verdict(house: House, answer: bytes, response_type: str) -> None:
    release = asyncio.Event()
    release.set()
    async with saying(lambda: answer, release) as url:
        path = await behind(house, url, response_type)
        said = await asked(house, path)
    assert said == ("accepted" if response_type == "Completed" else "rejected")
    assert await decisions(house) == [f"decided by the registered default: {said}"]


async def test_a_merchant_who_thinks_for_too_long_does_not_decide(tmp_path: Path) -> None:
    release = asyncio.Event()
    async with (
        running_gateway(tmp_path, deliveries={"validation_limit_s": 0.2}) as house,
        saying(lambda: b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", release) as url,
    ):
        path = await behind(house, url, "Cancelled")
        assert await asked(house, path) == "rejected"
        assert await decisions(house) == ["decided by the registered default: rejected"]
        (relay,) = await relays(house)
        assert "within 0.2 s" in relay["error"]


async def test_a_merchant_who_said_no_is_not_overruled_because_the_database_is_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    release = asyncio.Event()
    release.set()
    refusal = b'{"ResultCode":"C2B00012","ResultDesc":"Rejected"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(refusal), refusal)
    with postgres_server() as server, server.database() as url:
        async with running_gateway(tmp_path, database_url=url) as house, saying(lambda: answer, release) as merchant:
            path = await behind(house, merchant)
            server.stop_at_once()
            assert await asked(house, path) == "rejected"
            assert "is not in the journal: decided by the merchant: rejected" in caplog.text
            server.start()
            await eventually(lambda: _is_back(house))


async def _is_back(house: House) -> bool:
    return (await house.client.get("/readyz")).status_code == 200


async def relays(house: House) -> list[dict[str, Any]]:
    rows = house.gateway.database._reader.execute(  # type: ignore[attr-defined]
        "SELECT url, status, error, request_headers FROM exchanges WHERE name = 'c2b_validation_relay' ORDER BY id"
    )
    found = [dict(zip(("url", "status", "error", "headers"), row, strict=True)) for row in rows.fetchall()]
    return [{**one, "headers": json.loads(one["headers"])} for one in found]


@pytest.mark.parametrize("reply", [(500, {}), (200, {"status": "ok"})])
async def test_a_merchant_who_is_down_does_not_cost_every_customer_the_whole_budget(
    house: House, clock: Clock, reply: tuple[int, Any]
) -> None:
    house.merchant.replies[ASKED] = reply
    path = await behind(house, f"{house.merchant.url}{ASKED}")
    for _ in range(ASKING_FAILURES):
        assert await asked(house, path) == "accepted"
    assert await asked(house, path) == "accepted"
    assert len(house.merchant.at(ASKED)) == ASKING_FAILURES, "the last was not put to the merchant"
    assert (await decisions(house))[-1] == f"decided by {validations.RESTING}: accepted"
    house.merchant.replies[ASKED] = (200, {"ResultCode": "C2B00012", "ResultDesc": "Rejected"})
    clock.advance(31)
    assert await asked(house, path) == "rejected"
    assert await asked(house, path) == "rejected"
    assert (await decisions(house))[-1] == "decided by the merchant: rejected"


async def test_while_one_looks_whether_the_merchant_is_back_the_others_do_not_wait(house: House, clock: Clock) -> None:
    release, heard = asyncio.Event(), asyncio.Event()
    shortcode = await house.admin.shortcode(PAYBILL, Environment.SANDBOX)
    house.merchant.replies[ASKED] = (500, {})
    path = await behind(house, f"{house.merchant.url}{ASKED}")
    for _ in range(ASKING_FAILURES):
        await asked(house, path)
    clock.advance(31)
    yes = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"ResultCode":"0"}'
    async with saying(lambda: yes, release, heard) as url:
        assert await behind(house, url) == path
        first = asyncio.create_task(asked(house, path))
        standing = house.gateway.standing.record(asking_lane(shortcode.id))
        await heard.wait()
        assert await asked(house, path) == "accepted"
        assert await decisions(house) == [
            *["decided by the registered default: accepted"] * 3,
            f"decided by {validations.RESTING}: accepted",
        ]
        assert standing.streak == -ASKING_FAILURES
        release.set()
        assert await first == "accepted"
    assert standing.streak == 1


async def test_more_than_may_wait_are_decided_at_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validations, "ASKED_LIMIT", 2)
    release = asyncio.Event()
    yes = b'HTTP/1.1 200 OK\r\nContent-Length: 18\r\n\r\n{"ResultCode":"0"}'
    async with saying(lambda: yes, release) as url:
        path = await behind(house, url, "Cancelled")
        waiting = [asyncio.create_task(asked(house, path)) for _ in range(3)]
        done, others = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        assert [task.result() for task in done] == ["rejected"]
        release.set()
        assert [await task for task in others] == ["accepted", "accepted"]
