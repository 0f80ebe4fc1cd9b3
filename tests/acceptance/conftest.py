"""A town on each database: every promise holds on both."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.town import Town, running_town
from wakala.rules.accounts import Side


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    url: str = "sqlite:///wakala.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    return url


@pytest.fixture
def side() -> Side:
    """Of M-Pesa's interfaces; a test that ``both_sides`` is parametrised over replaces it."""
    return Side.DARAJA


@pytest.fixture
def pays_out() -> bool:
    """Whether the town has a shortcode that may pay out."""
    return False


@pytest.fixture
async def town(tmp_path: Path, database_url: str, side: Side, pays_out: bool) -> AsyncIterator[Town]:
    async with running_town(tmp_path / "town", database_url, side, pays_out=pays_out) as running:
        yield running
