"""Whatever bytes arrive for a command, a reader gives a record or the one error that it names."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wakala.errors import MalformedUpstreamError
from wakala.rules.commands import COMMANDS
from wakala.wire.daraja_codes import DecodedError, Trouble
from wakala.wire.daraja_direct import ENVELOPES
from wakala.wire.daraja_results import (
    Ack,
    Direct,
    TimeoutNotice,
    read_ack,
    read_billmanager_payment,
    read_direct,
    read_express_callback,
    read_pull,
    read_result,
    read_standing_order_callback,
    read_status,
    read_timeout,
    result_data,
)
from wakala.wire.loose_values import folded, read_cents, read_moment_us, read_msisdn, read_receipt

STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 409, 422, 429, 500, 503]) | st.integers(100, 999)
WORDS = """
    Result ResultType ResultCode ResultDesc OriginatorConversationID ConversationID TransactionID ResultParameters
    ResultParameter ReferenceData ReferenceItem Key Value Name name value Amount TransactionAmount TransactionStatus
    AccountBalance DebitPartyCharges DebitAccountBalance TransCompletedTime ReceiptNo DebitPartyName CreditPartyName
    ResponseCode ResponseDescription ResponseHeader ResponseBody responseHeader responseBody responseData ResponseData
    responseCode responseRefID requestRefID rescode resmsg Status_Message code status header body message resultCode
    requestId amount Response transactionId trxDate msisdn billreference paidAmount shortCode errorCode errorMessage
    ResponseStatus QRCode
