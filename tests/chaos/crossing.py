"""What comes through a cable while it is broken, and afterwards; a program, for it needs a network to itself.

It prints a JSON object: for each cable and way of breaking it, what the island heard and what the mainland heard. Each
side sends one word through the broken cable and one through the whole one, in this order, and reads until the second.
"""

import asyncio
import json
import socket
import threading

from processes.islands import Cable, Island, Way, settle_the_mainland
from processes.nursery_program import enter
from processes.plan import PULLS

LIMIT_S = 20.0  # a word that should have come
BROKEN, WHOLE, UNREACHABLE = b"broken", b"whole", "unreachable"


def in_the_island(island: Island) -> socket.socket:
    """A socket of that network: only the thread that makes it goes there."""
    made: list[socket.socket] = []

    def make() -> None:
        enter(island.namespace)
        made.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))

    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def sent(word: bytes, sender: socket.socket, to: tuple[str, int]) -> list[str]:
    try:
        sender.sendto(word, to)
    except OSError:
        return [UNREACHABLE]
    return []


def heard(listener: socket.socket) -> list[str]:
    words: list[str] = []
    while not words or words[-1] != WHOLE.decode():
        words.append(listener.recvfrom(64)[0].decode())
    return words


async def cross(cable: Cable, mode: str, near: socket.socket, far: socket.socket) -> dict[str, list[str]]:
    near_at, far_at = near.getsockname(), far.getsockname()
    await cable.pull(mode)
    told = {"island": sent(BROKEN, near, far_at), "mainland": sent(BROKEN, far, near_at)}
    await cable.heal()
    for sender, to in ((near, far_at), (far, near_at)):
        sender.sendto(WHOLE, to)
    return {"island": [*told["island"], *heard(near)], "mainland": [*told["mainland"], *heard(far)]}


async def main() -> None:
    await settle_the_mainland()
    island = Island("gateway-0", 0, has_database=True)
    await island.open()
    seen = {}
    for number, (way, cable) in enumerate(zip(Way, island.cables.values(), strict=True)):
        near, far = in_the_island(island), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        near.bind((f"10.77.{number}.2", 0))
        far.bind((way.address or f"10.77.{number}.1", 0))
        for each in (near, far):
            each.settimeout(LIMIT_S)
        seen[cable.name] = {mode: await cross(cable, mode, near, far) for mode in PULLS}
    await island.close()
    print(json.dumps(seen))


if __name__ == "__main__":
    asyncio.run(main())
