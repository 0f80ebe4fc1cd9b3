"""Where the time of one payment went, as geometry: who spoke with whom, when, for how long, and who was waited for.

A push is half a second of machines and half a minute of a person with a phone. Drawn to scale, the machines vanish.
So long idle stretches get a fixed, narrow column (a *pause*) and the busy stretches share the rest to scale.
All positions are percentages, so that the same drawing fits 320 px and 1440 px without shrinking its letters.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Party = Literal["yours", "mpesa", "human"]

PAUSE_FROM_MS: Final = 700.0  # shorter idleness is drawn to scale: it is part of the machines' story
PAUSE_WIDTH_PERCENT: Final = 15.0
PAUSES_WIDTH_LIMIT_PERCENT: Final = 45.0  # all pauses together, so that the busy stretches keep the larger half
BUSY_FLOOR_SHARE: Final = 0.4  # of the busy width is dealt out evenly: a 3 ms stretch must still hold readable bars
BAR_FLOOR_PERCENT: Final = 1.2  # about 4 px on a phone
ROWS_LIMIT: Final = 40  # a page, not a poster; the story below the drawing has every entry
ROW_HEIGHT_PX: Final = 44
TOP_PX: Final = 26
BOTTOM_PX: Final = 22

FROM_MPESA: Final = frozenset({"stk_callback", "c2b_confirmation", "c2b_validation"})
BELIEVED: Final = frozenset({"ok", "accepted", "refused", "unknown"})
WITH_YOUR_SYSTEM: Final = frozenset({"api_request", "api_read", "delivery"})
NOT_DRAWN: Final = frozenset({"api_read"})  # a look at the payment changes nothing, and may come days later


@dataclass(frozen=True, slots=True)
class Span:
    """One stretch of time: an exchange, or the wait for the customer. ``end_ms`` is None while it is still open."""

    name: str
    party: Party
    direction: str
    start_ms: float
    end_ms: float | None
    is_failed: bool
    status: int | None
    entry: int | None


@dataclass(frozen=True, slots=True)
class Bar:
    """A span on the drawing."""

    span: Span
    x_percent: float
    width_percent: float
    y_px: int


@dataclass(frozen=True, slots=True)
class Pause:
    """An idle stretch that is drawn shorter than it was."""

    x_percent: float
    width_percent: float
    duration_ms: float
    is_human: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment named at the foot of the drawing."""

    x_percent: float
    offset_ms: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The whole drawing."""

    bars: tuple[Bar, ...]
    pauses: tuple[Pause, ...]
    ticks: tuple[Tick, ...]
    height_px: int
    total_ms: float
    hidden: int


@dataclass(frozen=True, slots=True)
class _Stretch:
    start_ms: float
    end_ms: float
    x_percent: float
    width_percent: float
    is_pause: bool


def spans_of(entries: Sequence[Mapping[str, Any]], *, is_open: bool) -> list[Span]:
    """The exchanges as spans, with the wait for the customer put between an accepted prompt and M-Pesa's result."""
    spans = [_exchange_span(entry, at) for at, entry in enumerate(entries) if _is_drawn(entry)]
    prompt = next((span for span in spans if span.name == "stk_push" and _is_answered(span)), None)
    if prompt is not None and prompt.end_ms is not None:
        until_ms = next((float(e["OffsetMs"]) for e in entries if _ends_the_wait(e, prompt.end_ms)), None)
        if until_ms is not None or is_open:
            spans.append(Span("prompt_wait", "human", "in", prompt.end_ms, until_ms, False, None, None))
    return sorted(spans, key=lambda span: span.start_ms)


def draw(spans: Sequence[Span]) -> Waterfall:
    """The drawing of the spans."""
    shown = spans[:ROWS_LIMIT]
    last_ms = max((span.start_ms if span.end_ms is None else span.end_ms for span in spans), default=0.0)
    stretches = _stretches(shown)
    return Waterfall(
        bars=tuple(_bar(span, row, stretches) for row, span in enumerate(shown)),
        pauses=tuple(
            Pause(s.x_percent, s.width_percent, s.end_ms - s.start_ms, _is_human(s, shown))
            for s in stretches
            if s.is_pause
        ),
        ticks=tuple(Tick(s.x_percent, s.start_ms) for s in stretches if not s.is_pause),
        height_px=TOP_PX + ROW_HEIGHT_PX * len(shown) + BOTTOM_PX,
        total_ms=last_ms - min((span.start_ms for span in spans), default=0.0),
        hidden=len(spans) - len(shown),
    )


def _is_drawn(entry: Mapping[str, Any]) -> bool:
    return entry["Type"] == "exchange" and entry["Name"] not in NOT_DRAWN


