"""Ratiba's HTTP face: one request makes a standing order (daraja.md 2.17). It is approved on the phone."""

from datetime import date, datetime

from wakala.simulator import refusals
from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.requests import Fields
from wakala.simulator.standing_orders import FREQUENCIES, StandingOrder

PAYBILL_TYPES = ("Standing Order Customer Pay Bill", "Standing Order Pay Bill Ext-Third Party")
TILL_TYPES = ("Standing Order Customer Pay Marchant", "Standing Order Customer Pay Merchant")
"""The misspelt one is M-Pesa's; both are sent."""

ACCEPTED = "Request accepted for processing"
PROCESSED = "The service request is processed successfully."


async def create(simulator: Simulator, call: Incoming) -> Answer:
    """Take an order; the prompt goes out when the answer has left."""
    app = admitted(simulator, call)
    order = _read(simulator, fields_of(call))
    if not app.may_use(order.shortcode):
        raise refusals.invalid_field("BusinessShortCode", f"The app of this token may not use {order.shortcode}.")
    standing_orders = simulator.services.standing_orders
    standing_orders.add(order)
    header = {
        "responseRefID": order.reference_id,
        "responseCode": "200",
        "responseDescription": ACCEPTED,
        "ResultDesc": PROCESSED,
    }
    body = {"ResponseHeader": header, "ResponseBody": {"responseDescription": ACCEPTED, "responseCode": "200"}}
    reason = f"{order.msisdn} is asked to approve the order {order.name!r}."
    return Answer(body, after=lambda: standing_orders.begin(order), reason=reason)


def _read(simulator: Simulator, fields: Fields) -> StandingOrder:
    services, world = simulator.services, simulator.world
    name = fields.text("StandingOrderName")
    starts_on, ends_on = _day(fields, "StartDate"), _day(fields, "EndDate")
    number = fields.shortcode("BusinessShortCode")
    kind = fields.choice("TransactionType", (*PAYBILL_TYPES, *TILL_TYPES))
    buy_goods = fields.choice("ReceiverPartyIdentifierType", ("4", "2")) == "2"
    if buy_goods != (kind in TILL_TYPES):
        raise refusals.invalid_field("ReceiverPartyIdentifierType", "It is 4 for a paybill and 2 for a till.")
    owner = world.owner_of(number)
    if owner is None or (owner.kind == "till") != buy_goods:
        wanted = "till" if buy_goods else "paybill"
        raise refusals.invalid_field("BusinessShortCode", f"There is no {wanted} {number} here.")
    return StandingOrder(
        number=services.standing_orders.next_number(),
        reference_id=services.new_uuid(),
        name=name,
        shortcode=owner.number,
        buy_goods=buy_goods,
        amount_cents=fields.amount_cents("Amount"),
        msisdn=fields.msisdn("PartyA"),
        callback_url=fields.url("CallBackURL", filtered=world.rules.strict_urls),
        account=fields.text("AccountReference"),
        description=fields.optional("TransactionDesc"),
        starts_on=starts_on,
        ends_on=ends_on,
        frequency=fields.choice("Frequency", FREQUENCIES),
        asked_at=simulator.clock.now(),
    )


def _day(fields: Fields, name: str) -> date:
    spelled = fields.text(name)
    try:
        return datetime.strptime(spelled, "%Y%m%d").date()  # noqa: DTZ007, a day has no zone
    except ValueError:
        raise refusals.invalid_field(name, f"{name} must be a day as yyyymmdd.") from None
