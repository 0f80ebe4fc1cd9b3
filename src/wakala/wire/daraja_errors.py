"""What M-Pesa's gateway answers instead of doing as asked, by error code (daraja.md 1.2, 1.4, 1.5): the table as data.

One code may stand for several troubles; then a marker in M-Pesa's text tells them apart, and rows are tried from top to
bottom. Rows whose code starts with ``http-`` are ours: they stand for answers that carry no code at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from wakala.rules.outcome import Finality, Outcome, Sentence, Verdict
from wakala.wire import daraja_error_words as words


class Trouble(StrEnum):
    """What an error asks of the caller."""

    TOKEN = "token"  # noqa: S105 - not done: fetch a new token once and repeat once
    BUSY = "busy"  # surely not done: may be sent again later
    REFUSED = "refused"  # surely not done, and this request never will be
    PENDING = "pending"  # a query's answer: the payment is being processed
    NOT_FOUND = "not_found"  # a query's answer: unknown ID, said now and then of IDs that exist, so it tells nothing
    UNKNOWN = "unknown"  # may have been done: ask, never repeat


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One error: the code, a lower-case marker in the text where the code alone is not enough, and what it means."""

    code: str
    marker: str
    trouble: Trouble
    text: str
    cause: Sentence
    next_step: Sentence


def row_of(code: str, message: str) -> ErrorRow | None:
    """The row of a listed code, told apart by M-Pesa's text."""
    return _first(_BY_CODE.get(code, ()), message)


def row_by_text(message: str) -> ErrorRow | None:
    """The row that a text names on its own, for answers without a code or with one that nobody lists."""
    return _first(BY_TEXT, message)


def row_by_status(http_status: int, *, is_json: bool) -> ErrorRow:
    """The row of last resort. A 5xx, and whatever is not surely a refusal, leaves the outcome unknown."""
    if http_status == 403 and is_json:
        return _BY_STATUS[400]  # only a page, or nothing at all, comes from the edge
    return _BY_STATUS.get(http_status) or _BY_STATUS[400 if 400 <= http_status < 500 else 500]


def outcome_of(row: ErrorRow, code: str, description: str) -> Outcome:
    """A row as an outcome, with the table's text where M-Pesa gave none."""
    verdict, finality = _MEANING[row.trouble]
    return Outcome(verdict, finality, code, description or row.text, row.cause, row.next_step)


def _first(rows: tuple[ErrorRow, ...], message: str) -> ErrorRow | None:
    told = " ".join(message.lower().split())
    return next((row for row in rows if row.marker in told), None)


_MEANING: Mapping[Trouble, tuple[Verdict, Finality]] = MappingProxyType(
    {
        Trouble.TOKEN: (Verdict.REFUSED, Finality.RETRIABLE),
        Trouble.BUSY: (Verdict.REFUSED, Finality.RETRIABLE),
        Trouble.REFUSED: (Verdict.REFUSED, Finality.FINAL),
        Trouble.PENDING: (Verdict.UNKNOWN, Finality.NEITHER),
        Trouble.NOT_FOUND: (Verdict.UNKNOWN, Finality.NEITHER),
        Trouble.UNKNOWN: (Verdict.UNKNOWN, Finality.NEITHER),
    }
)

# ── The table ────────────────────────────────────────────────────────────────────────────────────────────────────────

