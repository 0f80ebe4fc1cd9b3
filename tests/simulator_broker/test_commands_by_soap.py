"""The Broker's door leads into the same world: commands, their results, C2B calls, its own log and passwords."""

import base64
import re
from random import Random
from xml.etree import ElementTree as ET

import pytest

from simulator.box import until
from simulator_broker.caller import (
    REGISTER,
    REQUEST,
    document,
    envelope,
    party,
    password,
    payout,
    sample,
)
from simulator_broker.conftest import BrokerBox
from wakala.simulator.broker.reading import read_instruction
from wakala.simulator.broker.telling import fault_in_acknowledgement, verdict
from wakala.simulator.broker.tree import inner, read
from wakala.simulator.clock import Clock
from wakala.simulator.posting import Reply
from wakala.simulator.world import World

RESULT = "/result"


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def texts(raw: bytes | str) -> dict[str, str]:
    """Every leaf by its local name; Key and Value pairs by their key; CDATA is read as well."""
    found: dict[str, str] = {}
    root = ET.fromstring(raw)
    for each in root.iter():
        name, text = local(each.tag), (each.text or "").strip()
        if text.startswith("<?xml"):
            found |= texts(text)
        elif not len(each):
            found[name] = text
        pair = {local(child.tag): (child.text or "").strip() for child in each}
        if set(pair) == {"Key", "Value"}:
            found[pair["Key"]] = pair["Value"]
    return found


async def send(soap: BrokerBox, inner: str, path: str = REQUEST, **more: str) -> dict[str, str]:
    answer = await soap.client.post(soap.url + path, content=envelope(inner, **more))
    assert answer.headers["content-type"].startswith("text/xml")
    return texts(answer.content)


async def result(soap: BrokerBox, count: int = 1) -> dict[str, str]:
    posts = await soap.box.merchant.received(RESULT, count)
    assert posts[-1].headers["Content-Type"].startswith("text/xml")
    return texts(posts[-1].body)


async def test_a_payout_is_accepted_carried_out_and_told_with_its_reference_data(soap: BrokerBox) -> None:
    told = await send(soap, payout(soap.box.merchant.url))
    assert (told["ResponseCode"], told["OriginatorConversationID"]) == ("0", "600998_T_1")
    assert told["ConversationID"].startswith("AG_")

    ended = await result(soap)

    assert (ended["ResultCode"], ended["ConversationID"]) == ("0", told["ConversationID"])
    assert (ended["TransactionAmount"], ended["TransactionReceipt"]) == ("150.00", ended["TransactionID"])
    assert (ended["Occasion"], ended["Mark"]) == ("January & <refund>", "]]>")
    assert soap.box.machine.world.phone("254712345678").balance_cents > 0


async def test_both_cases_of_the_digest_are_taken_and_a_wrong_one_is_not(soap: BrokerBox) -> None:
    url = soap.box.merchant.url
    upper = await send(soap, payout(url, "U-1"), secret=password(upper=True))
    wrong = await send(soap, payout(url, "U-2"), secret=password(secret="no"))
    assert (upper["ResponseCode"], wrong["ResponseCode"]) == ("0", "100000007")


async def test_a_repeated_identifier_is_accepted_and_ends_with_15(soap: BrokerBox) -> None:
    await send(soap, payout(soap.box.merchant.url))
    await result(soap)
    again = await send(soap, payout(soap.box.merchant.url))
    assert again["ResponseCode"] == "0"
    assert (await result(soap, 2))["ResultCode"] == "15"
    assert len(soap.box.machine.world.commands) == 1


@pytest.mark.parametrize(
    ("command", "parameters", "parties", "wanted"),
    [
        ("BusinessPayBill", {"Amount": "70", "AccountReference": "A1"}, "600000", "BillReferenceNumber"),
        ("AccountBalance", {}, "600998", "AccountBalance"),
        ("TransactionStatusQuery", {"OriginatorConversationID": "FIRST"}, "", "TransactionStatus"),
    ],
)
async def test_each_command_of_the_world_is_told_by_soap(
    soap: BrokerBox, command: str, parameters: dict[str, str], parties: str, wanted: str
) -> None:
    url = soap.box.merchant.url
    await send(soap, payout(url, "FIRST"))
    await result(soap)
    who = party("PrimaryParty", "4", "600998") if command == "BusinessPayBill" else ""
    who += party("ReceiverParty", "4", parties) if parties else ""
    inner = document(command, originator="SECOND", url=url, parameters=parameters, parties=who)
    assert (await send(soap, inner))["ResponseCode"] == "0"
    ended = await result(soap, 2)
    assert ended["ResultCode"] == "0", ended
    assert ended[wanted]


