"""A town whose gateways are killed; the same on each database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.town import Town, running_town


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = "sqlite:///wakala.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
async def town(tmp_path: Path, database_url: str) -> AsyncIterator[Town]:
    async with running_town(tmp_path / "town", database_url) as running:
        yield running
