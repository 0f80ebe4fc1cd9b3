"""What callers of Daraja's own paths send, read as our commands, quirks included; pure.

The order of the checks is M-Pesa's (daraja.md 10): JSON, then field by field; the first that is wrong is named. What
an SDK sends for its own proof (Password, SecurityCredential) is looked at where it can be and never passed on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from msgspec.structs import replace

from wakala.errors import InvalidAmountError
from wakala.rules import money
from wakala.rules.addresses import is_web_address
from wakala.rules.bodies import REQUEST_ID, TaxBody
from wakala.rules.commands import BILL_LISTS, BY_PATH, RELAYED_PATHS, Ask, Command, Mode
from wakala.rules.payment import Face, Kind
from wakala.rules.receipt import nairobi_to_us
from wakala.wire.facade_errors import forbidden_word, invalid, unreadable, wrong_identifier_type
from wakala.wire.loose_json import read_object, text
from wakala.wire.outbound import OCCASION_MAX_CHARS, REMARKS_MAX_CHARS, REMARKS_MIN_CHARS

_encode = msgspec.json.Encoder().encode

TRANSFER_REFERENCE_MAX_CHARS = 13  # M-Pesa's own bound of an AccountReference between businesses (daraja.md 2.9)
TAX_REFERENCE_MAX_CHARS = 20  # a PRN is longer

WIRE_MSISDN = re.compile(r"\+?(254[71][0-9]{8})")
"""M-Pesa takes no other spelling (daraja.md 7.8); programs that send a plus get away with it."""

FORBIDDEN_WORDS = ("mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query")
"""No URL of a C2B registration may contain them, in any case (daraja.md 7.2)."""

TAX_OFFICE = "572572"  # the only one who is paid taxes (daraja.md 2.11)


class Called(msgspec.Struct, frozen=True):
    """A checked call: the command, and what an SDK proves itself with."""

    ask: Ask
    shortcode: str
    password: str | None = None
    timestamp: str = ""
    named_by: str = ""  # the field that the shortcode stood in; a push is refused in words of its own


@dataclass(frozen=True, slots=True)
class StkQuery:
    """A checked STK query."""

    shortcode: str
    password: str
    timestamp: str
    checkout_request_id: str


class _Fields:
    """One body; each method returns a good value or refuses with the field's name."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def text(self, name: str, *others: str) -> str:
        value = next((told for each in (name, *others) if (told := text(self._values.get(each)))), "")
        if not value:
            raise invalid(name)
        return value

    def optional(self, name: str, *others: str) -> str:
        return next((told for each in (name, *others) if (told := text(self._values.get(each)))), "")

    def shortcode(self, name: str) -> str:
        value = self.text(name)
        if not re.fullmatch(r"[0-9]{5,7}", value):
            raise invalid(name)
        return value

    def msisdn(self, name: str) -> str:
        found = WIRE_MSISDN.fullmatch(self.text(name))
        if not found:
            raise invalid(name)
        return found[1]

    def amount_cents(self, name: str) -> int:
        try:
            cents = money.parse_cents(self.text(name))
            money.whole_shillings(cents)
        except InvalidAmountError:
            raise invalid(name) from None
        return cents

    def url(self, name: str) -> str:
        self.text(name)
        return self.optional_url(name)

    def optional_url(self, *names: str) -> str:
        name = next((each for each in names if self.optional(each)), "")
        value = self.optional(name)
        if value and not is_web_address(value):
            raise invalid(name)
        return value

    def c2b_url(self, name: str) -> str:
        value = self.url(name)
        word = next((word for word in FORBIDDEN_WORDS if word in value.lower()), "")
        if word:
            raise forbidden_word(name, word)
        return value

    def timestamp(self, name: str) -> str:
        value = self.text(name)
        if nairobi_to_us(value) is None:
            raise invalid(name)
        return value

    def remarks(self) -> str:
        value = self.text("Remarks")
        if not REMARKS_MIN_CHARS <= len(value) <= REMARKS_MAX_CHARS:
            raise invalid("Remarks")
        return value

    def occasion(self, *names: str) -> str:
        value = self.optional(*names)
        if len(value) > OCCASION_MAX_CHARS:
            raise invalid(names[0])
        return value

    def identifier_type(self, *names: str) -> str:
        value = self.text(*names)
        if not re.fullmatch(r"[0-9]{1,2}", value):
            raise invalid(names[0])
        return value

    def request_id(self, name: str) -> str:
        value = self.optional(name)
        if value and not re.fullmatch(REQUEST_ID, value):
            raise invalid(name)
        return value

    def details(self, *names: str, **more: str) -> str:
        found = {name: told for name in names if (told := text(self._values.get(name)))}
        return _encode(found | more).decode()


