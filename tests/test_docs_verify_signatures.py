"""The lines that docs/notifications.md gives for verifying are run as they stand there."""

import base64
import json
import re
import runpy
import shutil
import subprocess
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from standardwebhooks import Webhook

from wakala.rules.signing import Signer, public_text, webhook_signatures

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "notifications.md").read_text()
KEY, OTHER = bytes(range(32)), bytes(range(1, 33))
SECRET = "whsec_" + base64.b64encode(KEY).decode()
PAIR = Ed25519PrivateKey.from_private_bytes(KEY)
PUBLIC = public_text(PAIR)
BODY = '{"type":"payment.succeeded","data":{"Name":"Wanjirũ"}}'.encode()


def snippet(language: str, function: str) -> str:
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL) if f"{function}(" in text]
    return found


def headers(*signers: Signer, seconds_ago: int = 0) -> dict[str, str]:
    timestamp_s = int(time.time()) - seconds_ago
    return {
        "webhook-id": "ntf_1",
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": webhook_signatures(signers, "ntf_1", timestamp_s, BODY),
    }


RIGHT = (Signer(OTHER), Signer(KEY), Signer(PAIR))  # as in the overlap, with a pair beside them


class Case(NamedTuple):
    """Headers are made when it is tried, so that a slow machine changes nothing."""

    by_public_key: bool
    holds: bool
    signers: tuple[Signer, ...] = RIGHT
    body: bytes = BODY
    seconds_ago: int = 0
    webhook_id: str = "ntf_1"

    @property
    def key(self) -> str:
        return PUBLIC if self.by_public_key else SECRET

    def headers(self) -> dict[str, str]:
        return headers(*self.signers, seconds_ago=self.seconds_ago) | {"webhook-id": self.webhook_id}


CASES = [
    Case(by_public_key=False, holds=True),
    Case(by_public_key=False, holds=False, body=BODY + b" "),
    Case(by_public_key=False, holds=False, signers=(Signer(OTHER), Signer(PAIR))),
    Case(by_public_key=False, holds=False, seconds_ago=301),
    Case(by_public_key=False, holds=False, webhook_id="ntf_2"),
    Case(by_public_key=True, holds=True),
    Case(by_public_key=True, holds=False, body=BODY + b" "),
    Case(by_public_key=True, holds=False, signers=(Signer(KEY),)),
    Case(by_public_key=True, holds=False, signers=(Signer(Ed25519PrivateKey.from_private_bytes(OTHER)),)),
]


@pytest.mark.parametrize("case", CASES)
def test_the_lines_in_python(case: Case, tmp_path: Path) -> None:
    name = "verified_by_public_key" if case.by_public_key else "verified"
    (tmp_path / "receiver.py").write_text(snippet("python", name))
    verified = runpy.run_path(str(tmp_path / "receiver.py"))[name]
    assert verified(case.key, case.headers(), case.body) is case.holds


@pytest.mark.parametrize("case", CASES)
def test_the_lines_in_javascript(case: Case) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("There is no node here.")
    name = "verifiedByPublicKey" if case.by_public_key else "verified"
    given = {"key": case.key, "headers": case.headers(), "body": base64.b64encode(case.body).decode()}
    call = f"console.log({name}(given.key, given.headers, Buffer.from(given.body, 'base64')))"
    script = f"{snippet('javascript', name)}\nconst given = {json.dumps(given)};\n{call}"
    told = subprocess.run([node, "-e", script], check=True, capture_output=True, text=True, timeout=60)
    assert told.stdout.strip() == str(case.holds).lower()


def test_what_they_are_held_against_is_what_the_standard_says() -> None:
    Webhook(SECRET).verify(BODY, headers(*RIGHT))


def test_the_page_has_lines_in_php_too() -> None:
    assert "hash_equals" in snippet("php", "verified")
