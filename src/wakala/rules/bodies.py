"""The fields of each command, as a merchant sends them: PascalCase, and nothing that can be worked out.

Ranges and patterns stand here, so that validation and OpenAPI say the same. What a field means in our own units is
worked out in `wire.api`.
"""

from typing import Annotated

import msgspec

REQUEST_ID = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"

RequestIDField = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        pattern=REQUEST_ID,
        description="Yours, unique for ever: letters, digits, dot, dash, underscore. A repeat is never paid twice.",
        examples=["ORDER-1001"],
    ),
]
AmountField = Annotated[int | float | str, msgspec.Meta(description="Whole shillings, 1 to 250000.", examples=[150])]
PhoneField = Annotated[
    str | int, msgspec.Meta(description="A phone number in any Kenyan spelling.", examples=["0712345678"])
]
ReferenceField = Annotated[
    str,
    msgspec.Meta(
        min_length=1,
        max_length=64,
        description="The account number; the customer sees the first 12 characters.",
        examples=["INV-1001"],
    ),
]
ShortcodeNumberField = Annotated[
    str,
    msgspec.Meta(pattern=r"^[0-9]{5,7}$", max_length=7, description="Paybill, store or till.", examples=["600999"]),
]
UrlField = Annotated[str, msgspec.Meta(max_length=2048, pattern=r"^https?://[^\s#@]+$")]
ReceiptField = Annotated[
    str,
    msgspec.Meta(pattern=r"^[0-9A-Za-z]{8,12}$", description="M-Pesa's receipt number.", examples=["UKN1Q0Z8MN"]),
]
RemarksField = Annotated[str, msgspec.Meta(max_length=100, description="For your own books; 2 to 100 characters.")]
OccasionField = Annotated[str, msgspec.Meta(max_length=100)]
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
DayField = Annotated[str, msgspec.Meta(pattern=f"^{_DAY}$", examples=["2026-12-01"])]
MomentField = Annotated[
    str,
    msgspec.Meta(
        pattern=f"^{_DAY} ([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$",
        description="Nairobi time.",
        examples=["2026-12-01 08:00"],
    ),
]
Text64 = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Text128 = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]


class KeyValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One item of reference data, handed back with every notification."""

    Key: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    Value: Annotated[str, msgspec.Meta(max_length=256)]


ReferenceDataField = Annotated[list[KeyValue], msgspec.Meta(max_length=20)]


class Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every command whose outcome comes later has."""

    RequestID: RequestIDField
    ReferenceData: ReferenceDataField = []
    CallbackUrl: UrlField | None = None


class DirectBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every command has that is answered at once; without a RequestID it is given one."""

    RequestID: RequestIDField | None = None
    Shortcode: ShortcodeNumberField | None = None


class PushBody(Body, frozen=True, kw_only=True):
    """Ask a customer to pay: the prompt appears on the phone."""

    Amount: AmountField
    SenderMSISDN: PhoneField
    AccountReference: ReferenceField
    Description: Annotated[str, msgspec.Meta(max_length=64, description="Shown by some phones; 13 characters.")] = ""
    ReceiverShortcode: ShortcodeNumberField | None = None


class SimulateBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Pretend that a customer pays from the phone's menu (sandbox)."""

    RequestID: RequestIDField | None = None
    Amount: AmountField
    SenderMSISDN: PhoneField
    AccountReference: Annotated[str, msgspec.Meta(max_length=20)] = ""
    ReceiverShortcode: ShortcodeNumberField | None = None


class PayoutBody(Body, frozen=True, kw_only=True):
    """Money to a customer's phone."""

    Amount: AmountField
    ReceiverMSISDN: PhoneField
    Remarks: RemarksField = "Payment"
    Occasion: OccasionField = ""
    SenderShortcode: ShortcodeNumberField | None = None


class TransferBody(Body, frozen=True, kw_only=True):
    """Money to another business."""

    Amount: AmountField
    ReceiverShortcode: ShortcodeNumberField
    AccountReference: Annotated[str, msgspec.Meta(max_length=13, description="Your account with them.")] = ""
    Requester: Annotated[PhoneField | None, msgspec.Meta(description="The customer on whose behalf.")] = None
    Remarks: RemarksField = "Transfer"
    Occasion: OccasionField = ""
    SenderShortcode: ShortcodeNumberField | None = None


class MoveBody(Body, frozen=True, kw_only=True):
    """Money between accounts of the same shortcode."""

    Amount: AmountField
    Remarks: RemarksField = "Transfer"
    Occasion: OccasionField = ""
    SenderShortcode: ShortcodeNumberField | None = None


class TaxBody(Body, frozen=True, kw_only=True):
    """Tax to the Kenya Revenue Authority; the reference is the payment registration number (PRN)."""

    Amount: AmountField
    AccountReference: Annotated[str, msgspec.Meta(min_length=1, max_length=20, description="The PRN.")]
    Remarks: RemarksField = "Tax"
    Occasion: OccasionField = ""
    SenderShortcode: ShortcodeNumberField | None = None


class ReversalBody(Body, frozen=True, kw_only=True):
    """A customer's payment back to the customer."""

    TransactionID: ReceiptField
    Amount: AmountField
    Remarks: RemarksField = "Reversal"
    Occasion: OccasionField = ""
    Shortcode: ShortcodeNumberField | None = None