async def test_a_missing_field_is_named(soap: BrokerBox) -> None:
    inner = payout(soap.box.merchant.url).replace("QueueTimeoutURL", "Nothing")
    told = await send(soap, inner)
    assert told["ResponseCode"] == "100000014"
    assert told["ResponseDesc"].endswith("QueueTimeoutURL")


async def test_a_queue_time_out_brings_the_request_without_its_header(soap: BrokerBox) -> None:
    await soap.box.fault("b2c", "queue_timeout")
    await send(soap, payout(soap.box.merchant.url))
    (notice,) = await soap.box.merchant.received("/timeout")
    told = texts(notice.body)
    origin = base64.b64decode(told["originRequest"]).decode()
    assert told["originatorConversationID"] == "600998_T_1"
    assert "spPassword" not in origin
    assert texts(origin)["CommandID"] == "BusinessPayment"


@pytest.mark.parametrize(
    ("fault", "status", "carried_out"),
    [
        ("soap_fault", 500, False),
        ("soap_fault_after", 500, True),
        ("wrong_namespace", 200, True),
        ("cached", 200, True),
    ],
)
async def test_the_brokers_own_faults(soap: BrokerBox, fault: str, status: int, *, carried_out: bool) -> None:
    await soap.box.fault("broker", fault)
    answer = await soap.client.post(soap.url + REQUEST, content=envelope(payout(soap.box.merchant.url)))
    assert answer.status_code == status
    if carried_out:
        assert (await result(soap))["ResultCode"] == "0"
    else:
        assert not soap.box.machine.world.commands


async def test_c2b_is_validated_and_confirmed_by_soap(soap: BrokerBox) -> None:
    url = soap.box.merchant.url
    inner = sample("c2b-01-register-url-request").decode()
    inner = inner[inner.index("<![CDATA[") + 9 : inner.index("]]>")]
    inner = inner.replace("600610", "600000")
    inner = re.sub(r"https?://[^<]*(?=</Value>)", f"{url}/c2b", inner)
    told = texts((await soap.client.post(soap.url + REGISTER, content=envelope(inner))).content)
    assert told["ResponseCode"] == "00000000"
    urls = soap.box.machine.world.shortcodes["600000"].urls
    assert urls is not None

    order = {"number": "600000", "msisdn": "254712345678", "amount": 70, "account": "A & B"}
    receipt = (await soap.box.control("c2b/pay", order))["receipt"]

    await until(lambda: [post for post in soap.box.merchant.posts if b"ConfirmationRequest" in post.body])
    (post,) = [post for post in soap.box.merchant.posts if b"ConfirmationRequest" in post.body]
    confirmed = texts(post.body)
    assert (confirmed["TransID"], confirmed["TransAmount"], confirmed["BillRefNumber"]) == (receipt, "70.00", "A & B")
    assert len(confirmed["MSISDN"]) == 64  # SHA-256 since November 2023


async def test_the_log_is_asked_and_the_password_changed(soap: BrokerBox) -> None:
    await send(soap, payout(soap.box.merchant.url))
    query = sample("query-01-query-transaction-request").decode()
    ids = [line for line in query.splitlines() if "riginatorConversationID" in line]
    query = query.replace(ids[0].strip().split(">")[1].split("<")[0], "600998_T_1")
    path = "/queryTransactionService/services/transaction"
    told = texts((await soap.client.post(soap.url + path, content=query)).content)
    assert told["ResponseCode"] == "00000000"
    dump = base64.b64decode(told["submitApiRequest"]).decode()
    assert dump.startswith("POST /mminterface/request")
    assert "spPassword" not in dump

    sealed = "ShOorXwu4q6VZb0atql+KQ=="  # Next!Pass2025, by the vector of broker.md 8.4
    change = sample("mgmt-01-change-password-request").decode()
    start, end = change.index("newPassword>") + len("newPassword>"), change.index("</", change.index("newPassword>"))
    change = change[:start] + sealed + change[end:]
    told = texts((await soap.client.post(soap.url + "/managementService/services/management", content=change)).content)
    assert told["ResponseCode"] == "00000000"
    assert soap.broker.providers["900610"].password == "Next!Pass2025"


