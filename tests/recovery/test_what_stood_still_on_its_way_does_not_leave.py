"""A worker stands still after it has begun to send, with a token or a connection to come: its lease ends meanwhile.

Others may have ended the payment by then, and told so; what leaves after that is money that nobody expects.
"""

import os
from pathlib import Path
from typing import Any

import pytest

from deliveries.conftest import Clock
from services.gateway import House, running_gateway
from wakala.identity import Source
from wakala.outgoing.pool import Pool

LEASE_S = 60


def stands_still_at_a_new_token(house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    to_mpesa = house.gateway.to_mpesa
    asked = to_mpesa.send

    async def send(method: str, url: str, *rest: Any, **more: Any) -> Any:
        reply = await asked(method, url, *rest, **more)
        if "/oauth/" in url:
            clock.advance(LEASE_S + 1)
        return reply

    monkeypatch.setattr(to_mpesa, "send", send)


def stands_still_at_a_new_connection(house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = Pool.take_kept
    pool = house.gateway.to_mpesa._pool

    async def take_kept(self: Pool, origin: Any) -> Any:
        if self is pool:
            clock.advance(LEASE_S + 1)
        return await taken(self, origin)

    monkeypatch.setattr(Pool, "take_kept", take_kept)


@pytest.mark.parametrize("stands_still", [stands_still_at_a_new_token, stands_still_at_a_new_connection])
async def test_what_stood_still_on_its_way_until_its_lease_was_over_does_not_leave_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stands_still: Any
) -> None:
    clock, quiet = Clock(), {"poll_s": 3_600.0}
    async with running_gateway(tmp_path, source=Source(clock.now_us, os.urandom), finisher=quiet) as house:
        assert (await house.push("FIRST")).status_code == 202  # from here on there is a token
        if stands_still is stands_still_at_a_new_token:
            await house.box.advance(3_600)  # M-Pesa has forgotten it
        stands_still(house, clock, monkeypatch)
        assert (await house.push("ORDER-1", SenderMSISDN="254712000001")).status_code == 202
        monkeypatch.undo()
        assert (await house.request("ORDER-1"))["State"] == "held"
        assert house.prompts() == 1, "it left when others may have ended it"
        clock.advance(11)
        await house.gateway.finisher.step()
        await house.request_in("ORDER-1", "pending")
        assert house.prompts() == 2
