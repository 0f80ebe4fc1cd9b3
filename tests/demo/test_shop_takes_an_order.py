"""The shop against a till over real HTTP, without a browser: what it asks, whom it believes, what it says."""

import base64
import re
from typing import Any

import httpx2
import pytest

from demo.till import KEY, KEY_SECRET, Till
from simulator.box import NO_TLS
from wakala.demo import wording
from wakala.demo.orders import new_order_id
from wakala.demo.phones import parse_phone, spell_phone
from wakala.demo.shop import Settings, create_app
from web.pages import serving

pytestmark = pytest.mark.asyncio(loop_scope="session")

PAID: dict[str, Any] = {"MpesaReceiptNumber": "UKN4K7P2QX"}


async def order(till: Till, **fields: str) -> tuple[str, httpx2.Response]:
    """Order a tin of tea as a browser would; its ID, and the page that the shopper sees."""
    form = {"product": "chai", "order": new_order_id(), "lang": "en", "phone": "0712 345 678"} | fields
    async with httpx2.AsyncClient(follow_redirects=True, verify=NO_TLS) as client:
        return form["order"], await client.post(f"{till.shop_url}/orders", data=form)


async def seen(till: Till, order_id: str) -> tuple[dict[str, Any], str]:
    """The order as JSON and as the words of its page."""
    async with httpx2.AsyncClient(verify=NO_TLS) as client:
        page = (await client.get(f"{till.shop_url}/orders/{order_id}")).text
        state = (await client.get(f"{till.shop_url}/orders/{order_id}.json")).json()
    return state, re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


async def test_an_order_asks_the_gateway_once_with_the_shops_credentials(till: Till) -> None:
    order_id, page = await order(till)
    expected = {"RequestID": order_id, "Amount": 150, "SenderMSISDN": "254712345678"}
    assert till.asked == [{**expected, "AccountReference": f"DUKA-{order_id[:6]}"}]
    assert till.authorizations == ["Basic " + base64.b64encode(f"{KEY}:{KEY_SECRET}".encode()).decode()]
    assert "Check your phone" in page.text
    assert "0712 345 678" in page.text
    assert f"http://127.0.0.1:1/trace/{order_id}" in page.text


async def test_a_double_click_is_one_order(till: Till) -> None:
    order_id, _ = await order(till)
    await order(till, order=order_id)
    assert len(till.asked) == 1


async def test_a_signed_notification_turns_the_order_to_paid_with_its_receipt(till: Till) -> None:
    order_id, _ = await order(till)
    assert await till.tell("payment.succeeded", "succeeded", **PAID) == 204
    state, page = await seen(till, order_id)
    assert (state["State"], state["MpesaReceiptNumber"]) == ("paid", "UKN4K7P2QX")
    assert "Paid. Thank you!" in page
    assert "UKN4K7P2QX" in page


@pytest.mark.parametrize(
    "forged", [{"secret": "whsec_" + base64.b64encode(b"x" * 32).decode()}, {"age_s": 301}, {"age_s": -301}]
)
async def test_a_forged_or_stale_notification_is_refused_and_changes_nothing(till: Till, forged: Any) -> None:
    order_id, _ = await order(till)
    assert await till.tell("payment.succeeded", "succeeded", **PAID, **forged) == 401
    assert (await seen(till, order_id))[0]["State"] == "waiting"


@pytest.mark.parametrize("age_s", [300, -300])
async def test_a_notification_at_the_edge_of_its_age_is_believed(till: Till, age_s: int) -> None:
    order_id, _ = await order(till)
    assert await till.tell("payment.succeeded", "succeeded", **PAID, age_s=age_s) == 204
    assert (await seen(till, order_id))[0]["State"] == "paid"


async def test_an_unsigned_notification_is_refused(till: Till) -> None:
    async with httpx2.AsyncClient(verify=NO_TLS) as client:
        for headers in ({}, {"webhook-id": "a", "webhook-timestamp": "²", "webhook-signature": "v1,\u00ff"}):
            encoded = {name.encode(): value.encode() for name, value in headers.items()}
            answer = await client.post(f"{till.shop_url}/wakala", content=b"{}", headers=encoded)
            assert answer.status_code == 401


async def test_a_repeated_notification_is_acknowledged_and_ignored(till: Till) -> None:
    order_id, _ = await order(till)
    await till.tell("payment.flagged", "succeeded", notification_id="ntf_same")
    assert await till.tell("payment.succeeded", "succeeded", notification_id="ntf_same", **PAID) == 204
    assert (await seen(till, order_id))[0]["State"] == "waiting"


@pytest.mark.parametrize("wrong", [{"Amount": 1.0}, {"Currency": "TZS"}])
async def test_money_that_is_not_the_price_does_not_pay_the_order(till: Till, wrong: Any) -> None:
    order_id, _ = await order(till)
    await till.tell("payment.succeeded", "succeeded", **PAID, **wrong)
    state, page = await seen(till, order_id)
    assert state["State"] == "waiting"
    assert "does not fit" in page