"""
NAMES = st.sampled_from(WORDS.split())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)  # neither is JSON
    | st.text(max_size=20)
    | st.sampled_from(
        ["0", "1", "2001", "200", "75.00", "20260314112233", "UCE1Q0Z8MN", "Completed", "14.03.2026 12:40:09"]
    )
    | st.sampled_from(["Amount", "A|KES|1.00|1|0|0&", "{Amount={MinimumAmount=1}}", "2547 - A", "254700000142 - A B"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=6),
    max_leaves=30,
)
BODIES = st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode())
COMMAND = st.sampled_from([command.path for command in COMMANDS])
READERS = (read_result, read_standing_order_callback, read_express_callback)


def result(**fields: Any) -> bytes:
    whole = {
        "ResultType": 0,
        "ResultCode": 0,
        "ResultDesc": "told",
        "ConversationID": "AG_1",
        "TransactionID": "UCE1Q0Z8MN",
    }
    return json.dumps({"Result": whole | fields}).encode()


def parameters(*listed: object) -> bytes:
    return result(ResultParameters={"ResultParameter": list(listed)})


@given(BODIES, COMMAND)
def test_a_result_is_read_or_malformed(body: bytes, command: str) -> None:
    for read in READERS:
        try:
            told = read(body)
        except MalformedUpstreamError:
            continue
        assert told.originator_conversation_id or told.conversation_id
        assert told.code
        assert isinstance(json.loads(told.raw), dict)
        assert read_status(told).settled in {True, False, None}
        json.dumps(result_data(command, told.raw))


@given(JSON, JSON, JSON, JSON)
def test_a_result_with_any_values_is_read_or_malformed(
    code: object, kind: object, told: object, listed: object
) -> None:
    body = result(ResultCode=code, ResultType=kind, ResultDesc=told, ResultParameters=listed, ReferenceData=listed)
    try:
        read = read_result(body)
    except MalformedUpstreamError:
        return
    assert read.paid is not True or read.code == "0"
    assert read.amount_cents is None or read.amount_cents >= 0


@given(st.lists(st.dictionaries(st.sampled_from(["Key", "Value"]), SCALARS) | SCALARS, max_size=6))
def test_no_parameter_can_hide_the_result(listed: list[object]) -> None:
    assert read_result(parameters(*listed)).paid is True


@given(STATUSES, BODIES)
@example(200, b'{"code":null}')
def test_every_answer_is_read_or_explained(status: int, body: bytes) -> None:
    answers = [read_ack(status, body), *(read_direct(command, status, body) for command in ENVELOPES)]
    for answer in answers:
        if isinstance(answer, DecodedError):
            assert answer.outcome.cause.en
            assert answer.outcome.code
        elif isinstance(answer, Ack):
            assert 200 <= status < 300
        else:
            assert answer.code
            assert 200 <= status < 300 or not answer.is_success


@given(STATUSES.filter(lambda status: status >= 500), st.binary(max_size=100))
@example(500, b"invalid access token")
def test_a_broken_answer_to_a_payout_is_never_a_refusal(status: int, body: bytes) -> None:
    answer = read_ack(status, body)
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN or (answer.trouble is Trouble.BUSY and is_about_speed(body))


def is_about_speed(body: bytes) -> bool:
    """The words of the edge that turns a call away before anything else has seen it (daraja.md 2.0)."""
    words = b" ".join(body.lower().split())
    return any(said in words for said in (b"spike arrest violation", b"quota violation", b"too many requests"))


@given(BODIES)
def test_payments_are_read_or_malformed(body: bytes) -> None:
    try:
        pulled = read_pull(body)
    except MalformedUpstreamError:
        pulled = ()
    assert all(payment.receipt and payment.amount_cents >= 0 for payment in pulled)
    try:
        bill = read_billmanager_payment(body)
    except MalformedUpstreamError:
        return
    assert bill.receipt
    assert bill.shortcode


@given(BODIES)
def test_a_time_out_may_say_anything(body: bytes) -> None:
    assert isinstance(read_timeout(body), TimeoutNotice)


@given(COMMAND, st.text(max_size=60) | JSON.map(json.dumps))
def test_what_merchants_see_never_breaks(command: str, raw: str) -> None:
    json.dumps(result_data(command, raw))


@given(SCALARS)
def test_one_value_is_read_or_none(value: object) -> None:
    assert (read_cents(value) or 0) >= 0
    assert read_receipt(value) != ""
    read_moment_us(value)
    read_msisdn(value)


HOSTILE = (
    b"[" * 65_536,
    b'{"a":' * 10_000,
    b"<" * 65_536,
    b'{"Result":' * 500,
    b'{"Result":' + b"[" * 60_000,
    b'{"Result":{"ResultCode":' + b"1" * 4_000 + b',"ConversationID":"x"}}',
    b'{"Response":' + b"[" * 400 + b"]" * 400 + b"}",
    b"\xef\xbb\xbf{}",
    b"\x00" * 100,
)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:14]))
def test_hostile_bytes_cost_little_and_change_nothing(body: bytes) -> None:
    assert isinstance(read_ack(200, body), DecodedError)
    assert read_timeout(body) == TimeoutNotice(None, None) or b"ConversationID" in body
    for read in (*READERS, read_billmanager_payment):
        with pytest.raises(MalformedUpstreamError):
            read(body)


@pytest.mark.timeout(30)
def test_a_deep_answer_to_a_pull_holds_no_payments() -> None:
    assert read_pull(b'{"Response":' + b"[" * 400 + b"]" * 400 + b"}") == ()


def test_a_row_that_names_no_payment_hides_no_other() -> None:
    rows = [{"transactionId": ""}, {"transactionId": "UCE1Q0Z8MN"}, {"transactionId": "UCE1Q0Z8MN", "amount": 75}]
    (pulled,) = read_pull(json.dumps({"Response": rows}).encode())
    assert (pulled.amount_cents, pulled.paid_us, pulled.msisdn) == (7_500, None, "")


# ── what was seen once and must stay readable ──


@pytest.mark.parametrize("code", [0, "0", 0.0, " 0 "])
def test_success_is_zero_in_any_spelling(code: object) -> None:
    assert read_result(result(ResultCode=code)).paid is True


@pytest.mark.parametrize("code", [None, "", True, [], {}])
def test_a_result_without_a_code_is_malformed(code: object) -> None:
    with pytest.raises(MalformedUpstreamError):
        read_result(result(ResultCode=code))


def test_a_result_is_known_by_one_of_its_ids() -> None:
    assert read_result(result(ConversationID=None, OriginatorConversationID="R-1")).originator_conversation_id == "R-1"
    with pytest.raises(MalformedUpstreamError):
        read_result(result(ConversationID=""))


@pytest.mark.parametrize("kind", [1, "1"])
@pytest.mark.parametrize("code", [0, 1, "R000001"])
def test_a_result_that_announces_another_settles_nothing(kind: object, code: object) -> None:
    read = read_result(result(ResultType=kind, ResultCode=code))
    assert read.paid is None
    assert "further message" in read.outcome.cause.en


@pytest.mark.parametrize("transaction", ["UCE0000000", "", None, "0000000000", "X" * 65, []])
def test_a_placeholder_is_no_receipt(transaction: object) -> None:
    assert read_result(result(TransactionID=transaction)).receipt is None


def test_the_receipt_may_stand_among_the_parameters() -> None:
    listed = {"ResultParameter": {"Key": "TransactionReceipt", "Value": "UCE6H2D8VB"}}
    assert read_result(result(TransactionID="UCE0000000", ResultParameters=listed)).receipt == "UCE6H2D8VB"


def test_escaped_slashes_and_a_mark_at_the_start_change_nothing() -> None:
    body = result(ResultDesc="a/b").replace(b"/", b"\\/")
    assert read_result(body) == read_result(b"\xef\xbb\xbf" + body)
    assert read_result(body).description == "a/b"


def test_of_two_equal_keys_the_first_counts_and_the_second_debit_party_is_the_credit_party() -> None:
    read = read_result(
        parameters(
            {"Key": "DebitPartyName", "Value": "600310 - Org"},
            {"Key": "DebitPartyName", "Value": "254700000142 - AKINYI"},
            {"Key": "Amount", "Value": "05"},
            {"Key": "Amount", "Value": 7},
            {"Value": "nameless"},
            "no object",
        )
    )
    assert read.parameters["CreditPartyName"] == "254700000142 - AKINYI"
    assert (read.amount_cents, read.party_name) == (500, "AKINYI")


def test_an_en_dash_separates_as_well_as_a_hyphen() -> None:
    read = read_result(parameters({"Key": "ReceiverPartyPublicName", "Value": "600000 \u2013 Demo - Biller  Ltd "}))
    assert read.party_name == "Demo - Biller Ltd"


@pytest.mark.parametrize(
    ("told", "settled"),
    [
        ("Completed", True),
        ("completed ", True),
        ("Failed", False),
        ("Declined", False),
        ("Cancelled", False),
        ("Expired", False),
        ("Reversed", False),
        ("Pending", None),
        ("Authorized", None),
        ("", None),
        (None, None),
        ("Something new", None),
    ],
)
def test_a_status_settles_only_what_is_surely_over(told: object, settled: bool | None) -> None:
    assert read_status(read_result(parameters({"Key": "TransactionStatus", "Value": told}))).settled is settled


@pytest.mark.parametrize("code", [1, 2033, 17, 2001, "SFC_IC0003", 77])
def test_an_enquiry_that_failed_says_nothing_of_the_payment(code: object) -> None:
    body = result(ResultCode=code, ResultParameters={"Key": "TransactionStatus", "Value": "Completed"})
    assert read_status(read_result(body)).settled is None


def test_of_two_businesses_the_other_party_is_the_receiver() -> None:
    read = read_result(
        parameters(
            {"Key": "TransactionStatus", "Value": "Completed"},
            {"Key": "DebitPartyName", "Value": "600310 - Payer"},
            {"Key": "CreditPartyName", "Value": "600000 - Biller"},
        )
    )
    assert read_status(read).party_name == "Biller"


# ── answers that say neither yes nor no ──


def acknowledged(**fields: object) -> Ack | DecodedError:
    return read_ack(200, json.dumps(fields).encode())


def test_an_id_with_a_refusal_leaves_the_payout_unknown() -> None:
    answer = acknowledged(ConversationID="AG_1", ResponseCode="1", ResponseDescription="?")
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN


@pytest.mark.parametrize(("status", "code"), [(200, "500.003.02"), (400, "0"), (429, "0"), (500, "0"), (503, "0")])
def test_whatever_else_is_said_of_a_payout_that_has_an_id_it_may_be_under_way(status: int, code: str) -> None:
    told = {"OriginatorConversationID": "R-1", "ConversationID": "AG_1", "ResponseCode": code}
    answer = read_ack(status, json.dumps(told | {"ResponseDescription": "System is busy."}).encode())
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN
    assert (answer.merchant_request_id, answer.checkout_request_id) == ("R-1", "AG_1")


def test_a_refusal_without_an_id_is_a_refusal() -> None:
    for fields in ({"ResponseCode": "1"}, {"ResponseHeader": {"responseCode": "1050"}}, {"code": "4104"}):
        answer = acknowledged(**fields)
        assert isinstance(answer, DecodedError)
        assert answer.trouble is Trouble.REFUSED


@pytest.mark.parametrize(
    "fields", [{"ResponseCode": "0"}, {"ResponseHeader": {"a": 1}}, {}, {"errorCode": "x", "ConversationID": "AG_1"}]
)
def test_accepted_without_a_word_or_an_id_is_unknown(fields: dict[str, object]) -> None:
    answer = acknowledged(**fields)
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN


def test_an_id_alone_is_accepted() -> None:
    assert acknowledged(OriginatorCoversationID="1-2-3") == Ack("1-2-3", "", "0", "")


def test_a_duplicate_id_is_unknown_and_not_refused() -> None:
    body = {"requestId": "1", "errorCode": "500.002.1001", "errorMessage": "Duplicate OriginatorConversationID."}
    answer = read_ack(500, json.dumps(body).encode())
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_a_yes_with_an_error_status_is_no_yes(status: int) -> None:
    assert isinstance(read_direct("imsi/checkati", status, b'{"responseCode":"200"}'), DecodedError)


def test_a_yes_with_a_refusing_status_is_a_no() -> None:
    answer = read_direct("imsi/checkati", 400, b'{"responseCode":"200"}')
    assert isinstance(answer, Direct)
    assert answer.is_success is False


# ── clocks, names ──


@pytest.mark.parametrize(
    "spelling",
    [
        "20260314112233",
        20260314112233,
        20260314112233.0,
        "14.03.2026 11:22:33",
        "14-03-2026 11:22:33",
        "2026-03-14 11:22:33",
        "2026-03-14T11:22:33Z",
        "2026-03-14T11:22:33.5Z",
        " 2026-03-14T11:22:33+03:00 ",
    ],
)
def test_one_moment_has_many_spellings(spelling: object) -> None:
    assert read_moment_us(spelling) == 1_773_476_553_000_000


def test_a_day_or_a_minute_starts_at_its_first_second() -> None:
    assert read_moment_us("14-03-2026") == read_moment_us("2026-03-14 00:00") == read_moment_us("20260314000000")


@pytest.mark.parametrize("spelling", [None, "", "yesterday", "2026-13-01", "32.01.2026 10:00:00", "1" * 50, True, []])
def test_what_is_no_clock_reading_is_none(spelling: object) -> None:
    assert read_moment_us(spelling) is None


def test_names_are_compared_without_case_spaces_and_underscores() -> None:
    assert folded({"Response Status": 1, "response_status": 2, "X": 3}) == {"responsestatus": 1, "x": 3}
