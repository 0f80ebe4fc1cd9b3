"""The process itself: one writer on a SQLite file, an orderly end on SIGTERM, many gateways on one PostgreSQL."""

import asyncio
import signal
from typing import Any

import aiohttp
import pytest

from services.ports import free_port
from services.town import FINAL, Gateway, Town
from services.waiting import until
from wakala.config import load
from wakala.store import database

REFUSALS = 15  # of both couriers together: enough that each has to try again

only_on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
only_on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@only_on_sqlite
async def test_a_second_gateway_on_one_sqlite_file_is_refused_with_a_sentence(town: Town) -> None:
    first = await town.serve()
    second = town.launch(None, free_port())
    assert await second.program.ended() == 1
    [sentence] = [line for line in second.program.said.splitlines() if line.startswith("wakala: ")]
    assert f"process {first.program.process.pid}" in sentence
    assert "stop that gateway first, or move to PostgreSQL" in sentence
    assert "Traceback" not in second.program.said

    await town.pay(first, "ORDER-1")  # the first is not disturbed, and short visits are welcome
    await town.is_told("ORDER-1")
    assert [each["RequestID"] for each in await town.told("requests")] == ["ORDER-1"]
    assert await first.program.terminate() == 0
    again = await town.serve()
    assert (await town.payment(again, "ORDER-1"))["State"] == "succeeded"


