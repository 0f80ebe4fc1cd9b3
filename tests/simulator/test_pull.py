"""Pull shows a shortcode's customer payments of the last 48 hours, a hundred at a time (daraja.md 2.19)."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, sample
from simulator.business import BILLER, COLLECTOR, QUICK, STORE, TILL, collected, shape
from wakala.simulator import pull
from wakala.simulator.machine import Start

REGISTER = "/pulltransactions/v1/register"
QUERY = "/pulltransactions/v1/query"


@pytest.fixture
def start() -> Start:
    return QUICK


def spelled(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"


def window(box: Box, **changes: Any) -> dict[str, Any]:
    now = box.machine.clock.now()
    times = {"StartDate": spelled(now - timedelta(hours=1)), "EndDate": spelled(now + timedelta(hours=1))}
    return {**sample("pull_query_request"), **times, **changes}


async def rows(box: Box, **changes: Any) -> list[dict[str, Any]]:
    answer = await box.post(QUERY, window(box, **changes))
    assert answer.status_code == 200, answer.text
    [found] = answer.json()["Response"]
    assert answer.json()["ResponseCode"] == ("1000" if found else "1001")
    return list(found)


async def test_a_shortcode_is_registered_once_and_known_the_second_time(box: Box) -> None:
    first = (await box.post(REGISTER, sample("pull_register_request"))).json()
    assert first == {**sample("pull_register_response"), "ResponseRefID": first["ResponseRefID"]}
    second = (await box.post(REGISTER, sample("pull_register_request"))).json()
    older = sample("pull_register_response_spaces")
    assert second["ResponseStatus"] == older["Response Status"] == "1001"
    assert second["ResponseDescription"] == older["Response Description"]
    assert (await box.control("services", method="GET"))["pulling"] == ["600984"]


async def test_a_payment_is_shown_in_the_printed_shape(box: Box) -> None:
    receipt = await collected(box, amount=75)
    answer = (await box.post(QUERY, window(box))).json()
    model = sample("pull_query_response")
    assert shape(answer) == shape(model)
    [[row]] = answer["Response"]
    expected = {**model["Response"][0][0], "transactionId": receipt, "msisdn": 712345678}
    own = {"trxDate": row["trxDate"], "billreference": "INV-2041", "organizationname": "Mama Mboga Supplies"}
    assert row == {**expected, **own}
    datetime.strptime(row["trxDate"], "%Y-%m-%dT%H:%M:%SZ")  # noqa: DTZ007, its zone is not to be believed


async def test_nothing_found_has_a_code_of_its_own(box: Box) -> None:
    answer = (await box.post(QUERY, window(box))).json()
    assert answer == {**sample("pull_query_response_empty"), "ResponseRefID": answer["ResponseRefID"]}


async def test_a_confirmation_that_was_lost_is_found_here(box: Box) -> None:
    await box.register()
    await box.fault("c2b_confirmation", "lost")
    receipt = await collected(box)
    assert [row["transactionId"] for row in await rows(box)] == [receipt]
    assert box.merchant.at("/confirm") == []


async def test_prompted_payments_and_tills_are_shown_and_other_shortcodes_are_not(box: Box) -> None:
    await collected(box, number=BILLER)
    await collected(box, number=TILL)
    await box.pushed()
    await box.control(f"phones/{CUSTOMER}/approve")
    [till_row] = await rows(box, ShortCode=STORE)
    assert (till_row["billreference"], till_row["transactiontype"]) == ("", "c2b-buy-goods-debit")
    [prompted] = await rows(box, ShortCode="174379")
    assert prompted["transactionId"] == (await box.payment())["receipt"]
    assert await rows(box, ShortCode=COLLECTOR) == []


async def test_what_is_older_than_48_hours_is_gone(box: Box) -> None:
    await collected(box, amount=11)
    await box.advance(47 * 3600)
    box.bearer = ""
    await collected(box, amount=12)
    long_ago = spelled(box.machine.clock.now() - timedelta(days=30))
    assert [row["amount"] for row in await rows(box, StartDate=long_ago)] == ["11.00", "12.00"]
    await box.advance(2 * 3600)
    box.bearer = ""  # two hours are longer than a token lives
    assert [row["amount"] for row in await rows(box, StartDate=long_ago)] == ["12.00"]
    [call, *_] = (await box.control("calls", method="GET"))["calls"]
    assert "48 hours" in call["reason"]


async def test_an_offset_counts_rows_and_a_page_has_a_hundred(box: Box) -> None:
    receipts = [await collected(box, amount=1 + number) for number in range(pull.PAGE_ROWS + 3)]
    first = await rows(box, OffSetValue="0")
    second = await rows(box, OffSetValue=pull.PAGE_ROWS)
    assert [row["transactionId"] for row in first] == receipts[: pull.PAGE_ROWS]
    assert [row["transactionId"] for row in second] == receipts[pull.PAGE_ROWS :]
    assert await rows(box, OffSetValue="500") == []


async def test_a_get_with_a_body_is_taken_as_the_page_prints_it(box: Box) -> None:
    receipt = await collected(box)
    await box.post(QUERY, window(box))  # fetches a token
    headers = {"Authorization": f"Bearer {box.bearer}", "Content-Type": "application/json"}
    answer = await box.client.request("GET", QUERY, content=json.dumps(window(box)), headers=headers)
    assert answer.json()["Response"][0][0]["transactionId"] == receipt


@pytest.mark.parametrize(
    ("spelling", "seconds"), [("%Y-%m-%d %H:%M:%S", 0), ("%Y-%m-%d %H:%M", 60), ("%Y-%m-%d %H:%M:%S.%f", 0)]
)
async def test_times_come_in_several_spellings(box: Box, spelling: str, seconds: int) -> None:
    receipt = await collected(box)
    until = box.machine.clock.now() + timedelta(seconds=seconds + 1)
    assert [row["transactionId"] for row in await rows(box, EndDate=until.strftime(spelling))] == [receipt]


async def test_a_day_alone_is_its_midnight(box: Box) -> None:
    await collected(box)
    today = box.machine.clock.now()
    assert len(await rows(box, StartDate=f"{today:%Y-%m-%d}", EndDate=f"{today + timedelta(days=1):%Y-%m-%d}")) == 1
    assert await rows(box, StartDate=f"{today - timedelta(days=1):%Y-%m-%d}", EndDate=f"{today:%Y-%m-%d}") == []


@pytest.mark.parametrize("path", [REGISTER, QUERY])
@pytest.mark.parametrize("number", ["600555", "", "600992"])
async def test_an_unknown_shortcode_has_pulls_own_code(box: Box, path: str, number: str) -> None:
    answer = await box.post(path, {**sample("pull_register_request"), "ShortCode": number})
    assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.001")
    assert answer.json()["errorMessage"] == "Invalid ShortCode"


async def test_a_bad_token_has_pulls_own_code(box: Box) -> None:
    box.bearer = "stale"
    answer = await box.post(QUERY, window(box))
    assert (answer.status_code, answer.json()["errorCode"]) == (401, "401.001")


@pytest.mark.parametrize(
    ("path", "field", "value"),
    [
        (REGISTER, "RequestType", "Push"),
        (REGISTER, "NominatedNumber", ""),
        (REGISTER, "CallBackURL", "pull"),
        (QUERY, "StartDate", "14/03/2026"),
        (QUERY, "EndDate", ""),
        (QUERY, "EndDate", "2020-01-01 00:00:00"),
        (QUERY, "OffSetValue", "-1"),
    ],
)
async def test_a_wrong_field_is_named(box: Box, path: str, field: str, value: str) -> None:
    model = sample("pull_register_request") if path == REGISTER else window(box)
    answer = await box.post(path, {**model, field: value})
    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
