"""A full disk, a read-only disk, a database that is gone or hangs: said so, nothing lost, all goes on by itself."""

import itertools
from pathlib import Path
from typing import Any

import aiohttp
import apsw
import pytest

from recovery.troubles import ReadOnlyDisk, Trouble
from services.postgres import PostgresServer
from services.town import Gateway, Town, running_town
from services.waiting import until

pytestmark = pytest.mark.timeout(300)  # a dozen programs are started in turn, on a machine that may be busy

COUNT = 20
# M-Pesa is not asked: what settles a payment here is its callback and nothing else.
SILENT = {"finisher__schedule_s": "600", "finisher__expire_s": "900"}
SILENT |= {"finisher__send_lease_s": "2", "daraja__answer_limit_s": "1.8"}
ON_DISK, IN_MEMORY = "callback is kept in the spill file", "remembered: True"


def orders() -> list[dict[str, Any]]:
    return [
        {"RequestID": f"ORDER-{n}", "SenderMSISDN": f"2547{n:08d}", "AccountReference": f"A{n}"} for n in range(COUNT)
    ]


async def customers_pay(town: Town) -> None:
    for n in range(COUNT):
        await town.control(f"phones/2547{n:08d}/approve", {})


async def is_refused(town: Town, gateway: Gateway, request_id: str) -> bool:
    """Intake says 503 with a sentence and when to come again."""
    answer = await town.pay(gateway, request_id, **_of(request_id))
    if answer.status == 202:
        return False  # the disk had a little room left
    assert answer.status == 503, answer
    headers = {name.lower(): value for name, value in answer.headers.items()}
    assert headers["retry-after"].isdigit(), answer
    assert answer.body["code"] == "database_fault"
    assert "with the same RequestID" in answer.body["detail"]
    return True


def _of(request_id: str) -> dict[str, str]:
    """A phone of its own: M-Pesa allows one live prompt a phone."""
    return {"SenderMSISDN": f"2541{request_id.rpartition('-')[2]:0>8}", "AccountReference": request_id}


async def is_ready(town: Town, gateway: Gateway) -> bool:
    async with town.session.get(f"{gateway.url}/readyz") as answer:
        return answer.status == 200


async def is_not_ready(town: Town, gateway: Gateway) -> bool:
    return not await is_ready(town, gateway)


async def test_callbacks_are_kept_while_the_database_is_away(troubled: tuple[Town, Trouble]) -> None:
    town, trouble = troubled
    gateway = await town.serve(**SILENT)
    await town.autopilot()
    await town.pay_many([gateway], orders(), 10)

    trouble.begin()
    await town.autopilot(pay=1)  # for the prompts that are still to come
    asked: list[str] = []

    async def says_no() -> bool:
        asked.append(f"LATER-{len(asked)}")
        return await is_refused(town, gateway, asked[-1])

    await until(says_no, "a request that is refused")
    await until(lambda: is_not_ready(town, gateway), "a gateway that says so where load balancers look")
    await customers_pay(town)
    word = IN_MEMORY if isinstance(trouble, ReadOnlyDisk) else ON_DISK
    kept = lambda: gateway.program.said.count(word)  # noqa: E731 - a word for a count, used twice
    await until(lambda: kept() + len(town.merchant.settled) >= COUNT, lambda: f"{kept()} kept\n{gateway.program.said}")
    assert kept() > COUNT // 2

    trouble.end()
    await town.is_told(*(order["RequestID"] for order in orders()))
    await until(lambda: is_ready(town, gateway), "a gateway that is ready again")
    for order in orders():
        payment = await town.payment(gateway, order["RequestID"])
        assert (payment["State"], payment["Evidence"]) == ("succeeded", "stk_callback")
        assert len(town.merchant.outcomes(order["RequestID"])) == 1
    await _those_that_were_refused_are_paid(town, gateway, asked)
    assert len(await town.prompts()) == len({prompt["account"] for prompt in await town.prompts()})
    assert "Traceback" not in gateway.program.said
    assert await gateway.program.terminate() == 0
    assert not list(town.folder.glob("*.spill*"))
    _is_sound(town)


