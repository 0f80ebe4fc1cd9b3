"""Whatever bytes arrive, a reader gives a record or the one error that it names."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wakala.errors import MalformedUpstreamError
from wakala.wire import daraja, daraja_inbound
from wakala.wire.daraja import DecodedError, ResultClass, Trouble
from wakala.wire.loose_json import mended

STATUSES = st.sampled_from([200, 201, 302, 400, 401, 403, 404, 405, 429, 500, 502, 503]) | st.integers(100, 999)
WORDS = """
    Body stkCallback CallbackMetadata Item Name Value Amount ResultCode ResultDesc MerchantRequestID CheckoutRequestID
    ResponseCode ResponseDescription errorCode errorMessage requestId fault faultstring detail errorcode Envelope Fault
    source access_token expires_in TransID TransAmount TransTime BusinessShortCode MSISDN FirstName
"""
NAMES = st.sampled_from(WORDS.split())
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(0, 10**19)
    | st.floats(allow_nan=False, allow_infinity=False)  # neither is JSON
    | st.text(max_size=20)
    | st.sampled_from(["0", "1032", "75.00", "20260314112233", "UCE1Q0Z8MN", "500.001.1001", "Amount", "254700000142"])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=8), inner, max_size=6),
    max_leaves=30,
)
BODIES = st.binary(max_size=300) | JSON.map(lambda value: json.dumps(value).encode())


def callback(**fields: Any) -> bytes:
    whole = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": "ws_CO_1", "ResultCode": 0, "ResultDesc": "told"}
    return json.dumps({"Body": {"stkCallback": whole | fields}}).encode()


def items(*listed: object) -> bytes:
    return callback(CallbackMetadata={"Item": list(listed)})


@given(BODIES)
def test_a_callback_is_read_or_malformed(body: bytes) -> None:
    try:
        read = daraja.read_stk_callback(body)
    except MalformedUpstreamError:
        return
    assert read.merchant_request_id or read.checkout_request_id


@given(JSON, JSON, JSON)
def test_a_callback_with_any_values_is_read_or_malformed(metadata: object, code: object, told: object) -> None:
    try:
        read = daraja.read_stk_callback(callback(CallbackMetadata=metadata, ResultCode=code, ResultDesc=told))
    except MalformedUpstreamError:
        return
    assert read.amount_cents is None or read.amount_cents >= 0
    assert (read.result.kind is ResultClass.SUCCESS) == (read.result.outcome.code == "0")


@given(st.lists(st.dictionaries(st.sampled_from(["Name", "Value"]), SCALARS) | SCALARS, max_size=6))
def test_no_item_can_hide_the_result(listed: list[object]) -> None:
    assert daraja.read_stk_callback(items(*listed)).result.paid is True


@given(BODIES)
def test_a_c2b_notice_is_read_or_malformed(body: bytes) -> None:
    try:
        read = daraja.read_c2b(body)
    except MalformedUpstreamError:
        return
    assert read.trans_id
    assert read.business_short_code
    assert read.amount_cents >= 0


@given(st.dictionaries(NAMES, SCALARS, max_size=8))
def test_a_c2b_notice_keeps_what_it_does_not_know(fields: dict[str, Any]) -> None:
    known = {"TransID": "UCE1Q0Z8MN", "TransAmount": "75.00", "BusinessShortCode": "600984"}
    try:
        read = daraja.read_c2b(json.dumps(fields | known).encode())
    except MalformedUpstreamError:
        return
    assert read.amount_cents == 7_500
    assert set(read.extra) <= set(fields)
    assert {"Item", "Value", "Name"} & set(fields) <= set(read.extra)


@given(STATUSES, BODIES)
def test_every_answer_is_read_or_explained(status: int, body: bytes) -> None:
    for read in (
        daraja.read_token,
        daraja.read_stk_answer,
        daraja.read_stk_query,
        daraja.read_c2b_register,
        daraja.read_c2b_simulate,
    ):
        answer = read(status, body)
        if not isinstance(answer, DecodedError):
            assert 200 <= status < 300
        else:
            assert answer.outcome.cause.en
            assert answer.outcome.code
    assert daraja.decode_error(status, body).trouble in Trouble


@given(STATUSES.filter(lambda status: status >= 500), st.binary(max_size=100))
def test_a_broken_answer_to_a_push_is_never_a_refusal(status: int, body: bytes) -> None:
    answer = daraja.read_stk_answer(status, body)
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN


HOSTILE = (
    b"[" * 65_536,
    b'{"a":' * 10_000,
    b"<" * 65_536,
    b'{"errorCode":"' + b"9" * 65_000,
    b'{"errorCode":' + b"9" * 4_000 + b"}",
    b'{"Body":{"stkCallback":' + b"[" * 60_000,
    b'{"Body":{"stkCallback":{"ResultCode":' + b"1" * 4_000 + b',"CheckoutRequestID":"x"}}}',
    b'{"TransID":' + b"1" * 4_000 + b',"TransAmount":' + b"1" * 4_000 + b',"BusinessShortCode":1}',
    b"\xef\xbb\xbf{}",
    b"\x00" * 100,
)


@pytest.mark.timeout(30)
@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:12]))
def test_hostile_bytes_cost_little_and_change_nothing(body: bytes) -> None:
    assert daraja.decode_error(500, body).trouble is Trouble.UNKNOWN
    for read in (daraja.read_stk_callback, daraja.read_c2b):
        with pytest.raises(MalformedUpstreamError):
            read(body)


ODD = st.text(max_size=6) | st.sampled_from(["UCE4K7P2QX", "UCE0000000", "A\x00B", " x ", "0700000142", "75.00"])
USUAL_ITEMS = st.permutations(["Amount", "MpesaReceiptNumber", "TransactionDate", "PhoneNumber"]).flatmap(
    lambda names: st.tuples(
        *(
            st.fixed_dictionaries(
                {"Name": st.just(name), "Value": st.sampled_from(USUAL_VALUES[name]) | ODD | st.integers(0, 10**15)}
            )
            for name in names
        )
    )
)
USUAL_VALUES: dict[str, list[object]] = {
    "Amount": [150, 150.0, "150.00"],
    "MpesaReceiptNumber": ["UCE4K7P2QX"],
    "TransactionDate": [20260314101528],
    "PhoneNumber": [254700000142],
}


USUAL = tuple({"Name": name, "Value": values[0]} for name, values in USUAL_VALUES.items())


@given(USUAL_ITEMS, st.integers() | ODD, ODD, ODD, ODD)
@example(USUAL, 10**30, "", "", "0")
@example(USUAL, -(10**30) + 1, "", "", "0")
def test_the_short_way_for_usual_callbacks_reads_what_the_long_way_reads(
    listed: tuple[object, ...], code: object, told: str, merchant: str, checkout: str
) -> None:
    body = callback(
        CallbackMetadata={"Item": list(listed)},
        ResultCode=code,
        ResultDesc=told,
        MerchantRequestID=merchant,
        CheckoutRequestID=checkout,
    )
    try:
        wanted = daraja_inbound._any_callback(body)
    except MalformedUpstreamError:
        with pytest.raises(MalformedUpstreamError):
            daraja.read_stk_callback(body)
        return
    assert daraja.read_stk_callback(body) == wanted


# ── what was seen once and must stay readable ──


def test_a_lone_item_needs_no_list() -> None:
    read = daraja.read_stk_callback(callback(CallbackMetadata={"Item": {"Name": "Amount", "Value": "239.00"}}))
    assert (read.amount_cents, read.receipt, read.extra) == (23_900, None, {})


def test_values_may_be_text_or_missing_in_any_order() -> None:
    read = daraja.read_stk_callback(
        items(
            {"Name": "PhoneNumber", "Value": "0700000142"},
            {"Name": "Balance"},
            {"Name": "TransactionDate", "Value": "20260314101528"},
            {"Name": "MpesaReceiptNumber", "Value": " UCE4K7P2QX "},
            {"Name": "Amount", "Value": "05"},
        )
    )
    assert (read.amount_cents, read.receipt) == (500, "UCE4K7P2QX")
    assert (read.paid_us, read.msisdn) == (1_773_472_528_000_000, "254700000142")
    assert read.extra == {"Balance": None}


def test_what_cannot_be_read_stays_in_extra() -> None:
    read = daraja.read_stk_callback(
        items(
            {"Name": "Amount", "Value": "a lot"},
            {"Name": "Amount", "Value": 5},
            {"Name": "MpesaReceiptNumber", "Value": "UCE0000000"},
            {"Name": "TransactionDate", "Value": "yesterday"},
            {"Name": "PhoneNumber", "Value": 512345},
            {"Value": "nameless"},
            "no object",
        )
    )
    assert (read.amount_cents, read.receipt, read.paid_us, read.msisdn) == (None, None, None, None)
    assert read.extra["Amount"] == "a lot"
    assert read.extra["MpesaReceiptNumber"] == "UCE0000000"
    assert read.extra["TransactionDate"] == "yesterday"
    assert read.extra["PhoneNumber"] == 512345
    assert read.extra["Item"] == [{"Name": "Amount", "Value": 5}, {"Value": "nameless"}, "no object"]


def test_unknown_fields_of_every_level_survive() -> None:
    whole = json.loads(callback(New=1, CallbackMetadata={"Item": [], "Newer": 2}))
    whole["Newest"] = 3
    whole["Body"]["Last"] = [4]
    assert daraja.read_stk_callback(json.dumps(whole).encode()).extra == {
        "New": 1,
        "Newer": 2,
        "Newest": 3,
        "Last": [4],
    }


@pytest.mark.parametrize("code", [0, "0", 0.0, " 0 "])
def test_success_is_zero_in_any_spelling(code: object) -> None:
    assert daraja.read_stk_callback(callback(ResultCode=code)).result.paid is True


@pytest.mark.parametrize("code", [None, "", True, False, [], {}])
def test_a_callback_without_a_result_is_malformed(code: object) -> None:
    with pytest.raises(MalformedUpstreamError):
        daraja.read_stk_callback(callback(ResultCode=code))


def test_a_callback_is_known_by_one_of_its_ids() -> None:
    assert daraja.read_stk_callback(callback(MerchantRequestID=None)).checkout_request_id == "ws_CO_1"
    with pytest.raises(MalformedUpstreamError):
        daraja.read_stk_callback(callback(MerchantRequestID=None, CheckoutRequestID=""))


def test_a_name_in_broken_utf_8_loses_no_payment() -> None:
    body = b'{"TransID":"UCE1Q0Z8MN","TransAmount":"75.00","BusinessShortCode":"600984","FirstName":"NJ\xe9RI"}'
    assert daraja.read_c2b(body).first_name == "NJ\ufffdRI"
    assert daraja.read_c2b(b"\xef\xbb\xbf" + body.replace(b"\xe9", b"E")).first_name == "NJERI"


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (b"WANJIK\\ud83d", "WANJIK\ufffd"),
        (b"\\uDE00WANJIKU", "\ufffdWANJIKU"),
        (b"WANJIKU\\ud83d\\ude00", "WANJIKU\U0001f600"),
        (b"WAN\nJIKU", "WAN\nJIKU"),
        (b"WAN\x01JIKU", "WAN\x01JIKU"),
    ],
)
def test_half_a_character_or_a_line_break_in_a_name_loses_no_payment(written: bytes, read: str) -> None:
    body = b'{\n"TransID":"RKTQDM7W6S","TransAmount":"10","BusinessShortCode":"600638","FirstName":"' + written + b'"}'
    assert daraja.read_c2b(body).first_name == read
    assert json.loads(mended(body))["FirstName"] == read


@pytest.mark.parametrize("body", [b'{"a": "b"}', b'{\r\n\t"a": 10.00\n}', b'{"a":"\\ud83d\\ude00", "b":1.0}'])
def test_what_strict_readers_take_is_told_byte_for_byte(body: bytes) -> None:
    assert mended(body) == body


def test_a_null_character_reaches_no_database() -> None:
    fields = {"TransID": "UCE1Q0Z8MN", "TransAmount": "75.00", "BusinessShortCode": "600984", "FirstName": "A\x00B"}
    assert daraja.read_c2b(json.dumps(fields).encode()).first_name == "A\ufffdB"
    assert "\x00" not in daraja.decode_error(502, b"\x00 torn \x00").outcome.description


def test_c2b_values_may_be_numbers_and_names_null() -> None:
    fields = {"TransID": "UCE1Q0Z8MN", "TransAmount": 10, "BusinessShortCode": 600984, "TransTime": 20260314112233}
    read = daraja.read_c2b(
        json.dumps(fields | {"MSISDN": 254700000142, "MiddleName": None, "LastName": ["?"]}).encode()
    )
    assert (read.amount_cents, read.business_short_code, read.trans_time) == (1_000, "600984", "20260314112233")
    assert (read.msisdn, read.middle_name, read.last_name) == ("254700000142", "", "")
    assert read.extra == {"LastName": ["?"]}


@pytest.mark.parametrize("missing", ["TransID", "TransAmount", "BusinessShortCode"])
def test_money_without_receipt_amount_or_shortcode_is_malformed(missing: str) -> None:
    fields = {"TransID": "UCE1Q0Z8MN", "TransAmount": "75.00", "BusinessShortCode": "600984"}
    for wrong in ({}, {missing: None}, {missing: ""}, {missing: "UCE0000000" if missing == "TransID" else []}):
        rest = {name: value for name, value in fields.items() if name != missing}
        with pytest.raises(MalformedUpstreamError):
            daraja.read_c2b(json.dumps(rest | wrong).encode())


# ── answers that say neither yes nor no ──


def answered(**fields: object) -> DecodedError | daraja.StkAccepted:
    return daraja.read_stk_answer(200, json.dumps(fields).encode())


def test_an_id_with_a_refusal_leaves_the_prompt_unknown() -> None:
    answer = answered(CheckoutRequestID="ws_CO_1", ResponseCode="1", ResponseDescription="?")
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN


@pytest.mark.parametrize("status", [200, 400, 429, 500, 503])
@pytest.mark.parametrize("said", ["0", "500.003.02"])
def test_whatever_else_is_said_of_a_prompt_that_has_an_id_it_may_be_out_and_can_be_asked_about(
    status: int, said: str
) -> None:
    """Sent again it would be a second prompt, and without its ID nobody could ask what became of the first."""
    told = {"MerchantRequestID": "1-2-3", "CheckoutRequestID": "ws_CO_1", "ResponseCode": said}
    answer = daraja.read_stk_answer(status, json.dumps(told | {"ResponseDescription": "System is busy."}).encode())
    if status == 200 and said == "0":
        assert isinstance(answer, daraja.StkAccepted)
        return
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN
    assert (answer.merchant_request_id, answer.checkout_request_id) == ("1-2-3", "ws_CO_1")


def test_a_refusal_without_an_id_is_a_refusal() -> None:
    answer = answered(ResponseCode="1", ResponseDescription="Rejected")
    assert isinstance(answer, DecodedError)
    assert (answer.trouble, answer.outcome.code, answer.outcome.description) == (Trouble.REFUSED, "1", "Rejected")


def test_accepted_without_an_id_is_unknown() -> None:
    answer = answered(ResponseCode="0", ResponseDescription="Success")
    assert isinstance(answer, DecodedError)
    assert answer.trouble is Trouble.UNKNOWN


def test_an_id_alone_is_accepted() -> None:
    assert answered(CheckoutRequestID="ws_CO_1") == daraja.StkAccepted("", "ws_CO_1", "", "")


@pytest.mark.parametrize("token", ["", "a b", "a\r\nX: y", "t" * 5_000, None, 5.5, [], "\u00e9"])
def test_what_cannot_be_a_header_is_no_token(token: object) -> None:
    answer = daraja.read_token(200, json.dumps({"access_token": token, "expires_in": "3599"}).encode())
    assert isinstance(answer, DecodedError) or answer.access_token == "5.5"


@pytest.mark.parametrize(
    ("life", "seconds"),
    [("3599", 3599), (3599, 3599), (3599.0, 3599), (None, 60), ("soon", 60), (-5, 60), ("999999999", 86_400)],
)
def test_the_life_of_a_token_is_bounded(life: object, seconds: int) -> None:
    answer = daraja.read_token(200, json.dumps({"access_token": "opaque", "expires_in": life}).encode())
    assert answer == daraja.Token("opaque", seconds)