ROWS: tuple[ErrorRow, ...] = (
    ErrorRow("400.001", "", Trouble.REFUSED, "Invalid ShortCode", words.UNKNOWN_SHORTCODE, words.CHECK_SHORTCODE),
    ErrorRow(
        "400.002.02",
        "url has the word",
        Trouble.REFUSED,
        "Invalid ValidationURL - URL has the word MPESA",
        words.BAD_WORD,
        words.CHANGE_WORD,
    ),
    ErrorRow(
        "400.002.02",
        "invalid businessshortcode",
        Trouble.REFUSED,
        "Bad Request - Invalid BusinessShortCode",
        words.UNREADABLE_SHORTCODE,
        words.CHECK_SHORTCODE_DIGITS,
    ),
    ErrorRow(
        "400.002.02",
        "invalid timestamp",
        Trouble.REFUSED,
        "Bad Request - Invalid Timestamp",
        words.UNREADABLE_TIME,
        words.CHECK_CLOCK,
    ),
    ErrorRow(
        "400.002.02",
        "invalid transactiontype",
        Trouble.REFUSED,
        "Bad Request - Invalid TransactionType",
        words.MIXED_UP_KINDS,
        words.CHECK_KIND,
    ),
    ErrorRow(
        "400.002.02",
        "invalid amount",
        Trouble.REFUSED,
        "Bad Request - Invalid Amount",
        words.BAD_AMOUNT,
        words.SEND_WHOLE_SHILLINGS,
    ),
    ErrorRow(
        "400.002.02",
        "invalid phonenumber",
        Trouble.REFUSED,
        "Bad Request - Invalid PhoneNumber",
        words.BAD_PHONE,
        words.CHECK_PHONE,
    ),
    ErrorRow(
        "400.002.02",
        "invalid callbackurl",
        Trouble.REFUSED,
        "Bad Request - Invalid CallBackURL",
        words.BAD_CALLBACK_URL,
        words.CHECK_CALLBACK_URL,
    ),
    ErrorRow(
        "400.002.02",
        "invalid checkoutrequestid",
        Trouble.REFUSED,
        "Bad Request - Invalid CheckoutRequestID",
        words.BAD_CHECKOUT_ID,
        words.AWAIT_CALLBACK,
    ),
    ErrorRow(
        "400.002.02",
        "invalid transactionid",
        Trouble.REFUSED,
        "Bad Request - Invalid TransactionID",
        words.BAD_RECEIPT,
        words.CHECK_RECEIPT,
    ),
    ErrorRow(
        "400.002.02",
        "invalid initiatorname",
        Trouble.REFUSED,
        "Bad Request - Invalid InitiatorName",
        words.BAD_INITIATOR,
        words.CHECK_INITIATOR,
    ),
    ErrorRow(
        "400.002.02",
        "invalid recieveridentifiertype",
        Trouble.REFUSED,
        "Bad Request - Invalid RecieverIdentifierType",
        words.BAD_RECEIVER_KIND,
        words.OUR_BUG,
    ),
    ErrorRow("400.002.02", "", Trouble.REFUSED, "Bad Request", words.BAD_FIELD, words.OUR_BUG),
    ErrorRow("400.002.05", "", Trouble.REFUSED, "Invalid Request Payload", words.UNREADABLE_REQUEST, words.OUR_BUG),
    ErrorRow("400.003.01", "", Trouble.TOKEN, "Invalid Access Token", words.OLD_TOKEN, words.NEW_TOKEN),
    ErrorRow("400.003.02", "", Trouble.REFUSED, "Bad Request", words.SOMETHING_MISSING, words.OUR_BUG),
    ErrorRow("400.008.01", "", Trouble.REFUSED, "Invalid Authentication passed", words.WRONG_KEYS, words.CHECK_KEYS),
    ErrorRow("400.008.02", "", Trouble.REFUSED, "Invalid grant type passed", words.BAD_TOKEN_ADDRESS, words.CHECK_PATH),
    ErrorRow("401", "", Trouble.TOKEN, "Unauthorized - Invalid Access Token", words.OLD_TOKEN, words.NEW_TOKEN),
    ErrorRow("401.001", "", Trouble.TOKEN, "Invalid Access Token", words.OLD_TOKEN, words.NEW_TOKEN),
    ErrorRow(
        "401.002.01",
        "no apiproduct match",
        Trouble.REFUSED,
        "Error Occurred - Invalid Access Token - Invalid API call as no apiproduct match found",
        words.NO_PRODUCT,
        words.ADD_PRODUCT,
    ),
    ErrorRow(
        "401.002.01",
        "identifiertype",
        Trouble.REFUSED,
        "The element The value of Request.Identity.ReceiverParty.IdentifierType can not be N is invalid.",
        words.BAD_PARTY_KIND,
        words.OUR_BUG,
    ),
    ErrorRow(
        "401.002.01", "", Trouble.TOKEN, "Error Occurred - Invalid Access Token", words.OLD_TOKEN, words.NEW_TOKEN
    ),
    ErrorRow("401.003.01", "", Trouble.TOKEN, "Error Occurred: Invalid Access Token", words.OLD_TOKEN, words.NEW_TOKEN),
    ErrorRow("404.001.01", "", Trouble.REFUSED, "Resource not found", words.NO_PATH, words.CHECK_PATH),
    ErrorRow("404.002.01", "", Trouble.REFUSED, "Resource not found", words.NO_PATH, words.CHECK_PATH),
    ErrorRow("404.003.01", "", Trouble.REFUSED, "Resource not found", words.NO_PATH, words.CHECK_PATH),
    ErrorRow("404.001.03", "", Trouble.TOKEN, "Invalid Access Token", words.OLD_TOKEN, words.NEW_TOKEN),
    ErrorRow("404.001.04", "", Trouble.REFUSED, "Invalid Authentication Header", words.NO_TOKEN_FOUND, words.OUR_BUG),
    ErrorRow("405.001", "", Trouble.REFUSED, "Method Not Allowed", words.WRONG_METHOD, words.OUR_BUG),
    ErrorRow(
        "500.001.1001",
        "merchant does not exist",
        Trouble.REFUSED,
        "Merchant does not exist",
        words.NO_MERCHANT,
        words.CHECK_APP,
    ),
    ErrorRow(
        "500.001.1001",
        "wrong credentials",
        Trouble.REFUSED,
        "[MerchantValidate] - Wrong credentials",
        words.WRONG_PASSWORD,
        words.CHECK_PASSKEY,
    ),
    ErrorRow(
        "500.001.1001",
        "unable to lock subscriber",
        Trouble.BUSY,
        "Unable to lock subscriber, a transaction is already in process for the current subscriber",
        words.PHONE_IS_BUSY,
        words.LET_FINISH,
    ),
    ErrorRow(
        "500.001.1001",
        "transaction is being processed",
        Trouble.PENDING,
        "The transaction is being processed",
        words.NOT_ANSWERED_YET,
        words.CHECK_YOUR_PHONE,
    ),
    ErrorRow(
        "500.001.1001",
        "transaction does not exist",
        Trouble.NOT_FOUND,
        "The transaction does not Exist",
        words.UNKNOWN_PAYMENT,
        words.WAIT,
    ),
    ErrorRow("500.001.1001", "", Trouble.UNKNOWN, "Internal Server Error", words.BROKE, words.WAIT),
    ErrorRow(
        "500.002.1001",
        "duplicate originatorconversationid",
        Trouble.UNKNOWN,
        "Duplicate OriginatorConversationID.",
        words.SEEN_BEFORE,
        words.WAIT,
    ),
    ErrorRow(
        "500.002.1001",
        "maintenance",
        Trouble.UNKNOWN,
        "Service is currently under maintenance. Please try again later",
        words.MAINTENANCE,
        words.WAIT,
    ),
    ErrorRow("500.002.1001", "", Trouble.UNKNOWN, "System internal error.", words.BROKE, words.WAIT),
    ErrorRow(
        "00.002.1001",
        "duplicate originatorconversationid",
        Trouble.UNKNOWN,
        "Duplicate OriginatorConversationID.",
        words.SEEN_BEFORE,
        words.WAIT,
    ),
    ErrorRow(
        "00.002.1001",
        "maintenance",
        Trouble.UNKNOWN,
        "Service is currently under maintenance. Please try again later",
        words.MAINTENANCE,
        words.WAIT,
    ),
    ErrorRow("00.002.1001", "", Trouble.UNKNOWN, "System internal error.", words.BROKE, words.WAIT),
    ErrorRow(
        "500.003.02",
        "spike arrest",
        Trouble.BUSY,
        "Error Occurred: Spike Arrest Violation",
        words.TOO_FAST,
        words.LATER,
    ),
    ErrorRow(
        "500.003.02",
        "",
        Trouble.BUSY,
        "System is busy. Please try again in few minutes.",
        words.SYSTEM_BUSY,
        words.LATER,
    ),
    ErrorRow("500.003.03", "", Trouble.BUSY, "Error Occurred: Quota Violation", words.QUOTA, words.LATER),
    ErrorRow(
        "500.003.1001",
        "already registered",
        Trouble.REFUSED,
        "Urls are already registered.",
        words.URLS_REGISTERED,
        words.DELETE_URLS,
    ),
    ErrorRow(
        "500.003.1001",
        "duplicate notification info",
        Trouble.REFUSED,
        "Duplicate notification info",
        words.OLD_PLATFORM,
        words.ASK_SUPPORT,
    ),
    ErrorRow("500.003.1001", "", Trouble.UNKNOWN, "Internal Server Error", words.BROKE, words.WAIT),
    ErrorRow(
        "keymanagement.service.invalid_access_token",
        "",
        Trouble.TOKEN,
        "Invalid access token",
        words.OLD_TOKEN,
        words.NEW_TOKEN,
    ),
    ErrorRow(
        "keymanagement.service.access_token_expired",
        "",
        Trouble.TOKEN,
        "Invalid access token",
        words.OLD_TOKEN,
        words.NEW_TOKEN,
    ),
    ErrorRow(
        "oauth.v2.InvalidAccessToken", "", Trouble.TOKEN, "Invalid access token", words.OLD_TOKEN, words.NEW_TOKEN
    ),
    ErrorRow(
        "keymanagement.service.InvalidAPICallAsNoApiProductMatchFound",
        "",
        Trouble.REFUSED,
        "Invalid API call as no apiproduct match found",
        words.NO_PRODUCT,
        words.ADD_PRODUCT,
    ),
    ErrorRow(
        "policies.ratelimit.SpikeArrestViolation",
        "",
        Trouble.BUSY,
        "Spike arrest violation",
        words.TOO_FAST,
        words.LATER,
    ),
    ErrorRow(
        "policies.ratelimit.QuotaViolation", "", Trouble.BUSY, "Rate limit quota violation", words.QUOTA, words.LATER
    ),
    ErrorRow(
        "steps.servicecallout.ExecutionFailed",
        "addurlvault",
        Trouble.REFUSED,
        "Execution of ServiceCallout SCO-AddURLVault failed.",
        words.NOT_C2B,
        words.USE_C2B,
    ),
    ErrorRow(
        "steps.servicecallout.ExecutionFailed",
        "",
        Trouble.UNKNOWN,
        "Execution of ServiceCallout failed.",
        words.BROKE,
        words.WAIT,
    ),
)

