"""Mutual TLS between gateway and Broker, over real sockets: a doubt at either end, and nothing is paid out."""

from pathlib import Path

import pytest

from acceptance.faces import FINAL, NUMBER, WakalaFace
from broker.conftest import BrokerHouse, broker_house
from wakala.cli.doctor import _broker
from wakala.upstream.broker import Broker

FACE = WakalaFace()


async def is_never_paid(found: BrokerHouse) -> None:
    await FACE.ask(found.house, "b2c/businesspayment", "NO")
    view = await found.house.request_in("NO", *FINAL, "held")
    assert view["State"] in {"failed", "expired", "held"}  # held: surely not sent, and tried again
    assert not found.house.box.machine.world.commands


@pytest.mark.parametrize("who", ["", "expired-client", "stranger-client"])
async def test_a_gateway_that_cannot_prove_itself_is_refused(at_broker: BrokerHouse, who: str) -> None:
    await at_broker.show(who)
    await is_never_paid(at_broker)


@pytest.mark.parametrize("server", ["expired-server", "stranger-server"])
async def test_a_broker_that_cannot_prove_itself_is_not_told(tmp_path: Path, server: str) -> None:
    async with broker_house(tmp_path, server) as found:
        await is_never_paid(found)


async def test_another_authority_is_not_trusted(at_broker: BrokerHouse) -> None:
    await at_broker.show("client", authority="stranger-authority")
    await is_never_paid(at_broker)


@pytest.mark.parametrize(
    ("who", "sentence"),
    [
        ("client", "the Broker knows us"),
        ("", "There is no client certificate"),
        ("expired-client", "The client certificate expired"),
        ("stranger-client", "was not signed by the authority"),
    ],
)
async def test_the_doctor_says_which(at_broker: BrokerHouse, who: str, sentence: str) -> None:
    await at_broker.show(who)
    gateway = at_broker.house.gateway
    shortcode = next(each for each in await gateway.journal.shortcodes() if each.number == NUMBER)
    broker = Broker(gateway.to_mpesa, gateway.source, answer_limit_s=30)
    found = await _broker(shortcode, gateway.directory.credentials(shortcode.id), broker)
    assert sentence in " ".join(each.finding for each in found), found
    assert (found[-1].state == "ok") is (who == "client")


async def test_the_doctor_knows_a_wrong_password(at_broker: BrokerHouse) -> None:
    await at_broker.show("client", sp_password="another")
    gateway = at_broker.house.gateway
    shortcode = next(each for each in await gateway.journal.shortcodes() if each.number == NUMBER)
    (found,) = await _broker(
        shortcode, gateway.directory.credentials(shortcode.id), Broker(gateway.to_mpesa, gateway.source)
    )
    assert (found.state, "spId" in found.finding) == ("wrong", True)
