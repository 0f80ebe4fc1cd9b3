"""Most PostgreSQL servers compare texts by a language and not byte by byte; punctuation then comes before letters."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.gateway import SANDBOX, running_gateway
from services.postgres import PostgresServer
from wakala.journal.postgres import SORTS_OTHERWISE, PostgresDatabase


@contextmanager
def sorted_as(postgres_server: PostgresServer, language: str) -> Iterator[str]:
    name = "wakala_" + secrets.token_hex(6)
    as_there = f"TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '{language}' LOCALE 'C.UTF-8'"
    postgres_server.execute(f"CREATE DATABASE {name} {as_there}")
    try:
        yield postgres_server.url(name)
    finally:
        postgres_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def english_url(postgres_server: PostgresServer) -> Iterator[str]:
    with sorted_as(postgres_server, "en-US") as url:
        yield url


async def test_the_newest_are_listed_and_the_youngest_are_seen(english_url: str, tmp_path: Path) -> None:
    async with running_gateway(tmp_path, database_url=english_url) as house:
        await house.autopilot("pay")
        await house.push("ENGLISH")
        (post,) = await house.merchant.received("/wakala", 1)
        journal, organisation_id = house.gateway.journal, house.app.app.organisation_id
        assert await journal.newest_notification_id() == post.headers["webhook-id"]
        assert len(await journal.list_payments(organisation_id, "sandbox")) == 1
        assert len(await journal.list_notifications(organisation_id, "sandbox")) == 1
        young = (await house.get(f"{SANDBOX}/notifications?seen=0")).json()
        assert [one["NotificationID"] for one in young["Notifications"]] == [post.headers["webhook-id"]]


@pytest.mark.parametrize(("language", "sentences"), [("en-US", []), ("sw-KE", []), ("da-DK", [SORTS_OTHERWISE])])
async def test_a_language_in_which_ids_are_out_of_order_is_named(
    postgres_server: PostgresServer, language: str, sentences: list[str]
) -> None:
    with sorted_as(postgres_server, language) as url:
        store = PostgresDatabase(url)
        await store.open()
        assert await store.troubles() == sentences
        await store.close()
