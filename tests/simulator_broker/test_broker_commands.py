"""Commands through the Broker: read from the samples, carried out in the world, told in the samples' shapes."""

import base64
import re

import pytest

from simulator.box import until
from simulator_broker.soap_box import Broker, sample
from wakala.simulator.broker.reading import Element, read, read_inner
from wakala.simulator.broker.telling import _inside
from wakala.simulator.c2b import Order

UPPER = "NUJEMDBBQjA1Q0NDNkQ5NTdGNDREQ0FFRjA4OUYxMjkwQkQ5QTIxOTIwNkUyQ0QwNzMyM0ZDNjY3QkE2QTUxRA=="
LOWER = "NWJkMDBhYjA1Y2NjNmQ5NTdmNDRkY2FlZjA4OWYxMjkwYmQ5YTIxOTIwNmUyY2QwNzMyM2ZjNjY3YmE2YTUxZA=="


def document(body: str, name: str) -> Element:
    found = _inside(body.encode(), name)
    assert found is not None, body
    return trimmed(read_inner(found.text))


def trimmed(element: Element) -> Element:
    """Without the white space that only sets elements apart, so that two can be compared."""
    for each in element.everything():
        each.text = each.text.strip()
    return element


def names(element: Element) -> list[str]:
    return [each.name for each in element.children]


async def told(broker: Broker, name: str, **swaps: str) -> Element:
    before = len(broker.caller.at("/broker/result"))
    answer = await broker.ask(name, **swaps)
    assert document(answer.text, "ResponseMsg").value("ResponseCode") == "0", answer.text
    return document((await broker.caller.received("/broker/result", before + 1))[-1], "ResultMsg")


async def test_a_payout_moves_money_and_its_result_has_the_samples_shape(broker: Broker) -> None:
    answer = await broker.ask("b2c-01-request-business-payment")
    accepted = document(sample("b2c-02-response-accepted"), "ResponseMsg")
    assert names(document(answer.text, "ResponseMsg")) == names(accepted)
    result = document((await broker.caller.received("/broker/result"))[0], "ResultMsg")
    printed = document(sample("b2c-07-result-success"), "ResultMsg")
    assert names(result) == names(printed)
    keys, printed_keys = (each.pairs().keys() for each in (result, printed))
    assert keys == printed_keys
    assert result.pairs()["TransactionAmount"] == "1200.00"
    assert result.pairs()["Occasion"] == "January refund"
    assert broker.machine.world.phone("254700000417").balance_cents == 101_200_00
    await until(lambda: broker.machine.world.commands[1].results_answered == 1)


@pytest.mark.parametrize("password", [LOWER, UPPER])
async def test_both_cases_of_the_digest_are_taken(broker: Broker, password: str) -> None:
    answer = await broker.ask("b2c-01-request-business-payment", **{LOWER: password})
    assert document(answer.text, "ResponseMsg").value("ResponseCode") == "0"


async def test_a_wrong_password_and_an_unknown_provider_are_refused_in_the_samples_words(broker: Broker) -> None:
    refused = document(sample("b2c-04-response-auth-failed"), "ResponseMsg")
    for swaps in ({LOWER: "bm9uZQ=="}, {"<tns:spId>900610": "<tns:spId>1"}):
        answer = await broker.ask("b2c-01-request-business-payment", **swaps)
        assert answer.status_code == 200
        assert document(answer.text, "ResponseMsg") == refused
    assert not broker.machine.world.commands


async def test_a_missing_queue_timeout_url_is_refused_in_the_samples_words(broker: Broker) -> None:
    answer = await broker.ask("b2c-01-request-business-payment", QueueTimeoutURL="Another")
    assert document(answer.text, "ResponseMsg") == document(sample("b2c-06-response-missing-parameter"), "ResponseMsg")


async def test_whitespace_before_the_inner_declaration_and_a_capital_root_are_read(broker: Broker) -> None:
    assert (await told(broker, "b2c-13-request-whitespace-before-inner-declaration")).value("ResultCode") == "0"


async def test_a_repeated_originator_id_is_accepted_and_ends_with_15(broker: Broker) -> None:
    await told(broker, "b2c-01-request-business-payment")
    again = await told(broker, "b2c-01-request-business-payment")
    printed = document(sample("b2c-11-result-duplicate-ocid"), "ResultMsg")
    assert (again.value("ResultCode"), again.value("ResultDesc")) == ("15", printed.value("ResultDesc"))
    assert broker.machine.world.phone("254700000417").balance_cents == 101_200_00


