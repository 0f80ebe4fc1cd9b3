import json
from typing import Any

import pytest

from services.gateway import PAYBILL, SANDBOX, STORE, TILL, House, basic, is_problem

TILL_PATH = f"{SANDBOX}/lnm/customerbuygoods"


async def test_an_accepted_push_names_both_sides_ids(house: House) -> None:
    answer = await house.push("OK-1")
    assert answer.status_code == 202
    body = answer.json()
    assert (body["StatusCode"], body["ResponseCode"], body["State"]) == (0, "0", "pending")
    assert body["RequestID"] == "OK-1"
    assert body["CheckoutRequestID"].startswith("ws_CO_")
    assert body["MerchantRequestID"]
    assert body["PaymentID"].startswith("pay_")
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_repeat_is_told_the_first_answer_and_makes_no_second_prompt(house: House) -> None:
    first = await house.push("AGAIN")
    for changes in ({}, {"SenderMSISDN": "0712 345 678"}, {"Amount": "150.00"}, {"Amount": 150.0}):
        repeated = await house.push("AGAIN", **changes)
        assert (repeated.status_code, repeated.content) == (first.status_code, first.content)
        assert repeated.headers["idempotent-replayed"] == "true"
    assert "idempotent-replayed" not in first.headers
    assert house.prompts() == 1


async def test_a_repeat_after_the_end_is_still_told_the_first_answer(house: House) -> None:
    first = await house.push("LATER")
    await house.customer("approve")
    await house.request_in("LATER", "succeeded")
    repeated = await house.push("LATER")
    assert repeated.content == first.content


async def test_other_content_under_a_spent_id_is_refused(house: House) -> None:
    assert (await house.push("SPENT")).status_code == 202
    for change in (
        {"Amount": 151},
        {"SenderMSISDN": "0700000001"},
        {"AccountReference": "INV-2"},
        {"Description": "x"},
        {"ReferenceData": [{"Key": "a", "Value": "b"}]},
        {"CallbackUrl": "https://shop.example/x"},
    ):
        is_problem(await house.push("SPENT", **change), 409, "request_id_spent")
    assert house.prompts() == 1
    assert await house.count("payments") == 1


async def test_a_wrong_passkey_is_refused_with_cause_and_next_step_and_again_the_same(house: House) -> None:
    other = await house.add_app("other", "theirs", callback_url=f"{house.merchant.url}/theirs")
    await house.add_shortcode("other", passkey="0" * 64)
    refused = await house.push("WRONG", app=other)
    body = is_problem(refused, 422, "payment_refused")
    page = await house.client.get(body["type"])
    assert page.status_code == 200
    assert body["title"] in page.text
    assert body["ResponseCode"] == "500.001.1001"
    assert "passkey" in body["Cause"]["en"].lower() or "credentials" in body["Cause"]["en"].lower()
    assert body["NextStep"]["en"]
    assert body["NextStep"]["sw"]
    assert body["State"] == "failed"
    assert body["detail"].startswith(body["Cause"]["en"])
    repeated = await house.push("WRONG", app=other)
    assert repeated.content == refused.content
    assert repeated.headers["idempotent-replayed"] == "true"
    assert house.prompts() == 0
    (told,) = await house.merchant.received("/theirs")
    assert told.json["type"] == "payment.failed"


async def test_wrong_keys_of_the_shortcode_are_a_refusal_too(house: House) -> None:
    other = await house.add_app("other", "theirs")
    await house.add_shortcode("other", consumer_secret="not-the-secret")
    body = is_problem(await house.push("KEYS", app=other), 422, "payment_refused")
    assert body["NextStep"]["en"]
    assert "not-the-secret" not in json.dumps(body)


async def test_a_till_and_a_paybill_are_not_mistaken_for_each_other(house: House) -> None:
    problem = is_problem(await house.push("T", path=TILL_PATH), 422, "not_allowed_here")
    assert "customerpaybill" in problem["detail"]
    await house.add_shortcode(number=STORE, till=TILL)
    problem = is_problem(await house.push("T", ReceiverShortcode=STORE), 422, "not_allowed_here")
    assert "customerbuygoods" in problem["detail"]
    problem = is_problem(await house.push("T", ReceiverShortcode=PAYBILL, path=TILL_PATH), 422, "not_allowed_here")
    assert "customerpaybill" in problem["detail"]
    assert await house.count("payments") == 0
    assert house.prompts() == 0


async def test_a_till_is_paid_by_its_own_number_or_its_store(house: House) -> None:
    await house.add_shortcode(number=STORE, till=TILL)
    for request_id, named in (("S", {"ReceiverShortcode": STORE}), ("T", {"ReceiverShortcode": TILL}), ("N", {})):
        phone = {"S": "0700000001", "T": "0700000002", "N": "0712345678"}[request_id]
        assert (await house.push(request_id, path=TILL_PATH, SenderMSISDN=phone, **named)).status_code == 202


