"""What the Broker tells the caller, and whether it was acknowledged (broker.md 7 to 10)."""

from decimal import Decimal
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import msgspec

from wakala.simulator import identifiers, messages
from wakala.simulator.broker import writing
from wakala.simulator.broker.log import Log, request_dump
from wakala.simulator.broker.reading import Element, UnreadableError, read, read_inner
from wakala.simulator.c2b import Tongue, Verdict
from wakala.simulator.commands import Command, Item, Outcome
from wakala.simulator.messages import shillings
from wakala.simulator.office import Teller, Told
from wakala.simulator.posting import Reply
from wakala.simulator.results import Result
from wakala.simulator.world import Payment, Rules, World

PREFIX = "broker_"
XML_TYPE = "text/xml; charset=utf-8"
HEADERS = {"Content-Type": XML_TYPE}
SPELLED = {"ConversationID": "Conversation ID", "OriginatorConversationID": "Originator Conversation ID"}
"""Keys of a status result that XML spells with spaces (broker.md 9.4)."""

DUPLICATE = Result(15, "Duplicate OriginatorConversationID.", "Duplicate OriginatorConversationID.")
NAME_KEYS = ("First Name", "Middle Name", "Last Name")


def teller(log: Log) -> Teller:
    """How commands that came through the Broker are told of."""
    return Teller(lambda command, outcome: _result(log, command, outcome), lambda command: _notice(log, command))


def tongue(world: World) -> Tongue:
    """How customers' payments are told of to a shortcode that registered at the Broker."""
    return Tongue(PREFIX, HEADERS, lambda payment, cents, asks: _c2b(payment, cents, world.rules, asks), _verdict)


def _result(log: Log, command: Command, outcome: Outcome) -> Told:
    def write(form: str, amount_cents: int) -> bytes:
        fields, parameters, references = (
            _fields(command, outcome),
            _parameters(outcome, amount_cents),
            _references(command),
        )
        if form == "first_generation":
            return writing.first_generation_result(fields, parameters, references)
        namespace = {"wrong_namespace": writing.STRANGE, "cps_namespace": writing.CPS_RESULT}.get(form, writing.RESULT)
        return writing.result(fields, parameters, references, namespace=namespace)

    def opposite(_: int) -> bytes:
        code, text = (
            ("17", "System internal error.")
            if command.done
            else ("0", "The service request is processed successfully.")
        )
        fields = [*({**dict(_fields(command, outcome)), "ResultCode": code, "ResultDesc": text}).items()]
        return writing.result(fields, [], _references(command))

    forms = ("wrong_namespace", "cps_namespace", "first_generation")
    if outcome.result != DUPLICATE:
        sent = request_dump(urlsplit(command.asked.result_url).path, write("", command.asked.amount_cents))
        log.open(command.originator_id).results.append(sent)
    variants = {form: partial(write, form) for form in forms} | {"contradicted": opposite}
    return Told(PREFIX, partial(write, ""), HEADERS, _fault_in_acknowledgement, variants)


def _notice(log: Log, command: Command) -> Told:
    origin = writing.without_header(command.asked.origin)
    body = writing.queue_timeout(command.originator_id, origin)
    log.open(command.originator_id).timeouts.append(request_dump(urlsplit(command.asked.timeout_url).path, body))
    return Told(PREFIX, lambda _: body, HEADERS, _fault_in_acknowledgement)


def _fields(command: Command, outcome: Outcome) -> list[tuple[str, str]]:
    return [
        ("ResultType", "0"),
        ("ResultCode", str(outcome.result.code)),
        ("ResultDesc", outcome.result.text),
        ("OriginatorConversationID", command.originator_id),
        ("ConversationID", command.conversation_id),
        ("TransactionID", command.receipt or identifiers.no_receipt(command.settled_at or command.asked_at)),
    ]


def _parameters(outcome: Outcome, amount_cents: int) -> list[tuple[str, str]]:
    """The same keys as in JSON, all of them text; failures have none."""
    items = outcome.parameters(amount_cents) if outcome.result.code == 0 else []
    return [(SPELLED.get(str(each["Key"]), str(each["Key"])), _text(each, amount_cents)) for each in items]


def _text(item: Item, amount_cents: int) -> str:
    value: Any = item.get("Value", "")
    if item["Key"] == "TransactionAmount":
        return shillings(amount_cents)
    spelled = bytes(value).decode() if isinstance(value, msgspec.Raw) else str(value)
    return f"{Decimal(spelled):.2f}" if item["Key"] == "Amount" else spelled


def _references(command: Command) -> list[tuple[str, str]]:
    asked = command.asked
    bill = [("BillReferenceNumber", asked.account)] if asked.kind == "b2b" and asked.account else []
    return [*bill, *asked.references]


def _c2b(payment: Payment, amount_cents: int, rules: Rules, for_validation: bool) -> bytes:
    plain = rules.v1_plain_msisdn
    fields = [
        ("TransType", "Buy Goods" if payment.buy_goods else "Pay Bill"),
        ("TransID", payment.receipt),
        ("TransTime", identifiers.stamp(payment.settled_at or payment.asked_at)),
        ("TransAmount", shillings(amount_cents)),
        ("BusinessShortCode", payment.shortcode.number),
        *([] if payment.buy_goods else [("BillRefNumber", payment.account)]),
        *([] if for_validation else [("OrgAccountBalance", shillings(payment.shortcode_balance_cents))]),
        *([("ThirdPartyTransID", payment.third_party_id)] if payment.third_party_id and not for_validation else []),
        ("MSISDN", payment.phone.msisdn if plain else messages.hash_msisdn(payment.phone.msisdn)),
    ]
    names = payment.phone.name.split() if plain else payment.phone.name.split()[:1]
    kyc = [(f"[Personal Details][{key}]", name) for key, name in zip(NAME_KEYS, names, strict=False)]
    return writing.c2b(f"C2BPayment{'Validation' if for_validation else 'Confirmation'}Request", fields, kyc)


def _verdict(body: bytes) -> Verdict | None:
    found = _inside(body, "C2BPaymentValidationResult")
    code = found.value("ResultCode") if found is not None else ""
    if found is None or not code:
        return None
    rejected_with = "" if code == "0" else code
    return Verdict(rejected_with, found.value("ResultDesc") or "Rejected", found.value("ThirdPartyTransID"))


def _fault_in_acknowledgement(reply: Reply) -> str:
    """What is wrong with the answer to a result or notice; all zeros, however many, are right (broker.md 7.2)."""
    if reply.status != 200:
        return f"No acknowledgement: HTTP {reply.status}."
    said = _inside(reply.body, "ResponseMsg", "notifyQueueTimeoutResponse")
    if said is None:
        return "No acknowledgement: the answer holds neither ResponseMsg nor notifyQueueTimeoutResponse."
    try:
        inner = read_inner(said.text) if said.name == "ResponseMsg" else said.child("result")
    except UnreadableError as wrong:
        return f"No acknowledgement: its document cannot be read. {wrong}"
    code = (inner.value("ResponseCode") or inner.value("ResultCode")) if inner is not None else ""
    return "" if code and not code.strip("0") else f"Not acknowledged: the code is {code or 'missing'}."


def _inside(body: bytes, *names: str) -> Element | None:
    try:
        envelope = read(body)
    except UnreadableError:
        return None
    found = envelope.child("Body")
    return next((each for each in (found.children if found is not None else []) if each.name in names), None)
