"""What every test may ask for: a PostgreSQL database, and a browser.

The browser lives as long as the session, so the tests that use it run on the session's event loop; they are marked so
by themselves. Async fixtures that such a test asks for must live there too: ``@pytest_asyncio.fixture(loop_scope=
"session")``. A test that mixes the two loops would hang, so it is refused at collection.
"""

import asyncio
import inspect
import shutil
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from services.postgres import PostgresServer
from services.postgres import postgres_server as run_postgres

# Timing never decides a test: a slow machine is no counterexample.
hypothesis.settings.register_profile("wakala", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("wakala")

# Headless, without the sandbox that root may not use, and silent: it speaks to the pages under test and to nobody else.
CHROMIUM_SWITCHES = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


# Whole files go to one worker each. Those that take minutes are begun first, else the last of them runs alone.
LONG_FILES = (
    "chaos/test_killed_processes",
    "recovery/test_a_backup",
    "chaos/",
    "crash/",
    "hostile/test_every_answer",
    "acceptance/",
    "recovery/",
    "deliveries/",
    "demo/",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)
    for item in items:
        if isinstance(item, pytest.Function) and "browser" in item.fixturenames:
            _refuse_mixed_loops(item)
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _place(item: pytest.Item) -> int:
    return next((place for place, part in enumerate(LONG_FILES) if f"/{part}" in str(item.path)), len(LONG_FILES))


def _refuse_mixed_loops(item: pytest.Function) -> None:
    for name, definitions in item._fixtureinfo.name2fixturedefs.items():
        function = definitions[-1].func
        is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
        if is_async and getattr(function, "_loop_scope", None) != "session":
            sentence = f'{item.nodeid} uses the browser: make its fixture {name} loop_scope="session".'
            raise pytest.UsageError(sentence)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    with run_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_schema(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a database with today's schema and no row: to copy it takes a fifth of the time to make one."""
    with postgres_server.database() as url:
        with ThreadPoolExecutor(1) as thread:  # whoever asks may be in a loop
            thread.submit(asyncio.run, _migrated(url)).result()
        yield url.rpartition("/")[2]


async def _migrated(url: str) -> None:
    from wakala.journal.migrations import migrate  # noqa: PLC0415 - not before coverage begins to count
    from wakala.journal.postgres import PostgresDatabase  # noqa: PLC0415

    store = PostgresDatabase(url)
    await store.open()
    await migrate(store)
    await store.close()


@pytest.fixture
def postgres_url(postgres_server: PostgresServer, postgres_schema: str) -> Iterator[str]:
    """A database with today's schema and no row."""
    with postgres_server.database(like=postgres_schema) as url:
        yield url


@pytest.fixture
def empty_postgres_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database that nobody has made anything in."""
    with postgres_server.database() as url:
        yield url


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium")
    assert program, "Install Chromium (Debian: apt-get install chromium) or run make test."
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_SWITCHES))
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A window of its own: no cookie or storage of another test."""
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()