async def test_of_several_shortcodes_one_must_be_named(house: House) -> None:
    await house.add_shortcode(number="600984")
    (fault,) = is_problem(await house.push("W"), 422, "invalid_fields")["errors"]
    assert fault["pointer"] == "/ReceiverShortcode"
    assert PAYBILL in fault["message"] or "600984" in fault["message"]
    is_problem(await house.push("W", ReceiverShortcode="999999"), 403, "forbidden")
    assert (await house.push("W", ReceiverShortcode="600984")).status_code == 202
    assert (await house.request("W"))["Shortcode"] == "600984"


async def test_m_pesa_hanging_up_leaves_a_known_unknown(house: House) -> None:
    await house.box.fault("stk_push", "error_after_prompt")
    body = (await house.push("MAYBE")).json()
    assert body["State"] in {"unknown", "pending"}
    assert (await house.push("MAYBE")).json() == body
    assert house.prompts() == 1


async def test_reference_data_travels_along(house: House) -> None:
    data = [{"Key": "order", "Value": "17"}, {"Key": "emoji", "Value": "\u0000🎈</script>"}]
    assert (await house.push("REF", ReferenceData=data)).status_code == 202
    assert (await house.request("REF"))["ReferenceData"] == data


async def test_a_request_is_read_as_it_stands(house: House) -> None:
    await house.push("READ")
    view = await house.request("READ")
    assert (view["State"], view["Amount"], view["Currency"]) == ("pending", 150, "KES")
    assert view["Cause"]["en"]
    await house.customer("approve")
    view = await house.request_in("READ", "succeeded")
    assert view["MpesaReceiptNumber"]
    assert view["Cause"] is None
    assert view["TraceURL"].startswith(house.url)
    page = await house.client.get(view["TraceURL"])
    assert page.status_code == 200
    assert "254712345678" not in page.text
    forged = view["TraceURL"][:-1] + ("0" if view["TraceURL"][-1] != "0" else "1")
    assert (await house.client.get(forged)).status_code == 404


@pytest.mark.parametrize(
    ("query", "accepted", "tongue", "said"),
    [
        ("", "en-GB,sw;q=0.5", "en", "No payment behind this link"),
        ("", "sw-KE,en;q=0.5", "sw", "Hakuna malipo kwenye kiungo hiki"),
        ("?lang=sw", "en", "sw", "Nakili kiungo chote tena"),
        ("?lang=en", "sw", "en", "Copy the whole link again"),
    ],
)
async def test_a_link_that_shows_no_payment_says_so_in_the_readers_language(
    house: House, query: str, accepted: str, tongue: str, said: str
) -> None:
    page = await house.client.get(f"/trace/pay_1/none{query}", headers={"Accept-Language": accepted})
    assert page.status_code == 404
    assert f'<html lang="{tongue}">' in page.text
    assert said in page.text
    assert f'lang="{tongue}" hreflang="{tongue}" aria-current="true"' in page.text


async def test_requests_are_listed_newest_first_by_cursor(house: House) -> None:
    await house.autopilot("pay")
    for number in range(7):
        assert (await house.push(f"N-{number}", SenderMSISDN=f"25470000000{number}")).status_code == 202
    seen: list[str] = []
    before = ""
    while True:
        page: dict[str, Any] = (await house.get(f"{SANDBOX}/requests?limit=3{before}")).json()
        seen += [one["RequestID"] for one in page["Requests"]]
        assert len(page["Requests"]) <= 3
        if page["Before"] is None:
            break
        before = f"&before={page['Before']}"
    assert seen == [f"N-{number}" for number in reversed(range(7))]
    assert len((await house.get(f"{SANDBOX}/requests?limit=200")).json()["Requests"]) == 7


async def test_the_trace_is_the_whole_story_in_order(house: House) -> None:
    await house.push("STORY")
    await house.customer("approve")
    await house.merchant.received("/wakala")
    await house.request_in("STORY", "succeeded")
    trace = (await house.get(f"{SANDBOX}/requests/STORY/trace")).json()
    names = [entry["Name"] for entry in trace["Entries"]]
    assert {"api_request", "token", "stk_push", "stk_callback", "received", "sending", "accepted"} <= set(names)
    offsets = [entry["OffsetMs"] for entry in trace["Entries"]]
    assert offsets == sorted(offsets)
    assert min(offsets) == 0
    for entry in trace["Entries"]:
        if entry["Type"] == "event":
            assert entry["Sentence"]["en"].endswith((".", "!"))
            assert entry["Sentence"]["sw"]
    request = next(entry for entry in trace["Entries"] if entry["Name"] == "api_request")
    assert request["Status"] == 202
    assert json.loads(request["AnswerBody"])["RequestID"] == "STORY"


async def test_a_simulated_payment_by_hand_arrives_as_a_collection(house: House) -> None:
    body = {"Amount": 70, "SenderMSISDN": "0712345678", "AccountReference": "WALK-IN", "ReceiverShortcode": "600984"}
    await house.add_shortcode(number="600984")
    path = f"{SANDBOX}/c2b/customerpaybill"
    answer = await house.client.post(path, json=body, headers=basic(house.app))
    assert answer.status_code == 200, answer.text
    assert answer.json()["ResponseCode"] == "0"
    assert answer.json()["State"] == "succeeded"
