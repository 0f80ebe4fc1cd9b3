"""The lines between the programs of a chaos run: broken in many ways, and whole afterwards."""

import asyncio
from random import Random

from processes.links import Link
from services.ports import free_port


async def test_a_line_that_is_healed_from_two_sides_at_once_listens_once() -> None:
    """As at the end of a run, when everything is healed while the last break is still under way."""
    link = Link("shops to gateways", free_port(), [lambda: ("127.0.0.1", 9)], Random(1))
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


async def test_a_line_that_is_closed_while_somebody_speaks_ends_without_a_word() -> None:
    """As where a gateway died behind a silent cable: its side of the connection never ends by itself."""
    faults: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    async with await asyncio.start_server(lambda _, writer: accepted.put_nowait(writer), "127.0.0.1", 0) as server:
        link = Link("gateways to merchant-0", free_port(), [server.sockets[0].getsockname], Random(1))
        await link.open()
        _, near = await asyncio.open_connection("127.0.0.1", link.port)
        far = await accepted.get()
        await link.close()
        for writer in (near, far):
            writer.transport.abort()
    assert not faults
