"""Callbacks stay on this machine unless a host was allowed by name."""

import pytest

from simulator.box import CUSTOMER, Box, until
from wakala.simulator.callbacks import NotLoopbackError, must_be_loopback
from wakala.simulator.machine import Start


async def refused_callback(box: Box, address: str) -> str:
    await box.pushed(CallBackURL=address)
    await box.control(f"phones/{CUSTOMER}/approve")
    await until(lambda: any(call.kind == "stk_callback" for call in box.machine.calls))
    [call] = [call for call in (await box.control("calls", method="GET"))["calls"] if call["direction"] == "out"]
    assert (call["status"], call["target"]) == (0, address)
    reason: str = call["reason"]
    return reason


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "10.0.0.1", "0.0.0.0", "169.254.169.254", "[2001:db8::1]", "[::ffff:192.0.2.1]"]
)
async def test_another_machine_is_not_called_and_the_log_says_why(box: Box, host: str) -> None:
    reason = await refused_callback(box, f"http://{host}/callback")
    assert "is not this machine" in reason
    assert (await box.payment())["callbacks_answered"] == 0
    assert (await box.payment())["state"] == "paid"


async def test_a_name_for_this_machine_is_called(box: Box) -> None:
    port = box.merchant.url.rpartition(":")[2]
    await box.pushed(CallBackURL=f"http://localhost:{port}/stk")
    await box.control(f"phones/{CUSTOMER}/approve")
    await box.merchant.received("/stk")


async def test_a_listener_that_is_down_is_written_down(box: Box) -> None:
    assert "No answer" in await refused_callback(box, "http://127.0.0.1:9/callback")


async def test_a_redirect_is_not_followed(box: Box) -> None:
    box.merchant.replies["/stk"] = (307, {})
    await box.pushed()
    await box.control(f"phones/{CUSTOMER}/approve")
    await box.merchant.received("/stk")
    await until(lambda: any("307" in call.reason for call in box.machine.calls))


def test_the_address_itself_is_judged() -> None:
    with pytest.raises(NotLoopbackError, match=r"192\.0\.2\.1"):
        must_be_loopback("192.0.2.1")
    for allowed in ("127.0.0.1", "127.0.0.2", "::1"):
        must_be_loopback(allowed)


class TestWithAnAllowedHost:
    @pytest.fixture
    def start(self) -> Start:
        return Start(seed=7, allowed_hosts=frozenset({"0.0.0.0"}))

    async def test_a_named_host_may_be_called(self, box: Box) -> None:
        port = box.merchant.url.rpartition(":")[2]
        await box.pushed(CallBackURL=f"http://0.0.0.0:{port}/stk")
        await box.control(f"phones/{CUSTOMER}/approve")
        await box.merchant.received("/stk")

    async def test_the_others_stay_refused(self, box: Box) -> None:
        assert "is not this machine" in await refused_callback(box, "http://192.0.2.1/callback")
