"""The second thousand of the same, in a file of its own so that it runs on the other core."""

import pytest

from chaos.histories import broken

BLOCK_SEEDS = 25


@pytest.mark.parametrize("first", range(1_000, 2_000, BLOCK_SEEDS))
def test_nothing_is_lost_doubled_or_stuck(first: int) -> None:
    assert broken(range(first, first + BLOCK_SEEDS)) == {}
