"""While an app's secret is being changed the old one and the new one are let in everywhere; then the new one alone."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from deliveries.conftest import Clock
from services.gateway import (
    LIVE,
    SANDBOX,
    Headers,
    House,
    basic,
    eventually,
    is_problem,
    proxyapi_basic,
    running_gateway,
)
from wakala.administration import NewApp
from wakala.errors import UnauthenticatedError
from wakala.identity import Source
from wakala.tunnel.feed import Feed

HOUR_S = 3_600
DARAJA = "/sandbox/oauth/v1/generate?grant_type=client_credentials"
PUSH = "/sandbox/mpesa/stkpush/v1/processrequest"
COUNTERS = [f"{SANDBOX}/auth", f"{LIVE}/auth"]
READS = [f"{SANDBOX}/requests", f"{SANDBOX}/notifications", f"{SANDBOX}/endpoints", f"{LIVE}/requests"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def house(tmp_path: Path, clock: Clock) -> AsyncIterator[House]:
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom)) as house:
        yield house


async def rotated(house: House, overlap_s: float) -> NewApp:
    """The app with its new secret."""
    new = await house.admin.rotate(await house.admin.app(house.app.app.id), overlap_s)
    await house.settle_directory()
    return replace(house.app, consumer_secret=new.consumer_secret)


async def tokens(house: House, app: NewApp) -> list[Headers]:
    """What is bought with a key and secret, at each counter."""
    bought = [
        (await house.client.get(f"{SANDBOX}/auth", headers=basic(app))).json()["Data"]["AccessToken"],
        (await house.client.get(DARAJA, headers=basic(app))).json()["access_token"],
    ]
    return [{"Authorization": f"Bearer {token}"} for token in bought]


async def lives(house: House, app: NewApp) -> list[int]:
    """For how many seconds such a token is said to be good."""
    return [
        (await house.client.get(f"{SANDBOX}/auth", headers=basic(app))).json()["Data"]["ExpiresIn"],
        int((await house.client.get(DARAJA, headers=basic(app))).json()["expires_in"]),
    ]


async def is_let_in(house: House, app: NewApp, bought: list[Headers]) -> bool:
    """At every door, by key and secret and by tokens that they bought; all of them must say the same."""
    found = {"listen": await listens(house, app)}
    for number, headers in enumerate([basic(app), proxyapi_basic(app), *bought]):
        is_token = headers in bought
        for path in READS if is_token else READS + COUNTERS:
            found[f"{number} {path}"] = _knows(await house.client.get(path, headers=headers))
        found[f"{number} push"] = _knows(await house.push("", headers=headers))
        path = f"{SANDBOX}/endpoints/pause"
        found[f"{number} {path}"] = _knows(await house.client.post(path, content=b"[]", headers=headers))
        if is_token:
            pushed = await house.client.post(PUSH, content=b"{}", headers=headers)
            found[f"{number} {PUSH}"] = pushed.json()["errorCode"] != "404.001.03"
    found[DARAJA] = (await house.client.get(DARAJA, headers=basic(app))).status_code == 200
    assert len(set(found.values())) == 1, found
    return found["listen"]


def _knows(answer: httpx2.Response) -> bool:
    """Whoever is known may be told what is wrong with what he asks."""
    if answer.status_code == 401:
        is_problem(answer, 401, "unauthenticated")
    return answer.status_code != 401


async def listens(house: House, app: NewApp) -> bool:
    """As `wakala listen` asks."""
    async with Feed(f"{house.url}{SANDBOX}", app.app.consumer_key, app.consumer_secret, "listen") as feed:
        try:
            await feed.page("", 0, wait_s=0)
        except UnauthenticatedError:
            return False
        return True


async def test_old_and_new_secret_open_every_door_until_the_overlap_is_over(house: House, clock: Clock) -> None:
    old_tokens = await tokens(house, house.app)
    new = await rotated(house, HOUR_S / 2)
    new_tokens = await tokens(house, new)
    assert new.consumer_secret != house.app.consumer_secret
    assert await is_let_in(house, house.app, [*old_tokens, *await tokens(house, house.app)])
    assert await is_let_in(house, new, new_tokens)
    clock.advance(HOUR_S / 2)
    assert not await is_let_in(house, house.app, old_tokens)
    assert await is_let_in(house, new, new_tokens), "they were bought by a secret that is in force"


async def test_a_leaked_secret_and_its_tokens_end_at_once(house: House) -> None:
    leaked_tokens = await tokens(house, house.app)
    new = await rotated(house, 0)
    assert not await is_let_in(house, house.app, leaked_tokens)
    assert await is_let_in(house, new, await tokens(house, new))


async def test_a_running_gateway_sees_a_new_secret_by_itself(house: House) -> None:
    bought = await tokens(house, house.app)
    new = replace(house.app, consumer_secret=(await house.admin.rotate(house.app.app, 0)).consumer_secret)

    async def is_known() -> bool:
        return (await house.get(f"{SANDBOX}/requests", app=new)).status_code == 200

    await eventually(is_known)
    assert not await is_let_in(house, house.app, bought), "what lets in and what does not is seen in one look"


async def test_no_token_is_said_to_outlive_its_secret(house: House, clock: Clock) -> None:
    assert await lives(house, house.app) == [3_600, 3_599]
    new = await rotated(house, 2 * HOUR_S)
    assert await lives(house, house.app) == [3_600, 3_599]
    clock.advance(2 * HOUR_S - 600)
    for life_s in await lives(house, house.app):
        assert 0 < life_s <= 601
    assert await lives(house, new) == [3_600, 3_599]
    clock.advance(600)
    is_problem(await house.client.get(f"{SANDBOX}/auth", headers=basic(house.app)), 401)


async def test_a_new_secret_is_one_apps_and_its_notifications_are_signed_as_before(house: House) -> None:
    other = await house.add_app("demo", "other")
    others = await tokens(house, other)
    signers = house.gateway.directory.webhook_key(house.app.app.id)
    new = await rotated(house, 0)
    assert await is_let_in(house, other, others)
    assert house.gateway.directory.webhook_key(house.app.app.id) == signers
    stranger = replace(other, consumer_secret=new.consumer_secret)
    is_problem(await house.client.get(f"{SANDBOX}/auth", headers=basic(stranger)), 401)
