"""Each code of the Broker has a cause and a next step in both languages, and means on its side what it means there."""

import pytest

from wakala.rules.outcome import Verdict
from wakala.wire import daraja_codes
from wakala.wire.broker import codes, replies, soap
from wakala.wire.daraja_codes import DecodedError
from wakala.wire.daraja_errors import Trouble

# broker.md 11.1 and 11.2; those that only its text names are among them.
ANSWERS = [f"1000000{number:02}" for number in range(15)] + ["100000100", "23", "24", "25", "26", "30"]
RESULTS = [str(number) for number in range(53) if number not in {21, 27}] + ["21"]


@pytest.mark.parametrize("code", ANSWERS)
def test_an_answers_code_is_explained(code: str) -> None:
    found = codes.explain(code)
    assert found is not None
    assert all((found.cause.en, found.cause.sw, found.next_step.en, found.next_step.sw, found.description))


@pytest.mark.parametrize("code", RESULTS)
def test_a_results_code_is_explained(code: str) -> None:
    found = codes.explain(code)
    assert found is not None
    assert all((found.cause.en, found.cause.sw, found.next_step.en, found.next_step.sw))


def test_a_login_that_is_refused_is_not_an_abnormal_service() -> None:
    """The one code that the two sides give another meaning (broker.md 17)."""
    by_broker, by_daraja = codes.explain("100000007"), daraja_codes.explain("100000007", family="command")
    assert by_broker is not None
    assert by_daraja is not None
    assert "spId" in by_broker.cause.en
    assert (by_broker.verdict, by_daraja.verdict) == (Verdict.REFUSED, Verdict.UNKNOWN)


def answered(code: str, conversation: str = "") -> object:
    inner = soap.document(
        "response", f"{soap.MM}/response", soap.leaf("ResponseCode", code), soap.leaf("ConversationID", conversation)
    )
    body = soap.envelope(soap.wrapped("req:ResponseMsg", inner), req=f"{soap.MM}/request")
    return replies.read_ack(200, body, "ours")


@pytest.mark.parametrize("code", ["31", "abc"])
def test_an_unlisted_answer_is_a_refusal_unless_the_core_knows_of_the_request(code: str) -> None:
    refused, unknown = answered(code), answered(code, "AG_20250114_00004c1d7be093a2f651")
    assert isinstance(refused, DecodedError)
    assert isinstance(unknown, DecodedError)
    assert (refused.trouble, unknown.trouble) == (Trouble.REFUSED, Trouble.UNKNOWN)


def test_an_answer_without_a_code_is_unknown() -> None:
    found = answered("")
    assert isinstance(found, DecodedError)
    assert found.trouble is Trouble.UNKNOWN
