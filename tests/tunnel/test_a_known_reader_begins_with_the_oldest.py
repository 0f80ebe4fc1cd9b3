"""`wakala listen --after start` means the oldest, also for a reader whom the gateway remembers."""

import os
from pathlib import Path

from deliveries.conftest import Clock
from services.gateway import SANDBOX, running_gateway
from wakala.deliveries.desk import SETTLE_US
from wakala.identity import Source
from wakala.tunnel.feed import Feed, Note
from wakala.tunnel.tunnel import Took, Tunnel, begin


class Program:
    """Takes everything, and sees nothing of the gateway's breaks."""

    def __init__(self) -> None:
        self.got: list[str] = []

    async def take(self, note: Note, attempt: int) -> Took:
        self.got.append(note.NotificationID)
        return Took(note, attempt, 200, "", 1.0)

    def took(self, took: Took) -> None:
        pass

    def down(self, reason: str) -> None:
        pass

    def up(self) -> None:
        pass


async def test_what_a_reader_has_had_comes_again_from_the_start(tmp_path: Path) -> None:
    clock = Clock()
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom)) as house:
        await house.autopilot("pay")
        await house.push("OLD")
        (post,) = await house.merchant.received("/wakala", 1)
        clock.advance(SETTLE_US / 1_000_000 + 1)
        key, secret = house.app.app.consumer_key, house.app.consumer_secret
        async with Feed(house.url + SANDBOX, key, secret, "listen") as feed:
            for _ in range(2):
                program = Program()
                await Tunnel(feed, program, program, await begin(feed, program, "start")).step()
                assert program.got == [post.headers["webhook-id"]]
