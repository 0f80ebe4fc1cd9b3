"""OpenAPI 3.1, made from the commands and the errors: what is served is what is described."""

from typing import Any

import msgspec

from wakala import __version__, errors
from wakala.rules.accounts import Environment
from wakala.rules.bodies import StatusBody
from wakala.rules.commands import COMMANDS, Command, Mode
from wakala.rules.delivery import TYPES, DeliveryState
from wakala.rules.endpoints import Waiting
from wakala.web.paging import AFTER, BEFORE, CONSUMER, LIMIT, NAME, SEEN, WAIT

PREFIXES = {Environment.LIVE: "/mpesa/v1", Environment.SANDBOX: "/sandbox/mpesa/v1"}

_PROBLEMS = (
    errors.CallerError,
    errors.UnauthenticatedError,
    errors.ForbiddenError,
    errors.MethodNotAllowedError,
    errors.RequestIdSpentError,
    errors.RequestInFlightError,
    errors.InitiatorStoppedError,
    errors.PayloadTooLargeError,
    errors.InvalidFieldsError,
    errors.DatabaseFaultError,
)
_READ_PROBLEMS = (
    errors.UnauthenticatedError,
    errors.ForbiddenError,
    errors.NotFoundError,
    errors.MethodNotAllowedError,
    errors.PayloadTooLargeError,
    errors.InvalidFieldsError,
    errors.UrlTestFailedError,
    errors.DatabaseFaultError,
)
_TOKEN_PROBLEMS = (errors.UnauthenticatedError, errors.MethodNotAllowedError, errors.PayloadTooLargeError)

_ASKS_OF_ANOTHER: dict[type, tuple[type[errors.WakalaError], ...]] = {StatusBody: (errors.NotFoundError,)}
"""Bodies that may name an earlier request, which may not be there."""


def document(public_url: str) -> dict[str, Any]:
    """The whole document."""
    bodies = [command.body for command in COMMANDS]
    _, components = msgspec.json.schema_components(dict.fromkeys(bodies), ref_template="#/components/schemas/{name}")
    paths: dict[str, Any] = {}
    for environment, prefix in PREFIXES.items():
        paths[f"{prefix}/auth"] = {"get": _read("token", "An access token for an hour", [], environment)}
        for command in COMMANDS:
            if environment in command.environments:
                paths[f"{prefix}/{command.path}"] = {"post": _post(command, environment)}
        one = [_path_parameter("RequestID", "The ID that you chose.")]
        paths[f"{prefix}/requests"] = {"get": _read("requests", "Your requests, newest first", _CURSOR, environment)}
        paths[f"{prefix}/requests/{{RequestID}}"] = {
            "get": _read("request", "One request as it stands", one, environment)
        }
        paths[f"{prefix}/requests/{{RequestID}}/trace"] = {
            "get": _read("trace", "Everything about one request", one, environment)
        }
        paths |= _notification_paths(prefix, environment)
        paths |= _endpoint_paths(prefix, environment)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Wakala API",
            "version": __version__,
            "summary": "M-Pesa as simple REST and JSON, with every byte recorded.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": public_url}],
        "security": [{"basic": []}, {"bearer": []}, {"proxyapi": []}],
        "paths": paths,
        "components": {
            "schemas": {**components, "Problem": _PROBLEM_SCHEMA},
            "securitySchemes": {
                "basic": {"type": "http", "scheme": "basic", "description": "Consumer key and consumer secret."},
                "bearer": {"type": "http", "scheme": "bearer", "description": "A token from GET .../auth."},
                "proxyapi": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Authorization",
                    "description": "`Basic <hex SHA3-256 of key:secret>` or `Bearer <token>`, as Proxy API had it.",
                },
            },
        },
    }


def _notification_paths(prefix: str, environment: Environment) -> dict[str, Any]:
    """What was owed to the app, to be read, acknowledged and replayed."""
    one = [_path_parameter("NotificationID", "The `webhook-id` of the notification.")]
    base = f"{prefix}/notifications"
    return {
        base: {"get": _read("notifications", "Your notifications, oldest first", _FEED, environment)},
        f"{base}/replay": {
            "post": _read("replay_window", "Send a window again, or count it", [], environment, _REPLAY)
        },
        f"{base}/acknowledge": {
            "post": _read("acknowledge_up_to", "A consumer has read up to here", [], environment, _READ_UP_TO)
        },
        f"{base}/consumers": {"get": _read("consumers", "Who reads by a cursor, and how far", [], environment)},
        f"{base}/forget": {
            "post": _read("forget_consumer", "A consumer will not come again", [], environment, _FORGET)
        },
        f"{base}/{{NotificationID}}": {"get": _read("notification", "One notification", one, environment)},
        f"{base}/{{NotificationID}}/acknowledge": {
            "post": _read("acknowledge", "You have it: nothing is tried any more", one, environment)
        },
        f"{base}/{{NotificationID}}/replay": {"post": _read("replay", "Owed again", one, environment)},
    }


