"""Bonga: the network's loyalty points, and a paybill paid with them (daraja.md 2.22).

Only SDKs tell of this API. The rate is the one their samples show; its business codes were never explained.
"""

from wakala.simulator import refusals
from wakala.simulator.c2b import Order
from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Incoming
from wakala.simulator.headed import headed
from wakala.simulator.machine import Simulator

POINTS_PER_SHILLING = 5
POINTS_MAX = 10_000_000


async def calculate(simulator: Simulator, call: Incoming) -> Answer:
    """How many shillings some points are worth."""
    admitted(simulator, call)
    points = fields_of(call).number("points", None, POINTS_MAX)
    return Answer(headed(simulator, {"points": str(points), "amount": points // POINTS_PER_SHILLING}))


async def redeem(simulator: Simulator, call: Incoming) -> Answer:
    """Points become shillings, and these a payment from the phone's menu; its C2B confirmation tells the merchant."""
    admitted(simulator, call)
    fields = fields_of(call)
    msisdn = fields.msisdn("msisdn")
    amount_cents = fields.amount_cents("amount")
    points = fields.number("bongaPoints", None, POINTS_MAX)
    fields.text("conversionRate")
    number = fields.shortcode("shortCode")
    account = fields.text("accountNumber")
    shortcode = simulator.world.owner_of(number)
    if shortcode is None:
        raise refusals.invalid_field("shortCode", f"There is no paybill {number} here.")
    if points * 100 < amount_cents * POINTS_PER_SHILLING:
        worth = points // POINTS_PER_SHILLING
        raise refusals.invalid_field("bongaPoints", f"{points} points are worth {worth} shillings, less than amount.")
    order = Order(shortcode, msisdn, amount_cents, account, buy_goods=False)
    return Answer(headed(simulator, None), after=lambda: simulator.services.run(_pay(simulator, order)))


async def _pay(simulator: Simulator, order: Order) -> None:
    phone = simulator.world.phone(order.msisdn)
    phone.balance_cents += order.amount_cents
    payment = await simulator.collections.pay(order)
    if not payment.paid:  # the points go back to where they came from
        phone.balance_cents -= order.amount_cents
