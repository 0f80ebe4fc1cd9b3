"""A paid push is read in one go where it comes as it almost always does; that tells nothing else than the long way."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.errors import MalformedUpstreamError
from wakala.wire import daraja_inbound
from wakala.wire.daraja_inbound import ValidationVerdict, read_stk_callback, read_validation_verdict

SAMPLES = sorted((Path(__file__).parent / "samples" / "daraja").glob("stk_callback_*.json"))
USUAL = {
    "Amount": 150,
    "MpesaReceiptNumber": "TST1ABC234",
    "TransactionDate": 20260314101501,
    "PhoneNumber": 254712345678,
}
VALUES = st.one_of(
    st.sampled_from(list(USUAL.values())), st.integers(), st.floats(allow_nan=False), st.text(max_size=20)
)
TEXTS = st.sampled_from(["", " ", "ws_CO_1", "29115-34620561-1", "Paid.", "a\x00b"])


def callback(items: list[tuple[str, Any]], **changes: Any) -> bytes:
    inner = {
        "MerchantRequestID": "29115-34620561-1",
        "CheckoutRequestID": "ws_CO_1",
        "ResultCode": 0,
        "ResultDesc": "Processed.",
        "CallbackMetadata": {"Item": [{"Name": name, "Value": value} for name, value in items]},
    }
    told = {name: value for name, value in (inner | changes).items() if value is not ...}
    return json.dumps({"Body": {"stkCallback": told}}).encode()


def the_long_way(body: bytes) -> object:
    try:
        return daraja_inbound._any_callback(body)
    except MalformedUpstreamError as error:
        return error.sentence


def read(body: bytes) -> object:
    try:
        return read_stk_callback(body)
    except MalformedUpstreamError as error:
        return error.sentence


def test_the_usual_callback_is_read_in_one_go() -> None:
    body = callback(list(USUAL.items()))
    quick = daraja_inbound._usual_callback(daraja_inbound._decode_usual(body))
    assert quick == the_long_way(body)
    assert (quick.merchant_request_id, quick.checkout_request_id) == ("29115-34620561-1", "ws_CO_1")
    assert quick.result.outcome.description == "Processed."


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_every_sample_is_read_alike(sample: Path) -> None:
    assert read(sample.read_bytes()) == the_long_way(sample.read_bytes())


@pytest.mark.parametrize("name", USUAL)
@pytest.mark.parametrize("value", ["", "?", -1, 0, 1.5])
def test_an_odd_value_is_read_alike(name: str, value: object) -> None:
    body = callback(list((USUAL | {name: value}).items()))
    assert read(body) == the_long_way(body)


@given(
    items=st.lists(st.tuples(st.sampled_from([*USUAL, "Balance"]), VALUES), max_size=5),
    merchant=TEXTS,
    checkout=TEXTS,
    told=TEXTS,
    code=st.sampled_from([0, 1, 1032, -1]),
)
def test_whatever_comes_is_read_alike(
    items: list[tuple[str, Any]], merchant: str, checkout: str, told: str, code: int
) -> None:
    changes = {"MerchantRequestID": merchant, "CheckoutRequestID": checkout, "ResultDesc": told, "ResultCode": code}
    body = callback(items, **changes)
    assert read(body) == the_long_way(body)


def test_one_of_the_two_ids_is_enough() -> None:
    for missing in ("MerchantRequestID", "CheckoutRequestID"):
        assert read_stk_callback(callback(list(USUAL.items()), **{missing: ...})).receipt == "TST1ABC234"
    with pytest.raises(MalformedUpstreamError):
        read_stk_callback(callback([], MerchantRequestID=..., CheckoutRequestID=...))


def test_what_is_not_known_is_kept() -> None:
    odd = read_stk_callback(callback([], CallbackMetadata=["odd"]))
    assert odd.extra == {"CallbackMetadata": ["odd"]}
    doubled = read_stk_callback(callback([("Amount", 150), ("Amount", 1)]))
    assert (doubled.amount_cents, doubled.extra) == (150_00, {"Item": [{"Name": "Amount", "Value": 1}]})
    more = {"Item": [{"Name": "Amount", "Value": 150}, {"Value": 3}, None], "Version": 2}
    assert read_stk_callback(callback([], CallbackMetadata=more)).extra == {"Version": 2, "Item": [{"Value": 3}]}


# ── what a merchant says to a validation ──


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (200, {"ResultCode": 0}, ValidationVerdict(True)),
        (200, {"ResultCode": "00"}, ValidationVerdict(True)),
        (200, {"ResultCode": "0", "ThirdPartyTransID": "T-1"}, ValidationVerdict(True, third_party_id="T-1")),
        (200, {"ResultCode": "0", "ThirdPartyTransID": ""}, ValidationVerdict(True)),
        (200, {"ResultCode": "C2B00011"}, ValidationVerdict(False, "C2B00011")),
        (200, {"ResultCode": 1}, ValidationVerdict(False, "1")),
        (200, {"ResultCode": ""}, None),
        (200, {"ResultDesc": "Accepted"}, None),
        (200, [0], None),
        (500, {"ResultCode": 0}, None),
        (201, {"ResultCode": 0}, None),
    ],
)
def test_only_a_whole_answer_is_a_verdict(status: int, body: object, verdict: ValidationVerdict | None) -> None:
    assert read_validation_verdict(status, json.dumps(body).encode()) == verdict
