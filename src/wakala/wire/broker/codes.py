"""The Broker's codes in plain words: its own answers, the core's refusals and what only results have (broker.md 11).

Low result codes mean what they mean by way of Daraja; `RESULTS` adds the first generation's, which still occur. Where
the guide's table and its text disagree, the text holds: a captured message agrees with it (broker.md 17). An answer
that nobody lists is a refusal, as the guide has it, unless the core had given it a conversation ID.
"""

from collections.abc import Mapping
from types import MappingProxyType

from wakala.rules.outcome import Outcome, Sentence
from wakala.wire import command_results
from wakala.wire import daraja_error_words as words
from wakala.wire.daraja_codes import DecodedError
from wakala.wire.daraja_errors import ErrorRow, Trouble
from wakala.wire.daraja_errors import outcome_of as error_outcome
from wakala.wire.stk_results import DESCRIPTION_MAX_CHARS, ResultClass, ResultRow, outcome_of

CACHED = "100000000"  # the core is away; a Result or a notice of expiry will come (broker.md 5)

_SHOW_TRACE = words.OUR_BUG
_ASK_BROKER = Sentence(
    "The operator must ask Safaricom's Broker team what is wrong with the account.",
    "Msimamizi aulize timu ya Broker ya Safaricom kuhusu akaunti hii.",
)
_ACCOUNT_OFF = Sentence(
    "The Broker does not serve this account or service at present.",
    "Broker haihudumii akaunti au huduma hii kwa sasa.",
)
_WRONG_LOGIN = Sentence(
    "The Broker does not accept the spId with its password.", "Broker haikubali spId pamoja na nywila yake."
)
_ENTER_LOGIN = Sentence(
    "The operator must enter spId, spPassword and serviceId again: `wakala shortcode broker`.",
    "Msimamizi aweke spId, spPassword na serviceId upya: `wakala shortcode broker`.",
)
_BAD_OPERATOR = Sentence(
    "M-Pesa's core cannot use the API operator as it was named.",
    "Mfumo wa M-Pesa haumtambui mtumiaji wa API jinsi alivyotajwa.",
)
_NO_PERMISSION = Sentence("The API operator may not do this.", "Mtumiaji wa API haruhusiwi kufanya hivi.")
_GIVE_ROLE = Sentence(
    "The operator must give the initiator the right role in M-Pesa's organisation portal.",
    "Msimamizi ampe mwanzilishi jukumu linalofaa kwenye tovuti ya M-Pesa ya biashara.",
)
_BAD_PARTY = Sentence(
    "M-Pesa's core cannot tell who pays or who is paid.", "Mfumo wa M-Pesa haujui nani analipa au nani analipwa."
)
_CHECK_PARTIES = Sentence(
    "Check shortcode and receiver, then send a new request.", "Kagua namba ya biashara na mpokeaji, kisha tuma upya."
)
_LIMIT = Sentence("The amount is outside of what M-Pesa allows here.", "Kiasi kiko nje ya viwango vya M-Pesa.")
_CHECK_AMOUNT = Sentence("Send another amount.", "Tuma kiasi kingine.")
_ID_FAULT = Sentence(
    "M-Pesa's core does not accept the ID under which this was asked.",
    "Mfumo wa M-Pesa haukubali kitambulisho cha ombi hili.",
)
_STAGED = Sentence("M-Pesa waits for a further step.", "M-Pesa inasubiri hatua nyingine.")
_NO_TRANSACTION = Sentence("M-Pesa finds no such transaction.", "M-Pesa haijapata muamala huo.")
_EXPIRED = Sentence("The request was too old when M-Pesa's core read it.", "Ombi lilichelewa kufika M-Pesa.")


def _refused(code: str, text: str, cause: Sentence, next_step: Sentence) -> ErrorRow:
    return ErrorRow(code, "", Trouble.REFUSED, text, cause, next_step)


def _busy(code: str, text: str) -> ErrorRow:
    return ErrorRow(code, "", Trouble.BUSY, text, words.TOO_FAST, words.LATER)


