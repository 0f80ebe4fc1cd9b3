"""Bill Manager's HTTP face: opting in, invoices alone or in bulk, changes, cancelling, reconciling (daraja.md 2.16).

Its answers have a shape of their own, and so has its refusal of a token. The header ``appKey`` says which biller is
meant; programs that leave it out are understood by the app that their token belongs to.
"""

from datetime import datetime
from typing import Any

import msgspec

from wakala.simulator import refusals
from wakala.simulator.bills import Biller, Bills, Invoice, new_app_key
from wakala.simulator.daraja import admitted, fields_of
from wakala.simulator.exchange import Answer, Incoming
from wakala.simulator.machine import Simulator
from wakala.simulator.reading import decode
from wakala.simulator.refusals import Refusal
from wakala.simulator.requests import Fields, is_msisdn
from wakala.simulator.world import App

INVOICES_MAX = 1_000
"""Of one bulk request."""

SUCCESS = {"resmsg": "Success", "rescode": "200"}
SENT = {"Status_Message": "Invoice sent successfully", **SUCCESS}
CANCELLED = {"Status_Message": "Invoice cancelled successfuly.", **SUCCESS, "errors": []}
"""With its misspelling, as on the wire."""

CONFLICT = {
    "Status_Message": "partially or fully paid invoices cannot be cancelled.",
    "resmsg": "Conflict",
    "rescode": "409",
    "errors": [],
}
DUE_SPELLINGS = ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S")


async def opt_in(simulator: Simulator, call: Incoming) -> Answer:
    """A shortcode begins to bill; one that does already keeps its key."""
    app, fields = _admitted(simulator, call), fields_of(call)
    bills = simulator.services.bills
    known = bills.biller_of(fields.shortcode("shortcode"))
    app_key = known.app_key if known is not None else new_app_key(simulator.world.random)
    bills.opt_in(_biller(simulator, fields, app, app_key))
    return Answer({"app_key": app_key, **SUCCESS})


async def change_details(simulator: Simulator, call: Incoming) -> Answer:
    """Other contacts, another callback URL."""
    app, fields = _admitted(simulator, call), fields_of(call)
    number = fields.shortcode("shortcode")
    known = simulator.services.bills.biller_of(number)
    if known is None:
        raise refusals.invalid_field("shortcode", f"{number} has not opted in to Bill Manager.")
    simulator.services.bills.opt_in(_biller(simulator, fields, app, known.app_key))
    return Answer(dict(SUCCESS))


async def send_one(simulator: Simulator, call: Incoming) -> Answer:
    """One invoice."""
    app = _admitted(simulator, call)
    return _send(simulator, call, app, [fields_of(call)])


async def send_many(simulator: Simulator, call: Incoming) -> Answer:
    """Up to a thousand invoices, as a bare array; one that is wrong stops all of them."""
    app = _admitted(simulator, call)
    return _send(simulator, call, app, _all_fields(call))


async def change_one(simulator: Simulator, call: Incoming) -> Answer:
    """Put another invoice in the place of an unpaid one.

    M-Pesa names this path only, in an e-mail on going live: body and answer are inferred from those of sending.
    """
    app = _admitted(simulator, call)
    return _change(simulator, call, app, [fields_of(call)])


async def change_many(simulator: Simulator, call: Incoming) -> Answer:
    """The same of up to a thousand, as a bare array; one that cannot be changed stops all of them. Inferred too."""
    app = _admitted(simulator, call)
    return _change(simulator, call, app, _all_fields(call))


async def cancel_one(simulator: Simulator, call: Incoming) -> Answer:
    """Take an unpaid invoice back."""
    app = _admitted(simulator, call)
    return _cancel(simulator, call, app, [fields_of(call)])


async def cancel_many(simulator: Simulator, call: Incoming) -> Answer:
    """Take unpaid invoices back; one that was paid stops all of them."""
    app = _admitted(simulator, call)
    return _cancel(simulator, call, app, _all_fields(call))


async def reconcile(simulator: Simulator, call: Incoming) -> Answer:
    """The biller says which payment was for which invoice."""
    app, fields = _admitted(simulator, call), fields_of(call)
    fields.text("paymentDate")
    paid_cents = fields.whole_cents("paidAmount")
    for name in ("accountReference", "phoneNumber", "fullName", "invoiceName"):
        fields.text(name)
    receipt, reference = fields.text("transactionId"), fields.text("externalReference")
    biller = simulator.services.bills.biller_for(call.app_key, app.key)
    invoice = simulator.services.bills.find(_key(biller), reference)
    if invoice is None:
        return Answer(dict(SUCCESS), reason=f"No invoice {reference} was sent from here; nobody gets an e-receipt.")
    simulator.services.bills.reconcile(invoice, receipt, paid_cents)
    return Answer(dict(SUCCESS), reason=f"{invoice.msisdn} gets an e-receipt.")


