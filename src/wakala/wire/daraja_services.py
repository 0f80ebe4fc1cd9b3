"""Commands without an API operator: answered at once, or by prompts of other kinds than STK (daraja.md 2.3-2.21)."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from wakala.errors import InvalidFieldsError
from wakala.rules import msisdn as msisdns
from wakala.rules.commands import BILL_PREFIX
from wakala.rules.matching import reference_as_sent
from wakala.rules.money import plain, whole_shillings
from wakala.wire.outbound import (
    PAYBILL_OR_STORE,
    TILL,
    Encoded,
    Encoder,
    Outbound,
    amount,
    bill_amount,
    detail,
    local_phone,
    one_line,
)

ORDER_DESCRIPTION_MAX_CHARS = 13  # M-Pesa's width of TransactionDesc (daraja.md 2.17)

# ── C2B ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _register(out: Outbound) -> Encoded:
    """Version 2, which masks payers' numbers, where nobody asks for 1, which hashes them (daraja.md 2.3).

    What ``ResponseType`` says happens when we are down.
    """
    return f"/mpesa/c2b/{detail(out, 'Version', 'v2')}/registerurl", {
        "ShortCode": out.shortcode,
        "ResponseType": detail(out, "ResponseType", "Completed"),
        "ConfirmationURL": detail(out, "ConfirmationURL", out.callback_url),
        "ValidationURL": detail(out, "ValidationURL", out.callback_url),
    }


def _simulate(command_id: str, out: Outbound) -> Encoded:
    """A payment by hand that nobody made; a till's has no reference (daraja.md 2.4)."""
    return "/mpesa/c2b/v2/simulate", {
        "ShortCode": out.shortcode,
        "CommandID": command_id,
        "Amount": amount(out),
        "Msisdn": out.msisdn,
        "BillRefNumber": out.reference or None,
    }


# ── QR code ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _qr(out: Outbound) -> Encoded:
    """The amount is a number here, and the size text (daraja.md 2.15)."""
    return "/mpesa/qrcode/v1/generate", {
        "MerchantName": detail(out, "MerchantName"),
        "RefNo": out.reference,
        "Amount": whole_shillings(out.amount_cents),
        "TrxCode": detail(out, "TrxCode", "BG" if out.till else "PB"),
        "CPI": detail(out, "CPI", out.payee),
        "Size": detail(out, "Size", "300"),
    }


# ── Bill Manager ─────────────────────────────────────────────────────────────────────────────────────────────────────

_BILL = f"{BILL_PREFIX}/"


def path_below(prefix: str, path: str) -> str:
    """A path of Bill Manager's below another prefix; every other path as it is."""
    return prefix + path.removeprefix(BILL_PREFIX) if path.startswith(_BILL) else path


def _opt_in(name: str, out: Outbound) -> Encoded:
    return _BILL + name, {
        "shortcode": out.shortcode,
        "email": detail(out, "Email"),
        "officialContact": local_phone(detail(out, "OfficialContact")),
        "sendReminders": "1" if out.details.get("SendReminders", True) else "0",
        "logo": detail(out, "Logo"),
        "callbackurl": out.callback_url,
    }


def _one_invoice(name: str, out: Outbound) -> Encoded:
    """Sent or changed. That both take the same body is inferred: of changing M-Pesa names the path only."""
    return _BILL + name, _invoice(_with_columns(out))


def _many_invoices(name: str, out: Outbound) -> Encoded:
    """A bare list, and no object around it (daraja.md 2.16); of changes too, as far as anyone knows."""
    return _BILL + name, [_invoice(each) for each in out.details["Invoices"]]


def _reconciliation(out: Outbound) -> Encoded:
    """Tell M-Pesa that a bill's payment was booked; the customer gets a receipt for it (daraja.md 2.16)."""
    told = _with_columns(out)
    return _BILL + "reconciliation", {
        "paymentDate": told["PaymentDate"],
        "paidAmount": bill_amount(told["Amount"]),
        "accountReference": told["AccountReference"],
        "transactionId": str(told["TransactionID"]).upper(),
        "phoneNumber": local_phone(told["PhoneNumber"]),
        "fullName": told["FullName"],
        "invoiceName": told["InvoiceName"],
        "externalReference": told["ExternalReference"],
    }


def _cancel_one(out: Outbound) -> Encoded:
    return _BILL + "cancel-single-invoice", {"externalReference": out.details["ExternalReference"]}


def _cancel_many(out: Outbound) -> Encoded:
    return _BILL + "cancel-bulk-invoices", [{"externalReference": name} for name in out.details["ExternalReferences"]]


def _with_columns(out: Outbound) -> dict[str, Any]:
    """The fields of a bill that stand in columns of the request, among the others again."""
    columns: dict[str, Any] = {
        "AccountReference": out.reference,
        "Amount": plain(out.amount_cents),
        "BilledPhoneNumber": out.msisdn,
        "PhoneNumber": out.msisdn,
    }
    return columns | dict(out.details)


def _invoice(fields: Mapping[str, Any]) -> dict[str, Any]:
    lines = [
        {"itemName": each["ItemName"], "amount": bill_amount(each["Amount"])}
        for each in fields.get("InvoiceItems") or ()
    ]
    return {
        "externalReference": fields["ExternalReference"],
        "billedFullName": fields["BilledFullName"],
        "billedPhoneNumber": local_phone(fields["BilledPhoneNumber"]),
        "billedPeriod": fields["BilledPeriod"],
        "invoiceName": fields["InvoiceName"],
        "dueDate": fields["DueDate"],
        "accountReference": fields["AccountReference"],
        "amount": bill_amount(fields["Amount"]),
        **({"invoiceItems": lines} if lines else {}),
    }


