"""The IoT SIM portal: stubs in the printed shapes, behind the same door as the rest (daraja.md 2.23)."""

from typing import Any

import pytest

from simulator.box import Box, sample
from simulator.business import shape

CARD: dict[str, Any] = {"msisdn": "300000000001", "vpnGroup": "1-220000000001_VPN", "username": "demo"}
CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "allsims": ("iot_allsims_response", {"vpnGroup": [CARD["vpnGroup"]], "startAtInde": "0", "username": "demo"}),
    "queryLifeCycleStatus": ("iot_lifecycle_response", CARD),
    "querycustomerinfo": ("iot_customer_info_response", CARD),
    "simactivation": ("iot_activation_response", CARD),
    "renameasset": ("iot_rename_response", {**CARD, "assetName": "Tracker01"}),
    "suspend_unsuspend_sub": ("iot_suspend_response", {**CARD, "product": "14200001", "operation": "suspend"}),
    "searchmessages": ("iot_messages_page_response", {"searchValue": "ping"}),
    "filtermessages": (
        "iot_messages_page_response",
        {"startDate": "14-03-2026 00:00:00", "endDate": "15-03-2026 00:00:00", "status": "1"},
    ),
    "getallmessages": ("iot_messages_page_response", {"vpnGroup": CARD["vpnGroup"]}),
    "sendsinglemessage": ("iot_send_message_response", {**CARD, "message": "ping"}),
    "deletemessage": ("iot_delete_thread_response", {"id": 4156}),
    "deleteMessageThread": ("iot_delete_thread_response", {"msisdn": CARD["msisdn"]}),
}


@pytest.mark.parametrize("name", CALLS)
async def test_a_call_is_answered_as_printed(box: Box, name: str) -> None:
    model, body = CALLS[name]
    answer = await box.post(f"/simportal/v1/{name}", body)
    assert answer.status_code == 200, answer.text
    said, printed = answer.json(), sample(model)
    assert shape(said) == shape(printed)
    own = ("requestRefId", "timestamp")
    assert said["header"] == {**printed["header"], **{key: said["header"][key] for key in own}}
    assert len(said["header"]["timestamp"]) == len(printed["header"]["timestamp"])


async def test_trends_have_no_rows_for_nobody_printed_one(box: Box) -> None:
    body = {"vpnGroup": CARD["vpnGroup"], "startDate": "2026-03-01", "stopDate": "2026-03-14", "username": "demo"}
    answer = await box.post("/simportal/v1/getactivationtrends", body)
    assert answer.json()["body"] == {"Desc": []}


async def test_messages_lie_on_the_first_page(box: Box) -> None:
    first = (await box.post("/simportal/v1/getallmessages?pageNo=0&pageSize=5", {})).json()["body"]
    second = (await box.post("/simportal/v1/getallmessages?pageNo=1&pageSize=5", {})).json()["body"]
    assert (len(first["content"]), first["size"], first["first"]) == (1, 5, True)
    assert (second["content"], second["pageable"]["offset"], second["empty"]) == ([], 5, True)


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("simactivation", "msisdn", ...),
        ("sendsinglemessage", "message", ""),
        ("suspend_unsuspend_sub", "operation", "stop"),
        ("deletemessage", "id", None),
    ],
)
async def test_a_missing_or_wrong_field_is_named(box: Box, name: str, field: str, value: Any) -> None:
    body = {key: each for key, each in {**CALLS[name][1], field: value}.items() if each is not ...}
    answer = await box.post(f"/simportal/v1/{name}", body)
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


async def test_the_portal_asks_for_a_token_too(box: Box) -> None:
    answer = await box.client.post("/simportal/v1/allsims", json={})
    assert answer.json()["errorCode"] == "404.001.04"