def _send(simulator: Simulator, call: Incoming, app: App, asked: list[Fields]) -> Answer:
    bills = simulator.services.bills
    biller = bills.biller_for(call.app_key, app.key)
    invoices = [_invoice(simulator, fields, _key(biller)) for fields in asked]
    for invoice in invoices:
        known = bills.find(invoice.app_key, invoice.reference)
        if known is not None and known.paid_cents:
            raise _conflict(known)
    bills.send(invoices)
    reason = "" if biller is not None else "No shortcode of this app has opted in; nobody is told when these are paid."
    return Answer(dict(SENT), reason=reason)


def _change(simulator: Simulator, call: Incoming, app: App, asked: list[Fields]) -> Answer:
    bills = simulator.services.bills
    biller = bills.biller_for(call.app_key, app.key)
    invoices = [_invoice(simulator, fields, _key(biller)) for fields in asked]
    for invoice in invoices:
        _unpaid(bills, biller, invoice.reference)
    bills.send(invoices)
    return Answer(dict(SENT))


def _cancel(simulator: Simulator, call: Incoming, app: App, asked: list[Fields]) -> Answer:
    bills = simulator.services.bills
    biller = bills.biller_for(call.app_key, app.key)
    bills.cancel([_unpaid(bills, biller, fields.text("externalReference")) for fields in asked])
    return Answer(dict(CANCELLED))


def _unpaid(bills: Bills, biller: Biller | None, reference: str) -> Invoice:
    """The open invoice that this biller means, of which nothing is paid."""
    invoice = bills.find(_key(biller), reference)
    if invoice is None:  # nobody knows how M-Pesa says this
        raise Refusal(400, "400.003.02", "Bad Request", f"There is no open invoice {reference}.")
    if invoice.paid_cents:
        raise _conflict(invoice)
    return invoice


def _conflict(invoice: Invoice) -> Refusal:
    return Refusal(
        409, "", "", f"Invoice {invoice.reference} was paid by {', '.join(invoice.receipts)}.", body=CONFLICT
    )


def _biller(simulator: Simulator, fields: Fields, app: App, app_key: str) -> Biller:
    number = fields.shortcode("shortcode")
    if number not in simulator.world.shortcodes or not app.may_use(number):
        raise refusals.invalid_field("shortcode", f"There is no shortcode {number} that this app may use.")
    return Biller(
        app_key=app_key,
        owner=app.key,
        shortcode=number,
        email=fields.text("email"),
        contact=fields.text("officialContact"),
        sends_reminders=fields.choice("sendReminders", ("0", "1")) == "1",
        logo=fields.optional("logo"),
        callback_url=fields.url("callbackurl", filtered=simulator.world.rules.strict_urls),
    )


def _invoice(simulator: Simulator, fields: Fields, app_key: str) -> Invoice:
    return Invoice(
        reference=fields.text("externalReference"),
        app_key=app_key,
        payer=fields.text("billedFullName"),
        msisdn=_phone(fields),
        period=fields.text("billedPeriod"),
        name=fields.text("invoiceName"),
        due_on=_due(fields),
        account=fields.text("accountReference"),
        amount_cents=fields.whole_cents("amount"),
        sent_at=simulator.clock.now(),
    )


def _phone(fields: Fields) -> str:
    spelled = fields.text("billedPhoneNumber").removeprefix("+")
    msisdn = f"254{spelled[1:]}" if spelled.startswith("0") else spelled
    if not is_msisdn(msisdn):
        raise refusals.invalid_field("billedPhoneNumber", "billedPhoneNumber must be a number like 0712345678.")
    return msisdn


def _due(fields: Fields) -> str:
    spelled = fields.text("dueDate")
    for spelling in DUE_SPELLINGS:
        try:
            return f"{datetime.strptime(spelled, spelling):%Y-%m-%d}"  # noqa: DTZ007, it has no zone on the wire
        except ValueError:
            continue
    raise refusals.invalid_field("dueDate", "dueDate must be a day as YYYY-MM-DD, with or without a time.")


def _all_fields(call: Incoming) -> list[Fields]:
    try:
        each = decode(call.body, list[msgspec.Raw])
    except msgspec.DecodeError as broken:
        raise refusals.invalid_payload(f"The body is no JSON array: {broken}") from None
    if not 1 <= len(each) <= INVOICES_MAX:
        raise refusals.invalid_payload(f"The array has {len(each)} entries; 1 to {INVOICES_MAX} are allowed.")
    return [Fields(bytes(raw), call.content_type) for raw in each]


def _admitted(simulator: Simulator, call: Incoming) -> App:
    try:
        return admitted(simulator, call)
    except Refusal as refused:
        if refused.code != "404.001.03":
            raise
        body: dict[str, Any] = {"errorCode": "401", "errorMessage": "Unauthorized - Invalid Access Token"}
        raise Refusal(401, "", "", refused.reason, body=body) from None


def _key(biller: Biller | None) -> str:
    return biller.app_key if biller is not None else ""
