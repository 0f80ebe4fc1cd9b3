"""The API about endpoints: read, test, move, pause, resume and rotate, of the calling app and no other."""

import base64
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from standardwebhooks import Webhook

from services.gateway import LIVE, PAYBILL, SANDBOX, House, basic, eventually, is_problem
from wakala.administration import NewApp
from wakala.rules.accounts import Environment
from wakala.rules.endpoints import By, Endpoint

BASE = f"{SANDBOX}/endpoints"


@pytest.fixture(autouse=True)
async def _customers_pay(house: House) -> None:
    await house.autopilot("pay")


async def post(house: House, name: str, app: NewApp | None = None, base: str = BASE, **body: Any) -> httpx2.Response:
    return await house.client.post(f"{base}/{name}", json=body, headers=basic(app or house.app))


async def done(house: House, name: str, **body: Any) -> dict[str, Any]:
    answer = await post(house, name, **body)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def endpoints(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await house.get(BASE)).json()["Endpoints"]
    return found


async def test_terms_state_and_health_are_read(house: House) -> None:
    (fresh,) = await endpoints(house)
    assert fresh["CallbackUrl"] == f"{house.merchant.url}/wakala"
    assert (fresh["State"], fresh["ConcurrencyLimit"], fresh["RateLimitPerSecond"]) == ("active", 32, None)
    assert len(fresh["ScheduleSeconds"]) == 11
    assert fresh["Health"]["LastSuccessAt"] is None
    await house.push("H-1")
    await house.merchant.received("/wakala", 1)

    async def well() -> bool:
        health = (await endpoints(house))[0]["Health"]
        return health["Streak"] == 1 and health["LastStatus"] == 200 and health["P95Ms"] > 0

    await eventually(well)


async def test_a_new_url_is_tested_then_saved_and_used_at_once(house: House) -> None:
    answer = await done(house, "callbackurl", CallbackUrl=f"{house.merchant.url}/new")
    assert answer["Endpoint"]["CallbackUrl"] == f"{house.merchant.url}/new"
    assert answer["Test"]["Grade"] == "B", "the merchant of these tests does not verify"
    assert answer["Test"]["Checks"][-1]["Check"] == "signature"
    tests = house.merchant.at("/new")
    assert [one.json["type"] for one in tests] == ["endpoint.test"] * 2
    Webhook(house.app.webhook_secret).verify(tests[0].body, dict(tests[0].headers))
    await house.push("M-1")
    await house.merchant.received("/new", 3)
    assert house.merchant.at("/wakala") == []


async def test_a_url_that_fails_its_test_is_refused_with_reasons_unless_forced(house: House) -> None:
    house.merchant.replies["/broken"] = (500, {})
    url = f"{house.merchant.url}/broken"
    body = is_problem(await post(house, "callbackurl", CallbackUrl=url), 422, "url_test_failed")
    (fault,) = body["errors"]
    assert fault["pointer"] == "/CallbackUrl"
    assert "500" in fault["message"]
    assert (await endpoints(house))[0]["CallbackUrl"] == f"{house.merchant.url}/wakala"
    forced = await done(house, "callbackurl", CallbackUrl=url, Force=True)
    assert forced["Test"]["Grade"] == "F"
    assert (await endpoints(house))[0]["CallbackUrl"] == url


async def test_what_waits_can_be_held_while_the_url_changes(house: House) -> None:
    await done(house, "pause", Reason="moving house")
    await house.push("W-1")
    await house.request_in("W-1", "succeeded")
    moved = await done(house, "callbackurl", CallbackUrl=f"{house.merchant.url}/new", Waiting="hold")
    assert moved["Held"] == 1
    assert (moved["Endpoint"]["State"], moved["Endpoint"]["Reason"]) == ("paused", "moving house")
    assert (await done(house, "resume"))["Endpoint"]["State"] == "active"
    notes = (await house.get(f"{SANDBOX}/requests/W-1/trace")).json()["Notifications"]
    assert [note["State"] for note in notes] == ["kept"]


async def test_a_test_changes_nothing(house: House) -> None:
    there = await done(house, "test")
    assert there["CallbackUrl"] == f"{house.merchant.url}/wakala"
    elsewhere = await done(house, "test", CallbackUrl="http://127.0.0.1:9/")
    assert elsewhere["Grade"] == "F"
    assert (await endpoints(house))[0]["CallbackUrl"] == f"{house.merchant.url}/wakala"
    silent = await house.add_app("demo", "silent")
    is_problem(await post(house, "test", silent), 422)