async def test_a_transfer_a_balance_and_a_status_are_told(broker: Broker) -> None:
    transfer = await told(broker, "b2b-01-request-business-paybill")
    assert transfer.value("ResultCode") == "0"
    assert transfer.pairs()["BillReferenceNumber"] == "INV-2025-044"
    balance = await told(broker, "balance-01-request")
    assert "&Utility Account|KES|" in balance.pairs()["AccountBalance"]
    status = await told(broker, "status-01-request", TAE7B2C9QK=transfer.value("TransactionID"), **{"600984": "600998"})
    printed = document(sample("status-02-result-completed"), "ResultMsg")
    assert status.pairs().keys() == printed.pairs().keys()


async def test_a_collected_payment_goes_back_whole_and_once(broker: Broker) -> None:
    answer = await broker.post("/mminterface/registerURL", broker.filled("c2b-01-register-url-request"))
    assert document(answer.text, "ResponseMsg") == document(sample("c2b-02-register-url-response-ok"), "ResponseMsg")
    receipt = await collected(broker)
    back = await told(broker, "reversal-01-request", TAE4K7Q2LM=receipt)
    assert back.pairs().keys() == document(sample("reversal-02-result-success"), "ResultMsg").pairs().keys()
    assert back.pairs()["Amount"] == "1500.00"
    twice = await told(broker, "reversal-01-request", TAE4K7Q2LM=receipt, REV000007="REV000008")
    assert twice.value("ResultCode") == "R000001"


async def collected(broker: Broker) -> str:
    shortcode = broker.machine.world.shortcodes["600984"]
    payment = await broker.machine.collections.pay(Order(shortcode, "254700000417", 1500_00, "ACC-00417", False))
    return payment.receipt if payment.paid else ""


@pytest.mark.parametrize(
    ("reply", "paid"), [("c2b-07-validation-result-accept", True), ("c2b-08-validation-result-reject-account", False)]
)
async def test_validation_is_asked_and_decides(broker: Broker, reply: str, paid: bool) -> None:
    await broker.post("/mminterface/registerURL", broker.filled("c2b-01-register-url-request"))
    broker.machine.world.shortcodes["600984"].external_validation = True
    broker.caller.replies["/broker/c2b/validation"] = sample(reply)
    assert bool(await collected(broker)) == paid
    asked = _inside(broker.caller.at("/broker/c2b/validation")[0].encode(), "C2BPaymentValidationRequest")
    assert asked is not None
    assert asked.value("BillRefNumber") == "ACC-00417"
    if paid:
        confirmed = _inside(
            (await broker.caller.received("/broker/c2b/confirmation"))[0].encode(), "C2BPaymentConfirmationRequest"
        )
        printed = _inside(sample("c2b-09-confirmation-request-paybill").encode(), "C2BPaymentConfirmationRequest")
        assert confirmed is not None
        assert printed is not None
        assert [n for n in names(confirmed) if n != "KYCInfo"] == [n for n in names(printed) if n != "KYCInfo"]
        assert confirmed.value("ThirdPartyTransID") == "GW-20250114-000417"


async def test_the_password_is_changed_with_the_samples_encryption(broker: Broker) -> None:
    answer = await broker.post("/managementService/services/management", sample("mgmt-01-change-password-request"))
    assert trimmed(read(answer.content)) == trimmed(read(sample("mgmt-02-change-password-response-ok").encode()))
    assert broker.machine.providers["900610"].password == "Next!Pass2025"


async def test_the_brokers_log_has_both_legs_and_the_result(broker: Broker) -> None:
    path = "/queryTransactionService/services/transaction"
    await told(broker, "b2c-01-request-business-payment")
    answer = await broker.post(path, broker.filled("query-01-query-transaction-request"))
    found = _inside(answer.content, "queryTransactionResponse")
    assert found is not None
    assert found.value("result", "ResponseCode") == "00000000"
    requests, results = found.child("submitApiRequestList"), found.child("submitApiResultList")
    assert requests is not None
    assert results is not None
    first, forwarded = (base64.b64decode(each.text) for each in requests.children)
    assert b"spPassword" in first
    assert b"spPassword" not in forwarded
    assert broker.caller.url.encode() + b"/broker/result" not in forwarded
    assert b"<ResultCode>0</ResultCode>" in base64.b64decode(results.children[0].text)


