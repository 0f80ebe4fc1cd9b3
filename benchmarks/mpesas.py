"""Two pretended M-Pesas, each as its user starts it: Wakala's simulator, and daraja-mock, which others use for tests.

daraja-mock gets a virtual environment of its own under ``build/``, with the files that its lock names and no others.
"""

import base64
import json
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gateway import PROGRAM
from installs import installed
from machine import SERVER_CORE, server
from services.ports import free_port

HERE = Path(__file__).resolve().parent
LOCK = HERE / "daraja-mock.lock"
ANSWER_TIMEOUT_S = 10
TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"
KEY_AND_SECRET = "sandbox-key:sandbox-secret"
PASSKEY = "bfb279f9aa9bdbcf158e97dd71a467cd2e0c893059b10f78e6b72ada1ed2c919"  # the sandbox's public one (daraja.md 5)
PUSH_PATH = "/mpesa/stkpush/v1/processrequest"


@dataclass(frozen=True, slots=True)
class Pretended:
    """One that runs. Without a peer port nobody is called back."""

    pid: int
    port: int
    peer_port: int
    headers: str


@contextmanager
def simulator(folder: Path, *, core: int = SERVER_CORE, answer_after_ms: int = 0) -> Iterator[Pretended]:
    """Wakala's: every field checked, the password too, state kept, each prompt paid and its callback sent."""
    port, peer_port = free_port(), free_port()
    command = [str(PROGRAM), "simulator", "--port", str(port), "--seed", "1", "--autopilot", "pay"]
    command += ["--answer-after-ms", str(answer_after_ms)]
    with server(command, port, folder / "simulator.log", core=core) as process:
        yield Pretended(process.pid, port, peer_port, _bearer(port))


@contextmanager
def daraja_mock(folder: Path) -> Iterator[Pretended]:
    """Theirs: any body is accepted, nothing is kept but a list of requests, nobody is called back."""
    port = free_port()
    command = [str(installed("daraja-mock", LOCK) / "bin" / "daraja-mock"), "--port", str(port)]
    with server(command, port, folder / "daraja-mock.log") as process:
        yield Pretended(process.pid, port, 0, _bearer(port))


def _bearer(port: int) -> str:
    basic = base64.b64encode(KEY_AND_SECRET.encode()).decode()
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{TOKEN_PATH}", headers={"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(asked, timeout=ANSWER_TIMEOUT_S) as answer:
        token = json.load(answer)["access_token"]
    return f"Content-Type: application/json\r\nAuthorization: Bearer {token}\r\n"


if __name__ == "__main__":
    print(installed("daraja-mock", LOCK), file=sys.stderr)
