"""All routes in one table."""

from collections.abc import Awaitable, Callable

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from wakala.errors import NotFoundError
from wakala.rules.accounts import Environment
from wakala.rules.commands import COMMANDS
from wakala.web.api import Api
from wakala.web.facade import Facade
from wakala.web.inbound import Inbound
from wakala.web.openapi import PREFIXES, document
from wakala.web.pages import Pages
from wakala.web.plumbing import Endpoint, Handler, Incoming, Surroundings
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
) -> ASGIApp:
    """The gateway's one ASGI application. Fixed paths are looked up, so that their number costs nothing."""

    def endpoint(handler: Handler, method: str | None = None) -> Endpoint:
        return Endpoint(handler, surroundings, method=method)

    fixed: dict[str, ASGIApp] = {
        "/openapi.json": endpoint(_openapi(surroundings), "GET"),
        "/livez": endpoint(_alive, "GET"),
        "/readyz": endpoint(_ready(ready), "GET"),
    }
    for environment, prefix in PREFIXES.items():
        fixed[f"{prefix}/auth"] = endpoint(api.auth, "GET")
        fixed[f"{prefix}/notifications"] = endpoint(api.notifications.listed(environment), "GET")
        fixed[f"{prefix}/notifications/replay"] = endpoint(api.notifications.replay_window(environment), "POST")
        fixed[f"{prefix}/notifications/acknowledge"] = endpoint(api.notifications.read_up_to(environment), "POST")
        fixed[f"{prefix}/endpoints"] = endpoint(api.endpoints.listed(environment), "GET")
        for name in ("move", "test", "pause", "resume", "rotate"):
            path = f"{prefix}/endpoints/{'callbackurl' if name == 'move' else name}"
            fixed[path] = endpoint(getattr(api.endpoints, name)(environment), "POST")
        fixed[f"{prefix}/requests"] = endpoint(api.requests(environment), "GET")
        for command in COMMANDS:
            if environment in command.environments:
                fixed[f"{prefix}/{command.path}"] = endpoint(api.command(command, environment), "POST")
    for environment, prefix in _DARAJA.items():
        for path, handler in _facade(facade, environment).items():
            fixed[prefix + path] = fixed[f"{prefix}{path}/"] = endpoint(handler)  # SDKs differ in the last slash
    return _Table(fixed, Router(_patterns(api, inbound, by_soap, pages, surroundings), default=endpoint(_nothing)))


class _Table:
    """Fixed paths by look-up, patterns by trying."""

    def __init__(self, fixed: dict[str, ASGIApp], patterns: Router) -> None:
        self._fixed = fixed
        self._patterns = patterns
        patterns.redirect_slashes = False

    @property
    def paths(self) -> frozenset[str]:
        """Every path, patterns as they are written."""
        return frozenset({*self._fixed, *(route.path for route in self._patterns.routes if isinstance(route, Route))})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = self._fixed.get(scope.get("path", ""), self._patterns)
        await found(scope, receive, send)


def _facade(facade: Facade, environment: Environment) -> dict[str, Handler]:
    """Daraja's own paths (daraja.md 2.0)."""
    paths = dict.fromkeys(path for command in COMMANDS for path in command.facade)
    return {
        "/oauth/v1/generate": facade.token,
        "/mpesa/stkpushquery/v1/query": facade.stk_query(environment),
        **{path: facade.command(path, environment) for path in paths},
    }


def _patterns(
    api: Api, inbound: Inbound, by_soap: Inbound, pages: Pages, surroundings: Surroundings
) -> list[BaseRoute]:
    """The busiest first."""

    def route(method: str, path: str, handler: Handler, *, truncates: bool = False) -> Route:
        return Route(path, Endpoint(handler, surroundings, method=method, truncates=truncates))

    callbacks = {
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
    routes: list[BaseRoute] = [
        route("POST", f"/callbacks/{kind}/{{subject}}/{{secret}}", handler, truncates=True)
        for kind, handler in callbacks.items()
    ]
    routes.append(route("POST", "/callbacks/{rest:path}", inbound.unknown, truncates=True))
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
