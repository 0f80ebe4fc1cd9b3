"""In which words M-Pesa calls and is answered: Daraja's JSON, or the Broker's SOAP. What happens is the same."""

from collections.abc import Callable
from dataclasses import dataclass

from wakala.wire import daraja
from wakala.wire.api import JSON
from wakala.wire.broker import answers, replies, soap
from wakala.wire.daraja import C2bNotice, ValidationVerdict
from wakala.wire.daraja_results import CommandResult, read_result
from wakala.wire.loose_json import mended


@dataclass(frozen=True, slots=True)
class Dialect:
    """``prefix`` stands before every kind of callback path. Readers raise MalformedUpstreamError.

    ``unreadable`` is the status and body for what cannot be read: Daraja is acknowledged all the same, for it asks
    again for nothing; SOAP has a fault for that. ``c2b_in_json`` is a C2B call in Daraja's words, for a merchant.
    """

    prefix: str
    headers: tuple[tuple[str, str], ...]
    unreadable: tuple[int, bytes]
    result_ack: bytes
    timeout_ack: bytes
    read_result: Callable[[bytes], CommandResult]
    read_c2b: Callable[[bytes], C2bNotice]
    c2b_in_json: Callable[[bytes], bytes]
    confirmation_ack: Callable[[str], bytes]
    validation_answer: Callable[[ValidationVerdict], bytes]


DARAJA = Dialect(
    prefix="",
    headers=JSON,
    unreadable=(200, daraja.stk_ack()),
    result_ack=daraja.stk_ack(),
    timeout_ack=daraja.stk_ack(),
    read_result=read_result,
    read_c2b=daraja.read_c2b,
    c2b_in_json=mended,
    confirmation_ack=lambda _: daraja.c2b_confirmation_ack(),
    validation_answer=lambda verdict: daraja.c2b_validation_answer(
        accept=verdict.accept, code=verdict.code, third_party_id=verdict.third_party_id
    ),
)

BROKER = Dialect(
    prefix="soap_",
    headers=soap.HEADERS,
    unreadable=(500, soap.fault("The message cannot be read; it is kept as it came.")),
    result_ack=answers.result_taken(),
    timeout_ack=answers.timeout_taken(),
    read_result=replies.read_result,
    read_c2b=replies.read_c2b,
    c2b_in_json=replies.c2b_in_json,
    confirmation_ack=answers.confirmation_taken,
    validation_answer=answers.validation,
)
