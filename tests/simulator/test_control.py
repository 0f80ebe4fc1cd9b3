"""The control API: what a test does to the world, and what it reads back."""

from typing import Any

import pytest

from simulator.box import CUSTOMER, Box, password


async def test_health(box: Box) -> None:
    assert (await box.control("healthz", method="GET"))["status"] == "ok"


async def test_the_default_world_is_the_sandbox(box: Box) -> None:
    state = await box.control("state", method="GET")
    numbers = {each["number"]: (each["kind"], each["till"]) for each in state["shortcodes"]}
    assert numbers["174379"] == ("paybill", "")
    assert numbers["600984"] == ("paybill", "")
    assert numbers["600000"] == ("paybill", "")
    assert numbers["600991"] == ("till", "600992")
    assert state["phones"][0]["balance"] == "100000.00"
    assert (state["seed"], state["autopilot"]["outcomes"]) == (7, {})


async def test_an_unknown_phone_is_bought_on_the_spot(box: Box) -> None:
    await box.pushed(phone="254799999999")
    state = await box.control("state", method="GET")
    [phone] = [each for each in state["phones"] if each["msisdn"] == "254799999999"]
    assert (phone["balance_cents"], phone["pin"]) == (100_000_00, "1234")
    assert state["prompts"][0]["msisdn"] == "254799999999"


async def test_shortcodes_apps_and_phones_can_be_added(box: Box) -> None:
    await box.control("shortcodes", {"number": "555001", "till": "555002", "name": "Kiosk", "passkey": "k1"})
    await box.control("apps", {"key": "kiosk", "secret": "s", "shortcodes": ["555001"]})
    await box.control("phones", {"msisdn": "254111222333", "name": "MORAA", "pin": "0000", "balance_cents": 500})
    box.bearer = (await box.token("kiosk", "s")).json()["access_token"]
    await box.till_push(
        BusinessShortCode="555001", PartyB="555002", Amount=5, phone="254111222333", Password=password("555001", "k1")
    )
    await box.control("phones/254111222333/approve", {"pin": "0000"})
    await box.merchant.received("/stk")
    state = await box.control("state", method="GET")
    assert state["shortcodes"][-1]["balance"] == "5.00"
    assert state["phones"][-1]["balance"] == "0.00"


async def test_a_number_belongs_to_one_shortcode(box: Box) -> None:
    for body in ({"number": "600992"}, {"number": "600993", "till": "600992"}, {"number": "1"}):
        answer = await box.client.post("/simulator/shortcodes", json=body)
        assert answer.status_code in (400, 409)


async def test_payments_are_listed_by_cursor_with_counters_over_all(box: Box) -> None:
    await box.control("autopilot", {"mode": "pay"})
    for number in range(5):
        await box.pushed(phone=f"25470000010{number}", Amount=number + 1)
    await box.merchant.received("/stk", 5)
    first = await box.control("payments?limit=3", method="GET")
    rest = await box.control(f"payments?after={first['next_after']}", method="GET")
    assert [each["number"] for each in first["payments"] + rest["payments"]] == [1, 2, 3, 4, 5]
    assert rest["counters"]["paid"] == rest["counters"]["all"] == 5
    assert rest["counters"]["paid_cents"] == 15_00
    assert (await box.control("payments?after=5", method="GET"))["next_after"] == 5


async def test_calls_show_both_directions_with_bodies(box: Box) -> None:
    await box.control("autopilot", {"mode": "cancel"})
    await box.pushed()
    await box.merchant.received("/stk")
    await box.push(Amount=0)
    calls = (await box.control("calls", method="GET"))["calls"]
    assert calls[0]["reason"].startswith("Amount must be")
    kinds = {(call["direction"], call["kind"]) for call in calls}
    assert {("in", "token"), ("in", "stk_push"), ("out", "stk_callback")} <= kinds
    [out] = [call for call in calls if call["direction"] == "out"]
    assert "1032" in out["request"]
    assert "Accepted" in out["answer"]


async def test_reset_begins_again_with_the_same_run(box: Box) -> None:
    async def run() -> list[str]:
        box.bearer = ""
        await box.control("autopilot", {"mode": "pay"})
        for _ in range(3):
            await box.pushed()
        return [payment["receipt"][3:] for payment in await box.payments()]

    first = await run()
    await box.fault("token", "hang")
    await box.control("rules", {"prompt_life_seconds": 5})
    await box.control("reset")
    state = await box.control("state", method="GET")
    assert (state["payments"], state["faults"]) == ([], [])
    assert state["rules"]["prompt_life_seconds"] == 60
    assert await run() == first


async def test_a_reset_leaves_no_prompt_that_could_still_ring(box: Box) -> None:
    await box.pushed()
    await box.control("reset")
    await box.advance(120)
    assert box.merchant.posts == []


async def test_rules_change_one_at_a_time(box: Box) -> None:
    rules = await box.control("rules", {"prompt_life_seconds": 90, "rule_17": True})
    assert (rules["prompt_life_seconds"], rules["rule_17"], rules["hang_seconds"]) == (90, True, 30)
    assert await box.control("rules", method="GET") == rules


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        (f"phones/{CUSTOMER}/approve", {}, 409),
        (f"phones/{CUSTOMER}/dance", {}, 404),
        ("phones", {"msisdn": "0712345678"}, 400),
        ("phones", {"msisdn": CUSTOMER, "switch": "broken"}, 400),
        ("autopilot", {"mode": "dance"}, 400),
        ("autopilot", {"outcomes": {"pay": -1}}, 400),
        ("autopilot", {"outcomes": {"pay": 0}}, 400),
        ("clock", {"advance_seconds": -1}, 400),
        ("clock", {"advance_seconds": "x"}, 400),
        ("rules", {"hang_seconds": 0}, 400),
        ("rules", {"unheard_of": 1}, 400),
    ],
)
async def test_what_cannot_be_done_gets_a_sentence(box: Box, path: str, body: Any, status: int) -> None:
    answer = await box.client.post(f"/simulator/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


async def test_odd_bodies_and_numbers_are_refused(box: Box) -> None:
    assert (await box.client.post("/simulator/faults", content=b"x" * 100_000)).status_code == 413
    assert (await box.client.post("/simulator/faults", content=b"{")).status_code == 400
    assert (await box.client.get("/simulator/payments?after=x")).status_code == 400


async def test_pages_of_other_sites_give_no_orders(box: Box) -> None:
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        answer = await box.client.post("/simulator/reset", headers=headers)
        assert answer.status_code == 403
    same = await box.client.post("/simulator/reset", headers={"Origin": box.url})
    assert same.status_code == 200