async def _those_that_were_refused_are_paid(town: Town, gateway: Gateway, request_ids: list[str]) -> None:
    """A shop that was told to come again does so, with the same RequestID."""
    for request_id in request_ids:

        async def accepted(request_id: str = request_id) -> bool:
            answer = await town.pay(gateway, request_id, **_of(request_id))
            assert answer.status == 202 or answer.body["code"] == "request_in_flight", answer
            return answer.status == 202

        await until(accepted, f"an answer about {request_id}")


def _is_sound(town: Town) -> None:
    path = town.folder / "wakala.db"
    if path.exists():
        assert apsw.Connection(str(path)).pragma("integrity_check") == "ok"


async def test_a_gateway_killed_while_the_database_is_away_handles_what_it_kept_after_the_next_start(
    troubled: tuple[Town, Trouble],
) -> None:
    town, trouble = troubled
    if isinstance(trouble, ReadOnlyDisk):
        pytest.skip("where no disk takes anything, only memory is left, and it dies with the process")
    gateway = await town.serve(**SILENT)
    await town.autopilot()
    await town.pay_many([gateway], orders(), 10)
    trouble.begin()
    tries = itertools.count()
    await until(lambda: is_refused(town, gateway, f"TRY-{next(tries)}"), "a database that is away")
    await customers_pay(town)
    kept = lambda: gateway.program.said.count(ON_DISK)  # noqa: E731 - a word for a count, used twice
    await until(lambda: kept() + len(town.merchant.settled) >= COUNT, lambda: f"{kept()} kept\n{gateway.program.said}")
    await gateway.program.kill()
    trouble.end()

    await town.serve(**SILENT)
    await town.is_told(*(order["RequestID"] for order in orders()))
    for order in orders():
        assert len(town.merchant.outcomes(order["RequestID"])) == 1


async def test_a_gateway_started_while_the_database_is_away_keeps_callbacks_and_begins_when_it_is_back(
    tmp_path: Path, own_server: PostgresServer
) -> None:
    with own_server.database() as url:
        async with running_town(tmp_path / "town", url) as town:
            gateway = await town.serve(**SILENT)
            await town.autopilot()
            await town.pay_many([gateway], orders(), 10)
            assert await gateway.program.terminate() == 0
            own_server.stop()

            gateway = town.launch(**SILENT)
            await until(lambda: is_alive(town, gateway), lambda: f"a gateway that listens\n{gateway.program.said}")
            assert await is_refused(town, gateway, "EARLY")
            assert not await is_ready(town, gateway)
            stranger = await town.ask(gateway, "requests/ORDER-1")
            assert stranger.status == 503, "who is calling is not known, and not refused"
            await customers_pay(town)
            kept = lambda: gateway.program.said.count(ON_DISK)  # noqa: E731 - a word for a count, used twice
            await until(lambda: kept() >= COUNT, lambda: f"{kept()} kept\n{gateway.program.said}")

            own_server.start()
            await until(lambda: is_ready(town, gateway), "a gateway that has begun")
            await town.is_told(*(order["RequestID"] for order in orders()))
            for order in orders():
                payment = await town.payment(gateway, order["RequestID"])
                assert (payment["State"], payment["Evidence"]) == ("succeeded", "stk_callback")
            assert "Traceback" not in gateway.program.said
            assert await gateway.program.terminate() == 0
            assert not list(town.folder.glob("*.spill*"))


async def is_alive(town: Town, gateway: Gateway) -> bool:
    try:
        async with town.session.get(f"{gateway.url}/livez") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectionError:
        return False


async def test_a_gateway_that_never_found_its_database_stops_in_order(
    tmp_path: Path, own_server: PostgresServer
) -> None:
    with own_server.database() as url:
        async with running_town(tmp_path / "town", url) as town:
            own_server.stop()
            gateway = town.launch(**SILENT)
            await until(lambda: is_alive(town, gateway), lambda: f"a gateway that listens\n{gateway.program.said}")
            assert "M-Pesa's callbacks are kept until it is back" in gateway.program.said
            assert await gateway.program.terminate() == 0
            assert "Traceback" not in gateway.program.said
            own_server.start()
