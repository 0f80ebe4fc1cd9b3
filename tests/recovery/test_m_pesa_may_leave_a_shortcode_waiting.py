"""M-Pesa leaves calls for one shortcode, or for all of the sandbox, unanswered: the payments of others go on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from journal.making import payment
from services.gateway import House, eventually, running_gateway
from wakala.administration import ShortcodeDetails
from wakala.config import Settings
from wakala.journal.journal import Journal
from wakala.rules.accounts import Environment, Shortcode, ShortcodeKind
from wakala.rules.decisions import Change
from wakala.rules.payment import Payment, Scope, State, Step
from wakala.store import database
from wakala.workers.finisher import ASK_LIMIT, LOOK_S

BACKLOG = 150  # more of one shortcode than is looked at in one turn
NEW = ShortcodeDetails("600001", ShortcodeKind.PAYBILL, Environment.LIVE, None, "key", "secret", "passkey")
NEVER = {"poll_s": 3_600.0}  # the test takes the steps
OFTEN = {"poll_s": 0.02}


class MPesa:
    """Gives tokens, and says of each push that it is paid; of a silent shortcode it says nothing."""

    def __init__(self) -> None:
        self.silent: set[str] = set()
        self.asked: Counter[str] = Counter()
        self.under_way = self.most = 0
        self.url = ""

    async def token(self, _: web.Request) -> web.Response:
        return web.json_response({"access_token": "t", "expires_in": "3599"})

    async def query(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.asked[body["BusinessShortCode"]] += 1
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        try:
            if body["BusinessShortCode"] in self.silent:
                await asyncio.Event().wait()
            await asyncio.sleep(0)  # others may come meanwhile
        finally:
            self.under_way -= 1
        return web.json_response({"ResponseCode": "0", "ResultCode": "0", "ResultDesc": "Paid"})


@pytest.fixture
async def mpesa() -> AsyncIterator[MPesa]:
    mpesa = MPesa()
    app = web.Application()
    app.router.add_get("/oauth/v1/generate", mpesa.token)
    app.router.add_post("/mpesa/stkpushquery/v1/query", mpesa.query)
    runner = web.AppRunner(app, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    mpesa.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield mpesa
    await runner.cleanup()


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres_url")


@asynccontextmanager
async def gateway_at(
    mpesa: MPesa, folder: Path, url: str | None, finisher: dict[str, Any], *, is_in_a_hurry: bool = True
) -> AsyncIterator[House]:
    """It would wait for an answer for ten minutes, and no lease ends meanwhile unless the test says so."""
    daraja = {"sandbox_url": mpesa.url, "live_url": mpesa.url, "answer_limit_s": 600}
    patient = {"send_lease_s": 3_600.0} | finisher
    async with running_gateway(folder, database_url=url, daraja=daraja, finisher=patient) as house:
        yield house
        if is_in_a_hurry:  # nobody waits for what M-Pesa never answers
            house.gateway.hurry()


async def live(house: House, number: str) -> Shortcode:
    return await house.add_shortcode(number=number, environment=Environment.LIVE)


async def due(house: House, shortcode: Shortcode, count: int) -> list[Payment]:
    """So many pushes whose callbacks were lost, so that M-Pesa has to be asked now."""
    now_us = house.gateway.source.now_us()
    scope = Scope(shortcode.organisation_id, house.app.app.id, shortcode.id, shortcode.environment)
    opened = [
        payment(
            f"{shortcode.number}-{number}",
            scope=scope,
            state=State.PENDING,
            created_us=now_us,
            updated_us=now_us,
            sent_us=now_us,
            checkout_request_id=f"ws_{shortcode.number}_{number}",
            next_check_us=now_us,
        )
        for number in range(count)
    ]
    journal = house.gateway.journal
    assert all(
        await asyncio.gather(*(journal.open_payment([Change(one, Step.CONFIRM, "", {})], None) for one in opened))
    )
    return opened


async def are_paid(house: House, payments: list[Payment]) -> bool:
    found = [await house.gateway.journal.payment(one.id) for one in payments]
    return all(one is not None and one.state is State.SUCCEEDED for one in found)


async def test_a_shortcode_that_waits_keeps_no_other_waiting(tmp_path: Path, url: str | None, mpesa: MPesa) -> None:
    mpesa.silent = {"600001"}
    async with gateway_at(mpesa, tmp_path, url, OFTEN) as house:
        await due(house, await live(house, "600001"), BACKLOG)
        await eventually(lambda: mpesa.under_way)
        others = [
            *await due(house, await live(house, "600002"), 1),
            *await due(house, await live(house, "600003"), BACKLOG),
        ]
        await eventually(lambda: are_paid(house, others))
        assert mpesa.asked["600001"] <= ASK_LIMIT // 2, "its share, and not again while those are in hand"


async def test_a_sandbox_that_hangs_as_a_whole_keeps_nobody_who_is_live_waiting(
    tmp_path: Path, url: str | None, mpesa: MPesa
) -> None:
    numbers = [f"6001{number:02}" for number in range(2 * ASK_LIMIT)]
    mpesa.silent = set(numbers)
    async with gateway_at(mpesa, tmp_path, url, OFTEN) as house:
        for number in numbers:
            await due(house, await house.add_shortcode(number=number), 2)
        await eventually(lambda: mpesa.under_way == ASK_LIMIT // 2)
        mine = await due(house, await live(house, "600002"), BACKLOG)
        await eventually(lambda: are_paid(house, mine))
        assert mpesa.most <= ASK_LIMIT


async def test_more_shortcodes_than_hands_that_wait_have_no_more_hands_than_there_are(
    tmp_path: Path, url: str | None, mpesa: MPesa
) -> None:
    numbers = [f"6001{number:02}" for number in range(2 * ASK_LIMIT)]
    mpesa.silent = set(numbers)
    async with gateway_at(mpesa, tmp_path, url, NEVER) as house:
        for number in numbers:
            await due(house, await live(house, number), 1)
        assert await house.gateway.finisher.step(), "more is due"
        await eventually(lambda: mpesa.under_way >= ASK_LIMIT)
        assert await house.gateway.finisher.step()
        assert mpesa.most == ASK_LIMIT


async def test_after_an_outage_all_are_asked_about_without_a_rest_and_never_too_many_at_once(
    tmp_path: Path, url: str | None, mpesa: MPesa
) -> None:
    async with gateway_at(mpesa, tmp_path, url, NEVER) as house:
        waiting = [
            one for number in ("600001", "600002") for one in await due(house, await live(house, number), BACKLOG)
        ]
        while await house.gateway.finisher.step():
            pass
        await eventually(lambda: are_paid(house, waiting))
        assert sum(mpesa.asked.values()) == len(waiting), "each is asked about once"
        assert 1 < mpesa.most <= ASK_LIMIT


async def test_what_is_in_hand_is_not_taken_again_though_its_lease_is_over(
    tmp_path: Path, url: str | None, mpesa: MPesa
) -> None:
    mpesa.silent = {"600001"}
    async with gateway_at(mpesa, tmp_path, url, NEVER | {"send_lease_s": 0.001}) as house:
        shortcode = await live(house, "600001")
        [mine] = await due(house, shortcode, 1)
        finisher, journal = house.gateway.finisher, house.gateway.journal
        assert not await finisher.step(), "nothing else is due: the loop may rest"
        await eventually(lambda: mpesa.under_way)
        await eventually(lambda: is_due(house, shortcode))
        assert not await finisher.step()
        other = await due(house, await live(house, "600002"), 1)
        await finisher.step()
        await eventually(lambda: are_paid(house, other))
        assert mpesa.asked["600001"] == 1
        found = await journal.payment(mine.id)
        assert found is not None
        assert found.state is State.PENDING


async def test_while_more_is_due_than_there_are_hands_a_turn_waits_for_one_of_them(
    tmp_path: Path, url: str | None, mpesa: MPesa
) -> None:
    mpesa.silent = {"600001"}
    async with gateway_at(mpesa, tmp_path, url, NEVER) as house:
        await due(house, await live(house, "600001"), BACKLOG)
        finisher = house.gateway.finisher
        assert await finisher.step(), "more is due"
        began_s = asyncio.get_running_loop().time()
        assert await finisher.step()
        took_s = asyncio.get_running_loop().time() - began_s
        assert took_s >= 0.9 * LOOK_S, "else a worker that may not rest has the processor to itself"


async def test_what_cannot_be_finished_here_ends_no_turn_and_keeps_no_other_waiting(
    tmp_path: Path, url: str | None, mpesa: MPesa
) -> None:
    async with gateway_at(mpesa, tmp_path, url, NEVER) as house:
        known = await live(house, "600002")
        (looks,) = [loop for loop in house.gateway._loops if loop.name == "directory"]
        await looks.stop()
        unknown = await house.admin.add_shortcode("demo", NEW)  # and this process has not seen it yet
        await due(house, unknown, BACKLOG)
        finisher = house.gateway.finisher
        assert not await finisher.step(), "what is left would fare no better: a rest is due"
        mine = await due(house, known, 1)
        await finisher.step()
        await eventually(lambda: are_paid(house, mine))
        assert not mpesa.asked["600001"]


async def is_due(house: House, shortcode: Shortcode) -> bool:
    return bool(await house.gateway.journal.payments_due(shortcode.id, house.gateway.source.now_us(), 1))


async def test_a_stop_cuts_short_what_waits_and_hands_it_back(tmp_path: Path, url: str | None, mpesa: MPesa) -> None:
    mpesa.silent = {"600001"}
    async with gateway_at(mpesa, tmp_path, url, OFTEN, is_in_a_hurry=False) as house:
        shortcode = await live(house, "600001")
        await due(house, shortcode, BACKLOG)
        await eventually(lambda: mpesa.under_way == ASK_LIMIT // 2)
        settings, source = house.gateway.settings, house.gateway.source
    await eventually(lambda: not mpesa.under_way)
    assert await count_due(settings, shortcode, source.now_us()) == BACKLOG


async def test_a_turn_that_a_stop_finds_under_way_begins_nothing_more(
    tmp_path: Path, url: str | None, mpesa: MPesa
) -> None:
    async with gateway_at(mpesa, tmp_path, url, NEVER) as house:
        shortcode = await live(house, "600001")
        await due(house, shortcode, BACKLOG)
        finisher, settings, now_us = house.gateway.finisher, house.gateway.settings, house.gateway.source.now_us()
        turn = asyncio.create_task(finisher.step())
        await finisher.stop()
        assert not await turn, "nobody waits for a hand"
        assert not finisher._in_hand
    assert await count_due(settings, shortcode, now_us) == BACKLOG
    assert not mpesa.asked


async def count_due(settings: Settings, shortcode: Shortcode, now_us: int) -> int:
    store = database(settings)
    await store.open()
    try:
        return len(await Journal(store).payments_due(shortcode.id, now_us, 2 * BACKLOG))
    finally:
        await store.close()
