"""Ratiba: a standing order is approved on the phone, then its payments come by themselves (daraja.md 2.17)."""

import calendar
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.box import CUSTOMER, Box, sample, until
from simulator.business import shape
from wakala.simulator.standing_orders import FREQUENCIES, occurrence

PATH = "/standingorder/v1/createStandingOrderExternal"
FIRST_DAY = date(2027, 3, 1)


def order(box: Box, **changes: Any) -> dict[str, Any]:
    days = {"StartDate": f"{FIRST_DAY:%Y%m%d}", "EndDate": f"{FIRST_DAY + timedelta(days=364):%Y%m%d}"}
    own = {"PartyA": CUSTOMER, "CallBackURL": f"{box.merchant.url}/so", "BusinessShortCode": "600984"}
    return {**sample("ratiba_request"), **days, **own, **changes}


async def ordered(box: Box, **changes: Any) -> dict[str, Any]:
    answer = await box.post(PATH, order(box, **changes))
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


async def approved(box: Box, **changes: Any) -> None:
    before = len(box.merchant.at("/so"))
    await ordered(box, **changes)
    await until(lambda: box.machine.world.phone(CUSTOMER).live)
    await box.control(f"phones/{CUSTOMER}/approve")
    await box.merchant.received("/so", before + 1)


async def go_to(box: Box, day: date) -> None:
    """Move the clock to noon of a day."""
    now = box.machine.clock.now()
    await box.advance((day - now.date()).days * 86400 - (now.hour - 12) * 3600)
    box.bearer = ""


async def orders(box: Box) -> list[dict[str, Any]]:
    """The newest first."""
    listed: list[dict[str, Any]] = (await box.control("services", method="GET"))["standing_orders"]
    return listed


async def test_it_is_acknowledged_approved_and_told_in_the_printed_shapes(box: Box) -> None:
    acknowledged = await ordered(box)
    header = {
        **sample("ratiba_ack")["ResponseHeader"],
        "responseRefID": acknowledged["ResponseHeader"]["responseRefID"],
    }
    assert acknowledged == {**sample("ratiba_ack"), "ResponseHeader": header}
    await until(lambda: box.machine.world.phone(CUSTOMER).live)
    await box.control(f"phones/{CUSTOMER}/approve")
    [post] = await box.merchant.received("/so")
    model = sample("ratiba_callback_success")
    assert shape(post.json) == shape(model)
    assert post.json["responseHeader"]["responseRefID"] == header["responseRefID"]
    entries = {each["name"]: each["value"] for each in post.json["responseBody"]["responseData"]}
    assert entries == {"TransactionID": entries["TransactionID"], "responseCode": "0", "Status": "OKAY"} | {
        "Msisdn": "254******678"
    }
    assert len(entries["TransactionID"]) == 10


@pytest.mark.parametrize(
    ("action", "body", "code"),
    [
        ("cancel", {}, "1032"),
        ("ignore", {"at_once": True}, "1037"),
        ("wrong-pin", {}, "2001"),
        ("result", {"code": 1025}, "1025"),
        ("result", {"code": 1001}, "1001"),
    ],
)
async def test_a_refusal_is_told_in_pascal_case_with_one_word(
    box: Box, action: str, body: dict[str, Any], code: str
) -> None:
    await ordered(box)
    await until(lambda: box.machine.world.phone(CUSTOMER).live)
    await box.control(f"phones/{CUSTOMER}/{action}", body)
    [post] = await box.merchant.received("/so")
    model = sample("ratiba_callback_fail")
    assert shape(post.json) == shape(model)
    header = post.json["ResponseHeader"]
    assert (header["responseCode"], header["responseDescription"]) == (code, "Error")
    entries = {each["Name"]: each["Value"] for each in post.json["ResponseBody"]["ResponseData"]}
    assert entries == {
        "TransactionID": "0000000000",
        "responseCode": code,
        "Status": "ERROR",
        "Msisdn": "*********678",
    }


async def test_a_phone_that_shows_another_prompt_is_locked(box: Box) -> None:
    await box.pushed()
    await ordered(box)
    [post] = await box.merchant.received("/so")
    assert post.json["ResponseHeader"]["responseCode"] == "1001"


async def test_an_ignored_approval_ends_with_the_prompts_time(box: Box) -> None:
    await ordered(box)
    await until(lambda: box.machine.world.phone(CUSTOMER).live)
    await box.advance(61)
    [post] = await box.merchant.received("/so")
    assert post.json["ResponseHeader"]["responseCode"] == "1037"


