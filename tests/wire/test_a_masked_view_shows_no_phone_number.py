"""Whoever may not see phone numbers sees none, however a caller wrote them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.rules.msisdn import Likeness, could_be, hash_of, parse
from wakala.wire.trace import hidden, shown_phone

SPELLINGS = (
    "254712345678",
    "+254712345678",
    "00254712345678",
    "0712345678",
    "+254 (0) 712 345 678",
    "0712 345 678",
    "0712-345-678",
    "712345678",
)


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("field", ["SenderMSISDN", "PhoneNumber", "billedPhoneNumber", "officialContact", "Requester"])
def test_any_spelling_that_is_taken_for_a_number_is_masked_in_the_fields_that_bear_one(
    spelling: str, field: str
) -> None:
    assert parse(spelling) == "254712345678"
    body = json.dumps({"Amount": 150, field: spelling, "AccountReference": "INV-1"})
    for text in (body, json.dumps({"repeats": body}), body.replace(f'"{spelling}"', spelling)):
        masked = hidden({"RequestBody": text})["RequestBody"]
        assert "2547*****678" in masked
        assert not any(part in masked for part in ("712345678", "345 678", "345-678"))
        assert '"AccountReference' in masked.replace("\\", "")


@pytest.mark.parametrize(
    "text", ["msisdn=0712345678&amount=10", "/pvp/lnm?to=00254712345678", "Asked 0112345678 for it."]
)
def test_a_number_that_stands_by_itself_is_masked_wherever_it_is(text: str) -> None:
    assert "345678" not in hidden(text).replace("*****678", "")


@pytest.mark.parametrize("moment", ["30112026211530123", "30112026211530" + "1", "301120262115301"])
def test_m_pesas_id_of_a_push_ends_in_the_number_and_is_masked_there(moment: str) -> None:
    """As M-Pesa makes them (daraja.md 7.9); who was given a link to a payment's page is not given the number too."""
    shown = hidden({"CheckoutRequestID": f"ws_CO_{moment}712345678", "Body": f'{{"ID":"ws_CO_{moment}112345678"}}'})
    assert shown["CheckoutRequestID"] == f"ws_CO_{moment}7*****678"
    assert shown["Body"] == f'{{"ID":"ws_CO_{moment}1*****678"}}'


@pytest.mark.parametrize("known", ["ws_CO_191220191020363925", "ws_CO_DMZ_12321_23423476", "ws_CO_1"])
def test_an_older_id_of_a_push_bears_no_number_and_stays_as_it_is(known: str) -> None:
    assert hidden(known) == known


@pytest.mark.parametrize("stars", ["", "*****"])
def test_a_hash_that_anybody_can_undo_is_masked_like_the_number(stars: str) -> None:
    whole = hash_of("254712345678")
    hashed = whole[:32] + stars + whole[32:]
    assert could_be(hashed, "254712345678") is Likeness.SAME
    for text in (hashed, json.dumps({"MSISDN": hashed}), f"/confirmed?MSISDN={hashed.upper()}"):
        shown = hidden({"SenderMSISDN": text})["SenderMSISDN"].lower()
        assert f"{whole[:4]}*****" in shown
        assert whole[4:12] not in shown
        assert whole[-12:] not in shown
    assert shown_phone(hashed) == f"{whole[:4]}*****"
    assert shown_phone("2547 ***** 678") == "2547 ***** 678"


@given(st.text(alphabet="0123456789abcdef", min_size=28, max_size=28), st.integers(0, 10**9))
def test_ids_amounts_and_fractions_stay_as_they_are(digits: str, amount: int) -> None:
    text = json.dumps({"PaymentID": f"pay_a{digits[:11]}f{digits[12:27]}b", "Amount": amount, "Took": 1.0712345678})
    assert hidden(text) == text or "254" in digits
