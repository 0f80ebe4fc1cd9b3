"""B2B Express's HTTP face: one request puts a menu on the phone that answers for a till (daraja.md 2.18)."""

from wakala.simulator import refusals
from wakala.simulator.checkouts import Checkout
from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.requests import Fields

ACCEPTED = {"code": "0", "status": "USSD Initiated Successfully"}


async def push(simulator: Simulator, call: Incoming) -> Answer:
    """Take a checkout; the menu goes out when the answer has left."""
    app = admitted(simulator, call)
    checkout = _read(simulator, fields_of(call))
    if not app.may_use(checkout.receiver):
        raise refusals.invalid_field("receiverShortCode", f"The app of this token may not use {checkout.receiver}.")
    simulator.services.checkouts.add(checkout)
    return Answer(dict(ACCEPTED), after=lambda: simulator.services.checkouts.begin(checkout))


def _read(simulator: Simulator, fields: Fields) -> Checkout:
    till, receiver = fields.shortcode("primaryShortCode"), fields.shortcode("receiverShortCode")
    if receiver not in simulator.world.shortcodes:
        raise refusals.invalid_field("receiverShortCode", f"There is no paybill or store number {receiver} here.")
    return Checkout(
        number=simulator.services.checkouts.next_number(),
        till=till,
        receiver=receiver,
        amount_cents=fields.amount_cents("amount"),
        reference=fields.text("paymentRef"),
        callback_url=fields.url("callbackUrl", filtered=simulator.world.rules.strict_urls),
        partner=fields.text("partnerName"),
        # The table of the documentation spells it otherwise than its sample.
        request_id=fields.optional("RequestRefId") or fields.text("RequestRefID"),
        asked_at=simulator.clock.now(),
    )
