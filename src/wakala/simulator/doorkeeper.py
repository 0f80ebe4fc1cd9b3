"""What holds for every page and form: strict headers, and no orders from another site's pages.

Plain ASGI, so that Daraja's calls pass it for the price of a few comparisons.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
OWN_PATHS = ("/simulator", "/page/", "/static/")
"""Besides the root; every other path is M-Pesa's."""

SAFE_METHODS = ("GET", "HEAD")


class Doorkeeper:
    """Wraps the application; M-Pesa's own paths pass untouched."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, with strict headers on its answer, or refuse it."""
        if scope["type"] != "http" or not (scope["path"] == "/" or scope["path"].startswith(OWN_PATHS)):
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(SECURITY_HEADERS)
                headers.setdefault("Cache-Control", "no-cache" if scope["path"].startswith("/static/") else "no-store")
            await send(message)

        if scope["method"] not in SAFE_METHODS and _from_another_site(Headers(scope=scope)):
            refusal = JSONResponse({"error": "Orders from another site's pages are refused."}, 403)
            await refusal(scope, receive, send_with_headers)
            return
        await self._app(scope, receive, send_with_headers)


def _from_another_site(headers: Headers) -> bool:
    """Browsers say where a form comes from; programs send neither header and may pass."""
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
