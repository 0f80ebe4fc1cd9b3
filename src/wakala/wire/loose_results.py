"""The record that every kind of result becomes, and how its packed values are read (daraja.md 3.3, 9.6)."""

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from wakala.errors import MalformedUpstreamError
from wakala.rules.outcome import Outcome
from wakala.wire.loose_json import read_object, text
from wakala.wire.loose_values import fold, folded

_encode = msgspec.json.Encoder().encode
_PARTY = re.compile(r"\S+\s+[-\u2013]\s+(.+)", re.DOTALL)  # samples of the documents have an en dash


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended, as M-Pesa told it on its own.

    ``paid`` says whether it was done: for an enquiry, whether it was answered; None where nobody can tell yet.
    ``receipt`` is this result's own, never the placeholder that failures and enquiries share. ``party_name`` is the
    receiver's. ``parameters`` and ``reference`` hold values as sent, under names without blanks; one that came without
    a value is None. ``raw`` is the result in compact JSON.
    """

    code: str
    description: str
    paid: bool | None
    originator_conversation_id: str
    conversation_id: str
    receipt: str | None
    parameters: dict[str, Any]
    reference: dict[str, Any]
    amount_cents: int | None
    paid_us: int | None
    party_name: str | None
    raw: str
    outcome: Outcome


def object_in(body: bytes, what: str) -> dict[str, object]:
    """The JSON object that a call of M-Pesa's must be; ``what`` names the call in the error."""
    found = read_object(body)
    if found is None:
        raise MalformedUpstreamError(f"M-Pesa's {what} is not a JSON object; it is kept byte for byte.")
    return found


def inner_folded(found: dict[str, object], *names: str) -> dict[str, object]:
    """The first object under one of these folded names, itself folded; an empty one where there is none."""
    nested = next((value for name in names if isinstance(value := found.get(name), dict)), None)
    return {} if nested is None else folded(nested)


def compact(found: object) -> str:
    """Compact JSON, as results are stored."""
    return _encode(found).decode()


def named_values(container: object) -> dict[str, Any]:
    """Key and Value, or Name and Value, in any casing: from a list, a lone object, or an object around either.

    Of two entries with one key the first counts; the documents' own sample prints the debit party twice where its
    second stands for the credit party (daraja.md 2.12).
    """
    values: dict[str, Any] = {}
    for entry in _entries(container):
        plain = folded(entry)
        name = text(plain.get("key", plain.get("name")))
        if not name:
            continue
        key = "".join(name.split())
        if key == "DebitPartyName" and key in values:
            key = "CreditPartyName"
        values.setdefault(key, plain.get("value"))
    return values


def _entries(container: object) -> list[dict[str, object]]:
    if isinstance(container, dict):
        if {"key", "name"} & {fold(name) for name in container}:
            return [container]
        return [entry for value in container.values() for entry in _listed(value)]
    return _listed(container)


def _listed(value: object) -> list[dict[str, object]]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, dict)]


def party_name(party: object) -> str | None:
    """The name in ``2547... - NAME`` or ``600000 - NAME``, without the blanks that pad it."""
    written = text(party)
    if not written:
        return None
    found = _PARTY.fullmatch(written)
    return " ".join((found.group(1) if found else written).split())


def first(values: dict[str, Any], *names: str) -> Any:
    """The value of the first of these names that has one."""
    return next((value for name in names if (value := values.get(name)) is not None and value != ""), None)
