"""A worker whose pause is set to 0 looks again soon, and does not have the processor to itself."""

import asyncio

from services.waiting import until
from wakala.workers.loop import REST_MIN_S, Loop

TURNS = 20


async def test_a_worker_whose_pause_is_nothing_rests_all_the_same() -> None:
    turns = 0

    async def step() -> bool:
        nonlocal turns
        turns += 1
        return False

    worker = Loop("worker", step, 0)
    began_s = asyncio.get_running_loop().time()
    worker.start()
    await until(lambda: turns >= TURNS, "some turns")
    took_s = asyncio.get_running_loop().time() - began_s
    await worker.stop()
    assert took_s >= (turns - 1) * REST_MIN_S / 2
