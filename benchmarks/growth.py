"""Whether memory and cost stay flat: over many payments in one process, and over a store that holds a million."""

from collections.abc import Iterator

from fill import fill
from gateway import Installation

SOAK_START_SHARE = 0.1
MILLION = 1_000_000
MILLION_SAMPLE = 10_000


def soak(payments: int) -> Iterator[tuple[str, int]]:
    """A tenth of the payments, then the rest on the same process: its resident memory should be the same after both."""
    start = int(payments * SOAK_START_SHARE)
    yield "soak_start", start
    yield "soak_end", payments - start


def million(installation: Installation, database_url: str | None) -> Iterator[tuple[str, int]]:
    """The first 10,000 payments of a store, and the last 10,000 of a million: a payment should cost the same."""
    yield "million_first", MILLION_SAMPLE
    fill(installation.folder, database_url, MILLION - 2 * MILLION_SAMPLE)
    yield "million_last", MILLION_SAMPLE
