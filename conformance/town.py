"""What the suites are aimed at: the simulator alone, or the gateway's facade in front of it."""

import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Literal

from services.ports import free_port
from wakala.simulator import sandbox
from wakala.simulator.background import RunningSimulator, running

Face = Literal["simulator", "gateway"]
FACES: tuple[Face, ...] = ("simulator", "gateway")

SHORTCODE = "600984"
NODE_SHORTCODE = "600111"
NODE_INITIATOR = "testapi111"
NODE_PASSWORD = "Safaricom111!"  # in mpesa-node's own tests
FLOAT_CENTS = 100_000_00
COMMAND_LIMIT_S = 60
READY_LIMIT_S = 30

# A test of others waits 15 seconds at most for a result, which at M-Pesa takes one to ten; the phone of mpesa-node's
# test never answers, and its payer's number is plain, as before 2022.
RULES: dict[str, float | bool] = {
    "result_after_min_seconds": 0.2,
    "result_after_max_seconds": 0.5,
    "unreachable_after_seconds": 2.0,
    "v1_plain_msisdn": True,
}


@dataclass(frozen=True, slots=True)
class Town:
    """Where Daraja is, and with which keys; ``sandbox_url`` answers for its sandbox host, callbacks may go anywhere."""

    face: Face
    sandbox_url: str
    consumer_key: str
    consumer_secret: str
    callback_url: str
    simulator: RunningSimulator

    def variables(self) -> dict[str, str]:
        """What every client is told, by environment."""
        return {
            "BASE_URL": self.sandbox_url,
            "CONSUMER_KEY": self.consumer_key,
            "CONSUMER_SECRET": self.consumer_secret,
            "SHORTCODE": SHORTCODE,
            "PASSKEY": sandbox.PASSKEY,
            "MSISDN": sandbox.CUSTOMER_MSISDN,
            "INITIATOR": sandbox.INITIATORS[0],
            "INITIATOR_PASSWORD": sandbox.INITIATOR_PASSWORD,
            "RECEIVER": "600000",
            "CALLBACK_URL": self.callback_url,
        }


@contextmanager
def town(face: Face, folder: Path) -> Iterator[Town]:
    """Everything started, provisioned, and ended with the block."""
    with running(autopilot="pay", rules=RULES) as simulator, _listener() as callback_url:
        simulator.autopilot("pay", answer_after_ms=300)
        # Its listener for payments stands at the validation URL.
        simulator.control("POST", "shortcodes", {"number": NODE_SHORTCODE, "external_validation": True})
        money = dict.fromkeys(("Utility Account", "Working Account"), FLOAT_CENTS)
        simulator.control("POST", f"shortcodes/{NODE_SHORTCODE}/accounts", {"accounts": money})
        operator = {"name": NODE_INITIATOR, "shortcode": NODE_SHORTCODE, "password": NODE_PASSWORD}
        simulator.control("POST", "initiators", operator)
        if face == "simulator":
            key, secret = simulator.consumer_key, simulator.consumer_secret
            yield Town(face, simulator.base_url, key, secret, callback_url, simulator)
        else:
            with _gateway(folder, simulator) as (url, key, secret):
                yield Town(face, f"{url}/sandbox", key, secret, callback_url, simulator)


@contextmanager
def _gateway(folder: Path, simulator: RunningSimulator) -> Iterator[tuple[str, str, str]]:
    """A gateway on SQLite with the simulator's shortcodes, and an app of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    home = folder / "gateway"
    _wakala("init", str(home), "--port", str(port), "--public-url", url, "--sandbox-url", simulator.base_url)
    config = ("--config", str(home / "wakala.toml"))
    certificate = folder / "certificate.pem"
    with urllib.request.urlopen(f"{simulator.base_url}/simulator/certificate", timeout=READY_LIMIT_S) as answer:
        certificate.write_bytes(answer.read())
    for number, operator, password in (
        ("174379", *_SANDBOX_OPERATOR),
        (SHORTCODE, *_SANDBOX_OPERATOR),
        (NODE_SHORTCODE, NODE_INITIATOR, NODE_PASSWORD),
    ):
        keys = ["--consumer-key", simulator.consumer_key, "--consumer-secret", simulator.consumer_secret]
        granted = [word for product in ("b2c", "b2b", "pull") for word in ("--product", product)]
        _wakala(*config, "shortcode", "add", "--number", number, *keys, "--passkey", simulator.passkey, *granted)
        speaks = ["--name", operator, "--password", password, "--certificate", str(certificate)]
        _wakala(*config, "shortcode", "initiator", number, *speaks)
    app = json.loads(_wakala(*config, "app", "create", "--name", "conformance", "--json"))
    log = (home / "gateway.log").open("ab")
    with (
        log,
        subprocess.Popen(
            [sys.executable, "-m", "wakala", *config, "serve"], stdout=log, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait_until_ready(url, process, home / "gateway.log")
            yield url, app["ConsumerKey"], app["ConsumerSecret"]
        finally:
            process.terminate()


_SANDBOX_OPERATOR = (sandbox.INITIATORS[0], sandbox.INITIATOR_PASSWORD)


def _wakala(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "wakala", *arguments],
        check=False,
        capture_output=True,
        text=True,
        timeout=COMMAND_LIMIT_S,
    )
    if done.returncode:
        raise SystemExit(f"wakala {' '.join(arguments[:4])} ... failed: {done.stderr or done.stdout}")
    return done.stdout


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    pause = threading.Event()
    for _ in range(READY_LIMIT_S * 10):
        if process.poll() is not None:
            raise SystemExit(f"The gateway ended early:\n{log.read_text()}")
        try:
            urllib.request.urlopen(f"{url}/readyz", timeout=READY_LIMIT_S).close()
        except (urllib.error.URLError, OSError):
            pause.wait(0.1)
        else:
            return
    raise SystemExit(f"The gateway is not ready:\n{log.read_text()}")


class _Taker(BaseHTTPRequestHandler):
    """Takes every callback."""

    def do_POST(self) -> None:
        """Read, and say thanks."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b'{"ResultCode":0,"ResultDesc":"Accepted"}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@contextmanager
def _listener() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/hook"
    finally:
        server.shutdown()
        server.server_close()
