import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from deliveries.conftest import Clock
from services.gateway import CUSTOMER, SANDBOX, House, eventually, running_gateway
from simulator.box import Posted
from wakala.rules.delivery import SCHEDULE_S, DeliveryState, Notification
from wakala.rules.endpoints import Endpoint, lane_of

DAY_S = 86_400


async def only(house: House) -> Notification:
    """The newest notification of the organisation."""
    ((row_id,),) = house.gateway.database._reader.execute(  # type: ignore[attr-defined]
        "SELECT id FROM notifications ORDER BY id DESC LIMIT 1"
    ).fetchall()
    found = await house.gateway.journal.notification(row_id)
    assert found is not None
    return found


async def after_attempts(house: House, count: int) -> Notification:
    async def counted() -> bool:
        return await house.count("notifications") > 0 and (await only(house)).attempts >= count

    await eventually(counted)
    await house.attempts_ended()
    return await only(house)


async def next_attempt(house: House, clock: Clock) -> Notification:
    """Move the clock to when the next attempt is due, and let it happen."""
    waiting = await only(house)
    clock.advance((waiting.due_us - clock.now_us()) / 1_000_000 + 0.001)
    await house.gateway.courier.step()
    return await after_attempts(house, waiting.attempts + 1)


def refuse(house: House, status: int) -> None:
    house.merchant.replies["/wakala"] = (status, {"error": "no"})


@pytest.mark.parametrize("status", [200, 201, 204, 299])
async def test_any_2xx_is_delivery_whatever_the_body_says(house: House, status: int) -> None:
    house.merchant.replies["/wakala"] = (status, {"ResultCode": 1, "error": "no"})
    await house.push("OK")
    taken = await after_attempts(house, 1)
    assert (taken.state, taken.last_status) == (DeliveryState.DELIVERED, status)


@pytest.mark.parametrize("status", [300, 302, 400, 401, 404, 409, 429, 500, 503])
async def test_anything_else_is_tried_again(house: House, clock: Clock, status: int) -> None:
    refuse(house, status)
    await house.push("AGAIN")
    waiting = await after_attempts(house, 1)
    assert (waiting.state, waiting.last_status) == (DeliveryState.WAITING, status)
    house.merchant.replies.clear()
    assert (await next_attempt(house, clock)).state is DeliveryState.DELIVERED
    first, second = house.merchant.at("/wakala")
    assert first.body == second.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert int(second.headers["webhook-timestamp"]) >= int(first.headers["webhook-timestamp"]) + 4
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


async def test_the_schedule_is_kept_to_its_end_within_its_jitter(house: House, clock: Clock) -> None:
    refuse(house, 503)
    await house.push("DAYS")
    began_us = clock.now_us()
    waiting = await after_attempts(house, 1)
    for wait_s in SCHEDULE_S:
        assert waiting.state is DeliveryState.WAITING
        given_s = (waiting.due_us - clock.now_us()) / 1_000_000
        assert 0.9 * wait_s - 5 <= given_s <= 1.1 * wait_s
        waiting = await next_attempt(house, clock)
    assert waiting.state is DeliveryState.GIVEN_UP
    assert waiting.attempts == len(SCHEDULE_S) + 1 == len(house.merchant.at("/wakala"))
    assert (clock.now_us() - began_us) / 1_000_000 >= 0.9 * sum(SCHEDULE_S) - 5 * len(SCHEDULE_S)
    clock.advance(30 * DAY_S)
    await house.gateway.courier.step()
    assert len(house.merchant.at("/wakala")) == waiting.attempts
    assert len({post.headers["webhook-id"] for post in house.merchant.at("/wakala")}) == 1


def test_the_whole_schedule_outlives_a_weekend() -> None:
    assert 3 * DAY_S <= sum(SCHEDULE_S) <= 4 * DAY_S


async def test_410_of_a_requests_own_url_ends_its_attempts_and_no_others(house: House, clock: Clock) -> None:
    house.merchant.replies["/own"] = (410, {})
    await house.push("GONE", CallbackUrl=f"{house.merchant.url}/own")
    gone = await after_attempts(house, 1)
    assert (gone.state, gone.last_status) == (DeliveryState.GIVEN_UP, 410)
    clock.advance(DAY_S)
    await house.gateway.courier.step()
    assert len(house.merchant.at("/own")) == 1
    await house.push("NEXT", SenderMSISDN="254712000002")
    await house.merchant.received("/wakala", 1)


