"""The languages in which M-Pesa calls us about commands and customers' payments: Daraja's JSON, the Broker's XML.

What is read becomes the same records from both; what differs is how they are acknowledged, and that XML has an answer
for what cannot be read.
"""

from collections.abc import Callable
from dataclasses import dataclass

from wakala.rules.sides import SOAP_PREFIX
from wakala.wire import daraja, daraja_results
from wakala.wire.api import JSON, HttpAnswer
from wakala.wire.broker import answers, replies, soap
from wakala.wire.daraja import C2bNotice, ValidationVerdict
from wakala.wire.loose_results import CommandResult


@dataclass(frozen=True, slots=True)
class Dialect:
    """Readers raise `MalformedUpstreamError`. ``prefix`` stands before every kind of callback in its path.

    ``in_json`` is a call in Daraja's words, for merchants who read those; ``unreadable`` the answer to what no reader
    takes, given what a readable one would have got.
    """

    prefix: str
    headers: tuple[tuple[str, str], ...]
    read_result: Callable[[bytes], CommandResult]
    read_timeout: Callable[[bytes], object]
    read_c2b: Callable[[bytes], C2bNotice]
    in_json: Callable[[bytes], bytes]
    result_taken: Callable[[], bytes]
    timeout_taken: Callable[[], bytes]
    confirmation_taken: Callable[[str], bytes]
    validation: Callable[[ValidationVerdict], bytes]
    unreadable: Callable[[bytes], HttpAnswer]

    def answer(self, body: bytes) -> HttpAnswer:
        """An ordinary one."""
        return 200, self.headers, body


def _fault(_: bytes) -> HttpAnswer:
    return (
        500,
        soap.HEADERS,
        soap.fault("The message cannot be read as the one that is expected here."),
    )  # SOAP 1.1, 6.2


def _validation_in_json(verdict: ValidationVerdict) -> bytes:
    return daraja.c2b_validation_answer(accept=verdict.accept, code=verdict.code, third_party_id=verdict.third_party_id)


def _as_it_is(body: bytes) -> bytes:
    return body


DARAJA = Dialect(
    prefix="",
    headers=JSON,
    read_result=daraja_results.read_result,
    read_timeout=_as_it_is,  # nobody has ever published one; whatever comes counts (daraja.md 3.4)
    read_c2b=daraja.read_c2b,
    in_json=_as_it_is,
    result_taken=daraja.stk_ack,
    timeout_taken=daraja.stk_ack,
    confirmation_taken=lambda _: daraja.c2b_confirmation_ack(),
    validation=_validation_in_json,
    unreadable=lambda acknowledgement: (200, JSON, acknowledgement),
)
BROKER = Dialect(
    prefix=SOAP_PREFIX,
    headers=soap.HEADERS,
    read_result=replies.read_result,
    read_timeout=replies.read_timeout,
    read_c2b=replies.read_c2b,
    in_json=replies.c2b_in_json,
    result_taken=answers.result_taken,
    timeout_taken=answers.timeout_taken,
    confirmation_taken=answers.confirmation_taken,
    validation=answers.validation,
    unreadable=_fault,
)
