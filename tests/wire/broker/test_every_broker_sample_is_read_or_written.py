"""Every sample of M-Pesa's XML is read, and those that we would send are what our writers write."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree.ElementTree import canonicalize

import pytest

from wakala.rules.receipt import nairobi_to_us
from wakala.wire import safe_xml
from wakala.wire.broker import answers, replies, requests, soap
from wakala.wire.broker.requests import Call, Party
from wakala.wire.daraja_codes import DecodedError
from wakala.wire.daraja_errors import Trouble
from wakala.wire.daraja_inbound import ValidationVerdict
from wakala.wire.daraja_results import Ack
from wakala.wire.outbound import Outbound

SAMPLES = Path(__file__).parents[1] / "samples" / "broker"
NAMES = sorted(path.name for path in SAMPLES.glob("*.xml"))

PROVIDER = soap.Provider(
    sp_id="900610",
    password="Sim!Pass2025",
    service_id="900610000",
    third_party="sim_broker",
    caller_password="CallerPassword0",
)
UPPER = replace(PROVIDER, upper_case_digest=True)
NOW_US = nairobi_to_us("20250114083015") or 0


def sample(start: str) -> bytes:
    """The one sample whose name begins so."""
    (name,) = [name for name in NAMES if name.startswith(start)]
    return (SAMPLES / name).read_bytes()


def inner_of(document: bytes) -> str | None:
    """The document in the message's text, where the text is one."""
    told = re.search(rb"<!\[CDATA\[(.*?)\]\]>", document, re.DOTALL)
    return told[1].decode() if told else None


def meaning(document: bytes) -> tuple[str, str | None]:
    """Envelope and inner document, each in canonical form without layout, comments and clocks."""

    def canonical(text: str) -> str:
        written = canonicalize(re.sub(r"^\s*<\?xml[^>]*\?>", "", text), strip_text=True, rewrite_prefixes=True)
        return re.sub(r"(<\w+:Timestamp>)[^<]*", r"\1", written)

    inner = inner_of(document)
    outer = re.sub(rb"<!\[CDATA\[.*?\]\]>", b"inner", document, flags=re.DOTALL)
    outer = outer.replace(b"<soapenv:Header></soapenv:Header>", b"<soapenv:Header/>")
    return canonical(outer.decode()), None if inner is None else canonical(inner)


def credential(start: str) -> str:
    found = re.search(rb"<SecurityCredential>([^<]*)<", sample(start))
    return found[1].decode() if found else ""