def read_call(path: str, raw: bytes, content_type: str, query: str = "") -> Called:
    """A call on one of Daraja's paths as a command of ours; ``query`` goes with what is passed on as it came."""
    commands = tuple(command for command in BY_PATH.values() if path in command.facade)
    values = _object(raw, content_type, commands[0])
    if commands[0].path in RELAYED_PATHS:
        return Called(_plain(commands[0], _encode({"Daraja": values, "Query": query}).decode()), "")
    return _READERS.get(path, _read_plain)(commands, _Fields(values), values)


def read_stk_query(raw: bytes, content_type: str) -> StkQuery:
    """A question about a push (daraja.md 2.2)."""
    fields = _Fields(_object(raw, content_type, BY_PATH["lnm/customerpaybill"]))
    return StkQuery(
        fields.shortcode("BusinessShortCode"),
        fields.text("Password"),
        fields.timestamp("Timestamp"),
        fields.text("CheckoutRequestID"),
    )


def _object(raw: bytes, content_type: str, command: Command) -> dict[str, object]:
    """A form or an unlabelled body has no fields that M-Pesa could read, so the first one is missing."""
    if "json" not in content_type.lower():
        return {}
    found = read_object(raw)
    if found is None:
        if command.path in BILL_LISTS and raw.lstrip()[:1] == b"[":
            return {"list": _list(raw)}
        raise unreadable()
    return found


def _list(raw: bytes) -> list[object]:
    try:
        found: list[object] = msgspec.json.decode(raw, type=list[object])
    except (ValueError, RecursionError):
        raise unreadable() from None
    return found


