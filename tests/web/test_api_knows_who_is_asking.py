import base64
from collections.abc import Callable

import pytest

from services.gateway import LIVE, SANDBOX, Headers, House, basic, is_problem, proxyapi_basic, sha3
from wakala.administration import NewApp
from wakala.directory import Directory
from wakala.rules.accounts import Environment
from wakala.rules.signing import access_token, app_digest

AUTH = f"{SANDBOX}/auth"
DAY_S = 86_400


async def token_of(house: House) -> str:
    answer = await house.client.get(AUTH, headers=basic(house.app))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    token: str = answer.json()["Data"]["AccessToken"]
    return token


def test_proxy_apis_digest_is_the_documented_one() -> None:
    expected = "1fbf5737c54e78458338cf22014cc9eb901d4e449b068601747a3c48ddc879bf"
    assert app_digest("exampleKey01", "exampleSecret99") == expected
    assert sha3("exampleKey01:exampleSecret99") == expected


@pytest.mark.parametrize("make", [basic, proxyapi_basic])
@pytest.mark.parametrize("prefix", [SANDBOX, LIVE])
async def test_key_and_secret_buy_a_token_in_either_header(
    house: House, make: Callable[[NewApp], Headers], prefix: str
) -> None:
    body = (await house.client.get(f"{prefix}/auth", headers=make(house.app))).json()
    assert body["StatusCode"] == 0
    assert body["Data"]["ExpiresIn"] == 3600
    assert body["Data"]["AccessToken"]


@pytest.mark.parametrize("name", ["Authorization", "X-Authorization"])
async def test_a_token_works_in_either_header(house: House, name: str) -> None:
    headers = {name: f"Bearer {await token_of(house)}"}
    assert (await house.client.get(f"{SANDBOX}/requests", headers=headers)).status_code == 200
    assert (await house.push("T-1", headers=headers)).status_code == 202


async def test_the_word_before_the_credential_may_be_in_any_case(house: House) -> None:
    headers = {"Authorization": f"bEaReR   {await token_of(house)}"}
    assert (await house.client.get(f"{SANDBOX}/requests", headers=headers)).status_code == 200


async def test_a_token_buys_no_token(house: House) -> None:
    pair = basic(house.app)["Authorization"].removeprefix("Basic ")
    for given in (await token_of(house), pair):
        headers = {"Authorization": f"Bearer {given}"}
        is_problem(await house.client.get(AUTH, headers=headers), 401, "unauthenticated")


