"""The world in a file outlives the program, in a file for its owner alone; a file that is none is refused unharmed."""

import http.client
import json
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator import test_b2b_express as express
from simulator import test_bill_manager as bills
from simulator import test_pull as pulling
from simulator import test_standing_order as orders
from simulator.box import CUSTOMER, Merchant, running_box, sample, until
from simulator.business import COLLECTOR, PAYER, QUICK, accounts, ask, collected, credential, told, values
from wakala.simulator import storage
from wakala.simulator.machine import Simulator, Start
from wakala.simulator.main import main
from wakala.simulator.storage import StateFileError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "world.json"


async def test_what_was_paid_said_and_set_survives_a_restart(merchant: Merchant, file: Path) -> None:
    async with running_box(merchant, QUICK, file) as box:
        await box.register()
        await box.control("rules", {"rule_17": True, "prompt_life_seconds": 90})
        await box.control("initiators", {"name": "amina", "shortcode": PAYER, "password": "Pass#1"})
        await box.control("apps", {"key": "k", "secret": "s", "shortcodes": [COLLECTOR]})
        await box.control("phones", {"msisdn": CUSTOMER, "name": "ZAWADI", "pin": "4321"})
        receipt = await collected(box, 150)
        paid_out = await told(box, "b2c", Amount=500)
        bearer, money = box.bearer, await accounts(box, COLLECTOR)
        page = await box.client.get("/")
    async with running_box(merchant, QUICK, file) as box:
        box.bearer = bearer
        assert await accounts(box, COLLECTOR) == money
        status = await told(box, "transaction_status", TransactionID=receipt)
        assert values(status)["ReceiptNo"] == receipt
        by_request = {"TransactionID": ..., "OriginalConversationID": paid_out["OriginatorConversationID"]}
        assert values(await told(box, "transaction_status", PartyA=PAYER, **by_request))["Amount"] == 500
        repeated = await ask(box, "b2c", OriginatorConversationID=paid_out["OriginatorConversationID"])
        assert repeated.json()["errorCode"] == "500.002.1001"
        before = len(merchant.at("/confirm"))
        await collected(box, 160)
        await merchant.received("/confirm", before + 1)
        assert (await box.control("rules", method="GET"))["prompt_life_seconds"] == 90
        phone = box.machine.world.phone(CUSTOMER)
        assert (phone.name, phone.pin, len(phone.messages)) == ("ZAWADI", "4321", 3)
        assert (await box.token("k", "s")).status_code == 200
        assert "150.00" in page.text
        assert "150.00" in (await box.client.get("/")).text


