"""The token endpoint gives tokens and refuses as M-Pesa does."""

import base64
import re

import pytest

from simulator.box import Box, sample

GENERATE = "/oauth/v1/generate?grant_type=client_credentials"


async def test_a_token_has_28_letters_and_digits_and_its_life_is_a_string(box: Box) -> None:
    body = (await box.token()).json()
    assert body.keys() == sample("oauth_token_ok").keys()
    assert re.fullmatch(r"[A-Za-z0-9]{28}", body["access_token"])
    assert body["expires_in"] == "3599"


@pytest.mark.parametrize(
    "header", [None, "Bearer abc", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"no").decode()]
)
async def test_what_is_not_basic_is_refused_with_400_008_01(box: Box, header: str | None) -> None:
    answer = await box.client.get(GENERATE, headers={"Authorization": header} if header else {})
    expected = sample("oauth_err_bad_auth_type")
    assert answer.status_code == 400
    assert answer.json() == {**expected, "requestId": answer.json()["requestId"]}
    assert "Basic" in answer.headers["x-simulator-reason"]


@pytest.mark.parametrize("query", ["", "?grant_type=password", "?grant_type=client_credentials%20"])
async def test_another_grant_type_is_refused_with_400_008_02(box: Box, query: str) -> None:
    answer = await box.client.get("/oauth/v1/generate" + query, auth=("sandbox-key", "sandbox-secret"))
    expected = sample("oauth_err_bad_grant_type")
    assert answer.status_code == 400
    assert answer.json() == {**expected, "requestId": answer.json()["requestId"]}


@pytest.mark.parametrize(
    ("key", "secret", "why"), [("nobody", "sandbox-secret", "key"), ("sandbox-key", "guess", "secret is another")]
)
async def test_a_wrong_key_or_secret_gets_400_and_an_empty_body(box: Box, key: str, secret: str, why: str) -> None:
    answer = await box.token(key, secret)
    assert (answer.status_code, answer.content) == (400, b"")
    assert why in answer.headers["x-simulator-reason"]


async def test_post_is_not_allowed(box: Box) -> None:
    answer = await box.client.post(GENERATE, auth=("sandbox-key", "sandbox-secret"))
    assert (answer.status_code, answer.json()["errorCode"]) == (405, "405.001")


async def test_a_token_dies_by_the_clock(box: Box) -> None:
    assert (await box.push()).status_code == 200
    await box.advance(3600)
    answer = await box.push()
    expected = sample("error_404_001_03_token")
    assert answer.status_code == 404
    assert answer.json() == {**expected, "requestId": answer.json()["requestId"]}
    assert "expired" in answer.headers["x-simulator-reason"]


async def test_an_unknown_token_is_invalid_with_status_404(box: Box) -> None:
    box.bearer = "A" * 28
    answer = await box.push()
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "404.001.03")


async def test_older_tokens_stay_good(box: Box) -> None:
    await box.push()
    await box.token()
    assert (await box.query("ws_CO_1")).json()["errorMessage"] == "The transaction does not Exist"
