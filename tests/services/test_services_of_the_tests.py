from urllib.parse import urlsplit

import asyncpg
from playwright.async_api import Page

from services.postgres import PostgresServer


async def test_a_database_is_empty_and_writes_to_the_disk(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
        assert await connection.fetchval("SHOW fsync") == "on"
        assert await connection.fetchval("SHOW synchronous_commit") == "on"
        assert await connection.fetchval("SHOW server_encoding") == "UTF8"
    finally:
        await connection.close()


async def test_a_database_is_dropped_under_its_open_connections(postgres_server: PostgresServer) -> None:
    with postgres_server.database() as url:
        connection = await asyncpg.connect(url)
    name = urlsplit(url).path[1:]
    assert postgres_server.execute(f"SELECT count(*) FROM pg_database WHERE datname = '{name}'").strip() == "0"
    connection.terminate()


async def test_a_page_is_shown_in_the_browser(page: Page) -> None:
    await page.set_content("<h1>Habari</h1>")
    assert await page.get_by_role("heading").inner_text() == "Habari"


async def test_each_test_has_a_window_of_its_own(page: Page) -> None:
    assert await page.context.cookies() == []
    assert await page.inner_text("body") == ""
