"""All routes in one table."""

import re
from collections.abc import Awaitable, Callable, Mapping

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from wakala.errors import NotFoundError
from wakala.rules.accounts import Environment
from wakala.rules.commands import BILL_LISTS, BILL_PREFIX, BY_PATH, COMMANDS, Command
from wakala.rules.exchange import BODY_LIMIT_BYTES
from wakala.web.api import Api
from wakala.web.facade import Facade
from wakala.web.inbound import Inbound
from wakala.web.openapi import PREFIXES, document
from wakala.web.pages import Pages
from wakala.web.plumbing import Endpoint, Handler, Incoming, Surroundings
from wakala.web.shelter import Shelter
from wakala.wire.api import HttpAnswer, plain

Readiness = Callable[[], Awaitable[None]]
"""Raises the error that keeps the gateway from serving."""


_DARAJA = {Environment.LIVE: "", Environment.SANDBOX: "/sandbox"}
"""Where Daraja's own paths begin."""


def build(
    api: Api,
    facade: Facade,
    inbound: Inbound,
    by_soap: Inbound,
    pages: Pages,
    surroundings: Surroundings,
    ready: Readiness,
    shelter: Shelter,
) -> ASGIApp:
    """The gateway's one ASGI application. Fixed paths are looked up, so that their number costs nothing."""

    def endpoint(handler: Handler, method: str | None = None) -> Endpoint:
        return Endpoint(handler, surroundings, method=method)

    fixed: dict[str, Endpoint] = {
        "/openapi.json": endpoint(_openapi(surroundings), "GET"),
        "/livez": endpoint(_alive, "GET"),
        "/readyz": endpoint(_ready(ready), "GET"),
    }
    for environment, prefix in PREFIXES.items():
        fixed[f"{prefix}/auth"] = endpoint(api.auth, "GET")
        fixed[f"{prefix}/notifications"] = endpoint(api.notifications.listed(environment), "GET")
        fixed[f"{prefix}/notifications/replay"] = endpoint(api.notifications.replay_window(environment), "POST")
        fixed[f"{prefix}/notifications/acknowledge"] = endpoint(api.notifications.read_up_to(environment), "POST")
        fixed[f"{prefix}/notifications/consumers"] = endpoint(api.notifications.consumers(environment), "GET")
        fixed[f"{prefix}/notifications/forget"] = endpoint(api.notifications.forget(environment), "POST")
        fixed[f"{prefix}/endpoints"] = endpoint(api.endpoints.listed(environment), "GET")
        for name, handled in _endpoint_changes(api).items():
            fixed[f"{prefix}/endpoints/{name}"] = endpoint(handled(environment), "POST")
        fixed[f"{prefix}/requests"] = endpoint(api.requests(environment), "GET")
        for command in COMMANDS:
            if environment in command.environments:
                fixed[f"{prefix}/{command.path}"] = Endpoint(
                    api.command(command, environment),
                    surroundings,
                    method="POST",
                    body_limit_bytes=_body_limit_bytes(command),
                )
    for environment, prefix in _DARAJA.items():
        for path, (handler, limit_bytes) in _facade(facade, environment).items():
            fixed[prefix + path] = fixed[f"{prefix}{path}/"] = Endpoint(  # SDKs differ in the last slash
                handler, surroundings, refuse=facade.refuse, body_limit_bytes=limit_bytes
            )
    unknown = {
        environment: Endpoint(facade.unknown(environment), surroundings, refuse=facade.refuse)
        for environment in _DARAJA
    }
    nothing = _Nothing(endpoint(_nothing), unknown)
    callbacks = {
        kind: Endpoint(shelter.over(kind, handler), surroundings, method="POST", truncates=True, named=_CALLBACK)
        for kind, handler in _callbacks(inbound, by_soap).items()
    }
    return _Table(fixed, callbacks, Router(_patterns(api, inbound, pages, surroundings), default=nothing))


def _body_limit_bytes(command: Command) -> int:
    return BULK_LIMIT_BYTES if command.path in BILL_LISTS else BODY_LIMIT_BYTES


class _Nothing:
    """What no path leads to: Daraja's own no below Daraja's own beginnings, ours elsewhere."""

    def __init__(self, ours: ASGIApp, daraja: dict[Environment, Endpoint]) -> None:
        self._ours = ours
        self._daraja = daraja

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        environment = Environment.SANDBOX if path.startswith("/sandbox/") else Environment.LIVE
        below = path.removeprefix("/sandbox")
        is_daraja = below.startswith(_DARAJA_BEGINNINGS) and not below.startswith("/mpesa/v1/")
        await (self._daraja[environment] if is_daraja else self._ours)(scope, receive, send)


_CALLBACK = ("subject", "secret")
"""What stands in M-Pesa's paths after the kind."""


