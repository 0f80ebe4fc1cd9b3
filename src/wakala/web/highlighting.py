"""What was sent, made readable: JSON is indented and coloured by class, anything else is shown as it came.

Nothing is lost on the way: members keep their order, doubled members stay double, and numbers keep the digits that
were sent (``10.00`` is not ``10.0``), since those are just the things a developer comes here to see.
"""

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from markupsafe import Markup, escape

SHOWN_LIMIT_CHARS: Final = 65_536  # as much as the gateway keeps of a body, so that a page has an end
# What is coloured and indented; a body that was made for it would take ten seconds to show, and fill 26 MB.
PARTS_LIMIT: Final = 2_000
DEPTH_LIMIT: Final = 32
INDENT: Final = "  "
# As `rules.msisdn.mask` leaves a phone number that was sent as a number.
_MASKED: Final = re.compile(r"([:\[,]\s*)(\d{0,4}\*{5}\d{0,3})(?=\s*[,\]}])")
_HALF: Final = re.compile("[\ud800-\udfff]")  # of a character, which JSON may spell and no page can hold


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it was spelled."""

    spelling: str


@dataclass(frozen=True, slots=True)
class Members:
    """An object's members in the order they were sent, doubled ones included."""

    pairs: tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A body ready for the page. ``is_changed`` says that the layout differs from the bytes, which stand in ``raw``."""

    pretty: Markup
    raw: str
    is_changed: bool
    is_cut: bool


def show(text: str) -> Shown:
    """The body for people. What is no JSON, or longer or deeper than any honest message, is shown as it came."""
    raw = text[:SHOWN_LIMIT_CHARS]
    is_cut = len(text) > SHOWN_LIMIT_CHARS
    try:
        parsed = None if is_cut or raw.count(",") > PARTS_LIMIT else _parse_masked(raw)
        if isinstance(parsed, Members | list):
            pretty = Markup("").join(_painted(parsed, 0))
            return Shown(pretty=pretty, raw=raw, is_changed=_unpainted(pretty) != raw, is_cut=False)
    except (ValueError, RecursionError):
        pass
    return Shown(pretty=escape(raw), raw=raw, is_changed=False, is_cut=is_cut)


def _parse_masked(text: str) -> object:
    """A phone number that M-Pesa sends as a number is none any more once it is masked; it takes a number's place."""
    try:
        return _parse(text, {})
    except ValueError:
        masked: dict[str, str] = {}

        def spelled(found: re.Match[str]) -> str:
            spelling = f"-0.0e-{len(masked):09}"
            masked[spelling] = found[2]
            return found[1] + spelling

        return _parse(_MASKED.sub(spelled, text), masked)


def _parse(text: str, masked: Mapping[str, str]) -> object:
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: Members(tuple(pairs)),
        parse_int=Number,
        parse_float=lambda spelling: Number(masked.get(spelling, spelling)),
        parse_constant=Number,
    )


def _painted(value: object, depth: int) -> Iterator[Markup]:
    match value:
        case Members(pairs):
            items = [(Markup("{}: ").format(_span("key", _quoted(name))), member) for name, member in pairs]
            yield from _block("{}", items, depth)
        case list():
            yield from _block("[]", [(Markup(""), member) for member in value], depth)
        case Number(spelling):
            yield _span("number", spelling)
        case str():
            yield _span("string", _quoted(value))
        case _:
            yield _span("word", json.dumps(value))


def _block(brackets: str, items: list[tuple[Markup, object]], depth: int) -> Iterator[Markup]:
    if not items:
        yield escape(brackets)
        return
    if depth > DEPTH_LIMIT:
        raise ValueError("too deep")
    yield escape(brackets[0])
    for position, (head, member) in enumerate(items):
        yield escape(",\n" if position else "\n") + INDENT * (depth + 1) + head
        yield from _painted(member, depth + 1)
    yield escape("\n") + INDENT * depth + brackets[1]


def _unpainted(painted: Markup) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", painted))  # the only tags are ours: the text was escaped


def _quoted(text: str) -> str:
    return _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", json.dumps(text, ensure_ascii=False))


def _span(kind: str, text: str) -> Markup:
    return Markup('<span class="j-{}">{}</span>').format(kind, text)
