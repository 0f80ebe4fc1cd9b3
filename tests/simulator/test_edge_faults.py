"""The edge in front of every path: refusals that make nothing, and answers that are lost on their way out."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, PATIENCE_SECONDS, Box, password, sample, until
from wakala.simulator.app import DARAJA
from wakala.simulator.edge_faults import ANY, EDGE_FAULTS, PATH_KINDS

REFUSED = {
    "spike_arrest": (500, "error_500_003_02_spike"),
    "quota": (500, "error_500_003_03_quota"),
    "too_many": (429, "error_apigee_spike_429"),
    "maintenance": (500, "error_500_002_1001_maintenance"),
    "internal_error": (500, "error_500_002_1001_internal"),
}
PATHS = {kind: path for path, kind, _ in DARAJA}


def without_request_id(body: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name != "requestId"}


def test_every_kind_of_call_can_be_struck() -> None:
    assert {kind for _, kind, _ in DARAJA} | {"unknown"} == {*PATH_KINDS}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_refusal_has_the_printed_body_and_makes_nothing(box: Box, name: str) -> None:
    await box.token()
    status, model = REFUSED[name]
    await box.fault("stk_push", name)
    answer = await box.push()
    assert answer.status_code == status
    assert without_request_id(answer.json()) == without_request_id(sample(model))
    assert await box.payments() == []
    assert (await box.push()).status_code == 200


async def test_the_firewall_answers_with_a_page(box: Box) -> None:
    await box.fault("stk_push", "html_403")
    answer = await box.push()
    model = sample("error_edge_403_html")
    assert (answer.status_code, answer.text) == (model["status"], model["body"])
    assert answer.headers["Content-Type"].startswith("text/html")


async def test_an_answer_may_have_no_body(box: Box) -> None:
    await box.fault("stk_push", "empty")
    answer = await box.push()
    assert (answer.status_code, answer.content) == (400, b"")
    assert await box.payments() == []


@pytest.mark.parametrize("kind", sorted({*PATHS} - {"token", "unknown"}))
async def test_each_path_can_be_struck_alone(box: Box, kind: str) -> None:
    await box.fault(kind, "quota")
    other = "qr" if kind != "qr" else "swap"
    assert (await box.post(PATHS[other], {})).json()["errorCode"] == "400.002.02"
    assert (await box.post(PATHS[kind], {})).json()["errorCode"] == "500.003.03"
    assert (await box.post(PATHS[kind], {})).json().get("errorCode") != "500.003.03"


async def test_a_fault_of_any_path_strikes_whatever_comes_next(box: Box) -> None:
    await box.post(PATHS["qr"], {})  # fetches a token
    await box.fault(ANY, "spike_arrest", times=2)
    for path in (PATHS["swap"], PATHS["b2c"]):
        assert (await box.post(path, {})).json()["errorCode"] == "500.003.02"
    assert (await box.post(PATHS["b2c"], {})).json()["errorCode"] == "400.002.02"


async def test_even_the_token_and_unknown_paths_stand_behind_the_edge(box: Box) -> None:
    await box.fault("token", "html_403")
    assert (await box.token()).status_code == 403
    await box.fault("unknown", "too_many")
    assert (await box.post("/mpesa/b2c/v2/paymentrequest", {})).status_code == 429


@pytest.mark.parametrize(
    ("name", "status", "model"), [("answer_lost", 500, "error_500_003_1001_internal"), ("answer_empty", 200, None)]
)
async def test_a_lost_answer_was_carried_out_all_the_same(box: Box, name: str, status: int, model: str | None) -> None:
    await box.fault("stk_push", name)
    answer = await box.push()
    assert answer.status_code == status
    if model is None:
        assert answer.content == b""
    else:
        assert without_request_id(answer.json()) == without_request_id(sample(model))
    await until(lambda: box.machine.world.phone(CUSTOMER).live)
    await box.control(f"phones/{CUSTOMER}/approve")
    await box.merchant.received("/stk")


async def test_a_hung_answer_was_carried_out_too_and_ends_at_its_limit(box: Box) -> None:
    await box.control("rules", {"hang_seconds": 0.05})
    await box.fault("stk_push", "answer_hung")
    answer = await box.push()
    assert (answer.status_code, answer.content) == (504, b"")
    await box.control(f"phones/{CUSTOMER}/approve")
    await box.merchant.received("/stk")


async def test_a_socket_that_stays_silent_made_nothing(box: Box) -> None:
    await box.control("rules", {"hang_seconds": 0.05})
    await box.fault(ANY, "hang")
    answer = await box.client.post(PATHS["stk_push"], json={}, timeout=PATIENCE_SECONDS)
    assert answer.status_code == 504
    assert await box.payments() == []


async def test_a_refused_call_says_in_the_log_which_fault_it_met(box: Box) -> None:
    await box.fault("qr", "quota")
    await box.post(PATHS["qr"], {})
    [call] = [each for each in (await box.control("calls", method="GET"))["calls"] if each["kind"] == "qr"]
    assert call["faults"] == ["quota"]
    assert call["reason"] == "Fault quota of the edge: nothing was made."


async def test_a_script_tells_each_of_the_next_calls_its_fate(box: Box) -> None:
    steps = ["spike_arrest", "", "html_403", "answer_lost"]
    await box.control("script", {"kind": "stk_query", "steps": steps})
    checkout = await box.pushed()
    codes = [(await box.query(checkout)).status_code for _ in range(6)]
    assert codes == [500, 200, 403, 500, 200, 200]
    assert password("174379")  # the queries were good ones


async def test_chance_with_one_seed_is_one_run(box: Box) -> None:
    runs = []
    for _ in range(2):
        await box.control("faults", method="DELETE")
        await box.fault("qr", "quota", probability=0.5)
        runs.append([(await box.post(PATHS["qr"], {})).status_code for _ in range(20)])
    assert runs[0] == runs[1]
    assert {*runs[0]} == {400, 500}


@pytest.mark.parametrize("name", EDGE_FAULTS)
async def test_every_fault_of_the_edge_is_in_the_catalogue_of_every_kind(box: Box, name: str) -> None:
    catalogue = (await box.control("faults", method="GET"))["catalogue"]
    for kind in (ANY, *PATH_KINDS):
        assert catalogue[kind][name] == EDGE_FAULTS[name]


async def test_wrong_paths_are_written_down_too(box: Box) -> None:
    answer = await box.client.post("/nonexistent", json={})
    assert (answer.status_code, answer.json()["errorCode"]) == (404, "404.001.01")
    [call] = (await box.control("calls", method="GET"))["calls"]
    assert (call["kind"], call["target"], call["status"]) == ("unknown", "/nonexistent", 404)
    assert call["reason"] == "No API has the path /nonexistent."
