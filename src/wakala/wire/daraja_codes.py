"""M-Pesa's codes in plain words: what the gateway's errors and the results of pushes mean, and what to do.

The tables are `daraja_errors.py` (daraja.md 1.2, 1.4, 1.5), `stk_results.py` (4.1), `command_results.py` (4.2) and
`other_results.py`. One HTTP status says little: 500 alone stands for "pending", "unknown ID", "wrong password" and
"broken" (daraja.md 9.13). So the code decides, then M-Pesa's text, and the status only where there is neither.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from wakala.rules.commands import BY_PATH, Mode
from wakala.rules.outcome import Outcome
from wakala.wire import command_results, daraja_errors, other_results, stk_results
from wakala.wire.daraja_errors import ErrorRow, Trouble, outcome_of
from wakala.wire.loose_json import inner, read_object, text
from wakala.wire.stk_results import (
    CODE_MAX_CHARS,
    DESCRIPTION_MAX_CHARS,
    DecodedResult,
    ResultClass,
    ResultRow,
    decode_result,
)

__all__ = [
    "DecodedError",
    "DecodedResult",
    "ErrorRow",
    "Family",
    "ResultClass",
    "ResultRow",
    "Trouble",
    "decode_error",
    "decode_result",
    "decode_result_of",
    "explain",
    "family_of",
    "in_doubt",
    "refused_politely",
]

Family: TypeAlias = Literal["stk", "command", "standing_order", "express", "service"]
"""Whose result a code is: 2001 is a customer's wrong PIN on a push, the operator's wrong password elsewhere (9.4)."""

TABLES: Mapping[Family, Mapping[str, ResultRow]] = MappingProxyType(
    {
        "stk": stk_results.BY_CODE,
        "command": command_results.BY_CODE,
        "standing_order": other_results.STANDING_ORDER_BY_CODE,
        "express": other_results.EXPRESS_BY_CODE,
        "service": other_results.SERVICE_BY_CODE,
    }
)
_PROMPTS: Mapping[str, Family] = MappingProxyType(
    {"standingorder/create": "standing_order", "b2b/expresscheckout": "express"}
)

PAGE_READ_MAX_BYTES = 2_000  # of an HTML page or a torn body; the incident number stands in the first few hundred

_TOKEN_ECHO = re.compile(r"(Invalid Access Token\s*-\s*)(?!Invalid API)\S+", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")
_TORN_CODE = re.compile(rb'"error[Cc]ode"\s*:\s*"([0-9A-Za-z._]{1,80})"')
_TORN_MESSAGE = re.compile(rb'"(?:errorMessage|faultstring)"\s*:\s*"([^"\\]{0,300})')


@dataclass(frozen=True, slots=True)
class DecodedError:
    """An answer that is not what was asked for: what kind of trouble, and the outcome with M-Pesa's own words.

    The last two are the IDs by which M-Pesa would speak of a command, where it names them all the same.
    """

    trouble: Trouble
    outcome: Outcome
    http_status: int
    request_id: str | None = None
    merchant_request_id: str | None = None
    checkout_request_id: str | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What an error answer says, whichever of its shapes it came in."""

    code: str = ""
    message: str = ""
    request_id: str | None = None
    is_json: bool = True


def decode_error(http_status: int, body: bytes) -> DecodedError:
    """Any answer that is no success: the error envelope, Apigee's and SOAP's faults, pages, torn and empty bodies."""
    told = _read(body)
    row = _row_for(http_status, told)
    outcome = outcome_of(row, told.code or row.code, _cleaned(told.message))
    return DecodedError(row.trouble, outcome, http_status, told.request_id)


def in_doubt(error: DecodedError, merchant_request_id: str, checkout_request_id: str) -> DecodedError:
    """The same of a command that M-Pesa has given IDs of its own: whatever else it says, it may have it."""
    return replace(
        error,
        trouble=Trouble.UNKNOWN,
        merchant_request_id=merchant_request_id or None,
        checkout_request_id=checkout_request_id or None,
    )


def refused_politely(http_status: int, code: str, description: str) -> DecodedError:
    """HTTP 200 with a ResponseCode other than 0: understood, and not done (daraja.md 2.0)."""
    row = daraja_errors.row_of(code, description) or daraja_errors.NOT_ACCEPTED
    return DecodedError(row.trouble, outcome_of(row, code, _cleaned(description)), http_status)


