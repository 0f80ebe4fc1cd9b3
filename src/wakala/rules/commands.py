"""What a merchant can ask of M-Pesa: each command is declared once, in `COMMANDS`.

Routes of both faces, validation, OpenAPI and the tables in the docs follow from a declaration. To add a command: a body
if no present one fits, a line in the table, and a pair of codec functions at each side (`wire.daraja_commands`).
"""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from wakala.rules import bodies
from wakala.rules.accounts import Environment, Product, ShortcodeKind
from wakala.rules.payment import Face, Kind


class Mode(StrEnum):
    """How the outcome comes."""

    PROMPT = "prompt"  # a person is asked on a phone; the answer comes by a callback of its own shape
    QUEUED = "queued"  # M-Pesa queues it and sends a Result later (daraja.md 3.3)
    DIRECT = "direct"  # M-Pesa's answer is the outcome


_BOTH = frozenset(Environment)
_SANDBOX = frozenset({Environment.SANDBOX})
_PAYBILL = frozenset({ShortcodeKind.PAYBILL})
_TILL = frozenset({ShortcodeKind.TILL})
_EITHER = _PAYBILL | _TILL
_PAYER = _PAYBILL | {ShortcodeKind.DISBURSEMENT}
_ANY = _EITHER | {ShortcodeKind.DISBURSEMENT}


@dataclass(frozen=True, slots=True)
class Command:
    """One thing a merchant can ask for.

    ``facade`` are the Daraja paths it is reached by, ``command_id`` is M-Pesa's word for it where there is one, and
    ``own`` names the field that says for which of the merchant's shortcodes.
    """

    path: str
    summary: str
    body: type[msgspec.Struct]
    kind: Kind
    mode: Mode
    kinds: frozenset[ShortcodeKind]
    facade: tuple[str, ...]
    command_id: str | None = None
    product: Product | None = None
    own: str = "Shortcode"
    environments: frozenset[Environment] = _BOTH
    initiated: bool = False  # speaks as the shortcode's API operator
    source: str = ""  # the section of the reference its facts come from

    @property
    def group(self) -> str:
        """The first of its two path segments."""
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        """The last path segment: M-Pesa's command in lower case."""
        return self.path.partition("/")[2]


class Ask(msgspec.Struct, frozen=True):
    """A checked request in our own units, whichever face it came by. ``details`` is JSON: the fields with no column."""

    command: Command
    request_id: str
    amount_cents: int
    msisdn: str
    reference: str
    description: str
    reference_data: str
    callback_url: str | None
    shortcode: str | None = None
    details: str = "{}"
    face: Face = Face.WAKALA


_B2C = ("/mpesa/b2c/v1/paymentrequest", "/mpesa/b2c/v3/paymentrequest")
_B2B = ("/mpesa/b2b/v1/paymentrequest",)
_STK = ("/mpesa/stkpush/v1/processrequest",)
_SIMULATE = ("/mpesa/c2b/v1/simulate", "/mpesa/c2b/v2/simulate")
BILL_PREFIX = "/v1/billmanager-invoice"
"""As M-Pesa's documents have it. An e-mail on going live has it twice, so it is a setting (daraja.md 2.16)."""


def _payout(name: str, command_id: str, summary: str, facade: tuple[str, ...] = _B2C, source: str = "2.6") -> Command:
    return Command(
        f"b2c/{name}",
        summary,
        bodies.PayoutBody,
        Kind.PAYOUT,
        Mode.QUEUED,
        _PAYER,
        facade,
        command_id,
        Product.B2C,
        "SenderShortcode",
        initiated=True,
        source=source,
    )


def _transfer(
    command_id: str,
    summary: str,
    kinds: frozenset[ShortcodeKind] = _ANY,
    body: type[msgspec.Struct] = bodies.TransferBody,
    facade: tuple[str, ...] = _B2B,
) -> Command:
    return Command(
        f"b2b/{command_id.lower()}",
        summary,
        body,
        Kind.TRANSFER,
        Mode.QUEUED,
        kinds,
        facade,
        command_id,
        Product.B2B,
        "SenderShortcode",
        initiated=True,
        source="2.9",
    )


def _direct(
    path: str,
    summary: str,
    body: type[msgspec.Struct],
    facade: tuple[str, ...],
    source: str,
    kinds: frozenset[ShortcodeKind] = _ANY,
    environments: frozenset[Environment] = _BOTH,
    command_id: str | None = None,
) -> Command:
    return Command(
        path,
        summary,
        body,
        Kind.SERVICE,
        Mode.DIRECT,
        kinds,
        facade,
        command_id,
        environments=environments,
        source=source,
    )


def _bill(name: str, summary: str, body: type[msgspec.Struct]) -> Command:
    return _direct(f"billmanager/{name.replace('-', '')}", summary, body, (f"{BILL_PREFIX}/{name}",), "2.16")


