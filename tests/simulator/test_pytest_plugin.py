"""The fixture ``wakala_simulator`` in somebody else's tests: installed with the package, nothing to configure."""

import os
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"

SHOP = '''
import base64, http.server, json, threading, urllib.request

import pytest


@pytest.fixture
def callbacks():
    """The shop's own listener for callbacks."""
    told, came = [], threading.Event()

    class Listener(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            came.set()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Listener) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/told", told, came
        server.shutdown()


def call(url, body=None, **headers):
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(url, data, headers), timeout=10) as answer:
        return json.load(answer)


def push(box, callback="http://127.0.0.1:9/none"):
    basic = base64.b64encode(f"{box.consumer_key}:{box.consumer_secret}".encode()).decode()
    asked = f"{box.base_url}/oauth/v1/generate?grant_type=client_credentials"
    token = call(asked, Authorization=f"Basic {basic}")["access_token"]
    stamp = "20260314101501"
    password = base64.b64encode(f"{box.shortcode}{box.passkey}{stamp}".encode()).decode()
    body = dict(BusinessShortCode=box.shortcode, Password=password, Timestamp=stamp, Amount=150, PartyA=box.customer,
                TransactionType="CustomerPayBillOnline", PartyB=box.shortcode, PhoneNumber=box.customer,
                CallBackURL=callback, AccountReference="INV-1", TransactionDesc="x")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return call(f"{box.base_url}/mpesa/stkpush/v1/processrequest", body, **headers)


def test_a_customer_pays(wakala_simulator, callbacks):
    url, told, came = callbacks
    push(wakala_simulator, url)
    wakala_simulator.approve(pin=wakala_simulator.pin)
    assert came.wait(10)
    assert told[0]["Body"]["stkCallback"]["ResultCode"] == 0
    assert wakala_simulator.payments()[0]["state"] == "paid"
    assert [call["kind"] for call in wakala_simulator.calls("stk_push")] == ["stk_push"]


def test_every_test_finds_it_without_a_past(wakala_simulator):
    assert wakala_simulator.payments() == []
    assert wakala_simulator.calls("stk_push") == []


def test_prompts_end_in_every_way(wakala_simulator):
    for act, code in ((wakala_simulator.cancel, 1032), (wakala_simulator.ignore, 1037),
                      (lambda: wakala_simulator.end_prompt(1025), 1025)):
        push(wakala_simulator)
        act()
        assert wakala_simulator.payments()[-1]["result_code"] == code
    push(wakala_simulator)
    wakala_simulator.advance(61)
    assert wakala_simulator.payments()[-1]["result_code"] == 1037


def test_faults_scripts_rules_and_time(wakala_simulator):
    wakala_simulator.script("stk_push", ["spike_arrest", ""])
    wakala_simulator.fault("stk_callback", "lost")
    with pytest.raises(urllib.error.HTTPError):
        push(wakala_simulator)
    wakala_simulator.rules(prompt_life_seconds=5)
    wakala_simulator.stop_clock()
    push(wakala_simulator)
    wakala_simulator.advance(6)
    wakala_simulator.start_clock()
    assert wakala_simulator.payments()[-1]["result_code"] == 1037
    wakala_simulator.clear_faults()


def test_money_from_the_menu_and_the_autopilot(wakala_simulator):
    assert wakala_simulator.pay(wakala_simulator.c2b_shortcode, 75, account="ACC-19")["state"] == "paid"
    wakala_simulator.set_phone(wakala_simulator.customer, balance_cents=0)
    assert wakala_simulator.pay(wakala_simulator.till, 75)["state"] == "failed"
    wakala_simulator.autopilot("cancel")
    push(wakala_simulator)


def test_what_cannot_be_says_why(wakala_simulator):
    with pytest.raises(AssertionError, match="shows no prompt"):
        wakala_simulator.approve()
'''

OPTIONS = """
import pytest


@pytest.fixture(scope="session")
def wakala_simulator_options():
    return {"seed": 5, "autopilot": "pay", "rules": {"prompt_life_seconds": 7}}


def test_it_started_as_was_asked(wakala_simulator):
    assert wakala_simulator.control("GET", "rules")["prompt_life_seconds"] == 7
    wakala_simulator.reset()
    assert wakala_simulator.control("GET", "rules")["prompt_life_seconds"] == 7
"""


def run(folder: Path, tests: str) -> str:
    """pytest as a stranger runs it: in a folder of its own, with nothing but the plugin named."""
    (folder / "test_shop.py").write_text(tests)
    plain = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "COV"))}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:asyncio",
        "-W",
        "error",
        "--timeout=60",
    ]
    ended = subprocess.run(
        command, cwd=folder, env={**plain, "PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_shop_tests_its_own_code_against_it(tmp_path: Path) -> None:
    assert "6 passed" in run(tmp_path, SHOP)


def test_a_conftest_says_how_it_starts(tmp_path: Path) -> None:
    assert "1 passed" in run(tmp_path, OPTIONS)


def test_a_run_that_does_not_ask_for_it_does_not_pay_for_it(tmp_path: Path) -> None:
    untouched = """
import sys


def test_nothing_of_it_is_loaded():
    loaded = {name for name in sys.modules if name.startswith("wakala")}
    assert loaded <= {"wakala", "wakala.simulator", "wakala.simulator.pytest_plugin"}, loaded
"""
    assert "1 passed" in run(tmp_path, untouched)
