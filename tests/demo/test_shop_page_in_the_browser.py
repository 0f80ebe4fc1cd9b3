"""The shop in a real browser: paid with and without JavaScript, accessible and inside its CSP at every width."""

import pytest
from playwright.async_api import Browser, Page

from demo.till import Till
from web.pages import window

CAUSE = {"en": "The customer cancelled the prompt.", "sw": "Mteja alighairi ujumbe kwenye simu yake."}
STEP = {"en": "Try again when you are ready.", "sw": "Jaribu tena ukiwa tayari."}
HAS_FOCUS = "document.activeElement.id === 'phone'"


async def order(page: Page, till: Till, language: str = "en") -> None:
    """Buy the tea by keyboard."""
    await page.goto(f"{till.shop_url}/buy/chai?lang={language}")
    await page.wait_for_function(HAS_FOCUS)
    await page.keyboard.type("0712 345 678")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/orders/*")


async def test_an_order_turns_to_paid_by_itself_when_the_notification_arrives(browser: Browser, till: Till) -> None:
    async with window(browser, till.shop_url) as seen:
        page = seen.page
        await page.goto(till.shop_url)
        await page.get_by_role("link", name="Buy Kericho tea").click()
        await page.get_by_label("M-PESA phone number").fill("0712345678")
        await page.get_by_role("button", name="Pay KES 150").click()
        await page.get_by_role("heading", name="Check your phone").wait_for()
        await till.tell("payment.succeeded", "succeeded", MpesaReceiptNumber="UKN4K7P2QX")
        await page.get_by_role("heading", name="Paid. Thank you!").wait_for()
        assert await page.get_by_text("UKN4K7P2QX").is_visible()
        assert await page.inner_text("#spoken") == "Paid. Thank you!"
        assert (await page.title()).startswith("Paid. Thank you! · KES")
    assert seen.faults == []


async def test_an_order_turns_to_paid_without_javascript(browser: Browser, till: Till) -> None:
    async with window(browser, till.shop_url, script=False) as seen:
        await order(seen.page, till)
        await till.tell("payment.succeeded", "succeeded", MpesaReceiptNumber="UKN4K7P2QX")
        await seen.page.get_by_role("heading", name="Paid. Thank you!").wait_for()


async def test_a_wrong_number_is_said_at_the_field_which_gets_the_focus(browser: Browser, till: Till) -> None:
    async with window(browser, till.shop_url, width=320) as seen:
        page = seen.page
        await page.goto(f"{till.shop_url}/buy/kiondo?lang=sw")
        await page.wait_for_function(HAS_FOCUS)
        await page.keyboard.type("0612")
        await page.keyboard.press("Enter")
        await page.get_by_text("Hii si namba ya simu ya Kenya").wait_for()
        assert await page.evaluate("document.activeElement.id") == "phone"
        assert await page.get_by_label("Namba ya simu ya M-PESA").input_value() == "0612"
        assert await seen.accessibility_faults() == []
        assert not await seen.scrolls_sideways()
    assert [fault for fault in seen.faults if "422" not in fault] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("language", ["en", "sw"])
async def test_every_page_is_accessible_and_keeps_to_itself(
    browser: Browser, till: Till, language: str, width: int, dark: bool
) -> None:
    async with window(browser, till.shop_url, width=width, dark=dark) as seen:

        async def check() -> None:
            assert await seen.accessibility_faults() == []
            assert not await seen.scrolls_sideways()

        for path in ("/", "/buy/kahawa"):
            await seen.page.goto(f"{till.shop_url}{path}?lang={language}")
            await check()
        for kind, state in (("", "waiting"), ("failed", "failed"), ("expired", "unknown"), ("succeeded", "paid")):
            await order(seen.page, till, language)
            if kind:
                await till.tell(f"payment.{kind}", kind, MpesaReceiptNumber="UKN4K7P2QX", Cause=CAUSE, NextStep=STEP)
                await till.tell("payment.flagged", kind)
            await seen.page.wait_for_selector(f"[data-state={state}]")
            await check()
    assert seen.faults == []