def _simulation(name: str, summary: str, kinds: frozenset[ShortcodeKind], command_id: str) -> Command:
    return Command(
        f"c2b/{name}",
        summary,
        bodies.SimulateBody,
        Kind.SERVICE,
        Mode.DIRECT,
        kinds,
        _SIMULATE,
        command_id,
        own="ReceiverShortcode",
        environments=_SANDBOX,
        source="2.4",
    )


def _push(name: str, summary: str, kinds: frozenset[ShortcodeKind], command_id: str) -> Command:
    return Command(
        f"lnm/{name}",
        summary,
        bodies.PushBody,
        Kind.PUSH,
        Mode.PROMPT,
        kinds,
        _STK,
        command_id,
        own="ReceiverShortcode",
        source="2.1",
    )


def _asked_operator(
    path: str, command_id: str, summary: str, kind: Kind, body: type[msgspec.Struct], facade: str, source: str
) -> Command:
    return Command(path, summary, body, kind, Mode.QUEUED, _ANY, (facade,), command_id, initiated=True, source=source)


COMMANDS: tuple[Command, ...] = (
    _push("customerpaybill", "Ask a customer to pay a paybill", _PAYBILL, "CustomerPayBillOnline"),
    _push("customerbuygoods", "Ask a customer to pay a till", _TILL, "CustomerBuyGoodsOnline"),
    _simulation("customerpaybill", "Pretend that a customer pays a paybill by hand", _PAYBILL, "CustomerPayBillOnline"),
    _simulation("customerbuygoods", "Pretend that a customer pays a till by hand", _TILL, "CustomerBuyGoodsOnline"),
    _direct(
        "c2b/registerurl",
        "Tell M-Pesa this gateway's confirmation and validation URLs",
        bodies.RegisterBody,
        ("/mpesa/c2b/v1/registerurl", "/mpesa/c2b/v2/registerurl"),
        "2.3",
    ),
    _payout("businesspayment", "BusinessPayment", "Pay a customer"),
    _payout("salarypayment", "SalaryPayment", "Pay a salary"),
    _payout("promotionpayment", "PromotionPayment", "Pay a prize or a promotion"),
    _payout(
        "businesspaytopochi",
        "BusinessPayToPochi",
        "Pay a customer's Pochi la Biashara",
        ("/mpesa/b2pochi/v1/paymentrequest",),
        "2.7",
    ),
    _transfer("BusinessPayBill", "Pay another business's paybill"),
    _transfer("BusinessBuyGoods", "Pay another business's till"),
    _transfer("BusinessPayToBulk", "Top up a B2C shortcode", _EITHER),
    _transfer("DisburseFundsToBusiness", "Pay another business from the utility account"),
    _transfer("BusinessToBusinessTransfer", "Move money to another business's working account"),
    _transfer("MerchantToMerchantTransfer", "Move money from a till's account to another's", _TILL),
    _transfer("BusinessTransferFromMMFToUtility", "Move own money: working to utility account", body=bodies.MoveBody),
    _transfer("BusinessTransferFromUtilityToMMF", "Move own money: utility to working account", body=bodies.MoveBody),
    _transfer(
        "MerchantTransferFromMerchantToWorking", "Move own money: merchant to working account", _TILL, bodies.MoveBody
    ),
    _transfer("MerchantServicesMMFAccountTransfer", "Move own money between working accounts", body=bodies.MoveBody),
    _transfer("AgencyFloatAdvance", "Advance float to an agent"),
    _transfer("PayTaxToKRA", "Pay tax to the revenue authority", _ANY, bodies.TaxBody, ("/mpesa/b2b/v1/remittax",)),
    _asked_operator(
        "reversal/transactionreversal",
        "TransactionReversal",
        "Give a customer's payment back",
        Kind.REVERSAL,
        bodies.ReversalBody,
        "/mpesa/reversal/v1/request",
        "2.14",
    ),
    _asked_operator(
        "transactionstatus/transactionstatusquery",
        "TransactionStatusQuery",
        "Ask what became of a transaction",
        Kind.ENQUIRY,
        bodies.StatusBody,
        "/mpesa/transactionstatus/v1/query",
        "2.12",
    ),
    _asked_operator(
        "accountbalance/accountbalance",
        "AccountBalance",
        "Ask for the shortcode's balances",
        Kind.ENQUIRY,
        bodies.BalanceBody,
        "/mpesa/accountbalance/v1/query",
        "2.13",
    ),
    Command(
        "standingorder/create",
        "Ask a customer to agree to a standing order (Ratiba)",
        bodies.StandingOrderBody,
        Kind.STANDING_ORDER,
        Mode.PROMPT,
        _EITHER,
        ("/standingorder/v1/createStandingOrderExternal",),
        source="2.17",
    ),
    Command(
        "b2b/expresscheckout",
        "Ask another business to pay from its till",
        bodies.ExpressBody,
        Kind.TILL_PUSH,
        Mode.PROMPT,
        _EITHER,
        ("/v1/ussdpush/get-msisdn",),
        own="ReceiverShortcode",
        source="2.18",
    ),
    _direct("qrcode/generate", "Make a QR code to pay by", bodies.QrBody, ("/mpesa/qrcode/v1/generate",), "2.15"),
    _bill("optin", "Join Bill Manager", bodies.BillOptInBody),
    _bill("change-optin-details", "Change the Bill Manager details", bodies.BillOptInBody),
    _bill("single-invoicing", "Send one invoice", bodies.InvoiceBody),
    _bill("bulk-invoicing", "Send many invoices", bodies.InvoicesBody),
    _bill("change-invoice", "Change one unpaid invoice", bodies.InvoiceBody),
    _bill("change-invoices", "Change many unpaid invoices", bodies.InvoicesBody),
    _bill(
        "reconciliation", "Acknowledge a paid invoice, so that the customer gets a receipt", bodies.ReconciliationBody
    ),
    _bill("cancel-single-invoice", "Cancel one invoice", bodies.CancelInvoiceBody),
    _bill("cancel-bulk-invoices", "Cancel many invoices", bodies.CancelInvoicesBody),
    _direct(
        "pulltransactions/register",
        "Register for Pull",
        bodies.PullRegisterBody,
        ("/pulltransactions/v1/register",),
        "2.19",
        _EITHER,
    ),
    _direct(
        "pulltransactions/query",
        "List the payments of the last 48 hours",
        bodies.PullQueryBody,
        ("/pulltransactions/v1/query",),
        "2.19",
        _EITHER,
    ),
    _direct(
        "b2c/hakikisha",
        "Check a payee's name before paying",
        bodies.PhoneBody,
        ("/mpesa/b2c/hakikisha/v1/hakikisha",),
        "2.8",
        _PAYER,
    ),
    _direct(
        "organisation/queryinfo",
        "Look up the organisation behind a paybill or till",
        bodies.OrganisationBody,
        ("/sfcverify/v1/query/info",),
        "2.21",
    ),
    _direct(
        "imsi/checkati",
        "When a number's SIM card was last swapped, and its IMSI",
        bodies.PhoneBody,
        ("/imsi/v1/checkATI",),
        "2.20",
    ),
    _direct(
        "imsi/checkswap", "When a number's SIM card was last swapped", bodies.PhoneBody, ("/imsi/v2/checkATI",), "2.20"
    ),
)

