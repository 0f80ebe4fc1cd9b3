import asyncio
import os
import socket
import sys
from urllib.parse import urlsplit

import asyncpg
from playwright.async_api import Page

from services.ports import BLOCK, free_port, give_back, kept_port
from services.postgres import PostgresServer
from services.programs import environment


async def test_a_database_is_empty_and_writes_to_the_disk(empty_postgres_url: str) -> None:
    connection = await asyncpg.connect(empty_postgres_url)
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


async def test_no_two_processes_of_tests_choose_the_same_port() -> None:
    program = "from services.ports import *; print(*(free_port() for _ in range(BLOCK)), flush=True); input()"
    path, piped = {"PYTHONPATH": os.pathsep.join(sys.path)}, asyncio.subprocess.PIPE
    others = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", program, stdin=piped, stdout=piped, env=environment({}) | path
        )
        for _ in range(2)
    ]
    chosen = [{free_port() for _ in range(BLOCK)}]
    for other in others:
        assert other.stdout is not None
        chosen.append({int(port) for port in (await other.stdout.readline()).split()})
    for other in others:
        await other.communicate(b"\n")
        assert other.returncode == 0
    assert all(chosen)
    assert len(set.union(*chosen)) == sum(map(len, chosen))


def test_a_port_that_somebody_listens_on_is_passed_over() -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        assert taken.getsockname()[1] not in {free_port() for _ in range(BLOCK)}


def test_a_port_that_is_kept_is_given_to_nobody_else() -> None:
    """A server that was killed comes back to its port, and a chaos run starts more programs than there are ports."""
    kept = kept_port()
    assert kept not in {free_port() for _ in range(2 * BLOCK)}
    give_back(kept)
    assert kept in {free_port() for _ in range(BLOCK)}