def explain(code: str, description: str = "", family: Family = "stk") -> Outcome | None:
    """A stored code in plain words, be it a result of this family or an error; None for a code that no table has.

    A service's code is always explained: what it does not list is at least not accepted.
    """
    result = TABLES[family].get(code)
    error = daraja_errors.row_of(code, description)
    if error is None and result is None and family == "service":
        error = daraja_errors.NOT_ACCEPTED
    if error is not None:  # the one code in both tables is an error that was met where a result was due
        return outcome_of(error, code, _cleaned(description))
    return stk_results.outcome_of(result, code, description) if result else None


def decode_result_of(family: Family, code: str, description: str) -> DecodedResult:
    """What a result of this family lets us conclude; a code that its table does not have is unknown."""
    return decode_result(code, description, TABLES[family])


def family_of(command: str) -> Family:
    """Whose results the codes of a command are, by the command's path; STK's where there is no such command."""
    known = BY_PATH.get(command)
    if known is None:
        return "stk"
    by_mode: dict[Mode, Family] = {Mode.PROMPT: "stk", Mode.QUEUED: "command", Mode.DIRECT: "service"}
    return _PROMPTS.get(command) or by_mode[known.mode]


# ── reading the shapes ───────────────────────────────────────────────────────────────────────────────────────────────


def _read(body: bytes) -> _Told:
    found = read_object(body)
    if found is None:
        return _read_torn(body) if body.lstrip()[:1] == b"{" else _Told(message=_page_text(body), is_json=False)
    fault = inner(found, "fault") or inner(inner(inner(found, "Envelope") or {}, "Body") or {}, "Fault")
    return _read_fault(fault) if fault is not None else _read_envelope(found)


def _read_envelope(found: dict[str, object]) -> _Told:
    code = text(found.get("errorCode")) or text(found.get("ResponseCode")) or ""
    message = next((told for name in _MESSAGE_NAMES if (told := text(found.get(name)))), "")
    return _Told(code[:CODE_MAX_CHARS], message, text(found.get("requestId")) or None)


_MESSAGE_NAMES = ("errorMessage", "ResponseDescription", "ResultDesc", "message")


def _read_fault(fault: dict[str, object]) -> _Told:
    """Apigee's own fault, or its SOAP-like cousin, whose code lies one level deeper (daraja.md 1.5)."""
    detail = inner(fault, "detail") or {}
    code = text(detail.get("errorcode")) or text((inner(detail, "source") or {}).get("errorcode")) or ""
    return _Told(code[:CODE_MAX_CHARS], text(fault.get("faultstring")) or "")


def _read_torn(body: bytes) -> _Told:
    """What is left of an envelope that was cut off; a whole code in it is as good as ever."""
    start = body[:PAGE_READ_MAX_BYTES]
    code, message = _TORN_CODE.search(start), _TORN_MESSAGE.search(start)
    return _Told(
        code.group(1).decode(errors="replace") if code else "",
        message.group(1).decode(errors="replace") if message else "",
    )


def _page_text(body: bytes) -> str:
    return _TAG.sub(" ", body[:PAGE_READ_MAX_BYTES].decode(errors="replace"))


def _cleaned(message: str) -> str:
    """One line without the token that M-Pesa echoes when it refuses it (daraja.md 1.4)."""
    line = " ".join(message[: 4 * DESCRIPTION_MAX_CHARS].replace("\x00", " ").split())
    return _TOKEN_ECHO.sub(r"\1[secret]", line)[:DESCRIPTION_MAX_CHARS]


# ── choosing the row ─────────────────────────────────────────────────────────────────────────────────────────────────


def _row_for(http_status: int, told: _Told) -> ErrorRow:
    row = daraja_errors.row_of(told.code, told.message) or daraja_errors.row_by_text(told.message)
    if row is not None and (told.is_json or http_status < 500 or row.trouble in {Trouble.UNKNOWN, Trouble.BUSY}):
        return row
    # A server's error page is no answer of M-Pesa: whatever words are on it, the request may have been carried out.
    # Only the edge that turns away what comes too fast says so in plain text, before anything else has seen it.
    return daraja_errors.row_by_status(http_status, is_json=told.is_json)
