"""Daraja's own words for our commands: requests in, acknowledgements and errors out, quirks included; pure.

The order of the checks is M-Pesa's (daraja.md 10): JSON, then field by field; the first that is wrong is named. What
an SDK sends for its own proof (Password, SecurityCredential) is looked at where it can be and never passed on.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from wakala.errors import InvalidAmountError, InvalidMsisdnError
from wakala.rules import money, msisdn
from wakala.rules.addresses import is_web_address
from wakala.rules.bodies import REQUEST_ID
from wakala.rules.commands import BY_PATH, COMMANDS, Ask, Command, Mode
from wakala.rules.payment import Answer, Face, Kind, Payment, State
from wakala.rules.sides import originator_id
from wakala.wire.api import HttpAnswer
from wakala.wire.loose_json import read_object, text

JSON = (("content-type", "application/json;charset=UTF-8"),)
_encode = msgspec.json.Encoder().encode


class RefusedInDarajaError(Exception):
    """An answer in Daraja's error envelope. Without a code the body is empty, as M-Pesa's is for wrong keys."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def bad_authentication() -> RefusedInDarajaError:
    """No Basic credentials where a token is asked for, or wrong ones (daraja.md 1.2)."""
    return RefusedInDarajaError(400, "400.008.01", "Invalid Authentication passed")


def bad_grant_type() -> RefusedInDarajaError:
    """The token wants one grant type only."""
    return RefusedInDarajaError(400, "400.008.02", "Invalid grant type passed")


def missing_token() -> RefusedInDarajaError:
    """No bearer token: with status 404 (daraja.md 1.4)."""
    return RefusedInDarajaError(404, "404.001.04", "Invalid Authentication Header")


def invalid_token() -> RefusedInDarajaError:
    """An expired or foreign token: with status 404 as well."""
    return RefusedInDarajaError(404, "404.001.03", "Invalid Access Token")


def no_such_product() -> RefusedInDarajaError:
    """The app may not use this."""
    message = "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found"
    return RefusedInDarajaError(401, "401.002.01", message)


def no_such_merchant() -> RefusedInDarajaError:
    """The shortcode is not this app's."""
    return RefusedInDarajaError(500, "500.001.1001", "Merchant does not exist")


def wrong_password() -> RefusedInDarajaError:
    """The Password does not follow from shortcode, passkey and timestamp."""
    return RefusedInDarajaError(500, "500.001.1001", "[MerchantValidate] - Wrong credentials")


def no_such_transaction() -> RefusedInDarajaError:
    """A query for an ID that nobody was given (daraja.md 2.2)."""
    return RefusedInDarajaError(500, "500.001.1001", "The transaction does not Exist")


def duplicate() -> RefusedInDarajaError:
    """The first request with this ID stands (daraja.md 1.4)."""
    return RefusedInDarajaError(500, "500.002.1001", "Duplicate OriginatorConversationID.")


def busy() -> RefusedInDarajaError:
    """Nothing was done; come back later."""
    return RefusedInDarajaError(500, "500.003.02", "System is busy. Please try again in few minutes.")


def broken() -> RefusedInDarajaError:
    """What became of it is unknown; ask, do not resend."""
    return RefusedInDarajaError(500, "500.003.1001", "Internal Server Error")


def _invalid(field: str) -> RefusedInDarajaError:
    return RefusedInDarajaError(400, "400.002.02", f"Bad Request - Invalid {field}")


def refusal_answer(error: RefusedInDarajaError, request_id: str) -> HttpAnswer:
    """The envelope of every error."""
    body = {"requestId": request_id, "errorCode": error.code, "errorMessage": error.message}
    return error.status, JSON, _encode(body)


# ── requests ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Called:
    """A checked call: the command, and what an SDK proves itself with."""

    ask: Ask
    shortcode: str
    password: str | None = None
    timestamp: str = ""


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
            raise _invalid(name)
        return value

    def optional(self, name: str, *others: str) -> str:
        return next((told for each in (name, *others) if (told := text(self._values.get(each)))), "")

    def shortcode(self, name: str) -> str:
        value = self.text(name)
        if not re.fullmatch(r"[0-9]{5,7}", value):
            raise _invalid(name)
        return value

    def msisdn(self, name: str) -> str:
        try:
            return msisdn.parse(self.text(name))
        except InvalidMsisdnError:
            raise _invalid(name) from None

    def amount_cents(self, name: str) -> int:
        try:
            cents = money.parse_cents(self.text(name))
            money.whole_shillings(cents)
        except InvalidAmountError:
            raise _invalid(name) from None
        return cents

    def url(self, name: str) -> str:
        value = self.text(name)
        if not is_web_address(value):
            raise _invalid(name)
        return value

    def timestamp(self, name: str) -> str:
        value = self.text(name)
        if not re.fullmatch(r"[0-9]{14}", value):
            raise _invalid(name)
        return value

    def request_id(self, name: str) -> str:
        value = self.optional(name)
        if value and not re.fullmatch(REQUEST_ID, value):
            raise _invalid(name)
        return value

    def details(self, *names: str) -> str:
        found = {name: told for name in names if (told := text(self._values.get(name)))}
        return _encode(found).decode()