async def test_a_failure_shows_the_cause_the_next_step_and_a_way_to_try_again(till: Till) -> None:
    order_id, _ = await order(till, lang="sw")
    cause = {"en": "The customer cancelled.", "sw": "Mteja alighairi."}
    await till.tell("payment.failed", "failed", Cause=cause, NextStep={"en": "Ask again.", "sw": "Omba tena."})
    _, page = await seen(till, order_id)
    assert "Haijalipwa" in page
    assert "Mteja alighairi. Omba tena." in page
    async with httpx2.AsyncClient(verify=NO_TLS) as client:
        form = (await client.get(f"{till.shop_url}/buy/chai?again={order_id}")).text
    assert 'value="0712 345 678"' in form
    assert order_id not in form, "a new try is a new order"


async def test_a_failure_after_the_payment_does_not_unpay_it(till: Till) -> None:
    order_id, _ = await order(till)
    await till.tell("payment.succeeded", "succeeded", **PAID)
    await till.tell("payment.failed", "failed")
    assert (await seen(till, order_id))[0]["State"] == "paid"


async def test_an_expired_payment_warns_against_paying_twice_and_offers_no_button(till: Till) -> None:
    order_id, _ = await order(till)
    await till.tell("payment.expired", "expired")
    _, page = await seen(till, order_id)
    assert "Do not pay a second time" in page
    assert "Try again" not in page


async def test_the_sentence_of_a_refusal_reaches_the_shopper(till: Till) -> None:
    till.status, till.keeps = 422, False
    till.answer = {"type": "http://x/problems/invalid", "detail": "Send a whole number of shillings.", "status": 422}
    order_id, page = await order(till)
    assert "Send a whole number of shillings." in page.text
    assert (await seen(till, order_id))[0]["State"] == "failed"


async def test_after_an_unclear_answer_the_shop_looks_the_request_up_and_never_sends_it_again(till: Till) -> None:
    till.status = 503
    order_id, page = await order(till)
    assert "Check your phone" in page.text, "the gateway knows the request, so it waits"
    assert len(till.asked) == 1
    till.keeps = False
    order_id, page = await order(till)
    assert "never reached the till" in page.text
    assert (await seen(till, order_id))[0]["State"] == "failed"


async def test_a_till_that_is_closed_is_said_so() -> None:
    settings = Settings("http://127.0.0.1:9", KEY, KEY_SECRET, "whsec_AAAA")
    async with serving(create_app(settings)) as shop_url:
        _, page = await order(Till(shop_url=shop_url))
    assert "The till does not answer" in page.text


@pytest.mark.parametrize("typed", ["", "12345", "0612345678", "+1 202 555 0100", "071234567", '"><script>'])
async def test_a_number_that_is_not_kenyan_is_said_at_the_field_and_asks_nobody(till: Till, typed: str) -> None:
    _, page = await order(till, phone=typed)
    assert page.status_code == 422
    assert 'aria-invalid="true"' in page.text
    assert 'aria-describedby="phone-bad phone-help"' in page.text
    assert "<script>" not in page.text
    assert till.asked == []


@pytest.mark.parametrize(
    "typed",
    ["0712345678", "0712 345 678", "712345678", "254712345678", "+254 712-345-678", "00254712345678", "(0712) 345.678"],
)
async def test_every_spelling_of_a_number_is_understood(typed: str) -> None:
    assert parse_phone(typed) == "254712345678"
    assert spell_phone("254712345678") == "0712 345 678"
    assert parse_phone("0112345678") == "254112345678"


async def test_a_form_on_another_site_cannot_make_phones_ring(till: Till) -> None:
    form = {"product": "chai", "order": new_order_id(), "phone": "0712345678"}
    async with httpx2.AsyncClient(verify=NO_TLS) as client:
        for headers in ({"sec-fetch-site": "cross-site"}, {"origin": "https://elsewhere.example"}):
            assert (await client.post(f"{till.shop_url}/orders", data=form, headers=headers)).status_code == 403
        form["order"] = "my own id"
        assert (await client.post(f"{till.shop_url}/orders", data=form)).status_code == 400
    assert till.asked == []


async def test_unknown_addresses_get_a_page_and_health_gets_an_answer(till: Till) -> None:
    async with httpx2.AsyncClient(verify=NO_TLS) as client:
        for path in ("/orders/NOBODYKNOW", "/buy/gold", "/static/none.css", "/nowhere"):
            answer = await client.get(till.shop_url + path, headers={"accept-language": "sw"})
            assert answer.status_code == 404
            assert "haupo" in answer.text
            assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert (await client.get(f"{till.shop_url}/healthz")).json() == {"status": "ok"}


async def test_both_languages_have_the_same_words() -> None:
    english, swahili = wording.WORDS["en"], wording.WORDS["sw"]
    assert english.keys() == swahili.keys()
    for key, sentence in english.items():
        assert set(re.findall(r"\{\w+\}", sentence)) == set(re.findall(r"\{\w+\}", swahili[key])), key
