"""Every command of PyPI's pesa-cli 1.0.3, as a person types it. Its host can be set by PESA_BASE_URL."""

import os
import re
import subprocess
import sys
from pathlib import Path

from operations import GIVEN, attempt

QUERIES_LIMIT = 20
PESA = str(Path(sys.executable).with_name("pesa"))
GIVEN_TO_PESA = {
    "PESA_BASE_URL": GIVEN["BASE_URL"],
    "PESA_CONFIG": GIVEN["PESA_CONFIG"],
    "DARAJA_CONSUMER_KEY": GIVEN["CONSUMER_KEY"],
    "DARAJA_CONSUMER_SECRET": GIVEN["CONSUMER_SECRET"],
    "DARAJA_SHORTCODE": GIVEN["SHORTCODE"],
    "DARAJA_PASSKEY": GIVEN["PASSKEY"],
    "DARAJA_INITIATOR_NAME": GIVEN["INITIATOR"],
    "DARAJA_SECURITY_CREDENTIAL": GIVEN["INITIATOR_PASSWORD"],
    "DARAJA_ENVIRONMENT": "sandbox",
    "COLUMNS": "200",
}


def pesa(*arguments: str) -> str:
    done = subprocess.run(
        [PESA, *arguments], capture_output=True, text=True, env={**os.environ, **GIVEN_TO_PESA}, check=False, timeout=60
    )
    if done.returncode or "✗" in done.stdout:
        raise ValueError(done.stdout + done.stderr)
    return done.stdout


def query(checkout_id: str) -> str:
    """Its success is a paid prompt, and the phone takes a moment."""
    for _ in range(QUERIES_LIMIT):
        try:
            return pesa("stk", "query", checkout_id)
        except ValueError as not_yet:
            if "under processing" not in str(not_yet):
                raise
    raise ValueError("never paid")


attempt("config set", lambda: pesa("config", "set", "--key", "shortcode", "--value", GIVEN["SHORTCODE"]))
attempt("config show", lambda: pesa("config", "show"))
attempt("auth", lambda: pesa("auth"))
pushed = attempt("stk push", lambda: pesa("stk", "push", GIVEN["MSISDN"], "10", "--ref", "INV-1")) or ""
found = re.search(r"ws_CO_\w+", pushed)
attempt("stk query", lambda: query(found[0] if found else "missing"))
attempt("b2c", lambda: pesa("b2c", GIVEN["MSISDN"], "10"))
attempt("balance", lambda: pesa("balance"))
