"""A stored result as merchants see it: PascalCase, shillings, times by M-Pesa's clock, packed texts unpacked.

Names that Proxy API had are kept. What this table does not know goes along as M-Pesa sent it.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from wakala.errors import MalformedUpstreamError
from wakala.rules.receipt import us_to_nairobi
from wakala.wire.balances import AccountBalance, Charge, parse_balances, parse_charges, parse_packed_amount
from wakala.wire.daraja_direct import ENVELOPES, read_pull
from wakala.wire.loose_json import read_object, text
from wakala.wire.loose_results import inner_folded, named_values
from wakala.wire.loose_values import fold, folded, read_cents, read_moment_us, read_receipt


def result_data(command: str, raw: str) -> dict[str, Any]:
    """What a result of this command tells, by name; empty where it tells nothing or cannot be read.

    A key that M-Pesa sent without a value, or with one that cannot be read, is null.
    """
    found = read_object(raw.encode(errors="replace"))
    if found is None:
        return {}
    told = folded(found)
    if command in ENVELOPES and command not in _PROMPTS:
        return _answered(command, found, raw)
    if command == "standingorder/create":
        return _viewed(named_values(inner_folded(told, "responsebody").get("responsedata")))
    if command == "b2b/expresscheckout":
        return _viewed({name: value for name, value in found.items() if _pascal(name) not in _OF_THE_ENVELOPE})
    result = inner_folded(told, "result") or told
    return _viewed(named_values(result.get("resultparameters")) | _references(result, command))


_PROMPTS = frozenset({"standingorder/create", "b2b/expresscheckout"})  # answered at once, but not with the outcome


def _answered(command: str, found: dict[str, object], raw: str) -> dict[str, Any]:
    """An answer that was given at once, without the code and words in which it says how it went."""
    if command == "pulltransactions/query":
        return {"Payments": _payments(raw)}
    of_the_envelope = {ENVELOPES[command].code, *ENVELOPES[command].texts, *_IDS}
    flat = {name: value for name, value in found.items() if fold(name) not in {"header", "body"}}
    for nested in found.values():
        flat |= nested if isinstance(nested, dict) else {}
    return _viewed({name: value for name, value in flat.items() if fold(name) not in of_the_envelope})


# Fields that say nothing of what was asked.
_IDS = frozenset(
    {
        "requestid",
        "requestrefid",
        "responserefid",
        "conversationid",
        "originatorcoversationid",
        "timestamp",
        "errors",
        "resmsg",
    }
)


def _payments(raw: str) -> list[dict[str, Any]]:
    try:
        pulled = read_pull(raw.encode(errors="replace"))
    except MalformedUpstreamError:
        return []
    return [
        {
            "MpesaReceiptNumber": each.receipt,
            "Amount": _shillings(each.amount_cents),
            "TransactionTime": None if each.paid_us is None else us_to_nairobi(each.paid_us),
            "SenderMSISDN": each.msisdn,
            "Sender": each.sender,
            "AccountReference": each.reference,
            "TransactionType": each.kind,
        }
        for each in pulled
    ]


def _references(result: dict[str, object], command: str) -> dict[str, Any]:
    """The reference data but for an address, which may be ours and secret; and the receipt beside the parameters."""
    listed = named_values(result.get("referencedata"))
    reference = {name: value for name, value in listed.items() if value is not None and fold(name) != "queuetimeouturl"}
    receipt = read_receipt(result.get("transactionid"))
    is_own = command not in {"transactionstatus/transactionstatusquery", "accountbalance/accountbalance"}
    return reference | ({"TransactionReceipt": receipt} if receipt and is_own else {})


def _viewed(values: dict[str, Any]) -> dict[str, Any]:
    view: dict[str, Any] = {}
    for name, value in values.items():
        ours, read = _KNOWN.get(name.lower(), (_pascal(name), _as_sent))
        if view.get(ours) is None:
            view[ours] = read(value)
    return view


def _pascal(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in name.replace("_", " ").split())


# ── one value ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _as_sent(value: object) -> object:
    return value


def _number(value: object) -> int | float | None:
    return _shillings(read_cents(value, allow_negative=True))


def _shillings(cents: int | None) -> int | float | None:
    """The JSON number of an amount: 150, or 150.5 where there are cents."""
    if cents is None:
        return None
    return cents // 100 if cents % 100 == 0 else cents / 100


def _time(value: object) -> str | None:
    moment = read_moment_us(value)
    return None if moment is None else us_to_nairobi(moment)


def _party(value: object) -> str | None:
    """Number and name in one text, as Proxy API had it, without the blanks that pad it."""
    written = text(value)
    return " ".join(written.split()) if written else None


def _yes_or_no(value: object) -> bool | None:
    return {"Y": True, "N": False}.get((text(value) or "").upper())


def _receipt(value: object) -> str | None:
    return read_receipt(value)


def _charges(value: object) -> list[dict[str, Any]]:
    return [_charge(each) for each in parse_charges(text(value) or "")]


def _charge(charge: Charge) -> dict[str, Any]:
    return {"Name": charge.name, "Currency": charge.currency, "Amount": _shillings(charge.cents)}


def _accounts(value: object) -> list[dict[str, Any]]:
    return [_account(each) for each in parse_balances(text(value) or "")]


def _account(account: AccountBalance) -> dict[str, Any]:
    return {
        "AccountName": account.name,
        "Currency": account.currency,
        "CurrentBalance": _shillings(account.current_cents),
        "AvailableBalance": _shillings(account.available_cents),
        "ReservedBalance": _shillings(account.reserved_cents),
        "UnclearedBalance": _shillings(account.uncleared_cents),
    }


def _balance(value: object) -> Any:
    """Under one name a number, a printed map or accounts, depending on the command (daraja.md 2.9, 2.14)."""
    written = text(value) or ""
    if "|" in written:
        return _accounts(written)
    packed = parse_packed_amount(written)
    return _number(value) if packed is None else _shillings(packed.cents)


# ── the table ────────────────────────────────────────────────────────────────────────────────────────────────────────

_Known = tuple[str, Callable[[object], Any]]

# M-Pesa's names in small letters, since one name comes in several casings (daraja.md 2.17); ours and how it is read.
_KNOWN: Mapping[str, _Known] = MappingProxyType(
    {
        "amount": ("TransactionAmount", _number),
        "transactionamount": ("TransactionAmount", _number),
        "transactionreceipt": ("TransactionReceipt", _receipt),
        "transactionid": ("TransactionReceipt", _receipt),
        "receiptno": ("TransactionReceipt", _receipt),
        "receiverpartypublicname": ("ReceiverPartyName", _party),
        "creditpartypublicname": ("ReceiverPartyName", _party),
        "creditpartyname": ("ReceiverPartyName", _party),
        "debitpartypublicname": ("SenderPartyName", _party),
        "debitpartyname": ("SenderPartyName", _party),
        "transactioncompleteddatetime": ("TransactionCompletedTime", _time),
        "transactioncompletedtime": ("TransactionCompletedTime", _time),
        "transcompletedtime": ("TransactionCompletedTime", _time),
        "finalisedtime": ("TransactionCompletedTime", _time),
        "finalizedtime": ("TransactionCompletedTime", _time),
        "initiatedtime": ("TransactionInitiatedTime", _time),
        "bocompletedtime": ("CompletedTime", _time),
        "b2crecipientisregisteredcustomer": ("IsReceiverRegistered", _yes_or_no),
        "b2cutilityaccountavailablefunds": ("UtilityAccountBalance", _number),
        "b2cworkingaccountavailablefunds": ("WorkingAccountBalance", _number),
        "b2cchargespaidaccountavailablefunds": ("ChargesPaidAccountBalance", _number),
        "accountbalance": ("AccountBalances", _accounts),
        "debitpartyaffectedaccountbalance": ("AccountBalances", _accounts),
        "creditaccountbalance": ("CreditAccountBalance", _balance),
        "debitaccountbalance": ("DebitAccountBalance", _balance),
        "debitaccountcurrentbalance": ("DebitAccountCurrentBalance", _balance),
        "initiatoraccountcurrentbalance": ("InitiatorAccountCurrentBalance", _balance),
        "debitpartycharges": ("Charges", _charges),
        "creditpartycharges": ("Charges", _charges),
        "charge": ("Charge", _number),
        "occassion": ("Occasion", _as_sent),
    }
)

_OF_THE_ENVELOPE = frozenset({"ResultCode", "ResultDesc", "ResultType", "RequestId", "RequestID", "ConversationID"})