def _unknown(code: str, text: str) -> ErrorRow:
    return ErrorRow(code, "", Trouble.UNKNOWN, text, words.BROKE, words.WAIT)


RESPONSES: tuple[ErrorRow, ...] = (
    _busy("100000001", "The system is overloaded."),
    _busy("100000002", "Throttling error."),
    _busy("100000003", "The licence's limit is exceeded."),
    _busy("100000011", "The request rate is too high."),
    _unknown("100000004", "Internal server error."),
    _unknown("100000100", "A storage failure inside the Broker."),
    _refused("100000005", "Invalid input value.", words.BAD_FIELD, _SHOW_TRACE),
    _refused("100000006", "The status of the service provider is abnormal.", _ACCOUNT_OFF, _ASK_BROKER),
    _refused("100000007", "Authentication failed.", _WRONG_LOGIN, _ENTER_LOGIN),
    _refused("100000008", "The status of the service is abnormal.", _ACCOUNT_OFF, _ASK_BROKER),
    _refused("100000009", "The status of the API is abnormal.", _ACCOUNT_OFF, _ASK_BROKER),
    _refused("100000010", "Insufficient permissions.", _ACCOUNT_OFF, _ASK_BROKER),
    _refused("100000012", "Insufficient balance.", _ACCOUNT_OFF, _ASK_BROKER),
    _refused("100000013", "There is no route.", _ACCOUNT_OFF, _ASK_BROKER),
    _refused("100000014", "A mandatory parameter is missing.", words.SOMETHING_MISSING, _SHOW_TRACE),
    # Of the core, while the connection is open.
    _refused("23", "Request schema error.", words.UNREADABLE_REQUEST, _SHOW_TRACE),
    _refused("24", "Parameters are missing.", words.SOMETHING_MISSING, _SHOW_TRACE),
    _refused("25", "Parameters are invalid.", words.BAD_FIELD, _SHOW_TRACE),
    _busy("26", "Traffic blocking: the system is too busy."),
    _refused("30", "The request could not be serialised.", words.UNREADABLE_REQUEST, _SHOW_TRACE),
)
_BY_RESPONSE: Mapping[str, ErrorRow] = MappingProxyType({row.code: row for row in RESPONSES})

_UNREADABLE = _unknown("broker-unreadable", "The answer cannot be read.")
_UNLISTED = _refused("", "Not accepted.", words.BAD_FIELD, _SHOW_TRACE)
_MAY_BE_DONE = _unknown("", "Neither accepted nor surely refused.")


def _failed(code: str, text: str, cause: Sentence, next_step: Sentence) -> ResultRow:
    return ResultRow(code, ResultClass.FAILED, text, cause, next_step)


def _config(code: str, text: str, cause: Sentence, next_step: Sentence) -> ResultRow:
    return ResultRow(code, ResultClass.CONFIG, text, cause, next_step)


def _open(code: str, kind: ResultClass, text: str, cause: Sentence) -> ResultRow:
    return ResultRow(code, kind, text, cause, words.WAIT)


