"""Requests, read back with another JSON reader than the one that wrote them."""

import json
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.errors import InvalidAmountError
from wakala.wire import daraja
from wakala.wire.http import HttpRequest

SAMPLES = Path(__file__).parent / "samples" / "daraja"
HOST = "https://sandbox.example.test"
NOW_US = 1_773_472_501_000_000  # 2026-03-14 10:15:01 in Nairobi
QUERY_US = NOW_US + 60_000_000
SANDBOX_PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"
SANDBOX_PASSWORD = (
    "MTc0Mzc5YmZiMjc5ZjlhYTliZGJjZjE1OGU5N2RkNzFhNDY3Y2QyZTBjODkzMDU5YjEwZjc4ZTZiNzJhZGExZWQyYzkxOTIwMjYwMzE0MTAxNTAx"
)


def sample(name: str) -> dict[str, Any]:
    """A sample with every value as text: M-Pesa takes numbers and their digits alike."""
    read = json.loads((SAMPLES / f"{name}.json").read_text())
    return {key: value if value is None else str(value) for key, value in read.items()}


def push(**changes: Any) -> HttpRequest:
    fields: dict[str, Any] = {
        "shortcode": "174379",
        "party_b": "174379",
        "transaction_type": "CustomerPayBillOnline",
        "passkey": "demopasskey",
        "now_us": NOW_US,
        "amount_cents": 15_000,
        "msisdn": "254700000142",
        "callback_url": "https://pay.example.co.ke/cb/stk/8f2b",
        "reference": "INV-2041",
        "description": "Invoice 2041",
    }
    return daraja.stk_push_request(HOST, "token-1", **(fields | changes))


def test_the_password_is_the_published_one() -> None:
    assert daraja.stk_password("174379", SANDBOX_PASSKEY, "20260314101501") == SANDBOX_PASSWORD


def test_a_push_to_a_paybill_is_the_sample() -> None:
    request = push()
    assert (request.method, request.url) == ("POST", f"{HOST}/mpesa/stkpush/v1/processrequest")
    assert json.loads(request.body) == sample("stk_push_request_paybill")


def test_a_push_to_a_till_names_the_store_and_pays_the_till() -> None:
    request = push(
        shortcode="7654321",
        party_b="5123456",
        transaction_type="CustomerBuyGoodsOnline",
        callback_url="https://pay.example.co.ke/cb/stk/8f2c",
        reference="SHOP",
        description="Goods",
    )
    assert json.loads(request.body) == sample("stk_push_request_till")


def test_headers_are_whole_and_name_us() -> None:
    headers = dict(push().headers)
    assert headers["Authorization"] == "Bearer token-1"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Wakala/")


def test_a_query_is_the_sample() -> None:
    request = daraja.stk_query_request(
        HOST,
        "token-1",
        shortcode="174379",
        passkey="demopasskey",
        now_us=QUERY_US,
        checkout_request_id="ws_CO_14032026101502417700000142",
    )
    assert (request.method, request.url) == ("POST", f"{HOST}/mpesa/stkpushquery/v1/query")
    assert json.loads(request.body) == sample("stk_query_request")


@pytest.mark.parametrize("version", [1, 2])
def test_a_registration_is_the_sample(version: int) -> None:
    request = daraja.c2b_register_request(
        HOST,
        "token-1",
        version=version,
        shortcode="600984",
        response_type="Completed",
        confirmation_url="https://pay.example.co.ke/c2b/confirm",
        validation_url="https://pay.example.co.ke/c2b/validate",
    )
    assert request.url == f"{HOST}/mpesa/c2b/v{version}/registerurl"
    assert json.loads(request.body) == sample("c2b_register_request")


@pytest.mark.parametrize(
    ("command_id", "reference", "name"),
    [
        ("CustomerPayBillOnline", "ACC-19", "c2b_simulate_request"),
        ("CustomerBuyGoodsOnline", "", "c2b_simulate_request_till"),
    ],
)
def test_a_simulated_payment_is_the_sample(command_id: str, reference: str, name: str) -> None:
    request = daraja.c2b_simulate_request(
        HOST,
        "token-1",
        version=1,
        shortcode="600984",
        command_id=command_id,
        amount_cents=7_500,
        msisdn="254708374149",
        reference=reference,
    )
    assert request.url == f"{HOST}/mpesa/c2b/v1/simulate"
    assert json.loads(request.body) == sample(name)


