"""The IoT SIM portal: stubs that answer well-formed requests as printed (daraja.md 2.23).

It has nothing to do with payments. No SIM card and no message is kept: one made-up card and one made-up message
answer every question, so that a program that asks finds its shapes.
"""

from typing import Any

from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Api, Incoming
from wakala.simulator.headed import DONE, SUCCESS, headed
from wakala.simulator.machine import Simulator
from wakala.simulator.requests import Fields

SIM_NUMBER = "300000000001"
VPN_GROUP = "1-220000000001_VPN"
PAGE_ROWS = 10

FETCHED = "Details fetched successfully."
QUEUED = "Message queued successfully."
DELETED = "Message deleted successfully."


async def all_sims(simulator: Simulator, call: Incoming) -> Answer:
    """The cards of a VPN group."""
    _asked(simulator, call, "username")
    card = {
        "life_cycle_status": "Active",
        "iccid": "89254000000000000001",
        "asset_name": "Tracker01",
        "activation_date": "-",
        "expiry_date": "2050",
        "imei": "-",
        "product_status": "Active",
        "imsi": "639020000000001",
        "msisdn": SIM_NUMBER,
        "vpn_group": VPN_GROUP,
        "activation_agent": "-",
    }
    return Answer(headed(simulator, {"Desc": [card]}))


async def life_cycle(simulator: Simulator, call: Incoming) -> Answer:
    """Whether a card is in use."""
    _asked(simulator, call, "msisdn", "vpnGroup", "username")
    return Answer(headed(simulator, {"desc": "Operation successfull", "status": "Active", "statusCode": "0"}))


async def customer_info(simulator: Simulator, call: Incoming) -> Answer:
    """What a card is subscribed to."""
    asked = _asked(simulator, call, "msisdn", "vpnGroup", "username")
    body = {
        "offeringName": "Demo 300MB",
        "offeringStatus": "Active",
        "subscriberStatus": "Active",
        "offeringId": "14200001",
        "vpnGroup": asked.text("vpnGroup"),
    }
    return Answer(headed(simulator, body))


async def activate(simulator: Simulator, call: Incoming) -> Answer:
    """Take a card into use."""
    asked = _asked(simulator, call, "msisdn", "vpnGroup", "username")
    request_id = simulator.world.next_request_id()
    body = {"Desc": "Line activated successfully", "requestId": request_id, "ID": asked.text("msisdn")}
    return Answer(headed(simulator, body))


async def activation_trends(simulator: Simulator, call: Incoming) -> Answer:
    """How many cards were taken into use. The rows of its answer were printed nowhere, so there are none."""
    _asked(simulator, call, "vpnGroup", "startDate", "stopDate", "username")
    return Answer(headed(simulator, {"Desc": []}))


async def rename(simulator: Simulator, call: Incoming) -> Answer:
    """Give a card another name."""
    _asked(simulator, call, "msisdn", "vpnGroup", "username", "assetName")
    body = {"result": SUCCESS, "desc": DONE}
    return Answer(headed(simulator, body, customer_message="Asset renamed successfully"))


async def suspend_or_resume(simulator: Simulator, call: Incoming) -> Answer:
    """Stop a card, or let it go on."""
    asked = _asked(simulator, call, "msisdn", "username", "vpnGroup", "product")
    asked.choice("operation", ("suspend", "resume"))
    return Answer(headed(simulator, {"statusCode": 0, "statusDesc": "Operation successfully."}))


def messages(*required: str) -> Api:
    """A list of messages, a page at a time. There is one message, so it lies on the first page."""

    async def listed(simulator: Simulator, call: Incoming) -> Answer:
        _asked(simulator, call, *required)
        page = _number(call, "pageNo", 0)
        body = _page(simulator, page, max(1, _number(call, "pageSize", PAGE_ROWS)))
        return Answer(headed(simulator, body, message=FETCHED, customer_message=FETCHED))

    return listed


async def send(simulator: Simulator, call: Incoming) -> Answer:
    """Text a card. Nothing is delivered."""
    asked = _asked(simulator, call, "msisdn", "message", "vpnGroup")
    body = _message(
        simulator, msisdn=asked.text("msisdn"), text=asked.text("message"), vpn_group=asked.text("vpnGroup")
    )
    return Answer(headed(simulator, body, message=QUEUED, customer_message=QUEUED))


def delete(required: str) -> Api:
    """Delete one message by its id, or all of a card by its number."""

    async def deleted(simulator: Simulator, call: Incoming) -> Answer:
        _asked(simulator, call, required)
        return Answer(headed(simulator, None, message=DELETED, customer_message=DELETED))

    return deleted


PATHS: tuple[tuple[str, Api], ...] = (
    ("allsims", all_sims),
    ("queryLifeCycleStatus", life_cycle),
    ("querycustomerinfo", customer_info),
    ("simactivation", activate),
    ("getactivationtrends", activation_trends),
    ("renameasset", rename),
    ("suspend_unsuspend_sub", suspend_or_resume),
    ("searchmessages", messages("searchValue")),
    ("filtermessages", messages("startDate", "endDate", "status")),
    ("getallmessages", messages()),
    ("sendsinglemessage", send),
    ("deletemessage", delete("id")),
    ("deleteMessageThread", delete("msisdn")),
)
"""What stands behind ``/simportal/v1/``; two spellings of one verb are M-Pesa's own."""


def _asked(simulator: Simulator, call: Incoming, *required: str) -> Fields:
    """The fields of a call that may be made; of those required the first that is missing is named."""
    admitted(simulator, call)
    fields = fields_of(call)
    for name in required:
        fields.text(name)
    return fields


def _number(call: Incoming, name: str, otherwise: int) -> int:
    spelled = call.query.get(name, "")
    return int(spelled) if spelled.isascii() and spelled.isdigit() and len(spelled) < 7 else otherwise


def _page(simulator: Simulator, page: int, size: int) -> dict[str, Any]:
    """One page in the spelling of the framework behind the portal."""
    content = [_message(simulator, msisdn=f"254{SIM_NUMBER}", text="ping", vpn_group=VPN_GROUP)] if page == 0 else []
    order = {"sorted": True, "unsorted": False, "empty": False}
    pageable = {"pageNumber": page, "pageSize": size, "sort": order, "offset": page * size}
    return {
        "content": content,
        "pageable": {**pageable, "paged": True, "unpaged": False},
        "totalPages": 1,
        "totalElements": 1,
        "last": True,
        "size": size,
        "number": page,
        "sort": order,
        "numberOfElements": len(content),
        "first": page == 0,
        "empty": not content,
    }


def _message(simulator: Simulator, *, msisdn: str, text: str, vpn_group: str) -> dict[str, Any]:
    return {
        "id": 4156,
        "receiptId": -1,
        "sourceAddr": "23122",
        "msisdn": msisdn,
        "message": text,
        "sourceSystem": "sim-portal",
        "processingStatus": "1",
        "messageId": "1837290000",
        "date": f"{simulator.clock.now():%d-%m-%Y %H:%M:%S}",
        "deliverTime": "-",
        "description": "sent",
        "vpnGroup": vpn_group,
    }
