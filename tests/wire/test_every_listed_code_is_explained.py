"""The codes of M-Pesa's documents, typed here once more, apart from the tables of the program."""

import json

import pytest

from wakala.rules.outcome import Finality, Outcome, Verdict
from wakala.wire import daraja_errors, stk_results
from wakala.wire.daraja_codes import ResultClass, Trouble, decode_error, decode_result, explain

RESULTS = {
    ResultClass.SUCCESS: "0",
    ResultClass.FAILED: "1 2 3 4 8 1019 1025 1031 1032 1036 1037 2001 2002 2008 2026 8006 TP40087",
    ResultClass.UNKNOWN: "15 17 26 1001 9999 100000100 500.001.1001",
    ResultClass.PENDING: "4999",
    ResultClass.CONFIG: "20 21 1101 1102 2028 2029 SFC_IC0003 TP40153",
}
RESULT_ROWS = [(code, kind) for kind, codes in RESULTS.items() for code in codes.split()]

REFUSED, TOKEN, BUSY, UNKNOWN = Trouble.REFUSED, Trouble.TOKEN, Trouble.BUSY, Trouble.UNKNOWN
FIELDS = (
    "BusinessShortCode",
    "Timestamp",
    "TransactionType",
    "Amount",
    "PhoneNumber",
    "CallBackURL",
    "CheckoutRequestID",
    "TransactionID",
    "InitiatorName",
    "RecieverIdentifierType",
)
ERROR_ROWS = [
    (400, "400.008.01", "Invalid Authentication passed", REFUSED),
    (400, "400.008.01", "Invalid authentication type passed", REFUSED),
    (400, "400.008.02", "Invalid grant type passed", REFUSED),
    (400, "400.001", "Invalid ShortCode", REFUSED),
    *((400, "400.002.02", f"Bad Request - Invalid {name}", REFUSED) for name in (*FIELDS, "SomethingNew")),
    (400, "400.002.02", "Bad Request \u2013 Invalid Amount", REFUSED),
    (400, "400.002.05", "Invalid Request Payload", REFUSED),
    (400, "400.003.01", "Invalid Access Token", TOKEN),
    (400, "400.003.02", "Bad Request", REFUSED),
    (400, "", "Invalid ValidationURL - URL has the word MPESA", REFUSED),
    (401, "401", "Unauthorized - Invalid Access Token", TOKEN),
    (401, "401.001", "Invalid Access Token", TOKEN),
    (401, "401.002.01", "Error Occurred - Invalid Access Token - Zt4qLw9XrB2mKc7HsVn5Yd8FpGj1", TOKEN),
    (
        401,
        "401.002.01",
        "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found",
        REFUSED,
    ),
    (
        401,
        "401.002.01",
        "The element The value of Request.Identity.ReceiverParty.IdentifierType can not be 2 is invalid.",
        REFUSED,
    ),
    (401, "401.003.01", "Error Occurred: Invalid Access Token", TOKEN),
    (404, "404.001.01", "Resource not found", REFUSED),
    (404, "404.002.01", "Resource not found", REFUSED),
    (404, "404.003.01", "Resource not found", REFUSED),
    (404, "404.001.03", "Invalid Access Token", TOKEN),
    (404, "404.001.04", "Invalid Authentication Header", REFUSED),
    (404, "404.001.04", "Invalid Authenticator Header", REFUSED),
    (405, "405.001", "GET Method Not Allowed", REFUSED),
    (500, "500.001.1001", "Merchant does not exist", REFUSED),
    (500, "500.001.1001", "Wrong credentials", REFUSED),
    (500, "500.001.1001", "[MerchantValidate] - Wrong credentials", REFUSED),
    (
        500,
        "500.001.1001",
        "Unable to lock subscriber, a transaction is already in process for the current subscriber",
        BUSY,
    ),
    (500, "500.001.1001", "The transaction is being processed", Trouble.PENDING),
    (500, "500.001.1001", "The transaction does not Exist", Trouble.NOT_FOUND),
    (500, "500.001.1001", "Internal Server Error", UNKNOWN),
    (500, "500.001.1001", "", UNKNOWN),
    (500, "500.002.1001", "Duplicate OriginatorConversationID.", UNKNOWN),
    (500, "500.002.1001", "System internal error.", UNKNOWN),
    (500, "500.002.1001", "Service is currently under maintenance. Please try again later", UNKNOWN),
    (500, "00.002.1001", "Service is currently under maintenance. Please try again later", UNKNOWN),
    (500, "500.003.02", "System is busy. Please try again in few minutes.", BUSY),
    (500, "500.003.02", "Error Occurred: Spike Arrest Violation", BUSY),
    (500, "500.003.03", "Quota Violation", BUSY),
    (500, "500.003.03", "Error Occurred: Quota Violation", BUSY),
    (500, "500.003.1001", "Internal Server Error", UNKNOWN),
    (500, "500.003.1001", "Urls are already registered.", REFUSED),
    (500, "500.003.1001", "Duplicate notification info, SP ID is 10710, correlator is 550912", REFUSED),
    (500, "", "Service is currently unreachable", UNKNOWN),
    (429, "", "Too Many Requests", BUSY),
    (503, "", "maintenance", UNKNOWN),
]


