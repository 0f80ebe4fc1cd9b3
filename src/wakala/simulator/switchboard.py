"""M-Pesa's own paths, each found by one look-up; what is left goes on to the page and the control API.

It stands before the framework's routing, which tries a hundred patterns in turn: a load test calls nothing but these.
"""

from collections.abc import Mapping

from starlette.types import ASGIApp, Receive, Scope, Send

from wakala.simulator.exchange import Endpoint

FAMILY = "/mpesa/"
"""Most paths begin so; one of them that no API has still asks for a token first."""


class Switchboard:
    """Wraps the application. A path may end in a slash; it is looked up without."""

    def __init__(self, app: ASGIApp, paths: Mapping[str, Endpoint], unknown: Endpoint) -> None:
        self._doors = {path.encode(): endpoint for path, endpoint in paths.items()}  # as the reception looks them up
        self._app = app
        self._paths = paths
        self._unknown = unknown

    def door(self, url: bytes) -> Endpoint | None:
        """The API at one of M-Pesa's paths."""
        return self._doors.get(url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Put a call through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        called = self._paths.get(path.removesuffix("/")) or (self._unknown if path.startswith(FAMILY) else None)
        await (called or self._app)(scope, receive, send)
