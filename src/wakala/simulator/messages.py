"""The bodies M-Pesa sends to merchants, byte for byte in its shapes (daraja.md 2.5 and 3.1)."""

import hashlib
from typing import Any

import msgspec

from wakala.simulator.commands import Command
from wakala.simulator.identifiers import stamp
from wakala.simulator.world import Payment, Rules, Shortcode

JSON_TYPE = "application/json;charset=UTF-8"
PAYBILL_TYPE = "Pay Bill"
TILL_TYPE = "Customer Merchant Payment"
"""What tills really send; the documentation says Buy Goods (daraja.md 2.5)."""

TRANSFER_TYPE = "Organization To Organization Transfer"


def shillings(cents: int) -> str:
    """Two decimals, no separator; charges may be below zero."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02d}"


def grouped(cents: int) -> str:
    """Two decimals and commas, as people read money; never on the wire."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100:,}.{abs(cents) % 100:02d}"


def stk_callback(payment: Payment, amount_cents: int) -> bytes:
    """The result of a prompt. Metadata exists only on success; no Balance item, as since 2023."""
    if payment.result is None or payment.settled_at is None:
        raise AssertionError("A callback is written after the payment has settled.")
    callback: dict[str, Any] = {
        "MerchantRequestID": payment.merchant_request_id,
        "CheckoutRequestID": payment.checkout_id,
        "ResultCode": payment.result.code,
        "ResultDesc": payment.result.text,
    }
    if payment.paid:
        items = [
            {"Name": "Amount", "Value": msgspec.Raw(shillings(amount_cents).encode())},
            {"Name": "MpesaReceiptNumber", "Value": payment.receipt},
            {"Name": "TransactionDate", "Value": int(stamp(payment.settled_at))},
            {"Name": "PhoneNumber", "Value": int(payment.phone.msisdn)},
        ]
        callback["CallbackMetadata"] = {"Item": items}
    return msgspec.json.encode({"Body": {"stkCallback": callback}})


def c2b_notice(payment: Payment, amount_cents: int, rules: Rules, *, for_validation: bool = False) -> bytes:
    """The body of both C2B calls; the balance is empty on validation, and every value is a string."""
    body = {
        "TransactionType": TILL_TYPE if payment.buy_goods else PAYBILL_TYPE,
        "TransID": payment.receipt,
        "TransTime": stamp(payment.settled_at or payment.asked_at),
        "TransAmount": shillings(amount_cents),
        "BusinessShortCode": payment.shortcode.number,
        "BillRefNumber": "" if payment.buy_goods else payment.account,
        "InvoiceNumber": "",
        "OrgAccountBalance": "" if for_validation else shillings(payment.shortcode_balance_cents),
        "ThirdPartyTransID": payment.third_party_id,
        "MSISDN": _shown_msisdn(payment, rules),
        "FirstName": payment.phone.name,
        "MiddleName": "",
        "LastName": "",
    }
    return msgspec.json.encode(body)


def transfer_notice(command: Command, payer: Shortcode, receiver: Shortcode, amount_cents: int) -> bytes:
    """What a business is told when another one paid it: the payer's shortcode as MSISDN, no balance, names of null."""
    body = {
        "TransactionType": TRANSFER_TYPE,
        "TransID": command.receipt,
        "TransTime": stamp(command.settled_at or command.asked_at),
        "TransAmount": shillings(amount_cents),
        "BusinessShortCode": receiver.number,
        "BillRefNumber": command.asked.account,
        "InvoiceNumber": "",
        "OrgAccountBalance": "",
        "ThirdPartyTransID": "",
        "MSISDN": payer.number,
        "FirstName": payer.name.upper(),
        "MiddleName": None,
        "LastName": None,
    }
    return msgspec.json.encode(body)


def _shown_msisdn(payment: Payment, rules: Rules) -> str:
    """As the registration's version has it; the first version showed plain numbers before 2022 (daraja.md 2.3)."""
    urls, msisdn = payment.shortcode.urls, payment.phone.msisdn
    if urls is None or urls.version == "v2":
        return mask_msisdn(msisdn)
    return msisdn if rules.v1_plain_msisdn else hash_msisdn(msisdn)


def mask_msisdn(msisdn: str) -> str:
    """``2547 ***** 142``: the style of C2B v2, spaces and all."""
    return f"{msisdn[:4]} ***** {msisdn[-3:]}"


def hash_msisdn(msisdn: str) -> str:
    """SHA-256 in hexadecimal: the style of C2B v1."""
    return hashlib.sha256(msisdn.encode()).hexdigest()