async def test_a_token_ends_with_its_hour(house: House) -> None:
    directory: Directory = house.gateway.directory
    now_s = house.gateway.source.now_us() // 1_000_000
    for expires_s, status in [(now_s + 5, 200), (now_s - 1, 401), (now_s - DAY_S, 401)]:
        token = access_token(directory.token_key, house.app.app.id, expires_s)
        answer = await house.client.get(f"{SANDBOX}/requests", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status


async def test_a_forged_token_is_refused(house: House) -> None:
    token = await token_of(house)
    app_id, expiry, mac = token.split(".")
    later = f"{int(expiry, 16) + DAY_S:x}"
    other = await house.add_app("other", "theirs")
    stranger_key = access_token(b"\0" * 32, app_id, int(expiry, 16))
    flipped = mac[:-1] + ("0" if mac[-1] != "0" else "1")
    forged = [
        f"{app_id}.{later}.{mac}",
        f"{other.app.id}.{expiry}.{mac}",
        f"{app_id}.{expiry}.{flipped}",
        f"{app_id}.{expiry}.",
        f"{app_id}.{expiry}",
        f"{app_id}..{mac}",
        stranger_key,
        "x",
        ".",
        "..",
        token + "0",
        token.upper(),
    ]
    for one in forged:
        answer = await house.client.get(f"{SANDBOX}/requests", headers={"Authorization": f"Bearer {one}"})
        is_problem(answer, 401, "unauthenticated")


def encoded(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize("name", [b"authorization", b"x-authorization"])
@pytest.mark.parametrize(
    "value",
    [
        b"",
        b" ",
        b"Basic",
        b"Basic ",
        b"Bearer",
        b"Bearer ",
        b"Digest abc",
        b"Basic !!!!",
        b"Basic \xe9\xe9\xe9\xe9",
        b"Bearer \xe9.\xff.\xfe",
        b"Bearer a.zz.b",
        b"Basic " + b"0" * 64,
        b"Basic " + b"F" * 64,
        b"Basic " + b"A" * 60_000,
        b"Basic /////w==",
        b"Basic " + encoded("no-colon").encode(),
        b"Basic " + encoded(":").encode(),
        b"Basic " + encoded("k\0:\n").encode(),
    ],
    ids=lambda value: repr(value[:20]),
)
async def test_no_odd_header_gets_in_or_breaks_anything(house: House, name: bytes, value: bytes) -> None:
    request = b"GET %b/requests HTTP/1.1\r\nHost: x\r\nConnection: close\r\n%b: %b\r\n\r\n"
    answer = await house.raw(request % (SANDBOX.encode(), name, value))
    is_problem(answer, 401, "unauthenticated")
    assert "Basic" in answer.headers["www-authenticate"]
    assert "Bearer" in answer.headers["www-authenticate"]


async def test_nobody_is_not_an_app(house: House) -> None:
    for method, path in [
        ("GET", AUTH),
        ("GET", f"{SANDBOX}/requests"),
        ("GET", f"{SANDBOX}/requests/A"),
        ("GET", f"{LIVE}/requests/A/trace"),
        ("POST", f"{SANDBOX}/lnm/customerpaybill"),
        ("POST", f"{LIVE}/lnm/customerbuygoods"),
        ("POST", f"{SANDBOX}/c2b/customerpaybill"),
    ]:
        answer = await house.client.request(method, path)
        is_problem(answer, 401, "unauthenticated")
        assert answer.headers["www-authenticate"]
    assert await house.count("payments") == 0


async def test_one_wrong_letter_in_the_secret_is_refused(house: House) -> None:
    app = house.app.app
    secret = house.app.consumer_secret
    for pair in (f"{app.consumer_key}:{secret}x", f"{app.consumer_key}:{secret[:-1]}", f"{app.consumer_key}:", secret):
        is_problem(await house.client.get(AUTH, headers={"Authorization": f"Basic {encoded(pair)}"}), 401)


async def test_who_has_the_keys_of_a_disabled_app_is_nobody_and_it_is_told_of_what_was_under_way(house: House) -> None:
    token = await token_of(house)
    assert (await house.push("OPEN")).status_code == 202
    await house.admin.set_active(house.app.app, is_active=False)
    await house.settle_directory()
    path = f"{SANDBOX}/requests/OPEN"
    for headers in (basic(house.app), proxyapi_basic(house.app), {"Authorization": f"Bearer {token}"}):
        is_problem(await house.client.get(path, headers=headers), 401)
        is_problem(await house.push("MORE", headers=headers), 401)
    is_problem(await house.client.get(AUTH, headers=basic(house.app)), 401)
    daraja = "/sandbox/oauth/v1/generate?grant_type=client_credentials"
    assert (await house.client.get(daraja, headers=basic(house.app))).status_code == 400
    pushed = await house.client.post(
        "/sandbox/mpesa/stkpush/v1/processrequest", content=b"{}", headers={"Authorization": f"Bearer {token}"}
    )
    assert (pushed.status_code, pushed.json()["errorCode"]) == (404, "404.001.03")
    await house.customer("approve")
    await house.merchant.received("/wakala")
    await house.admin.set_active(house.app.app, is_active=True)
    await house.settle_directory()
    assert (await house.client.get(path, headers={"Authorization": f"Bearer {token}"})).status_code == 200


async def test_another_organisations_request_does_not_exist(house: House) -> None:
    other = await house.add_app("other", "theirs")
    assert (await house.push("MINE")).status_code == 202
    for path in ("requests/MINE", "requests/MINE/trace"):
        is_problem(await house.get(f"{SANDBOX}/{path}", app=other), 404, "not_found")
        assert (await house.get(f"{SANDBOX}/{path}")).status_code == 200
    assert (await house.get(f"{SANDBOX}/requests", app=other)).json()["Requests"] == []


async def test_two_organisations_may_choose_the_same_request_id(house: House) -> None:
    other = await house.add_app("other", "theirs")
    await house.add_shortcode("other", "600984")
    first = await house.push("SAME", SenderMSISDN="254700000001")
    second = await house.push("SAME", app=other, SenderMSISDN="254700000002")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["PaymentID"] != second.json()["PaymentID"]
    assert "idempotent-replayed" not in second.headers
    shown = (await house.get(f"{SANDBOX}/requests/SAME", app=other)).json()
    assert (shown["Shortcode"], shown["SenderMSISDN"]) == ("600984", "254700000002")


async def test_two_apps_of_one_organisation_share_their_request_ids(house: House) -> None:
    second = await house.add_app("demo", "second")
    assert (await house.push("SAME")).status_code == 202
    repeated = await house.push("SAME", app=second)
    assert repeated.headers["idempotent-replayed"] == "true"
    assert house.prompts() == 1


async def test_another_organisations_shortcode_cannot_be_used(house: House) -> None:
    other = await house.add_app("other", "theirs")
    is_problem(await house.push("A", app=other), 422, "not_allowed_here")
    is_problem(await house.push("A", app=other, ReceiverShortcode="174379"), 403, "forbidden")
    assert house.prompts() == 0


async def test_an_app_that_is_not_bound_cannot_touch_live(house: House) -> None:
    await house.add_shortcode(number="600984", environment=Environment.LIVE)
    live = f"{LIVE}/lnm/customerpaybill"
    assert "bind" in is_problem(await house.push("L", path=live), 403, "forbidden")["detail"]
    is_problem(await house.push("L", path=live, ReceiverShortcode="600984"), 403, "forbidden")
    assert house.prompts() == 0
    assert await house.count("payments") == 0


async def test_an_app_that_is_not_bound_reads_no_live_payment(house: House) -> None:
    await house.add_shortcode(number="600984", environment=Environment.LIVE)
    bound = await house.add_app("demo", "live shop")
    await house.admin.bind(bound.app, "600984")
    await house.settle_directory()
    assert (await house.push("L-1", app=bound, path=f"{LIVE}/lnm/customerpaybill")).status_code == 202
    for path in ("requests", "requests/L-1", "requests/L-1/trace"):
        is_problem(await house.get(f"{LIVE}/{path}"), 403, "forbidden")
        assert (await house.get(f"{LIVE}/{path}", app=bound)).status_code == 200


async def test_sandbox_and_live_never_mix(house: House) -> None:
    await house.add_shortcode(number="600984", environment=Environment.LIVE)
    await house.admin.bind(house.app.app, "600984")
    await house.settle_directory()
    live = await house.push("BOTH", path=f"{LIVE}/lnm/customerpaybill", SenderMSISDN="254700000001")
    sandbox = await house.push("BOTH", SenderMSISDN="254700000002")
    assert live.json()["PaymentID"] != sandbox.json()["PaymentID"]
    assert (await house.get(f"{LIVE}/requests/BOTH")).json()["Shortcode"] == "600984"
    assert (await house.get(f"{SANDBOX}/requests/BOTH")).json()["Shortcode"] == "174379"
    for prefix in (LIVE, SANDBOX):
        listed = (await house.get(f"{prefix}/requests")).json()["Requests"]
        assert [(one["RequestID"], one["Environment"]) for one in listed] == [
            ("BOTH", "live" if prefix == LIVE else "sandbox")
        ]
    is_problem(await house.push("X", ReceiverShortcode="600984"), 403, "forbidden")
    is_problem(await house.push("X", path=f"{LIVE}/lnm/customerpaybill", ReceiverShortcode="174379"), 403, "forbidden")
