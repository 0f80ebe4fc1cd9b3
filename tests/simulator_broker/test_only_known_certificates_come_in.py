"""Mutual TLS over real sockets: each end refuses whoever its authority did not sign, and whatever has expired."""

from pathlib import Path
from typing import Any

import httpx2
import pytest
from aiohttp import web

from simulator.box import until
from simulator_broker.caller import REQUEST, client, context, envelope, payout, sample
from simulator_broker.conftest import BrokerBox, open_door
from wakala.simulator.broker.certificates import server_context

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


async def test_the_broker_shows_its_certificate_to_a_merchant_that_asks(soap: BrokerBox) -> None:
    seen: list[dict[str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.get_extra_info("peercert"))
        return web.Response(body=sample("result-ack-01-success"), content_type="text/xml")

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context(soap.certificates, "client")).start()
    try:
        await soap.client.post(
            soap.url + REQUEST, content=envelope(payout(f"https://127.0.0.1:{runner.addresses[0][1]}"))
        )
        await until(lambda: soap.box.machine.world.commands[1].results_answered == 1)
    finally:
        await runner.cleanup()
    assert len(seen) == 1
    assert seen[0]["subject"]
