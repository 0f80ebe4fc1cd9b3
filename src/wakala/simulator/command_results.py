"""What can become of a command: the result codes of payouts, transfers, reversals and enquiries (daraja.md 4.2).

Codes that were never captured with their text get the table's meaning as one: compare codes, never texts.
"""

from wakala.simulator import results
from wakala.simulator.results import Code, Result

TEXTS: dict[Code, str] = {
    0: results.TEXTS[0],
    1: "The balance is insufficient for the transaction.",
    2: "Declined due to limit rule: less than the minimum transaction amount.",
    3: "Declined due to limit rule: greater than the maximum transaction amount.",
    4: "Declined due to limit rule: would exceed daily transfer limit.",
    5: "Declined due to limit rule: would exceed minimum balance.",
    6: "Unresolved primary party.",
    7: "Unresolved receiver party.",
    8: "Declined due to limit rule: would exceed the maximum balance.",
    11: "The DebitParty is in an invalid state.",
    12: "Credit account invalid.",
    13: "Unresolved debit account.",
    14: "Unresolved credit account.",
    15: "Duplicate OriginatorConversationID",
    17: "System internal error.",
    18: "Initiator credential check failed.",
    19: "Message sequencing failure.",
    20: "Unresolved initiator.",
    21: "The initiator is not allowed to initiate this request.",
    22: "The initiator is not active.",
    24: "Missing request parameters.",
    25: "The format of parameter null is invalid.",
    26: "System busy. The service request is rejected.",
    29: "Invalid CommandID.",
    1005: "The account reference is invalid.",
    2001: "The initiator information is invalid.",
    2006: "Declined due to account rule: The account status does not allow this transaction.",
    2007: "External validation failed.",
    2020: "The format of the amount is invalid.",
    2028: "The request is not permitted according to product assignment.",
    2029: "Unresolved reason.",
    2033: "The transaction receipt number does not exist.",
    2040: "Credit Party customer type (Unregistered or Registered Customer) can't be supported by the service.",
    2043: "The organisation is not a child of the initiator's organisation.",
    2051: "The MSISDN is invalid.",
    2202: "The account number is invalid.",
    8006: "The security credential is locked.",
    "R000001": "The transaction has already been reversed.",
    "R000002": "The OriginalTransactionID is invalid.",
    "R002": "The ID type does not match.",
    "R003": "The ID number does not match.",
    "SFC_IC0003": "The operator does not exist.",
    100000000: "The request is cached and waits to be resent.",
    100000001: "The system is overloaded.",
    100000002: "The request is throttled.",
    100000004: "Internal error.",
    100000005: "Invalid input.",
    100000007: "Service error.",
    100000009: "API error.",
    100000010: "Insufficient permission.",
    100000011: "The request rate is too high.",
}

NO_SUCH_RECEIVER_TEXT = "Receiver party is invalid"
"""How SFC_IC0003 was seen on transfers, without a full stop."""


def command_result(code: Code, text: str = "") -> Result:
    """The result of that code. A code that the table lacks needs a text of its own, else KeyError."""
    said = text or TEXTS[code]
    return Result(code, said, said)


DONE = command_result(0)
NOT_ENOUGH = command_result(1)
BELOW_MINIMUM = command_result(2)
ABOVE_MAXIMUM = command_result(3)
DAILY_LIMIT = command_result(4)
BALANCE_LIMIT = command_result(8)
DEBIT_PARTY_INACTIVE = command_result(11)
NO_ROLE = command_result(21)
INITIATOR_INACTIVE = command_result(22)
BUSY = command_result(26)
BAD_CREDENTIAL = command_result(2001)
CREDIT_PARTY_INACTIVE = command_result(2006)
NOT_PERMITTED = command_result(2028)
NO_SUCH_RECEIPT = command_result(2033)
NOT_REGISTERED = command_result(2040)
BAD_PARAMETER = command_result(25)
INITIATOR_LOCKED = command_result(8006)
REVERSED_ALREADY = command_result("R000001")
BAD_ORIGINAL_ID = command_result("R000002")
NO_SUCH_OPERATOR = command_result("SFC_IC0003")
NO_SUCH_RECEIVER = command_result("SFC_IC0003", NO_SUCH_RECEIVER_TEXT)