# Texts that speak for themselves, whatever code or status they come with.
BY_TEXT: tuple[ErrorRow, ...] = (
    ErrorRow(
        "http-400",
        "url has the word",
        Trouble.REFUSED,
        "Invalid ValidationURL - URL has the word MPESA",
        words.BAD_WORD,
        words.CHANGE_WORD,
    ),
    ErrorRow(
        "http-401",
        "no apiproduct match",
        Trouble.REFUSED,
        "Invalid API call as no apiproduct match found",
        words.NO_PRODUCT,
        words.ADD_PRODUCT,
    ),
    ErrorRow(
        "http-401", "invalid access token", Trouble.TOKEN, "Invalid Access Token", words.OLD_TOKEN, words.NEW_TOKEN
    ),
    ErrorRow("http-429", "spike arrest violation", Trouble.BUSY, "Spike Arrest Violation", words.TOO_FAST, words.LATER),
    ErrorRow("http-429", "quota violation", Trouble.BUSY, "Quota Violation", words.QUOTA, words.LATER),
    ErrorRow("http-429", "too many requests", Trouble.BUSY, "Too Many Requests", words.TOO_FAST, words.LATER),
    ErrorRow(
        "http-500",
        "currently unreachable",
        Trouble.UNKNOWN,
        "Service is currently unreachable",
        words.UNREACHABLE,
        words.WAIT,
    ),
    ErrorRow(
        "http-503",
        "under maintenance",
        Trouble.UNKNOWN,
        "Service is currently under maintenance.",
        words.MAINTENANCE,
        words.WAIT,
    ),
)

