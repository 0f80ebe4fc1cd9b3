"""Whatever is sent to a documented path, the answer is one that the document names: with and without credentials."""

import base64
from typing import Any

import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from hostile.made_up import Operation, by_all_means, by_chance, each_operation
from services.gateway import House
from wakala.web.openapi import document

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
API = schemathesis.openapi.from_dict(document("http://127.0.0.1"))


def authorised(house: House) -> dict[str, str]:
    pair = f"{house.app.app.consumer_key}:{house.app.consumer_secret}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@each_operation(API)
def test_with_credentials(operation: Operation, standing: House) -> None:
    def holds(case: schemathesis.Case) -> None:
        answer = case.call_and_validate(standing.url, headers=authorised(standing), checks=CHECKS)
        assert b"Traceback" not in answer.content

    by_all_means(operation, holds)


@each_operation(API)
def test_without_credentials(operation: Operation, standing: House) -> None:
    def holds(case: schemathesis.Case) -> None:
        wrong = {"Authorization": "Basic bm9ib2R5Ondyb25n"}
        answer = case.call_and_validate(standing.url, headers=wrong, checks=CHECKS)
        assert 400 <= answer.status_code < 500
        assert b"Traceback" not in answer.content

    by_chance(operation, holds)
