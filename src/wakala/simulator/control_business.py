"""The control API of a business's side: accounts, operators, commands and the certificate.

The same manners as in ``control``: JSON objects, unknown fields refused, an error is one sentence.
"""

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from wakala.simulator import views
from wakala.simulator.control import PAGE_MAX, Stop, number_in_query, read_order
from wakala.simulator.initiators import ROLES, Initiator, Role
from wakala.simulator.machine import Simulator
from wakala.simulator.world import AccountName, Shortcode


async def accounts(simulator: Simulator, request: Request) -> Any:
    """What lies in each account of a shortcode, in cents and as people write it."""
    return views.accounts_view(_shortcode(simulator, request))


class AccountsOrder(msgspec.Struct, forbid_unknown_fields=True):
    """New balances in cents; accounts that are left out stay as they were."""

    accounts: dict[AccountName, int]


async def set_accounts(simulator: Simulator, request: Request) -> Any:
    """Put money into accounts, or take it out."""
    shortcode, wanted = _shortcode(simulator, request), await read_order(request, AccountsOrder)
    for name in wanted.accounts:
        if name not in shortcode.accounts:
            raise Stop(400, f"{shortcode.number} is a {shortcode.kind}; it has {', '.join(shortcode.accounts)}.")
    shortcode.accounts |= wanted.accounts
    return views.accounts_view(shortcode)


async def initiators(simulator: Simulator, _: Request) -> Any:
    """Every operator, with its password: nobody should have to guess it here."""
    known = simulator.world.initiators.values()
    return {"initiators": [views.initiator_view(each) for each in known], "roles": sorted(ROLES)}


class InitiatorOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An operator; without a shortcode it acts for all. What is left out stays as it was, or as the sandbox's."""

    name: str
    shortcode: str = ""
    password: str | None = None
    roles: list[Role] | None = None
    active: bool | None = None
    locked: bool | None = None  # unlocking forgets the failures too


async def set_initiator(simulator: Simulator, request: Request) -> Any:
    """Add an operator or change the given things of a known one."""
    wanted = await read_order(request, InitiatorOrder)
    world = simulator.world
    if wanted.shortcode and wanted.shortcode not in world.shortcodes:
        raise Stop(404, f"There is no shortcode {wanted.shortcode}.")
    known = world.initiators.get((wanted.shortcode, wanted.name))
    if known is None and wanted.password is None:
        raise Stop(400, "A new initiator needs a password.")
    initiator = known or Initiator(wanted.name, wanted.password or "", wanted.shortcode)
    initiator.password = initiator.password if wanted.password is None else wanted.password
    initiator.roles = initiator.roles if wanted.roles is None else frozenset(wanted.roles)
    initiator.active = initiator.active if wanted.active is None else wanted.active
    if wanted.locked is not None:
        initiator.locked, initiator.failures = wanted.locked, 0
    world.initiators[wanted.shortcode, wanted.name] = initiator
    return views.initiator_view(initiator)


async def commands(simulator: Simulator, request: Request) -> Any:
    """Payouts, transfers, reversals and enquiries in order of their number, after a cursor."""
    after = number_in_query(request, "after", 0)
    limit = min(number_in_query(request, "limit", 1_000), PAGE_MAX)
    known = simulator.world.commands
    start = max(after + 1, next(iter(known), 1))
    page = [known[number] for number in range(start, start + limit) if number in known]
    return {
        "commands": [views.command_view(command) for command in page],
        "next_after": page[-1].number if page else after,
    }


async def certificate(request: Request) -> Response:
    """The certificate to encrypt a SecurityCredential with, as PEM."""
    simulator: Simulator = request.app.state.simulator
    return PlainTextResponse(simulator.certificate.pem(), media_type="application/x-pem-file")


def _shortcode(simulator: Simulator, request: Request) -> Shortcode:
    number = request.path_params["number"]
    shortcode = simulator.world.owner_of(number)
    if shortcode is None:
        raise Stop(404, f"There is no shortcode {number}.")
    return shortcode
