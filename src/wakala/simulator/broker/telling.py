"""What the Broker sends on its own: results, queue time-outs, C2B calls; and what it makes of the answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from wakala.simulator import command_results, identifiers
from wakala.simulator.broker import words
from wakala.simulator.broker.tree import NotXmlError, inner, read
from wakala.simulator.commands import Command, Item, Outcome
from wakala.simulator.identifiers import stamp
from wakala.simulator.messages import hash_msisdn, shillings
from wakala.simulator.posting import Reply
from wakala.simulator.world import Payment, Rules

HEADERS = {"Content-Type": "text/xml"}
TWO_PLACES = frozenset({"TransactionAmount", "Amount"})


@dataclass(frozen=True, slots=True)
class Form:
    """The namespaces of a result, outside and in."""

    outer: str
    within: str


USUAL = Form(f"{words.GEN}result", f"{words.GEN}result")
FORMS = {
    "wrong_namespace": Form("urn:nobody:result", "urn:nobody:result"),
    "core_namespace": Form(f"{words.CPS}result", ""),  # broker.md 7.1
}


def variants(command: Command, outcome: Outcome) -> dict[str, Callable[[int], bytes]]:
    """The other bodies of a result that faults may ask for."""
    opposite = Outcome(command_results.command_result(17 if outcome.result.code == 0 else 0), "Fault contradicted.")
    forms = {name: partial(result, command, outcome, form=form) for name, form in FORMS.items()}
    return {**forms, "contradicted": partial(result, command, opposite)}


def fault_in_acknowledgement(reply: Reply) -> str:
    """What is wrong with the answer to a result or notice; a code of zeros, however many, is right (broker.md 7.2)."""
    if reply.status != 200:
        return f"No acknowledgement: HTTP {reply.status}."
    try:
        message = read(reply.body)
        noticed = message.first("notifyQueueTimeoutResponse")
        said = noticed if noticed is not None else inner(message, "ResponseMsg")
    except NotXmlError as wrong:
        return f"No acknowledgement: {wrong}."
    code = said.value("ResultCode" if noticed is not None else "ResponseCode")
    return "" if code and not code.strip("0") else f"Not acknowledged: the code is {code or 'missing'}."


def result(command: Command, outcome: Outcome, amount_cents: int, *, form: Form = USUAL) -> bytes:
    """GenericAPIResult, with the merchant's reference data in it as it came."""
    succeeded = outcome.result.code == 0
    fields = (
        ("ResultType", "0"),
        ("ResultCode", str(outcome.result.code)),
        ("ResultDesc", outcome.result.text),
        ("OriginatorConversationID", command.originator_id),
        ("ConversationID", command.conversation_id),
        ("TransactionID", command.receipt or identifiers.no_receipt(command.settled_at or command.asked_at)),
    )
    parameters = [_spelled(each) for each in outcome.parameters(amount_cents)] if succeeded else []
    bill = [("BillReferenceNumber", command.asked.account)] if command.asked.account else []
    return words.result(fields, parameters, [*bill, *command.asked.references], outer=form.outer, within=form.within)


def _spelled(given: Item) -> tuple[str, str]:
    key, value = str(given["Key"]), given.get("Value", "")
    text = bytes(value).decode() if not isinstance(value, str | int | float) else str(value)
    return key, f"{float(text):.2f}" if key in TWO_PLACES and text else text


def queue_timeout(command: Command) -> bytes:
    """The notice of a request that expired in the Broker's queue (broker.md 8.2)."""
    return words.queue_timeout(command.originator_id, command.asked.origin)


def c2b_call(payment: Payment, amount_cents: int, rules: Rules, *, for_validation: bool) -> bytes:
    """Validation or confirmation. Since 2023 the number is hashed and of the names only the first is told (10.3)."""
    msisdn = payment.phone.msisdn if rules.v1_plain_msisdn else hash_msisdn(payment.phone.msisdn)
    fields = [
        ("TransType", "Buy Goods" if payment.buy_goods else "Pay Bill"),
        ("TransID", payment.receipt),
        ("TransTime", stamp(payment.settled_at or payment.asked_at)),
        ("TransAmount", shillings(amount_cents)),
        ("BusinessShortCode", payment.shortcode.number),
    ]
    if not payment.buy_goods:
        fields.append(("BillRefNumber", payment.account))
    if not for_validation:
        fields.append(("OrgAccountBalance", shillings(payment.shortcode_balance_cents)))
        if payment.third_party_id:
            fields.append(("ThirdPartyTransID", payment.third_party_id))
    fields.append(("MSISDN", msisdn))
    operation = "C2BPaymentValidationRequest" if for_validation else "C2BPaymentConfirmationRequest"
    return words.c2b(operation, fields, [("First Name", payment.phone.name)])


def verdict(body: bytes) -> tuple[str, str, str] | None:
    """Code, words and ThirdPartyTransID of a C2BPaymentValidationResult; None for what cannot be read."""
    try:
        answer = read(body).first("C2BPaymentValidationResult")
    except NotXmlError:
        return None
    if answer is None or not answer.value("ResultCode"):
        return None
    return answer.value("ResultCode"), answer.value("ResultDesc"), answer.value("ThirdPartyTransID")
