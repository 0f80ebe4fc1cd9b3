"""A payout by way of the Broker: real sockets, mutual TLS, and the same story above the connector as by Daraja."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from broker.line import HOST, Authority, FarEnd, far_end, sample, speaking_of
from services.gateway import PAYBILL, SANDBOX, House, basic, eventually, running_gateway
from wakala.rules.accounts import Product
from wakala.rules.sides import BrokerAccess

PHONE = "254700000417"


@dataclass
class Line:
    """A house whose shortcode goes by the Broker, the far end, and who signs."""

    house: House
    end: FarEnd
    ours: Authority
    theirs: Authority

    async def use(self, **changes: Any) -> None:
        certificate, key = self.ours.issue("gateway")
        plain: dict[str, Any] = {
            "url": self.end.url,
            "sp_id": "900610",
            "sp_password": "Sim!Pass2025",
            "service_id": "900610000",
            "certificate": certificate,
            "key": key,
            "authority": self.theirs.pem,
            "server_name": HOST,
        }
        shortcode = self.house.gateway.directory.shortcodes_of(self.house.app.app.organisation_id, "sandbox")[0]
        await self.house.admin.use_broker(shortcode, BrokerAccess(**(plain | changes)))
        await self.house.settle_directory()

    async def pay(self, request_id: str, **changes: Any) -> dict[str, Any]:
        body = {
            "RequestID": request_id,
            "SenderShortcode": PAYBILL,
            "Amount": 1200,
            "ReceiverMSISDN": PHONE,
            "Remarks": "Refund",
            "ReferenceData": [{"Key": "Order <1>", "Value": "]]> & more"}],
        }
        answer = await self.house.client.post(
            f"{SANDBOX}/b2c/businesspayment", json=body | changes, headers=basic(self.house.app)
        )
        found: dict[str, Any] = answer.json()
        return found

    async def call_us(self, url: str, body: bytes) -> httpx2.Response:
        """As the Broker does: at the very URL that it was given."""
        path = url.removeprefix(self.house.gateway.settings.public_url)
        return await self.house.client.post(path, content=body, headers={"content-type": "text/xml"})


@pytest.fixture
async def line(tmp_path: Path) -> AsyncIterator[Line]:
    ours, theirs = Authority("signs the gateways"), Authority("signs the brokers")
    async with running_gateway(tmp_path) as house, far_end(tmp_path, theirs, clients=ours) as end:
        shortcode = house.gateway.directory.shortcodes_of(house.app.app.organisation_id, "sandbox")[0]
        await house.grant(shortcode, Product.B2C)
        line = Line(house, end, ours, theirs)
        await line.use()
        end.answer = lambda path, body: end.ours("b2c-02-response-accepted")
        yield line


async def test_it_is_accepted_and_its_result_settles_it(line: Line) -> None:
    assert (await line.pay("ONE"))["State"] == "pending"
    assert line.end.paths == ["/mminterface/request"]
    assert line.end.told("CommandID") == "BusinessPayment"
    assert line.end.told("OriginatorConversationID") == f"{PAYBILL}_ONE"
    answer = await line.call_us(line.end.told("ResultURL"), line.end.ours("b2c-07-result-success"))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    assert "00000000" in answer.text
    view = await line.house.request_in("ONE", "succeeded")
    assert view["MpesaReceiptNumber"] == "TAE7B2C9QK"
    await eventually(lambda: line.house.merchant.at("/wakala"))
    told = line.house.merchant.at("/wakala")[0].json
    assert told["type"] == "payment.succeeded"
    assert told["data"]["ReferenceData"] == [{"Key": "Order <1>", "Value": "]]> & more"}]


async def test_a_result_that_comes_twice_changes_nothing(line: Line) -> None:
    await line.pay("TWICE")
    url, body = line.end.told("ResultURL"), line.end.ours("b2c-07-result-success")
    for _ in range(3):
        assert (await line.call_us(url, body)).status_code == 200
    assert await line.house.count("notifications") == 1


async def test_a_refusal_is_told_in_plain_words(line: Line) -> None:
    line.end.answer = lambda path, body: sample("b2c-04-response-auth-failed")
    answer = await line.pay("NO")
    assert "spId" in json.dumps(answer)
    assert (await line.house.request("NO"))["State"] == "failed"


async def test_a_hung_up_line_is_unknown_and_the_log_is_asked(line: Line) -> None:
    """The request left: so it is not sent again, and the Broker's log says what the core answered."""
    line.end.answer = lambda path, body: None
    assert (await line.pay("LOST"))["State"] == "unknown"
    payment = await line.house.gateway.payments.find((await line.house.request("LOST"))["PaymentID"])
    assert payment is not None
    ours = speaking_of(f"{PAYBILL}_LOST", sample("query-02-query-transaction-response-ok"))
    line.end.answer = lambda path, body: ours
    asked = await line.house.gateway.payments._upstream.ask(  # the finisher's own door, without its clock
        line.house.gateway.directory.credentials(payment.scope.shortcode_id),
        payment,
        line.house.gateway.payments._callback_urls(payment),
    )
    assert line.end.paths[-1] == "/queryTransactionService/services/transaction"
    await line.house.gateway.payments.settle(payment, asked.fact, asked.exchanges)
    assert (await line.house.request("LOST"))["MpesaReceiptNumber"] == "TAE7B2C9QK"
    assert line.end.paths.count("/mminterface/request") == 1


