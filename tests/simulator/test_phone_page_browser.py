"""The phone page in a real browser: it keeps up by itself, keeps what was typed, fits any width, and hinders nobody."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from simulator.box import CUSTOMER, Box, Merchant, running_box, running_merchant
from wakala.simulator.machine import Start


@pytest_asyncio.fixture(loop_scope="session")
async def merchant() -> AsyncIterator[Merchant]:
    async with running_merchant() as merchant:
        yield merchant


@pytest_asyncio.fixture(loop_scope="session")
async def box(merchant: Merchant, start: Start) -> AsyncIterator[Box]:
    async with running_box(merchant, start) as box:
        yield box


async def opened(browser: Browser, box: Box, **context: object) -> tuple[Page, list[str]]:
    page = await (await browser.new_context(**context)).new_page()  # type: ignore[arg-type]
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    await page.goto(box.url)
    return page, complaints


async def test_a_prompt_appears_by_itself_and_is_paid_on_the_keypad(browser: Browser, box: Box) -> None:
    page, complaints = await opened(browser, box)
    await box.pushed(Amount=1250)
    prompt = page.locator(f"#phone-{CUSTOMER} form.prompt")
    await expect(prompt).to_contain_text("Pay KES 1,250.00")
    await expect(page.locator("#announcer")).to_contain_text("WANJIRU")
    for digit in "1235":
        await prompt.locator(f"[data-digit='{digit}']").click()
    await prompt.get_by_label("Delete last digit").click()
    await prompt.locator("[data-digit='4']").click()
    await prompt.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.locator(f"#phone-{CUSTOMER} .inbox")).to_contain_text("Confirmed. KES 1,250.00")
    await box.merchant.received("/stk")
    assert complaints == []


async def test_what_was_typed_opened_and_focused_survives_a_change(browser: Browser, box: Box) -> None:
    await box.pushed()
    page, _ = await opened(browser, box)
    pin = page.get_by_label("M-PESA PIN").first
    await page.locator(f"#menu-{CUSTOMER} > summary").click()
    await pin.fill("12")
    await box.control("c2b/pay", {"number": "600984", "msisdn": CUSTOMER, "amount": 5, "account": "A"})
    await expect(page.locator(f"#phone-{CUSTOMER} .inbox")).to_contain_text("Mama Mboga")
    await expect(pin).to_have_value("12")
    await expect(pin).to_be_focused()
    await expect(page.locator(f"#menu-{CUSTOMER}")).to_have_attribute("open", "")


async def test_a_new_prompt_does_not_inherit_the_pin_of_the_last(browser: Browser, box: Box) -> None:
    await box.pushed()
    page, _ = await opened(browser, box)
    await page.locator(f"#pin-{CUSTOMER}").fill("12")
    await box.control(f"phones/{CUSTOMER}/cancel")
    await box.pushed(Amount=2)
    await expect(page.locator(f"#phone-{CUSTOMER} form.prompt")).to_contain_text("KES 2.00")
    await expect(page.locator(f"#pin-{CUSTOMER}")).to_have_value("")


async def test_it_works_without_javascript(browser: Browser, box: Box) -> None:
    await box.pushed()
    page, _ = await opened(browser, box, java_script_enabled=False)
    await expect(page.locator(".keypad").first).to_be_hidden()
    await page.get_by_label("M-PESA PIN").first.fill("1234")
    await page.get_by_role("button", name="Pay", exact=True).click()
    await expect(page.locator(".inbox").first).to_contain_text("Confirmed")


@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_no_one_is_hindered_at_any_width_in_either_light(
    browser: Browser, box: Box, width: int, scheme: str
) -> None:
    await box.pushed()
    await box.push(Amount=0)
    page, complaints = await opened(browser, box, viewport={"width": width, "height": 800}, color_scheme=scheme)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert complaints == []
