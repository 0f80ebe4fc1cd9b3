"""A query agrees with the state of the prompt: pending, then the result as a string, never a receipt."""

from typing import Any

import pytest

from simulator.box import Box, password, sample


def told(name: str) -> dict[str, Any]:
    """The sample without the ids of its prompt."""
    return {key: value for key, value in sample(name).items() if not key.endswith("RequestID")}


def without_ids(body: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in body.items() if not key.endswith("RequestID")}


async def test_an_open_prompt_is_4999_with_status_200(box: Box) -> None:
    checkout = await box.pushed()
    answer = await box.query(checkout)
    assert answer.status_code == 200
    assert without_ids(answer.json()) == told("stk_query_pending_4999")
    assert answer.json()["CheckoutRequestID"] == checkout


async def test_the_older_answer_for_an_open_prompt_can_be_had(box: Box) -> None:
    checkout = await box.pushed()
    await box.control("rules", {"pending_as_500": True})
    answer = await box.query(checkout)
    assert answer.status_code == 500
    assert answer.json() == {**sample("error_500_001_1001_pending"), "requestId": answer.json()["requestId"]}


@pytest.mark.parametrize(
    ("action", "name"),
    [
        ("approve", "stk_query_success"),
        ("cancel", "stk_query_cancelled"),
        ("wrong-pin", "stk_query_wrong_pin"),
        ("not-enough", "stk_query_insufficient"),
    ],
)
async def test_a_final_result_is_told_as_a_string_without_receipt(box: Box, action: str, name: str) -> None:
    checkout = await box.pushed()
    await box.control(f"phones/254712345678/{action}")
    assert without_ids((await box.query(checkout)).json()) == told(name)


async def test_query_and_callback_word_1037_differently(box: Box) -> None:
    checkout = await box.pushed()
    await box.advance(61)
    assert without_ids((await box.query(checkout)).json()) == told("stk_query_unreachable")
    [post] = await box.merchant.received("/stk")
    assert post.json["Body"]["stkCallback"]["ResultDesc"] == "No response from user."


async def test_an_unknown_id_does_not_exist(box: Box) -> None:
    answer = await box.query("ws_CO_14032026101502417700000142")
    assert answer.status_code == 500
    assert answer.json() == {**sample("error_500_001_1001_not_exist"), "requestId": answer.json()["requestId"]}


async def test_another_shortcodes_prompt_does_not_exist(box: Box) -> None:
    checkout = await box.pushed()
    answer = await box.query(checkout, BusinessShortCode="600984", Password=password("600984"))
    assert answer.json()["errorMessage"] == "The transaction does not Exist"


async def test_a_missing_id_is_an_invalid_field(box: Box) -> None:
    answer = await box.query("")
    assert answer.json()["errorMessage"] == "Bad Request - Invalid CheckoutRequestID"


async def test_a_wrong_password_is_refused_as_on_a_push(box: Box) -> None:
    answer = await box.query(await box.pushed(), Timestamp="20260314101502")
    assert answer.json()["errorMessage"] == "[MerchantValidate] - Wrong credentials"
    assert "timestamp part" in answer.headers["x-simulator-reason"]