FEW_FILES = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_NOFILE, (64, {allowed}))
runpy.run_module("wakala", run_name="__main__")
"""


@only_on_sqlite
async def test_a_hundred_idle_callers_keep_nobody_out_where_the_system_allows_more_files(town: Town) -> None:
    gateway = town.launch(["-c", FEW_FILES.format(allowed=1024), "-c", str(town.folder / "wakala.toml"), "serve"])
    await town.is_serving(gateway)
    idle = [await asyncio.open_connection("127.0.0.1", int(gateway.url.rpartition(":")[2])) for _ in range(100)]
    await town.pay(gateway, "ORDER-1")
    await town.is_told("ORDER-1")
    for _, writer in idle:
        writer.close()


@only_on_sqlite
async def test_callers_who_take_every_place_leave_the_gateway_room_for_its_own_calls(town: Town) -> None:
    gateway = town.launch(["-c", FEW_FILES.format(allowed=256), "-c", str(town.folder / "wakala.toml"), "serve"])
    await town.is_serving(gateway)
    port = int(gateway.url.rpartition(":")[2])
    await town.autopilot(answer_after_ms=1_500, pay=1)
    await town.fault("stk_callback", "lost", times=1)
    assert (await town.pay(gateway, "ORDER-1")).status == 202
    idle = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(300)))
    answers = [await reader.read() for reader, _ in idle[-100:]]
    assert all(answer.startswith(b"HTTP/1.1 503 ") and b"connection: close" in answer for answer in answers)
    await town.is_told("ORDER-1")  # M-Pesa was asked, and the merchant told, on connections that are ours
    assert gateway.program.said.count("places for callers are taken") == 1
    for _, writer in idle:
        writer.close()


@only_on_sqlite
async def test_callers_who_take_every_place_and_fall_silent_keep_mpesa_out_for_seconds_only(town: Town) -> None:
    gateway = town.launch(["-c", FEW_FILES.format(allowed=256), "-c", str(town.folder / "wakala.toml"), "serve"])
    await town.is_serving(gateway)
    port = int(gateway.url.rpartition(":")[2])
    await town.autopilot()  # the shopper waits
    assert (await town.pay(gateway, "ORDER-1")).status == 202
    await until(town.prompts, "the prompt is on the phone")
    idle = await asyncio.gather(*(asyncio.open_connection("127.0.0.1", port) for _ in range(300)))

    async def is_let_in() -> bool:
        async with aiohttp.request("GET", f"{gateway.url}/readyz") as answer:
            return answer.status == 200

    await until(is_let_in, "somebody who comes is let in")
    await town.approve("254712345678")
    await town.is_told("ORDER-1")
    assert (await town.payment(gateway, "ORDER-1"))["Evidence"] == "stk_callback"
    for _, writer in idle:
        writer.close()


@only_on_sqlite
async def test_a_link_to_the_sqlite_file_is_the_same_file(town: Town) -> None:
    first = await town.serve()
    (town.folder / "beside.db").symlink_to("wakala.db")
    second = town.launch(None, free_port(), database__url="sqlite:///beside.db")
    assert await second.program.ended() == 1
    assert f"process {first.program.process.pid}" in second.program.said
    assert "stop that gateway first, or move to PostgreSQL" in second.program.said


async def test_an_older_program_does_not_start_on_a_newer_schema(town: Town) -> None:
    store = database(load(town.folder / "wakala.toml"))
    await store.open()
    await store.script("INSERT INTO migrations (number, name) VALUES (9999, 'of the next version')")
    await store.close()
    migrating = await town.run("migrate")
    assert migrating.code == 1
    assert "update Wakala" in migrating.err
    gateway = town.launch()
    assert await gateway.program.ended() == 1
    assert "The database has schema 9999, newer than this program's" in gateway.program.said
    assert "Traceback" not in gateway.program.said


async def test_a_schema_is_not_changed_under_a_gateway_at_work(town: Town) -> None:
    gateway = await town.serve()
    assert (await town.run("migrate")).code == 0, "there is nothing to do"
    store = database(load(town.folder / "wakala.toml"))
    await store.open()
    await store.script("DELETE FROM migrations WHERE number = (SELECT max(number) FROM migrations)")
    migrating = await town.run("migrate")
    assert migrating.code == 1
    assert "stop" in migrating.err
    await gateway.program.kill()
    await store.close()


async def test_sigterm_stops_in_order_and_exits_zero(town: Town) -> None:
    gateway = await town.serve()
    town.merchant.gate.clear()  # the merchant takes its time
    await town.pay(gateway, "ORDER-1")
    await town.is_told("ORDER-1")
    gateway.program.send(signal.SIGTERM)
    await until(lambda: refuses(town, gateway), "a gateway that takes nothing in any more")
    assert not gateway.program.has_ended()  # it waits for the attempt that is under way

    town.merchant.gate.set()
    assert await gateway.program.ended() == 0
    assert gateway.program.said.rstrip().endswith("Wakala stopped")
    assert "Traceback" not in gateway.program.said
    [sent] = await town.told("notifications")
    assert (sent["State"], sent["Attempts"]) == ("delivered", 1)
    assert sent["CreatedAt"].endswith("Z"), "a moment with its zone, as the API tells it"


async def test_what_was_open_at_sigterm_is_finished_by_the_next_start(town: Town) -> None:
    gateway = await town.serve()
    await town.autopilot()
    await town.pay(gateway, "ORDER-1")
    assert await gateway.program.terminate() == 0
    await town.control("phones/254712345678/approve", {})  # its callback finds nobody

    after = await town.serve()
    await town.is_told("ORDER-1")
    payment = await town.payment(after, "ORDER-1")
    assert (payment["State"], payment["Evidence"]) == ("succeeded", "stk_query")
    assert len(await town.prompts()) == 1


async def refuses(town: Town, gateway: Gateway) -> bool:
    try:
        async with town.session.get(f"{gateway.url}/livez"):
            return False
    except aiohttp.ClientConnectionError:
        return True


def orders(count: int) -> list[dict[str, Any]]:
    return [
        {"RequestID": f"ORDER-{n}", "SenderMSISDN": f"2547{n:08d}", "AccountReference": f"A{n}"} for n in range(count)
    ]


@only_on_postgres
async def test_two_gateways_on_one_postgresql_share_the_work(town: Town) -> None:
    first, second = await town.serve(), await town.serve(free_port())
    await town.autopilot(pay=3, cancel=1)
    await town.fault("stk_callback", "lost", probability=0.3)  # so that both finishers have something to ask
    town.merchant.replies += [503] * REFUSALS  # and both couriers something to try again

    async def both(order: dict[str, Any]) -> None:
        """A shop that asks at both doors at once."""
        answers = await asyncio.gather(*(town.pay(door, order["RequestID"], **order) for door in (first, second)))
        codes = {answer.status: answer.body for answer in answers}
        assert 202 in codes
        assert codes.get(409, {"code": "request_in_flight"})["code"] == "request_in_flight"

    wanted = orders(200)
    await asyncio.gather(*(both(order) for order in wanted))
    await town.is_told(*(order["RequestID"] for order in wanted))

    prompts = {prompt["account"]: prompt for prompt in await town.prompts()}
    assert len(prompts) == len(await town.prompts()) == len(wanted)
    for gateway in (first, second):
        payments = await town.all_payments(gateway)
        assert len(payments) == len(wanted)
        for payment in payments.values():
            assert payment["State"] in FINAL
            assert (payment["State"] == "succeeded") == (prompts[payment["AccountReference"]]["state"] == "paid")
    for request_id in payments:
        await town.is_delivered(first, request_id)
        assert len(town.merchant.outcomes(request_id)) == 1
    # Each was brought once, and once more for every time the merchant said 503: no gateway doubled the other's. (A
    # receipt that came after a query's answer is told too, by a note of its own.)
    assert len(town.merchant.notes) == len({note.id for note in town.merchant.notes}) + REFUSALS
    for gateway in (first, second):
        assert await gateway.program.terminate() == 0


@only_on_postgres
async def test_a_gateway_that_dies_leaves_its_work_to_the_other(town: Town) -> None:
    short = {"deliveries__lease_s": "1", "deliveries__answer_limit_s": "0.8"}
    short |= {"finisher__send_lease_s": "2", "daraja__answer_limit_s": "1.8"}
    dying, living = await town.serve(None, **short), await town.serve(free_port(), **short)
    await town.autopilot()
    town.merchant.gate.clear()
    wanted = orders(20)
    await town.pay_many([dying], wanted, 10)
    await town.control("phones/254700000000/approve", {})
    await town.is_told("ORDER-0")  # it is telling the merchant of one, and waits for nineteen
    await dying.program.kill()
    town.merchant.gate.set()
    for n in range(1, len(wanted)):
        await town.control(f"phones/2547{n:08d}/approve", {})  # their callbacks find nobody

    await town.is_told(*(order["RequestID"] for order in wanted))
    for request_id, payment in (await town.all_payments(living)).items():
        assert payment["State"] == "succeeded"
        await town.is_delivered(living, request_id)
        assert len(town.merchant.outcomes(request_id)) == 1
    assert len(await town.prompts()) == len(wanted)