def test_a_token_is_asked_for_with_key_and_secret() -> None:
    request = daraja.token_request(HOST + "/", "key", "s:cret")
    assert (request.method, request.url) == ("GET", f"{HOST}/oauth/v1/generate?grant_type=client_credentials")
    assert request.body == b""
    assert b64decode(dict(request.headers)["Authorization"].removeprefix("Basic ")) == b"key:s:cret"


@given(st.text(max_size=60), st.text(max_size=60))
def test_reference_and_description_are_cut_to_mpesas_width(reference: str, description: str) -> None:
    body = json.loads(push(reference=reference, description=description).body)
    assert len(body["AccountReference"]) <= 12
    assert len(body["TransactionDesc"]) <= 13
    assert " ".join(reference.split()).startswith(body["AccountReference"])
    for line in (body["AccountReference"], body["TransactionDesc"]):
        assert line == line.strip()
        assert "\n" not in line


def test_a_push_without_description_shows_its_reference() -> None:
    assert json.loads(push(description="  ").body)["TransactionDesc"] == "INV-2041"


@given(
    st.integers(1, 250_000), st.from_regex(r"254[17][0-9]{8}", fullmatch=True), st.integers(0, 253_370_000_000_000_000)
)
def test_any_valid_push_reads_back_as_asked(shillings: int, msisdn: str, now_us: int) -> None:
    body = json.loads(push(amount_cents=shillings * 100, msisdn=msisdn, now_us=now_us).body)
    assert int(body["Amount"]) == shillings
    assert body["PartyA"] == body["PhoneNumber"] == msisdn
    assert b64decode(body["Password"]).decode() == f"174379demopasskey{body['Timestamp']}"
    assert len(body) == 11


@pytest.mark.parametrize("cents", [0, 99, 150, 25_000_100])
def test_an_amount_that_mpesa_cannot_move_is_not_written(cents: int) -> None:
    with pytest.raises(InvalidAmountError):
        push(amount_cents=cents)


def test_no_secret_shows_when_a_request_or_token_is_printed() -> None:
    shown = repr((push(), daraja.token_request(HOST, "key", "secret"), daraja.Token("opaque", 3599)))
    for hidden in ("token-1", "Basic", "opaque", "Password"):
        assert hidden not in shown


# ── what is wrong with a password ──


def password(plain: str) -> str:
    return b64encode(plain.encode()).decode()


STAMP = "20260314101501"


def test_a_right_password_has_no_faults() -> None:
    assert daraja.diagnose_password(SANDBOX_PASSWORD, "174379", SANDBOX_PASSKEY, STAMP) == []


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        (password(f"600984{SANDBOX_PASSKEY}{STAMP}"), ["shortcode"]),
        (password(f"174379{SANDBOX_PASSKEY}20260314101502"), ["Timestamp"]),
        (password(f"174379wrong{STAMP}"), ["passkey"]),
        (password(f"174379 {SANDBOX_PASSKEY}{STAMP}"), ["between"]),
        (password(f"{STAMP}wrong174379"), ["shortcode", "Timestamp", "passkey"]),
        (f"174379{SANDBOX_PASSKEY}{STAMP}!", ["base64"]),
        ("//79", ["base64"]),
        ("\u00e9", ["base64"]),
        ("", ["shortcode", "Timestamp", "passkey"]),
    ],
)
def test_each_wrong_part_of_a_password_is_named(given_: str, words: list[str]) -> None:
    faults = daraja.diagnose_password(given_, "174379", SANDBOX_PASSKEY, STAMP)
    assert len(faults) == len(words)
    assert all(word in fault for word, fault in zip(words, faults, strict=True))
    assert SANDBOX_PASSKEY not in "".join(faults)


def test_a_timestamp_that_is_none_is_named() -> None:
    faults = daraja.diagnose_password(daraja.stk_password("174379", "key", "today"), "174379", "key", "today")
    assert faults == ["The timestamp is not YYYYMMDDHHMMSS."]


@given(st.text(max_size=100))
def test_any_password_can_be_diagnosed(text: str) -> None:
    assert daraja.diagnose_password(text, "174379", SANDBOX_PASSKEY, STAMP) != []
