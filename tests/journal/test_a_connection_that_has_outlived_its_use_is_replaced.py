"""PostgreSQL took no writes when a gateway connected, or vanished since: what is connected is made anew by itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from journal.making import NOW_US, exchange, opening, payment
from services.gateway import House, running_gateway
from services.postgres import PostgresServer
from services.waiting import until
from wakala.errors import DatabaseAwayError
from wakala.journal import database
from wakala.journal.journal import Journal
from wakala.journal.migrations import migrate
from wakala.journal.postgres import READ_ONLY, READERS, PostgresDatabase


async def opened(url: str) -> PostgresDatabase:
    store = PostgresDatabase(url)
    await store.open()
    return store


def name_of(url: str) -> str:
    return url.rpartition("/")[2]


async def test_by_a_new_connection_whatever_was_written_by_the_old_one_is_written(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    store = await opened(postgres_url)
    await migrate(store)
    journal = Journal(store)

    async def writes_of_each_kind() -> bool:
        try:
            await journal.record_exchange(exchange())
            await journal.open_payment(opening(payment()), None)
        except DatabaseAwayError:  # it learns that its connection has ended by using it
            return False
        return True

    try:
        assert await writes_of_each_kind()
        ended = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name_of(postgres_url)}'"
        postgres_server.execute(ended)
        await until(writes_of_each_kind, "a write of each kind by a new connection")
    finally:
        await store.close()


async def test_what_took_no_writes_when_we_connected_is_written_to_once_it_does(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    store = await opened(postgres_url)
    await migrate(store)
    await store.close()
    postgres_server.execute(f"ALTER DATABASE {name_of(postgres_url)} SET default_transaction_read_only = on")
    store = await opened(postgres_url)
    journal = Journal(store)

    async def writes_alone() -> bool:
        """By the writer's own connection."""
        try:
            await journal.record_exchange(exchange())
        except DatabaseAwayError:
            return False
        return True

    async def writes_together() -> bool:
        """By one of the pool's."""
        try:
            await journal.retention.claim_duty("pull sc_1", NOW_US, 10)
        except DatabaseAwayError:
            return False
        return True

    try:
        assert not await writes_alone()
        assert not await writes_together()
        postgres_server.execute(f"ALTER DATABASE {name_of(postgres_url)} RESET default_transaction_read_only")
        await until(writes_alone, "a row that is written by itself")
        await until(writes_together, "a row that is written by a connection of the pool")
    finally:
        await store.close()


async def test_what_is_claimed_by_a_connection_that_took_no_writes_is_claimed_once_it_does(
    postgres_server: PostgresServer, postgres_url: str
) -> None:
    store = await opened(postgres_url)
    await migrate(store)
    await store.close()
    postgres_server.execute(f"ALTER DATABASE {name_of(postgres_url)} SET default_transaction_read_only = on")
    store = await opened(postgres_url)

    async def claims() -> bool:
        try:
            return await Journal(store).claim_notifications("lane", NOW_US, NOW_US + 1, 1) == []
        except DatabaseAwayError:
            return False

    try:
        assert not await claims()
        postgres_server.execute(f"ALTER DATABASE {name_of(postgres_url)} RESET default_transaction_read_only")
        await until(claims, "a claim by a connection that is new")
    finally:
        await store.close()


async def test_a_gateway_that_cannot_write_is_not_ready_until_it_can(
    tmp_path: Path, postgres_server: PostgresServer, postgres_url: str
) -> None:
    name = name_of(postgres_url)
    async with running_gateway(tmp_path, database_url=postgres_url) as house:
        assert await is_ready(house)
        postgres_server.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        postgres_server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")

        async def says_why_not() -> bool:
            answer = await house.client.get("/readyz")
            return answer.status_code == 503 and READ_ONLY in answer.text

        await until(says_why_not, "a gateway that says why it is not ready")
        postgres_server.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
        await until(lambda: is_ready(house), "a gateway that is ready again")


async def is_ready(house: House) -> bool:
    return (await house.client.get("/readyz")).status_code == 200


class Road:
    """To the server. Once it is `closed`, what goes over the connections of before is swallowed, both ways."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._open = asyncio.Event()
        self.passing = self._open

    def close(self) -> None:
        self.passing = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        own = self.passing
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            await asyncio.gather(self._carry(reader, far_writer, own), self._carry(far_reader, writer, own))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            far_writer.close()
            writer.close()

    async def _carry(self, near: asyncio.StreamReader, far: asyncio.StreamWriter, own: asyncio.Event) -> None:
        while data := await near.read(65_536):
            if own is self.passing:
                far.write(data)
        far.close()


@asynccontextmanager
async def road_to(url: str) -> AsyncIterator[tuple[Road, str]]:
    """A road, and the URL that leads over it."""
    port = urlsplit(url).port
    assert port
    road = Road(port)
    server = await asyncio.start_server(road.serve, "127.0.0.1", 0)
    try:
        yield road, url.replace(f":{port}/", f":{server.sockets[0].getsockname()[1]}/")
    finally:
        server.close()


async def test_of_the_connections_to_a_server_that_vanished_one_is_waited_for(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "ANSWER_LIMIT_S", 1.0)
    monkeypatch.setattr(database, "PROBE_LIMIT_S", 60.0)  # a machine that is busy is not one that vanished
    async with road_to(postgres_url) as (road, url):
        store = await opened(url)
        try:
            await migrate(store)
            journal = Journal(store)
            held = [await store._pool.acquire() for _ in range(READERS)]
            for connection in held:
                await store._pool.release(connection)
            road.close()
            with pytest.raises(DatabaseAwayError):
                await journal.directory_version()
            await journal.directory_version()
        finally:
            await store.close(2)
