"""Every path asks for token, then method, then JSON, and survives whatever it is sent (daraja.md 10)."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.box import Box, sample
from wakala.simulator.app import DARAJA

PATHS = sorted({path for path, kind, _ in DARAJA if kind not in ("token", "unknown")})
LISTS = ("bulk-invoicing", "change-invoices", "cancel-bulk-invoices")  # no object, so no field could be named
AWKWARD: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    10**30,
    float(2**80),
    "",
    " ",
    "\0",
    "9" * 5_000,
    "\ud83d",
    "\N{GRINNING FACE}",
    [],
    {},
    [[]],
    {"a": 1},
    "254712345678",
    "2026-03-14",
    "99999999",
    "http://[",
]


def field_names() -> list[str]:
    names = {"header", "body", "externalReference", "externalId"}
    for name in (
        "stk_push_request_paybill",
        "c2b_simulate_request",
        "b2c_request_v3",
        "b2b_request_paybill",
        "transaction_status_request",
        "reversal_request",
        "qr_request",
        "ratiba_request",
        "b2b_express_request",
        "pull_query_request",
        "pull_register_request",
        "org_info_request",
        "ati_request",
        "billmanager_optin_request",
        "billmanager_single_invoice_request",
        "billmanager_reconciliation_request",
    ):
        names |= {*sample(name)}
    return sorted(names)


@pytest.mark.parametrize("path", PATHS)
async def test_a_token_is_asked_for_first(box: Box, path: str) -> None:
    answer = await box.client.post(path, content=b"{", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "404.001.04")
    assert list(answer.json()) == list(sample("error_404_001_04_header"))


@pytest.mark.parametrize("path", PATHS)
async def test_then_the_method_and_then_the_body(box: Box, path: str) -> None:
    await box.post(path, {})  # fetches a token
    headers = {"Authorization": f"Bearer {box.bearer}", "Content-Type": "application/json"}
    put = await box.client.put(path, content=b"{", headers=headers)
    assert (put.status_code, put.json()["errorCode"]) == (405, "405.001")
    broken = await box.client.post(path, content=b"{", headers=headers)
    assert (broken.status_code, broken.json()["errorCode"]) == (400, "400.002.05")


@pytest.mark.parametrize("path", [path for path in PATHS if not path.endswith(("hakikisha", *LISTS))])
async def test_a_form_has_no_fields(box: Box, path: str) -> None:
    await box.post(path, {})
    headers = {"Authorization": f"Bearer {box.bearer}"}
    answer = await box.client.post(path, data={"BusinessShortCode": "174379"}, headers=headers)
    if not path.endswith("getallmessages"):  # which needs none
        assert answer.status_code == 400, answer.text
        assert answer.json()["errorCode"] in ("400.002.02", "400.001")


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_may_end_in_a_slash(box: Box, path: str) -> None:
    assert (await box.post(f"{path}/", {})).status_code == (await box.post(path, {})).status_code


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
async def test_no_body_breaks_any_path(box: Box, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(PATHS))
    fields = st.dictionaries(st.sampled_from(field_names()), st.sampled_from(AWKWARD), max_size=12)
    body = data.draw(fields | st.lists(fields, max_size=3) | st.sampled_from(AWKWARD))
    await box.post(path, {})
    headers = {"Authorization": f"Bearer {box.bearer}", "Content-Type": "application/json"}
    answer = await box.client.post(path, content=json.dumps(body), headers=headers)
    assert answer.status_code < 500 or json.loads(answer.content)["errorCode"].startswith("500."), answer.text


@pytest.mark.parametrize(
    "body", [b"[" * 60_000, b'{"a":' * 10_000, b"\xff\xfe{\0}\0", b'"\\ud800"', b"{}" + b" " * 70_000, b'{"a":1e999}']
)
async def test_hostile_bytes_get_a_daraja_refusal(box: Box, body: bytes) -> None:
    await box.post(PATHS[0], {})
    headers = {"Authorization": f"Bearer {box.bearer}", "Content-Type": "application/json"}
    for path in ("/mpesa/stkpush/v1/processrequest", "/v1/billmanager-invoice/bulk-invoicing", "/imsi/v1/checkATI"):
        answer = await box.client.post(path, content=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["errorCode"] in ("400.002.05", "400.002.02")
