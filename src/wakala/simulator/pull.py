"""Pull: a shortcode's customer payments of the last two days, for whoever missed a confirmation (daraja.md 2.19)."""

from datetime import datetime, timedelta
from typing import Any

from wakala.simulator import refusals
from wakala.simulator.clock import EAT
from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.messages import shillings
from wakala.simulator.refusals import Refusal
from wakala.simulator.requests import Fields
from wakala.simulator.world import Payment, Shortcode

MEMORY = timedelta(hours=48)
"""How long M-Pesa keeps what Pull shows; a window cannot be longer either."""

PAGE_ROWS = 100
OFFSET_MAX_ROWS = 10_000_000
MOMENT_SPELLINGS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d")
"""The last one is nowhere documented; a day alone means its midnight here."""


async def register(simulator: Simulator, call: Incoming) -> Answer:
    """Switch Pull on for a shortcode. What the CallBackURL is for is not known; nothing is ever sent there."""
    _admitted(simulator, call, "POST")
    fields = fields_of(call)
    shortcode = _shortcode(simulator, fields)
    fields.choice("RequestType", ("Pull",))
    fields.text("NominatedNumber")
    fields.url("CallBackURL", filtered=False)
    known = shortcode.number in simulator.services.pulling
    simulator.services.pulling.add(shortcode.number)
    return Answer(
        {
            "ResponseRefID": simulator.services.new_uuid(),
            "ResponseStatus": "1001" if known else "1000",
            "ShortCode": shortcode.number,
            "ResponseDescription": "ShortCode already Registered" if known else "Shortcode Registered Successfully",
        }
    )


async def query(simulator: Simulator, call: Incoming) -> Answer:
    """One page of payments. Documented as GET and called as POST by everyone, so both are taken, with a body."""
    _admitted(simulator, call, call.method if call.method == "GET" else "POST")
    fields = fields_of(call)
    shortcode = _shortcode(simulator, fields)
    since, until = _moment(fields, "StartDate"), _moment(fields, "EndDate")
    offset = fields.number("OffSetValue", 0, OFFSET_MAX_ROWS, at_least=0)
    if until < since:
        raise refusals.invalid_field("EndDate", "EndDate lies before StartDate.")
    kept_since = simulator.clock.now() - MEMORY
    found = simulator.world.collected(shortcode, max(since, kept_since), until)
    rows = [_row(payment) for payment in found[offset : offset + PAGE_ROWS]]
    body = {
        "ResponseRefID": simulator.world.next_request_id(),
        "ResponseCode": "1000" if rows else "1001",
        "ResponseMessage": "Success" if rows else "Null",
        "Response": [rows],
    }
    return Answer(body, reason=_reason(shortcode, len(found), older=since < kept_since, simulator=simulator))


def _reason(shortcode: Shortcode, count: int, *, older: bool, simulator: Simulator) -> str:
    parts = [f"{count} payments to {shortcode.number} lie in the window."]
    if older:
        parts.append("What is older than 48 hours is no longer kept.")
    if shortcode.number not in simulator.services.pulling:
        parts.append("Production wants the shortcode registered for Pull first.")
    return " ".join(parts)


def _row(payment: Payment) -> dict[str, Any]:
    """The number lacks its country code; the time is Nairobi's in spite of its Z, as far as anyone knows.

    What a till's payment is called was never printed; ours follows the paybill's.
    """
    at = payment.settled_at or payment.asked_at
    return {
        "transactionId": payment.receipt,
        "trxDate": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "msisdn": int(payment.phone.msisdn.removeprefix("254")),
        "sender": "MPESA",
        "transactiontype": "c2b-buy-goods-debit" if payment.buy_goods else "c2b-pay-bill-debit",
        "billreference": "" if payment.buy_goods else payment.account,
        "amount": shillings(payment.amount_cents),
        "organizationname": payment.shortcode.name,
    }


def _admitted(simulator: Simulator, call: Incoming, method: str) -> None:
    """Pull says 401.001 where other APIs say 404.001.03 (daraja.md 1.4)."""
    try:
        admitted(simulator, call, method)
    except Refusal as refused:
        if refused.code == "404.001.03":
            raise Refusal(401, "401.001", "Invalid Access Token", refused.reason) from None
        raise


def _shortcode(simulator: Simulator, fields: Fields) -> Shortcode:
    number = fields.optional("ShortCode")
    shortcode = simulator.world.shortcodes.get(number)
    if shortcode is None:
        raise Refusal(400, "400.001", "Invalid ShortCode", f"There is no paybill or store number {number!r} here.")
    return shortcode


def _moment(fields: Fields, name: str) -> datetime:
    spelled = fields.text(name)
    for spelling in MOMENT_SPELLINGS:
        try:
            return datetime.strptime(spelled, spelling).replace(tzinfo=EAT)
        except ValueError:
            continue
    raise refusals.invalid_field(name, f"{name} must be a time in Nairobi as YYYY-MM-DD HH:mm:ss.")
