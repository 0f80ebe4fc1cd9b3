"""The phone page works by plain forms, says everything in two languages, and is strict about what may run on it."""

import re
from urllib.parse import urlencode

import httpx2
import pytest

from simulator.box import CUSTOMER, Box
from wakala.simulator.wording import ENGLISH, SWAHILI


async def form(box: Box, path: str, **values: str) -> httpx2.Response:
    return await box.client.post(f"/page/{path}", content=urlencode(values).encode(), follow_redirects=False)


async def page(box: Box, query: str = "") -> str:
    answer = await box.client.get("/" + query)
    assert answer.status_code == 200
    return answer.text


async def test_the_policy_is_strict_and_nothing_is_inline(box: Box) -> None:
    answer = await box.client.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<style" not in answer.text
    assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son[a-z]+=", answer.text)
    assert not re.search(r"(src|href|action)=\"(https?:)?//", answer.text)
    assert answer.headers["cache-control"] == "no-store"
    assert len(answer.content) < 60_000


@pytest.mark.parametrize("name", ["simulator.css", "phone.js", "icon.svg", "test.svg"])
async def test_static_files_are_there(box: Box, name: str) -> None:
    answer = await box.client.get(f"/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_a_prompt_shows_merchant_amount_and_account(box: Box) -> None:
    await box.pushed(Amount=1250, AccountReference="<b>INV</b>")
    shown = await page(box)
    assert "Pay KES 1,250.00 to Daraja Sandbox" in shown
    assert "&lt;b&gt;INV&lt;/b&gt;" in shown
    assert "TEST" in shown


async def test_paying_by_form_leads_back_and_leaves_a_receipt(box: Box) -> None:
    checkout = await box.pushed()
    phones = f"{CUSTOMER},254700000002"
    answer = await form(
        box, "prompt", msisdn=CUSTOMER, prompt=checkout, pin="1234", action="pay", lang="sw", phones=phones
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/?lang=sw&phones={phones}&notice=paid"
    await box.merchant.received("/stk")
    receipt = (await box.payment())["receipt"]
    assert f"{receipt} Imethibitishwa." in await page(box, answer.headers["location"][1:])


@pytest.mark.parametrize(
    ("action", "pin", "code", "notice"),
    [
        ("pay", "9", 2001, "unpaid"),
        ("pay", "", 2001, "unpaid"),
        ("cancel", "", 1032, "unpaid"),
        ("not-enough", "", 1, "unpaid"),
    ],
)
async def test_the_other_buttons(box: Box, action: str, pin: str, code: int, notice: str) -> None:
    checkout = await box.pushed()
    answer = await form(box, "prompt", msisdn=CUSTOMER, prompt=checkout, pin=pin, action=action)
    assert answer.headers["location"] == f"/?notice={notice}"
    assert (await box.payment())["result_code"] == code


async def test_an_ignored_prompt_shows_no_keypad_and_takes_no_pin(box: Box) -> None:
    checkout = await box.pushed()
    await form(box, "prompt", msisdn=CUSTOMER, prompt=checkout, action="ignore")
    assert "The request ends by itself." in await page(box)
    late = await form(box, "prompt", msisdn=CUSTOMER, prompt=checkout, pin="1234", action="pay")
    assert late.headers["location"] == "/?notice=gone"
    assert (await box.payment())["state"] == "pending"


async def test_a_button_for_an_older_prompt_does_nothing_to_the_newer(box: Box) -> None:
    older = await box.pushed()
    await box.control(f"phones/{CUSTOMER}/cancel")
    await box.pushed(Amount=2)
    answer = await form(box, "prompt", msisdn=CUSTOMER, prompt=older, pin="1234", action="pay")
    assert answer.headers["location"] == "/?notice=gone"
    assert (await box.payment())["state"] == "pending"


async def test_the_menu_pays_a_paybill(box: Box) -> None:
    values = {"msisdn": CUSTOMER, "number": "600984", "account": "A1", "amount": "75", "pin": "1234"}
    answer = await form(box, "menu", **values)
    assert answer.headers["location"] == "/?notice=paid"
    shown = await page(box)
    assert "KES 75.00 sent to Mama Mboga Supplies for account A1" in shown
    assert "KES 99,925.00" in shown


@pytest.mark.parametrize(
    ("wrong", "notice"),
    [
        ({"pin": "1"}, "bad_pin"),
        ({"amount": "x"}, "bad_amount"),
        ({"number": "1"}, "bad_number"),
        ({"account": ""}, "bad_account"),
        ({"msisdn": "1"}, "bad_msisdn"),
    ],
)
async def test_the_menu_says_what_is_wrong(box: Box, wrong: dict[str, str], notice: str) -> None:
    values = {"msisdn": CUSTOMER, "number": "600984", "account": "A1", "amount": "75", "pin": "1234", **wrong}
    answer = await form(box, "menu", **values)
    assert answer.headers["location"] == f"/?notice={notice}"
    assert ENGLISH[f"notice_{notice}"] in await page(box, f"?notice={notice}")


async def test_switches_autopilot_and_faults_are_set_by_form(box: Box) -> None:
    await form(box, "phone", msisdn=CUSTOMER, switch="no-signal", low_balance="on")
    await form(box, "autopilot", mode="pay", after_ms="50")
    await form(box, "faults", fault="stk_callback.late", times="", probability="30", delay_ms="900")
    state = await box.control("state", method="GET")
    assert (state["phones"][0]["switch"], state["phones"][0]["low_balance"]) == ("no-signal", True)
    assert state["autopilot"] == {"outcomes": {"pay": 1.0}, "answer_after_ms": 50}
    [fault] = state["faults"]
    assert (fault["name"], fault["times"], fault["probability"], fault["delay_ms"]) == ("late", None, 0.3, 900)
    shown = await page(box)
    assert "without end, chance 30 %, 900 ms" in shown
    assert "cannot be reached" in shown
    await form(box, "faults/clear")
    assert "No faults wait." in await page(box)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("faults", {"fault": "no.such", "times": "1", "probability": "100"}),
        ("faults", {"fault": "token.hang", "times": "1", "probability": "x"}),
        ("autopilot", {"mode": "dance"}),
    ],
)
async def test_a_bad_panel_order_is_told(box: Box, path: str, values: dict[str, str]) -> None:
    assert (await form(box, path, **values)).headers["location"] == "/?notice=bad_fault"


