"""Whatever is sent to a documented path, the answer is one that the document names: with and without credentials."""

import base64
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

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
BOUNDED = settings(
    max_examples=5,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


def authorised(house: House) -> dict[str, str]:
    pair = f"{house.app.app.consumer_key}:{house.app.consumer_secret}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@API.parametrize()
@BOUNDED
def test_with_credentials(case: schemathesis.Case, standing: House) -> None:
    answer = case.call_and_validate(standing.url, headers=authorised(standing), checks=CHECKS)
    assert b"Traceback" not in answer.content


@API.parametrize()
@settings(BOUNDED, max_examples=2)
def test_without_credentials(case: schemathesis.Case, standing: House) -> None:
    answer = case.call_and_validate(standing.url, headers={"Authorization": "Basic bm9ib2R5Ondyb25n"}, checks=CHECKS)
    assert 400 <= answer.status_code < 500
    assert b"Traceback" not in answer.content
