"""Answers that are given at once: each API has an envelope and success codes of its own (daraja.md 2.3-2.21)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from wakala.errors import MalformedUpstreamError
from wakala.wire.daraja_codes import DecodedError, decode_error
from wakala.wire.loose_json import read_object, text
from wakala.wire.loose_results import inner_folded, object_in
from wakala.wire.loose_values import folded, read_cents, read_moment_us, read_msisdn, read_receipt
from wakala.wire.stk_results import CODE_MAX_CHARS, DESCRIPTION_MAX_CHARS

PULL_DEPTH_MAX = 4  # lists within lists; rows lie in the second (daraja.md 2.19)


@dataclass(frozen=True, slots=True)
class Direct:
    """M-Pesa's answer, and so the outcome. ``body`` is what it sent, names and nesting as they came."""

    is_success: bool
    code: str
    description: str
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Envelope:
    """Where an API says how it went. Names are folded; header and body, where there are such, count as one object.

    ``proof`` is a field that alone proves success, ``may_be_silent`` that a kind word may stand in for the code.
    """

    code: str
    successes: frozenset[str]
    texts: tuple[str, ...]
    proof: str = ""
    may_be_silent: bool = False


_ZERO = frozenset({"0"})
_OK = frozenset({"200"})
_C2B = _Envelope("responsecode", _ZERO, ("responsedescription",), may_be_silent=True)
_BILL = _Envelope("rescode", _OK, ("statusmessage", "resmsg"))
_SIM = _Envelope("responsecode", _OK, ("responsedesc", "responsemessage"))
# 1001 is no fault: the shortcode was registered before, or there was nothing to pull.
_PULL = frozenset({"1000", "1001"})

ENVELOPES: Mapping[str, _Envelope] = MappingProxyType(
    {
        "c2b/registerurl": _C2B,
        "c2b/customerpaybill": _C2B,
        "c2b/customerbuygoods": _C2B,
        # "00" on the wire; the documents' sample has a conversation ID in its place (daraja.md 2.15).
        "qrcode/generate": _Envelope("responsecode", _ZERO, ("responsedescription",), proof="qrcode"),
        "billmanager/optin": _BILL,
        "billmanager/changeoptindetails": _BILL,
        "billmanager/singleinvoicing": _BILL,
        "billmanager/bulkinvoicing": _BILL,
        "billmanager/changeinvoice": _BILL,
        "billmanager/changeinvoices": _BILL,
        "billmanager/reconciliation": _BILL,
        "billmanager/cancelsingleinvoice": _BILL,
        "billmanager/cancelbulkinvoices": _BILL,
        "standingorder/create": _Envelope("responsecode", _OK | _ZERO, ("responsedescription", "resultdesc")),
        "b2b/expresscheckout": _Envelope("code", _ZERO, ("status",)),
        "pulltransactions/register": _Envelope("responsestatus", _PULL, ("responsedescription",)),
        "pulltransactions/query": _Envelope("responsecode", _PULL, ("responsemessage",)),
        "b2c/hakikisha": _Envelope("status", _OK, ("message",)),
        # Documents say 0, live systems 4000 (daraja.md 2.21).
        "organisation/queryinfo": _Envelope("responsecode", _ZERO | {"4000"}, ("detailedmessage", "responsemessage")),
        "imsi/checkati": _SIM,
        "imsi/checkswap": _SIM,
    }
)


def read_direct(command: str, status: int, body: bytes) -> Direct | DecodedError:
    """The answer in its own envelope, be it yes or no; everything else is an error that says what to do."""
    envelope = ENVELOPES[command]
    found = read_object(body) if 200 <= status < 300 or status in _REFUSING else None
    if found is None:
        return decode_error(status, body)
    told = folded(found)
    told |= inner_folded(told, "header", "responseheader") | inner_folded(told, "body", "responsebody")
    code = text(told.get(envelope.code)) or ""
    description = next((said for name in envelope.texts if (said := text(told.get(name)))), "")
    is_success = _is_success(envelope, code, description, told) and status not in _REFUSING
    if "errorcode" in told or not (code or is_success):
        return decode_error(status, body)
    return Direct(is_success, code[:CODE_MAX_CHARS] or "0", description[:DESCRIPTION_MAX_CHARS], found)


_REFUSING = frozenset({400, 409, 422})  # the statuses with which an API may refuse in its own envelope


def _is_success(envelope: _Envelope, code: str, description: str, told: dict[str, object]) -> bool:
    if not code:
        return envelope.may_be_silent and description.lower().startswith(("success", "accept"))
    spelled = code if code.strip("0") else "0"  # "0", "00" and "00000000" are one code
    return spelled in envelope.successes or bool(text(told.get(envelope.proof)))


# ── Pull ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PulledPayment:
    """A payment that M-Pesa lists. ``msisdn`` is as sent where it is no full number; ``kind`` is M-Pesa's word."""

    receipt: str
    paid_us: int | None
    msisdn: str
    sender: str
    reference: str
    amount_cents: int
    kind: str


def read_pull(body: bytes) -> tuple[PulledPayment, ...]:
    """The payments in an answer to a pull, whose times are Nairobi's in spite of their Z (daraja.md 2.19).

    Rows without receipt or amount are left out: they name no payment.
    """
    told = folded(object_in(body, "answer to a pull"))
    if "response" not in told:
        raise MalformedUpstreamError("M-Pesa's answer to a pull has no list of payments; it is kept byte for byte.")
    rows = (_pulled(folded(row)) for row in _rows(told["response"], PULL_DEPTH_MAX))
    return tuple(row for row in rows if row is not None)


def _rows(listed: object, depth: int) -> Iterator[dict[str, object]]:
    if isinstance(listed, dict):
        yield listed
    elif isinstance(listed, list) and depth:
        for item in listed:
            yield from _rows(item, depth - 1)


def _pulled(row: dict[str, object]) -> PulledPayment | None:
    receipt, amount_cents = read_receipt(row.get("transactionid")), read_cents(row.get("amount"))
    if receipt is None or amount_cents is None:
        return None
    return PulledPayment(
        receipt=receipt,
        paid_us=read_moment_us(row.get("trxdate")),
        msisdn=read_msisdn(row.get("msisdn")) or text(row.get("msisdn")) or "",
        sender=text(row.get("sender")) or "",
        reference=text(row.get("billreference")) or "",
        amount_cents=amount_cents,
        kind=text(row.get("transactiontype")) or "",
    )
