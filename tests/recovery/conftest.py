"""Towns whose database gets into trouble."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from recovery.troubles import FrozenServer, FullDisk, ReadOnlyDisk, StoppedServer, Trouble, can_mount, small_disk
from services.postgres import PostgresServer
from services.postgres import postgres_server as run_postgres
from services.town import Town, running_town

needs_root = pytest.mark.skipif(not can_mount(), reason="mounting a disk and chattr +i are for root alone")


@pytest.fixture(scope="module")
def own_server() -> Iterator[PostgresServer]:
    """A server that a test may stop, without taking it from the others."""
    with run_postgres() as server:
        yield server


@pytest.fixture(
    params=[
        pytest.param("full_disk", marks=needs_root),
        pytest.param("read_only_disk", marks=needs_root),
        "stopped_server",
        "frozen_server",
    ]
)
def trouble(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Trouble, Path, str]]:
    """What will happen, the folder of the installation, and the URL of its database."""
    with ExitStack() as stack:
        if request.param == "full_disk":
            folder = stack.enter_context(small_disk(tmp_path / "disk"))
            coming: Trouble = FullDisk(folder)
            url = "sqlite:///wakala.db"
        elif request.param == "read_only_disk":
            folder, coming, url = tmp_path / "town", ReadOnlyDisk(tmp_path / "town"), "sqlite:///wakala.db"
        else:
            server: PostgresServer = request.getfixturevalue("own_server")
            kind = StoppedServer if request.param == "stopped_server" else FrozenServer
            folder, coming = tmp_path / "town", kind(server)
            url = stack.enter_context(server.database())
        yield coming, folder, url


@pytest.fixture
async def troubled(trouble: tuple[Trouble, Path, str]) -> AsyncIterator[tuple[Town, Trouble]]:
    """A town, and what will happen to its database."""
    coming, folder, url = trouble
    async with running_town(folder, url) as town:
        try:
            yield town, coming
        finally:
            coming.end()


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = "sqlite:///wakala.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def town(tmp_path: Path, database_url: str) -> AsyncIterator[Town]:
    async with running_town(tmp_path / "town", database_url) as running:
        yield running
