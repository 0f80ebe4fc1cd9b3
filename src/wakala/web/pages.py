"""Pages for people: the timeline of a payment, what a problem type means, and the files they need."""

import asyncio

from wakala.directory import Directory
from wakala.errors import NotFoundError, WakalaError
from wakala.journal.journal import Journal
from wakala.rules.signing import mac, same
from wakala.web.api import story
from wakala.web.plumbing import Incoming
from wakala.web.rendering import (
    PAGE_HEADERS,
    STATIC_FILES,
    STATIC_HEADERS,
    render_problem,
    render_timeline,
    render_unknown_trace,
    templates,
)
from wakala.wire.api import HttpAnswer

LANGUAGES = ("en", "sw")


class Pages:
    """Server-rendered, no inline script or style, nothing from another origin."""

    def __init__(self, journal: Journal, directory: Directory, trace_key: bytes) -> None:
        self._journal = journal
        self._directory = directory
        self._trace_key = trace_key

    async def timeline(self, incoming: Incoming) -> HttpAnswer:
        """A payment's trace for whoever holds its link. Phone numbers are masked; secrets were never stored."""
        payment_id, secret = incoming.parameters["payment_id"], incoming.parameters["secret"]
        language = _language(incoming)
        await _compiled()
        payment = None
        if same(secret, mac(self._trace_key, "trace", payment_id)):
            payment = await self._journal.payment(payment_id)
        if payment is None:
            return _page(404, render_unknown_trace(language))
        shortcode = self._directory.shortcode(payment.scope.shortcode_id)
        view = await story(self._journal, payment, shortcode.number if shortcode else "", masked=True)
        return _page(200, render_timeline(view, language))

    async def problem(self, incoming: Incoming) -> HttpAnswer:
        """What a problem type means: the address in ``type`` leads here. For developers, in English as the API is."""
        code = incoming.parameters["code"]
        await _compiled()
        found = next((error for error in _all_errors(WakalaError) if error.code == code), None)
        if found is None:
            return _page(404, render_problem(404, "No such problem", f"Nothing here is called {code}."))
        return _page(200, render_problem(found.status, found.title, found.sentence))

    async def static(self, incoming: Incoming) -> HttpAnswer:
        """A static file, by its hashed name, from memory."""
        file = STATIC_FILES.get(incoming.parameters["name"])
        if file is None:
            raise NotFoundError
        return 200, (*STATIC_HEADERS.items(), ("content-type", file.content_type)), file.content


async def _compiled() -> None:
    """The first page waits 0.1 s for the templates, and nobody else does: neither a start, nor who pays meanwhile."""
    await asyncio.to_thread(templates)


def _all_errors(root: type[WakalaError]) -> list[type[WakalaError]]:
    return [root, *(error for child in root.__subclasses__() for error in _all_errors(child))]


def _language(incoming: Incoming) -> str:
    for pair in incoming.query.split("&"):
        name, _, value = pair.partition("=")
        if name == "lang" and value in LANGUAGES:
            return value
    preferred = (incoming.header("accept-language") or "").lower()
    return "sw" if preferred.startswith("sw") else "en"


def _page(status: int, html: str) -> HttpAnswer:
    return status, (("content-type", "text/html; charset=utf-8"), *PAGE_HEADERS.items()), html.encode()