class _Table:
    """Fixed paths by look-up, M-Pesa's calls by the kind that their path names, the other patterns by trying.

    The first two have doors (`wakala.reception`), which answer the same without ASGI.
    """

    def __init__(self, fixed: Mapping[str, Endpoint], callbacks: Mapping[str, Endpoint], patterns: Router) -> None:
        self._fixed = fixed
        self._callbacks = callbacks
        self._patterns = patterns
        self._doors = {path.encode(): endpoint for path, endpoint in fixed.items() if endpoint.takes_post}
        patterns.redirect_slashes = False

    @property
    def paths(self) -> frozenset[str]:
        """Every path, patterns as they are written."""
        callbacks = (f"/callbacks/{kind}/{{subject}}/{{secret}}" for kind in self._callbacks)
        patterns = (route.path for route in self._patterns.routes if isinstance(route, Route))
        return frozenset({*self._fixed, *callbacks, *patterns})

    def door(self, url: bytes) -> Endpoint | None:
        """For a path without a query and without escapes; with them, ASGI's way takes them apart."""
        found = self._doors.get(url)
        if found is None and url.startswith(b"/callbacks/") and _PLAIN.fullmatch(url):
            found = self._called(url.decode("ascii"))
        return found

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope.get("path", "")
        found = self._fixed.get(path) or self._called(path) or self._patterns
        await found(scope, receive, send)

    def _called(self, path: str) -> Endpoint | None:
        parts = path.split("/")
        is_callback = len(parts) == 5 and parts[1] == "callbacks"  # the first is before the /
        return self._callbacks.get(parts[2]) if is_callback else None


_PLAIN = re.compile(rb"[A-Za-z0-9._~/-]+")

_DARAJA_BEGINNINGS = (
    *("/mpesa/", "/oauth/", "/v1/", "/v2/", "/standingorder/", "/pulltransactions/", "/imsi/"),
    *("/registration/", "/sfcverify/", "/simportal/"),
)
"""Below these Daraja answers, whether there is such an API or not (daraja.md 2.0)."""

BULK_LIMIT_BYTES = 1_048_576  # a thousand invoices (daraja.md 2.16) of a kilobyte each


def _endpoint_changes(api: Api) -> dict[str, Callable[[Environment], Handler]]:
    """What an app may do with its endpoints."""
    return {
        "callbackurl": api.endpoints.move,
        "test": api.endpoints.test,
        "pause": api.endpoints.pause,
        "resume": api.endpoints.resume,
        "rotate": api.endpoints.rotate,
    }


def _facade(facade: Facade, environment: Environment) -> dict[str, tuple[Handler, int]]:
    """Daraja's own paths (daraja.md 2.0), each with the longest body that it takes."""
    found: dict[str, tuple[Handler, int]] = {
        "/oauth/v1/generate": (facade.token, BODY_LIMIT_BYTES),
        "/mpesa/stkpushquery/v1/query": (facade.stk_query(environment), BODY_LIMIT_BYTES),
    }
    for command in BY_PATH.values():
        for path in command.facade:
            found[path] = (facade.command(path, environment), _body_limit_bytes(command))
            if path.startswith(BILL_PREFIX):  # an e-mail on going live doubles it (daraja.md 2.16)
                found[BILL_PREFIX + path] = found[path]
    return found


def _callbacks(inbound: Inbound, by_soap: Inbound) -> dict[str, Handler]:
    """Where M-Pesa calls: ``/callbacks/{kind}/{subject}/{secret}``."""
    return {
        "stk": inbound.stk,
        "c2b_confirmation": inbound.c2b_confirmation,
        "c2b_validation": inbound.c2b_validation,
        "bill_payment": inbound.bill_payment,
        "result": inbound.result,
        "timeout": inbound.timeout,
        "outcome": inbound.outcome,
        "status": inbound.status,
        "status_timeout": inbound.status_timeout,
        "soap_result": by_soap.result,
        "soap_timeout": by_soap.timeout,
        "soap_status": by_soap.status,
        "soap_status_timeout": by_soap.status_timeout,
        "soap_c2b_confirmation": by_soap.c2b_confirmation,
        "soap_c2b_validation": by_soap.c2b_validation,
    }


def _patterns(api: Api, inbound: Inbound, pages: Pages, surroundings: Surroundings) -> list[BaseRoute]:
    def route(method: str, path: str, handler: Handler, *, truncates: bool = False) -> Route:
        return Route(path, Endpoint(handler, surroundings, method=method, truncates=truncates))

    routes: list[BaseRoute] = [route("POST", "/callbacks/{rest:path}", inbound.unknown, truncates=True)]
    for environment, prefix in PREFIXES.items():
        routes += [
            route("GET", f"{prefix}/requests/{{request_id}}", api.request(environment)),
            route("GET", f"{prefix}/requests/{{request_id}}/trace", api.trace(environment)),
            route("GET", f"{prefix}/notifications/{{notification_id}}", api.notifications.one(environment)),
            route(
                "POST",
                f"{prefix}/notifications/{{notification_id}}/acknowledge",
                api.notifications.acknowledge(environment),
            ),
            route("POST", f"{prefix}/notifications/{{notification_id}}/replay", api.notifications.replay(environment)),
        ]
    return [
        *routes,
        route("GET", "/trace/{payment_id}/{secret}", pages.timeline),
        route("GET", "/problems/{code}", pages.problem),
        route("GET", "/static/{name}", pages.static),
    ]


async def _nothing(_: Incoming) -> HttpAnswer:
    raise NotFoundError("There is nothing at this path.")


def _openapi(surroundings: Surroundings) -> Handler:
    async def handle(_: Incoming) -> HttpAnswer:
        return plain(200, document(surroundings.public_url))

    return handle


async def _alive(_: Incoming) -> HttpAnswer:
    return plain(200, {"Alive": True})


def _ready(ready: Readiness) -> Handler:
    async def handle(_: Incoming) -> HttpAnswer:
        await ready()
        return plain(200, {"Ready": True})

    return handle
