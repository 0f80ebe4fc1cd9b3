"""All routes in one table."""

from collections.abc import Awaitable, Callable

from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp

from wakala.errors import NotFoundError
from wakala.web.api import Api
from wakala.web.inbound import Inbound
from wakala.web.openapi import PREFIXES, document
from wakala.web.pages import Pages
from wakala.web.plumbing import Endpoint, Handler, Incoming, Surroundings
from wakala.wire.api import COMMANDS, HttpAnswer, plain

Readiness = Callable[[], Awaitable[None]]
"""Raises the error that keeps the gateway from serving."""


def build(api: Api, inbound: Inbound, pages: Pages, surroundings: Surroundings, ready: Readiness) -> ASGIApp:
    """The gateway's one ASGI application. The busiest routes stand first."""

    def route(method: str, path: str, handler: Handler, *, truncates: bool = False) -> Route:
        return Route(path, Endpoint(handler, surroundings, method=method, truncates=truncates))

    routes: list[BaseRoute] = [
        *(
            route("POST", PREFIXES[environment] + command.path, api.command(command, environment))
            for command in COMMANDS
            for environment in sorted(command.environments, reverse=True)
        ),
        route("POST", "/callbacks/stk/{subject}/{secret}", inbound.stk, truncates=True),
        route("POST", "/callbacks/c2b_confirmation/{subject}/{secret}", inbound.c2b_confirmation, truncates=True),
        route("POST", "/callbacks/c2b_validation/{subject}/{secret}", inbound.c2b_validation, truncates=True),
        route("POST", "/callbacks/{rest:path}", inbound.unknown, truncates=True),
    ]
    for environment, prefix in PREFIXES.items():
        routes += [
            route("GET", f"{prefix}/auth", api.auth),
            route("GET", f"{prefix}/requests", api.requests(environment)),
            route("GET", f"{prefix}/requests/{{request_id}}", api.request(environment)),
            route("GET", f"{prefix}/requests/{{request_id}}/trace", api.trace(environment)),
        ]
    routes += [
        route("GET", "/trace/{payment_id}/{secret}", pages.timeline),
        route("GET", "/problems/{code}", pages.problem),
        route("GET", "/static/{name}", pages.static),
        route("GET", "/openapi.json", _openapi(surroundings)),
        route("GET", "/livez", _alive),
        route("GET", "/readyz", _ready(ready)),
    ]

    return Router(routes, default=Endpoint(_nothing, surroundings), redirect_slashes=False)


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