@asynccontextmanager
async def answering(head: Callable[[], bytes]) -> AsyncIterator[str]:
    """A merchant that answers with exactly these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
        await server.wait_closed()


RETRY_AFTER: list[tuple[bytes, float, float]] = [
    (b"120", 118, 121),
    (b" 120 ", 118, 121),
    (b"1", 4, 6),  # sooner than the schedule is not honoured
    (b"0", 4, 6),
    (b"999999999999", DAY_S - 3, DAY_S + 1),
    (b"9" * 400, DAY_S - 3, DAY_S + 1),
    (b"Wed, 21 Oct 2099 07:28:00 GMT", DAY_S - 3, DAY_S + 1),
    (b"Wed, 21 Oct 2015 07:28:00 GMT", 4, 6),
    (b"", 4, 6),
    (b"-5", 4, 6),
    (b"soon", 4, 6),
    (b"\xb2", 4, 6),
    (b"1.5", 4, 6),
    (b"Wed, 99 Foo 2015 77:28:00 GMT", 4, 6),
    (b"Mon, 01 Jan 2024 00:00:00 +9999999999999999", 4, 6),
    (b"Mon, 01 Jan 0000 00:00:00 -0000", 4, 6),
    (b"1 Jan 99999 00:00:00", 4, 6),
    (b", , ,", 4, 6),
]


@pytest.mark.parametrize(("value", "least_s", "most_s"), RETRY_AFTER, ids=lambda value: repr(value)[:20])
async def test_retry_after_is_honoured_and_nonsense_in_it_is_not(
    house: House, clock: Clock, value: bytes, least_s: float, most_s: float
) -> None:
    answer = b"HTTP/1.1 503 Later\r\nRetry-After: %b\r\nContent-Length: 0\r\n\r\n" % value
    async with answering(lambda: answer) as url:
        await house.admin.set_callback_url(house.app.app, url)
        await house.settle_directory()
        await house.push("WAIT")
        waiting = await after_attempts(house, 1)
    assert waiting.state is DeliveryState.WAITING
    assert least_s <= (waiting.due_us - clock.now_us()) / 1_000_000 <= most_s


@pytest.mark.parametrize(
    "answer",
    [b"", b"garbage\xff\xfe\r\n\r\n", b"HTTP/1.1 \xff\xfe OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX\xff: \xfe\x00\r\n\r\n"],
)
async def test_babble_is_an_attempt_like_any_other(house: House, answer: bytes) -> None:
    async with answering(lambda: answer) as url:
        await house.admin.set_callback_url(house.app.app, url)
        await house.settle_directory()
        await house.push("BABBLE")
        waiting = await after_attempts(house, 1)
    assert waiting.state is DeliveryState.WAITING
    trace = (await house.get(f"{SANDBOX}/requests/BABBLE/trace")).json()
    (delivery,) = [entry for entry in trace["Entries"] if entry["Name"] == "delivery"]
    assert delivery["Error"]


async def test_a_changed_url_applies_from_the_next_attempt(house: House, clock: Clock) -> None:
    refuse(house, 500)
    await house.push("MOVE")
    await after_attempts(house, 1)
    await house.admin.set_callback_url(house.app.app, f"{house.merchant.url}/new")
    await house.settle_directory()
    taken = await next_attempt(house, clock)
    assert taken.state is DeliveryState.DELIVERED
    old, new = house.merchant.at("/wakala"), house.merchant.at("/new")
    assert (len(old), len(new)) == (1, 1)
    assert old[0].body == new[0].body
    Webhook(house.app.webhook_secret).verify(old[0].body, dict(old[0].headers))


async def test_a_target_that_may_not_be_called_is_told_in_the_trace(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, deliveries={"private_targets": []}) as house:
        await house.autopilot("pay")
        await house.push("PRIVATE")
        waiting = await after_attempts(house, 1)
        assert "127.0.0.1 is a private or reserved address" in (waiting.last_error or "")
        assert house.merchant.posts == []


# ── order and fairness ──


async def test_the_second_notification_of_a_payment_waits_for_the_first(house: House, clock: Clock) -> None:
    """A payment that is told as paid and then contradicted: its two notifications arrive in that order."""
    refuse(house, 503)
    await house.push("ORDER")
    first = await after_attempts(house, 1)
    payment = await house.gateway.journal.payment(first.payment_id)
    assert payment is not None
    path = house.gateway.payments.callback_url("stk", payment.id)
    inner = {"CheckoutRequestID": payment.checkout_request_id, "MerchantRequestID": "x", "ResultCode": 1032}
    await house.client.post(path, json={"Body": {"stkCallback": {**inner, "ResultDesc": "Request Cancelled by user."}}})
    notes = await house.gateway.journal.notifications_of(payment.id)
    assert [note.type for note in notes] == ["payment.succeeded", "payment.flagged"]
    await house.gateway.courier.step()
    assert len(house.merchant.at("/wakala")) == 1
    house.merchant.replies.clear()
    clock.advance(7)
    await eventually(lambda: len(house.merchant.at("/wakala")) >= 3)
    told = [post.json["type"] for post in house.merchant.at("/wakala")]
    assert told == ["payment.succeeded", "payment.succeeded", "payment.flagged"]


@asynccontextmanager
async def hanging() -> AsyncIterator[tuple[str, list[Posted]]]:
    """An endpoint that takes every request and answers none until the end."""
    release = asyncio.Event()
    got: list[Any] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.append(await reader.readuntil(b"\r\n\r\n"))
        await release.wait()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", got
    finally:
        release.set()
        server.close()
        await server.wait_closed()


PHONE = "2547{:08}"
COUNT = 60


async def test_a_hung_endpoint_holds_up_nobody_else(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, deliveries={"answer_limit_s": 60}) as house, hanging() as (slow_url, stuck):
        await house.autopilot("pay")
        slow = await house.add_app("demo", "slow", callback_url=slow_url)
        for number in range(COUNT):
            phone = PHONE.format(number)
            assert (await house.push(f"SLOW-{number}", app=slow, SenderMSISDN=phone)).status_code == 202
        await eventually(lambda: len(stuck) == 32)
        for number in range(COUNT):
            phone = PHONE.format(1_000 + number)
            assert (await house.push(f"FAST-{number}", SenderMSISDN=phone)).status_code == 202
        await house.merchant.received("/wakala", COUNT)
        assert len(stuck) == 32, "the slow one never had more than its lane"
        assert await delivered(house) == COUNT


async def test_a_hung_url_of_one_request_holds_up_no_other_host_of_the_app(tmp_path: Path) -> None:
    async with running_gateway(tmp_path, deliveries={"answer_limit_s": 60}) as house, hanging() as (slow_url, stuck):
        await house.autopilot("pay")
        for number in range(40):
            await house.push(f"S-{number}", SenderMSISDN=PHONE.format(number), CallbackUrl=f"{slow_url}{number}")
        await eventually(lambda: len(stuck) == 32)
        for number in range(40):
            await house.push(f"F-{number}", SenderMSISDN=PHONE.format(500 + number))
        await house.merchant.received("/wakala", 40)
        assert len(stuck) == 32


async def test_more_slow_endpoints_than_hands_hold_up_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The limit over all lanes is small here, so that three slow endpoints use it up."""
    monkeypatch.setattr("wakala.workers.courier.TOTAL_LIMIT", 6)
    lane = {"answer_limit_s": 60, "lane_limit": 2}
    async with (
        running_gateway(tmp_path, deliveries=lane) as house,
        hanging() as (one, at_one),
        hanging() as (two, at_two),
        hanging() as (three, at_three),
    ):
        await house.autopilot("pay")
        for number, url in enumerate((one, two, three) * 4):
            await house.push(f"S-{number}", SenderMSISDN=PHONE.format(number), CallbackUrl=url)
        await eventually(lambda: len(at_one) + len(at_two) + len(at_three) == 6)
        for number in range(20):
            await house.push(f"F-{number}", SenderMSISDN=PHONE.format(500 + number))
        await house.merchant.received("/wakala", 20)
        assert await delivered(house) == 20


