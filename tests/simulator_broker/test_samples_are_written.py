"""Every sample that the Broker would send is what our writers write, compared as documents; results beside the tests
of commands are given the samples' own values."""

import base64
from xml.etree import ElementTree as ET

import pytest

from simulator_broker.soap_box import sample
from wakala.simulator.broker import writing
from wakala.simulator.broker.reading import Element, read, read_inner
from wakala.simulator.broker.telling import _inside

RESULTS = [
    "b2c-07-result-success",
    "b2c-09-result-insufficient-funds",
    "b2c-10-result-initiator-invalid",
    "b2c-11-result-duplicate-ocid",
    "b2b-03-result-success",
    "reversal-02-result-success",
    "reversal-03-result-already-reversed",
    "status-02-result-completed",
    "balance-02-result",
]
RESPONSES = [
    "b2c-02-response-accepted",
    "b2c-04-response-auth-failed",
    "b2c-05-response-cached",
    "b2c-06-response-missing-parameter",
    "c2b-02-register-url-response-ok",
    "c2b-03-register-url-response-auth-failed",
    "b2b-02-response-accepted",
]


def canonical(document: bytes | str) -> str:
    """In one spelling, the document within as well."""
    text = document if isinstance(document, str) else document.decode()
    root = ET.fromstring(text)
    for each in root.iter():
        if each.text and each.text.lstrip().startswith("<"):
            each.text = canonical(each.text.strip().partition("?>")[2] or each.text)
    return ET.canonicalize(ET.tostring(root, encoding="unicode"), strip_text=True, rewrite_prefixes=True)


def inner(name: str, wrapper: str) -> Element:
    found = _inside(sample(name).encode(), wrapper)
    assert found is not None
    return read_inner(found.text)


def leaves(element: Element) -> list[tuple[str, str]]:
    return [(each.name, each.text) for each in element.children if not each.children]


def items(element: Element, *path: str) -> list[tuple[str, str]]:
    found = element.find(*path)
    return [] if found is None else [(each.value("Key"), each.value("Value")) for each in found.children]


@pytest.mark.parametrize("name", RESULTS)
def test_results(name: str) -> None:
    result = inner(name, "ResultMsg")
    written = writing.result(leaves(result), items(result, "ResultParameters"), items(result, "ReferenceData"))
    assert canonical(written) == canonical(sample(name))


def test_a_result_in_the_cores_namespace() -> None:
    result = inner("b2c-08-result-success-cps-namespace", "ResultMsg")
    parts = leaves(result), items(result, "ResultParameters"), items(result, "ReferenceData")
    written = writing.result(*parts, namespace=writing.CPS_RESULT)
    assert canonical(written) == canonical(sample("b2c-08-result-success-cps-namespace"))


@pytest.mark.parametrize("name", RESPONSES)
def test_responses(name: str) -> None:
    assert canonical(writing.response(leaves(inner(name, "ResponseMsg")))) == canonical(sample(name))


def test_a_response_as_the_core_writes_it() -> None:
    name = "b2c-03-response-accepted-relayed-core-form"
    assert canonical(writing.core_response(leaves(inner(name, "ResponseMsg")))) == canonical(sample(name))


@pytest.mark.parametrize(
    ("name", "wrapper"),
    [
        ("c2b-04-validation-request-paybill", "C2BPaymentValidationRequest"),
        ("c2b-05-validation-request-hashed-msisdn", "C2BPaymentValidationRequest"),
        ("c2b-06-validation-request-document-style", "C2BPaymentValidationRequest"),
        ("c2b-09-confirmation-request-paybill", "C2BPaymentConfirmationRequest"),
        ("c2b-10-confirmation-request-buygoods", "C2BPaymentConfirmationRequest"),
    ],
)
def test_c2b_requests(name: str, wrapper: str) -> None:
    found = _inside(sample(name).encode(), wrapper)
    assert found is not None
    names = [(each.value("KYCName"), each.value("KYCValue")) for each in found.children if each.name == "KYCInfo"]
    write = writing.printed_c2b if "document-style" in name else writing.c2b
    assert canonical(write(wrapper, leaves(found), names)) == canonical(sample(name))


def test_a_queue_timeout() -> None:
    found = _inside(sample("queue-01-notify-queue-timeout").encode(), "notifyQueueTimeout")
    assert found is not None
    origin = base64.b64decode(found.value("originRequest"))
    written = writing.queue_timeout(found.value("originatorConversationID"), origin)
    assert canonical(written) == canonical(sample("queue-01-notify-queue-timeout"))


@pytest.mark.parametrize("text", ["]]>", "<a>&amp;", "\U0001f4b0", "a\x00b\ud800"[:3], "x]]]]>><![CDATA["])
def test_hostile_text_survives_both_layers(text: str) -> None:
    body = writing.response([("ResponseDesc", text)])
    found = _inside(body, "ResponseMsg")
    assert found is not None
    assert read(body).name == "Envelope"
    assert read_inner(found.text).value("ResponseDesc") == text.replace("\x00", "?")
