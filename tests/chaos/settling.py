"""Two runs, one after the other in one process, as `make chaos` makes them; a program, for it wants its own network."""

import asyncio

from processes.islands import Island, settle_the_mainland

RUNS = 2


async def main() -> None:
    for number in range(RUNS):
        await settle_the_mainland()
        islands = [Island(f"gateway-{place}", place, has_database=True) for place in range(2)]
        for island in islands:
            await island.open()
        for island in islands:
            await island.close()
        print(f"run {number}")


if __name__ == "__main__":
    asyncio.run(main())
