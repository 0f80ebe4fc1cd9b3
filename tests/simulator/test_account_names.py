"""C2B Hakikisha: M-Pesa fetches a token at the merchant's, asks whose account a number is, and the answer is judged."""

import base64
from typing import Any

import pytest

from simulator.box import Box, Merchant, sample
from wakala.simulator.account_names import judged
from wakala.simulator.posting import Reply

ASKED = sample("c2b_hakikisha_request")
TOKEN = {"access_token": "merchants-own-token", "expires_in": "3599"}


def order(box: Box, **changes: Any) -> dict[str, Any]:
    return {
        "token_url": f"{box.merchant.url}/token?grant_type=client_credentials",
        "url": f"{box.merchant.url}/names",
        "username": "mpesa",
        "password": "s3cret:word",
        "account_number": ASKED["accountNumber"],
        "shortcode": ASKED["shortcode"],
        **changes,
    }


def answering(merchant: Merchant, status: int, reply: dict[str, Any]) -> None:
    """A merchant with both endpoints, that echoes the ID it was asked with."""
    merchant.replies["/token"] = (200, TOKEN)
    merchant.replies["/names"] = (status, lambda asked: {**reply, "requestId": asked["requestId"]})


async def look_up(box: Box, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = await box.control("c2b/hakikisha", order(box, **changes))
    return found


async def test_the_merchant_is_asked_in_m_pesas_shape_with_its_own_token(box: Box) -> None:
    answering(box.merchant, 200, sample("c2b_hakikisha_reply"))
    found = await look_up(box)
    assert (found["account_name"], found["answer"]["status"]) == ("Akinyi Demo", 200)
    assert found["verdict"] == "The account is known as Akinyi Demo."
    [fetched], [asked] = box.merchant.at("/token"), box.merchant.at("/names")
    assert fetched.headers["Authorization"] == f"Basic {base64.b64encode(b'mpesa:s3cret:word').decode()}"
    assert asked.headers["Authorization"] == "Bearer merchants-own-token"
    assert list(asked.json) == list(ASKED)
    assert {name: asked.json[name] for name in ("accountNumber", "shortcode")} == {
        name: ASKED[name] for name in ("accountNumber", "shortcode")
    }
    assert len(asked.json["requestId"]) == len(ASKED["requestId"])
    assert asked.json["timestamp"] == str(int(box.machine.clock.seconds()))
    assert found["request"] == asked.json
    assert [call.kind for call in box.machine.calls] == ["c2b_hakikisha_token", "c2b_hakikisha"]


async def test_two_questions_have_two_ids(box: Box) -> None:
    answering(box.merchant, 200, sample("c2b_hakikisha_reply"))
    assert (await look_up(box))["request"]["requestId"] != (await look_up(box))["request"]["requestId"]


async def test_an_account_that_the_merchant_does_not_know_has_no_name(box: Box) -> None:
    answering(box.merchant, 400, sample("c2b_hakikisha_reply_unknown"))
    found = await look_up(box)
    assert (found["account_name"], found["answer"]["status"]) == ("", 400)
    assert found["verdict"] == "The merchant does not know the account: Invalid account number"


@pytest.mark.parametrize(
    ("status", "reply"),
    [
        (401, {"error": "wrong"}),
        (200, {}),
        (200, {"access_token": ""}),
        (200, {"access_token": 7}),
        (200, {"access_token": "two words"}),
        (200, {"access_token": "t\r\nX-Forged: yes"}),
        (200, ["access_token"]),
    ],
)
async def test_without_a_token_nothing_is_asked(box: Box, status: int, reply: Any) -> None:
    box.merchant.replies["/token"] = (status, reply)
    found = await look_up(box)
    assert found["verdict"] == f"The answer with status {status} holds no access_token."
    assert (found["token"]["status"], found["request"], found["answer"]["status"]) == (status, {}, 0)
    assert not box.merchant.at("/names")


async def test_another_machine_is_asked_neither_for_a_token_nor_for_a_name(box: Box) -> None:
    found = await look_up(box, token_url="http://192.0.2.1/token")
    assert found["verdict"].startswith("There is no token. Not sent: 192.0.2.1 is not this machine")
    answering(box.merchant, 200, sample("c2b_hakikisha_reply"))
    found = await look_up(box, url="http://192.0.2.1/names")
    assert found["verdict"].startswith("There is no name. Not sent: 192.0.2.1 is not this machine")


async def test_a_merchant_that_is_not_there_is_told(box: Box) -> None:
    assert (await look_up(box, token_url="http://127.0.0.1:9/token"))["verdict"].startswith(
        "There is no token. No answer"
    )


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        ({"token_url": "token"}, 400, "token_url must be"),
        ({"url": "ftp://127.0.0.1/names"}, 400, "url must be"),
        ({"shortcode": "600555"}, 404, "There is no shortcode 600555."),
        ({"account": "ADM-77"}, 400, "account"),
    ],
)
async def test_a_wrong_order_is_refused_with_a_sentence(
    box: Box, changes: dict[str, str], status: int, said: str
) -> None:
    answer = await box.client.post("/simulator/c2b/hakikisha", json=order(box, **changes))
    assert answer.status_code == status
    assert said in answer.json()["error"]
    assert not box.merchant.posts


GOOD = b'{"requestId":"R","timestamp":"1","accountName":"A","accountNumber":"N","shortcode":"600984"}'


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, GOOD, "The account is known as A."),
        (200, GOOD.replace(b'"A"', b'""'), "Not as documented: accountName must"),
        (200, GOOD.replace(b'"1"', b"1"), "Not as documented: timestamp must"),
        (200, GOOD.replace(b'"R"', b'"S"'), "Not as documented: requestId must"),
        (200, GOOD.replace(b'"N"', b'"M"'), "Not as documented: accountNumber must"),
        (200, b"[]", "Not as documented: requestId, accountNumber, shortcode, timestamp, accountName must"),
        (200, b"\xff", "Not as documented: requestId"),
        (200, b"[" * 100_000, "Not as documented: requestId"),
        (400, b'{"requestId":"R"}', "Not as documented: a 400 holds"),
        (400, b'{"requestId":"S","errorMessage":"no"}', "Not as documented: a 400 holds"),
        (400, b"", "Not as documented: a 400 holds"),
        (401, b"", "The merchant refused the question with 401."),
        (422, GOOD, "The merchant refused the question with 422."),
        (500, GOOD, "Not as documented: the merchant answered 500"),
        (204, b"", "Not as documented: the merchant answered 204"),
    ],
)
def test_an_answer_is_judged_by_what_is_documented(status: int, body: bytes, verdict: str) -> None:
    request = {"requestId": "R", "timestamp": "1", "accountNumber": "N", "shortcode": "600984"}
    name, said = judged(request, Reply(status, body))
    assert said.startswith(verdict)
    assert name == ("A" if verdict == "The account is known as A." else "")
