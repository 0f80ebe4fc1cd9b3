"""What can become of an STK prompt: the result codes and their texts (daraja.md 4.1)."""

from dataclasses import dataclass

Code = int | str
"""A number, except for the few codes that M-Pesa sends as a string (SFC_IC0003, TP40087)."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a payment ended. The query words some results otherwise than the callback does, as M-Pesa's own does."""

    code: Code
    text: str
    query_text: str


LOCKED_TEXT = "Unable to lock subscriber, a transaction is already in process for the current subscriber"

TEXTS: dict[Code, str] = {
    0: "The service request is processed successfully.",
    1: "The balance is insufficient for the transaction.",
    2: "Declined due to limit rule.",
    3: "Declined due to limit rule: greater than the maximum transaction amount.",
    4: "Declined due to limit rule: would exceed daily transfer limit.",
    8: "Declined due to limit rule: would exceed the maximum balance.",
    15: "Duplicate OriginatorConversationID",
    17: "Rule limited.",
    26: "System busy. The service request is rejected.",
    1001: LOCKED_TEXT,
    1019: "Transaction has expired",
    1025: "An error occurred while sending a push request.",
    9999: "An error occurred while sending a push request.",
    1031: "Request cancelled by user",
    1032: "Request cancelled by user",
    1036: "SMSC ACK timeout.",
    1037: "No response from user.",
    2001: "The initiator information is invalid.",
    2028: "The request is not permitted according to product assignment.",
    8006: "The security credential is locked.",
    "SFC_IC0003": "The operator does not exist.",
}

QUERY_TEXTS: dict[Code, str] = {
    1032: "Request Cancelled by user.",
    1037: "DS timeout user cannot be reached.",
}

PENDING_CODE = "4999"
PENDING_TEXT = "The transaction is still under processing"
UNREACHABLE_TEXT = "DS timeout user cannot be reached"


def result(code: Code, text: str = "") -> Result:
    """The result of that code. A code that the table lacks needs a text of its own, else KeyError."""
    said = text or TEXTS[code]
    return Result(code, said, text or QUERY_TEXTS.get(code, said))


def code_from(spelled: str) -> Code:
    """Numbers become numbers; the codes that are words stay words."""
    return int(spelled) if spelled.isdecimal() else spelled


ANSWERED: frozenset[Code] = frozenset({0, 1, 2, 3, 4, 8, 17, 1031, 1032, 2001, 8006})
"""Results that come of somebody's PIN or refusal. The others say nothing of the phone's owner, and 1037 that there was
no answer."""

PAID = result(0)
NOT_ENOUGH = result(1)
RULE_LIMITED = result(17)
DAILY_LIMIT = result(4)
BUSY = result(26)
LOCKED = result(1001)
CANCELLED = result(1032)
NO_RESPONSE = result(1037)
UNREACHABLE = Result(1037, UNREACHABLE_TEXT, QUERY_TEXTS[1037])
WRONG_PIN = result(2001)
NOT_PERMITTED = result(2028)
NO_SUCH_OPERATOR = result("SFC_IC0003")
