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

from hostile.bounds import A_FEW, BOUNDED, NOTHING_SUGGESTED
from services.gateway import House
from wakala.web.openapi import document

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
DOCUMENT = document("http://127.0.0.1")
API = schemathesis.openapi.from_dict(DOCUMENT)
API_TO_NOBODY = schemathesis.openapi.from_dict(DOCUMENT, config=NOTHING_SUGGESTED)


def authorised(house: House) -> dict[str, str]:
    pair = f"{house.app.app.consumer_key}:{house.app.consumer_secret}"
    return {"Authorization": "Basic " + base64.b64encode(pair.encode()).decode()}


@API.parametrize()
@BOUNDED
def test_with_credentials(case: schemathesis.Case, standing: House) -> None:
    answer = case.call_and_validate(standing.url, headers=authorised(standing), checks=CHECKS)
    assert b"Traceback" not in answer.content


@API_TO_NOBODY.parametrize()
@A_FEW
def test_without_credentials(case: schemathesis.Case, standing: House) -> None:
    answer = case.call_and_validate(standing.url, headers={"Authorization": "Basic bm9ib2R5Ondyb25n"}, checks=CHECKS)
    assert 400 <= answer.status_code < 500
    assert b"Traceback" not in answer.content
