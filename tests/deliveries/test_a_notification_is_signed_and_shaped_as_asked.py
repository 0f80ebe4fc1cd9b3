import base64
import json
from typing import Any

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from services.gateway import CUSTOMER, SANDBOX, House, basic, eventually
from simulator.box import Posted
from wakala.rules.accounts import BodyFormat


def webhook_headers(post: Posted) -> dict[str, str]:
    return {name.lower(): value for name, value in post.headers.items() if name.lower().startswith("webhook-")}


async def notified(
    house: House, body_format: BodyFormat, request_id: str = "N-1", **changes: Any
) -> tuple[Posted, str]:
    app = await house.add_app(
        "demo", body_format.value, body_format=body_format, callback_url=f"{house.merchant.url}/shaped"
    )
    assert (await house.push(request_id, app=app, **changes)).status_code == 202
    (post, *_) = await house.merchant.received("/shaped")
    return post, app.webhook_secret


@pytest.mark.parametrize("body_format", BodyFormat)
async def test_an_independent_library_accepts_the_signature(house: House, body_format: BodyFormat) -> None:
    post, secret = await notified(house, body_format)
    assert Webhook(secret).verify(post.body, webhook_headers(post)) == post.json
    charset = "" if body_format is BodyFormat.WAKALA else ";charset=UTF-8"  # M-Pesa's own shapes have its own header
    assert post.headers["Content-Type"] == f"application/json{charset}"


async def test_one_changed_byte_anywhere_breaks_the_signature(house: House) -> None:
    post, secret = await notified(house, BodyFormat.WAKALA)
    headers = webhook_headers(post)
    changed = [
        (post.body.replace(b"150", b"151"), headers, secret),
        (post.body + b" ", headers, secret),
        (post.body, {**headers, "webhook-id": headers["webhook-id"] + "0"}, secret),
        (post.body, {**headers, "webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}, secret),
        (post.body, headers, "whsec_" + base64.b64encode(b"x" * 32).decode()),
    ]
    for body, given, key in changed:
        with pytest.raises(WebhookVerificationError):
            Webhook(key).verify(body, given)


async def test_wakalas_shape_is_the_one_of_the_api(house: House) -> None:
    post, _ = await notified(house, BodyFormat.WAKALA, ReferenceData=[{"Key": "order", "Value": "17"}])
    told = post.json
    assert told["type"] == "payment.succeeded"
    assert told["timestamp"].endswith("Z")
    view = (await house.get(f"{SANDBOX}/requests/N-1")).json()
    del view["TraceURL"]
    assert told["data"] == view
    assert told["data"]["ReferenceData"] == [{"Key": "order", "Value": "17"}]


async def test_darajas_shape_is_what_a_daraja_merchant_reads(house: House) -> None:
    post, _ = await notified(house, BodyFormat.DARAJA)
    told = post.json["Body"]["stkCallback"]
    assert told["ResultCode"] == 0
    items = {item["Name"]: item["Value"] for item in told["CallbackMetadata"]["Item"]}
    assert items["PhoneNumber"] == int(CUSTOMER)
    assert isinstance(items["TransactionDate"], int)
    assert items["Amount"] == 150.0
    assert b'"Value":150.0' in post.body
    assert items["MpesaReceiptNumber"] == (await house.request("N-1"))["MpesaReceiptNumber"]


async def test_darajas_shape_of_a_failure_has_no_metadata(house: House) -> None:
    await house.autopilot("cancel")
    post, _ = await notified(house, BodyFormat.DARAJA)
    told = post.json["Body"]["stkCallback"]
    assert told["ResultCode"] == 1032
    assert "CallbackMetadata" not in told


async def test_proxy_apis_shape_is_what_its_plugin_reads(house: House) -> None:
    post, _ = await notified(house, BodyFormat.PROXYAPI)
    told = post.json["Body"]["pvpCallback"]
    assert told["RequestID"] == "N-1"
    assert told["CallbackMetadata"]["SenderMSISDN"] == CUSTOMER
    assert told["CallbackMetadata"]["TransactionID"]
    assert told["CallbackMetadata"]["DueDate"] == 0


@pytest.mark.parametrize(
    ("body_format", "receipt", "amount"),
    [(BodyFormat.DARAJA, "TransID", "TransAmount"), (BodyFormat.PROXYAPI, "TransactionID", "TransactionAmount")],
)
async def test_a_collection_is_told_in_the_shape_asked_for(
    house: House, body_format: BodyFormat, receipt: str, amount: str
) -> None:
    collector = await house.add_app(
        "till", "collector", body_format=body_format, callback_url=f"{house.merchant.url}/collected"
    )
    shortcode = await house.add_shortcode("till", "600984")
    url = house.gateway.payments.callback_url("c2b_confirmation", shortcode.id)
    body = {"TransID": "TST1ABC234", "TransAmount": "70.50", "BusinessShortCode": "600984", "FirstName": "WANJIRU"}
    answer = await house.client.post(url, json={**body, "BillRefNumber": "A", "MSISDN": "2547 ***** 678"})
    assert answer.status_code == 200
    (post,) = await house.merchant.received("/collected")
    Webhook(collector.webhook_secret).verify(post.body, webhook_headers(post))
    assert post.json[receipt] == "TST1ABC234"
    assert float(post.json[amount]) == 70.5


async def test_a_url_of_the_request_is_used_for_that_request_only(house: House) -> None:
    assert (await house.push("OWN", CallbackUrl=f"{house.merchant.url}/own?order=1")).status_code == 202
    (post,) = await house.merchant.received("/own")
    assert json.loads(post.body)["data"]["RequestID"] == "OWN"
    assert house.merchant.at("/wakala") == []


async def test_no_url_keeps_the_notification_to_be_read(house: House) -> None:
    app = await house.add_app("demo", "silent")
    await house.push("KEPT", app=app)
    await house.request_in("KEPT", "succeeded")

    async def is_kept() -> bool:
        trace = (await house.client.get(f"{SANDBOX}/requests/KEPT/trace", headers=basic(app))).json()
        return [note["State"] for note in trace["Notifications"]] == ["kept"]

    await eventually(is_kept)