# Answers without a code or a text that anyone lists.
BY_STATUS: tuple[ErrorRow, ...] = (
    ErrorRow("http-400", "", Trouble.REFUSED, "Bad Request", words.TURNED_AWAY, words.CHECK_KEYS),
    ErrorRow("http-401", "", Trouble.TOKEN, "Unauthorized", words.OLD_TOKEN, words.NEW_TOKEN),
    ErrorRow("http-403", "", Trouble.BUSY, "Forbidden", words.BLOCKED, words.WAIT_OR_ASK_SUPPORT),
    ErrorRow("http-404", "", Trouble.REFUSED, "Not Found", words.NO_PATH, words.CHECK_PATH),
    ErrorRow("http-408", "", Trouble.UNKNOWN, "Request Timeout", words.TOOK_TOO_LONG, words.WAIT),
    ErrorRow("http-429", "", Trouble.BUSY, "Too Many Requests", words.TOO_FAST, words.LATER),
    ErrorRow("http-503", "", Trouble.UNKNOWN, "Service Unavailable", words.UNREACHABLE, words.WAIT),
    ErrorRow("http-500", "", Trouble.UNKNOWN, "Unreadable answer", words.UNREADABLE_ANSWER, words.WAIT),
)

# HTTP 200 with a ResponseCode other than 0.
NOT_ACCEPTED = ErrorRow(
    "http-200", "", Trouble.REFUSED, "The request was not accepted.", words.NOT_ACCEPTED, words.OUR_BUG
)

_BY_STATUS: Mapping[int, ErrorRow] = MappingProxyType({int(row.code.removeprefix("http-")): row for row in BY_STATUS})
_LISTED = (*ROWS, *BY_TEXT, *BY_STATUS, NOT_ACCEPTED)
_BY_CODE: Mapping[str, tuple[ErrorRow, ...]] = MappingProxyType(
    {code: tuple(row for row in _LISTED if row.code == code) for code in {row.code: None for row in _LISTED}}
)
