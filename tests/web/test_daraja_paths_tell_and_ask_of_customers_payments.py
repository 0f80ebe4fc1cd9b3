"""C2B by Daraja's own paths: the caller's URLs stand behind ours, and hear M-Pesa's own words."""

from typing import Any

import pytest
from standardwebhooks import Webhook

from services.gateway import CUSTOMER, PAYBILL, SANDBOX, House, eventually
from wakala.tunnel.feed import Feed
from web.test_daraja_paths_answer_as_daraja_does import PUSH, post, push_body

CONFIRMED, ASKED = "/c2b/confirmed", "/c2b/asked"


async def register(house: House, version: str = "v2", response_type: str = "Completed") -> dict[str, Any]:
    answer = await post(
        house,
        f"/sandbox/mpesa/c2b/{version}/registerurl",
        {
            "ShortCode": PAYBILL,
            "ResponseType": response_type,
            "ConfirmationURL": house.merchant.url + CONFIRMED,
            "ValidationURL": house.merchant.url + ASKED,
        },
    )
    body: dict[str, Any] = answer.json()
    return body


async def validated(house: House) -> None:
    """Safaricom switches validation on, a shortcode at a time."""
    await house.box.control("shortcodes", {"number": PAYBILL, "external_validation": True})


async def pay(house: House, account: str) -> dict[str, Any]:
    return await house.box.control("c2b/pay", {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 70, "account": account})


@pytest.mark.parametrize(("version", "shown"), [("v1", 64), ("v2", 12)])
async def test_a_payment_is_told_in_m_pesas_own_words(house: House, version: str, shown: int) -> None:
    assert (await register(house, version))["ResponseCode"] == "0"
    paid = await pay(house, "INV-9")

    await eventually(lambda: bool(house.merchant.at(CONFIRMED)))

    (told,) = house.merchant.at(CONFIRMED)
    assert told.json["TransID"] == paid["receipt"]
    assert told.json["BillRefNumber"] == "INV-9"
    assert told.json["TransAmount"] == "70.00"
    assert len(told.json["MSISDN"].replace(" ", "")) == shown  # hashed by version 1, masked by version 2
    assert told.headers["webhook-signature"].startswith("v1,")


async def test_words_that_a_strict_reader_would_refuse_are_told_so_that_he_takes_them(house: House) -> None:
    await register(house)
    paid = await pay(house, "INV-9")
    await eventually(lambda: bool(house.merchant.at(CONFIRMED)))
    (first,) = house.merchant.at(CONFIRMED)
    words = first.body.replace(paid["receipt"].encode(), b"ZZZ0000001").replace(b"INV-9", b"J\xffne")
    assert b"J\xffne" in words
    [shortcode] = [one for one in await house.gateway.journal.shortcodes() if one.number == PAYBILL]
    path = house.gateway.payments.callback_url("c2b_confirmation", shortcode.id).partition("/callbacks")[2]
    answer = await house.client.post(f"/callbacks{path}", content=b"\xef\xbb\xbf" + words)
    assert answer.status_code == 200
    await eventually(lambda: len(house.merchant.at(CONFIRMED)) == 2)
    assert house.merchant.at(CONFIRMED)[1].json["BillRefNumber"] == "J\ufffdne"
    page = (await house.get(f"{SANDBOX}/notifications?seen=0")).json()  # one such body must not spoil it for the others
    assert [note["Body"]["TransID"] for note in page["Notifications"]] == [paid["receipt"], "ZZZ0000001"]


async def test_words_with_blanks_around_them_are_the_same_bytes_for_the_courier_and_for_who_listens(
    house: House,
) -> None:
    await register(house)
    paid = await pay(house, "INV-9")
    await eventually(lambda: bool(house.merchant.at(CONFIRMED)))
    words = house.merchant.at(CONFIRMED)[0].body.replace(paid["receipt"].encode(), b"ZZZ0000001")
    [shortcode] = [one for one in await house.gateway.journal.shortcodes() if one.number == PAYBILL]
    path = house.gateway.payments.callback_url("c2b_confirmation", shortcode.id).partition("/callbacks")[2]
    await house.client.post(f"/callbacks{path}", content=b" \t" + words + b"\r\n")
    await eventually(lambda: len(house.merchant.at(CONFIRMED)) == 2)
    sent = house.merchant.at(CONFIRMED)[1]

    app = house.app.app
    async with Feed(f"{house.url}{SANDBOX}", app.consumer_key, house.app.consumer_secret, "laptop") as feed:
        (_, note) = (await feed.page("0", 0)).Notifications

    assert sent.body == bytes(note.Body) == words
    secret = Webhook(house.app.webhook_secret)
    secret.verify(sent.body, dict(sent.headers))
    secret.verify(bytes(note.Body), note.Headers)


