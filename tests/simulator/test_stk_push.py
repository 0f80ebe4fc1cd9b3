"""An STK push is checked in M-Pesa's order and refused in M-Pesa's words."""

import re
from typing import Any

import pytest

from simulator.box import Box, password, sample

PUSH = "/mpesa/stkpush/v1/processrequest"


def is_like(answer: Any, name: str) -> bool:
    """The same envelope as the sample, except for the request's own id."""
    body: dict[str, Any] = answer.json()
    return {**body, "requestId": ""} == {**sample(name), "requestId": ""}


async def test_the_acknowledgement_has_m_pesas_shape_and_ids(box: Box) -> None:
    answer = await box.push()
    body, expected = answer.json(), sample("stk_push_ack")
    assert answer.status_code == 200
    assert body == {**expected, **{name: body[name] for name in ("MerchantRequestID", "CheckoutRequestID")}}
    assert re.fullmatch(r"ws_CO_\d{14}\d{3}712345678", body["CheckoutRequestID"])
    assert re.fullmatch(r"[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\d{7}", body["MerchantRequestID"])
    assert "x-simulator-reason" not in answer.headers


async def test_no_token_is_refused_before_anything_else(box: Box) -> None:
    answer = await box.client.post(PUSH, content=b"{broken")
    assert answer.status_code == 404
    assert is_like(answer, "error_404_001_04_header")


async def test_get_is_refused_once_the_token_is_good(box: Box) -> None:
    await box.push()
    answer = await box.client.get(PUSH, headers={"Authorization": f"Bearer {box.bearer}"})
    assert answer.status_code == 405
    assert is_like(answer, "error_405_001_method")


async def test_an_unknown_path_is_not_found(box: Box) -> None:
    answer = await box.post("/mpesa/stkpush/v3/processrequest", {})
    assert answer.status_code == 404
    assert is_like(answer, "error_404_001_01_resource")
    assert is_like(await box.client.get("/nowhere"), "error_404_001_01_resource")


async def test_a_trailing_slash_is_tolerated(box: Box) -> None:
    answer = await box.post(PUSH + "/", {})
    assert is_like(answer, "error_400_002_02_invalid_field")


@pytest.mark.parametrize("body", [b"{broken", b"", b"[]", b'"text"'])
async def test_a_body_that_is_no_object_is_an_invalid_payload(box: Box, body: bytes) -> None:
    await box.push()
    headers = {"Authorization": f"Bearer {box.bearer}", "Content-Type": "application/json"}
    answer = await box.client.post(PUSH, content=body, headers=headers)
    assert answer.status_code == 400
    assert is_like(answer, "error_400_002_05_payload")


async def test_a_form_instead_of_json_reads_as_an_invalid_shortcode(box: Box) -> None:
    await box.push()
    answer = await box.client.post(
        PUSH, data={"BusinessShortCode": "174379"}, headers={"Authorization": f"Bearer {box.bearer}"}
    )
    assert is_like(answer, "error_400_002_02_invalid_field")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("BusinessShortCode", ...),
        ("BusinessShortCode", "12"),
        ("BusinessShortCode", True),
        ("Password", ""),
        ("Timestamp", "2026-03-14"),
        ("Timestamp", "20261399999999"),
        ("TransactionType", "Paybill"),
        ("TransactionType", "CustomerBuyGoodsOnline"),  # 174379 is a paybill, and says so at once
        ("Amount", 0),
        ("Amount", "10.50"),
        ("Amount", 250_001),
        ("Amount", "9" * 5_000),
        ("Amount", -1),
        ("Amount", None),
        ("PartyA", "0712345678"),
        ("PartyB", "x"),
        ("PhoneNumber", "+0712345678"),
        ("PhoneNumber", "++254712345678"),
        ("PhoneNumber", "254812345678"),
        ("CallBackURL", "/callback"),
        ("CallBackURL", "ftp://127.0.0.1/x"),
        ("CallBackURL", "http://[/x"),
        ("AccountReference", ""),
    ],
)
async def test_the_first_wrong_field_is_named(box: Box, field: str, value: Any) -> None:
    answer = await box.push(**{field: value})
    assert answer.status_code == 400
    assert answer.json()["errorCode"] == "400.002.02"
    assert answer.json()["errorMessage"] == f"Bad Request - Invalid {field}"
    assert answer.headers["x-simulator-reason"]


async def test_numbers_may_be_strings_and_only_the_description_may_be_missing(box: Box) -> None:
    answer = await box.push(BusinessShortCode="174379", Amount=5, PartyB=174379, TransactionDesc=...)
    assert answer.status_code == 200


async def test_an_unknown_merchant_does_not_exist(box: Box) -> None:
    answer = await box.push(BusinessShortCode="999999")
    assert answer.status_code == 500
    assert is_like(answer, "error_500_001_1001_merchant")


async def test_a_till_number_in_place_of_its_store_number_is_explained(box: Box) -> None:
    answer = await box.till_push(BusinessShortCode="600992")
    assert is_like(answer, "error_500_001_1001_merchant")
    assert "store number 600991" in answer.headers["x-simulator-reason"]


async def test_an_app_bound_to_another_shortcode_does_not_know_the_merchant(box: Box) -> None:
    await box.control("apps", {"key": "k", "secret": "s", "shortcodes": ["600984"]})
    box.bearer = (await box.token("k", "s")).json()["access_token"]
    assert is_like(await box.push(), "error_500_001_1001_merchant")


async def test_a_wrong_password_says_no_more_than_m_pesa_but_the_reason_does(box: Box) -> None:
    answer = await box.push(Password=password("174379", passkey="another"))
    assert answer.status_code == 500
    assert is_like(answer, "error_500_001_1001_credentials")
    assert "passkey part" in answer.headers["x-simulator-reason"]
    refused = (await box.control("calls", method="GET"))["calls"][0]
    assert (refused["kind"], refused["status"]) == ("stk_push", 500)
    assert "passkey part" in refused["reason"]


async def test_a_phone_shows_one_prompt_at_a_time(box: Box) -> None:
    await box.pushed()
    answer = await box.push(Amount=2)
    assert answer.status_code == 500
    assert is_like(answer, "error_500_001_1001_lock")
    await box.control("phones/254712345678/cancel")
    assert (await box.push(Amount=2)).status_code == 200


async def test_the_callback_url_filter_of_production_can_be_switched_on(box: Box) -> None:
    address = f"{box.merchant.url}/mpesa/callback"
    assert (await box.push(CallBackURL=address)).status_code == 200
    await box.control("rules", {"strict_urls": True})
    assert (await box.push(CallBackURL=address, phone="254700000001")).status_code == 400


async def test_a_body_beyond_all_measure_is_an_invalid_payload(box: Box) -> None:
    answer = await box.push(AccountReference="x" * 100_000)
    assert is_like(answer, "error_400_002_05_payload")
