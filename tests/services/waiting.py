"""Waiting for a condition, never for a time: a busy machine makes a test slower, not different."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_S = 60.0  # only a test that fails ever waits this long
LOOK_AGAIN_S = 0.02


async def until(
    look: Callable[[], Found | None] | Callable[[], Awaitable[Found | None]],
    what: str | Callable[[], str],
    limit_s: float = PATIENCE_S,
) -> Found:
    """What ``look`` finds, as soon as it finds something true. ``what`` says in words what never came."""
    deadline_s = time.monotonic() + limit_s
    while True:
        seen = look()
        found = await seen if isinstance(seen, Awaitable) else seen
        if found:
            return found
        if time.monotonic() > deadline_s:
            raise AssertionError(f"After {limit_s:g} s still not: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(LOOK_AGAIN_S)
