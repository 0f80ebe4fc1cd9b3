"""What a business asks of M-Pesa besides collecting: a payout, a payment given back, and what lies in its accounts.

Asked as any program would, by the Wakala API, when the demo starts; so that there is something to look at.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from wakala.demo.calls import call, until
from wakala.demo.processes import wakala
from wakala.errors import OperatorError

OPERATOR: Final = "testapi"
OPERATOR_PASSWORD: Final = "Safaricom999!*!"  # noqa: S105 - the sandbox's own, quoted in every tutorial
# M-Pesa's results come after one to ten seconds; nobody should have to wait that long for a demonstration.
QUICK_RESULTS: Final = {"result_after_min_seconds": 0.3, "result_after_max_seconds": 0.8}
FINAL_STATES: Final = frozenset({"succeeded", "failed", "expired"})
FINAL_LIMIT_S: Final = 20
JSON: Final = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Errand:
    """One thing asked, by its request ID; ``what`` is for people."""

    request_id: str
    what: str
    path: str
    body: Mapping[str, Any]


def prepare(config: str, folder: Path, simulator_url: str, shortcode: str) -> None:
    """Give the shortcode its API operator: what pays out, reverses and asks needs one."""
    certificate = folder / "mpesa-certificate.pem"
    certificate.write_bytes(call("GET", f"{simulator_url}/simulator/certificate").body)
    speaks = ("--name", OPERATOR, "--password", OPERATOR_PASSWORD, "--certificate", str(certificate))
    wakala("--config", config, "shortcode", "initiator", shortcode, *speaks)
    _tell(simulator_url, "rules", QUICK_RESULTS)


def run(gateway_url: str, simulator_url: str, app: Mapping[str, str], shortcode: str, customer: str) -> None:
    """Ask for all; their outcomes come by themselves."""
    by_hand = {"number": shortcode, "msisdn": customer, "amount": 70, "account": "MISTAKE"}
    receipt = str(_tell(simulator_url, "c2b/pay", by_hand)["receipt"])
    for errand in _errands(customer, receipt):
        answer = call("POST", _url(gateway_url, errand.path), json.dumps(dict(errand.body)).encode(), _headers(app))
        if answer.status not in {200, 202}:
            raise OperatorError(f"Wakala did not take {errand.what.lower()}: {answer.body.decode(errors='replace')}")


def outcomes(gateway_url: str, app: Mapping[str, str]) -> list[dict[str, Any]]:
    """Each with its outcome, once all are final."""
    return [_outcome(gateway_url, app, errand) for errand in _errands("", "")]


def _errands(customer: str, receipt: str) -> tuple[Errand, ...]:
    payout = {"RequestID": "DEMO-PAYOUT", "Amount": 50, "ReceiverMSISDN": customer}
    back = {"RequestID": "DEMO-REVERSAL", "TransactionID": receipt, "Amount": 70}
    return (
        Errand("DEMO-PAYOUT", "A payout to the customer", "b2c/businesspayment", payout),
        Errand("DEMO-REVERSAL", "A payment given back", "reversal/transactionreversal", back),
        Errand("DEMO-BALANCE", "The balances", "accountbalance/accountbalance", {"RequestID": "DEMO-BALANCE"}),
    )


def _outcome(gateway_url: str, app: Mapping[str, str], errand: Errand) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        answer = call("GET", _url(gateway_url, f"requests/{errand.request_id}"), headers=_headers(app))
        told: dict[str, Any] = answer.json() if answer.status == 200 else {}
        return told if told.get("State") in FINAL_STATES else None

    told = until(look, FINAL_LIMIT_S)
    if told is None:
        raise OperatorError(f"{errand.what} ({errand.request_id}) had no outcome within {FINAL_LIMIT_S} s.")
    return {"What": errand.what, **told}


def _tell(simulator_url: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    answer = call("POST", f"{simulator_url}/simulator/{path}", json.dumps(dict(body)).encode(), JSON)
    if answer.status != 200:
        raise OperatorError(f"The pretended M-Pesa refused {path}: {answer.body.decode(errors='replace')}")
    told: dict[str, Any] = answer.json()
    return told


def _url(gateway_url: str, path: str) -> str:
    return f"{gateway_url}/sandbox/mpesa/v1/{path}"


def _headers(app: Mapping[str, str]) -> dict[str, str]:
    pair = f"{app['ConsumerKey']}:{app['ConsumerSecret']}".encode()
    return {**JSON, "Authorization": "Basic " + base64.b64encode(pair).decode()}