@pytest.mark.parametrize(
    "hostile",
    [
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"<?xml version='1.0' encoding='UTF-16'?><a/>",
        b"<a>" * 5_000 + b"</a>" * 5_000,
        b"<a>" + b"<b/>" * 50_000 + b"</a>",
        b"x" * 1_000_000,
        b"\x00",
        b"",
    ],
    ids=["entity", "encoding", "deep", "many", "long", "nul", "nothing"],
)
async def test_hostile_xml_is_no_request(soap: BrokerBox, hostile: bytes) -> None:
    answer = await soap.client.post(soap.url + REQUEST, content=hostile)
    assert texts(answer.content)["ResponseCode"] in {"23", "100000014"}


RECEIVED = ["b2b-01-request-business-paybill", "b2c-01-request-business-payment", "balance-01-request"]
RECEIVED += ["b2c-13-request-whitespace-before-inner-declaration", "reversal-01-request", "status-01-request"]


@pytest.mark.parametrize("name", RECEIVED)
def test_each_sample_request_is_an_instruction(name: str) -> None:
    asked = read_instruction(World(Clock(), Random(1), lambda _: None), inner(read(sample(name)), "RequestMsg"), "")
    assert asked.originator_id
    assert asked.result_url.startswith("https://gateway.example")
    assert dict(asked.references)["QueueTimeoutURL"]
    assert asked.party_a


@pytest.mark.parametrize(
    ("name", "code"),
    [("c2b-07-validation-result-accept", "0"), ("c2b-08-validation-result-reject-account", "C2B00012")],
)
def test_each_sample_verdict_is_read(name: str, code: str) -> None:
    told = verdict(sample(name))
    assert told is not None
    assert told[0] == code


ACKNOWLEDGED = sample("result-ack-01-success")


@pytest.mark.parametrize(
    ("answer", "counted", "reason"),
    [
        ("result-ack-01-success", 1, ""),
        ("result-ack-03-success-result-namespace", 1, ""),
        ("result-ack-02-error", 0, "Not acknowledged: the code is 20000003."),
        ("queue-02-notify-response-ok", 1, ""),
        ("queue-03-notify-response-failed", 0, "Not acknowledged: the code is 000000001."),
        ("c2b-07-validation-result-accept", 0, "No acknowledgement"),
    ],
)
def test_an_answer_to_a_result_is_an_acknowledgement_only_with_zeros(answer: str, counted: int, reason: str) -> None:
    said = fault_in_acknowledgement(Reply(200, sample(answer)))
    assert said.startswith(reason)
    assert (said == "") == bool(counted)


@pytest.mark.parametrize(("status", "body"), [(500, ACKNOWLEDGED), (200, b""), (200, b"<html/>"), (200, b"OK")])
def test_anything_else_is_no_acknowledgement(status: int, body: bytes) -> None:
    assert fault_in_acknowledgement(Reply(status, body)).startswith("No acknowledgement")


@pytest.mark.parametrize(
    ("fault", "codes", "within"),
    [
        ("contradicted", ["0", "17"], "http://api-v1.gen.mm.vodafone.com/mminterface/result"),
        ("wrong_namespace", ["0"], "urn:nobody:result"),
        ("core_namespace", ["0"], "http://cps.huawei.com/cpsinterface/result"),
    ],
)
async def test_a_result_comes_in_other_forms_on_demand(
    soap: BrokerBox, fault: str, codes: list[str], within: str
) -> None:
    await soap.box.fault("broker_result", fault)
    await send(soap, payout(soap.box.merchant.url))
    posts = await soap.box.merchant.received(RESULT, len(codes))
    assert [texts(post.body)["ResultCode"] for post in posts] == codes
    assert within.encode() in posts[0].body
