"""Mutual TLS over real sockets: each end refuses whoever its authority did not sign, and whatever has expired."""

from pathlib import Path

import httpx2
import pytest

from simulator_broker.caller import REQUEST, client, context, envelope, payout
from simulator_broker.conftest import BrokerBox, open_door

REFUSED = (httpx2.ConnectError, httpx2.ReadError, httpx2.RemoteProtocolError, httpx2.WriteError)


@pytest.mark.parametrize("who", [None, "expired-client", "stranger-client"])
async def test_a_caller_without_a_good_certificate_is_refused(soap: BrokerBox, who: str | None) -> None:
    async with client(context(soap.certificates, who)) as stranger:
        with pytest.raises(REFUSED):
            await stranger.post(soap.url + REQUEST, content=envelope(payout(soap.box.merchant.url)))
    assert not soap.box.machine.world.commands


@pytest.mark.parametrize("server", ["expired-server", "stranger-server"])
async def test_a_caller_refuses_a_broker_that_is_not_the_brokers(tmp_path: Path, server: str) -> None:
    async with open_door(tmp_path / "certificates", server) as door:
        with pytest.raises(httpx2.ConnectError):
            await door.client.post(door.url + REQUEST, content=envelope(payout(door.box.merchant.url)))


async def test_a_caller_with_the_right_certificate_comes_in(soap: BrokerBox) -> None:
    answer = await soap.client.post(soap.url + REQUEST, content=envelope(payout(soap.box.merchant.url)))
    assert answer.status_code == 200
