"""The document is made from the commands; this holds that it is valid and that it is true."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from services.gateway import CUSTOMER, House, basic, is_problem
from wakala.rules.accounts import Environment
from wakala.rules.commands import COMMANDS
from wakala.web.openapi import PREFIXES, document
from wakala.wire.api import read

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
DOCUMENT = document("https://pay.example.co.ke")


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from nodes(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from nodes(inner)


def resolved(reference: str) -> Any:
    found: Any = DOCUMENT
    assert reference.startswith("#/")
    for part in reference[2:].split("/"):
        found = found[part.replace("~1", "/").replace("~0", "~")]
    return found


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            yield path, method, operation


def test_it_is_openapi_3_1() -> None:
    assert re.fullmatch(r"3\.1\.\d+", DOCUMENT["openapi"])
    assert {"title", "version"} <= set(DOCUMENT["info"])
    assert DOCUMENT["info"]["license"] == {"name": "Apache-2.0", "identifier": "Apache-2.0"}
    assert DOCUMENT["servers"] == [{"url": "https://pay.example.co.ke"}]
    assert set(DOCUMENT) <= {"openapi", "info", "servers", "security", "paths", "components", "tags"}


def test_every_reference_leads_somewhere() -> None:
    references = [node["$ref"] for node in nodes(DOCUMENT) if "$ref" in node]
    assert references
    for reference in references:
        assert isinstance(resolved(reference), dict), reference


def test_every_security_scheme_is_defined() -> None:
    defined = set(DOCUMENT["components"]["securitySchemes"])
    assert {name for one in DOCUMENT["security"] for name in one} == defined
    for scheme in DOCUMENT["components"]["securitySchemes"].values():
        assert scheme["type"] in {"http", "apiKey"}


def test_every_operation_is_whole() -> None:
    ids = []
    for path, method, operation in operations():
        assert method in METHODS
        assert operation["summary"]
        assert any(status.startswith("2") for status in operation["responses"])
        assert "401" in operation["responses"]
        for answer in operation["responses"].values():
            assert answer["description"]
        named = set(re.findall(r"{(\w+)}", path))
        declared = {one["name"] for one in operation.get("parameters", []) if one["in"] == "path"}
        assert named == declared, path
        for parameter in operation.get("parameters", []):
            assert parameter["in"] != "path" or parameter["required"] is True
        ids.append(operation["operationId"])
    assert len(ids) == len(set(ids))


def shape(path: str) -> str:
    return re.sub(r"{[^}]*}", "{}", path)


async def test_every_route_of_the_api_is_in_it_and_nothing_else(house: House) -> None:
    described = {(shape(path), method.upper()) for path, method, _ in operations()}
    routes = {shape(path) for path in house.gateway.app.paths}  # type: ignore[attr-defined]
    served = {path for path in routes if path.startswith(tuple(PREFIXES.values()))}
    assert {path for path, _ in described} == served
    for path, method in described:
        answer = await house.client.request(method, path.replace("{}", "X"))
        is_problem(answer, 401)


async def test_each_number_in_a_query_is_bounded_as_described(house: House) -> None:
    await house.autopilot("pay")
    await house.push("PAID")
    await house.merchant.received("/wakala", 1)
    tried = 0
    for path, method, operation in operations():
        numbers = {
            one["name"]: one["schema"]
            for one in operation.get("parameters", [])
            if one["in"] == "query" and one["schema"]["type"] == "integer"
        }
        if not numbers or not path.startswith(PREFIXES[Environment.SANDBOX]):
            continue
        assert method == "get"
        for name, schema in numbers.items():
            for wrong in (schema["minimum"] - 1, schema["maximum"] + 1):
                problem = is_problem(await house.get(f"{path}?{name}={wrong}"), 422, "invalid_fields")
                (fault,) = problem["errors"]
                assert fault["pointer"] == f"/{name}"
                assert f"from {schema['minimum']} to {schema['maximum']}" in fault["message"]
            for right in (schema["minimum"], schema["maximum"]):
                seen = "&seen=0" if "seen" in numbers and name != "seen" else ""  # so that there is something at once
                assert (await house.get(f"{path}?{name}={right}{seen}")).status_code == 200
            tried += 1
    assert tried == len(("limit", "limit", "wait", "seen"))


async def test_it_is_served_with_the_address_of_this_gateway(house: House) -> None:
    served = await house.client.get("/openapi.json")
    assert served.json() == document(house.gateway.settings.public_url)


def example(command_path: str) -> dict[str, Any]:
    item = DOCUMENT["paths"][f"{PREFIXES[Environment.SANDBOX]}/{command_path}"]["post"]
    schema = resolved(item["requestBody"]["content"]["application/json"]["schema"]["$ref"])
    assert schema["additionalProperties"] is False
    return filled(schema)


def filled(schema: dict[str, Any]) -> dict[str, Any]:
    """What must be there, and what has an example."""
    return {
        name: value_of(field)
        for name, field in schema["properties"].items()
        if name in schema.get("required", ()) or "examples" in field
    }


def value_of(field: dict[str, Any]) -> Any:
    if "examples" in field:
        return field["examples"][0]
    if "$ref" in field:
        return filled(resolved(field["$ref"]))
    return [value_of(field["items"])] if field["type"] == "array" else "Example"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_each_documented_example_is_read(command: Any) -> None:
    import json  # noqa: PLC0415 - the only one

    asked = read(command, json.dumps(example(command.path)).encode())
    assert asked.command is command
    assert asked.msisdn in {CUSTOMER, ""}


async def test_the_documented_example_is_paid(house: House) -> None:
    path = f"{PREFIXES[Environment.SANDBOX]}/lnm/customerpaybill"
    answer = await house.client.post(path, json=example("lnm/customerpaybill"), headers=basic(house.app))
    assert answer.status_code == 202, answer.text


async def test_each_problem_type_leads_to_a_page(house: House) -> None:
    problem = is_problem(await house.client.get("/nowhere"), 404)
    path = problem["type"].removeprefix(house.gateway.settings.public_url)
    page = await house.client.get(path)
    assert page.status_code == 200
    assert problem["title"] in page.text
    in_swahili = await house.client.get(f"{path}?lang=sw")
    assert (in_swahili.text, "Kiswahili" in page.text) == (page.text, False), "no language that it has not got"