def is_explained(outcome: Outcome) -> bool:
    sentences = (outcome.cause, outcome.next_step)
    return all(said.en.strip() and said.sw.strip() and said.en != said.sw for said in sentences)


@pytest.mark.parametrize(("code", "kind"), RESULT_ROWS)
def test_a_result_is_classed_and_explained(code: str, kind: ResultClass) -> None:
    result = decode_result(code, "as M-Pesa wrote it")
    assert result.kind is kind
    assert result.outcome.code == code
    assert result.outcome.description == "as M-Pesa wrote it"
    assert is_explained(result.outcome)
    assert explain(code) is not None
    assert result.paid == {ResultClass.SUCCESS: True, ResultClass.UNKNOWN: None, ResultClass.PENDING: None}.get(
        kind, False
    )


def test_the_table_of_results_lists_these_and_no_others() -> None:
    assert sorted(row.code for row in stk_results.ROWS) == sorted(code for code, _ in RESULT_ROWS)


@pytest.mark.parametrize(("status", "code", "message", "trouble"), ERROR_ROWS)
def test_an_error_is_told_apart_and_explained(status: int, code: str, message: str, trouble: Trouble) -> None:
    body = json.dumps({"requestId": "1-2-3", "errorCode": code, "errorMessage": message}).encode()
    error = decode_error(status, body)
    assert error.trouble is trouble
    assert error.request_id == "1-2-3"
    assert is_explained(error.outcome)
    assert explain(error.outcome.code, message) is not None
    if code:
        assert error.outcome.code == code


def test_each_field_that_mpesa_refuses_has_its_own_cause() -> None:
    causes = {explain("400.002.02", f"Bad Request - Invalid {name}") for name in FIELDS}
    assert len({outcome.cause for outcome in causes if outcome}) == len(FIELDS)


def test_the_table_of_errors_lists_these_and_apigees_and_no_others() -> None:
    listed = {row.code for row in daraja_errors.ROWS}
    apigee = {code for code in listed if code.startswith(("keymanagement", "oauth", "policies", "steps"))}
    assert listed - apigee == {code for _, code, _, _ in ERROR_ROWS if code}