async def test_a_query_with_a_wrong_password_is_refused_in_the_samples_words(broker: Broker) -> None:
    text = sample("query-01-query-transaction-request").replace("NUJE", "AAAA")
    answer = await broker.post("/queryTransactionService/services/transaction", text)
    assert trimmed(read(answer.content)) == trimmed(
        read(sample("query-03-query-transaction-response-auth-failed").encode())
    )


async def test_a_request_that_expires_comes_back_without_its_header(broker: Broker) -> None:
    broker.machine.faults.add("broker_b2c", "queue_timeout")
    answer = await broker.ask("b2c-01-request-business-payment")
    assert document(answer.text, "ResponseMsg") == document(sample("b2c-05-response-cached"), "ResponseMsg")
    notice = _inside((await broker.caller.received("/broker/timeout"))[0].encode(), "notifyQueueTimeout")
    assert notice is not None
    origin = base64.b64decode(notice.value("originRequest"))
    assert b"spPassword" not in origin
    found = _inside(origin, "RequestMsg")
    assert found is not None
    assert read_inner(found.text).value("Transaction", "CommandID") == "BusinessPayment"


async def test_a_negative_acknowledgement_is_written_down_and_not_counted(broker: Broker) -> None:
    broker.caller.replies["/broker/result"] = sample("result-ack-02-error")
    await told(broker, "b2c-01-request-business-payment")
    await until(lambda: any(call.direction == "out" for call in broker.machine.calls))
    reasons = [call.reason for call in broker.machine.calls if call.direction == "out"]
    assert re.search("20000003", reasons[0])
    assert broker.machine.world.commands[1].results_answered == 0


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"{}",
        b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>',
        b"<a>" * 100 + b"</a>" * 100,
        b"<a>" + b"<b/>" * 5_000 + b"</a>",
        b"<a>" + b"x" * 100_000 + b"</a>",
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)
async def test_what_is_no_message_gets_a_soap_fault(broker: Broker, hostile: bytes) -> None:
    answer = await broker.client.post("/mminterface/request", content=hostile)
    assert answer.status_code == 500
    assert _inside(answer.content, "Fault") is not None


@pytest.mark.parametrize("name", ["soap_fault", "busy", "html_403", "error_before", "refused_login", "throttled"])
async def test_a_fault_before_leaves_nothing_behind(broker: Broker, name: str) -> None:
    broker.machine.faults.add("broker_b2c", name)
    answer = await broker.ask("b2c-01-request-business-payment")
    assert "<ResponseCode>0</ResponseCode>" not in answer.text
    assert not broker.machine.world.commands


@pytest.mark.parametrize(
    "name", ["soap_fault_after", "empty", "malformed", "wrong_namespace", "core_form", "error_after"]
)
async def test_a_fault_of_the_answer_is_carried_out_all_the_same(broker: Broker, name: str) -> None:
    broker.machine.faults.add("broker_b2c", name)
    await broker.ask("b2c-01-request-business-payment")
    await broker.caller.received("/broker/result")
    assert broker.machine.world.phone("254700000417").balance_cents == 101_200_00


async def test_a_result_may_arrive_before_the_answer(broker: Broker) -> None:
    broker.machine.faults.add("broker_b2c", "result_first")
    await broker.ask("b2c-01-request-business-payment")
    assert len(broker.caller.at("/broker/result")) == 1


@pytest.mark.parametrize("name", ["doubled", "contradicted"])
async def test_a_second_result_repeats_or_contradicts(broker: Broker, name: str) -> None:
    broker.machine.faults.add("broker_b2c_result", name)
    await broker.ask("b2c-01-request-business-payment")
    codes = [
        document(each, "ResultMsg").value("ResultCode") for each in await broker.caller.received("/broker/result", 2)
    ]
    assert codes == (["0", "0"] if name == "doubled" else ["0", "17"])


@pytest.mark.parametrize(
    ("name", "namespace"),
    [
        ("wrong_namespace", "http://example.com/no-such-interface"),
        ("cps_namespace", "http://cps.huawei.com/cpsinterface/result"),
        ("first_generation", "http://api-v1.gen.mm.vodafone.com/mminterface/result"),
    ],
)
async def test_a_result_may_stand_in_another_form(broker: Broker, name: str, namespace: str) -> None:
    broker.machine.faults.add("broker_b2c_result", name)
    await broker.ask("b2c-01-request-business-payment")
    found = _inside((await broker.caller.received("/broker/result"))[0].encode(), "ResultMsg")
    assert found is not None
    assert found.namespace == namespace
    assert read_inner(found.text).value("ResultCode") == "0"
