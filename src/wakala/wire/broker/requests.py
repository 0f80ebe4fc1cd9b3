"""Every command that the Broker has, as the XML that asks for it (broker.md 4, 8, 9, 10.1)."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType

from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from wakala.rules import msisdn as msisdns
from wakala.rules.money import plain
from wakala.rules.receipt import us_to_nairobi
from wakala.rules.sides import id_at_broker
from wakala.wire.broker.soap import (
    CSAPI,
    MM,
    Provider,
    branch,
    document,
    envelope,
    leaf,
    pairs,
    wrapped,
)
from wakala.wire.outbound import PAYBILL_OR_STORE, Outbound, detail, occasion, remarks

PHONE = "1"  # identifier types (broker.md 4.5)
OPERATOR = "11"
API_CALLER = "2"  # a caller type; a registration alone has 0 (broker.md 4.2, 10.1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Party:
    """A debit or credit side; without a ``shortcode`` the element is left out, with "" it is empty."""

    kind: str
    identifier: str
    shortcode: str | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What is asked of M-Pesa's core, before it is written."""

    command_id: str
    parameters: Pairs = ()
    primary: Party | None = None
    receiver: Party | None = None
    device: Party | None = None
    requester: Party | None = None
    initiator_kind: str = OPERATOR


_DEVICE = Party("4", "1")  # the usual dummy (broker.md 4.4)


# ── what each command asks ───────────────────────────────────────────────────────────────────────────────────────────


def _payout(command_id: str, out: Outbound) -> Call:
    return Call(
        command_id,
        (("Amount", plain(out.amount_cents)),),
        Party(PAYBILL_OR_STORE, out.shortcode, out.shortcode),
        Party(PHONE, out.msisdn, ""),
        _DEVICE,
    )


def _transfer(command_id: str, out: Outbound) -> Call:
    """The account reference goes along where there is one; a requester only where a bill is paid for somebody."""
    receiver = detail(out, "ReceiverShortcode", out.shortcode)
    reference = " ".join(out.reference.split())  # never cut: it names somebody's account
    requester = detail(out, "Requester")
    return Call(
        command_id,
        (("Amount", plain(out.amount_cents)), *((("AccountReference", reference),) if reference else ())),
        Party(PAYBILL_OR_STORE, out.shortcode, out.shortcode),
        Party(PAYBILL_OR_STORE, receiver, receiver),
        requester=Party(PHONE, msisdns.parse(requester)) if requester else None,
    )


def _reversal(out: Outbound) -> Call:
    """The receipt alone; the core knows amount and parties (broker.md 9.4)."""
    receipt = detail(out, "TransactionID").upper()
    return Call("TransactionReversal", (("OriginalTransactionID", receipt),), device=_DEVICE)


def _status(out: Outbound) -> Call:
    """By receipt, or by M-Pesa's ID of it, which is answered for some 15 days (broker.md 9.4)."""
    receipt = detail(out, "TransactionID").upper()
    if receipt:
        return Call("TransactionStatusQuery", (("ReceiptNumber", receipt),))
    original = detail(out, "OriginalConversationID")
    return Call("TransactionStatusQuery", ((_id_key(original), original),))


def _id_key(original: str) -> str:
    """M-Pesa's own conversation IDs begin so (broker.md 4.1); every other ID is ours."""
    return "ConversationID" if original.startswith("AG_") else "OriginatorConversationID"


def _balance(out: Outbound) -> Call:
    """The affected party of an enquiry is its receiver (broker.md 4.4)."""
    return Call("AccountBalance", receiver=Party(PAYBILL_OR_STORE, out.shortcode))


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

CALLS: MappingProxyType[str, Callable[[Outbound], Call]] = MappingProxyType(
    {
        **{f"b2c/{name.lower()}": partial(_payout, name) for name in _PAYOUTS},
        **{f"b2b/{name.lower()}": partial(_transfer, name) for name in _TRANSFERS},
        "reversal/transactionreversal": _reversal,
        "transactionstatus/transactionstatusquery": _status,
        "accountbalance/accountbalance": _balance,
    }
)
"""What the core is asked, by the command's path."""


# ── writing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def command(path: str, out: Outbound, provider: Provider, reference_data: str = "[]") -> bytes:
    """A command of `CALLS`; ``reference_data`` is the merchant's, in JSON, and comes back with the Result."""
    items = [(item["Key"], item["Value"]) for item in json.loads(reference_data)]
    named = (("QueueTimeoutURL", out.timeout_url), ("Occasion", occasion(out)))
    reference = (*((key, told) for key, told in named if told), *items)
    out = replace(out, request_id=id_at_broker(out.shortcode, out.request_id))
    return core_request(CALLS[path](out), out, provider, reference)


