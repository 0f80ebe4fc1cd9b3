"""The control API of the Broker's side: where it listens, where its certificates lie, who may speak to it."""

from typing import Any

import msgspec
from starlette.requests import Request

from wakala.simulator.broker.certificates import FILES
from wakala.simulator.broker.desk import PATHS
from wakala.simulator.broker.providers import CHANGE_IV, CHANGE_KEY, Provider
from wakala.simulator.control import Stop, read_order
from wakala.simulator.machine import Simulator


async def state(simulator: Simulator, _: Request) -> Any:
    """Where the Broker listens, the folder and the meaning of its certificates, and its providers."""
    return {
        "url": simulator.broker_at,
        "paths": [*PATHS],
        "certificates": simulator.broker_certificates,
        "files": FILES,
        "providers": [_view(each) for each in simulator.providers.values()],
        "change_password": {"key": CHANGE_KEY.decode(), "iv": CHANGE_IV.decode()},
    }


class ProviderOrder(msgspec.Struct, forbid_unknown_fields=True):
    """A service provider; what is left out stays as it was."""

    sp_id: str
    password: str | None = None
    active: bool | None = None


async def set_provider(simulator: Simulator, request: Request) -> Any:
    """Add a service provider of the Broker's, or change a known one."""
    wanted = await read_order(request, ProviderOrder)
    known = simulator.providers.get(wanted.sp_id)
    if known is None and wanted.password is None:
        raise Stop(400, "A new provider needs a password.")
    provider = known or Provider(wanted.sp_id)
    provider.password = provider.password if wanted.password is None else wanted.password
    provider.active = provider.active if wanted.active is None else wanted.active
    simulator.providers[wanted.sp_id] = provider
    return _view(provider)


def _view(provider: Provider) -> dict[str, Any]:
    return {"sp_id": provider.sp_id, "password": provider.password, "active": provider.active}