def _endpoint_paths(prefix: str, environment: Environment) -> dict[str, Any]:
    """Where the app's notifications go, and how that place has been doing."""

    def post(name: str, summary: str, **properties: Any) -> dict[str, Any]:
        required = [field for field, schema in properties.items() if schema.pop("needed", False)]
        body = {"type": "object", "additionalProperties": False, "properties": {"Shortcode": _SHORTCODE, **properties}}
        return {"post": _read(f"endpoint_{name}", summary, [], environment, {**body, "required": required})}

    base = f"{prefix}/endpoints"
    return {
        base: {"get": _read("endpoints", "Where your notifications go, and how it does", [], environment, None, True)},
        f"{base}/callbackurl": post(
            "callbackurl",
            "Another URL, tested before it is saved",
            CallbackUrl={**_URL, "needed": True},
            Waiting={"type": "string", "enum": [each.value for each in Waiting], "default": "send"},
            Force={"type": "boolean", "default": False, "description": "Save it although its test failed."},
        ),
        f"{base}/test": post("test", "What a notification would meet there, graded", CallbackUrl={**_URL}),
        f"{base}/pause": post("pause", "Nothing is sent; everything is stored and waits", Reason={"type": "string"}),
        f"{base}/resume": post("resume", "Sent again, with what waited"),
        f"{base}/rotate": post(
            "rotate",
            "A new signing key, told this once",
            Version={"type": "string", "enum": ["v1", "v1a"], "default": "v1"},
            OverlapSeconds={"type": "number", "minimum": 0, "maximum": 604_800, "default": 86_400},
        ),
    }


_SHORTCODE = {"type": "string", "description": "The endpoint of this shortcode; left out, the app's own."}
_URL = {"type": "string", "examples": ["https://shop.example/wakala"]}
_NAME = {"type": "string", "pattern": f"^{NAME}$"}
_MOMENT = {"type": "string", "format": "date-time"}
_FEED = [
    *(each.schema() for each in (AFTER, CONSUMER, LIMIT, WAIT, SEEN)),
    {"name": "signed", "in": "query", "schema": {"type": "boolean"}, "description": "With the headers of an attempt."},
]
_REPLAY = {
    "type": "object",
    "required": ["From", "To"],
    "additionalProperties": False,
    "properties": {
        "From": _MOMENT,
        "To": _MOMENT,
        "States": {"type": "array", "items": {"type": "string", "enum": [state.value for state in DeliveryState]}},
        "Type": {"type": "string", "enum": [*TYPES, ""], "default": ""},
        "After": {**_NAME, "description": "`After` of the answer before, where it was not null."},
        "DryRun": {"type": "boolean", "default": True},
    },
}
_READ_UP_TO = {
    "type": "object",
    "required": ["Consumer", "Cursor"],
    "additionalProperties": False,
    "properties": {"Consumer": _NAME, "Cursor": _NAME},
}
_FORGET = {
    "type": "object",
    "required": ["Consumer"],
    "additionalProperties": False,
    "properties": {"Consumer": _NAME},
}

_CURSOR = [BEFORE.schema(), LIMIT.schema()]

_PROBLEM_SCHEMA = {
    "type": "object",
    "description": "RFC 9457, with the two fields that callers of M-Pesa look for.",
    "required": ["type", "title", "status", "detail", "code", "ResponseCode", "ResponseDesc"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "One sentence that says what to do."},
        "instance": {"type": "string"},
        "code": {"type": "string"},
        "retriable": {"type": "boolean"},
        "ResponseCode": {"type": "string"},
        "ResponseDesc": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "message"],
                "properties": {"pointer": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def _path_parameter(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}, "description": description}


def _read(
    name: str,
    summary: str,
    parameters: list[dict[str, Any]],
    environment: Environment,
    body: dict[str, Any] | None = None,
    is_scoped: bool = False,
) -> dict[str, Any]:
    kinds = _READ_PROBLEMS if parameters or body or is_scoped else _TOKEN_PROBLEMS
    kinds = (errors.CallerError, *kinds) if body else kinds
    wanted = (
        {
            "requestBody": {
                "required": bool(body and body.get("required")),
                "content": {"application/json": {"schema": body}},
            }
        }
        if body
        else {}
    )
    return {
        **wanted,
        "summary": summary,
        "operationId": f"{environment.value}_{name}",
        "tags": [environment.value],
        "parameters": parameters,
        "responses": {"200": _json("The answer", {"type": "object"}), **_problems(*kinds)},
    }


def _post(command: Command, environment: Environment) -> dict[str, Any]:
    body = {"$ref": f"#/components/schemas/{command.body.__name__}"}
    return {
        "summary": command.summary,
        "description": command.body.__doc__,
        "operationId": f"{environment.value}_{command.group}_{command.name}",
        "tags": [environment.value],
        "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
        "responses": {
            **_success(command),
            **_problems(*_PROBLEMS, *_ASKS_OF_ANOTHER.get(command.body, ())),
        },
    }


def _success(command: Command) -> dict[str, Any]:
    if command.mode is Mode.DIRECT:
        return {"200": _json("M-Pesa's answer, under Result", {"type": "object"})}
    return {"202": _json("Accepted, held, or sent with an unknown outcome: see State", {"type": "object"})}


def _json(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _problems(*kinds: type[errors.WakalaError]) -> dict[str, Any]:
    """One entry a status; errors that share one are told apart by their ``code``."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    titles: dict[str, list[str]] = {}
    for kind in kinds:
        titles.setdefault(str(kind.status), []).append(f"{kind.title} (`{kind.code}`)")
    return {
        status: {"description": "; or: ".join(named), "content": {"application/problem+json": schema}}
        for status, named in titles.items()
    }