@pytest.fixture
def one_machine_behind_many_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """As a platform has it: a name a shop."""

    def look_up(_host: str, port: int, *_given: Any, **_named: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


@pytest.mark.usefixtures("one_machine_behind_many_names")
async def test_slow_endpoints_have_no_more_hands_together_than_there_are_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four for whoever has work, and two more for lanes where nothing runs yet; eight lanes want two each."""
    for name, limit in {"TOTAL_LIMIT": 4, "FIRST_LIMIT": 6}.items():
        monkeypatch.setattr(f"wakala.workers.courier.{name}", limit)
    async with (
        running_gateway(tmp_path, deliveries={"answer_limit_s": 60, "lane_limit": 2}) as house,
        hanging() as (slow_url, stuck),
    ):
        await house.autopilot("pay")
        for number in range(16):
            url = slow_url.replace("127.0.0.1", f"shop-{number // 2}.example")
            await house.push(f"S-{number}", SenderMSISDN=PHONE.format(number), CallbackUrl=url)
            await house.request_in(f"S-{number}", "succeeded")
        await eventually(lambda: len(stuck) >= 6)
        await house.gateway.courier.step()
        assert (len(house.gateway.courier._in_hand), len(stuck)) == (6, 6)


@pytest.mark.usefixtures("one_machine_behind_many_names")
async def test_an_app_with_many_hosts_that_hang_leaves_hands_to_other_apps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, limit in {"TOTAL_LIMIT": 8, "FIRST_LIMIT": 8, "APP_LIMIT": 4, "APP_FIRST_LIMIT": 6}.items():
        monkeypatch.setattr(f"wakala.workers.courier.{name}", limit)
    async with (
        running_gateway(tmp_path, deliveries={"answer_limit_s": 60, "lane_limit": 2}) as house,
        hanging() as (slow_url, stuck),
    ):
        await house.autopilot("pay")
        platform = await house.add_app("demo", "platform", callback_url=slow_url)
        for number in range(12):
            url = slow_url.replace("127.0.0.1", f"shop-{number}.example")
            await house.push(f"S-{number}", app=platform, SenderMSISDN=PHONE.format(number), CallbackUrl=url)
        await eventually(lambda: len(stuck) == 6)
        for number in range(20):
            await house.push(f"F-{number}", SenderMSISDN=PHONE.format(500 + number))
        await house.merchant.received("/wakala", 20)
        assert len(stuck) == 6


@pytest.mark.usefixtures("one_machine_behind_many_names")
async def test_the_hosts_of_an_app_take_turns_with_its_hands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in {"APP_LIMIT": 1, "APP_FIRST_LIMIT": 2}.items():
        monkeypatch.setattr(f"wakala.workers.courier.{name}", limit)
    async with running_gateway(tmp_path, deliveries={"lane_limit": 2}) as house:
        await house.autopilot("pay")
        for number in range(24):
            url = house.merchant.url.replace("127.0.0.1", f"shop-{number % 8}.example")
            await house.push(f"S-{number}", SenderMSISDN=PHONE.format(number), CallbackUrl=f"{url}/hook")
        await house.merchant.received("/hook", 24)
        assert not house.gateway.courier._short_of or not any(house.gateway.courier._short_of.values())


async def test_what_memory_has_no_room_for_does_not_wait_for_the_end_of_its_lease(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A burst is leased before any of it is committed; here there is room for none, and a lease lasts three minutes."""
    monkeypatch.setattr("wakala.workers.courier.OFFERED_LIMIT", 0)
    async with running_gateway(tmp_path) as house:
        await house.autopilot("pay")
        for number in range(5):
            await house.push(f"R-{number}", SenderMSISDN=PHONE.format(number))
        await house.merchant.received("/wakala", 5)
        assert await delivered(house) == 5


async def delivered(house: House) -> int:
    async def all_settled() -> int:
        reader = house.gateway.database._reader  # type: ignore[attr-defined]
        found: int = reader.execute("SELECT count(*) FROM notifications WHERE state = 'delivered'").fetchall()[0][0]
        return found

    await eventually(lambda: not [post for post in house.merchant.posts if post.path != "/wakala"])
    await asyncio.sleep(0)
    count = 0

    async def stable() -> bool:
        nonlocal count
        count = await all_settled()
        return count == len(house.merchant.at("/wakala"))

    await eventually(stable)
    return count


async def test_a_url_that_no_one_can_read_cannot_keep_a_payment_from_its_end(house: House) -> None:
    """Were one accepted after all, the payment would still settle; the notification is what fails."""
    endpoint = Endpoint("end_1", "org_1", "app", "")
    for url in ("http://[", "http://a:b:c", "x", "", "http://h?q", "http://H/", None):
        assert lane_of(endpoint, url)
    assert lane_of(endpoint, "http://H?q=1") == lane_of(endpoint, "http://h/x")
    assert (await house.push("URL", CallbackUrl="http://nowhere.invalid:1/")).status_code == 202
    assert (await house.request_in("URL", "succeeded"))["SenderMSISDN"] == CUSTOMER