async def test_identifiers_go_on_and_none_is_given_twice(merchant: Merchant, file: Path) -> None:
    seen: list[str] = []
    for _ in range(3):
        async with running_box(merchant, Start(seed=7), file) as box:
            for _ in range(3):
                seen.append(await collected(box))
                seen.append((await box.post("/sfcverify/v1/query/info", {})).json()["requestId"])
            assert [payment["number"] for payment in await box.payments()] == [*range(1, len(seen) // 2 + 1)]
    assert len(seen) == len({*seen})


async def test_prompts_and_commands_go_on_where_they_were(merchant: Merchant, file: Path) -> None:
    async with running_box(merchant, Start(seed=7), file) as box:
        checkout = await box.pushed()
        await box.pushed(phone="254700000001")
        payout = (await ask(box, "b2c")).json()
    assert merchant.posts == []
    async with running_box(merchant, Start(seed=7), file) as box:
        await box.control(f"phones/{CUSTOMER}/approve")
        [paid] = await merchant.received("/stk")
        assert paid.json["Body"]["stkCallback"]["CheckoutRequestID"] == checkout
        await box.advance(61)
        posts = await merchant.received("/stk", 2)
        assert posts[1].json["Body"]["stkCallback"]["ResultCode"] == 1037
        [result] = await merchant.received("/result")
        assert result.json["Result"]["ConversationID"] == payout["ConversationID"]


async def test_a_question_on_a_phone_is_asked_again(merchant: Merchant, file: Path) -> None:
    async with running_box(merchant, Start(seed=7), file) as box:
        await express.asked(box, primaryShortCode=express.TILL)
        await express.shown(box)
    async with running_box(merchant, Start(seed=7), file) as box:
        await express.shown(box)
        await box.control(f"phones/{express.TILLS_PHONE}/approve")
        await merchant.received("/express")


async def test_services_survive_too(merchant: Merchant, file: Path) -> None:
    start = Start(seed=7, autopilot={"pay": 1.0})
    async with running_box(merchant, start, file) as box:
        await box.control("lines", {"msisdn": CUSTOMER, "swapped_days_ago": 3, "id_number": "12345678"})
        await box.control("nominated", {"till": "600992", "msisdn": ""})
        tomorrow = f"{box.machine.clock.now() + timedelta(days=1):%Y%m%d}"
        await orders.ordered(box, StartDate=tomorrow, EndDate=tomorrow, Frequency="1")
        await merchant.received("/so")
        await express.asked(box, primaryShortCode=express.TILL)
        await merchant.received("/express")
        await bills.opted_in(box)
        await bills.invoiced(box)
        await box.post(pulling.REGISTER, sample("pull_register_request"))
        known = await box.control("services", method="GET")
    async with running_box(merchant, start, file) as box:
        assert await box.control("services", method="GET") == known
        assert box.machine.services.line(CUSTOMER).id_number == "12345678"
        await box.advance(2 * 86400)
        await until(lambda: [each for each in box.machine.world.payments.values() if each.origin == "c2b"])
        [order] = (await box.control("services", method="GET"))["standing_orders"]
        assert order["runs_count"] == 1


async def test_the_clock_keeps_its_distance_and_its_standstill(merchant: Merchant, file: Path) -> None:
    async with running_box(merchant, Start(seed=7), file) as box:
        await box.advance(5 * 86400)
        await box.control("clock", {"stopped": True})
        stood_at = box.machine.clock.seconds()
    async with running_box(merchant, Start(seed=7), file) as box:
        assert box.machine.clock.stopped
        assert box.machine.clock.seconds() == pytest.approx(stood_at)
        await box.control("clock", {"stopped": False})
        assert box.machine.clock.seconds() == pytest.approx(stood_at, abs=60)


async def test_a_certificate_that_merchants_have_stays_good(merchant: Merchant, file: Path) -> None:
    async with running_box(merchant, QUICK, file) as box:
        sealed = await credential(box, "not the password")
    async with running_box(merchant, QUICK, file) as box:
        assert (await told(box, "b2c", SecurityCredential=sealed))["ResultCode"] == 2001


async def test_a_reset_forgets_the_file_too(merchant: Merchant, file: Path) -> None:
    async with running_box(merchant, Start(seed=7), file) as box:
        await collected(box)
        await box.control("reset")
    async with running_box(merchant, Start(seed=7), file) as box:
        assert await box.payments() == []


async def test_the_autopilot_of_this_start_goes_before_the_files(merchant: Merchant, file: Path) -> None:
    for started_with, holds in (({"pay": 1.0}, "pay"), ({}, "pay"), ({"cancel": 1.0}, "cancel")):
        async with running_box(merchant, Start(seed=7, autopilot=started_with), file) as box:
            assert [*box.machine.world.autopilot.outcomes] == [holds]


async def test_the_file_is_for_its_owner_alone(merchant: Merchant, file: Path) -> None:
    left_behind = file.with_name(f"{file.name}.new")
    left_behind.write_text("half a wor")
    left_behind.chmod(0o666)
    async with running_box(merchant, Start(seed=7), file):
        assert _mode(file) == 0o600
    assert _mode(file) == 0o600
    assert not left_behind.exists()


def _mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


WRONG = {
    "no JSON": b"{",
    "a list": b"[]",
    "nothing": b"",
    "another program's": b'{"hello": "world"}',
    "a later version": b'{"version": 99}',
    "no more than a version": b'{"version": 1}',
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_file_that_is_none_is_refused_with_a_sentence_and_left_alone(
    file: Path, content: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_bytes(content)
    with pytest.raises(SystemExit) as refused:
        main(["--port", "0", "--state", str(file)])
    said = capsys.readouterr().err
    assert refused.value.code == 2
    assert "state file" in said
    assert "Traceback" not in said
    assert file.read_bytes() == content


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="There is no folder"):
        storage.check(tmp_path / "nowhere" / "world.json")


def test_a_folder_in_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateFileError, match="cannot be read"):
        storage.check(tmp_path)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WHOLE = json.loads(storage.snapshot(Simulator(Start(seed=7))))


@settings(deadline=None)
@given(st.sampled_from(sorted({*WHOLE} - {"version"})), ANY_JSON)
def test_whatever_stands_in_a_part_is_read_or_refused_with_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, part: str, value: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "changed.json"
    file.write_text(json.dumps({**WHOLE, part: value}))
    try:
        storage.check(file)
    except StateFileError as refused:
        assert str(refused).endswith("start anew.")  # noqa: PT017 - being read is as good


def test_the_program_keeps_its_world_between_two_runs(file: Path) -> None:
    order = {"number": "600984", "msisdn": CUSTOMER, "amount": 150, "account": "A"}
    assert _run(file, "c2b/pay", order)["state"] == "paid"
    [phone] = [each for each in _run(file, "state", None)["phones"] if each["msisdn"] == CUSTOMER]
    assert phone["balance_cents"] == 100_000_00 - 150_00


def _run(file: Path, path: str, body: dict[str, Any] | None) -> Any:
    """Start the command line's simulator, send it one order, end it with a signal."""
    with _program(file) as (_, order):
        return order(path, body)


@contextmanager
def _program(file: Path) -> Iterator[tuple[subprocess.Popen[str], Callable[[str, Any], Any]]]:
    """The command line's simulator with its world in a file, and what sends it an order; ended by a signal."""
    command = [sys.executable, "-m", "wakala", "simulator", "--port", "0", "--state", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        try:
            assert program.stdout is not None
            address = program.stdout.readline().split()[4]

            def order(path: str, body: dict[str, Any] | None) -> Any:
                asked = urllib.request.Request(
                    f"{address}/simulator/{path}",
                    None if body is None else json.dumps(body).encode(),
                    {"Content-Type": "application/json"},
                )
                with urllib.request.urlopen(asked, timeout=10) as answer:
                    return json.load(answer)

            yield program, order
        finally:
            program.send_signal(signal.SIGTERM)
            program.wait(20)


def test_a_crash_loses_no_money_and_answers_nobody(file: Path) -> None:
    order = {"number": "600984", "msisdn": CUSTOMER, "amount": 150, "account": "A"}
    with _program(file) as (program, ask_it):
        assert ask_it("c2b/pay", order)["state"] == "paid"
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            ask_it("crash", {})
        assert program.wait(20) == -signal.SIGKILL
    with _program(file) as (_, ask_it):
        [paid] = ask_it("payments", None)["payments"]
        assert (paid["state"], paid["amount_cents"]) == ("paid", 150_00)
        [phone] = [each for each in ask_it("state", None)["phones"] if each["msisdn"] == CUSTOMER]
        assert phone["balance_cents"] == 100_000_00 - 150_00


async def test_a_world_without_a_file_does_not_crash(merchant: Merchant) -> None:
    async with running_box(merchant, Start(seed=7)) as box:
        refused = await box.client.post("/simulator/crash", json={})
        assert refused.status_code == 409
        assert "--state FILE" in refused.json()["error"]
        assert (await box.control("state", method="GET"))["phones"]
