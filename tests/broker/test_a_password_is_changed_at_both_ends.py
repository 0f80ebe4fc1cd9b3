"""A new spPassword: the Broker takes it sealed, the vault keeps it, and the old one is worth nothing from then on."""

import pytest

from acceptance.faces import BODIES, FINAL, NUMBER, WakalaFace
from broker.conftest import BrokerHouse
from services.gateway import SANDBOX, basic, is_problem
from wakala.cli.visits import change_broker_password
from wakala.errors import NotAllowedHereError, UpstreamError
from wakala.rules.accounts import Environment

FACE = WakalaFace()
NEW = "Next!Pass2025"
KEY, VECTOR = b"sharedkey0123456", b"initvector012345"
AT_SIMULATOR = "/managementService/services/management"


async def change(found: BrokerHouse, new: str = NEW, key: bytes = KEY) -> None:
    settings = found.house.gateway.settings
    await change_broker_password(settings, NUMBER, Environment.SANDBOX, new, key, VECTOR)
    await found.house.settle_directory()


async def test_it_is_taken_and_used(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    await at_broker.show("client", password_path=AT_SIMULATOR)
    await change(at_broker)
    await FACE.ask(house, "b2c/businesspayment", "NEW")
    assert (await house.request_in("NEW", *FINAL))["State"] == "succeeded"
    await at_broker.show("client")  # with the old one
    body = {"RequestID": "OLD", "SenderShortcode": NUMBER, **BODIES["b2c/businesspayment"]}
    answer = await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))
    assert is_problem(answer, 422, "payment_refused")["ResponseCode"] == "100000007"


async def test_one_that_is_not_taken_changes_nothing(at_broker: BrokerHouse) -> None:
    with pytest.raises(UpstreamError, match="never published"):
        await change(at_broker)
    await at_broker.show("client", password_path=AT_SIMULATOR)
    with pytest.raises(UpstreamError, match="did not take"):
        await change(at_broker, key=b"another_key_0123")
    await FACE.ask(at_broker.house, "b2c/businesspayment", "STILL")
    assert (await at_broker.house.request_in("STILL", *FINAL))["State"] == "succeeded"


async def test_a_shortcode_of_the_other_side_has_none(at_broker: BrokerHouse) -> None:
    await at_broker.house.admin.use_daraja(at_broker.shortcode)
    await at_broker.house.settle_directory()
    with pytest.raises(NotAllowedHereError):
        await change(at_broker)
