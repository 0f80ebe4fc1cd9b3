"""Whatever is sent to Daraja's own paths, the answer is Daraja's: an acknowledgement, or its envelope and codes."""

import base64
import logging
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis

from hostile.made_up import Operation, by_all_means, by_chance, each_operation
from services.gateway import CUSTOMER, PAYBILL, House
from wakala.rules.commands import BY_PATH, COMMANDS
from wakala.simulator.sandbox import PASSKEY

STAMP = "20261124101501"
URL = "http://127.0.0.1:9/told"
# One body with the fields of every family: those that a path does not know are passed over.
FIELDS: dict[str, Any] = {
    "BusinessShortCode": PAYBILL,
    "Password": base64.b64encode(f"{PAYBILL}{PASSKEY}{STAMP}".encode()).decode(),
    "Timestamp": STAMP,
    "TransactionType": "CustomerPayBillOnline",
    "Amount": 150,
    "amount": "150",
    "PartyA": PAYBILL,
    "PartyB": CUSTOMER,
    "PhoneNumber": CUSTOMER,
    "Msisdn": CUSTOMER,
    "CallBackURL": URL,
    "callbackUrl": URL,
    "callbackurl": URL,
    "ResultURL": URL,
    "QueueTimeOutURL": URL,
    "ConfirmationURL": URL,
    "ValidationURL": URL,
    "ResponseType": "Completed",
    "AccountReference": "INV-7",
    "TransactionDesc": "Order 7",
    "BillRefNumber": "INV-7",
    "Initiator": "testapi",
    "InitiatorName": "testapi",
    "SecurityCredential": "c2VjcmV0",
    "SenderIdentifierType": "4",
    "RecieverIdentifierType": "4",
    "IdentifierType": "4",
    "ReceiverParty": PAYBILL,
    "TransactionID": "SGR1234567",
    "Remarks": "A test",
    "ShortCode": PAYBILL,
    "shortcode": PAYBILL,
    "CheckoutRequestID": "ws_CO_1",
    "receiverShortCode": PAYBILL,
    "primaryShortCode": "600992",
    "paymentRef": "P-1",
    "RequestRefID": "R-1",
    "customerNumber": CUSTOMER,
    "Identifier": "600984",
    "StartDate": "2026-11-24 08:00:00",
    "EndDate": "2026-11-24 09:00:00",
    "OffSetValue": "0",
}
SHAPES = {"type": ["string", "integer", "number", "boolean", "null", "array", "object"]}
PATHS = sorted({path for command in BY_PATH.values() for path in command.facade} | {"/mpesa/stkpushquery/v1/query"})
COMMAND_IDS = {path: command.command_id for command in COMMANDS for path in command.facade}


def described(path: str) -> dict[str, Any]:
    """A path with each field as it should be, or as anything."""
    known = FIELDS | ({"CommandID": COMMAND_IDS[path]} if COMMAND_IDS.get(path) else {})
    fields = {name: {"anyOf": [{"const": value}, SHAPES]} for name, value in known.items()}
    body = {"schema": {"type": "object", "properties": fields}, "example": known}
    return {"post": {"requestBody": {"content": {"application/json": body}}, "responses": {"200": {"description": ""}}}}


DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "Daraja", "version": "1"},
    "paths": {f"/sandbox{path}": described(path) for path in PATHS},
}
DARAJA = schemathesis.openapi.from_dict(DOCUMENT)
CODES = re.compile(r"[45]\d\d\.\d{3}(\.\d{2,4})?|40[139]|999991|Bad Request")


@pytest.fixture(scope="module")
def token(standing: House) -> str:
    answer = httpx2.get(
        f"{standing.url}/sandbox/oauth/v1/generate?grant_type=client_credentials",
        auth=(standing.app.app.consumer_key, standing.app.consumer_secret),
    )
    found: str = answer.json()["access_token"]
    return found


@pytest.fixture
def nothing_breaks(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """A bug would be in the log with its stack."""
    yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def is_daraja(answer: Any) -> None:
    assert b"Traceback" not in answer.content
    body = answer.json()
    if answer.status_code == 200:
        assert isinstance(body, dict | list)
        return
    if "errorCode" in body:
        assert set(body) == {"requestId", "errorCode", "errorMessage"}
        assert CODES.fullmatch(body["errorCode"]), body
        assert body["errorMessage"].strip()
    else:
        assert answer.status_code < 500, body


@each_operation(DARAJA)
@pytest.mark.usefixtures("nothing_breaks")
def test_with_a_token(operation: Operation, standing: House, token: str) -> None:
    def holds(case: schemathesis.Case) -> None:
        is_daraja(case.call(standing.url, headers={"Authorization": f"Bearer {token}"}))

    by_all_means(operation, holds)


@each_operation(DARAJA)
@pytest.mark.usefixtures("nothing_breaks")
def test_without_a_token(operation: Operation, standing: House) -> None:
    def holds(case: schemathesis.Case) -> None:
        answer = case.call(standing.url, headers={"Authorization": "Bearer wrong"})
        assert 400 <= answer.status_code < 500
        is_daraja(answer)

    by_chance(operation, holds)


def test_the_command_of_each_path_is_known() -> None:
    assert BY_PATH
    assert set(COMMAND_IDS) <= set(PATHS)
