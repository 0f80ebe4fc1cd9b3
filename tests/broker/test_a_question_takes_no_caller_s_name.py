"""The Broker knows requests and questions by one kind of ID, for ever: ours must be none that a caller may choose."""

from typing import Any

from acceptance.faces import NUMBER
from broker.conftest import BrokerHouse
from services.gateway import CUSTOMER, SANDBOX, House, basic

FINAL = ("succeeded", "failed", "expired")


async def paid(house: House, request_id: str) -> dict[str, Any]:
    body = {"RequestID": request_id, "SenderShortcode": NUMBER, "Amount": 150, "ReceiverMSISDN": CUSTOMER}
    await house.client.post(f"{SANDBOX}/b2c/businesspayment", json=body, headers=basic(house.app))
    return await house.request_in(request_id, *FINAL)


async def test_a_request_that_is_called_like_a_part_of_another_is_carried_out(at_broker: BrokerHouse) -> None:
    house = at_broker.house
    await house.box.fault("b2c_result", "lost")
    assert (await paid(house, "WAGES"))["Evidence"] == "status"
    view = await paid(house, "WAGES.1")
    assert (view["State"], view["ResultDesc"]) == ("succeeded", "The service request is processed successfully.")
