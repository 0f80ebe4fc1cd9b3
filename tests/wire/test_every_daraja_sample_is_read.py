"""Every sample of M-Pesa's JSON, real or documented, goes through the codec that will meet it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wakala.rules.msisdn import Likeness, could_be
from wakala.wire import daraja
from wakala.wire.daraja import ResultClass, Trouble

SAMPLES = Path(__file__).parent / "samples" / "daraja"
INDEX: list[dict[str, Any]] = json.loads((SAMPLES / "index.json").read_text())
BY_NAME = {row["file"].removesuffix(".json"): row for row in INDEX}

MERCHANT_REQUEST_ID = "4d7e-4c19-b3a2-90f17c5e2ab83400303"
CHECKOUT_REQUEST_ID = "ws_CO_14032026101502417700000142"
PAID_US = 1_773_472_528_000_000  # 2026-03-14 10:15:28 in Nairobi


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def wire(name: str) -> tuple[int, bytes]:
    """Status and body as they came; a few samples wrap what is no JSON."""
    whole = json.loads(sample(name))
    if {"status", "body"} <= set(whole):
        return whole["status"], whole["body"].encode()
    return BY_NAME[name]["http_status"], sample(name)


def named(*prefixes: str) -> list[str]:
    return sorted(name for name in BY_NAME if name.startswith(prefixes))


READ_BY: dict[str, Callable[[str], object]] = {
    "stk_callback_": lambda name: daraja.read_stk_callback(sample(name)),
    "stk_push_ack": lambda name: daraja.read_stk_answer(*wire(name)),
    "stk_query_": lambda name: daraja.read_stk_query(*wire(name)),
    "oauth_token_": lambda name: daraja.read_token(*wire(name)),
    "oauth_err_": lambda name: daraja.read_token(*wire(name)),
    "error_": lambda name: daraja.decode_error(*wire(name)),
    "c2b_register_ack": lambda name: daraja.read_c2b_register(*wire(name)),
    "c2b_simulate_ack": lambda name: daraja.read_c2b_simulate(*wire(name)),
    "c2b_confirmation_v": lambda name: daraja.read_c2b(sample(name)),
    "c2b_confirmation_t": lambda name: daraja.read_c2b(sample(name)),
    "c2b_confirmation_o": lambda name: daraja.read_c2b(sample(name)),
    "c2b_confirmation_legacy": lambda name: daraja.read_c2b(sample(name)),
    "c2b_validation_v": lambda name: daraja.read_c2b(sample(name)),
}
# Written by us or by other clients; the tests of requests and answers compare with them.
OURS = (
    "_request",
    "c2b_validation_accept",
    "c2b_validation_reject",
    "c2b_confirmation_ack",
    "ack_generic",
    "callback_http",
)


def is_ours(name: str) -> bool:
    return any(part in name for part in OURS) and not name.startswith(("error_", "stk_callback_"))


def test_the_index_lists_every_sample() -> None:
    assert {path.name for path in SAMPLES.glob("*.json")} - {"index.json"} == {row["file"] for row in INDEX}


@pytest.mark.parametrize("name", [name for name in BY_NAME if not is_ours(name)])
def test_a_codec_reads_it(name: str) -> None:
    readers = [read for prefix, read in READ_BY.items() if name.startswith(prefix)]
    assert readers, f"Nothing reads {name}."
    assert readers[0](name) is not None


# ── STK ──

CALLBACK_CLASSES = {
    "above_maximum": ("3", ResultClass.FAILED),
    "below_minimum": ("2", ResultClass.FAILED),
    "cancelled": ("1032", ResultClass.FAILED),
    "cancelled_legacy_prefix": ("1032", ResultClass.FAILED),
    "cancelled_wording_2": ("1032", ResultClass.FAILED),
    "credential_locked": ("8006", ResultClass.FAILED),
    "daily_limit": ("4", ResultClass.FAILED),
    "expired": ("1019", ResultClass.FAILED),
    "insufficient_balance": ("1", ResultClass.FAILED),
    "lock_subscriber": ("1001", ResultClass.UNKNOWN),
    "no_response": ("1037", ResultClass.FAILED),
    "operator_missing": ("SFC_IC0003", ResultClass.CONFIG),
    "org_max_balance": ("8", ResultClass.FAILED),
    "product_assignment": ("2028", ResultClass.CONFIG),
    "push_error": ("1025", ResultClass.FAILED),
    "push_error_9999": ("9999", ResultClass.UNKNOWN),
    "request_cancelled_1031": ("1031", ResultClass.FAILED),
    "rule_limited": ("17", ResultClass.UNKNOWN),
    "smsc_ack_timeout": ("1036", ResultClass.FAILED),
    "system_busy": ("26", ResultClass.UNKNOWN),
    "unreachable": ("1037", ResultClass.FAILED),
    "wrong_pin": ("2001", ResultClass.FAILED),
    "wrong_pin_legacy_prefix": ("2001", ResultClass.FAILED),
}


def test_every_failed_callback_is_expected_below() -> None:
    assert {name.removeprefix("stk_callback_fail_") for name in named("stk_callback_fail_")} == set(CALLBACK_CLASSES)


@pytest.mark.parametrize("ending", CALLBACK_CLASSES)
def test_a_failed_callback_is_classed(ending: str) -> None:
    body = sample(f"stk_callback_fail_{ending}")
    callback = daraja.read_stk_callback(body)
    code, kind = CALLBACK_CLASSES[ending]
    assert (callback.result.outcome.code, callback.result.kind) == (code, kind)
    assert callback.result.outcome.description == json.loads(body)["Body"]["stkCallback"]["ResultDesc"]
    assert (callback.merchant_request_id, callback.checkout_request_id) == (MERCHANT_REQUEST_ID, CHECKOUT_REQUEST_ID)
    assert (callback.amount_cents, callback.receipt, callback.paid_us, callback.msisdn) == (None, None, None, None)
    assert callback.extra == {}


@pytest.mark.parametrize("name", named("stk_callback_success"))
def test_a_paid_callback_tells_amount_receipt_time_and_phone(name: str) -> None:
    callback = daraja.read_stk_callback(sample(name))
    assert callback.result.paid is True
    assert callback.amount_cents == 15_000
    assert callback.receipt == "UCE4K7P2QX"
    assert callback.paid_us == PAID_US
    assert callback.msisdn == "254700000142"
    assert set(callback.extra) == ({"Balance"} if "balance" in name else set())


def test_a_push_is_queued_under_two_ids() -> None:
    assert daraja.read_stk_answer(200, sample("stk_push_ack")) == daraja.StkAccepted(
        MERCHANT_REQUEST_ID,
        CHECKOUT_REQUEST_ID,
        "Success. Request accepted for processing",
        "Success. Request accepted for processing",
    )


@pytest.mark.parametrize(
    ("ending", "code", "kind"),
    [
        ("success", "0", ResultClass.SUCCESS),
        ("cancelled", "1032", ResultClass.FAILED),
        ("insufficient", "1", ResultClass.FAILED),
        ("pending_4999", "4999", ResultClass.PENDING),
        ("unreachable", "1037", ResultClass.FAILED),
        ("wrong_pin", "2001", ResultClass.FAILED),
    ],
)
def test_a_query_tells_the_same_class_as_the_callback(ending: str, code: str, kind: ResultClass) -> None:
    answer = daraja.read_stk_query(200, sample(f"stk_query_{ending}"))
    assert isinstance(answer, daraja.StkQueryResult)
    assert (answer.result.outcome.code, answer.result.kind) == (code, kind)
    assert answer.checkout_request_id == CHECKOUT_REQUEST_ID


# ── token and errors ──


@pytest.mark.parametrize("name", named("oauth_token_ok"))
def test_a_tokens_life_is_a_string_or_a_number(name: str) -> None:
    assert daraja.read_token(200, sample(name)) == daraja.Token("Zt4qLw9XrB2mKc7HsVn5Yd8FpGj1", 3599)


@pytest.mark.parametrize("name", named("oauth_err_"))
def test_a_refused_token_is_final(name: str) -> None:
    error = daraja.read_token(*wire(name))
    assert isinstance(error, daraja.DecodedError)
    assert error.trouble is Trouble.REFUSED


ERROR_TROUBLES = {
    "400_002_02_invalid_callback_url": Trouble.REFUSED,
    "400_002_02_invalid_checkout_request_id": Trouble.REFUSED,
    "400_002_02_invalid_field": Trouble.REFUSED,
    "400_002_05_payload": Trouble.REFUSED,
    "400_003_01_token": Trouble.TOKEN,
    "400_003_02_bad_request": Trouble.REFUSED,
    "401_002_01_product": Trouble.REFUSED,
    "401_002_01_token": Trouble.TOKEN,
    "404_001_01_resource": Trouble.REFUSED,
    "404_001_03_token": Trouble.TOKEN,
    "404_001_04_header": Trouble.REFUSED,
    "404_002_01_resource": Trouble.REFUSED,
    "404_003_01_resource": Trouble.REFUSED,
    "405_001_method": Trouble.REFUSED,
    "500_001_1001_credentials": Trouble.REFUSED,
    "500_001_1001_lock": Trouble.BUSY,
    "500_001_1001_merchant": Trouble.REFUSED,
    "500_001_1001_not_exist": Trouble.NOT_FOUND,
    "500_001_1001_pending": Trouble.PENDING,
    "500_002_1001_duplicate": Trouble.UNKNOWN,
    "500_002_1001_internal": Trouble.UNKNOWN,
    "500_002_1001_maintenance": Trouble.UNKNOWN,
    "500_003_02_busy": Trouble.BUSY,
    "500_003_02_spike": Trouble.BUSY,
    "500_003_03_quota": Trouble.BUSY,
    "500_003_1001_duplicate_notification": Trouble.REFUSED,
    "500_003_1001_internal": Trouble.UNKNOWN,
    "500_003_1001_urls_registered": Trouble.REFUSED,
    "apigee_invalid_token_401": Trouble.TOKEN,
    "apigee_spike_429": Trouble.BUSY,
    "edge_403_html": Trouble.BUSY,
    "soap_like_fault_500": Trouble.REFUSED,
}


def test_every_error_is_expected_below() -> None:
    assert {name.removeprefix("error_") for name in named("error_")} == set(ERROR_TROUBLES)


@pytest.mark.parametrize("ending", ERROR_TROUBLES)
def test_an_error_says_what_to_do(ending: str) -> None:
    status, body = wire(f"error_{ending}")
    error = daraja.decode_error(status, body)
    assert error.trouble is ERROR_TROUBLES[ending]
    assert error.http_status == status
    envelope = json.loads(body) if body.startswith(b"{") else {}
    assert error.request_id == envelope.get("requestId")
    if "errorCode" in envelope:
        assert error.outcome.code == envelope["errorCode"]
    assert daraja.explain(error.outcome.code, error.outcome.description) == error.outcome


def test_an_echoed_token_is_not_passed_on() -> None:
    error = daraja.decode_error(*wire("error_401_002_01_token"))
    assert error.outcome.description == "Error Occurred - Invalid Access Token - [secret]"
    assert "Zt4qLw9XrB2mKc7HsVn5Yd8FpGj1" not in repr(error)


def test_a_page_of_the_edge_keeps_its_incident_number() -> None:
    assert "100000000000000001-1" in daraja.decode_error(*wire("error_edge_403_html")).outcome.description


# ── C2B ──


@pytest.mark.parametrize("name", named("c2b_register_ack", "c2b_simulate_ack"))
def test_c2b_is_accepted_in_every_form(name: str) -> None:
    status, body = wire(name)
    answer = daraja.read_c2b_register(status, body)
    assert answer == daraja.read_c2b_simulate(status, body)
    assert isinstance(answer, daraja.C2bAccepted)
    assert answer.originator_conversation_id == json.loads(body).get("OriginatorCoversationID", "")


C2B = [name for name in named("c2b_confirmation_", "c2b_validation_v") if not is_ours(name)]


@pytest.mark.parametrize("name", C2B)
def test_a_c2b_notice_keeps_every_field(name: str) -> None:
    sent = json.loads(sample(name))
    notice = daraja.read_c2b(sample(name))
    assert notice.trans_id == sent["TransID"]
    assert notice.amount_cents == 7_500
    assert notice.paid_us == 1_773_476_553_000_000  # 2026-03-14 11:22:33 in Nairobi
    assert notice.transaction_type == sent["TransactionType"]
    assert notice.business_short_code == sent["BusinessShortCode"]
    assert notice.bill_ref_number == sent["BillRefNumber"]
    assert notice.invoice_number == sent["InvoiceNumber"]
    assert notice.org_account_balance == sent["OrgAccountBalance"]
    assert notice.third_party_trans_id == sent["ThirdPartyTransID"]
    assert notice.msisdn == sent["MSISDN"]
    for ours, theirs in (("first_name", "FirstName"), ("middle_name", "MiddleName"), ("last_name", "LastName")):
        assert getattr(notice, ours) == (sent.get(theirs) or "")
    assert notice.extra == {}


@pytest.mark.parametrize(
    ("name", "likeness"),
    [
        ("c2b_confirmation_legacy_plain", Likeness.SAME),
        ("c2b_confirmation_v2", Likeness.COMPATIBLE),
        ("c2b_confirmation_v2_mask_compact", Likeness.COMPATIBLE),
        ("c2b_confirmation_till", Likeness.COMPATIBLE),
        ("c2b_confirmation_org_to_org", Likeness.DIFFERENT),
    ],
)
def test_the_phone_of_a_notice_compares_with_the_one_we_asked(name: str, likeness: Likeness) -> None:
    assert could_be(daraja.read_c2b(sample(name)).msisdn, "254700000142") is likeness


# ── what we answer ──


def test_our_acknowledgements_are_the_usual_ones() -> None:
    assert json.loads(daraja.stk_ack()) == json.loads(sample("ack_generic_ok"))
    assert json.loads(daraja.c2b_confirmation_ack()) == json.loads(sample("c2b_confirmation_ack"))


def test_a_validation_is_accepted_as_documented() -> None:
    answer = daraja.c2b_validation_answer(accept=True, third_party_id="GW-77120")
    assert json.loads(answer) == json.loads(sample("c2b_validation_accept"))
    assert json.loads(daraja.c2b_validation_answer(accept=True)) == {"ResultCode": "0", "ResultDesc": "Accepted"}


@pytest.mark.parametrize("name", named("c2b_validation_reject_C2B"))
def test_a_validation_is_rejected_as_documented(name: str) -> None:
    code = name.rpartition("_")[2]
    assert code in daraja.REJECTIONS
    assert json.loads(daraja.c2b_validation_answer(accept=False, code=code)) == json.loads(sample(name))


@pytest.mark.parametrize("code", [None, "0", "C2B00017", ""])
def test_a_rejection_can_never_be_mistaken_for_an_acceptance(code: str | None) -> None:
    assert json.loads(daraja.c2b_validation_answer(accept=False, code=code))["ResultCode"] == "C2B00016"
