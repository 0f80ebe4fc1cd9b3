"""The lines between the programs of a chaos run: broken in many ways, and whole afterwards."""

import asyncio
from random import Random

from processes.links import Link
from services.ports import free_port


async def test_a_line_that_is_healed_from_two_sides_at_once_listens_once() -> None:
    """As at the end of a run, when everything is healed while the last break is still under way."""
    link = Link("shops to gateways", free_port(), [lambda: 9], Random(1))
    await link.open()
    try:
        for _ in range(5):
            broken = asyncio.create_task(link.suffer("refuse", 0.0))
            await asyncio.sleep(0)
            await asyncio.gather(link.heal(), link.heal(), broken)
            _, writer = await asyncio.open_connection("127.0.0.1", link.port)
            writer.close()
    finally:
        await link.close()