async def test_a_malformed_call_gets_a_fault_and_is_kept(line: Line) -> None:
    await line.pay("BAD")
    for hostile in (b"", b"{}", b"<a>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<x>" * 20_000, b" " * 3_000_000):
        answer = await line.call_us(line.end.told("ResultURL"), hostile)
        assert answer.status_code == 500
        assert "soapenv:Fault" in answer.text
    assert (await line.house.request("BAD"))["State"] == "pending"
    assert len(await line.house.gateway.journal.quarantined()) == 6


async def test_a_queues_timeout_is_unknown_and_acknowledged(line: Line) -> None:
    await line.pay("LATE")
    answer = await line.call_us(line.end.told("Value", -1), b"")  # the first value is the amount: no path of ours
    assert answer.status_code == 404
    found = [part.split("<")[0] for part in line.end.bodies[-1].split("<Value>") if "soap_timeout" in part]
    answer = await line.call_us(found[0], line.end.ours("queue-01-notify-queue-timeout"))
    assert "notifyQueueTimeoutResponse" in answer.text
    assert (await line.house.request("LATE"))["State"] == "unknown"


async def test_a_push_goes_by_daraja_all_the_same(line: Line) -> None:
    await line.house.push("PUSH")
    assert line.house.prompts() == 1
    assert line.end.paths == []


async def test_a_payment_ends_on_the_side_where_it_began(line: Line) -> None:
    await line.pay("MOVED")
    shortcode = line.house.gateway.directory.shortcodes_of(line.house.app.app.organisation_id, "sandbox")[0]
    await line.house.admin.use_daraja(shortcode)
    await line.house.settle_directory()
    await line.call_us(line.end.told("ResultURL"), line.end.ours("b2c-07-result-success"))
    assert (await line.house.request_in("MOVED", "succeeded"))["State"] == "succeeded"
    await line.pay("NEXT")
    assert len(line.end.paths) == 1


async def test_customers_payments_are_validated_and_confirmed(line: Line) -> None:
    answer = await line.house.client.post(
        f"{SANDBOX}/c2b/registerurl", json={"RequestID": "REG", "Shortcode": PAYBILL}, headers=basic(line.house.app)
    )
    assert answer.status_code in {200, 202}, answer.text
    assert line.end.paths == ["/mminterface/registerURL"]
    urls = {
        name: part.split("<")[0]
        for part in line.end.bodies[0].split("<Value>")
        for name in ("validation", "confirmation")
        if f"c2b_{name}" in part
    }
    ours = sample("c2b-04-validation-request-paybill").replace(b"600610", PAYBILL.encode())
    answer = await line.call_us(urls["validation"], ours)
    assert "<ResultCode>0</ResultCode>" in answer.text
    ours = sample("c2b-09-confirmation-request-paybill").replace(b"600610", PAYBILL.encode())
    answer = await line.call_us(urls["confirmation"], ours)
    assert "C2B Payment Transaction TAE4K7Q2LM result received." in answer.text
    assert "TAE4K7Q2LM" in (await line.house.get(f"{SANDBOX}/requests")).text


# ── who may speak ──


async def test_no_secret_of_the_broker_is_stored(line: Line, tmp_path: Path) -> None:
    await line.pay("SECRET")
    secrets = [line.end.told(name) for name in ("spPassword", "SecurityCredential")]
    await line.call_us(line.end.told("ResultURL"), line.end.ours("b2c-07-result-success"))
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("*.db*"))  # noqa: ASYNC240
    assert stored
    assert not [secret for secret in (*secrets, "Sim!Pass2025", "BEGIN PRIVATE KEY") if secret.encode() in stored]


async def test_the_scheme_in_capitals_takes_the_same_proof(line: Line) -> None:
    await line.use(url=line.end.url.replace("https", "HTTPS"))
    assert (await line.pay("CAPITALS"))["State"] == "pending"


async def test_certificates_that_do_not_fit_move_nothing(line: Line) -> None:
    other = Authority("nobody knows")
    yesterday = dt.datetime(2021, 1, 1, tzinfo=dt.UTC)
    expired, strange = line.ours.issue("gateway", yesterday), other.issue("gateway")
    for number, changes in enumerate(
        (
            {"certificate": expired[0], "key": expired[1]},
            {"certificate": strange[0], "key": strange[1]},
            {"certificate": "", "key": ""},
            {"authority": other.pem},
            {"server_name": "elsewhere.example"},
        )
    ):
        await line.use(**changes)
        state = (await line.pay(f"TLS-{number}"))["State"]
        assert state in {"held", "unknown"}  # under TLS 1.3 a client may send before it is turned away
        assert number < 3 or state == "held"  # where we turn the Broker away, nothing has left
    assert line.end.bodies == []
