"""The control API of the services beside payments: what they know, and what a test tells them."""

from datetime import date, timedelta
from typing import Any

import msgspec
from starlette.requests import Request

from wakala.simulator import account_names, orders
from wakala.simulator.control import Stop, read_order
from wakala.simulator.machine import Simulator
from wakala.simulator.messages import shillings
from wakala.simulator.requests import is_url

SHOWN_MAX = 500
"""Of each list, the latest."""


async def state(simulator: Simulator, _: Request) -> Any:
    """Billers, invoices, standing orders, checkouts of tills, and what Pull and the tills are registered with."""
    services = simulator.services
    return {
        "billers": [_plain(each) for each in services.bills.billers.values()],
        "invoices": [_plain(each, "amount_cents", "paid_cents") for each in _latest(services.bills.invoices)],
        "standing_orders": [_plain(each, "amount_cents") for each in _latest(services.standing_orders.orders)],
        "checkouts": [_plain(each, "amount_cents") for each in _latest(services.checkouts.checkouts)],
        "pulling": sorted(services.pulling),
        "nominated": services.checkouts.nominated,
    }


class LineOrder(msgspec.Struct, forbid_unknown_fields=True):
    """What to set of a phone line; what is left out stays made up."""

    msisdn: str
    swapped_days_ago: float | None = None
    registered_on: date | None = None
    id_number: str | None = None


async def set_line(simulator: Simulator, request: Request) -> Any:
    """Give a line another past: a SIM swapped some days ago, an age, the number of its holder's document."""
    wanted = await read_order(request, LineOrder)
    line = simulator.services.line(orders.check_msisdn(wanted.msisdn))
    if wanted.swapped_days_ago is not None:
        if not 0 <= wanted.swapped_days_ago <= SWAP_MAX_DAYS:
            raise Stop(400, f"A swap lies 0 to {SWAP_MAX_DAYS} days back.")
        line.swapped_at = simulator.clock.now() - timedelta(days=wanted.swapped_days_ago)
    if wanted.registered_on is not None:
        line.registered_on = wanted.registered_on
    if wanted.id_number is not None:
        line.id_number = wanted.id_number
    simulator.services.set_line(wanted.msisdn, line)
    return {"msisdn": wanted.msisdn, **_plain(line)}


SWAP_MAX_DAYS = 3_650


class NominatedOrder(msgspec.Struct, forbid_unknown_fields=True):
    """Which phone answers for a till; an empty number is none."""

    till: str
    msisdn: str


async def set_nominated(simulator: Simulator, request: Request) -> Any:
    """Say which phone is asked when a business asks a till to pay."""
    wanted = await read_order(request, NominatedOrder)
    nominated = simulator.services.checkouts.nominated
    owner = simulator.world.owner_of(wanted.till)
    if owner is None or owner.till != wanted.till:
        raise Stop(404, f"There is no till {wanted.till}.")
    if wanted.msisdn:
        nominated[wanted.till] = orders.check_msisdn(wanted.msisdn)
    else:
        nominated.pop(wanted.till, None)
    return {"nominated": nominated}


async def ask_account_name(simulator: Simulator, request: Request) -> Any:
    """Ask a merchant's own C2B Hakikisha whose account a number is: a token, the question, and a verdict on both."""
    wanted = await read_order(request, account_names.Question)
    for name in ("token_url", "url"):
        if not is_url(getattr(wanted, name)):
            raise Stop(400, f"{name} must be an absolute http or https URL.")
    if simulator.world.owner_of(wanted.shortcode) is None:
        raise Stop(404, f"There is no shortcode {wanted.shortcode}.")
    request_id, now_seconds = simulator.services.new_uuid(), simulator.clock.seconds()
    return msgspec.to_builtins(await account_names.look_up(simulator.courier, wanted, request_id, now_seconds))


def _latest(kept: dict[Any, Any]) -> list[Any]:
    """The newest first."""
    return [each for each, _ in zip(reversed(kept.values()), range(SHOWN_MAX), strict=False)]


def _plain(record: Any, *money: str) -> dict[str, Any]:
    """A record as JSON, with its amounts in shillings too."""
    plain: dict[str, Any] = msgspec.to_builtins(record)
    return plain | {name.removesuffix("_cents"): shillings(plain[name]) for name in money}