def outbound(start: str, **changes: object) -> Outbound:
    plain = Outbound(
        request_id="",
        amount_cents=0,
        msisdn="254700000417",
        reference="",
        description="Fixture",
        details={},
        shortcode="600630",
        till=None,
        initiator="apiops1",
        security_credential=credential(start),
        result_url="https://gateway.example/broker/result",
        timeout_url="https://gateway.example/broker/timeout",
        callback_url="",
        now_us=NOW_US,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def test_there_are_69_samples() -> None:
    assert len(NAMES) == 69


@pytest.mark.parametrize("name", NAMES)
def test_every_sample_is_read_as_xml(name: str) -> None:
    document = (SAMPLES / name).read_bytes()
    assert safe_xml.read(document).children
    if name.startswith(("b2c", "b2b", "reversal", "status", "balance", "kyc", "c2b-01", "c2b-02", "c2b-03", "result")):
        assert soap.document_in(soap.message_in(document)).children


# ── what we write ──


@pytest.mark.parametrize(
    ("start", "path", "fields", "reference_data"),
    [
        (
            "b2c-01",
            "b2c/businesspayment",
            {"request_id": "SIMORG_B2C000101", "amount_cents": 120_000, "details": {"Occasion": "January refund"}},
            "[]",
        ),
        (
            "b2b-01",
            "b2b/businesspaybill",
            {
                "request_id": "SIMORG_B2B000044",
                "amount_cents": 750_000,
                "reference": "INV-2025-044",
                "details": {"ReceiverShortcode": "600640", "Requester": "0700000417"},
            },
            "[]",
        ),
        (
            "reversal-01",
            "reversal/transactionreversal",
            {"request_id": "SIMORG_REV000007", "shortcode": "600610", "details": {"TransactionID": "TAE4K7Q2LM"}},
            "[]",
        ),
        ("balance-01", "accountbalance/accountbalance", {"request_id": "SIMORG_BAL000003"}, "[]"),
    ],
)
def test_a_command_is_the_sample(start: str, path: str, fields: dict[str, object], reference_data: str) -> None:
    written = requests.command(path, outbound(start, **fields), PROVIDER, reference_data)
    assert meaning(written) == meaning(sample(start))


def test_a_status_query_is_the_sample_but_for_its_foreign_id() -> None:
    out = outbound("status-01", request_id="SIMORG_QRY000011", details={"TransactionID": "TAE7B2C9QK"})
    written = requests.command("transactionstatus/transactionstatusquery", out, PROVIDER)
    assert meaning(written) == meaning(sample("status-01").replace(b"600610_SIMORG", b"600630_SIMORG"))


def test_calls_of_no_command_of_ours_are_the_samples() -> None:
    """The writer of the core's requests carries more than today's commands need."""
    timeout = ("QueueTimeoutURL", "https://gateway.example/broker/timeout")
    own = Party("4", "600630", "")
    settlement = Call("OrgRevenueSettlement", (("HeadOffice", ""),), own, own, Party("4", "1"))
    out = outbound("b2b-04", request_id="600630_SIMORG_SET000002")
    assert meaning(requests.core_request(settlement, out, PROVIDER, (timeout,))) == meaning(sample("b2b-04"))
    kyc = Call("QueryCustomerKYC", receiver=Party("1", "254700000417"), device=Party("4", "1"), initiator_kind="14")
    out = outbound("kyc-01", request_id="600610_SIMORG_KYC000001", initiator="sim api operator")
    receipt = ("Check Identity Receipt", "TAE3C1H7ZB")
    assert meaning(requests.core_request(kyc, out, PROVIDER, (timeout, receipt))) == meaning(sample("kyc-01"))


@pytest.mark.parametrize(("start", "response_type"), [("c2b-01-", "Completed"), ("c2b-01b", "Cancelled")])
def test_a_registration_is_the_sample(start: str, response_type: str) -> None:
    request_id = re.search(rb"<OriginatorConversationID>([^<]*)", sample(start))
    assert request_id
    written = requests.register_urls(
        request_id[1].decode(),
        PROVIDER,
        NOW_US,
        shortcode="600610",
        response_type=response_type,
        confirmation_url="https://gateway.example:4043/broker/c2b/confirmation",
        validation_url="https://gateway.example:4043/broker/c2b/validation",
    )
    assert meaning(written) == meaning(sample(start))


def test_a_query_of_the_log_is_the_sample() -> None:
    written = requests.query_transaction("600630_SIMORG_B2C000101", NOW_US, UPPER, NOW_US)
    swapped = re.sub(  # the two last children of the header come in either order (broker.md 2)
        rb"(<v2:serviceId>.*?</v2:serviceId>)(\s*)(<v2:timeStamp>.*?</v2:timeStamp>)", rb"\3\2\1", sample("query-01")
    )
    assert meaning(written) == meaning(swapped)


def test_a_change_of_password_is_the_sample() -> None:
    written = requests.change_password(UPPER, "Next!Pass2025", b"sharedkey0123456", b"initvector012345", NOW_US)
    assert meaning(written) == meaning(sample("mgmt-01"))


def test_our_acknowledgements_are_the_samples() -> None:
    assert meaning(answers.result_taken()) == meaning(sample("result-ack-01"))
    assert meaning(answers.timeout_taken()) == meaning(sample("queue-02"))
    accepted = answers.validation(ValidationVerdict(True, third_party_id="GW-20250114-000417"))
    assert meaning(accepted) == meaning(sample("c2b-07"))
    assert meaning(answers.validation(ValidationVerdict(False, "C2B00012"))) == meaning(sample("c2b-08"))
    assert meaning(answers.confirmation_taken("TAE4K7Q2LM")) == meaning(sample("c2b-11"))


# ── what we read ──


@pytest.mark.parametrize(
    ("start", "conversation_id"),
    [
        ("b2c-02", "AG_20250114_00004c1d7be093a2f651"),
        ("b2c-03", "AG_20250114_00004c1d7be093a2f651"),
        ("b2c-05", ""),
        ("c2b-02", ""),
    ],
)
def test_an_answer_that_took_it_is_read(start: str, conversation_id: str) -> None:
    answer = replies.read_ack(200, sample(start), "600630_SIMORG_B2C000101")
    assert isinstance(answer, Ack)
    assert answer.conversation_id == conversation_id
    assert answer.originator_conversation_id == "600630_SIMORG_B2C000101"


@pytest.mark.parametrize(("start", "code"), [("b2c-04", "100000007"), ("b2c-06", "100000014"), ("c2b-03", "100000007")])
def test_a_refusal_is_read(start: str, code: str) -> None:
    answer = replies.read_ack(200, sample(start), "ours")
    assert isinstance(answer, DecodedError)
    assert (answer.trouble, answer.outcome.code) == (Trouble.REFUSED, code)


@pytest.mark.parametrize(
    ("start", "code", "paid", "receipt", "amount_cents"),
    [
        ("b2c-07", "0", True, "TAE7B2C9QK", 120_000),
        ("b2c-08", "0", True, "TAE7B2C9QK", 120_000),
        ("b2c-09", "1", False, "TAE7B2C9QL", None),
        ("b2c-10", "2001", False, None, None),
        ("b2c-11", "15", None, None, None),
        ("b2b-03", "0", True, "TAE8D4E1RW", 750_000),
        ("reversal-03", "R000001", False, None, None),
        ("status-02", "0", True, None, 120_000),
        ("balance-02", "0", True, None, None),
    ],
)
def test_a_result_is_read(
    start: str, code: str, paid: bool | None, receipt: str | None, amount_cents: int | None
) -> None:
    told = replies.read_result(sample(start))
    assert (told.code, told.paid, told.receipt, told.amount_cents) == (code, paid, receipt, amount_cents)


def test_a_results_words_reach_the_merchant() -> None:
    told = replies.read_result(sample("b2c-07"))
    assert told.reference["Occasion"] == "January refund"
    assert told.party_name == "Wanjiru Otieno"
    assert told.paid_us == nairobi_to_us("20250114113024")


def test_the_first_generations_result_is_read() -> None:
    told = replies.read_result(sample("b2c-12"))
    assert (told.code, told.paid) == ("19", False)
    assert told.conversation_id == "7f0d2c4e-55b1-4a0e-9c52-3d6a1b8e7f10"
    assert told.outcome.cause.en


def test_calls_about_customers_payments_are_read() -> None:
    notice = replies.read_c2b(sample("c2b-04"))
    assert (notice.trans_id, notice.amount_cents, notice.bill_ref_number) == ("TAE4K7Q2LM", 150_000, "ACC-00417")
    assert (notice.first_name, notice.middle_name, notice.last_name) == ("Wanjiru", "A", "Otieno")
    assert notice.transaction_type == "Pay Bill"
    assert len(replies.read_c2b(sample("c2b-05")).msisdn) == 64
    assert replies.read_c2b(sample("c2b-06")).transaction_type == "PayBill"
    assert replies.read_c2b(sample("c2b-09")).org_account_balance
    assert replies.read_c2b(sample("c2b-10")).bill_ref_number == ""


def test_a_queues_timeout_is_read() -> None:
    assert replies.read_timeout(sample("queue-01")) == "600630_SIMORG_B2C000101"


def test_the_brokers_log_is_read() -> None:
    log = replies.read_log(200, sample("query-02"), "600630_SIMORG_B2C000101")
    assert isinstance(log, replies.Logged)
    assert isinstance(log.answer, Ack)
    assert log.result is not None
    assert log.result.receipt == "TAE7B2C9QK"
    assert isinstance(replies.read_log(200, sample("query-03"), ""), DecodedError)


def test_a_changed_password_is_read() -> None:
    assert isinstance(replies.read_plain_answer(200, sample("mgmt-02")), Ack)
