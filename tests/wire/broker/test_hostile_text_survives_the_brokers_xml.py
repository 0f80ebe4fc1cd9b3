"""Whatever text a merchant sends comes through the Broker's XML as it was, or is refused with the reason."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wakala.errors import InvalidFieldsError, MalformedUpstreamError
from wakala.wire.broker import replies, requests, soap
from wakala.wire.daraja_codes import DecodedError
from wakala.wire.outbound import Outbound

PROVIDER = soap.Provider(sp_id="900610", password="]]>&<", service_id="900610000")
PLAIN = Outbound(
    request_id="ORDER-1",
    amount_cents=15_000,
    msisdn="254700000417",
    reference="INV-1",
    description="Refund",
    details={"ReceiverShortcode": "600640", "TransactionID": "TAE7B2C9QK"},
    shortcode="600630",
    till=None,
    initiator="apiops1",
    security_credential="c2VjcmV0",
    result_url="https://gateway.example/r?a=1&b=2",
    timeout_url="https://gateway.example/t",
    callback_url="",
    now_us=1_736_832_615_000_000,
)
WRITABLE = st.characters(
    exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff", include_characters="\t\n\r"
)
TEXTS = st.one_of(
    st.text(WRITABLE, max_size=60),
    st.sampled_from(
        ["]]>", "<![CDATA[", "&amp;", "</Value>", "<!DOCTYPE a>", "\U0001f600", "a\rb\r\nc", "&#0;", "]]&gt;"]
    ),
)


@given(path=st.sampled_from(sorted(requests.CALLS)), key=TEXTS.filter(str.strip), told=TEXTS, initiator=TEXTS)
def test_every_command_carries_any_text(path: str, key: str, told: str, initiator: str) -> None:
    reference_data = json.dumps([{"Key": key, "Value": told}])
    out = replace(PLAIN, initiator=initiator, description=told, reference=told)
    message = soap.message_in(requests.command(path, out, PROVIDER, reference_data))
    document = soap.document_in(message)
    (group,) = soap.descendants(document, "ReferenceData")
    assert soap.keyed(group)[-1] == (key.strip(), told.strip())
    (found,) = soap.descendants(document, "Initiator")
    assert soap.value(found, "Identifier") == initiator.strip()


@pytest.mark.parametrize("character", ["\x00", "\x08", "\x1b", "\ud800", "\uffff"])
def test_a_character_that_xml_cannot_carry_is_refused_by_name(character: str) -> None:
    out = replace(PLAIN, initiator=f"a{character}b")
    with pytest.raises(InvalidFieldsError, match=f"U\\+{ord(character):04X}"):
        requests.command("b2c/businesspayment", out, PROVIDER)


@given(
    body=st.one_of(
        st.binary(max_size=200), TEXTS.map(lambda told: f"<Envelope><Body>{told}</Body></Envelope>".encode())
    )
)
def test_readers_raise_nothing_else(body: bytes) -> None:
    assert isinstance(replies.read_ack(200, body, "ours"), DecodedError)
    assert isinstance(replies.read_log(200, body, "ours"), DecodedError)
    for read in (replies.read_result, replies.read_timeout, replies.read_c2b):
        with pytest.raises(MalformedUpstreamError):
            read(body)


@given(told=st.text(WRITABLE, max_size=40).map(soap.text))
def test_readers_of_documents_raise_nothing_else(told: str) -> None:
    """A well-formed envelope around something else."""
    body = soap.envelope(soap.wrapped("req:ResultMsg", f"<a>{told}</a>"), req=f"{soap.MM}/result")
    assert isinstance(replies.read_ack(200, body, "ours"), DecodedError)
    with pytest.raises(MalformedUpstreamError):
        replies.read_result(body)
