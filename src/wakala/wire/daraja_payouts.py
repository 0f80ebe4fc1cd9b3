"""Commands that speak as the API operator: M-Pesa queues them and sends a Result later (daraja.md 2.6-2.14).

Misspelled names are M-Pesa's: RecieverIdentifierType, and Occassion for payouts and transfers but Occasion elsewhere.
"""

from functools import partial

from wakala.rules import msisdn as msisdns
from wakala.wire.outbound import PAYBILL_OR_STORE, Encoded, Encoder, Outbound, amount, detail, occasion, remarks

REVERSAL_RECEIVER = "11"  # reversals alone name their receiver so; old documents say 4 (daraja.md 2.14)
TAX_COLLECTOR = "572572"  # the revenue authority, the only receiver of tax (daraja.md 2.11)


def _payout(path: str, command_id: str, out: Outbound) -> Encoded:
    """Money to a phone. Our request ID goes along, so that M-Pesa, too, refuses to pay it twice (daraja.md 2.6)."""
    return path, {
        "OriginatorConversationID": out.request_id,
        "InitiatorName": out.initiator,
        "SecurityCredential": out.security_credential,
        "CommandID": command_id,
        "Amount": amount(out),
        "PartyA": out.shortcode,
        "PartyB": out.msisdn,
        "Remarks": remarks(out, command_id),
        "QueueTimeOutURL": out.timeout_url,
        "ResultURL": out.result_url,
        "Occassion": occasion(out),
    }


def _transfer(path: str, command_id: str, out: Outbound) -> Encoded:
    """Money to another business, or between own accounts where no receiver is named (daraja.md 2.9).

    The receiver counts as a shortcode even where it is a till: so M-Pesa's own sample has it, though some clients send
    the till's identifier type.
    """
    optional = {
        "AccountReference": " ".join(out.reference.split()),  # never cut: it names somebody's account
        "Requester": _requester(out),
        "Occassion": occasion(out),
    }
    return path, {
        "OriginatorConversationID": out.request_id,
        "Initiator": out.initiator,
        "SecurityCredential": out.security_credential,
        "CommandID": command_id,
        "SenderIdentifierType": PAYBILL_OR_STORE,
        "RecieverIdentifierType": PAYBILL_OR_STORE,
        "Amount": amount(out),
        "PartyA": out.shortcode,
        "PartyB": detail(out, "ReceiverShortcode", out.shortcode),
        "Remarks": remarks(out, command_id),
        "QueueTimeOutURL": out.timeout_url,
        "ResultURL": out.result_url,
        **{name: value for name, value in optional.items() if value},
    }


def _requester(out: Outbound) -> str:
    """The customer on whose behalf a business pays."""
    given = detail(out, "Requester")
    return msisdns.parse(given) if given else ""


def _tax(out: Outbound) -> Encoded:
    path, body = _transfer("/mpesa/b2b/v1/remittax", "PayTaxToKRA", out)
    body.pop("Requester", None)
    return path, body | {"PartyB": TAX_COLLECTOR}


def _reversal(out: Outbound) -> Encoded:
    """A customer's payment back; the receiver that M-Pesa asks for is the shortcode that was paid (daraja.md 2.14)."""
    return "/mpesa/reversal/v1/request", {
        "Initiator": out.initiator,
        "SecurityCredential": out.security_credential,
        "CommandID": "TransactionReversal",
        "TransactionID": detail(out, "TransactionID").upper(),
        "Amount": amount(out),
        "ReceiverParty": out.shortcode,
        "RecieverIdentifierType": REVERSAL_RECEIVER,
        "ResultURL": out.result_url,
        "QueueTimeOutURL": out.timeout_url,
        "Remarks": remarks(out, "TransactionReversal"),
        "Occasion": occasion(out),
    }


def _status(out: Outbound) -> Encoded:
    """What became of a transaction: known by its receipt, or by the ID under which it was asked for (daraja.md 2.12).

    A payout's and a transfer's own ID is the merchant's request ID, so that this may stand in for it.
    """
    receipt = detail(out, "TransactionID").upper()
    original = detail(out, "OriginalConversationID", detail(out, "OriginalRequestID"))
    return "/mpesa/transactionstatus/v1/query", {
        "Initiator": out.initiator,
        "SecurityCredential": out.security_credential,
        "CommandID": "TransactionStatusQuery",
        **({"TransactionID": receipt} if receipt else {"OriginalConversationID": original}),
        "PartyA": out.shortcode,
        "IdentifierType": PAYBILL_OR_STORE,
        "ResultURL": out.result_url,
        "QueueTimeOutURL": out.timeout_url,
        "Remarks": remarks(out, "TransactionStatusQuery"),
        "Occasion": occasion(out),
    }


def _balance(out: Outbound) -> Encoded:
    return "/mpesa/accountbalance/v1/query", {
        "Initiator": out.initiator,
        "SecurityCredential": out.security_credential,
        "CommandID": "AccountBalance",
        "PartyA": out.shortcode,
        "IdentifierType": PAYBILL_OR_STORE,
        "Remarks": remarks(out, "AccountBalance"),
        "QueueTimeOutURL": out.timeout_url,
        "ResultURL": out.result_url,
    }


_PAYOUTS = ("BusinessPayment", "SalaryPayment", "PromotionPayment")
_TRANSFERS = (
    "BusinessPayBill",
    "BusinessBuyGoods",
    "BusinessPayToBulk",
    "DisburseFundsToBusiness",
    "BusinessToBusinessTransfer",
    "MerchantToMerchantTransfer",
    "BusinessTransferFromMMFToUtility",
    "BusinessTransferFromUtilityToMMF",
    "MerchantTransferFromMerchantToWorking",
    "MerchantServicesMMFAccountTransfer",
    "AgencyFloatAdvance",
)

ENCODERS: dict[str, Encoder] = {
    **{f"b2c/{name.lower()}": partial(_payout, "/mpesa/b2c/v3/paymentrequest", name) for name in _PAYOUTS},
    "b2c/businesspaytopochi": partial(_payout, "/mpesa/b2pochi/v1/paymentrequest", "BusinessPayToPochi"),
    **{f"b2b/{name.lower()}": partial(_transfer, "/mpesa/b2b/v1/paymentrequest", name) for name in _TRANSFERS},
    "b2b/paytaxtokra": _tax,
    "reversal/transactionreversal": _reversal,
    "transactionstatus/transactionstatusquery": _status,
    "accountbalance/accountbalance": _balance,
}