def _exchange_span(entry: Mapping[str, Any], at: int) -> Span:
    start_ms = float(entry["OffsetMs"])
    duration_ms = entry["DurationMs"]
    return Span(
        name=entry["Name"],
        party="yours" if entry["Name"] in WITH_YOUR_SYSTEM else "mpesa",
        direction=entry["Direction"],
        start_ms=start_ms,
        end_ms=None if duration_ms is None else start_ms + float(duration_ms),
        is_failed=is_failed(entry),
        status=entry["Status"],
        entry=at,
    )


def is_failed(exchange: Mapping[str, Any]) -> bool:
    """No answer, an answer of 400 and above, or a message that was put in quarantine."""
    status = exchange["Status"]
    return bool(exchange["Error"]) or (status is not None and status >= 400) or not is_trusted(exchange["Verdict"])


def is_trusted(verdict: str | None) -> bool:
    """Any other verdict is the reason why a message was put in quarantine: kept and shown, and never believed."""
    return verdict is None or verdict in BELIEVED


def _is_answered(span: Span) -> bool:
    return span.status is not None and span.status < 300


def _ends_the_wait(entry: Mapping[str, Any], since_ms: float) -> bool:
    if entry["OffsetMs"] < since_ms:
        return False
    if entry["Type"] == "exchange":
        return entry["Name"] in FROM_MPESA and is_trusted(entry["Verdict"])
    return entry["To"] in {"succeeded", "failed", "expired"}


def _stretches(spans: Sequence[Span]) -> list[_Stretch]:
    """Busy stretches and pauses from left to right, each with its place on the drawing."""
    cuts: list[tuple[float, float, bool]] = []
    for start_ms, end_ms in _busy(spans):
        if cuts:
            cuts.append((cuts[-1][1], start_ms, True))
        cuts.append((start_ms, end_ms, False))
    if any(span.end_ms is None and span.party == "human" for span in spans):
        cuts.append((cuts[-1][1], cuts[-1][1], True))  # the customer is thinking at this moment
    pauses = sum(is_pause for *_, is_pause in cuts)
    pause_width = min(PAUSE_WIDTH_PERCENT, PAUSES_WIDTH_LIMIT_PERCENT / pauses) if pauses else 0.0
    busy_width = 100.0 - pause_width * pauses
    busy_ms = sum(end - start for start, end, is_pause in cuts if not is_pause) or 1.0
    floor = busy_width * BUSY_FLOOR_SHARE / (len(cuts) - pauses) if cuts else 0.0
    stretches: list[_Stretch] = []
    x = 0.0
    for start_ms, end_ms, is_pause in cuts:
        share = busy_width * (1 - BUSY_FLOOR_SHARE) * (end_ms - start_ms) / busy_ms
        width = pause_width if is_pause else floor + share
        stretches.append(_Stretch(start_ms, end_ms, x, width, is_pause))
        x += width
    return stretches


def _busy(spans: Sequence[Span]) -> list[tuple[float, float]]:
    """The stretches in which machines worked, joined where the idleness between them is short."""
    busy: list[tuple[float, float]] = []
    for span in spans:
        if span.party == "human":
            continue
        end_ms = span.start_ms if span.end_ms is None else span.end_ms
        if busy and span.start_ms - busy[-1][1] < PAUSE_FROM_MS:
            busy[-1] = (busy[-1][0], max(busy[-1][1], end_ms))
        else:
            busy.append((span.start_ms, end_ms))
    return busy


def _place(at_ms: float, stretches: Sequence[_Stretch]) -> float:
    """Where a moment stands, in percent from the left."""
    for stretch in stretches:
        if at_ms <= stretch.end_ms:
            length_ms = stretch.end_ms - stretch.start_ms
            share = (at_ms - stretch.start_ms) / length_ms if length_ms else 0.0
            return stretch.x_percent + stretch.width_percent * min(max(share, 0.0), 1.0)
    return 100.0


def _bar(span: Span, row: int, stretches: Sequence[_Stretch]) -> Bar:
    x = _place(span.start_ms, stretches)
    end = 100.0 if span.end_ms is None and span.party == "human" else _place(span.end_ms or span.start_ms, stretches)
    width = max(end - x, BAR_FLOOR_PERCENT)
    return Bar(span, min(x, 100.0 - width), width, TOP_PX + ROW_HEIGHT_PX * row)


def _is_human(stretch: _Stretch, spans: Sequence[Span]) -> bool:
    return any(
        span.party == "human"
        and span.start_ms <= stretch.start_ms
        and (span.end_ms is None or span.end_ms >= stretch.end_ms)
        for span in spans
    )