class StatusBody(Body, frozen=True, kw_only=True):
    """What became of a transaction: name its receipt, or the RequestID under which it was asked for here."""

    TransactionID: ReceiptField | None = None
    OriginalRequestID: RequestIDField | None = None
    Remarks: RemarksField = "Status"
    Occasion: OccasionField = ""
    Shortcode: ShortcodeNumberField | None = None


class BalanceBody(Body, frozen=True, kw_only=True):
    """The balances of the shortcode's accounts."""

    Remarks: RemarksField = "Balance"
    Shortcode: ShortcodeNumberField | None = None


class StandingOrderBody(Body, frozen=True, kw_only=True):
    """A standing order: the customer agrees once, M-Pesa pays on the days."""

    StandingOrderName: Text64
    SenderMSISDN: PhoneField
    Amount: AmountField
    AccountReference: ReferenceField
    StartDate: DayField
    EndDate: DayField
    Frequency: Annotated[
        str,
        msgspec.Meta(
            pattern="^(one-off|daily|weekly|monthly|bi-monthly|quarterly|half-yearly|yearly)$", examples=["monthly"]
        ),
    ]
    Description: Annotated[str, msgspec.Meta(max_length=64)] = ""
    Shortcode: ShortcodeNumberField | None = None


class ExpressBody(Body, frozen=True, kw_only=True):
    """Ask another business to pay from its till; its operator approves on the nominated phone."""

    Amount: AmountField
    SenderTill: ShortcodeNumberField
    AccountReference: ReferenceField
    PartnerName: Text64
    ReceiverShortcode: ShortcodeNumberField | None = None


class RegisterBody(DirectBody, frozen=True, kw_only=True):
    """Register this gateway's own C2B URLs; M-Pesa takes this once in production."""

    ResponseType: Annotated[str, msgspec.Meta(pattern="^(Completed|Cancelled)$")] | None = None


class QrBody(DirectBody, frozen=True, kw_only=True):
    """A QR code that opens the payment in the customer's M-Pesa app."""

    Amount: AmountField
    AccountReference: ReferenceField
    MerchantName: Text64
    TrxCode: (
        Annotated[str, msgspec.Meta(pattern="^(BG|PB|WA|SM|SB)$", description="Till, paybill, agent...")] | None
    ) = None
    CPI: (
        Annotated[str, msgspec.Meta(pattern="^[0-9]{5,12}$", description="Who is paid; yourself if left out.")] | None
    ) = None
    Size: Annotated[int, msgspec.Meta(ge=50, le=1000, description="Pixels a side.")] = 300


class BillOptInBody(DirectBody, frozen=True, kw_only=True):
    """Whom Bill Manager's customers see and ask."""

    Email: Annotated[str, msgspec.Meta(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254, examples=["bills@shop.example"])]
    OfficialContact: PhoneField
    SendReminders: bool = True
    Logo: Annotated[str, msgspec.Meta(max_length=4096)] = ""


class InvoiceItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One line of an invoice."""

    ItemName: Text128
    Amount: AmountField


class Invoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One invoice."""

    ExternalReference: Text64
    BilledFullName: Text128
    BilledPhoneNumber: PhoneField
    BilledPeriod: Text64
    InvoiceName: Text128
    DueDate: DayField
    AccountReference: Text64
    Amount: AmountField
    InvoiceItems: Annotated[list[InvoiceItem], msgspec.Meta(max_length=100)] = []


class InvoiceBody(DirectBody, frozen=True, kw_only=True):
    """One invoice to one customer."""

    ExternalReference: Text64
    BilledFullName: Text128
    BilledPhoneNumber: PhoneField
    BilledPeriod: Text64
    InvoiceName: Text128
    DueDate: DayField
    AccountReference: Text64
    Amount: AmountField
    InvoiceItems: Annotated[list[InvoiceItem], msgspec.Meta(max_length=100)] = []


class InvoicesBody(DirectBody, frozen=True, kw_only=True):
    """Up to a thousand invoices."""

    Invoices: Annotated[list[Invoice], msgspec.Meta(min_length=1, max_length=1000)]


class ReconciliationBody(DirectBody, frozen=True, kw_only=True):
    """The payment of an invoice, acknowledged."""

    TransactionID: ReceiptField
    PaymentDate: DayField
    Amount: AmountField
    AccountReference: Text64
    PhoneNumber: PhoneField
    FullName: Text128
    InvoiceName: Text128
    ExternalReference: Text64


class CancelInvoiceBody(DirectBody, frozen=True, kw_only=True):
    """An invoice that is not to be paid any more."""

    ExternalReference: Text64


class CancelInvoicesBody(DirectBody, frozen=True, kw_only=True):
    """Invoices that are not to be paid any more."""

    ExternalReferences: Annotated[list[Text64], msgspec.Meta(min_length=1, max_length=1000)]


class PullRegisterBody(DirectBody, frozen=True, kw_only=True):
    """Allow Pull; the nominated number belongs to the organisation."""

    NominatedNumber: PhoneField


class PullQueryBody(DirectBody, frozen=True, kw_only=True):
    """Payments of a window of at most 48 hours."""

    StartDate: MomentField
    EndDate: MomentField
    Offset: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0


class PhoneBody(DirectBody, frozen=True, kw_only=True):
    """A question about one phone number."""

    MSISDN: PhoneField


class OrganisationBody(DirectBody, frozen=True, kw_only=True):
    """A question about another business."""

    Identifier: ShortcodeNumberField
    IdentifierType: Annotated[str, msgspec.Meta(pattern="^(paybill|till)$")] = "paybill"