FIRST_GENERATION: tuple[ResultRow, ...] = (
    _failed("9", "Below the least amount of airtime.", _LIMIT, _CHECK_AMOUNT),
    _failed("10", "Above the largest amount of airtime.", _LIMIT, _CHECK_AMOUNT),
    _failed("16", "PayUtilityInvalidAccountNumberFormat", words.BAD_FIELD, _CHECK_PARTIES),
    _failed("19", "ApiRequestMessageExpiryFailure", _EXPIRED, words.CHECK_CLOCK),
    _config("22", "InitiatorStatusCheckFailure", _BAD_OPERATOR, words.CHECK_INITIATOR),
    _failed("23", "Request schema error.", words.UNREADABLE_REQUEST, _SHOW_TRACE),
    _config("28", "InitiatorAllowedOperationCheckFailure", _NO_PERMISSION, _GIVE_ROLE),
    _failed("30", "ErrorSerializingRequest", words.UNREADABLE_REQUEST, _SHOW_TRACE),
    _config("31", "InitiatorNotSpecified", _BAD_OPERATOR, words.CHECK_INITIATOR),
    _config("32", "The initiator's identifier is no user name.", _BAD_OPERATOR, words.CHECK_INITIATOR),
    _failed("33", "PrimaryPartyNotSpecified", _BAD_PARTY, _CHECK_PARTIES),
    _failed("34", "PrimaryPartyIdentifierInvalid", _BAD_PARTY, _CHECK_PARTIES),
    _failed("35", "ReceiverPartyNotSpecified", _BAD_PARTY, _CHECK_PARTIES),
    _failed("36", "ReceiverPartyIdentifierInvalid", _BAD_PARTY, _CHECK_PARTIES),
    _failed("37", "MissingApiCommand", words.SOMETHING_MISSING, _SHOW_TRACE),
    _failed("38", "InvalidConversationId", _ID_FAULT, _SHOW_TRACE),
    _failed("39", "UnknownConversationId", _ID_FAULT, _SHOW_TRACE),
    _failed("40", "InvalidParameterDefinition", words.BAD_FIELD, _SHOW_TRACE),
    # Another request under the same ID exists: this very one, perhaps, and done.
    _open("41", ResultClass.UNKNOWN, "DuplicateConversationDetected", _ID_FAULT),
    _open("42", ResultClass.UNKNOWN, "DuplicateStageMessageDetected", _ID_FAULT),
    _open("43", ResultClass.PENDING, "AwaitingConfirmation", _STAGED),
    _config("44", "InitiatorToReceiverPartyPermissionFailure", _NO_PERMISSION, _GIVE_ROLE),
    _open("45", ResultClass.UNKNOWN, "InternalErrorDuringFinancialTransaction", words.BROKE),
    _open("46", ResultClass.PENDING, "ConfirmationReceived", _STAGED),
    _open("47", ResultClass.PENDING, "RejectionReceived", _STAGED),
    _config("48", "OperationPermissionFailure", _NO_PERMISSION, _GIVE_ROLE),
    _failed("49", "NoTransactionFound", _NO_TRANSACTION, words.CHECK_RECEIPT),
    _config("50", "InitiatorOrgIdentityStatusFailure", _BAD_OPERATOR, words.CHECK_INITIATOR),
    _config("51", "DebitChargeAccountInvalid", _BAD_PARTY, _ASK_BROKER),
    _failed("52", "WouldExceedMaximumSingleAirtimePurchase", _LIMIT, _CHECK_AMOUNT),
)

RESULTS: Mapping[str, ResultRow] = MappingProxyType(
    {
        **{code: row for code, row in command_results.BY_CODE.items() if len(code) < len(CACHED)},
        **{row.code: row for row in FIRST_GENERATION},
        CACHED: command_results.BY_CODE[CACHED],
    }
)
"""What a Result's code means; nine digits are the Broker's own, which speaks in answers only."""


def decode_response(code: str, description: str, status: int, *, may_be_done: bool) -> DecodedError:
    """A ResponseCode other than accepted. ``may_be_done`` says that the core already knows of it."""
    row = _MAY_BE_DONE if may_be_done else _BY_RESPONSE.get(code) or _UNLISTED
    return _decoded(row, code or "broker-no-code", description, status)


def unreadable(status: int, description: str) -> DecodedError:
    """A fault, a page, a torn or empty body: no evidence that nothing was done."""
    return _decoded(_UNREADABLE, _UNREADABLE.code, description, status)


def _decoded(row: ErrorRow, code: str, description: str, status: int) -> DecodedError:
    told = " ".join(description.split())[:DESCRIPTION_MAX_CHARS]
    return DecodedError(row.trouble, error_outcome(row, code, told), status)


def explain(code: str, description: str = "") -> Outcome | None:
    """A stored code of this side in plain words; None for one that no table has."""
    result = RESULTS.get(code)
    if result is not None:
        return outcome_of(result, code, description)
    answer = _UNREADABLE if code == _UNREADABLE.code else _BY_RESPONSE.get(code)
    return error_outcome(answer, code, description) if answer is not None else None
