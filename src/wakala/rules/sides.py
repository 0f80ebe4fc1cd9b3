"""M-Pesa's two sides, and which of them carries a command.

A shortcode chooses; what the Broker does not have goes by Daraja in either case, above all the push to a phone. A
payment remembers the side it began on, so that a shortcode may change sides with payments under way.
"""

import msgspec

from wakala.rules.accounts import Shortcode, Side
from wakala.rules.commands import Command
from wakala.rules.payment import Payment

BY_BROKER = frozenset(
    {
        "b2c/businesspayment",
        "b2c/salarypayment",
        "b2c/promotionpayment",
        "b2b/businesspaybill",
        "b2b/businessbuygoods",
        "b2b/businesspaytobulk",
        "b2b/disbursefundstobusiness",
        "b2b/businesstobusinesstransfer",
        "b2b/merchanttomerchanttransfer",
        "b2b/businesstransferfrommmftoutility",
        "b2b/businesstransferfromutilitytommf",
        "b2b/merchanttransferfrommerchanttoworking",
        "b2b/merchantservicesmmfaccounttransfer",
        "b2b/agencyfloatadvance",
        "reversal/transactionreversal",
        "transactionstatus/transactionstatusquery",
        "accountbalance/accountbalance",
        "c2b/registerurl",
    }
)
"""The paths of the commands that the Broker has (broker.md 9.1)."""


def side_of(command: Command, shortcode: Shortcode) -> Side:
    """Who carries a new command."""
    return Side(shortcode.side) if command.path in BY_BROKER else Side.DARAJA


def originator_id(payment: Payment) -> str:
    """M-Pesa's name for what the caller chose: the Broker is given a longer one, which is no caller's business."""
    return payment.request_id if payment.side is Side.BROKER else payment.merchant_request_id or payment.request_id


def id_at_broker(number: str, request_id: str) -> str:
    """Ours, unique for ever across all that speak to the core: it begins with the shortcode (broker.md 4.1)."""
    return f"{number}_{request_id}"


def id_at_mpesa(payment: Payment, number: str) -> str:
    """By which M-Pesa knows a payment of this shortcode: what it told, or else what it was given."""
    given = id_at_broker(number, payment.request_id) if payment.side is Side.BROKER else payment.request_id
    return payment.merchant_request_id or given


class BrokerAccess(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is needed to speak to the Broker for one shortcode; sealed as a whole, so it stands in no log or column.

    ``certificate`` (with its chain), ``key`` and ``authority`` are PEM. Paths differ between the Broker's nodes; that
    for a new password was published nowhere (broker.md 0.2).
    """

    url: str
    sp_id: str
    sp_password: str
    service_id: str = ""
    certificate: str = ""
    key: str = ""
    authority: str = ""
    server_name: str = ""
    third_party: str = "wakala"
    caller_password: str = "Password0"  # noqa: S105 - the customary dummy (broker.md 4.2)
    upper_case_digest: bool = False
    request_path: str = "/mminterface/request"
    register_path: str = "/mminterface/registerURL"
    query_path: str = "/queryTransactionService/services/transaction"
    password_path: str = ""

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"BrokerAccess({self.url!r}, {self.sp_id!r})"

    @property
    def is_by_tls(self) -> bool:
        """False over plain HTTP, with which an integration begins (broker.md 1.2)."""
        return self.url.lower().startswith("https:")

    def sealed_form(self) -> str:
        """As text for the vault."""
        return msgspec.json.encode(self).decode()


def read_access(opened: str) -> BrokerAccess:
    """What the vault gave back."""
    return msgspec.json.decode(opened, type=BrokerAccess)
