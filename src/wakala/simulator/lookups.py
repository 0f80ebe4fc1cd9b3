"""Questions that are answered at once: QR codes, names of customers and organisations, SIM cards and lines.

Each has an envelope of its own (daraja.md 2.8, 2.15, 2.20 and 2.21). None moves money, none calls back.
"""

from datetime import datetime, timedelta
from typing import Any, cast

import msgspec

from wakala.simulator import identifiers, lines, qr, refusals
from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.reading import decode
from wakala.simulator.refusals import Refusal
from wakala.simulator.requests import is_msisdn

QR_DEFAULT_PIXELS = 300
NEVER_SWAPPED = datetime(1900, 1, 1)  # noqa: DTZ001, a mark and no moment
SWAP_MEMORY = timedelta(days=90)
"""The newer swap API shows 1900 for a SIM that was not swapped within three months (daraja.md 2.20)."""

FOUND = "4000"
"""What production clients take for success; the documentation's table says 0 (daraja.md 2.21)."""

CHARGE_PROFILE = "20142"


async def make_qr(simulator: Simulator, call: Incoming) -> Answer:
    """A picture that a customer scans to pay."""
    admitted(simulator, call)
    fields = fields_of(call)
    merchant, reference = fields.text("MerchantName"), fields.text("RefNo")
    amount_cents = fields.amount_cents("Amount")
    purpose = cast("qr.Purpose", fields.choice("TrxCode", qr.PURPOSES))
    code = qr.Code(merchant, reference, amount_cents, purpose, fields.text("CPI"))
    size_pixels = fields.number("Size", QR_DEFAULT_PIXELS, qr.SIZE_MAX_PIXELS)
    body = {
        "ResponseCode": "00",
        "RequestID": simulator.world.next_request_id(),
        "ResponseDescription": "QR Code Successfully Generated.",
        "QRCode": qr.picture(code, size_pixels),
    }
    return Answer(body, reason=f"The picture says {code.text}")


async def customer_name(simulator: Simulator, call: Incoming) -> Answer:
    """Hakikisha: the name behind a number before a payout goes there (daraja.md 2.8)."""
    admitted(simulator, call)
    request_id, asked = _hakikisha(call)
    msisdn = str(asked.get("msisdn") or "")
    phone = simulator.world.phone(msisdn) if is_msisdn(msisdn) else None
    header = {"requestID": request_id, "timestamp": str(int(simulator.clock.seconds()))}
    if phone is None or not phone.registered:
        why = "is not registered for M-Pesa" if phone else "is no number of 12 digits like 254712345678"
        failed = {"header": {**header, "status": "400", "message": "Failed"}, "body": {"message": "Customer not found"}}
        raise Refusal(400, "", "", f"{msisdn!r} {why}.", body=failed)
    middle, last = lines.masked_names(msisdn)
    return Answer(
        {
            "header": {**header, "status": "200", "message": "Success"},
            "body": {"firstName": phone.name, "middleName": middle, "lastName": last},
        }
    )


async def organisation(simulator: Simulator, call: Incoming) -> Answer:
    """Whose paybill or till a number is (daraja.md 2.21)."""
    admitted(simulator, call)
    fields = fields_of(call)
    kind, number = fields.choice("IdentifierType", ("4", "2")), fields.text("Identifier")
    owner = simulator.world.owner_of(number)
    by_till = owner is not None and owner.till == number
    if owner is None or by_till != (kind == "2"):
        wanted = "till" if kind == "2" else "paybill or store number"
        raise refusals.invalid_field("Identifier", f"There is no {wanted} {number} here.")
    return Answer(
        {
            "ConversationID": identifiers.conversation_id(simulator.clock.now(), simulator.world.random),
            "ResponseCode": FOUND,
            "ResponseMessage": "Success",
            "DetailedMessage": "Organization found",
            "OrganizationShortCode": number,
            "OrganizationName": owner.name,
            "ChargeProfileID": CHARGE_PROFILE,
        }
    )


async def imsi(simulator: Simulator, call: Incoming) -> Answer:
    """SIM, last swap and age of a line: version 1 of checkATI."""
    msisdn, line = _line(simulator, call)
    swapped_at = line.swapped_at or NEVER_SWAPPED
    return _about_line(
        simulator,
        {
            "imsi": line.imsi,
            "lastSwapDate": f"{swapped_at:%d-%m-%Y}",
            "msisdnRegistrationDate": f"{line.registered_on:%d-%m-%Y}",
            "customerNumber": msisdn,
        },
    )


async def swap(simulator: Simulator, call: Incoming) -> Answer:
    """The last swap alone: version 2 of checkATI."""
    _, line = _line(simulator, call)
    is_recent = line.swapped_at is not None and line.swapped_at > simulator.clock.now() - SWAP_MEMORY
    swapped_at = line.swapped_at if line.swapped_at is not None and is_recent else NEVER_SWAPPED
    return _about_line(simulator, {"lastSwapDate": f"{swapped_at:%d-%m-%Y %H:%M}"})


async def age_on_network(simulator: Simulator, call: Incoming) -> Answer:
    """Since when a line exists."""
    msisdn, line = _line(simulator, call)
    registered_on = f"{line.registered_on:%d-%m-%Y}"
    return _about_line(simulator, {"msisdnRegistrationDate": registered_on, "customerNumber": msisdn})


async def identity(simulator: Simulator, call: Incoming) -> Answer:
    """Whether a number belongs to the holder of a document. The words of ``status`` are ours (daraja.md 2.20)."""
    admitted(simulator, call)
    fields = fields_of(call)
    request_id = fields.text("requestRefID")
    fields.shortcode("shortCode")
    msisdn = fields.msisdn("msisdn")
    fields.text("idType")
    number = fields.text("idNumber")
    known = simulator.services.line(msisdn).id_number
    body = {
        "responseRefID": request_id,
        "responseCode": "200",
        "responseMessage": "Success",
        "status": "MATCH" if known in ("", number) else "MISMATCH",
    }
    return Answer(body, reason="" if known else "No document was set for this line, so that any matches.")


def _line(simulator: Simulator, call: Incoming) -> tuple[str, lines.Line]:
    admitted(simulator, call)
    msisdn = fields_of(call).msisdn("customerNumber")
    return msisdn, simulator.services.line(msisdn)


def _about_line(simulator: Simulator, said: dict[str, str]) -> Answer:
    request_id = simulator.world.next_request_id()
    return Answer({"requestRefID": request_id, "responseCode": "200", "responseDesc": "Success", **said})


def _hakikisha(call: Incoming) -> tuple[str, dict[str, Any]]:
    """The request ID and the inner body; what is missing is empty."""
    try:
        asked = decode(call.body, dict[str, dict[str, Any]])
    except msgspec.DecodeError as broken:
        raise refusals.invalid_payload(f"The body is no object of a header and a body: {broken}") from None
    return str(asked.get("header", {}).get("requestID") or ""), asked.get("body", {})