# ── prompts of other kinds ───────────────────────────────────────────────────────────────────────────────────────────

FREQUENCIES: Mapping[str, str] = MappingProxyType(
    {
        "one-off": "1",
        "daily": "2",
        "weekly": "3",
        "monthly": "4",
        "bi-monthly": "5",
        "quarterly": "6",
        "half-yearly": "7",
        "yearly": "8",
    }
)


def _standing_order(out: Outbound) -> Encoded:
    """Ratiba: one PIN for many payments. "Marchant" is M-Pesa's spelling (daraja.md 2.17).

    The receiver's identifier type says whether its number is a paybill's or a till's: a till goes by its till number.
    """
    account = reference_as_sent(out.reference)
    return "/standingorder/v1/createStandingOrderExternal", {
        "StandingOrderName": detail(out, "StandingOrderName"),
        "StartDate": detail(out, "StartDate").replace("-", ""),
        "EndDate": detail(out, "EndDate").replace("-", ""),
        "BusinessShortCode": out.payee,
        "TransactionType": f"Standing Order Customer Pay {'Marchant' if out.till else 'Bill'}",
        "ReceiverPartyIdentifierType": TILL if out.till else PAYBILL_OR_STORE,
        "Amount": amount(out),
        "PartyA": out.msisdn,
        "CallBackURL": out.callback_url,
        "AccountReference": account,
        "TransactionDesc": one_line(out.description, ORDER_DESCRIPTION_MAX_CHARS) or account,
        "Frequency": _frequency(detail(out, "Frequency")),
    }


def _frequency(given: str) -> str:
    if given in FREQUENCIES.values():
        return given
    try:
        return FREQUENCIES[given.lower()]
    except KeyError:
        raise InvalidFieldsError(f"Send as Frequency one of {', '.join(FREQUENCIES)}.") from None


def _express(out: Outbound) -> Encoded:
    """Ask a business to pay from its till. ``RequestRefID`` comes back in the callback (daraja.md 2.18)."""
    return "/v1/ussdpush/get-msisdn", {
        "primaryShortCode": detail(out, "PrimaryShortcode", detail(out, "SenderTill")),
        "receiverShortCode": out.payee,
        "amount": amount(out),
        "paymentRef": out.reference,
        "callbackUrl": out.callback_url,
        "partnerName": detail(out, "PartnerName"),
        "RequestRefID": out.request_id,
    }


# ── Pull, and questions about numbers ────────────────────────────────────────────────────────────────────────────────


def _pull_register(out: Outbound) -> Encoded:
    return "/pulltransactions/v1/register", {
        "ShortCode": out.shortcode,
        "RequestType": "Pull",
        "NominatedNumber": msisdns.parse(detail(out, "NominatedNumber", out.msisdn)),
        "CallBackURL": out.callback_url,
    }


def _pull_query(out: Outbound) -> Encoded:
    """The documents call this a GET; everybody, and so we, POST it (daraja.md 2.19)."""
    return "/pulltransactions/v1/query", {
        "ShortCode": out.shortcode,
        "StartDate": detail(out, "StartDate"),
        "EndDate": detail(out, "EndDate"),
        "OffSetValue": detail(out, "Offset", "0"),
    }


def _hakikisha(out: Outbound) -> Encoded:
    """Header and body, and a clock in seconds since 1970 (daraja.md 2.8)."""
    return "/mpesa/b2c/hakikisha/v1/hakikisha", {
        "header": {"requestID": out.request_id, "timestamp": str(out.now_us // 1_000_000)},
        "body": {"msisdn": _asked_number(out), "shortcode": out.shortcode},
    }


def _organisation(out: Outbound) -> Encoded:
    kind = TILL if detail(out, "IdentifierType") == "till" else PAYBILL_OR_STORE
    return "/sfcverify/v1/query/info", {"IdentifierType": kind, "Identifier": detail(out, "Identifier")}


def _about_sim(version: int, out: Outbound) -> Encoded:
    """Version 1 tells IMSI, age and swap; version 2 the swap alone (daraja.md 2.20)."""
    return f"/imsi/v{version}/checkATI", {"customerNumber": _asked_number(out)}


def _asked_number(out: Outbound) -> str:
    return msisdns.parse(out.msisdn or detail(out, "MSISDN"))


ENCODERS: dict[str, Encoder] = {
    "c2b/registerurl": _register,
    "c2b/customerpaybill": partial(_simulate, "CustomerPayBillOnline"),
    "c2b/customerbuygoods": partial(_simulate, "CustomerBuyGoodsOnline"),
    "qrcode/generate": _qr,
    "billmanager/optin": partial(_opt_in, "optin"),
    "billmanager/changeoptindetails": partial(_opt_in, "change-optin-details"),
    "billmanager/singleinvoicing": partial(_one_invoice, "single-invoicing"),
    "billmanager/bulkinvoicing": partial(_many_invoices, "bulk-invoicing"),
    "billmanager/changeinvoice": partial(_one_invoice, "change-invoice"),
    "billmanager/changeinvoices": partial(_many_invoices, "change-invoices"),
    "billmanager/reconciliation": _reconciliation,
    "billmanager/cancelsingleinvoice": _cancel_one,
    "billmanager/cancelbulkinvoices": _cancel_many,
    "standingorder/create": _standing_order,
    "b2b/expresscheckout": _express,
    "pulltransactions/register": _pull_register,
    "pulltransactions/query": _pull_query,
    "b2c/hakikisha": _hakikisha,
    "organisation/queryinfo": _organisation,
    "imsi/checkati": partial(_about_sim, 1),
    "imsi/checkswap": partial(_about_sim, 2),
}
