"""The pytest fixture ``wakala_simulator``: M-Pesa in a box for anyone's tests, fresh for each.

Installed with the package, nothing to configure::

    def test_a_customer_pays(wakala_simulator):
        shop = Shop(daraja_url=wakala_simulator.base_url, key=wakala_simulator.consumer_key, ...)
        shop.ask_for_payment(wakala_simulator.customer, 150)
        wakala_simulator.approve()
        assert wakala_simulator.payments()[0]["state"] == "paid"

One simulator serves a whole session; each test finds it as at the start. The rest of the program is imported when a
test first asks for it, so that a run that does not pays nothing.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from wakala.simulator.background import RunningSimulator


@pytest.fixture(scope="session")
def wakala_simulator_options() -> dict[str, Any]:
    """How the simulator starts: seed, autopilot, rules, allow_callback_hosts. Override it in a ``conftest.py``."""
    return {}


@pytest.fixture(scope="session")
def wakala_simulator_session(wakala_simulator_options: dict[str, Any]) -> "Iterator[RunningSimulator]":
    """The one simulator behind all tests of a session; ask for ``wakala_simulator`` instead."""
    from wakala.simulator.background import running  # noqa: PLC0415 - only a test that asks pays for it

    with running(**wakala_simulator_options) as simulator:
        yield simulator


@pytest.fixture
def wakala_simulator(wakala_simulator_session: "RunningSimulator") -> "RunningSimulator":
    """A running simulator without a past: its address and keys, and a hand on its phones, faults and clock."""
    wakala_simulator_session.reset()
    return wakala_simulator_session
