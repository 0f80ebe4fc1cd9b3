"""A shortcode changes sides with payments under way; only Daraja's own products stay with Daraja."""

import json

import pytest

from acceptance.faces import FINAL, NUMBER, STATUS, DarajaFace, Face, WakalaFace
from broker.conftest import BrokerHouse
from services.gateway import SANDBOX, House, basic, eventually, is_problem
from simulator.box import until
from wakala.rules.accounts import Side

FACE = WakalaFace()


async def names(house: House, request_id: str) -> list[str]:
    trace = (await house.get(f"{SANDBOX}/requests/{request_id}/trace")).json()
    return [entry["Name"] for entry in trace["Entries"]]


async def test_a_payout_goes_by_xml_and_its_reference_data_comes_back(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    data = [{"Key": "Order", "Value": "7 & <8> ]]> \N{ELEPHANT}"}]
    await FACE.ask(house, "b2c/businesspayment", "P-1", ReferenceData=data)
    view = await house.request_in("P-1", *FINAL)
    assert (view["State"], view["Evidence"]) == ("succeeded", "result")
    assert view["ReferenceData"] == data
    await eventually(lambda: FACE.told(house, "P-1"))
    (told,) = FACE.told(house, "P-1")
    assert told["data"]["ReferenceData"] == data
    trace = await house.get(f"{SANDBOX}/requests/P-1/trace")
    assert "soapenv:Envelope" in trace.text
    assert "Sim!Pass2025" not in trace.text


async def test_a_switch_leaves_each_payment_on_its_side(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    await house.box.fault("b2c_result", "lost", times=2)
    await FACE.ask(house, "b2c/businesspayment", "OLD")
    await house.admin.use_daraja(at_broker.shortcode)
    await house.settle_directory()
    await FACE.ask(house, "b2c/businesspayment", "NEW")
    for request_id in ("OLD", "NEW"):
        assert (await house.request_in(request_id, *FINAL))["Evidence"] == "status"
    stored = {
        payment.request_id: payment.side.value
        for payment in [
            await house.gateway.journal.payment_by_request(house.app.app.organisation_id, "sandbox", each)
            for each in ("OLD", "NEW")
        ]
        if payment
    }
    assert stored == {"OLD": "broker", "NEW": "daraja"}


@pytest.mark.parametrize("face", [WakalaFace(), DarajaFace()], ids=["wakala", "daraja"])
@pytest.mark.parametrize("began", list(Side))
@pytest.mark.parametrize("goes_on", list(Side))
async def test_a_payment_is_asked_about_by_the_name_that_m_pesa_has_for_it(
    at_broker: BrokerHouse, face: Face, began: Side, goes_on: Side
) -> None:
    """The Broker was given another name than Daraja would have been, and its caller knows but one."""
    house = at_broker.house

    async def go_by(side: Side) -> None:
        await (at_broker.show("client") if side is Side.BROKER else house.admin.use_daraja(at_broker.shortcode))
        await house.settle_directory()

    await go_by(began)
    await face.ask(house, "b2c/businesspayment", "PAID")
    receipt = (await house.request_in("PAID", "succeeded"))["MpesaReceiptNumber"]
    await go_by(goes_on)
    await face.ask(house, STATUS, "ASKED", OriginalRequestID="PAID")
    await eventually(lambda: face.told(house, "ASKED"))
    assert receipt in json.dumps(face.told(house, "ASKED"))


async def test_a_push_goes_by_daraja_whatever_the_side(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    await house.autopilot("pay")
    await house.push("STK", ReceiverShortcode=NUMBER)
    assert (await house.request_in("STK", *FINAL))["State"] == "succeeded"
    assert "stk_push" in await names(house, "STK")


async def test_customers_payments_are_registered_asked_about_and_confirmed_by_soap(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    registered = await FACE.ask(house, "c2b/registerurl", "URLS")
    assert registered["State"] == "succeeded", json.dumps(registered)
    urls = house.box.machine.world.shortcodes[NUMBER].urls
    assert urls is not None
    assert urls.side == "broker"
    house.box.machine.world.shortcodes[NUMBER].external_validation = True

    order = {"number": NUMBER, "msisdn": "254712345678", "amount": 70, "account": "A & <B>"}
    receipt = (await house.box.control("c2b/pay", order))["receipt"]

    view = await house.request_in(f"c2b:{receipt}", "succeeded")
    assert (view["Amount"], view["AccountReference"]) == (70, "A & <B>")
    await until(lambda: house.merchant.at("/wakala"))


async def test_a_text_that_xml_cannot_carry_is_refused_with_a_reason(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    body = {
        "RequestID": "BELL",
        "SenderShortcode": NUMBER,
        "Amount": 150,
        "ReceiverMSISDN": "254712345678",
        "ReferenceData": [{"Key": "a", "Value": "x\ufffe"}],
    }
    answer = await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))
    assert "U+FFFE" in is_problem(answer, 422)["detail"]
    assert not house.box.machine.world.commands
