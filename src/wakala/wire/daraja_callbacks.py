"""Calls of M-Pesa's with envelopes of their own: standing orders, till-to-till checkout, paid bills (daraja.md 3.6)."""

from dataclasses import dataclass
from typing import Any

from wakala.errors import MalformedUpstreamError
from wakala.wire.daraja_codes import Family, decode_result_of
from wakala.wire.loose_json import text
from wakala.wire.loose_results import CommandResult, compact, first, inner_folded, named_values, object_in, party_name
from wakala.wire.loose_values import fold, folded, read_cents, read_msisdn, read_receipt
from wakala.wire.stk_results import CODE_MAX_CHARS


def read_standing_order_callback(body: bytes) -> CommandResult:
    """Whether the customer agreed. Successes come in lower camel case, failures in Pascal case (daraja.md 2.17)."""
    root = object_in(body, "standing order callback")
    told = folded(root)
    header = inner_folded(told, "responseheader")
    data = named_values(inner_folded(told, "responsebody").get("responsedata"))
    values = {fold(name): value for name, value in data.items()}
    return _result(
        "standing_order",
        root,
        code=text(header.get("responsecode")) or text(values.get("responsecode")),
        description=text(first(header, "responsedescription", "resultdesc")),
        originator=text(header.get("requestrefid")),
        conversation=text(header.get("responserefid")),
        receipt=read_receipt(values.get("transactionid")),
        parameters=data,
    )


def read_express_callback(body: bytes) -> CommandResult:
    """Whether the other till paid: one flat object of texts (daraja.md 2.18)."""
    root = object_in(body, "callback of a checkout between tills")
    told = folded(root)
    reference = first(told, "paymentreference", "paymentref")
    return _result(
        "express",
        root,
        code=text(told.get("resultcode")),
        description=text(told.get("resultdesc")),
        originator=text(first(told, "requestid", "requestrefid")),
        conversation=text(told.get("conversationid")),
        receipt=read_receipt(told.get("transactionid")),
        parameters=dict(root),
        reference={"PaymentReference": reference} if reference is not None else {},
        amount_cents=read_cents(told.get("amount")),
        party=party_name(first(told, "partyname", "receiverpartypublicname", "debitpartyname")),
    )


def _result(
    family: Family,
    root: dict[str, object],
    *,
    code: str | None,
    description: str | None,
    originator: str | None,
    conversation: str | None,
    receipt: str | None,
    parameters: dict[str, Any],
    reference: dict[str, Any] | None = None,
    amount_cents: int | None = None,
    party: str | None = None,
) -> CommandResult:
    if not code or not (originator or conversation):
        raise MalformedUpstreamError("M-Pesa's callback lacks its result code or its IDs; it is kept byte for byte.")
    code = code[:CODE_MAX_CHARS]
    decoded = decode_result_of(family, code, description or "")
    return CommandResult(
        code=code,
        description=description or "",
        paid=decoded.paid,
        originator_conversation_id=originator or "",
        conversation_id=conversation or "",
        receipt=receipt,
        parameters=parameters,
        reference=reference or {},
        amount_cents=amount_cents,
        paid_us=None,  # neither tells the time
        party_name=party,
        raw=compact(root),
        outcome=decoded.outcome,
    )


# ── paid bills ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class BillPayment:
    """A paid invoice. ``msisdn`` is as sent where it is no full number; the day is M-Pesa's text, without a time."""

    receipt: str
    amount_cents: int
    msisdn: str
    paid_on: str
    reference: str
    shortcode: str


def read_billmanager_payment(body: bytes) -> BillPayment:
    """Bill Manager's push, the one call that M-Pesa repeats, up to five times (daraja.md 2.16)."""
    told = folded(object_in(body, "bill payment"))
    receipt = read_receipt(told.get("transactionid"))
    amount_cents = read_cents(told.get("paidamount"))
    shortcode = text(told.get("shortcode"))
    if receipt is None or amount_cents is None or not shortcode:
        raise MalformedUpstreamError("M-Pesa's bill payment lacks its receipt, amount or shortcode; it is kept whole.")
    return BillPayment(
        receipt=receipt,
        amount_cents=amount_cents,
        msisdn=read_msisdn(told.get("msisdn")) or text(told.get("msisdn")) or "",
        paid_on=text(told.get("datecreated")) or "",
        reference=text(told.get("accountreference")) or "",
        shortcode=shortcode,
    )
