"""The phone page in a real browser: it keeps up by itself, keeps what was typed, fits any width, and hinders nobody."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, expect

from simulator import test_b2b_express as express
from simulator import test_standing_order as standing_order
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


async def test_a_standing_order_is_approved_and_a_till_pays_on_the_keypad(browser: Browser, box: Box) -> None:
    page, complaints = await opened(browser, box)
    await standing_order.ordered(box)
    prompt = page.locator(f"#phone-{CUSTOMER} form.prompt")
    await expect(prompt).to_contain_text("Approve the standing order: KES 4,500.00")
    await expect(prompt.get_by_role("button", name="Not enough money")).to_have_count(0)
    await prompt.get_by_label("M-PESA PIN").fill("1234")
    await prompt.get_by_role("button", name="Approve").click()
    await expect(page.locator(f"#phone-{CUSTOMER} .inbox")).to_contain_text("Rent flat 4B")
    await express.asked(box)
    await expect(page.get_by_text("Prompts wait on phones that are not shown")).to_be_visible()
    await page.get_by_role("link", name=express.TILLS_PHONE).click()
    till_prompt = page.locator(f"#phone-{express.TILLS_PHONE} form.prompt")
    await expect(till_prompt).to_contain_text("from your till")
    await till_prompt.get_by_label("M-PESA PIN").fill("1234")
    await till_prompt.get_by_role("button", name="Pay", exact=True).click()
    await box.merchant.received("/express")
    assert complaints == []


async def test_the_clock_is_stopped_moved_and_let_go_on_the_page(browser: Browser, box: Box) -> None:
    page, complaints = await opened(browser, box)
    panel = page.locator("#clock")
    await panel.get_by_role("button", name="Stop").click()
    await expect(panel).to_contain_text("It stands still.")
    stood_at = box.machine.clock.seconds()
    await panel.get_by_role("button", name="A day on").click()
    await expect(panel.get_by_role("button", name="Stop")).to_have_count(0)
    await panel.get_by_role("button", name="Let it go on").click()
    await expect(panel).not_to_contain_text("It stands still.")
    assert box.machine.clock.seconds() - stood_at >= 86400
    assert complaints == []


async def test_faults_of_any_path_and_of_the_new_callbacks_are_set_on_the_page(browser: Browser, box: Box) -> None:
    page, complaints = await opened(browser, box)
    await page.get_by_label("Fault", exact=True).select_option("any.html_403")
    await page.get_by_role("button", name="Add fault").click()
    await expect(page.locator("#faults")).to_contain_text("Any path: html 403")
    await page.get_by_label("Fault", exact=True).select_option("standing_order_callback.doubled")
    await page.get_by_role("button", name="Add fault").click()
    await expect(page.locator("#faults li")).to_have_count(2)
    assert (await box.token()).status_code == 403
    await expect(page.locator("#calls")).to_contain_text("html_403")
    assert complaints == []


@pytest.mark.parametrize("width", [390, 1280])
async def test_no_one_is_hindered_by_the_new_panels(browser: Browser, box: Box, width: int) -> None:
    await standing_order.ordered(box)
    await express.asked(box)
    await box.fault("any", "quota", probability=0.2)
    await box.control("clock", {"stopped": True})
    page, complaints = await opened(browser, box, viewport={"width": width, "height": 900})
    await page.goto(f"{box.url}/?phones={CUSTOMER},{express.TILLS_PHONE}")
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert complaints == []