async def test_a_name_is_taken_once_by_each_customer(box: Box) -> None:
    await approved(box)
    await ordered(box)
    posts = await box.merchant.received("/so", 2)
    assert posts[1].json["ResponseHeader"]["responseCode"] == "1050"
    await ordered(box, PartyA="254700000001")
    await until(lambda: box.machine.world.phone("254700000001").live)


async def test_days_in_no_order_end_as_a_bad_request(box: Box) -> None:
    await ordered(box, EndDate="20270228")
    [post] = await box.merchant.received("/so")
    assert post.json["ResponseHeader"]["responseCode"] == "1051"


async def test_each_day_that_is_due_is_paid_and_confirmed_as_c2b(box: Box) -> None:
    await box.register()
    await approved(box, Frequency="4", Amount="100")
    assert box.machine.world.phone(CUSTOMER).balance_cents == 100_000_00  # approving costs nothing
    await go_to(box, FIRST_DAY)
    [first] = await box.merchant.received("/confirm")
    assert (first.json["TransAmount"], first.json["BillRefNumber"]) == ("100.00", "FLAT4B")
    assert first.json["TransTime"].startswith("20270301")
    await go_to(box, date(2027, 3, 31))
    await go_to(box, date(2027, 4, 1))
    await box.merchant.received("/confirm", 2)
    await go_to(box, date(2028, 6, 1))
    await box.merchant.received("/confirm", 12)
    await until(lambda: box.machine.world.phone(CUSTOMER).balance_cents == 100_000_00 - 12 * 100_00)
    assert (await orders(box))[0]["runs_count"] == 12


async def test_an_order_that_began_before_its_approval_pays_from_today_on(box: Box) -> None:
    await box.register()
    today = box.machine.clock.now().date()
    await approved(box, Frequency="2", StartDate=f"{today - timedelta(days=5):%Y%m%d}", EndDate=f"{today:%Y%m%d}")
    await box.merchant.received("/confirm")
    await box.advance(3 * 86400)
    assert (await orders(box))[0]["runs_count"] == 1


async def test_a_till_is_paid_without_an_account(box: Box) -> None:
    await box.register("600991")
    till = {"TransactionType": "Standing Order Customer Pay Marchant", "ReceiverPartyIdentifierType": "2"}
    await approved(box, BusinessShortCode="600992", Frequency="1", **till)
    await go_to(box, FIRST_DAY)
    [post] = await box.merchant.received("/confirm")
    assert (post.json["BusinessShortCode"], post.json["BillRefNumber"]) == ("600991", "")


async def test_a_reset_ends_all_standing_orders(box: Box) -> None:
    await approved(box, Frequency="2")
    await box.control("reset")
    box.bearer = ""
    await go_to(box, FIRST_DAY + timedelta(days=3))
    assert await orders(box) == []
    assert await box.payments() == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("StandingOrderName", ""),
        ("StartDate", "01-03-2027"),
        ("EndDate", "20270230"),
        ("BusinessShortCode", "600555"),
        ("BusinessShortCode", "600992"),  # a till, and the type says paybill
        ("TransactionType", "Standing Order"),
        ("ReceiverPartyIdentifierType", "2"),
        ("Amount", "0"),
        ("PartyA", "0712345678"),
        ("CallBackURL", ""),
        ("AccountReference", ""),
        ("Frequency", "9"),
    ],
)
async def test_a_wrong_field_is_named(box: Box, field: str, value: str) -> None:
    answer = await box.post(PATH, order(box, **{field: value}))
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")


days = st.dates(date(2024, 1, 1), date(2400, 1, 1))


@given(days, st.sampled_from(FREQUENCIES[1:]), st.integers(0, 60))
def test_payments_follow_one_another_and_keep_their_day(first: date, frequency: str, index: int) -> None:
    this, following = occurrence(first, frequency, index), occurrence(first, frequency, index + 1)
    assert this is not None
    assert following is not None
    assert this < following
    if frequency in ("2", "3"):
        assert (following - this).days == (1 if frequency == "2" else 7)
    else:
        assert this.day == min(first.day, calendar.monthrange(this.year, this.month)[1])


@given(days, st.integers(1, 5))
def test_a_one_off_pays_once(first: date, index: int) -> None:
    assert occurrence(first, "1", 0) == first
    assert occurrence(first, "1", index) is None


@pytest.mark.parametrize("frequency", FREQUENCIES)
def test_the_calendar_has_an_end(frequency: str) -> None:
    assert occurrence(date(9999, 12, 31), frequency, 1) is None