def read_call(path: str, raw: bytes, content_type: str) -> Called:
    """A POST on one of Daraja's paths as a command of ours."""
    commands = tuple(command for command in COMMANDS if path in command.facade)
    values = _object(raw, content_type, commands[0])
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
        if command.path in _LISTS and raw.lstrip()[:1] == b"[":
            return {"list": _list(raw)}
        raise RefusedInDarajaError(400, "400.002.05", "Invalid Request Payload")
    return found


_LISTS = frozenset({"billmanager/bulkinvoicing", "billmanager/cancelbulkinvoices"})


def _list(raw: bytes) -> list[object]:
    try:
        found: list[object] = msgspec.json.decode(raw, type=list[object])
    except (ValueError, RecursionError):
        raise RefusedInDarajaError(400, "400.002.05", "Invalid Request Payload") from None
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


def _read_payout(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
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
        description=fields.text("Remarks")[:100],
        reference_data="[]",
        callback_url=_result_url(fields),
        details=_occasion(fields),
        face=Face.DARAJA,
    )
    return Called(ask, shortcode)


def _read_transfer(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
    request_id = fields.request_id("OriginatorConversationID")
    fields.text("Initiator", "InitiatorName")
    fields.text("SecurityCredential")
    command = _chosen(commands, fields.text("CommandID", "Command ID"), "CommandID")
    fields.text("SenderIdentifierType")
    fields.text("RecieverIdentifierType", "ReceiverIdentifierType")
    amount_cents, shortcode = fields.amount_cents("Amount"), fields.shortcode("PartyA")
    details = {"ReceiverShortcode": fields.shortcode("PartyB")}
    if occasion := fields.optional("Occassion", "Occasion"):
        details["Occasion"] = occasion
    if requester := fields.optional("Requester"):
        details["Requester"] = requester
    ask = Ask(
        command=command,
        request_id=request_id,
        amount_cents=amount_cents,
        msisdn="",
        reference=fields.optional("AccountReference", "Account Reference")[:20],
        description=fields.text("Remarks")[:100],
        reference_data="[]",
        callback_url=_result_url(fields),
        details=_encode(details).decode(),
        face=Face.DARAJA,
    )
    return Called(ask, shortcode)


def _read_operator(own: str, *names: str) -> Callable[..., Called]:
    """Reversal, status and balance: an operator's question or order about the shortcode in field ``own``."""

    def read(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
        command = commands[0]
        fields.text("Initiator", "InitiatorName")
        fields.text("SecurityCredential")
        if fields.text("CommandID", "Command ID") != command.command_id:
            raise _invalid("CommandID")
        if names and not fields.optional(*names):
            raise _invalid(names[0])
        is_reversal = command.kind is Kind.REVERSAL
        amount_cents = fields.amount_cents("Amount") if is_reversal else 0
        shortcode = fields.shortcode(own)
        fields.text("RecieverIdentifierType" if is_reversal else "IdentifierType", "ReceiverIdentifierType")
        ask = Ask(
            command=command,
            request_id=fields.request_id("OriginatorConversationID"),
            amount_cents=amount_cents,
            msisdn="",
            reference="",
            description=fields.text("Remarks")[:100],
            reference_data="[]",
            callback_url=_result_url(fields),
            details=fields.details(*names, "Occasion"),
            face=Face.DARAJA,
        )
        return Called(ask, shortcode)

    return read


def _read_register(commands: tuple[Command, ...], fields: _Fields, _: Mapping[str, object]) -> Called:
    shortcode = fields.shortcode("ShortCode")
    if fields.text("ResponseType") not in {"Completed", "Cancelled"}:
        raise _invalid("ResponseType")
    fields.url("ConfirmationURL")
    fields.url("ValidationURL")
    details = fields.details("ResponseType", "ConfirmationURL", "ValidationURL")
    return Called(_plain(commands[0], details), shortcode)


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
    return Called(ask, shortcode)


def _read_plain(commands: tuple[Command, ...], fields: _Fields, values: Mapping[str, object]) -> Called:
    """An API whose body holds nothing of ours: it goes to M-Pesa as it came, but for where M-Pesa answers."""
    command = commands[0]
    body = values.get("list", values)
    shortcode = fields.optional("BusinessShortCode", "ShortCode", "shortcode", "receiverShortCode")
    url = fields.optional("CallBackURL", "callbackUrl", "callbackurl")
    ask = _plain(command, _encode({"Daraja": body}).decode())
    if command.mode is Mode.PROMPT:
        amount = fields.amount_cents("amount" if command.kind is Kind.TILL_PUSH else "Amount")
        phone = fields.msisdn("PartyA") if command.kind is Kind.STANDING_ORDER else ""
        ask = replace(ask, amount_cents=amount, msisdn=phone)
        url = fields.url("callbackUrl" if command.kind is Kind.TILL_PUSH else "CallBackURL")
    return Called(replace(ask, callback_url=url or None), shortcode)


def _plain(command: Command, details: str) -> Ask:
    return Ask(command, "", 0, "", "", "", "[]", None, details=details, face=Face.DARAJA)


def _chosen(commands: tuple[Command, ...], command_id: str, field: str) -> Command:
    found = next((command for command in commands if command.command_id == command_id), None)
    if found is None:
        raise _invalid(field)
    return found


def _result_url(fields: _Fields) -> str:
    fields.url("QueueTimeOutURL")
    return fields.url("ResultURL")


def _occasion(fields: _Fields) -> str:
    told = fields.optional("Occassion", "Occasion")
    return _encode({"Occasion": told} if told else {}).decode()


_TRANSFERS = ("/mpesa/b2b/v1/paymentrequest", "/mpesa/b2b/v1/remittax")
_READERS: dict[str, Callable[..., Called]] = {
    **dict.fromkeys(BY_PATH["lnm/customerpaybill"].facade, _read_push),
    **dict.fromkeys(BY_PATH["b2c/businesspayment"].facade, _read_payout),
    **dict.fromkeys(BY_PATH["b2c/businesspaytopochi"].facade, _read_payout),
    **dict.fromkeys(_TRANSFERS, _read_transfer),
    "/mpesa/c2b/v1/registerurl": _read_register_v1,
    "/mpesa/c2b/v2/registerurl": _read_register,
    **dict.fromkeys(BY_PATH["c2b/customerpaybill"].facade, _read_simulation),
    "/mpesa/reversal/v1/request": _read_operator("ReceiverParty", "TransactionID"),
    "/mpesa/transactionstatus/v1/query": _read_operator("PartyA", "TransactionID", "OriginalConversationID"),
    "/mpesa/accountbalance/v1/query": _read_operator("PartyA"),
}


# ── answers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def token_answer(token: str, life_s: int) -> HttpAnswer:
    """``expires_in`` is a string on the wire (daraja.md 1.2)."""
    body = {"access_token": token, "expires_in": str(life_s)}
    return 200, (*JSON, ("cache-control", "no-store")), _encode(body)


def command_answer(payment: Payment) -> HttpAnswer:
    """The first answer, and again for ever. Raises `RefusedInDarajaError` for what M-Pesa refused or nobody knows."""
    if payment.kind is Kind.SERVICE and payment.results != "{}":
        return 200, JSON, payment.results.encode()
    if payment.answer is Answer.REFUSED or (payment.answer is None and payment.state is State.FAILED):
        raise _refused(payment)
    if payment.answer is not Answer.ACCEPTED:
        raise broken()
    return 200, JSON, _encode(_acknowledgement(payment))


def _acknowledgement(payment: Payment) -> dict[str, Any]:
    first, second = originator_id(payment) if payment.merchant_request_id else "", payment.checkout_request_id or ""
    if payment.kind is Kind.PUSH:
        words = "Success. Request accepted for processing"
        return {
            "MerchantRequestID": first,
            "CheckoutRequestID": second,
            "ResponseCode": "0",
            "ResponseDescription": words,
            "CustomerMessage": words,
        }
    if payment.kind is Kind.TILL_PUSH:
        return {"code": "0", "status": "USSD Initiated Successfully"}
    if payment.kind is Kind.STANDING_ORDER:
        words = "Request accepted for processing"
        done = "The service request is processed successfully."
        return {
            "ResponseHeader": {
                "responseRefID": first or payment.request_id,
                "responseCode": "200",
                "responseDescription": words,
                "ResultDesc": done,
            },
            "ResponseBody": {"responseDescription": words, "responseCode": "200"},
        }
    return {
        "OriginatorConversationID": first or payment.request_id,
        "ConversationID": second,
        "ResponseCode": "0",
        "ResponseDescription": "Accept the service request successfully.",
    }


_CODE = re.compile(r"([45][0-9]{2})\.[0-9.]+")


def _refused(payment: Payment) -> RefusedInDarajaError:
    """M-Pesa's own code and words; its status is the first part of the code."""
    code, words = payment.answer_code or payment.result_code or "", payment.answer_desc or payment.result_desc or ""
    match = _CODE.fullmatch(code)
    return RefusedInDarajaError(int(match[1]), code, words) if match else busy()


def query_answer(payment: Payment) -> HttpAnswer:
    """What became of a push: the code is a string, and there is no receipt (daraja.md 2.2)."""
    body = {
        "ResponseCode": "0",
        "ResponseDescription": "The service request has been accepted successsfully",
        "MerchantRequestID": payment.merchant_request_id or "",
        "CheckoutRequestID": payment.checkout_request_id or "",
        "ResultCode": (payment.result_code or "1037") if payment.state.is_final else "4999",
        "ResultDesc": (payment.result_desc or "")
        if payment.state.is_final
        else "The transaction is still under processing",
    }
    return 200, JSON, _encode(body)
