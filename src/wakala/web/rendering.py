"""The gateway's pages as functions: data in, HTML out, nothing else touched.

Templates and static files are read once, at import; a call afterwards opens no file, socket or clock. The data of the
timeline is the same JSON that ``GET .../requests/{RequestID}/trace`` answers with, as plain dicts and lists. Every
page works without JavaScript and lives under ``CONTENT_SECURITY_POLICY``, which allows nothing inline and no other
origin.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any, Final

from jinja2 import DictLoader, Environment, StrictUndefined, Template
from markupsafe import Markup

from wakala.web import waterfall, wording
from wakala.web.highlighting import SHOWN_LIMIT_CHARS, show

TraceView = Mapping[str, Any]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
PAGE_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",  # a trace link is a secret: it must not travel to the next site
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
)
STATIC_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
)

REFRESH_S: Final = 5  # without JavaScript; the module asks more often at first and less often later
NAIROBI: Final = timezone(timedelta(hours=3))  # Kenya has had one offset and no summer time since 1960
CONTENT_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
)


@dataclass(frozen=True, slots=True)
class StaticFile:
    """One file as it is served; its name carries a hash of its content, so that browsers may keep it for ever."""

    content: bytes
    content_type: str


def _load_static() -> tuple[dict[str, str], dict[str, StaticFile]]:
    names: dict[str, str] = {}
    files: dict[str, StaticFile] = {}
    for path in sorted(resources.files("wakala.web").joinpath("static").iterdir(), key=lambda entry: entry.name):
        stem, dot, suffix = path.name.rpartition(".")
        if f".{suffix}" not in CONTENT_TYPES:
            continue
        content = path.read_bytes()
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}{dot}{suffix}"
        names[path.name] = hashed
        files[hashed] = StaticFile(content, CONTENT_TYPES[f".{suffix}"])
    return names, files


_HASHED_NAMES, _FILES = _load_static()
STATIC_FILES: Final[Mapping[str, StaticFile]] = MappingProxyType(_FILES)


def asset(name: str) -> str:
    """The address of a static file, such as ``/static/wakala.3fa9c2d1e07b.css``; KeyError for a name never shipped."""
    return f"/static/{_HASHED_NAMES[name]}"


# ── Spelling ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def spell_money(amount: float | Decimal, currency: str) -> Markup:
    """``KES 1,250.00``, never broken at the space."""
    return Markup("{}\u00a0{:,.2f}").format(currency, Decimal(str(amount)))


def spell_duration(milliseconds: float) -> str:
    """A length of time as people say it, with as many digits as they would read."""
    if milliseconds == 0:
        return "0\u00a0ms"
    if milliseconds < 0.95:
        return f"{milliseconds:.1f}\u00a0ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f}\u00a0ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f}\u00a0s"
    minutes, rest_s = divmod(round(seconds), 60)
    if minutes < 60:
        return _two(minutes, "min", rest_s, "s")
    hours, rest_min = divmod(minutes, 60)
    if hours < 48:
        return _two(hours, "h", rest_min, "min")
    return _two(hours // 24, "d", hours % 24, "h")


def _two(large: int, large_unit: str, small: int, small_unit: str) -> str:
    return f"{large}\u00a0{large_unit}" + (f" {small}\u00a0{small_unit}" if small else "")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def spell_time(text: str) -> Markup:
    """The time of day in Nairobi; the exact UTC moment stands in the element and shows on hover."""
    local = _moment(text).astimezone(NAIROBI)
    return _time_element(text, local.isoformat(timespec="milliseconds")[11:23])


def spell_date_time(text: str, language: wording.Language) -> Markup:
    """Day and time in Nairobi, to the second."""
    local = _moment(text).astimezone(NAIROBI)
    month = wording.MONTHS[language][local.month - 1]
    return _time_element(text, f"{local.day}\u00a0{month}\u00a0{local.year}, {local:%H:%M:%S}")


def _time_element(text: str, shown: str) -> Markup:
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(text, shown)


# ── Pages ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@cache
def templates() -> Environment:
    """All templates, compiled, so that a page only fills one in. The first time it takes 0.1 s."""
    folder = resources.files("wakala.web").joinpath("templates")
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.name.endswith(".html")}
    environment = Environment(
        loader=DictLoader(texts),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {
        "duration": spell_duration,
        "time_of_day": spell_time,
        "date_time": spell_date_time,
        "percent": lambda number: f"{number:.3f}%",
        "body": show,
    }
    environment.globals |= {
        "asset": asset,
        "spoken": wording.spoken,
        "money": spell_money,
        "languages": wording.LANGUAGES,
        "refresh_s": REFRESH_S,
        "shown_limit_chars": SHOWN_LIMIT_CHARS,
        "is_trusted": waterfall.is_trusted,
        "is_failed": waterfall.is_failed,
    }
    for name in texts:
        environment.get_template(name)
    return environment


def _template(name: str) -> Template:
    return templates().get_template(name)


def render_timeline(trace: TraceView, language: str) -> str:
    """The page of one payment: what became of it, why, where the time went, and both sides' bytes of every call."""
    tongue = wording.choose_language(language)
    is_final = trace["State"] in wording.FINAL_STATES
    drawing = waterfall.draw(waterfall.spans_of(trace["Entries"], is_open=not is_final))
    return _template("timeline.html").render(
        trace=trace,
        language=tongue,
        words=wording.WORDS[tongue],
        look=wording.look_of(wording.STATE_LOOKS, trace["State"]),
        state_looks=wording.STATE_LOOKS,
        notification_looks=wording.NOTIFICATION_LOOKS,
        look_of=wording.look_of,
        drawing=drawing,
        parties=_parties,
        is_test=trace["Environment"] == "sandbox",
        is_live=not is_final or any(note["State"] == "waiting" for note in trace["Notifications"]),
        took_ms=_took_ms(trace),
    )


def render_problem(status: int, title: str, sentence: str) -> str:
    """A page for what went wrong before there was anything to show; the sentence says what to do."""
    return _problem(status, title, sentence, "en", ("en",))


def _problem(
    status: int, title: str, sentence: str, tongue: wording.Language, languages: tuple[wording.Language, ...]
) -> str:
    return _template("problem.html").render(
        status=status,
        title=title,
        sentence=sentence,
        language=tongue,
        languages=languages,
        words=wording.WORDS[tongue],
        is_test=False,
    )


def render_unknown_trace(language: str) -> str:
    """The 404 of a trace link that fits no payment. It says the same whether the payment or the secret is wrong."""
    tongue = wording.choose_language(language)
    words = wording.WORDS[tongue].page
    return _problem(404, words["problem_404_title"], words["problem_404_sentence"], tongue, wording.LANGUAGES)


def _parties(name: str, direction: str, words: wording.Words) -> tuple[str, str]:
    """Who spoke to whom in an exchange of this name: first the one who asked."""
    other = words.parties["yours" if name in waterfall.WITH_YOUR_SYSTEM else "mpesa"]
    ours = words.parties["wakala"]
    return (other, ours) if direction == "in" else (ours, other)


def _took_ms(trace: TraceView) -> float | None:
    if trace["SettledAt"] is None:
        return None
    return (_moment(trace["SettledAt"]) - _moment(trace["CreatedAt"])) / timedelta(milliseconds=1)