def _read_push(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
    shortcode = fields.shortcode("BusinessShortCode")
    password, timestamp = fields.text("Password"), fields.timestamp("Timestamp")
    command = _chosen(commands, fields.text("TransactionType"), "TransactionType")
    amount_cents = fields.amount_cents("Amount")
    fields.msisdn("PartyA")
    fields.shortcode("PartyB")
    ask = Ask(
        command=command,
        request_id="",
        amount_cents=amount_cents,
        msisdn=fields.msisdn("PhoneNumber"),
        reference=fields.text("AccountReference")[:64],
        description=fields.optional("TransactionDesc")[:64],
        reference_data="[]",
        callback_url=fields.url("CallBackURL"),
        face=Face.DARAJA,
    )
    return Called(ask, shortcode, password, timestamp)


def _read_payout_v1(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
    """Version 1 knows no OriginatorConversationID; one that is sent is kept all the same (daraja.md 2.6)."""
    return _read_payout(commands, fields, _, demands_id=False)


def _read_payout(
    commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object], *, demands_id: bool = True
) -> Called:
    if demands_id:
        fields.text("OriginatorConversationID")
    request_id = fields.request_id("OriginatorConversationID")
    fields.text("InitiatorName", "Initiator")
    fields.text("SecurityCredential")
    command = _chosen(commands, fields.text("CommandID", "Command ID"), "CommandID")
    amount_cents, shortcode = fields.amount_cents("Amount"), fields.shortcode("PartyA")
    ask = Ask(
        command=command,
        request_id=request_id,
        amount_cents=amount_cents,
        msisdn=fields.msisdn("PartyB"),
        reference="",
        description=fields.remarks(),
        reference_data="[]",
        callback_url=_result_url(fields),
        details=_occasion(fields),
        face=Face.DARAJA,
    )
    return Called(ask, shortcode, named_by="PartyA")


def _read_transfer(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
    request_id = fields.request_id("OriginatorConversationID")
    fields.text("Initiator", "InitiatorName")
    fields.text("SecurityCredential")
    command = _chosen(commands, fields.text("CommandID", "Command ID"), "CommandID")
    sender_type = fields.identifier_type("SenderIdentifierType")
    receiver_type = fields.identifier_type("RecieverIdentifierType", "ReceiverIdentifierType")
    amount_cents, shortcode = fields.amount_cents("Amount"), fields.shortcode("PartyA")
    details = {"ReceiverShortcode": fields.shortcode("PartyB")}
    if command.body is TaxBody and details["ReceiverShortcode"] != TAX_OFFICE:
        raise invalid("PartyB")
    reference = _transfer_reference(command, fields)
    if requester := fields.optional("Requester"):
        details["Requester"] = requester
    ask = Ask(
        command=command,
        request_id=request_id,
        amount_cents=amount_cents,
        msisdn="",
        reference=reference,
        description=fields.remarks(),
        reference_data="[]",
        callback_url=_result_url(fields),
        details="{}",
        face=Face.DARAJA,
    )
    if occasion := fields.occasion("Occassion", "Occasion"):
        details["Occasion"] = occasion
    # Identifier types come last: Daraja passes them on, and what stands behind it refuses them in words of its own.
    _require_type(sender_type, ("4",), "PrimaryParty")
    _require_type(receiver_type, ("4", "2") if command.command_id == "BusinessBuyGoods" else ("4",), "ReceiverParty")
    return Called(replace(ask, details=_encode(details).decode()), shortcode, named_by="PartyA")


def _transfer_reference(command: Command, fields: _Fields) -> str:
    """The account with the other business: a paybill's and the tax office's want one (daraja.md 2.9)."""
    names = ("AccountReference", "Account Reference")
    wants_one = command.path in {"b2b/businesspaybill", "b2b/paytaxtokra"}
    reference = fields.text(*names) if wants_one else fields.optional(*names)
    if len(reference) > (
        TAX_REFERENCE_MAX_CHARS if command.path == "b2b/paytaxtokra" else TRANSFER_REFERENCE_MAX_CHARS
    ):
        raise invalid("AccountReference")
    return reference


def _require_type(given: str, allowed: tuple[str, ...], party: str) -> None:
    if given not in allowed:
        raise wrong_identifier_type(party, given)


def _read_operator(own: str, *names: str, allowed: tuple[str, ...]) -> Callable[..., Called]:
    """Reversal, status and balance: an operator's question or order about the shortcode in field ``own``."""

    def read(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
        command = commands[0]
        fields.text("Initiator", "InitiatorName")
        fields.text("SecurityCredential")
        if fields.text("CommandID", "Command ID") != command.command_id:
            raise invalid("CommandID")
        if names and not fields.optional(*names):
            raise invalid(names[0])
        is_reversal = command.kind is Kind.REVERSAL
        amount_cents = fields.amount_cents("Amount") if is_reversal else 0
        type_names = ("RecieverIdentifierType", "ReceiverIdentifierType") if is_reversal else ("IdentifierType",)
        given = fields.optional(*type_names)
        is_customer = given == "1" and given in allowed  # what a customer did; we ask as ourselves
        shortcode = "" if is_customer and fields.msisdn(own) else fields.shortcode(own)
        identifier_type = fields.identifier_type(*type_names)
        occasion = fields.occasion("Occasion", "Occassion")
        ask = Ask(
            command=command,
            request_id=fields.request_id("OriginatorConversationID"),
            amount_cents=amount_cents,
            msisdn="",
            reference="",
            description=fields.remarks(),
            reference_data="[]",
            callback_url=_result_url(fields),
            details=fields.details(*names, **({"Occasion": occasion} if occasion else {})),
            face=Face.DARAJA,
        )
        _require_type(identifier_type, allowed, "ReceiverParty" if is_reversal else "PrimaryParty")
        return Called(ask, shortcode, named_by=own)

    return read


def _read_register(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
    shortcode = fields.shortcode("ShortCode")
    if fields.text("ResponseType") not in {"Completed", "Cancelled"}:
        raise invalid("ResponseType")
    fields.c2b_url("ConfirmationURL")
    fields.c2b_url("ValidationURL")
    details = fields.details("ResponseType", "ConfirmationURL", "ValidationURL")
    return Called(_plain(commands[0], details), shortcode, named_by="ShortCode")


def _read_register_v1(commands: tuple[Command, ...], fields: _Fields, values: Mapping[str, object]) -> Called:
    """Version 1 shows payers' numbers hashed, version 2 masked: what the caller reads stays what it was."""
    called = _read_register(commands, fields, values)
    details = _encode({**msgspec.json.decode(called.ask.details), "Version": "v1"}).decode()
    return replace(called, ask=replace(called.ask, details=details))


def _read_simulation(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
    shortcode = fields.shortcode("ShortCode")
    command = _chosen(commands, fields.text("CommandID"), "CommandID")
    ask = Ask(
        command=command,
        request_id="",
        amount_cents=fields.amount_cents("Amount"),
        msisdn=fields.msisdn("Msisdn"),
        reference=fields.optional("BillRefNumber")[:20],
        description="",
        reference_data="[]",
        callback_url=None,
        face=Face.DARAJA,
    )
    return Called(ask, shortcode, named_by="ShortCode")


def _read_plain(commands: tuple[Command, ...], fields: _Fields, values: Mapping[str, object]) -> Called:
    """An API whose body holds nothing of ours: it goes to M-Pesa as it came, but for where M-Pesa answers."""
    command = commands[0]
    body = values.get("list", values)
    named_by = next((name for name in _OWN_NAMES if fields.optional(name)), "")
    shortcode = fields.optional(*_OWN_NAMES)
    url = fields.optional_url("CallBackURL", "callbackUrl", "callbackurl")
    ask = _plain(command, _encode({"Daraja": body}).decode())
    if command.mode is Mode.PROMPT:
        amount = fields.amount_cents("amount" if command.kind is Kind.TILL_PUSH else "Amount")
        phone = fields.msisdn("PartyA") if command.kind is Kind.STANDING_ORDER else ""
        ask = replace(ask, amount_cents=amount, msisdn=phone)
        url = fields.url("callbackUrl" if command.kind is Kind.TILL_PUSH else "CallBackURL")
    return Called(replace(ask, callback_url=url or None), shortcode, named_by=named_by)


_OWN_NAMES = ("BusinessShortCode", "ShortCode", "shortcode", "receiverShortCode")


def _plain(command: Command, details: str) -> Ask:
    return Ask(command, "", 0, "", "", "", "[]", None, details=details, face=Face.DARAJA)


def _chosen(commands: tuple[Command, ...], command_id: str, field: str) -> Command:
    found = next((command for command in commands if command.command_id == command_id), None)
    if found is None:
        raise invalid(field)
    return found


def _result_url(fields: _Fields) -> str:
    fields.url("QueueTimeOutURL")
    return fields.url("ResultURL")


def _occasion(fields: _Fields) -> str:
    told = fields.occasion("Occassion", "Occasion")
    return _encode({"Occasion": told} if told else {}).decode()


_TRANSFERS = ("/mpesa/b2b/v1/paymentrequest", "/mpesa/b2b/v1/remittax")
_READERS: dict[str, Callable[..., Called]] = {
    **dict.fromkeys(BY_PATH["lnm/customerpaybill"].facade, _read_push),
    "/mpesa/b2c/v1/paymentrequest": _read_payout_v1,
    "/mpesa/b2c/v3/paymentrequest": _read_payout,
    **dict.fromkeys(BY_PATH["b2c/businesspaytopochi"].facade, _read_payout),
    **dict.fromkeys(_TRANSFERS, _read_transfer),
    "/mpesa/c2b/v1/registerurl": _read_register_v1,
    "/mpesa/c2b/v2/registerurl": _read_register,
    **dict.fromkeys(BY_PATH["c2b/customerpaybill"].facade, _read_simulation),
    "/mpesa/reversal/v1/request": _read_operator("ReceiverParty", "TransactionID", allowed=("11", "4")),
    "/mpesa/transactionstatus/v1/query": _read_operator(
        "PartyA", "TransactionID", "OriginalConversationID", allowed=("1", "2", "4")
    ),
    "/mpesa/accountbalance/v1/query": _read_operator("PartyA", allowed=("4", "2")),
}