async def test_the_merchant_decides_a_validation_and_the_record_says_so(house: House) -> None:
    await validated(house)
    await register(house)
    house.merchant.replies[ASKED] = (200, {"ResultCode": "C2B00012", "ResultDesc": "Rejected"})
    paid = await pay(house, "WRONG")

    assert paid["state"] != "paid"
    assert [note.json["BillRefNumber"] for note in house.merchant.at(ASKED)] == ["WRONG"]
    assert await decisions(house) == ["decided by the merchant: rejected"]
    assert house.merchant.at(CONFIRMED) == []


@pytest.mark.parametrize("response_type", ["Completed", "Cancelled"])
async def test_without_a_verdict_the_registered_default_decides(house: House, response_type: str) -> None:
    await validated(house)
    await register(house, response_type=response_type)
    house.merchant.replies[ASKED] = (500, "down")
    paid = await pay(house, "INV-1")

    accepted = response_type == "Completed"
    assert (paid["state"] == "paid") is accepted
    said = "accepted" if accepted else "rejected"
    assert await decisions(house) == [f"decided by the registered default: {said}"]


async def test_only_the_app_that_is_told_of_payments_may_turn_them_elsewhere(house: House) -> None:
    insider = await house.add_app("demo", "insider")
    mine, house.app = house.app, insider
    refused = await register(house)
    house.app = mine
    assert refused["errorCode"], refused
    paid = await pay(house, "INV-2")
    assert house.merchant.at(CONFIRMED) == []
    assert paid["state"] == "paid"


@pytest.mark.parametrize("late", [True, False], ids=["confirmed-last", "confirmed-first"])
async def test_a_push_is_confirmed_a_second_time_as_m_pesa_does(house: House, *, late: bool) -> None:
    """Callback and confirmation of one payment, with one receipt, in either order and each once (daraja.md 2.1)."""
    await register(house)
    await house.box.fault("c2b_confirmation" if late else "stk_callback", "late", delay_ms=300)
    await house.box.fault("c2b_confirmation", "doubled")
    await post(house, PUSH, push_body(house))
    await house.customer("approve")

    await eventually(lambda: bool(house.merchant.at(CONFIRMED) and house.merchant.at("/daraja-style")))

    await called_again(house)
    await house.box.control("c2b/pay", {"number": PAYBILL, "msisdn": CUSTOMER, "amount": 71, "account": "LAST"})
    await eventually(lambda: any(note.json["BillRefNumber"] == "LAST" for note in house.merchant.at(CONFIRMED)))
    told = {note.json["BillRefNumber"]: note.json for note in house.merchant.at(CONFIRMED)}
    assert len(house.merchant.at(CONFIRMED)) == 2
    (callback,) = house.merchant.at("/daraja-style")
    items = callback.json["Body"]["stkCallback"]["CallbackMetadata"]["Item"]
    receipt = next(item["Value"] for item in items if item["Name"] == "MpesaReceiptNumber")
    assert (told["INV-7"]["TransID"], told["INV-7"]["TransAmount"]) == (receipt, "150.00")


async def called_again(house: House) -> None:
    """M-Pesa calls back once more about the one push that there is."""
    reader = house.gateway.database._reader  # type: ignore[attr-defined]
    query = "SELECT payment_id, request_body FROM exchanges WHERE name = 'stk_callback' ORDER BY id LIMIT 1"
    await eventually(lambda: reader.execute(query).fetchall())
    ((payment_id, body),) = reader.execute(query).fetchall()
    path = house.gateway.payments.callback_url("stk", payment_id).removeprefix(house.gateway.settings.public_url)
    assert (await house.client.post(path, content=body)).status_code == 200


async def decisions(house: House) -> list[str]:
    reader = house.gateway.database._reader  # type: ignore[attr-defined]
    rows = reader.execute("SELECT error FROM exchanges WHERE name = 'c2b_validation'").fetchall()
    return [error for (error,) in rows]
