"""Gateways on machines whose clocks disagree share PostgreSQL, and with it one clock."""

import asyncio
import datetime as dt
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ports import free_port
from services.programs import WRONG_CLOCK, Program
from services.town import PAYBILL, Gateway, Town, running_town
from wakala.identity import CommonClock, made_at_us

pytestmark = pytest.mark.timeout(300)  # several programs are started in turn, on a machine that may be busy

HOUR_S, DAY_S = 3_600, 86_400
SECOND_US = 1_000_000
NEAR_US = 60 * SECOND_US  # a busy machine is late; nobody here is late by a tenth of an hour
START_US = 1_764_400_000 * SECOND_US


def on_a_wrong_machine(town: Town, off_s: int, *arguments: str) -> list[str]:
    return [WRONG_CLOCK, str(off_s), "-c", str(town.folder / "wakala.toml"), *arguments]


async def serve(town: Town, off_s: int, port: int | None = None, **settings: str) -> Gateway:
    gateway = town.launch(on_a_wrong_machine(town, off_s, "serve"), port, **settings)
    await town.is_serving(gateway)
    return gateway


@pytest.fixture
async def town(tmp_path: Path, postgres_url: str) -> AsyncIterator[Town]:
    async with running_town(tmp_path / "town", postgres_url) as running:
        yield running


# ── the clock itself ──


class Machine:
    """One whose clock somebody sets, and which has another one that nobody does."""

    def __init__(self) -> None:
        self.own_us = START_US
        self.steady_us = 7 * SECOND_US
        self.clock = CommonClock(lambda: self.own_us, lambda: self.steady_us)

    def passes(self, us: int) -> None:
        self.own_us += us
        self.steady_us += us

    def hears(self, right_us: int, before_us: int = 0, after_us: int = 0) -> None:
        """The database's clock showed what is right in the middle of a question."""
        asked_us = self.steady_us
        self.passes(before_us + after_us)
        self.clock.hear(right_us, asked_us, self.steady_us)


def test_until_the_database_is_heard_it_is_the_machines_own() -> None:
    machine = Machine()
    machine.passes(5)
    assert machine.clock() == START_US + 5


@pytest.mark.parametrize("off_s", [HOUR_S, -HOUR_S])
def test_a_leap_of_the_machines_own_goes_unnoticed(off_s: int) -> None:
    machine = Machine()
    machine.hears(START_US)
    machine.own_us += off_s * SECOND_US
    machine.passes(30)
    assert machine.clock() == START_US + 30


def test_a_clock_that_is_set_at_the_database_is_followed() -> None:
    machine = Machine()
    machine.hears(START_US)
    machine.hears(START_US - HOUR_S * SECOND_US)
    assert machine.clock() == START_US - HOUR_S * SECOND_US


waits = st.integers(0, 8 * SECOND_US)


@given(st.integers(-(10**12), 10**12), st.lists(st.tuples(waits, waits, waits), min_size=1, max_size=20))
def test_it_is_off_by_no_more_than_half_of_the_quickest_first_answer_or_the_quickest_later_one(
    off_us: int, questions: list[tuple[int, int, int]]
) -> None:
    machine = Machine()
    away_us: list[int] = []
    for rest_us, before_us, after_us in questions:
        machine.passes(rest_us)
        machine.hears(machine.own_us + off_us + before_us, before_us, after_us)
        away_us.append(before_us + after_us if away_us else (before_us + after_us + 1) // 2)
        assert abs(machine.clock() - (machine.own_us + off_us)) <= min(away_us)


# ── gateways ──


async def test_what_all_of_them_say_is_in_the_order_in_which_it_happened(town: Town) -> None:
    ahead, behind = await serve(town, HOUR_S), await serve(town, -HOUR_S, free_port())
    start = (await town.ask(ahead, "notifications?after=now")).body["After"]
    orders = [f"ORDER-{number}" for number in range(6)]
    for number, order in enumerate(orders):
        await town.pay((ahead, behind)[number % 2], order, SenderMSISDN=f"25471234560{number}")
        await town.is_told(order)
    for gateway in (ahead, behind):
        page = (await town.ask(gateway, f"notifications?after={start}&seen=0")).body["Notifications"]
        assert [note["Body"]["data"]["RequestID"] for note in page] == orders
        assert all(abs(made_at_us(note["NotificationID"]) - time.time_ns() // 1000) < NEAR_US for note in page)
    assert "this machine's clock is 3600 s ahead of the database's" in ahead.program.said
    assert "this machine's clock is 3600 s behind the database's" in behind.program.said


async def test_a_prompt_is_not_paid_before_it_was_sent(town: Town) -> None:
    """M-Pesa's confirmation is given to its push by time; the callback of the push never comes."""
    await town.register(PAYBILL)
    await town.fault("stk_callback", "lost")
    patient = {"finisher__schedule_s": "600", "finisher__expire_s": "900", "finisher__confirmation_wait_s": "0.5"}
    gateway = await serve(town, HOUR_S, **patient)
    await town.pay(gateway, "ORDER-1")
    await town.is_told("ORDER-1")
    assert (await town.payment(gateway, "ORDER-1"))["Evidence"] == "c2b_confirmation"
    assert list(await town.all_payments(gateway)) == ["ORDER-1"], "the money is told once, as what it was asked for"


async def test_who_looks_after_an_installation_goes_by_it_too(town: Town, tmp_path: Path) -> None:
    gateway = await town.serve()
    log = tmp_path / "doctor.log"
    doctor = Program(on_a_wrong_machine(town, HOUR_S, "doctor", "--json"), {}, log)
    await doctor.ended()
    found = {one["check"]: one for one in json.loads(doctor.said[doctor.said.index("[") :])}
    assert found["clock of this machine"]["state"] == "warning"
    assert "ahead of the database's, which counts" in found["clock of this machine"]["finding"]
    assert found["clock"]["state"] == "ok"
    following = Program(on_a_wrong_machine(town, HOUR_S, "logs", "tail", "--json"), {}, tmp_path / "tail.log")
    try:
        number = 0
        while "ORDER-" not in following.said:
            number += 1
            await town.pay(gateway, f"ORDER-{number}", SenderMSISDN=f"2547123{number:05d}")
            await town.is_told(f"ORDER-{number}")
            await asyncio.sleep(0)
    finally:
        await following.kill()


async def test_an_old_secret_lets_in_for_as_long_as_it_says(town: Town, tmp_path: Path) -> None:
    gateway = await town.serve()
    for command, off_s in (("rotate", -2 * DAY_S), ("list", 2 * DAY_S)):
        arguments = ("app", command, *(["shop"] if command == "rotate" else []), "--json")
        program = Program(on_a_wrong_machine(town, off_s, *arguments), {}, tmp_path / f"{command}.log")
        await program.ended()
        until = re.search(r'"OldSecretUntil": "(.*)"', program.said)
        assert until is not None, program.said
        assert abs(dt.datetime.fromisoformat(until[1]).timestamp() - time.time() - DAY_S) < HOUR_S
    assert (await town.pay(gateway, "ORDER-1", SenderMSISDN="254712345678")).status == 202, "with the old secret"