_SIM_PORTAL = (
    *("allsims", "queryLifeCycleStatus", "querycustomerinfo", "simactivation", "getactivationtrends", "renameasset"),
    *("suspend_unsuspend_sub", "searchmessages", "filtermessages", "getallmessages", "sendsinglemessage"),
    *("deletemessage", "deleteMessageThread"),
)

RELAYED: tuple[Command, ...] = tuple(
    _direct(path, summary, bodies.DirectBody, (facade,), source)
    for path, summary, facade, source in (
        ("registration/checkati", "Since when a line exists", "/registration/lookup/v1/checkATI", "2.20"),
        ("kyc/validateid", "Whether a number and a document match", "/v1/KYC-validation/validateID", "2.20"),
        ("bonga/calculatepoints", "What Bonga points are worth", "/v1/lipa/na/bonga/calculate-points", "2.22"),
        ("bonga/redeempaybill", "Pay a paybill with Bonga points", "/v1/lipa/na/bonga/redeem-paybill", "2.22"),
        ("offers/fetch", "Data bundles on offer", "/v1/dynamic-offers/fetch", "2.0"),
        ("offers/purchase", "Buy a data bundle", "/v1/dynamic-offers/facebook-bundle/purchase", "2.0"),
        ("bundles/status", "What became of a bundle", "/v2/bundles/get/status", "2.0"),
        *((f"simportal/{name.lower()}", "IoT SIM portal", f"/simportal/v1/{name}", "2.23") for name in _SIM_PORTAL),
    )
)
"""What only Daraja's own paths have: too little is known of these bodies for words of ours, so they go as they come."""

BY_PATH: dict[str, Command] = {command.path: command for command in (*COMMANDS, *RELAYED)}
RELAYED_PATHS = frozenset(command.path for command in RELAYED)

SPENDING = frozenset({"bonga/redeempaybill", "offers/purchase"})
"""Answered at once, but something is spent: an answer that was lost leaves it unknown, where a look-up just fails."""

BILL_OPT_INS = frozenset({"billmanager/optin", "billmanager/changeoptindetails"})
BILL_LISTS = frozenset({"billmanager/bulkinvoicing", "billmanager/changeinvoices", "billmanager/cancelbulkinvoices"})
"""What Daraja takes as a bare array of up to a thousand bills, and no object around it (daraja.md 2.16)."""

KEPT_BY_GATEWAY = "kept-by-the-gateway"
"""What a caller sees of Bill Manager's ``app_key``: the gateway holds it and sends it along (daraja.md 1.3, 2.16)."""