@pytest.mark.parametrize(
    ("errorcode", "trouble"),
    [
        ("keymanagement.service.invalid_access_token", TOKEN),
        ("keymanagement.service.access_token_expired", TOKEN),
        ("oauth.v2.InvalidAccessToken", TOKEN),
        ("keymanagement.service.InvalidAPICallAsNoApiProductMatchFound", REFUSED),
        ("policies.ratelimit.SpikeArrestViolation", BUSY),
        ("policies.ratelimit.QuotaViolation", BUSY),
        ("steps.servicecallout.ExecutionFailed", UNKNOWN),
        ("messaging.adaptors.http.flow.GatewayTimeout", UNKNOWN),
    ],
)
def test_a_raw_fault_of_the_gateway_is_read(errorcode: str, trouble: Trouble) -> None:
    fault = {"faultstring": "told", "detail": {"errorcode": errorcode}}
    for shape in (
        {"fault": fault},
        {"Envelope": {"Body": {"Fault": {**fault, "detail": {"source": fault["detail"]}}}}},
    ):
        error = decode_error(500, json.dumps(shape).encode())
        assert (error.trouble, error.outcome.code, error.outcome.description) == (trouble, errorcode, "told")
        assert is_explained(error.outcome)


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (400, b"", REFUSED),
        (401, b"", TOKEN),
        (403, b"", BUSY),
        (403, b"<html>Incapsula</html>", BUSY),
        (403, b'{"errorCode":"403.9","errorMessage":"no"}', REFUSED),
        (404, b"", REFUSED),
        (404, b"<html>Not found</html>", REFUSED),
        (408, b"", UNKNOWN),
        (422, b"{}", REFUSED),
        (429, b"<html>slow down</html>", BUSY),
        (500, b"", UNKNOWN),
        (500, b"Service is currently unreachable", UNKNOWN),
        (500, b'{"errorCode":"500.9","errorMessage":"never seen"}', UNKNOWN),
        (502, b"<html>Bad Gateway</html>", UNKNOWN),
        (503, b"", UNKNOWN),
        (503, b"Too Many Requests", BUSY),
        (504, b"", UNKNOWN),
        (200, b"", UNKNOWN),
        (200, b"[]", UNKNOWN),
        (302, b"", UNKNOWN),
    ],
)
def test_an_answer_without_a_listed_code_goes_by_its_status(status: int, body: bytes, trouble: Trouble) -> None:
    error = decode_error(status, body)
    assert error.trouble is trouble
    assert is_explained(error.outcome)
    assert error.outcome.code


def test_a_torn_envelope_still_tells_its_code() -> None:
    torn = b'{"requestId":"1-2-3","errorCode":"500.001.1001","errorMessage":"Merchant does not ex'
    assert decode_error(500, torn).trouble is UNKNOWN
    assert decode_error(500, torn + b"ist").trouble is REFUSED
    assert decode_error(404, b'{"requestId":"1","errorCode":"404.001.03","errorMe').trouble is TOKEN


def test_an_unlisted_result_is_unknown_and_never_a_failure() -> None:
    for code in ("", "-1", "00", "10", "1.0", "999999", "S0mething", 77):
        result = decode_result(code, "new")
        assert (result.kind, result.outcome.verdict, result.outcome.finality) == (
            ResultClass.UNKNOWN,
            Verdict.UNKNOWN,
            Finality.NEITHER,
        )
        assert is_explained(result.outcome)
    assert explain("77") is None


@pytest.mark.parametrize(
    "text", ["Merchant not allowed to carry out transaction type", "Missing ICCID value in request"]
)
def test_two_well_known_texts_explain_an_unlisted_result(text: str) -> None:
    result = decode_result("31337", text)
    assert result.kind is ResultClass.UNKNOWN
    assert result.outcome.cause != decode_result("31337", "new").outcome.cause
    assert is_explained(result.outcome)


def test_a_number_and_its_text_are_one_code() -> None:
    assert decode_result(0, "x") == decode_result("0", "x") == decode_result(" 0 ", "x")


def test_only_sure_refusals_may_be_sent_again() -> None:
    for row in (*daraja_errors.ROWS, *daraja_errors.BY_TEXT, *daraja_errors.BY_STATUS):
        outcome = daraja_errors.outcome_of(row, row.code, "")
        surely_not_done = row.trouble in {TOKEN, BUSY, REFUSED}
        assert (outcome.verdict is Verdict.REFUSED) == surely_not_done
        assert (outcome.finality is Finality.RETRIABLE) == (row.trouble in {TOKEN, BUSY})


def test_no_row_hides_behind_another() -> None:
    for rows in (daraja_errors.ROWS, daraja_errors.BY_TEXT):
        for row in rows:
            assert daraja_errors.row_of(row.code, row.text) == row, f"{row.code} {row.marker!r} is never reached."
