"""PostgreSQL is there and lets the gateway not in, while somebody works on it: nothing that is kept is set aside."""

import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from recovery.test_a_database_that_is_away_loses_no_callback import (
    COUNT,
    ON_DISK,
    SILENT,
    customers_pay,
    is_refused,
    orders,
)
from services.postgres import PostgresServer
from services.town import running_town
from services.waiting import until
from wakala.errors import DatabaseAwayError, DatabaseFaultError
from wakala.journal.postgres import PostgresDatabase

pytestmark = pytest.mark.timeout(300)  # a dozen programs are started in turn, on a machine that may be busy

WAYS = {
    "role": ("ALTER ROLE {name} NOLOGIN", "ALTER ROLE {name} LOGIN"),
    "password": ("ALTER ROLE {name} PASSWORD 'another'", "ALTER ROLE {name} PASSWORD 'secret'"),
    "database": ("ALTER DATABASE {name} ALLOW_CONNECTIONS false", "ALTER DATABASE {name} ALLOW_CONNECTIONS true"),
}


@dataclass
class Door:
    """A database with a role of its own, which may be kept out of it."""

    server: PostgresServer
    name: str
    way: str

    @property
    def url(self) -> str:
        return f"postgresql://{self.name}:secret@127.0.0.1:{self.server.port}/{self.name}"

    def shut(self) -> None:
        self.server.execute(WAYS[self.way][0].format(name=self.name))
        self.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.name}'")

    def open(self) -> None:
        self.server.execute(WAYS[self.way][1].format(name=self.name))


@pytest.fixture(params=WAYS)
def door(request: pytest.FixtureRequest, own_server: PostgresServer) -> Iterator[Door]:
    name = "wakala_" + secrets.token_hex(6)
    own_server.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'secret'")
    own_server.execute(f"CREATE DATABASE {name} OWNER {name}")
    yield Door(own_server, name, request.param)
    own_server.execute(f"DROP DATABASE {name} WITH (FORCE)")
    own_server.execute(f"DROP ROLE {name}")


async def test_callbacks_are_handled_once_the_gateway_is_let_in_again(tmp_path: Path, door: Door) -> None:
    async with running_town(tmp_path / "town", door.url) as town:
        gateway = await town.serve(**SILENT)
        await town.autopilot()
        await town.pay_many([gateway], orders(), 10)
        door.shut()
        asked: list[str] = []

        async def says_no() -> bool:
            asked.append(f"LATER-{len(asked)}")
            return await is_refused(town, gateway, asked[-1])

        await until(says_no, "a request that is refused")
        await customers_pay(town)
        kept = lambda: gateway.program.said.count(ON_DISK)  # noqa: E731 - a word for a count, used twice
        await until(lambda: kept() + len(town.merchant.settled) >= COUNT, lambda: f"{kept()} kept")
        assert "the database is away" in gateway.program.said
        for _ in range(3):  # each takes as long as a look at a door that is shut
            assert await says_no()
        door.open()
        await town.is_told(*(order["RequestID"] for order in orders()))
        assert await gateway.program.terminate() == 0
        assert not list(town.folder.glob("*.spill*"))


async def test_who_is_kept_out_at_the_start_is_told_so(door: Door) -> None:
    door.shut()
    with pytest.raises(DatabaseFaultError) as caught:
        await PostgresDatabase(door.url).open()
    assert not isinstance(caught.value, DatabaseAwayError)
    door.open()