def core_request(call: Call, out: Outbound, provider: Provider, reference: Pairs) -> bytes:
    """GenericAPIRequest. ``out.request_id`` is the whole OriginatorConversationID."""
    transaction = branch(
        "Transaction",
        leaf("CommandID", call.command_id),
        leaf("LanguageCode", "0"),
        leaf("OriginatorConversationID", out.request_id),
        leaf("ConversationID", ""),
        leaf("Remark", remarks(out, call.command_id)),
        pairs("Parameters", "Parameter", call.parameters),
        pairs("ReferenceData", "ReferenceItem", reference),
        leaf("Timestamp", _stamp(out.now_us)),
    )
    initiator = [leaf("ShortCode", out.shortcode)] if call.initiator_kind == OPERATOR else []
    identity = branch(
        "Identity",
        branch(
            "Caller",
            leaf("CallerType", API_CALLER),
            leaf("ThirdPartyID", provider.third_party),
            leaf("Password", provider.caller_password),
            leaf("CheckSum", provider.check_sum),
            leaf("ResultURL", out.result_url),
        ),
        branch(
            "Initiator",
            leaf("IdentifierType", call.initiator_kind),
            leaf("Identifier", out.initiator),
            leaf("SecurityCredential", out.security_credential),
            *initiator,
        ),
        *(_party(name, party) for name, party in _parties(call)),
    )
    return _request(transaction, identity, provider, out.now_us)


def _parties(call: Call) -> tuple[tuple[str, Party | None], ...]:
    """In the order of the schema; only where the requester stands is not known (broker.md 4)."""
    return (
        ("PrimaryParty", call.primary),
        ("ReceiverParty", call.receiver),
        ("AccessDevice", call.device),
        ("Requester", call.requester),
    )


def _party(name: str, party: Party | None) -> str:
    if party is None:
        return ""
    shortcode = [] if party.shortcode is None else [leaf("ShortCode", party.shortcode)]
    return branch(name, leaf("IdentifierType", party.kind), leaf("Identifier", party.identifier), *shortcode)


def _request(transaction: str, identity: str, provider: Provider, now_us: int) -> bytes:
    inner = document("request", f"{MM}/request", transaction, identity, leaf("KeyOwner", "1"))
    return envelope(wrapped("req:RequestMsg", inner), provider.header(now_us), req=f"{MM}/request")


def _stamp(us: int) -> str:
    """ISO 8601 with seven digits after the second, as the guide prints it (broker.md 4.1)."""
    return (_EPOCH + timedelta(microseconds=us)).strftime("%Y-%m-%dT%H:%M:%S.%f") + "0Z"


def register_urls(
    request_id: str,
    provider: Provider,
    now_us: int,
    *,
    shortcode: str,
    response_type: str,
    confirmation_url: str,
    validation_url: str,
) -> bytes:
    """RegisterURL, which the Broker answers itself; fields that the core alone wants stay empty (broker.md 10.1)."""
    transaction = branch(
        "Transaction",
        leaf("CommandID", "RegisterURL"),
        leaf("OriginatorConversationID", request_id),
        pairs("Parameters", "Parameter", (("ResponseType", response_type),)),
        pairs(
            "ReferenceData",
            "ReferenceItem",
            (("ValidationURL", validation_url), ("ConfirmationURL", confirmation_url)),
        ),
    )
    empty = [leaf(name, "") for name in ("ThirdPartyID", "Password", "CheckSum", "ResultURL")]
    nobody = [leaf(name, "") for name in ("Identifier", "SecurityCredential", "ShortCode")]
    identity = branch(
        "Identity",
        branch("Caller", leaf("CallerType", "0"), *empty),
        branch("Initiator", leaf("IdentifierType", PHONE), *nobody),
        _party("PrimaryParty", Party(PHONE, "", shortcode)),
    )
    return _request(transaction, identity, provider, now_us)


def query_transaction(original_id: str, asked_us: int, provider: Provider, now_us: int) -> bytes:
    """What the Broker's own log says of a request; the day it was made on speeds the search up (broker.md 8.3)."""
    item = branch("loc:item", leaf("res:Key", "queryDate"), leaf("res:Value", us_to_nairobi(asked_us)))
    body = branch(
        "loc:queryTransaction",
        leaf("loc:originatorConversationID", original_id),
        branch("loc:extensionInfo", item),
    )
    header = provider.query_header(now_us)
    return envelope(body, header, loc=f"{CSAPI}/transaction/data/v1_0/local", res=f"{MM}/result")


def change_password(provider: Provider, new_password: str, key: bytes, vector: bytes, now_us: int) -> bytes:
    """A new spPassword, encrypted with what the Broker's team issued: 16 bytes of key are AES-128 (broker.md 8.4)."""
    stamp = us_to_nairobi(now_us)
    body = branch(
        "loc:changePassword",
        leaf("loc:spId", provider.sp_id),
        leaf("loc:spPassword", provider.digest(stamp)),
        leaf("loc:timeStamp", stamp),
        leaf("loc:newPassword", _encrypted(new_password, key, vector)),
    )
    return envelope(body, loc=f"{CSAPI}/management/data/v1_0/local")


def _encrypted(password: str, key: bytes, vector: bytes) -> str:
    padder = padding.PKCS7(algorithms.AES.block_size).padder()
    padded = padder.update(password.encode()) + padder.finalize()
    encryptor = Cipher(algorithms.AES(key), modes.CBC(vector)).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()