async def test_a_shortcode_has_an_endpoint_of_its_own(house: House) -> None:
    moved = await done(house, "callbackurl", CallbackUrl=f"{house.merchant.url}/branch", Shortcode=PAYBILL)
    assert (moved["Endpoint"]["Shortcode"], moved["Endpoint"]["Environment"]) == (PAYBILL, "sandbox")
    assert [one["CallbackUrl"] for one in await endpoints(house)] == [
        f"{house.merchant.url}/wakala",
        f"{house.merchant.url}/branch",
    ]
    await house.push("B-1")
    await house.merchant.received("/branch", 3)
    is_problem(await post(house, "pause", Shortcode="999999"), 422)


async def test_secrets_are_changed_without_a_gap(house: House) -> None:
    secret = (await done(house, "rotate"))["WebhookSecret"]
    public = (await done(house, "rotate", Version="v1a"))["PublicKey"]
    await house.push("K-1")
    (told,) = await house.merchant.received("/wakala", 1)
    headers = dict(told.headers)
    for each in (house.app.webhook_secret, secret):
        Webhook(each).verify(told.body, headers)
    (mine,) = [one for one in headers["webhook-signature"].split() if one.startswith("v1a,")]
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + told.body
    key.verify(base64.b64decode(mine[4:]), signed)
    (now,) = await endpoints(house)
    assert [(one["Version"], one["SignsUntil"] is None) for one in now["Keys"]] == [
        ("v1", True),
        ("v1", False),
        ("v1a", True),
    ]
    assert secret not in str(now)


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("callbackurl", {}),
        ("callbackurl", {"CallbackUrl": "shop.example"}),
        ("callbackurl", {"CallbackUrl": "https://shop.example/", "Waiting": "perhaps"}),
        ("test", {"CallbackUrl": "x"}),
        ("pause", {"Reason": "a\nb"}),
        ("rotate", {"Version": "v2"}),
        ("rotate", {"OverlapSeconds": -1}),
        ("rotate", {"OverlapSeconds": 1e300}),
        ("resume", {"Unknown": 1}),
    ],
)
async def test_senseless_bodies_are_refused_with_a_sentence(house: House, name: str, body: dict[str, Any]) -> None:
    is_problem(await post(house, name, **body), 422)


async def test_one_app_cannot_touch_the_endpoint_of_another(house: House) -> None:
    stranger = await house.add_app("other", "stranger")
    assert (await post(house, "pause", stranger)).status_code == 200
    assert (await endpoints(house))[0]["State"] == "active"
    is_problem(await post(house, "pause", stranger, Shortcode=PAYBILL), 422)
    is_problem(await house.client.post(f"{BASE}/pause", json={}), 401)


async def test_a_live_endpoint_is_changed_as_live_only(house: House) -> None:
    live = await house.add_shortcode(number="600984", environment=Environment.LIVE)
    is_problem(await post(house, "pause", base=f"{LIVE}/endpoints"), 403)
    await house.gateway.journal.bind_app(house.app.app.organisation_id, house.app.app.id, live.id)
    await house.settle_directory()
    is_problem(await post(house, "pause"), 422)
    assert (await post(house, "pause", Shortcode=PAYBILL)).status_code == 200
    assert (await post(house, "pause", base=f"{LIVE}/endpoints")).status_code == 200
    assert (await post(house, "pause", base=f"{LIVE}/endpoints", Shortcode="600984")).status_code == 200
    is_problem(await post(house, "pause", base=f"{LIVE}/endpoints", Shortcode=PAYBILL), 422)


async def test_what_an_app_changes_stands_in_the_history_as_done_by_the_app(house: House) -> None:
    """Whoever looks for what was done with a key that leaked sees it apart from what the operator did."""
    await done(house, "pause", Reason="holiday")
    await done(house, "resume")
    await done(house, "rotate")
    await done(house, "callbackurl", CallbackUrl=f"{house.merchant.url}/new")
    app = house.app.app
    events = await house.gateway.journal.endpoints.events_of(Endpoint("", app.organisation_id, app.id, ""), 10)
    assert {one.name.partition(".")[2] for one in events} == {"paused", "resumed", "rotated", "moved"}
    assert {one.by for one in events} == {By.APP}