async def test_phones_are_chosen_by_the_address_and_others_are_announced(box: Box) -> None:
    await box.pushed(phone="254799000111")
    assert "also=254799000111" not in await page(box, "?phones=254799000111")
    shown = await page(box)
    assert 'href="/?phones=254712345678,254700000001,254708374149,254799000111">254799000111' in shown
    more = await page(box, "?also=254799000111")
    assert 'id="phone-254799000111"' in more
    assert 'id="phone-254712345678"' in more


async def test_looking_at_a_phone_does_not_buy_it(box: Box) -> None:
    await page(box, "?phones=254799000222")
    assert "254799000222" not in box.machine.world.phones


async def test_a_strange_address_shows_the_ordinary_page(box: Box) -> None:
    shown = await page(box, "?phones=<script>,1&lang=xx&notice=<b>")
    assert 'lang="en"' in shown
    assert "<script>," not in shown


async def test_the_same_world_gives_the_same_page(box: Box) -> None:
    await box.pushed()
    assert await page(box) == await page(box)


def test_both_languages_say_everything() -> None:
    assert ENGLISH.keys() == SWAHILI.keys()
    gaps = re.compile(r"{\w+}")
    assert {key: sorted(gaps.findall(text)) for key, text in ENGLISH.items()} == {
        key: sorted(gaps.findall(text)) for key, text in SWAHILI.items()
    }
