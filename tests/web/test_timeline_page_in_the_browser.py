"""The timeline in a real browser: accessible, inside its CSP, without another origin, at every width and theme."""

import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from web.pages import STATES, Trace, gateway_pages, pending, serving, succeeded, until, window

OVERLAPS = """() => [...document.querySelectorAll('.row')].filter((row) => {
  const name = row.querySelector('.row-name').getBBox(), time = row.querySelector('.row-time').getBBox();
  return name.x + name.width > time.x;
}).map((row) => row.textContent)"""


@pytest.fixture(scope="module")
def traces() -> dict[str, Trace]:
    return {name: make() for name, make in STATES.items()}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def origin(traces: dict[str, Trace]) -> AsyncIterator[str]:
    async with serving(gateway_pages(traces)) as address:
        yield address


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("language", ["en", "sw"])
@pytest.mark.parametrize("state", STATES)
async def test_a_page_is_accessible_and_keeps_to_itself(
    browser: Browser, origin: str, state: str, language: str, width: int, dark: bool
) -> None:
    async with window(browser, origin, width=width, dark=dark) as seen:
        await seen.page.goto(f"{origin}/t/{state}?lang={language}")
        await seen.page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert await seen.accessibility_faults() == []
        assert not await seen.scrolls_sideways()
    assert seen.faults == []


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("language", ["en", "sw"])
async def test_nothing_overlaps_or_scrolls_sideways_at_320_pixels(
    browser: Browser, origin: str, state: str, language: str
) -> None:
    async with window(browser, origin, width=320) as seen:
        await seen.page.goto(f"{origin}/t/{state}?lang={language}")
        await seen.page.evaluate("for (const details of document.querySelectorAll('details')) details.open = true")
        assert not await seen.scrolls_sideways()
        assert await seen.page.evaluate(OVERLAPS) == []


async def test_without_javascript_bytes_and_language_are_a_click_away(browser: Browser, origin: str) -> None:
    async with window(browser, origin, script=False) as seen:
        await seen.page.goto(f"{origin}/t/failed")
        body = seen.page.get_by_text('"BusinessShortCode"')
        assert not await body.first.is_visible()
        await seen.page.get_by_text("Ask for the phone prompt").last.click()
        assert await body.first.is_visible()
        assert await seen.page.get_by_role("button", name="Copy").count() == 0
        await seen.page.get_by_role("link", name="Kiswahili").click()
        assert "Kwa nini imeshindikana?" in await seen.page.inner_text("main")


async def test_both_sides_stand_side_by_side_on_a_desk_and_stacked_on_a_phone(browser: Browser, origin: str) -> None:
    for width, is_beside in ((1440, True), (360, False)):
        async with window(browser, origin, width=width) as seen:
            await seen.page.goto(f"{origin}/t/succeeded")
            await seen.page.locator("details.call > summary").nth(2).click()
            boxes = [await side.bounding_box() for side in await seen.page.locator("details[open] .message").all()]
            request, answer = (box for box in boxes if box)
            assert (abs(request["y"] - answer["y"]) < 1) is is_beside


async def test_a_page_follows_its_payment_and_leaves_open_what_the_reader_opened(browser: Browser) -> None:
    traces = {"following": pending()}
    async with serving(gateway_pages(traces)) as origin, window(browser, origin) as seen:
        page = seen.page
        await page.goto(f"{origin}/t/following")
        assert "Waiting" in await page.title()
        await page.locator("details.call > summary").nth(2).click()
        traces["following"] = succeeded()
        await page.wait_for_selector("[data-state=succeeded]")
        assert await page.locator("details.call").nth(2).evaluate("(details) => details.open")
        assert await page.inner_text("#spoken") == "Succeeded"
        assert "Succeeded" in await page.title()
    assert seen.faults == []


async def test_a_page_that_lost_the_gateway_says_so_and_recovers(browser: Browser, origin: str) -> None:
    async with window(browser, origin) as seen:
        await seen.page.goto(f"{origin}/t/pending")
        await seen.page.context.set_offline(True)
        await seen.page.get_by_text("You are offline").wait_for()
        await seen.page.context.set_offline(False)
        await seen.page.get_by_text("This page follows the payment by itself").wait_for()


async def test_the_receipt_is_copied_by_its_button(browser: Browser, origin: str) -> None:
    async with window(browser, origin) as seen:
        await seen.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=origin)
        await seen.page.goto(f"{origin}/t/succeeded")
        button = seen.page.get_by_role("button", name=re.compile("Copy.*receipt"))
        await button.click()

        async def is_copied() -> bool:
            return bool(await seen.page.evaluate("navigator.clipboard.readText()") == "UKN4K7P2QX")

        await until(is_copied)
        assert "Copied" in await seen.page.inner_text(".receipt")


@pytest.mark.parametrize("language", ["en", "sw"])
async def test_an_unknown_link_is_a_404_with_a_sentence(browser: Browser, origin: str, language: str) -> None:
    async with window(browser, origin, width=320) as seen:
        answer = await seen.page.goto(f"{origin}/t/nobody?lang={language}")
        assert answer
        assert answer.status == 404
        assert await seen.accessibility_faults() == []
        assert not await seen.scrolls_sideways()
    assert [fault for fault in seen.faults if "404" not in fault] == []
